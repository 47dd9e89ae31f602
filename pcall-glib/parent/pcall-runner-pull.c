/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-runner-pull-parts-private.h"

/* A forked child that takes one call after the other by itself.
 *
 * HELD → STARTING → BUSY ⇄ IDLE → OVER → ENDED. It is BUSY in a call that is known to run; many
 * small calls begin and end while it is IDLE, as far as is known here.
 *
 * What it has told lies in its ring; what it is at stands in its slot. Both are looked at every few
 * milliseconds as long as there is something new; when there is nothing, the child is asked to send
 * a frame the next time, and nobody looks until then. So many small calls cost few wake-ups, and a
 * long one is known to run soon. */

#define POLL_US 1000
#define MAX_POLL_US 8000

/* Calls that ended between two looks. */
#define FEW_CALLS 8
#define MANY_CALLS 64

/* The same where a call within a block takes long: the child need not tell that it has ended
 * before all of them have. */
#define SLOW_POLL_US 50000

/* How long completions are read in a row, and after how many of them to look at the clock. */
#define SLICE_US 4000
#define LOOK_AT_CLOCK 64

/* Takes all that there is, for a while. TRUE if there was something. */
static gboolean
read_for_a_while (PcallPull *self)
{
  gint64 until = g_get_monotonic_time () + SLICE_US;
  guint n = 0;

  while (pcall_pull_reader_step (self, &self->n_frames))
    if (++n % LOOK_AT_CLOCK == 0 && g_get_monotonic_time () >= until)
      break;

  /* The child may wait for room. */
  pcall_ring_release (pcall_pull_get_ring (self));
  return n > 0;
}

/* The name of the file is that of the call for which it was made. */
static void
link_log (PcallPull *self,
          guint      index)
{
  PcallLogFiles *log = self->base.setup->context->log;
  PcallLedger *ledger = pcall_pull_get_ledger (self);
  guint name = pcall_ledger_get_log (ledger, self->base.job.slot);

  if (log == NULL || name == index || name == PCALL_NO_CALL ||
      !pcall_ledger_is_in (ledger, self->base.job.slot, index))
    return;
  pcall_log_files_link (log, name, index, self->base.pid);
  self->linked = TRUE;
}

/* Whether the child is in a call that is not known to run. What lies in the ring comes first. */
static gboolean
has_entered (PcallPull *self,
             guint     *index,
             gint64    *began)
{
  return pcall_ledger_look (pcall_pull_get_ledger (self), self->base.job.slot, index, began) ==
             PCALL_HOLD_ENTERED &&
         !(self->base.begun && self->base.job.index == *index);
}

/* Whether the child is still in the call in which it was the last time. Then what it has not
 * told of those before it is taken: what a binding has stored, in whatever order, is there by
 * now. */
static gboolean
lasts (PcallPull *self,
       guint      index)
{
  if (self->seen != index)
    {
      self->seen = index;
      return FALSE;
    }

  if (pcall_pull_reader_harvest (self))
    pcall_pull_reader_read (self, &self->n_frames);
  return !self->base.begun && !pcall_pull_reader_has_more (self) &&
         pcall_call_list_is_untouched (self->base.setup->calls, index);
}

/* TRUE if there was something new. A call that begins a block is told of at once, and others of
 * it only where they last. What is told of those before it is looked at last: then the call is
 * the next. */
static gboolean
notice (PcallPull *self)
{
  gboolean is_next;
  guint index;
  gint64 began;

  if (!has_entered (self, &index, &began))
    return FALSE;

  is_next = !self->base.begun &&
            pcall_ledger_get_first (pcall_pull_get_ledger (self), self->base.job.slot) == index;
  if (!pcall_pull_reader_has_more (self) && (is_next || lasts (self, index)))
    {
      link_log (self, index);
      pcall_pull_reader_begin (self, index, began);
    }
  return TRUE;
}

/* When to look */

static void poll (gpointer data);

static void
come_back (PcallPull *self,
           gint64     length)
{
  pcall_engine_set_timer (self->base.setup->engine, &self->poll, g_get_monotonic_time () + length,
                          poll, self);
}

/* Who looks takes a processor from the children: less often where there was little to see. */
static gint64
find_pause (PcallPull *self)
{
  guint n_new = self->base.n_ended - self->n_seen;

  self->n_seen = self->base.n_ended;
  if (n_new > MANY_CALLS || self->pause == 0)
    self->pause = POLL_US;
  else if (n_new < FEW_CALLS)
    self->pause = MIN (2 * self->pause, MAX_POLL_US);
  return self->pause;
}

static gboolean
has_news (PcallPull *self)
{
  guint index;
  gint64 began;

  return pcall_pull_reader_has_more (self) || has_entered (self, &index, &began);
}

/* From here on the child has to say when something happens: what did just before is seen here. Of a
 * block it tells when that ends. */
static void
fall_asleep (PcallPull *self)
{
  PcallLedger *ledger = pcall_pull_get_ledger (self);

  pcall_engine_unset_timer (self->base.setup->engine, &self->poll);
  pcall_ledger_set_asleep (ledger, self->base.job.slot, TRUE);
  if (!has_news (self))
    {
      if (pcall_ledger_has_more (ledger, self->base.job.slot))
        come_back (self, SLOW_POLL_US);
      return;
    }

  pcall_ledger_set_asleep (ledger, self->base.job.slot, FALSE);
  come_back (self, POLL_US);
}

static void
look (PcallPull *self,
      gboolean   heard)
{
  gboolean active;

  come_back (self, find_pause (self));
  active = read_for_a_while (self) || heard;
  active |= notice (self);
  if (!active)
    fall_asleep (self);
}

static void
poll (gpointer data)
{
  look (data, FALSE);
}

/* Frames */

static gboolean
is_about_call (const PcallFrame *frame)
{
  static const guint types = 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |
                             1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE |
                             1u << PCALL_FRAME_NOTE;

  return (types & pcall_frame_bit (frame->type)) != 0;
}

/* FALSE if the child is not in the call that it speaks of. */
static gboolean
enter_call (PcallPull        *self,
            const PcallFrame *frame)
{
  guint index;
  gint64 began = 0; /* of no use where it has begun */

  if (!self->base.begun && !has_entered (self, &index, &began))
    began = g_get_monotonic_time ();
  else if (!self->base.begun && index == frame->call_index)
    link_log (self, index);
  return pcall_pull_reader_begin (self, frame->call_index, began);
}

static void
take_frame (PcallPull        *self,
            const PcallFrame *frame)
{
  PcallRunner *base = &self->base;

  switch (frame->type)
    {
    case PCALL_FRAME_READY:
      pcall_runner_learn_ready (base);
      if (base->state == PCALL_RUNNER_STARTING)
        pcall_runner_set_state (base, PCALL_RUNNER_IDLE);
      break;
    case PCALL_FRAME_FINAL:
      pcall_runner_take_final (base);
      break;
    case PCALL_FRAME_RESULT:
    case PCALL_FRAME_ERROR:
      pcall_runner_take_outcome (base, frame);
      break;
    case PCALL_FRAME_NOTE:
    case PCALL_FRAME_PROGRESS:
    case PCALL_FRAME_MESSAGE:
      pcall_runner_take_report (base, frame);
      break;
    case PCALL_FRAME_WAKE:
      break;
    case PCALL_FRAME_AGAIN:
    case PCALL_FRAME_HELLO:
    case PCALL_FRAME_CALL:
    case PCALL_FRAME_STOP:
    case PCALL_FRAME_CHALLENGE:
    case PCALL_FRAME_PROOF:
    case PCALL_FRAME_LAUNCH:
    case PCALL_FRAME_TERMINATE:
    case PCALL_FRAME_BEGUN:
    case PCALL_FRAME_LOG:
    case PCALL_FRAME_OUT:
    case PCALL_FRAME_JOURNAL:
    case PCALL_FRAME_CLOSED:
    case PCALL_FRAME_UNABLE:
    case PCALL_FRAME_EXIT:
    case PCALL_FRAME_PING:
    case PCALL_FRAME_PONG:
    case PCALL_FRAME_LEAVING:
    case PCALL_FRAME_WITHDRAW:
    case PCALL_FRAME_RETURNED:
    case PCALL_FRAME_COMMON:
    default:
      g_assert_not_reached ();
    }
}

/* What was told before the frame comes first. */
static void
frame_came (PcallRunner      *runner,
            const PcallFrame *frame)
{
  PcallPull *self = (PcallPull *) runner;

  pcall_pull_reader_read (self, &self->n_frames);
  self->n_frames++;
  if (!is_about_call (frame) || enter_call (self, frame))
    take_frame (self, frame);
  if (runner->state < PCALL_RUNNER_OVER)
    look (self, TRUE);
}

static void
drain (PcallRunner *runner)
{
  PcallPull *self = (PcallPull *) runner;

  /* It enters no other call meanwhile. */
  pcall_ledger_set_ending (pcall_pull_get_ledger (self), runner->job.slot, TRUE);
  pcall_peer_drain (runner->peer);
  pcall_pull_reader_read (self, &self->n_frames);
  pcall_ring_release (pcall_pull_get_ring (self));
}

/* What has ended in time of the block that it is at stands in there until the child has ended. */
static void
stopped (PcallRunner *runner)
{
  PcallPull *self = (PcallPull *) runner;
  PcallLedger *ledger = pcall_pull_get_ledger (self);
  gint64 began;

  if (pcall_ledger_look (ledger, runner->job.slot, &self->end_index, &began) == PCALL_HOLD_NOTHING)
    self->end_index = 0;
}

static gboolean
has_ended_in_time (PcallRunner *runner)
{
  PcallPull *self = (PcallPull *) runner;
  guint index = runner->job.index;
  gboolean in_call;

  drain (runner);
  in_call = runner->begun && runner->job.index == index;
  if (!in_call && runner->verdict == PCALL_CALL_STATE_PENDING)
    pcall_ledger_set_ending (pcall_pull_get_ledger (self), runner->job.slot, FALSE);
  return !in_call;
}

/* The end of the child */

/* The log file, if it has one that is nobody's. */
static void
settle_file (PcallPull *self)
{
  PcallRunner *base = &self->base;
  PcallLogFiles *log = base->setup->context->log;
  guint name = pcall_ledger_get_log (pcall_pull_get_ledger (self), base->job.slot);

  if (log == NULL || name == PCALL_NO_CALL || (base->has_call && name == base->job.index))
    return;
  if (base->has_call && base->begun)
    pcall_log_files_link (log, name, base->job.index, base->pid);
  pcall_log_files_discard (log, name, base->pid);
}

/* Which call the child had, if any, where that is not known. */
static void
find_last_call (PcallPull *self)
{
  PcallRunner *base = &self->base;
  guint index;
  gint64 began;
  PcallHold hold =
      pcall_ledger_look (pcall_pull_get_ledger (self), base->job.slot, &index, &began);

  base->has_call =
      hold != PCALL_HOLD_NOTHING && pcall_call_list_is_untouched (base->setup->calls, index);
  if (base->has_call)
    pcall_runner_adopt_call (base, index);
  else if (hold != PCALL_HOLD_NOTHING)
    pcall_ledger_ruin (pcall_pull_get_ledger (self));
}

static void
read_rest (PcallPull *self)
{
  guint index;
  gint64 began;

  pcall_pull_reader_read (self, NULL);
  if (!self->broken && pcall_pull_reader_harvest (self))
    pcall_pull_reader_read (self, NULL);
  if (!self->base.begun && has_entered (self, &index, &began))
    pcall_pull_reader_begin (self, index, began);
}

static void
child_ended (PcallRunner *runner)
{
  PcallPull *self = (PcallPull *) runner;

  pcall_engine_unset_timer (runner->setup->engine, &self->poll);
  read_rest (self);
  if (!runner->begun)
    find_last_call (self);
  settle_file (self);
  if (runner->begun)
    pcall_ledger_settle (pcall_pull_get_ledger (self), runner->job.slot, runner->job.index);
}

/* Nothing of its call has run: it was taken, and not entered. */
static gboolean
is_untouched (PcallRunner *runner)
{
  guint index;
  gint64 began;

  return pcall_ledger_look (runner->setup->context->ledger, runner->job.slot, &index, &began) ==
         PCALL_HOLD_TAKEN;
}

static void
release (PcallRunner *runner)
{
  pcall_start_go (&runner->started);
}

static void
detach (PcallRunner *runner)
{
  pcall_engine_unset_timer (runner->setup->engine, &((PcallPull *) runner)->poll);
}

static void
clear (PcallRunner *runner)
{
  pcall_pull_reader_clear ((PcallPull *) runner);
}

const PcallRunnerClass pcall_runner_pull = {
  .size = sizeof (PcallPull),
  .frames = 1u << PCALL_FRAME_READY | 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |
            1u << PCALL_FRAME_FINAL | 1u << PCALL_FRAME_NOTE | 1u << PCALL_FRAME_PROGRESS |
            1u << PCALL_FRAME_MESSAGE | 1u << PCALL_FRAME_WAKE | 1u << PCALL_FRAME_AGAIN,
  .release = release,
  .frame = frame_came,
  .ended = child_ended,
  .drain = drain,
  .stopped = stopped,
  .has_ended_in_time = has_ended_in_time,
  .is_untouched = is_untouched,
  .settle_log = pcall_runner_settle_own_log,
  .detach = detach,
  .clear = clear,
};
