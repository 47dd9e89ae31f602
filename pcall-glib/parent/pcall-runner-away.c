/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-runner-push-parts-private.h"

#include <errno.h>
#include <unistd.h>

#include "parent/pcall-explain-private.h"
#include "parent/pcall-window-private.h"

/* A worker on another machine.
 *
 * An agent starts it, when it is told to, and says when it has handed it a call: that call begins
 * then, however long it took to get there. What the call writes comes in frames, and goes into the
 * file that it would have written into here.
 *
 * Where the way is long, calls are sent ahead, and wait at the agent. The runner has one call, as
 * any other has: the one that has begun, or else will be the next to. The others are ahead of it.
 * What was sent and has not begun is for another if the worker ends, or the agent sends it back, as
 * it does when it is asked for it and when the worker is to end. Where the connection is lost, a
 * call that was sent may have begun without a word, unless all that the agent sent has come.
 *
 * While a large result comes the next call has begun already, and the agent has said so before. It
 * is told here when that result is there: what comes of it comes then, and a timeout of its own is
 * not to count what another call's result takes.
 *
 * A call is ended with its worker. It may have ended by itself when the order comes to the agent,
 * and the next one have begun: so the order is for that call alone, and does nothing then. That its
 * end comes is how this is known here. */

/* Calls wait in the agent's memory. */
#define MAX_BYTES_AHEAD (4 << 20)

/* How much may be sent before a call whose way is measured. */
#define MAX_BYTES_OF_ASKED (64 * 1024)

typedef struct
{
  PcallPush   push;
  int         log_fd;    /* where what the call writes goes; 0: nowhere */
  int         out_fd;    /* where its standard output does; 0: there, too */
  GQueue      ahead;     /* Sent, the next first */
  gboolean    next_begun; /* the first of these has, while the result of the call comes */
  gsize       n_bytes;   /* of those */
  gint64      asked;     /* when the call was sent that met no other; 0: it has begun */
  PcallWindow window;
  gboolean    withdrawn; /* the call was, with a verdict */
} Away;

typedef struct
{
  PcallJob job;
  gsize    size;
  gboolean recalled; /* it was asked for */
} Sent;

/* Logs */

static void
close_log (Away *self)
{
  if (self->log_fd > 0)
    close (self->log_fd);
  if (self->out_fd > 0)
    close (self->out_fd);
  self->log_fd = self->out_fd = 0;
}

static void
open_log (Away *self)
{
  PcallRunner *runner = &self->push.base;
  const PcallLogFiles *log = runner->setup->context->log;
  int out = -1;
  int fd = log != NULL ? pcall_log_files_make_here (log, runner->job.index, runner->pid, &out) : -1;

  close_log (self);
  self->log_fd = MAX (fd, 0);
  self->out_fd = MAX (out, 0);
}

static void
note_lost (PcallRunner *runner,
           gsize        size)
{
  g_autofree char *note = g_strdup_printf ("%" G_GSIZE_FORMAT " bytes of the log of call %u were "
                                           "lost here: %s", size, runner->job.index,
                                           g_strerror (errno));

  pcall_call_list_set_log_note (runner->setup->calls, runner->job.index, note);
}

/* What cannot be written is lost, and nothing else is. */
static void
append_log (Away             *self,
            const PcallFrame *frame)
{
  int fd = frame->type == PCALL_FRAME_OUT && self->out_fd > 0 ? self->out_fd : self->log_fd;
  const guint8 *bytes = pcall_payload_get_data (frame->payload);
  gsize left = frame->payload->length;
  gssize n = 0;

  while (left > 0 && ((n = write (fd, bytes, left)) > 0 || (n < 0 && errno == EINTR)))
    {
      bytes += MAX (n, 0);
      left -= MAX (n, 0);
    }
  if (left > 0)
    note_lost (&self->push.base, left);
}

static gboolean
settle_log (PcallRunner *runner)
{
  close_log ((Away *) runner);
  return pcall_runner_settle_own_log (runner);
}

/* Sending */

/* An agent has a file of its own: that there is one is all that it is told. */
static gsize
post_call (PcallRunner    *runner,
           const PcallJob *job)
{
  gboolean has_log = runner->setup->context->log != NULL;
  g_autofree char *log_key = has_log ? pcall_push_make_log_key (runner) : NULL;

  return pcall_push_post_call (runner, job, has_log ? "log" : NULL, log_key);
}

static void
send_call (PcallRunner *runner)
{
  /* What takes long to be sent does not tell how long the way is. */
  gboolean tells = pcall_push_prepare (runner) < MAX_BYTES_OF_ASKED;

  ((Away *) runner)->asked = tells ? g_get_monotonic_time () : 0;
  post_call (runner, &runner->job);
  runner->sent = TRUE;
}

static void
release (PcallRunner *runner)
{
  pcall_peer_send (runner->peer, PCALL_FRAME_LAUNCH, 0,
                   pcall_crew_make_launch (runner->setup->crew, runner->job.target,
                                           runner->setup->context->conditions));
  pcall_push_release (runner);
}

gboolean
pcall_runner_push_has_room (PcallRunner *runner)
{
  Away *self = (Away *) runner;

  return runner->has_call && runner->sent && runner->verdict == PCALL_CALL_STATE_PENDING &&
         pcall_push_takes_calls (runner) && self->n_bytes < MAX_BYTES_AHEAD &&
         self->ahead.length < pcall_window_get_n_ahead (&self->window);
}

void
pcall_runner_push_add (PcallRunner    *runner,
                       const PcallJob *job)
{
  Away *self = (Away *) runner;
  Sent *sent = g_new (Sent, 1);

  pcall_explain (runner->setup->events, "call %u: is sent to %s behind %u others", job->index,
                 pcall_peer_get_host (runner->peer), self->ahead.length + 1);
  *sent = (Sent) { .job = *job, .size = post_call (runner, job) };
  self->n_bytes += sent->size;
  g_queue_push_tail (&self->ahead, sent);
}

static guint
get_n_ahead (PcallRunner *runner)
{
  return ((Away *) runner)->ahead.length;
}

static PcallJob
remove_sent (Away  *self,
             GList *link)
{
  g_autofree Sent *sent = link->data;

  *self->push.base.setup->n_recalled -= sent->recalled;
  self->n_bytes -= sent->size;
  g_queue_delete_link (&self->ahead, link);
  return sent->job;
}

/* The agent has ended the call, or will not begin it: the next one that it has is this one's. */
static void
turn_to_next (Away *self)
{
  PcallRunner *runner = &self->push.base;

  if (self->ahead.head == NULL)
    return;

  runner->job = remove_sent (self, self->ahead.head);
  runner->has_call = runner->sent = TRUE;
  pcall_child_list_set_call (runner->setup->children, runner->child, runner->job.index);
}

/* Taking back */

static GList *
find_sent (Away  *self,
           guint  index)
{
  GList *l = self->ahead.head;

  while (l != NULL && ((Sent *) l->data)->job.index != index)
    l = l->next;
  return l;
}

static void
recall (Away *self,
        Sent *sent)
{
  if (sent->recalled)
    return;

  pcall_peer_withdraw (self->push.base.peer, sent->job.index, -1);
  sent->recalled = TRUE;
  ++*self->push.base.setup->n_recalled;
}

static void
take_back (PcallRunner *runner,
           guint        index)
{
  GList *link = find_sent ((Away *) runner, index);

  if (link != NULL)
    recall ((Away *) runner, link->data);
}

void
pcall_runner_push_shorten (PcallRunner *runner,
                           guint        n)
{
  Away *self = (Away *) runner;
  guint n_calls = pcall_runner_push_get_n_calls (runner);

  for (GList *l = self->ahead.tail; l != NULL && n_calls > n; l = l->prev, n_calls--)
    recall (self, l->data);
}

/* Frames */

static gboolean
is_next (Away  *self,
         guint  index)
{
  return self->ahead.head != NULL && ((Sent *) self->ahead.head->data)->job.index == index;
}

static void
begin (Away   *self,
       gint64  now)
{
  open_log (self);
  pcall_runner_begin_call (&self->push.base, now);
}

static void
take_begun (Away             *self,
            const PcallFrame *frame)
{
  PcallRunner *runner = &self->push.base;
  gint64 now = g_get_monotonic_time ();

  if (runner->sent && !runner->begun && runner->job.index == frame->call_index)
    {
      if (self->asked > 0)
        pcall_window_note_round_trip (&self->window, now - self->asked);
      self->asked = 0;
      begin (self, now);
    }
  else if (runner->begun && !self->next_begun && is_next (self, frame->call_index))
    self->next_begun = TRUE;
  else
    pcall_runner_refuse (runner, frame);
}

/* The call has ended, or will not begin. If it was withdrawn, its worker goes on without it; if all
 * is to be stopped, what that has begun is, too. */
static void
finish_call (Away *self)
{
  PcallRunner *runner = &self->push.base;

  runner->has_call = runner->sent = FALSE;
  pcall_runner_finish_call (runner, -1, settle_log (runner));
  if (self->withdrawn && !runner->stopping)
    {
      runner->verdict = PCALL_CALL_STATE_PENDING;
      g_clear_pointer (&runner->verdict_reason, g_free);
      pcall_peer_go_on (runner->peer);
    }
  self->withdrawn = FALSE;
  turn_to_next (self);
  if (self->next_begun)
    {
      self->next_begun = FALSE;
      begin (self, g_get_monotonic_time ());
    }
}

static void
take_outcome (Away             *self,
              const PcallFrame *frame)
{
  PcallRunner *runner = &self->push.base;
  gint64 now = g_get_monotonic_time ();

  pcall_window_note_call (&self->window, now - runner->began);
  pcall_window_note_transfer (&self->window, frame->since > 0 ? now - frame->since : 0);
  pcall_runner_take_outcome (runner, frame);
  finish_call (self);
}

static void
give_back (Away       *self,
           PcallJob    job,
           const char *loss)
{
  PcallRunner *runner = &self->push.base;

  runner->setup->funcs->returned (runner, &job, loss, runner->setup->data);
}

static void
take_returned (Away             *self,
               const PcallFrame *frame)
{
  PcallRunner *runner = &self->push.base;
  GList *link = find_sent (self, frame->call_index);

  self->asked = 0;
  if (link != NULL && !(self->next_begun && link == self->ahead.head))
    {
      give_back (self, remove_sent (self, link), NULL);
    }
  else if (!runner->sent || runner->begun || runner->job.index != frame->call_index)
    {
      pcall_runner_refuse (runner, frame);
    }
  else if (runner->verdict != PCALL_CALL_STATE_PENDING)
    {
      finish_call (self);
    }
  else
    {
      runner->has_call = runner->sent = FALSE;
      give_back (self, runner->job, NULL);
      turn_to_next (self);
    }
}

static void
take_journal (PcallRunner      *runner,
              const PcallFrame *frame)
{
  g_autoptr (GBytes) journal = pcall_payload_get_bytes (frame->payload);

  pcall_call_list_set_journal (runner->setup->calls, runner->job.index, journal);
}

static void
take_frame (PcallRunner      *runner,
            const PcallFrame *frame)
{
  Away *self = (Away *) runner;
  gboolean is_outcome = frame->type == PCALL_FRAME_RESULT || frame->type == PCALL_FRAME_ERROR;

  if (frame->type == PCALL_FRAME_BEGUN)
    take_begun (self, frame);
  else if (frame->type == PCALL_FRAME_RETURNED)
    take_returned (self, frame);
  else if (is_outcome && runner->state == PCALL_RUNNER_BUSY)
    take_outcome (self, frame);
  else if (frame->type == PCALL_FRAME_JOURNAL && runner->begun)
    take_journal (runner, frame);
  else if (frame->type != PCALL_FRAME_LOG && frame->type != PCALL_FRAME_OUT)
    pcall_push_take_frame (runner, frame);
  else if (self->log_fd > 0)
    append_log (self, frame);
}

/* Ends */

static gboolean
has_ended_in_time (PcallRunner *runner)
{
  guint index = runner->job.index;

  pcall_push_drain (runner);
  return !runner->has_call || runner->job.index != index;
}

static void
withdraw (PcallRunner *runner)
{
  Away *self = (Away *) runner;

  if (!runner->sent)
    {
      runner->stopping = TRUE;
      pcall_peer_terminate (runner->peer, runner->setup->grace_period);
      return;
    }

  self->withdrawn = TRUE;
  pcall_peer_withdraw (runner->peer, runner->job.index, runner->setup->grace_period);
}

/* What an agent says of a worker that lies is not heard any more. */
static char *
describe_loss (PcallRunner *runner,
               gboolean     begun)
{
  const char *loss = pcall_peer_get_loss (runner->peer);
  const GError *error = pcall_peer_get_error (runner->peer);
  const char *host = pcall_peer_get_host (runner->peer);

  if (loss != NULL && (begun || !pcall_peer_has_all (runner->peer)))
    return g_strdup_printf ("the connection to %s was lost: %s", host, loss);
  if (loss == NULL && error != NULL)
    return g_strdup_printf ("a worker on %s was not understood, which may have run it: %s", host,
                            error->message);
  return NULL;
}

/* The last one goes first, so that they are in order where they go. */
static void
ended (PcallRunner *runner)
{
  Away *self = (Away *) runner;
  g_autofree char *loss = describe_loss (runner, FALSE);
  g_autofree char *loss_of_next = describe_loss (runner, self->next_begun);

  pcall_push_detach (runner);
  while (self->ahead.length > 1)
    give_back (self, remove_sent (self, self->ahead.tail), loss);
  if (self->ahead.length > 0)
    give_back (self, remove_sent (self, self->ahead.tail), loss_of_next);
}

/* An agent that has gone may have handed the call on. */
static gboolean
is_untouched (PcallRunner *runner)
{
  if (runner->verdict != PCALL_CALL_STATE_PENDING)
    return FALSE;
  if (pcall_peer_get_loss (runner->peer) != NULL)
    return !runner->sent || (!runner->begun && pcall_peer_has_all (runner->peer));
  return ((PcallPush *) runner)->greeted && pcall_peer_get_error (runner->peer) == NULL &&
         pcall_peer_get_begun (runner->peer) != runner->job.index;
}

static void
clear (PcallRunner *runner)
{
  Away *self = (Away *) runner;

  close_log (self);
  g_queue_clear_full (&self->ahead, g_free);
}

#define OF_A_CALL                                                                                  \
  (PCALL_FRAMES_OF_A_CALL | 1u << PCALL_FRAME_LOG | 1u << PCALL_FRAME_OUT |                        \
   1u << PCALL_FRAME_JOURNAL)

const PcallRunnerClass pcall_runner_away = {
  .size = sizeof (Away),
  .frames = OF_A_CALL | 1u << PCALL_FRAME_BEGUN | 1u << PCALL_FRAME_HELLO |
            1u << PCALL_FRAME_RETURNED,
  .of_a_call = OF_A_CALL,
  .release = release,
  .frame = take_frame,
  .closed = pcall_push_take_closed,
  .ended = ended,
  .drain = pcall_push_drain,
  .has_ended_in_time = has_ended_in_time,
  .withdraw = withdraw,
  .take_back = take_back,
  .is_untouched = is_untouched,
  .settle_log = settle_log,
  .describe_false_start = pcall_push_describe_false_start,
  .send_call = send_call,
  .get_n_ahead = get_n_ahead,
  .detach = pcall_push_detach,
  .clear = clear,
};
