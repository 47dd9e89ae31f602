/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-error.h"
#include "share/pcall-completion-private.h"
#include "parent/pcall-pull-reader-private.h"

/* The calls of a forked child that takes one after the other by itself.
 *
 * What it has told lies in its ring, a receipt for each call that ended; what it is at stands in
 * its slot. Both are looked at every few milliseconds as long as there is something new; when
 * there is nothing, the child is asked to send a frame the next time, and nobody looks until
 * then. So many small calls cost few wake-ups, and a long one is known to run soon.
 *
 * Frames (progress, messages, results that are too large) and receipts are two ways with one
 * order: a receipt says how many frames the child had sent before it, and waits until these are
 * heard.
 *
 * To tell of a call may end everything, this run too: so whoever tells holds the run, and looks
 * afterwards whether it is still in use. */

#define POLL_US 1000
#define MAX_POLL_US 8000

/* Calls that ended between two looks. */
#define FEW_CALLS 8
#define MANY_CALLS 64

/* The same where a call within a batch takes long: the child need not tell that it has ended
 * before all of them have. */
#define SLOW_POLL_US 50000

/* How long receipts are read in a row, and after how many of them to look at the clock. */
#define TURN_US 4000
#define LOOK_AT_CLOCK 64

/* A call begins once. Memory that a child has gone wild in may say that it does again. */
static gboolean
has_begun (PcallRunner *self,
           guint     index)
{
  if (pcall_call_list_get_state (self->setup->calls, index) == PCALL_CALL_STATE_PENDING)
    return FALSE;

  pcall_ledger_ruin (pcall_runner_get_ledger (self));
  return TRUE;
}

/* FALSE if the child is not in that call. */
gboolean
pcall_runner_pull_check (PcallRunner *self,
                        guint     index)
{
  if (!pcall_ledger_is_in (pcall_runner_get_ledger (self), self->job.slot, index) ||
      (self->begun ? self->job.index != index : has_begun (self, index)))
    {
      pcall_runner_reject (self, "the child spoke of a call which is not its");
      return FALSE;
    }
  return TRUE;
}

void
pcall_runner_pull_adopt (PcallRunner *self,
                        guint     index)
{
  if (self->job.index != index)
    self->job.attempt = 0;
  self->job.index = index;
  self->idle = FALSE;
}

static gboolean
ensure_begun (PcallRunner *self,
              guint     index,
              gint64    began)
{
  if (!pcall_runner_pull_check (self, index))
    return FALSE;
  if (self->begun)
    return TRUE;

  pcall_runner_pull_adopt (self, index);
  pcall_runner_begin (self, began);
  return TRUE;
}

static void
forget_call (PcallRunner *self)
{
  g_clear_pointer (&self->result, pcall_payload_unref);
  self->number = (PcallNumber) { 0 };
  g_clear_object (&self->handles);
  g_clear_error (&self->error);
  g_clear_pointer (&self->error_details, g_variant_unref);
  self->begun = self->linked = FALSE;
  self->idle = TRUE;
}

/* The file of a call that was seen to run has its name from here. */
static void
settle_log (PcallRunner *self,
            gboolean  has_log)
{
  if (self->linked && !has_log)
    pcall_runner_discard_log (self);
  pcall_call_list_settle_log (self->setup->calls, self->job.index, has_log);
}

/* The child has handed over what came of the call before it was ended from here. */
gboolean
pcall_runner_pull_was_in_time (PcallRunner *self,
                              guint32   position)
{
  return self->end_state == PCALL_CALL_STATE_PENDING || (gint32) (position - self->end_head) < 0;
}

static gboolean
is_in_use (PcallRunner *self)
{
  return !self->freed && !self->detached;
}

void
pcall_runner_pull_break_off (PcallRunner *self,
                            GError   *error)
{
  self->broken = TRUE;
  pcall_peer_reject (self->peer, error);
}

/* The call has ended, and what came of it is here. */
void
pcall_runner_pull_conclude (PcallRunner *self,
                           gint64    took,
                           gboolean  has_log)
{
  const PcallRunnerSetup *setup = self->setup;

  pcall_engine_unset_timer (setup->engine, &self->timeout);
  pcall_ledger_settle (pcall_runner_get_ledger (self), self->job.slot, self->job.index);
  pcall_call_list_stop_clock (setup->calls, self->job.index, took);
  settle_log (self, has_log);
  pcall_runner_settle_call (self, has_log);
  forget_call (self);
  self->n_ended++;
  setup->funcs->returned (self, setup->data);
}

static void
take_receipt (PcallRunner           *self,
              const PcallCompletion *completion)
{
  gboolean has_log = completion->has_log && self->setup->context->log != NULL;
  guint32 position = pcall_ring_get_tail (pcall_runner_get_ring (self));
  GError *error = NULL;

  if (!pcall_completion_take (pcall_runner_get_ring (self), completion, &self->spare, &error))
    {
      pcall_runner_pull_break_off (self, error);
      return;
    }

  if (self->spare != NULL && pcall_runner_pull_was_in_time (self, position))
    pcall_runner_take_outcome (self, completion->type, self->spare);
  pcall_runner_pull_conclude (self, completion->took, has_log);
}

/* Most calls have ended when they are first heard of; then nobody needs to be told before. TRUE if
 * the end can be told now. */
gboolean
pcall_runner_pull_begin_late (PcallRunner *self,
                             guint     index,
                             gint64    took)
{
  if (self->begun && self->job.index == index)
    return TRUE;
  if (self->begun || self->setup->funcs->is_watched (self->setup->data))
    {
      self->broken = !ensure_begun (self, index, g_get_monotonic_time () - took);
      return FALSE;
    }
  if (!pcall_runner_pull_check (self, index))
    {
      self->broken = TRUE;
      return FALSE;
    }

  pcall_runner_pull_adopt (self, index);
  pcall_runner_note_begin (self, 0);
  return TRUE;
}

/* A step to the end of the next call that has ended: its beginning, where that was not told yet, or
 * its end. FALSE if there is none. */
static gboolean
take_next (PcallRunner      *self,
           const guint32 *n_frames)
{
  GError *error = NULL;
  PcallCompletion completion;

  if (self->broken || !is_in_use (self))
    return FALSE;
  if (self->block != NULL)
    {
      pcall_pull_reader_step (self);
      return TRUE;
    }

  switch (pcall_completion_peek (pcall_runner_get_ring (self), n_frames, &completion, &error))
    {
    case PCALL_COMPLETION_THERE:
      if (completion.type == PCALL_COMPLETION_BLOCK)
        pcall_pull_reader_take (self, &completion);
      else if (pcall_runner_pull_begin_late (self, completion.index, completion.took))
        take_receipt (self, &completion);
      return TRUE;
    case PCALL_COMPLETION_BROKEN:
      pcall_runner_pull_break_off (self, error);
      return FALSE;
    case PCALL_COMPLETION_NONE:
    default:
      return FALSE;
    }
}

/* Takes what was there when this began, and no more: a child may tell for ever, and so may others in
 * the memory of one that has ended. */
static void
take_present (PcallRunner   *self,
              const guint32 *n_frames)
{
  const PcallRing *ring = pcall_runner_get_ring (self);
  guint32 head = pcall_ring_get_head (ring);

  while ((self->block != NULL || (gint32) (pcall_ring_get_tail (ring) - head) < 0) &&
         take_next (self, n_frames))
    ;
}

/* Takes all that there is, for a while. TRUE if there was something. Whoever took the last receipt,
 * a child that waits for room is let go here: each time, then, and before we sleep. */
static gboolean
drain (PcallRunner *self)
{
  gint64 until = g_get_monotonic_time () + TURN_US;
  guint n = 0;

  while (take_next (self, &self->n_frames))
    if (++n % LOOK_AT_CLOCK == 0 && g_get_monotonic_time () >= until)
      break;

  if (is_in_use (self))
    pcall_ring_release (pcall_runner_get_ring (self));
  return n > 0;
}

/* The name of the file is that of the call for which it was made. */
static void
link_log (PcallRunner *self,
          guint     index)
{
  PcallLogFiles *log = self->setup->context->log;
  guint name = pcall_ledger_get_log (pcall_runner_get_ledger (self), self->job.slot);

  if (log == NULL || name == index || name == PCALL_NO_CALL ||
      !pcall_ledger_is_in (pcall_runner_get_ledger (self), self->job.slot, index))
    return;
  pcall_log_files_link (log, name, index, self->pid);
  self->linked = TRUE;
}

/* Whether the child is in a call that is not known to run. What lies in the ring comes first. */
static gboolean
has_entered (PcallRunner *self,
             guint    *index,
             gint64   *began)
{
  return pcall_ledger_look (pcall_runner_get_ledger (self), self->job.slot, index, began) ==
             PCALL_HOLD_ENTERED &&
         !(self->begun && self->job.index == *index);
}

/* Whether the child has told what was not taken yet. */
static gboolean
has_untold (PcallRunner *self)
{
  guint32 n_sent = pcall_ledger_get_sent (pcall_runner_get_ledger (self), self->job.slot);

  return self->block != NULL || pcall_ring_get_filled (pcall_runner_get_ring (self)) > 0 ||
         (gint32) (n_sent - self->n_frames) > 0;
}

/* Whether the child is still in the call in which it was the last time. Then what it has not
 * told of those before it is taken: what a binding has stored, in whatever order, is there by now. */
static gboolean
lasts (PcallRunner *self,
       guint     index)
{
  if (self->seen != index)
    {
      self->seen = index;
      return FALSE;
    }

  if (pcall_pull_reader_harvest (self))
    take_present (self, &self->n_frames);
  return is_in_use (self) && !self->begun && !has_untold (self) &&
         pcall_call_list_get_state (self->setup->calls, index) == PCALL_CALL_STATE_PENDING;
}

/* TRUE if there was something new. A call that begins a batch is told of at once, and others of
 * it only where they last. What is told of those before it is looked at last: then the call is
 * the next. */
static gboolean
notice (PcallRunner *self)
{
  gboolean is_next;
  guint index;
  gint64 began;

  if (!has_entered (self, &index, &began))
    return FALSE;

  is_next = !self->begun &&
            pcall_ledger_get_first (pcall_runner_get_ledger (self), self->job.slot) == index;
  if (!has_untold (self) && (is_next || lasts (self, index)))
    {
      link_log (self, index);
      ensure_begun (self, index, began);
    }
  return TRUE;
}

static gboolean
has_news (PcallRunner *self)
{
  guint index;
  gint64 began;

  return has_untold (self) || has_entered (self, &index, &began);
}

static void
hold (PcallRunner *self)
{
  self->n_holds++;
}

/* FALSE if the run is no longer there. */
static gboolean
release (PcallRunner *self)
{
  self->n_holds--;
  if (!self->freed)
    return TRUE;

  if (self->n_holds == 0)
    pcall_runner_free (self);
  return FALSE;
}

static void poll (gpointer data);

static void
come_back (PcallRunner *self,
           gint64    length)
{
  pcall_engine_set_timer (self->setup->engine, &self->poll, g_get_monotonic_time () + length, poll,
                          self);
}

/* Who looks takes a processor from the children: less often where there was little to see. */
static gint64
find_pause (PcallRunner *self)
{
  guint n_new = self->n_ended - self->n_seen;

  self->n_seen = self->n_ended;
  if (n_new > MANY_CALLS || self->pause == 0)
    self->pause = POLL_US;
  else if (n_new < FEW_CALLS)
    self->pause = MIN (2 * self->pause, MAX_POLL_US);
  return self->pause;
}

/* From here on the child has to say when something happens: what did just before is seen here. Of a
 * batch it tells when that ends. */
static void
fall_asleep (PcallRunner *self)
{
  PcallLedger *ledger = pcall_runner_get_ledger (self);

  pcall_ledger_set_asleep (ledger, self->job.slot, TRUE);
  if (!has_news (self))
    {
      if (pcall_ledger_has_more (ledger, self->job.slot))
        come_back (self, SLOW_POLL_US);
      return;
    }

  pcall_ledger_set_asleep (ledger, self->job.slot, FALSE);
  come_back (self, POLL_US);
}

/* Frames */

/* What is about the child, and not about a call of it; its last frame may name any. */
static void
take_frame (PcallRunner         *self,
            const PcallFrame *frame)
{
  if (frame->type == PCALL_FRAME_READY)
    pcall_runner_learn_ready (self);
  else if (frame->type == PCALL_FRAME_FINAL)
    pcall_runner_take_final (self);
  else if (frame->type != PCALL_FRAME_WAKE)
    pcall_runner_take_frame (self, frame);
}

static gboolean
is_about_call (const PcallFrame *frame)
{
  static const guint types = 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |
                             1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE |
                             1u << PCALL_FRAME_NOTE;

  return (types & (1u << frame->type)) != 0;
}

/* The frame that came, once what was before it is told. Who is told may come here further in,
 * and see to the rest. */
static void
take_pending (PcallRunner *self)
{
  const PcallFrame *frame = self->pending;
  guint index;
  gint64 began;

  if (frame == NULL || !is_in_use (self))
    return;

  if (is_about_call (frame) && !self->begun)
    {
      if (!has_entered (self, &index, &began))
        began = g_get_monotonic_time ();
      else if (index == frame->call_index)
        link_log (self, index);
      if (!ensure_begun (self, frame->call_index, began))
        self->pending = NULL;
    }
  if (self->pending != frame || !is_in_use (self))
    return;

  self->pending = NULL;
  self->n_frames++;
  take_frame (self, frame);
}

/* The end of the child */

/* The log file, if it has one that is nobody's. */
static void
settle_file (PcallRunner *self)
{
  PcallLogFiles *log = self->setup->context->log;
  guint name = pcall_ledger_get_log (pcall_runner_get_ledger (self), self->job.slot);

  if (log == NULL || name == PCALL_NO_CALL || (!self->idle && name == self->job.index))
    return;
  if (!self->idle && self->begun)
    pcall_log_files_link (log, name, self->job.index, self->pid);
  pcall_log_files_discard (log, name, self->pid);
}

/* Which call the child had, if any, where that is not known. */
static void
find_last_call (PcallRunner *self)
{
  guint index;
  gint64 began;
  PcallHold hold = pcall_ledger_look (pcall_runner_get_ledger (self), self->job.slot, &index, &began);

  self->idle = hold == PCALL_HOLD_NOTHING || has_begun (self, index);
  if (self->idle)
    return;
  if (self->job.index != index)
    self->job.attempt = 0;
  self->job.index = index;
}

static void
take_rest (PcallRunner *self)
{
  guint index;
  gint64 began;

  take_present (self, &self->n_frames);
  take_pending (self);
  take_present (self, NULL);
  if (is_in_use (self) && !self->broken && pcall_pull_reader_harvest (self))
    take_present (self, NULL);
  if (is_in_use (self) && !self->begun && has_entered (self, &index, &began))
    ensure_begun (self, index, began);
}

static void
end (PcallRunner *self)
{
  self->end_told = TRUE;
  pcall_engine_unset_timer (self->setup->engine, &self->poll);
  if (!self->detached && !self->begun)
    find_last_call (self);
  if (!self->detached)
    settle_file (self);
  if (!self->detached && self->begun)
    pcall_ledger_settle (pcall_runner_get_ledger (self), self->job.slot, self->job.index);
  pcall_runner_child_ended (self);
}

/* The timer is set before anything is told: who is told may dispatch, and wait for the rest. */
static void
step (PcallRunner *self)
{
  gboolean active = TRUE;

  hold (self);
  come_back (self, find_pause (self));
  if (self->ended)
    {
      take_rest (self);
      if (!self->freed && !self->end_told)
        end (self);
    }
  else
    {
      active = drain (self) || self->pending != NULL;
      take_pending (self);
      if (is_in_use (self))
        active |= notice (self);
    }
  if (!release (self) || !is_in_use (self) || self->ended || active)
    return;

  pcall_engine_unset_timer (self->setup->engine, &self->poll);
  fall_asleep (self);
}

static void
poll (gpointer data)
{
  PcallRunner *self = data;

  if (!self->detached && !self->end_told)
    step (self);
}

static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  PcallRunner *self = data;
  gboolean first = !self->heard;

  if (self->detached)
    return;

  self->heard = TRUE;
  if (frame->type == PCALL_FRAME_AGAIN)
    {
      pcall_runner_take_again (self, frame, first);
      return;
    }

  hold (self);
  take_pending (self);
  if (is_in_use (self))
    self->pending = frame;
  take_present (self, &self->n_frames);
  take_pending (self);
  if (release (self) && is_in_use (self) && !self->end_told)
    step (self);
}

static void
child_ended (gpointer data)
{
  PcallRunner *self = data;

  self->ended = TRUE;
  step (self);
}

const PcallPeerFuncs pcall_runner_pull_funcs = {
  .calls_out = G_MAXUINT32,
  .frame = frame_came,
  .ended = child_ended,
};

/* Nothing of its call has run: it was taken, and not entered. */
gboolean
pcall_runner_pull_take_back (PcallRunner *self)
{
  guint index;
  gint64 began;

  if (self->idle ||
      pcall_ledger_look (pcall_runner_get_ledger (self), self->job.slot, &index, &began) !=
          PCALL_HOLD_TAKEN)
    return FALSE;

  self->idle = TRUE;
  return TRUE;
}

void
pcall_runner_pull_end (PcallRunner       *self,
                      PcallCallState  state,
                      const char     *reason)
{
  gint64 began;

  if (self->end_state != PCALL_CALL_STATE_PENDING)
    return;

  pcall_ledger_set_ending (pcall_runner_get_ledger (self), self->job.slot, TRUE);
  /* Results that it may have handed over in time, without our having read them. */
  self->end_head = pcall_ring_get_head (pcall_runner_get_ring (self));
  if (pcall_ledger_look (pcall_runner_get_ledger (self), self->job.slot, &self->end_index, &began) ==
      PCALL_HOLD_NOTHING)
    self->end_index = 0;
  self->outcome_in_time =
      pcall_peer_has_frame (self->peer, PCALL_FRAME_RESULT) ||
      pcall_peer_has_frame (self->peer, PCALL_FRAME_ERROR);
  self->end_state = state;
  self->end_reason = g_strdup (reason);
}

gboolean
pcall_runner_pull_is_in_time (PcallRunner *self)
{
  guint index = self->job.index;
  gboolean in_call;

  /* If it ends that call now, it enters no other before it is known whether this one is too
   * late. */
  pcall_ledger_set_ending (pcall_runner_get_ledger (self), self->job.slot, TRUE);
  hold (self);
  take_present (self, &self->n_frames);
  if (is_in_use (self))
    pcall_ring_release (pcall_runner_get_ring (self));
  in_call = is_in_use (self) && self->begun && self->job.index == index;
  if (is_in_use (self) && !in_call && self->end_state == PCALL_CALL_STATE_PENDING)
    pcall_ledger_set_ending (pcall_runner_get_ledger (self), self->job.slot, FALSE);
  return !release (self) || !in_call;
}
