/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <stdlib.h>

#include "start/pcall-command-private.h"
#include "pcall-error.h"
#include "parent/pcall-runner-parts-private.h"
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
  PcallRunner *self = data;

  if (self->closed)
    pcall_runner_reject (self, "the worker closed its channel, and went on");
  else if (self->greeted)
    pcall_peer_terminate (self->peer, self->setup->grace_period);
  else
    pcall_runner_reject (self, "it did not say hello in time (" ENV_START_TIMEOUT " sets how long that is)");
}

static void
be_patient (PcallRunner *self,
            gint64    length)
{
  pcall_engine_set_timer (self->setup->engine, &self->patience, g_get_monotonic_time () + length,
                          lose_patience, self);
}

void
pcall_runner_expect_hello (PcallRunner *self)
{
  const char *text = g_getenv (ENV_START_TIMEOUT);
  gdouble seconds = text != NULL ? g_ascii_strtod (text, NULL) : 0;

  if (!(seconds > 0 && seconds < G_MAXINT))
    seconds = START_TIMEOUT_S;
  be_patient (self, (gint64) (seconds * G_USEC_PER_SEC));
}

char *
pcall_runner_describe_false_start (PcallRunner   *self,
                                const char *end)
{
  const GError *rejected = pcall_peer_get_error (self->peer);
  g_autofree char *program = pcall_command_describe (self->job.target);

  if (rejected != NULL)
    return g_strdup_printf ("worker program %s: %s", program, rejected->message);
  return g_strdup_printf ("worker program %s: %s before it said hello", program, end);
}

/* The log file is made here: so it is there when the call begins, and a worker opens nothing that
 * somebody else put in its place. */
static char *
make_log (PcallRunner *self)
{
  const PcallLogFiles *log = self->setup->context->log;

  return log != NULL ? pcall_log_files_make (log, self->job.index, self->pid) : NULL;
}

static const char *
get_log_key (PcallRunner *self)
{
  return pcall_log_files_get_key (self->setup->context->log)->digits;
}

static void
send_call (PcallRunner *self)
{
  g_autofree char *log_file = make_log (self);
  PcallArguments *arguments = self->setup->context->arguments;
  guint index = self->job.index;
  g_autoptr (GVariant) args = pcall_arguments_build_args (arguments, index);
  g_autoptr (GVariant) kwargs = pcall_arguments_build_kwargs (arguments, index);

  pcall_peer_send (self->peer, PCALL_FRAME_CALL, index,
                         g_variant_new ("(sv@a{sv}ss)",
                                        pcall_target_get_wire_name (self->job.target), args,
                                        kwargs, log_file != NULL ? log_file : "",
                                        log_file != NULL ? get_log_key (self) : ""));
}

static void
take_hello (PcallRunner         *self,
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

      pcall_runner_reject (self, complaint);
      return;
    }

  pcall_engine_unset_timer (self->setup->engine, &self->patience);
  self->greeted = TRUE;
  if (self->ending)
    return;
  send_call (self);
  pcall_runner_begin (self, g_get_monotonic_time ());
}

static void
forget_outcome (PcallRunner *self)
{
  g_clear_pointer (&self->result, pcall_payload_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->error_details, g_variant_unref);
}

static void
take_outcome (PcallRunner         *self,
              const PcallFrame *frame)
{
  pcall_runner_take_frame (self, frame);
  if (self->result == NULL && self->error == NULL)
    return;

  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  pcall_runner_settle_call (self, pcall_runner_settle_log (self));
  forget_outcome (self);
  self->begun = FALSE;
  self->idle = TRUE;
  self->n_ended++;
  self->setup->funcs->returned (self, self->setup->data);
}

static void
take_frame (PcallRunner         *self,
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
      pcall_runner_take_frame (self, frame);
      break;
    case PCALL_FRAME_AGAIN:
    case PCALL_FRAME_READY:
    case PCALL_FRAME_FINAL:
    case PCALL_FRAME_HELLO:
    case PCALL_FRAME_CALL:
    case PCALL_FRAME_STOP:
    case PCALL_FRAME_WAKE:
    default:
      pcall_runner_refuse (self, frame);
    }
}

static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  PcallRunner *self = data;

  if (self->detached)
    return;
  if (frame->type == PCALL_FRAME_HELLO && !self->greeted)
    take_hello (self, frame);
  else if (self->greeted && !self->idle)
    take_frame (self, frame);
  else
    pcall_runner_refuse (self, frame);
}

/* Processes close their channel when they end, a moment before that is seen. */
static void
channel_closed (gpointer data)
{
  PcallRunner *self = data;

  self->closed = TRUE;
  if (!self->detached)
    be_patient (self, CLOSED_US);
}

const PcallPeerFuncs pcall_runner_push_funcs = {
  .calls_out = 1u << PCALL_FRAME_HELLO | 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |
               1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE,
  .frame = frame_came,
  .closed = channel_closed,
  .ended = pcall_runner_child_ended,
};

gboolean
pcall_runner_is_waiting (PcallRunner *self)
{
  return self->idle && !self->ending && !self->closed &&
         pcall_peer_get_error (self->peer) == NULL;
}

void
pcall_runner_next (PcallRunner       *self,
                const PcallJob *job)
{
  g_assert (pcall_runner_is_waiting (self));

  self->job = *job;
  self->idle = FALSE;
  send_call (self);
  pcall_runner_begin (self, g_get_monotonic_time ());
}

gboolean
pcall_runner_take_back (PcallRunner *self)
{
  if (self->job.slot >= 0)
    return pcall_runner_pull_take_back (self);
  if (!self->job.methods->takes_calls || !self->greeted || self->idle ||
      pcall_runner_has_outcome (self) || pcall_peer_get_error (self->peer) != NULL ||
      !pcall_peer_left_unread (self->peer))
    return FALSE;

  self->idle = TRUE;
  return TRUE;
}

void
pcall_runner_retire (PcallRunner *self)
{
  g_assert (self->idle);

  self->ending = TRUE;
  pcall_peer_send (self->peer, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  be_patient (self, RETIRE_US);
}
