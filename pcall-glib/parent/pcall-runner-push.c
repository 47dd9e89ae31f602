/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-explain-private.h"
#include "parent/pcall-runner-push-parts-private.h"

#include <stdlib.h>

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
 * Those on other machines have a file of their own, pcall-runner-away.c. */

/* How long a worker may take to say hello, unless the environment says otherwise, in seconds; how
 * long to end when there are no more calls, and when it has closed its channel, in microseconds. */
#define ENV_START_TIMEOUT "PCALL_WORKER_START_TIMEOUT"
#define START_TIMEOUT_S 30.0
#define RETIRE_US (3 * G_USEC_PER_SEC)
#define CLOSED_US (1 * G_USEC_PER_SEC)

static void
lose_patience (gpointer data)
{
  PcallPush *self = data;

  if (self->closed)
    pcall_runner_reject (&self->base, "the worker closed its channel, and went on");
  else if (self->greeted && pcall_peer_terminate (self->base.peer, self->base.setup->grace_period))
    pcall_explain_stopped (&self->base, "it was told that there are no more calls, and went on");
  else if (!self->greeted)
    pcall_runner_reject (&self->base, "it did not say hello in time (" ENV_START_TIMEOUT
                                      " sets how long that is)");
}

static void
be_patient (PcallPush *self,
            gint64     length)
{
  pcall_engine_set_timer (self->base.setup->engine, &self->patience,
                          g_get_monotonic_time () + length, lose_patience, self);
}

static void
wait_for_hello (PcallPush *self)
{
  const char *text = g_getenv (ENV_START_TIMEOUT);
  gdouble seconds = text != NULL ? g_ascii_strtod (text, NULL) : 0;

  if (!(seconds > 0 && seconds < G_MAXINT))
    seconds = START_TIMEOUT_S;
  be_patient (self, (gint64) (seconds * G_USEC_PER_SEC));
}

char *
pcall_push_describe_false_start (PcallRunner *runner,
                                 const char  *end)
{
  const GError *rejected = pcall_peer_get_error (runner->peer);
  g_autofree char *program = NULL;

  if (((PcallPush *) runner)->greeted)
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

char *
pcall_push_make_log_key (PcallRunner *runner)
{
  const PcallLogFiles *log = runner->setup->context->log;

  return g_strconcat (pcall_log_files_get_key (log)->digits,
                      pcall_log_files_are_split (log) ? PCALL_LOG_KEY_SPLIT : NULL, NULL);
}

/* What it has from the task before is of no use. */
gsize
pcall_push_prepare (PcallRunner *runner)
{
  PcallPush *self = (PcallPush *) runner;
  GVariant *common = pcall_arguments_get_common (runner->setup->context->arguments);
  gboolean had_common = self->has_common;
  g_autoptr (GVariant) sent = NULL;

  if (self->prepared || !self->knows_common)
    return 0;

  self->prepared = TRUE;
  self->has_common = common != NULL;
  if (common == NULL && !had_common)
    return 0;

  sent = common != NULL ? g_variant_ref (common)
                        : g_variant_ref_sink (g_variant_new_parsed ("(<()>, @a{sv} {})"));
  pcall_peer_send (runner->peer, PCALL_FRAME_COMMON, 0, sent);
  return g_variant_get_size (sent);
}

gsize
pcall_push_post_call (PcallRunner    *runner,
                      const PcallJob *job,
                      const char     *log_file,
                      const char     *log_key)
{
  PcallArguments *arguments = runner->setup->context->arguments;
  gboolean apart = ((PcallPush *) runner)->has_common;
  g_autoptr (GVariant) args = apart ? pcall_arguments_build_own_args (arguments, job->index)
                                    : pcall_arguments_build_args (arguments, job->index);
  g_autoptr (GVariant) kwargs = apart ? pcall_arguments_build_own_kwargs (arguments, job->index)
                                      : pcall_arguments_build_kwargs (arguments, job->index);
  g_autoptr (GVariant) call = g_variant_ref_sink (
      g_variant_new ("(sv@a{sv}ss)", pcall_target_get_wire_name (job->target), args, kwargs,
                     log_file != NULL ? log_file : "", log_key != NULL ? log_key : ""));

  pcall_peer_send (runner->peer, PCALL_FRAME_CALL, job->index, call);
  return g_variant_get_size (call);
}

static void
send_call (PcallRunner *runner)
{
  g_autofree char *log_file = make_log (runner);
  g_autofree char *log_key = log_file != NULL ? pcall_push_make_log_key (runner) : NULL;
  gint64 began;

  if (pcall_peer_get_journal (runner->peer) > 0)
    pcall_journal_reset (pcall_peer_get_journal (runner->peer));
  /* Where the machine is busy the worker may have returned before this thread goes on. */
  began = g_get_monotonic_time ();
  pcall_push_prepare (runner);
  pcall_push_post_call (runner, &runner->job, log_file, log_key);
  pcall_runner_begin_call (runner, began);
}

void
pcall_push_release (PcallRunner *runner)
{
  PcallPush *self = (PcallPush *) runner;

  if (self->greeted)
    runner->klass->send_call (runner);
  else
    wait_for_hello (self);
}

static void
take_hello (PcallPush        *self,
            const PcallFrame *frame)
{
  g_autoptr (GVariant) value =
      pcall_payload_get_value (frame->payload, pcall_frame_payload_type (PCALL_FRAME_HELLO));
  g_autoptr (GVariant) knows = NULL;
  guint32 version;
  gint32 pid;

  g_variant_get (value, "(ui@a{sv})", &version, &pid, &knows);
  if (version != PCALL_FRAME_VERSION)
    {
      g_autofree char *complaint = g_strdup_printf ("it speaks version %u of the protocol, not %u",
                                                    version, PCALL_FRAME_VERSION);

      pcall_runner_reject (&self->base, complaint);
      return;
    }

  pcall_engine_unset_timer (self->base.setup->engine, &self->patience);
  self->greeted = TRUE;
  g_variant_lookup (knows, PCALL_WORKER_KNOWS_COMMON, "b", &self->knows_common);
  if (self->base.setup->crew != NULL)
    pcall_runner_learn_pid (&self->base, MAX (pid, 0));
  if (!self->base.stopping)
    self->base.klass->send_call (&self->base);
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
  runner->has_call = FALSE;
  pcall_runner_finish_call (runner, -1, pcall_runner_settle_own_log (runner));
}

void
pcall_push_take_frame (PcallRunner      *runner,
                       const PcallFrame *frame)
{
  PcallPush *self = (PcallPush *) runner;

  if (frame->type == PCALL_FRAME_HELLO && !self->greeted)
    take_hello (self, frame);
  else if (frame->type == PCALL_FRAME_HELLO || runner->state != PCALL_RUNNER_BUSY)
    pcall_runner_refuse (runner, frame);
  else if (frame->type == PCALL_FRAME_RESULT || frame->type == PCALL_FRAME_ERROR)
    take_outcome (runner, frame);
  else
    pcall_runner_take_report (runner, frame);
}

/* Processes close their channel when they end, a moment before that is seen. */
void
pcall_push_take_closed (PcallRunner *runner)
{
  PcallPush *self = (PcallPush *) runner;

  self->closed = TRUE;
  be_patient (self, CLOSED_US);
}

void
pcall_push_drain (PcallRunner *runner)
{
  pcall_peer_drain (runner->peer);
}

static gboolean
is_untouched (PcallRunner *runner)
{
  PcallPush *self = (PcallPush *) runner;

  return self->greeted && runner->verdict == PCALL_CALL_STATE_PENDING &&
         pcall_peer_get_error (runner->peer) == NULL && pcall_peer_left_unread (runner->peer);
}

void
pcall_push_detach (PcallRunner *runner)
{
  pcall_engine_unset_timer (runner->setup->engine, &((PcallPush *) runner)->patience);
}

static void
ended (PcallRunner *runner)
{
  pcall_push_detach (runner);
  if (runner->has_call)
    take_journal (runner);
}

static void
warm (PcallRunner           *runner,
      const PcallWarmWorker *worker)
{
  PcallPush *self = (PcallPush *) runner;

  self->greeted = TRUE;
  self->knows_common = worker->knows_common;
  self->has_common = worker->has_common;
}

const PcallRunnerClass pcall_runner_push = {
  .size = sizeof (PcallPush),
  .frames = PCALL_FRAMES_OF_A_CALL | 1u << PCALL_FRAME_HELLO,
  .of_a_call = PCALL_FRAMES_OF_A_CALL,
  .release = pcall_push_release,
  .frame = pcall_push_take_frame,
  .closed = pcall_push_take_closed,
  .ended = ended,
  .drain = pcall_push_drain,
  .has_more_time = has_more_time,
  .is_untouched = is_untouched,
  .settle_log = pcall_runner_settle_own_log,
  .describe_false_start = pcall_push_describe_false_start,
  .send_call = send_call,
  .warm = warm,
  .detach = pcall_push_detach,
};

gboolean
pcall_push_takes_calls (PcallRunner *runner)
{
  return !runner->stopping && !((PcallPush *) runner)->closed &&
         pcall_peer_get_error (runner->peer) == NULL && !pcall_peer_is_leaving (runner->peer);
}

guint
pcall_runner_push_get_n_calls (PcallRunner *runner)
{
  guint n_ahead = runner->klass->get_n_ahead != NULL ? runner->klass->get_n_ahead (runner) : 0;

  return runner->has_call + n_ahead;
}

gboolean
pcall_runner_push_is_waiting (PcallRunner *runner)
{
  return runner->state == PCALL_RUNNER_IDLE && pcall_runner_push_get_n_calls (runner) == 0 &&
         pcall_push_takes_calls (runner);
}

void
pcall_runner_push_give (PcallRunner    *runner,
                        const PcallJob *job)
{
  g_assert (pcall_runner_push_is_waiting (runner));

  runner->job = *job;
  runner->has_call = TRUE;
  pcall_child_list_set_call (runner->setup->children, runner->child, job->index);
  runner->klass->send_call (runner);
}

gboolean
pcall_runner_push_put (PcallRunner *runner,
                       PcallPool   *pool)
{
  PcallPush *self = (PcallPush *) runner;
  PcallWarmWorker worker = { runner->peer, runner->setup->context->conditions, runner->n_ended,
                             self->knows_common, self->has_common };

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
  be_patient ((PcallPush *) runner, RETIRE_US);
}
