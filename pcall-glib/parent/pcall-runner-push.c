/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-explain-private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "calls/pcall-target-private.h"
#include "pcall-error.h"
#include "child/pcall-worker-private.h"
#include "share/pcall-journal-private.h"
#include "start/pcall-command-private.h"

/* A worker: a child that is given one call after the other.
 *
 * HELD → STARTING → BUSY ⇄ IDLE → ENDED. It is STARTING until it says hello, and is given the call
 * that it was started for then. It sends nothing while it is IDLE, and hello once.
 *
 * When it is stopping it is given no more calls: retired, stopped from here, or with its channel
 * closed. Whatever it should do next by itself it does in bounded time, or it is ended.
 *
 * A worker may die after a call, when the next one has been sent to it already. The socket knows:
 * what it was sent is unread then, and that call is given to another.
 *
 * On another machine an agent starts it, when it is told to, and says when it has handed it a call:
 * that call begins then, however long it took to get there. What the call writes comes in frames,
 * and goes into the file that it would have written into here. Where the connection is lost nobody
 * knows what was read: a call that was sent may have run. */

/* How long a worker may take to say hello, unless the environment says otherwise, in seconds; how
 * long to end when there are no more calls, and when it has closed its channel, in microseconds. */
#define ENV_START_TIMEOUT "PCALL_WORKER_START_TIMEOUT"
#define START_TIMEOUT_S 30.0
#define RETIRE_US (3 * G_USEC_PER_SEC)
#define CLOSED_US (1 * G_USEC_PER_SEC)

typedef struct
{
  PcallRunner base;
  PcallTimer  patience; /* with what the worker should do next */
  gboolean    greeted;  /* it said hello */
  gboolean    closed;   /* it closed its channel */
  gboolean    sent;     /* remote: its call was */
  int         log_fd;   /* remote: where what the call writes goes; 0: nowhere */
  int         out_fd;   /* remote: where its standard output does; 0: there, too */
} Push;

static void
lose_patience (gpointer data)
{
  Push *self = data;

  if (self->closed)
    pcall_runner_reject (&self->base, "the worker closed its channel, and went on");
  else if (self->greeted && pcall_peer_terminate (self->base.peer, self->base.setup->grace_period))
    pcall_explain_stopped (&self->base, "it was told that there are no more calls, and went on");
  else if (!self->greeted)
    pcall_runner_reject (&self->base, "it did not say hello in time (" ENV_START_TIMEOUT
                                      " sets how long that is)");
}

static void
be_patient (Push   *self,
            gint64  length)
{
  pcall_engine_set_timer (self->base.setup->engine, &self->patience,
                          g_get_monotonic_time () + length, lose_patience, self);
}

static void
wait_for_hello (Push *self)
{
  const char *text = g_getenv (ENV_START_TIMEOUT);
  gdouble seconds = text != NULL ? g_ascii_strtod (text, NULL) : 0;

  if (!(seconds > 0 && seconds < G_MAXINT))
    seconds = START_TIMEOUT_S;
  be_patient (self, (gint64) (seconds * G_USEC_PER_SEC));
}

static char *
describe_false_start (PcallRunner *runner,
                      const char  *end)
{
  const GError *rejected = pcall_peer_get_error (runner->peer);
  g_autofree char *program = NULL;

  if (((Push *) runner)->greeted)
    return NULL;
  if (rejected != NULL && rejected->code == PCALL_ERROR_START)
    return g_strdup (rejected->message);

  program = pcall_command_describe (runner->job.target);
  if (rejected != NULL)
    return g_strdup_printf ("worker program %s: %s", program, rejected->message);
  return g_strdup_printf ("worker program %s: %s before it said hello", program, end);
}

/* The log file is made here: so it is there when the call begins, and a worker opens nothing that
 * somebody else put in its place. */
static char *
make_log (PcallRunner *runner)
{
  const PcallLogFiles *log = runner->setup->context->log;

  return log != NULL ? pcall_log_files_make (log, runner->job.index, runner->pid) : NULL;
}

static char *
make_log_key (PcallRunner *runner)
{
  const PcallLogFiles *log = runner->setup->context->log;

  return g_strconcat (pcall_log_files_get_key (log)->digits,
                      pcall_log_files_are_split (log) ? PCALL_LOG_KEY_SPLIT : NULL, NULL);
}

static void
close_log (PcallRunner *runner)
{
  Push *self = (Push *) runner;

  if (self->log_fd > 0)
    close (self->log_fd);
  if (self->out_fd > 0)
    close (self->out_fd);
  self->log_fd = self->out_fd = 0;
}

/* An agent has a file of its own: that there is one is all that it is told. */
static char *
make_log_here (PcallRunner *runner)
{
  Push *self = (Push *) runner;
  const PcallLogFiles *log = runner->setup->context->log;
  int out = -1;
  int fd = log != NULL ? pcall_log_files_make_here (log, runner->job.index, runner->pid, &out) : -1;

  close_log (runner);
  if (fd < 0)
    return NULL;
  self->log_fd = fd;
  self->out_fd = MAX (out, 0);
  return g_strdup ("log");
}

static void
send_call (PcallRunner *runner)
{
  gboolean remote = runner->setup->crew != NULL;
  g_autofree char *log_file = remote ? make_log_here (runner) : make_log (runner);
  g_autofree char *log_key = log_file != NULL ? make_log_key (runner) : NULL;
  PcallArguments *arguments = runner->setup->context->arguments;
  guint index = runner->job.index;
  g_autoptr (GVariant) args = pcall_arguments_build_args (arguments, index);
  g_autoptr (GVariant) kwargs = pcall_arguments_build_kwargs (arguments, index);
  gint64 began;

  if (pcall_peer_get_journal (runner->peer) > 0)
    pcall_journal_reset (pcall_peer_get_journal (runner->peer));
  /* Where the machine is busy the worker may have returned before this thread goes on. */
  began = g_get_monotonic_time ();
  pcall_peer_send (runner->peer, PCALL_FRAME_CALL, index,
                   g_variant_new ("(sv@a{sv}ss)", pcall_target_get_wire_name (runner->job.target),
                                  args, kwargs, log_file != NULL ? log_file : "",
                                  log_key != NULL ? log_key : ""));
  ((Push *) runner)->sent = TRUE;
  if (!remote)
    pcall_runner_begin_call (runner, began);
}

static void
release (PcallRunner *runner)
{
  Push *self = (Push *) runner;

  if (self->greeted)
    send_call (runner);
  else
    wait_for_hello (self);
}

static void
take_hello (Push             *self,
            const PcallFrame *frame)
{
  g_autoptr (GVariant) value =
      pcall_payload_get_value (frame->payload, pcall_frame_payload_type (PCALL_FRAME_HELLO));
  guint32 version;
  gint32 pid;

  g_variant_get_child (value, 0, "u", &version);
  g_variant_get_child (value, 1, "i", &pid);
  if (version != PCALL_FRAME_VERSION)
    {
      g_autofree char *complaint = g_strdup_printf ("it speaks version %u of the protocol, not %u",
                                                    version, PCALL_FRAME_VERSION);

      pcall_runner_reject (&self->base, complaint);
      return;
    }

  pcall_engine_unset_timer (self->base.setup->engine, &self->patience);
  self->greeted = TRUE;
  if (self->base.setup->crew != NULL)
    pcall_runner_learn_pid (&self->base, MAX (pid, 0));
  if (!self->base.stopping)
    send_call (&self->base);
}

/* What the worker wrote down while the call ran, that ends now. */
static void
take_journal (PcallRunner *runner)
{
  int fd = pcall_peer_get_journal (runner->peer);
  g_autoptr (GBytes) journal = fd > 0 && runner->begun ? pcall_journal_read (fd) : NULL;

  if (journal != NULL)
    pcall_call_list_set_journal (runner->setup->calls, runner->job.index, journal);
}

/* A call that does one thing after the other may take that long for each. */
static gboolean
has_more_time (PcallRunner *runner)
{
  int fd = pcall_peer_get_journal (runner->peer);
  gint64 since = fd > 0 ? pcall_journal_get_since (fd) : 0;
  gint64 now = g_get_monotonic_time ();

  if (since <= now - runner->setup->timeout || since > now)
    return FALSE;

  pcall_runner_set_timeout (runner, since);
  return TRUE;
}

static void
take_outcome (PcallRunner      *runner,
              const PcallFrame *frame)
{
  pcall_runner_take_outcome (runner, frame);
  if (!pcall_outcome_is_set (&runner->outcome))
    return;

  take_journal (runner);
  close_log (runner);
  runner->has_call = ((Push *) runner)->sent = FALSE;
  pcall_runner_finish_call (runner, -1, pcall_runner_settle_own_log (runner));
}

static void
take_frame (PcallRunner      *runner,
            const PcallFrame *frame)
{
  Push *self = (Push *) runner;

  if (frame->type == PCALL_FRAME_HELLO && !self->greeted)
    take_hello (self, frame);
  else if (frame->type == PCALL_FRAME_HELLO || runner->state != PCALL_RUNNER_BUSY)
    pcall_runner_refuse (runner, frame);
  else if (frame->type == PCALL_FRAME_RESULT || frame->type == PCALL_FRAME_ERROR)
    take_outcome (runner, frame);
  else
    pcall_runner_take_report (runner, frame);
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
append_log (Push             *self,
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
    note_lost (&self->base, left);
}

static void
take_remote_frame (PcallRunner      *runner,
                   const PcallFrame *frame)
{
  Push *self = (Push *) runner;

  if (frame->type == PCALL_FRAME_BEGUN && self->sent && !runner->begun)
    pcall_runner_begin_call (runner, g_get_monotonic_time ());
  else if (frame->type == PCALL_FRAME_BEGUN)
    pcall_runner_refuse (runner, frame);
  else if (frame->type != PCALL_FRAME_LOG && frame->type != PCALL_FRAME_OUT)
    take_frame (runner, frame);
  else if (self->log_fd > 0)
    append_log (self, frame);
}

/* Processes close their channel when they end, a moment before that is seen. */
static void
channel_closed (PcallRunner *runner)
{
  Push *self = (Push *) runner;

  self->closed = TRUE;
  be_patient (self, CLOSED_US);
}

static void
drain (PcallRunner *runner)
{
  pcall_peer_drain (runner->peer);
}

static gboolean
is_untouched (PcallRunner *runner)
{
  Push *self = (Push *) runner;

  return self->greeted && runner->verdict == PCALL_CALL_STATE_PENDING &&
         pcall_peer_get_error (runner->peer) == NULL && pcall_peer_left_unread (runner->peer);
}

static void
detach (PcallRunner *runner)
{
  pcall_engine_unset_timer (runner->setup->engine, &((Push *) runner)->patience);
}

static void
ended (PcallRunner *runner)
{
  detach (runner);
  if (runner->has_call)
    take_journal (runner);
}

static void
warm (PcallRunner *runner)
{
  ((Push *) runner)->greeted = TRUE;
}

static void
release_remote (PcallRunner *runner)
{
  pcall_peer_send (runner->peer, PCALL_FRAME_LAUNCH, 0,
                   pcall_crew_make_launch (runner->setup->crew, runner->job.target,
                                           runner->setup->context->conditions));
  release (runner);
}

/* An agent that has gone may have handed the call on. */
static gboolean
is_untouched_remotely (PcallRunner *runner)
{
  Push *self = (Push *) runner;

  if (runner->verdict != PCALL_CALL_STATE_PENDING)
    return FALSE;
  if (pcall_peer_get_loss (runner->peer) != NULL)
    return !self->sent;
  return self->greeted && pcall_peer_get_error (runner->peer) == NULL &&
         pcall_peer_get_begun (runner->peer) != runner->job.index;
}

static gboolean
settle_remote_log (PcallRunner *runner)
{
  close_log (runner);
  return pcall_runner_settle_own_log (runner);
}

#define OF_A_CALL                                                                                  \
  (1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR | 1u << PCALL_FRAME_NOTE |                   \
   1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE)

#define OF_A_REMOTE_CALL                                                                           \
  (OF_A_CALL | 1u << PCALL_FRAME_BEGUN | 1u << PCALL_FRAME_LOG | 1u << PCALL_FRAME_OUT)

const PcallRunnerClass pcall_runner_push = {
  .size = sizeof (Push),
  .frames = OF_A_CALL | 1u << PCALL_FRAME_HELLO,
  .of_a_call = OF_A_CALL,
  .release = release,
  .frame = take_frame,
  .closed = channel_closed,
  .ended = ended,
  .drain = drain,
  .has_more_time = has_more_time,
  .is_untouched = is_untouched,
  .settle_log = pcall_runner_settle_own_log,
  .describe_false_start = describe_false_start,
  .warm = warm,
  .detach = detach,
};

const PcallRunnerClass pcall_runner_push_remote = {
  .size = sizeof (Push),
  .frames = OF_A_REMOTE_CALL | 1u << PCALL_FRAME_HELLO,
  .of_a_call = OF_A_REMOTE_CALL,
  .release = release_remote,
  .frame = take_remote_frame,
  .closed = channel_closed,
  .ended = detach,
  .drain = drain,
  .is_untouched = is_untouched_remotely,
  .settle_log = settle_remote_log,
  .describe_false_start = describe_false_start,
  .detach = detach,
  .clear = close_log,
};

gboolean
pcall_runner_push_is_waiting (PcallRunner *runner)
{
  return runner->state == PCALL_RUNNER_IDLE && !runner->stopping && !runner->has_call &&
         !((Push *) runner)->closed && pcall_peer_get_error (runner->peer) == NULL &&
         !pcall_peer_is_leaving (runner->peer);
}

void
pcall_runner_push_give (PcallRunner    *runner,
                        const PcallJob *job)
{
  g_assert (pcall_runner_push_is_waiting (runner));

  runner->job = *job;
  runner->has_call = TRUE;
  pcall_child_list_set_call (runner->setup->children, runner->child, job->index);
  send_call (runner);
}

gboolean
pcall_runner_push_put (PcallRunner *runner,
                       PcallPool   *pool)
{
  PcallWarmWorker worker = { runner->peer, runner->setup->context->conditions, runner->n_ended };

  g_assert (pcall_runner_push_is_waiting (runner));
  if (!pcall_pool_put (pool, runner->job.target, &worker))
    return FALSE;

  runner->peer = NULL;
  pcall_explain_put (runner);
  pcall_runner_set_state (runner, PCALL_RUNNER_ENDED);
  return TRUE;
}

void
pcall_runner_push_retire (PcallRunner *runner)
{
  g_assert (runner->state == PCALL_RUNNER_IDLE);

  runner->stopping = TRUE;
  pcall_peer_send (runner->peer, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  be_patient ((Push *) runner, RETIRE_US);
}
