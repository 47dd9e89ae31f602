/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-runner-parts-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/pcall-error-private.h"
#include "pcall-error.h"

/* The calls of one child, one after the other.
 *
 * Where the child is made for one call, the call ends with the child. Where it takes calls, the
 * call ends when the child says what came of it; if it dies before, it is that call which crashed,
 * and no other.
 *
 * The outcome of a call is the first of: what the child handed over; why the run was ended from
 * here (timeout, cancel); how the child broke the protocol; how it died. What was handed over
 * counts also if the child crashes after it, and what comes after the run was ended does not. */

gboolean
pcall_runner_has_outcome (PcallRunner *self)
{
  return self->result != NULL || self->number.type != '\0' || self->error != NULL ||
         self->end_state != PCALL_CALL_STATE_PENDING;
}

static void
timed_out (gpointer data)
{
  PcallRunner *self = data;
  g_autofree char *reason = NULL;

  if (self->job.slot >= 0 && pcall_runner_pull_is_in_time (self))
    return;

  reason = g_strdup_printf ("timed out after %g s",
                            self->setup->timeout / (gdouble) G_USEC_PER_SEC);
  pcall_runner_end (self, PCALL_CALL_STATE_TIMED_OUT, reason);
}

static void
list_child (PcallRunner *self)
{
  PcallChildList *children = self->setup->children;

  if (self->listed)
    pcall_child_list_set_call (children, self->child, self->job.index);
  else if (self->job.child < 0)
    self->child = pcall_child_list_add (children, self->pid, self->job.index);
  else
    pcall_child_list_replace (children, self->child = self->job.child, self->pid);
  self->listed = TRUE;
}

void
pcall_runner_note_child (PcallRunner *self)
{
  list_child (self);
}

void
pcall_runner_note_begin (PcallRunner *self,
                      gint64    began)
{
  self->begun = TRUE;
  list_child (self);
  pcall_call_list_begin (self->setup->calls, self->job.index, self->pid, began);
}

void
pcall_runner_begin (PcallRunner *self,
                 gint64    began)
{
  const PcallRunnerSetup *setup = self->setup;

  /* It may have begun before, for a child that went without knowing. */
  gboolean first =
      pcall_call_list_get_state (setup->calls, self->job.index) == PCALL_CALL_STATE_PENDING;

  pcall_runner_note_begin (self, began);
  if (setup->timeout > 0)
    pcall_engine_set_timer (setup->engine, &self->timeout, began + setup->timeout, timed_out, self);

  setup->funcs->begun (self, first, setup->data);
}

void
pcall_runner_take_outcome (PcallRunner      *self,
                        PcallFrameType type,
                        PcallPayload  *payload)
{
  if (self->result != NULL || self->number.type != '\0' || self->error != NULL)
    return;

  if (type == PCALL_FRAME_RESULT)
    self->result = pcall_payload_ref (payload);
  else
    {
      g_autoptr (GVariant) value = pcall_payload_get_value (payload, PCALL_ERROR_VARIANT_TYPE);

      self->error = pcall_error_from_variant (value, &self->error_details);
    }
}

static void
take_outcome (PcallRunner         *self,
              const PcallFrame *frame)
{
  if (!pcall_runner_has_outcome (self) || self->outcome_in_time)
    {
      pcall_runner_take_outcome (self, frame->type, frame->payload);
      if (self->result == frame->payload)
        g_set_object (&self->handles, frame->handles);
    }
  self->outcome_in_time = FALSE;
}

static void
take_progress (PcallRunner         *self,
               const PcallFrame *frame)
{
  const PcallRunnerSetup *setup = self->setup;
  g_autoptr (GVariant) value = pcall_payload_get_value (frame->payload, G_VARIANT_TYPE ("(ds)"));
  gdouble fraction;
  const char *text;

  g_variant_get (value, "(d&s)", &fraction, &text);
  if (!(fraction >= 0.0 && fraction <= 1.0))
    return;

  pcall_call_list_set_progress (setup->calls, self->job.index, fraction, text);
  setup->funcs->progressed (self, fraction, text, setup->data);
}

static void
take_note (PcallRunner         *self,
           const PcallFrame *frame)
{
  g_autoptr (GVariant) value = pcall_payload_get_value (frame->payload, G_VARIANT_TYPE_STRING);

  pcall_call_list_set_log_note (self->setup->calls, self->job.index,
                                g_variant_get_string (value, NULL));
}

/* The child has a log writer of ours, or it would have said something else. */
void
pcall_runner_learn_ready (PcallRunner *self)
{
  if (!self->started.says_ready || self->ready)
    return;

  self->ready = TRUE;
  if (self->setup->context->log != NULL && self->started.log_route == PCALL_LOG_ROUTE_UNKNOWN)
    pcall_log_route_learn (PCALL_LOG_ROUTE_WRITER);
}

static void
take_ready (PcallRunner *self)
{
  if (!self->started.says_ready || self->begun || pcall_runner_has_outcome (self))
    return;

  pcall_runner_learn_ready (self);
  pcall_runner_begin (self, g_get_monotonic_time ());
}

void
pcall_runner_reject (PcallRunner   *self,
                  const char *complaint)
{
  pcall_peer_reject (self->peer, g_error_new_literal (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                                                  complaint));
}

void
pcall_runner_take_final (PcallRunner *self)
{
  if (self->over)
    return;

  self->over = TRUE;
  pcall_peer_stop_listening (self->peer);
  self->setup->funcs->over (self, self->setup->data);
}

/* It is the first thing that a child says, or it is not said by us. */
void
pcall_runner_take_again (PcallRunner         *self,
                      const PcallFrame *frame,
                      gboolean          first)
{
  g_autoptr (GVariant) value = pcall_payload_get_value (frame->payload, G_VARIANT_TYPE_UINT32);
  guint route = g_variant_get_uint32 (value);

  if (!first || route <= self->started.log_route || route > PCALL_LOG_ROUTE_NONE)
    {
      pcall_runner_reject (self, "the child asked for another one without need");
      return;
    }

  pcall_log_route_learn (route);
  self->again = TRUE;
}

void
pcall_runner_refuse (PcallRunner         *self,
                  const PcallFrame *frame)
{
  pcall_peer_reject (self->peer,
                           g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                        "the child sent a frame of type %s, which is not its to send",
                                        pcall_frame_type_name (frame->type)));
}

void
pcall_runner_take_frame (PcallRunner         *self,
                      const PcallFrame *frame)
{
  if (frame->call_index != self->job.index)
    {
      pcall_peer_reject (self->peer,
                               g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                            "the child sent a frame about call %u, which is not its",
                                            frame->call_index));
      return;
    }

  switch (frame->type)
    {
    case PCALL_FRAME_READY:
      take_ready (self);
      break;
    case PCALL_FRAME_NOTE:
      if (self->begun)
        take_note (self, frame);
      break;
    case PCALL_FRAME_RESULT:
    case PCALL_FRAME_ERROR:
      take_outcome (self, frame);
      break;
    case PCALL_FRAME_PROGRESS:
      if (!pcall_runner_has_outcome (self) && self->begun)
        take_progress (self, frame);
      break;
    case PCALL_FRAME_MESSAGE:
      if (!pcall_runner_has_outcome (self) && self->begun)
        self->setup->funcs->messaged (self, frame->payload, frame->handles, self->setup->data);
      break;
    case PCALL_FRAME_FINAL:
      pcall_runner_take_final (self);
      break;
    case PCALL_FRAME_AGAIN:
    case PCALL_FRAME_HELLO:
    case PCALL_FRAME_CALL:
    case PCALL_FRAME_STOP:
    case PCALL_FRAME_WAKE:
      pcall_runner_refuse (self, frame);
      break;
    default:
      g_assert_not_reached ();
    }
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
    pcall_runner_take_again (self, frame, first);
  else
    pcall_runner_take_frame (self, frame);
}

void
pcall_runner_child_ended (gpointer data)
{
  PcallRunner *self = data;

  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  pcall_engine_unset_timer (self->setup->engine, &self->patience);
  self->setup->funcs->ended (self, self->setup->data);
}

static const PcallPeerFuncs funcs = {
  .calls_out = 1u << PCALL_FRAME_READY | 1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE,
  .frame = frame_came,
  .ended = pcall_runner_child_ended,
};

static const PcallPeerFuncs *
choose_funcs (const PcallJob *job)
{
  if (job->slot >= 0)
    return &pcall_runner_pull_funcs;
  return job->methods->takes_calls ? &pcall_runner_push_funcs : &funcs;
}

PcallRunner *
pcall_runner_new (const PcallRunnerSetup *setup,
               const PcallJob      *job,
               int                 *error_number,
               GError             **error)
{
  PcallStarted started = { .error_number = 0 };
  PcallRunner *self;

  if (!job->methods->start (setup->context, job, &started, error))
    {
      *error_number = started.error_number;
      return NULL;
    }

  self = g_new (PcallRunner, 1);
  *self = (PcallRunner) {
    .setup = setup,
    .job = *job,
    .started = started,
    .pid = started.process.pid,
    .link.data = self,
  };
  self->peer = pcall_peer_new (setup->engine, &started, setup->context->nonce,
                                           choose_funcs (job), self, error);
  if (self->peer != NULL)
    return self;

  *error_number = ENOMEM;
  pcall_runner_free (self);
  return NULL;
}

void
pcall_runner_free (PcallRunner *self)
{
  if (self->n_holds > 0)
    {
      self->freed = TRUE;
      return;
    }

  g_clear_pointer (&self->peer, pcall_peer_unref);
  g_clear_pointer (&self->result, pcall_payload_unref);
  g_clear_pointer (&self->spare, pcall_payload_unref);
  g_clear_pointer (&self->block, pcall_payload_unref);
  g_clear_object (&self->handles);
  g_clear_error (&self->error);
  g_clear_pointer (&self->error_details, g_variant_unref);
  g_free (self->end_reason);
  g_free (self);
}

void
pcall_runner_go (PcallRunner *self)
{
  if (self->job.methods->takes_calls)
    {
      pcall_runner_expect_hello (self);
      return;
    }

  self->gone = TRUE;
  pcall_start_go (&self->started);
  if (!self->started.says_ready && self->job.slot < 0)
    pcall_runner_begin (self, g_get_monotonic_time ());
}

void
pcall_runner_end (PcallRunner       *self,
               PcallCallState  state,
               const char     *reason)
{
  self->ending = TRUE;
  /* It may have handed over its result in time, without our having read it. */
  if (self->job.slot >= 0)
    pcall_runner_pull_end (self, state, reason);
  else if (!self->idle && !pcall_runner_has_outcome (self) &&
      !pcall_peer_has_frame (self->peer, PCALL_FRAME_RESULT) &&
      !pcall_peer_has_frame (self->peer, PCALL_FRAME_ERROR))
    {
      self->end_state = state;
      self->end_reason = g_strdup (reason);
    }
  pcall_peer_terminate (self->peer, self->setup->grace_period);
}

gboolean
pcall_runner_is_to_be_tried_again (PcallRunner *self)
{
  const PcallExit *exit = pcall_peer_get_exit (self->peer);

  if (pcall_runner_has_outcome (self))
    return FALSE;
  if (self->again)
    return TRUE;
  return self->started.says_ready && !self->ready && exit->known && WIFSIGNALED (exit->status) &&
         WTERMSIG (exit->status) == SIGALRM;
}

/* What happened, where the call did not say so itself, and as what it counts. */
static char *
describe_end (PcallRunner       *self,
              PcallCallState *state,
              PcallError     *code)
{
  const PcallExit *exit = pcall_peer_get_exit (self->peer);
  const GError *rejected = pcall_peer_get_error (self->peer);
  g_autofree char *end = pcall_exit_describe (exit);

  *state = PCALL_CALL_STATE_FAILED;
  if (self->end_state != PCALL_CALL_STATE_PENDING)
    {
      *state = self->end_state;
      *code = *state == PCALL_CALL_STATE_TIMED_OUT ? PCALL_ERROR_TIMED_OUT : PCALL_ERROR_CANCELLED;
      return g_strdup (self->end_reason);
    }
  if (self->job.methods->takes_calls && !self->greeted)
    {
      *code = PCALL_ERROR_START;
      return pcall_runner_describe_false_start (self, end);
    }
  if (rejected != NULL)
    {
      *code = PCALL_ERROR_PROTOCOL;
      return g_strdup (rejected->message);
    }
  if (!exit->known)
    {
      *code = PCALL_ERROR_STATUS_LOST;
      return g_steal_pointer (&end);
    }
  if (WIFSIGNALED (exit->status))
    {
      *state = PCALL_CALL_STATE_CRASHED;
      *code = PCALL_ERROR_CRASHED;
      return g_steal_pointer (&end);
    }
  *code = PCALL_ERROR_EXITED;
  return g_strdup_printf ("%s without handing over a result", end);
}

static void
fail (PcallRunner *self,
      gboolean  has_log)
{
  PcallLogFiles *log = self->setup->context->log;
  PcallCallState state;
  PcallError code = PCALL_ERROR_FAILED;
  g_autofree char *cause = describe_end (self, &state, &code);
  g_autofree char *call = pcall_call_list_describe (self->setup->calls, self->job.index);
  g_autofree char *tail =
      has_log ? pcall_log_files_get_tail (log, self->job.index, self->pid) : NULL;
  GError *error = tail == NULL ? g_error_new (PCALL_ERROR, code, "%s: %s", call, cause)
                               : g_error_new (PCALL_ERROR, code, "%s: %s" PCALL_LAST_OUTPUT "%s",
                                              call, cause, tail);

  pcall_call_list_finish (self->setup->calls, self->job.index, state, NULL, error, NULL);
}

gboolean
pcall_runner_settle_log (PcallRunner *self)
{
  const PcallStartContext *context = self->setup->context;
  gboolean has_log = self->begun && context->log != NULL &&
                     (context->keep_logs ||
                      !pcall_log_files_discard_empty (context->log, self->job.index, self->pid));

  if (!self->begun)
    pcall_runner_discard_log (self);
  pcall_call_list_settle_log (self->setup->calls, self->job.index, has_log);
  return has_log;
}

void
pcall_runner_settle_call (PcallRunner *self,
                       gboolean  has_log)
{
  PcallCallList *calls = self->setup->calls;
  g_autoptr (GUnixFDList) handles = g_steal_pointer (&self->handles);

  if (handles != NULL)
    pcall_call_list_set_handles (calls, self->job.index, handles);
  if (self->result != NULL)
    pcall_call_list_finish (calls, self->job.index, PCALL_CALL_STATE_SUCCEEDED, self->result, NULL,
                            NULL);
  else if (self->number.type != '\0')
    pcall_call_list_finish_number (calls, self->job.index, &self->number);
  else if (self->error != NULL)
    pcall_call_list_finish (calls, self->job.index, PCALL_CALL_STATE_FAILED, NULL,
                            g_steal_pointer (&self->error), self->error_details);
  else
    fail (self, has_log);
}

void
pcall_runner_settle (PcallRunner *self)
{
  gboolean has_log = !self->idle && pcall_runner_settle_log (self);

  if (self->listed)
    pcall_child_list_set_exit (self->setup->children, self->child,
                               pcall_peer_get_exit (self->peer));
  if (!self->idle)
    pcall_runner_settle_call (self, has_log);
}

void
pcall_runner_detach (PcallRunner *self)
{
  self->detached = TRUE;
  pcall_engine_unset_timer (self->setup->engine, &self->poll);
  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  pcall_engine_unset_timer (self->setup->engine, &self->patience);
}

void
pcall_runner_discard_log (PcallRunner *self)
{
  if (self->setup->context->log != NULL)
    pcall_log_files_discard (self->setup->context->log, self->job.index, self->pid);
}

const PcallJob *
pcall_runner_get_job (PcallRunner *self)
{
  return &self->job;
}

gboolean
pcall_runner_get_child (PcallRunner *self,
                     guint    *position)
{
  *position = self->child;
  return self->listed;
}

gboolean
pcall_runner_has_call (PcallRunner *self)
{
  return !self->idle;
}

guint
pcall_runner_get_n_ended (PcallRunner *self)
{
  return self->n_ended;
}

gboolean
pcall_runner_has_gone (PcallRunner *self)
{
  return self->gone;
}

gboolean
pcall_runner_is_over (PcallRunner *self)
{
  return self->over;
}

gboolean
pcall_runner_finds_out (PcallRunner *self)
{
  return self->gone && self->started.says_ready && !self->ready;
}

GList *
pcall_runner_get_link (PcallRunner *self)
{
  return &self->link;
}
