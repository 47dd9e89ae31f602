/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <stdlib.h>

#include "start/pcall-command-private.h"
#include "pcall-error.h"
#include "parent/pcall-run-struct-private.h"
#include "calls/pcall-target-private.h"

/* The calls of a child that takes one after the other.
 *
 * States: started; greeted, when it said hello, from where it has a call or is idle; ending, when
 * it is given no more calls: retired, ended from here, or with its channel closed. Each state that
 * should pass by itself does so in bounded time, or the child is ended.
 *
 * The child sends nothing while it is idle, and hello once.
 *
 * A child may die after a call, when the next one has been sent to it already. The socket knows:
 * what it was sent is unread then, and that call is given to another. */

/* How long a worker may take to say hello, unless the environment says otherwise, in seconds; how
 * long to end when there are no more calls, and when it has closed its channel, in microseconds. */
#define ENV_START_TIMEOUT "PCALL_WORKER_START_TIMEOUT"
#define START_TIMEOUT_S 30.0
#define RETIRE_US (3 * G_USEC_PER_SEC)
#define CLOSED_US (1 * G_USEC_PER_SEC)

static void
lose_patience (gpointer data)
{
  PcallRun *self = data;

  if (self->closed)
    pcall_run_reject (self, "the worker closed its channel, and went on");
  else if (self->greeted)
    pcall_supervisor_terminate (self->supervisor, self->setup->grace_period);
  else
    pcall_run_reject (self, "it did not say hello in time (" ENV_START_TIMEOUT " sets how long that is)");
}

static void
be_patient (PcallRun *self,
            gint64    length)
{
  pcall_engine_set_timer (self->setup->engine, &self->patience, g_get_monotonic_time () + length,
                          lose_patience, self);
}

void
pcall_run_expect_hello (PcallRun *self)
{
  const char *text = g_getenv (ENV_START_TIMEOUT);
  gdouble seconds = text != NULL ? g_ascii_strtod (text, NULL) : 0;

  if (!(seconds > 0 && seconds < G_MAXINT))
    seconds = START_TIMEOUT_S;
  be_patient (self, (gint64) (seconds * G_USEC_PER_SEC));
}

char *
pcall_run_describe_false_start (PcallRun   *self,
                                const char *end)
{
  const GError *rejected = pcall_supervisor_get_error (self->supervisor);
  g_autofree char *program = pcall_command_describe (self->job.target);

  if (rejected != NULL)
    return g_strdup_printf ("worker program %s: %s", program, rejected->message);
  return g_strdup_printf ("worker program %s: %s before it said hello", program, end);
}

/* The log file is made here: so it is there when the call begins, and a worker opens nothing that
 * somebody else put in its place. */
static char *
make_log (PcallRun *self)
{
  const PcallLogCapture *log = self->setup->context->log;

  return log != NULL ? pcall_log_capture_make (log, self->job.index, self->pid) : NULL;
}

static const char *
get_log_key (PcallRun *self)
{
  return pcall_log_capture_get_key (self->setup->context->log)->digits;
}

static void
send_call (PcallRun *self)
{
  g_autofree char *log_file = make_log (self);
  PcallArguments *arguments = self->setup->context->arguments;
  guint index = self->job.index;
  g_autoptr (GVariant) args = pcall_arguments_build_args (arguments, index);
  g_autoptr (GVariant) kwargs = pcall_arguments_build_kwargs (arguments, index);

  pcall_supervisor_send (self->supervisor, PCALL_FRAME_CALL, index,
                         g_variant_new ("(sv@a{sv}ss)",
                                        pcall_target_get_wire_name (self->job.target), args,
                                        kwargs, log_file != NULL ? log_file : "",
                                        log_file != NULL ? get_log_key (self) : ""));
}

static void
take_hello (PcallRun         *self,
            const PcallFrame *frame)
{
  g_autoptr (GVariant) value =
      pcall_payload_get_value (frame->payload, pcall_frame_payload_type (PCALL_FRAME_HELLO));
  guint32 version;

  g_variant_get_child (value, 0, "u", &version);
  if (version != PCALL_FRAME_VERSION)
    {
      g_autofree char *complaint = g_strdup_printf ("it speaks version %u of the protocol, not %u",
                                                    version, PCALL_FRAME_VERSION);

      pcall_run_reject (self, complaint);
      return;
    }

  pcall_engine_unset_timer (self->setup->engine, &self->patience);
  self->greeted = TRUE;
  if (self->ending)
    return;
  send_call (self);
  pcall_run_begin (self, g_get_monotonic_time ());
}

static void
forget_outcome (PcallRun *self)
{
  g_clear_pointer (&self->result, pcall_payload_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->error_details, g_variant_unref);
}

static void
take_outcome (PcallRun         *self,
              const PcallFrame *frame)
{
  pcall_run_take_frame (self, frame);
  if (self->result == NULL && self->error == NULL)
    return;

  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  pcall_run_settle_call (self, pcall_run_settle_log (self));
  forget_outcome (self);
  self->begun = FALSE;
  self->idle = TRUE;
  self->n_ended++;
  self->setup->funcs->returned (self, self->setup->data);
}

static void
take_frame (PcallRun         *self,
            const PcallFrame *frame)
{
  switch (frame->type)
    {
    case PCALL_FRAME_RESULT:
    case PCALL_FRAME_ERROR:
      take_outcome (self, frame);
      break;
    case PCALL_FRAME_PROGRESS:
    case PCALL_FRAME_MESSAGE:
    case PCALL_FRAME_NOTE:
      pcall_run_take_frame (self, frame);
      break;
    case PCALL_FRAME_AGAIN:
    case PCALL_FRAME_READY:
    case PCALL_FRAME_FINAL:
    case PCALL_FRAME_HELLO:
    case PCALL_FRAME_CALL:
    case PCALL_FRAME_STOP:
    case PCALL_FRAME_WAKE:
    default:
      pcall_run_refuse (self, frame);
    }
}

static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  PcallRun *self = data;

  if (self->detached)
    return;
  if (frame->type == PCALL_FRAME_HELLO && !self->greeted)
    take_hello (self, frame);
  else if (self->greeted && !self->idle)
    take_frame (self, frame);
  else
    pcall_run_refuse (self, frame);
}

/* Processes close their channel when they end, a moment before that is seen. */
static void
channel_closed (gpointer data)
{
  PcallRun *self = data;

  self->closed = TRUE;
  if (!self->detached)
    be_patient (self, CLOSED_US);
}

const PcallSupervisorFuncs pcall_run_worker_funcs = {
  .calls_out = 1u << PCALL_FRAME_HELLO | 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |
               1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE,
  .frame = frame_came,
  .closed = channel_closed,
  .ended = pcall_run_child_ended,
};

gboolean
pcall_run_is_waiting (PcallRun *self)
{
  return self->idle && !self->ending && !self->closed &&
         pcall_supervisor_get_error (self->supervisor) == NULL;
}

void
pcall_run_next (PcallRun       *self,
                const PcallJob *job)
{
  g_assert (pcall_run_is_waiting (self));

  self->job = *job;
  self->idle = FALSE;
  send_call (self);
  pcall_run_begin (self, g_get_monotonic_time ());
}

gboolean
pcall_run_take_back (PcallRun *self)
{
  if (self->job.slot >= 0)
    return pcall_run_series_take_back (self);
  if (!self->job.methods->takes_calls || !self->greeted || self->idle ||
      pcall_run_has_outcome (self) || pcall_supervisor_get_error (self->supervisor) != NULL ||
      !pcall_supervisor_left_unread (self->supervisor))
    return FALSE;

  self->idle = TRUE;
  return TRUE;
}

void
pcall_run_retire (PcallRun *self)
{
  g_assert (self->idle);

  self->ending = TRUE;
  pcall_supervisor_send (self->supervisor, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  be_patient (self, RETIRE_US);
}
