/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-explain-private.h"

#include <signal.h>
#include <sys/wait.h>

#include "pcall-error.h"

/* A child and its calls: what is the same for the three kinds.
 *
 * States: HELD → STARTING → IDLE ⇄ BUSY → OVER → ENDED. A kind leaves out what it does not know;
 * ENDED can follow any other. pcall_runner_set_state() is the only one that changes it, and tells
 * the owner.
 *
 * A call's outcome is the first of: what the child handed over; the verdict, why it was stopped
 * from here; how the child broke the protocol; how it died. What was handed over counts also if
 * the child crashes after it, and what comes after the verdict does not. So whoever gives a verdict
 * reads first all that the child has sent by then.
 *
 * Nothing here calls user code. What there is to tell goes to the queue of events, and is told by
 * whoever drives the task. */

/* The owner may free it in ENDED. */
void
pcall_runner_set_state (PcallRunner      *self,
                        PcallRunnerState  state)
{
  PcallRunnerState before = self->state;

  if (state == before)
    return;

  g_assert (before != PCALL_RUNNER_ENDED);
  self->state = state;
  self->setup->funcs->changed (self, before, self->setup->data);
}

static gboolean
is_heard (PcallRunner *self)
{
  return self->setup->events != NULL && !self->detached;
}

PcallEvent *
pcall_runner_add_event (PcallRunner    *self,
                        PcallEventType  type,
                        guint           index)
{
  return is_heard (self) ? pcall_event_queue_add (self->setup->events, type, index) : NULL;
}

/* Calls */

static void
timed_out (gpointer data)
{
  PcallRunner *self = data;
  g_autofree char *reason = NULL;

  if (self->klass->has_more_time != NULL && self->klass->has_more_time (self))
    return;

  reason = g_strdup_printf ("timed out after %g s",
                            self->setup->timeout / (gdouble) G_USEC_PER_SEC);
  pcall_runner_stop_call (self, PCALL_CALL_STATE_TIMED_OUT, reason);
}

void
pcall_runner_set_timeout (PcallRunner *self,
                          gint64       began)
{
  const PcallRunnerSetup *setup = self->setup;

  if (setup->timeout > 0)
    pcall_engine_set_timer (setup->engine, &self->timeout, began + setup->timeout, timed_out, self);
}

void
pcall_runner_adopt_call (PcallRunner *self,
                         guint        index)
{
  if (self->job.index != index)
    self->job.attempt = 0;
  self->job.index = index;
  pcall_child_list_set_call (self->setup->children, self->child, index);
}

void
pcall_runner_begin_call (PcallRunner *self,
                         gint64       began)
{
  const PcallRunnerSetup *setup = self->setup;
  PcallEvent *event;
  gboolean first;

  self->begun = TRUE;
  self->began = began;
  pcall_explain_begun (self);
  pcall_runner_set_timeout (self, began);

  /* It may have begun before, in a child that had to be replaced without knowing it. */
  first = pcall_call_list_expect_begin (setup->calls, self->job.index);
  if (pcall_peer_get_host (self->peer) != NULL)
    pcall_call_list_set_host (setup->calls, self->job.index, pcall_peer_get_host (self->peer));
  event = pcall_runner_add_event (self, PCALL_EVENT_CALL_BEGAN, self->job.index);
  if (event != NULL)
    {
      event->began.pid = self->pid;
      event->began.time = began;
      event->began.first = first;
    }
  setup->funcs->began (self, setup->data);
  pcall_runner_set_state (self, PCALL_RUNNER_BUSY);
}

/* Once for each call. */
static void
end_call (PcallRunner   *self,
          PcallCallState state,
          gint64         took,
          gboolean       has_log)
{
  PcallEvent *event;

  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  if (!pcall_call_list_expect_end (self->setup->calls, self->job.index))
    {
      pcall_outcome_clear (&self->outcome);
      return;
    }

  pcall_explain_call_ended (self, state, took);
  event = pcall_runner_add_event (self, PCALL_EVENT_CALL_ENDED, self->job.index);
  if (event != NULL)
    {
      event->ended.end = (PcallCallEnd) { state, self->begun ? self->pid : 0, took, has_log };
      event->ended.outcome = pcall_outcome_steal (&self->outcome);
    }
  pcall_outcome_clear (&self->outcome);
  self->setup->funcs->finished (self, state, self->setup->data);
}

static PcallCallState
get_outcome_state (PcallRunner *self)
{
  return pcall_outcome_is_success (&self->outcome) ? PCALL_CALL_STATE_SUCCEEDED
                                                   : PCALL_CALL_STATE_FAILED;
}

void
pcall_runner_finish_call (PcallRunner *self,
                          gint64       took,
                          gboolean     has_log)
{
  PcallCallState state =
      pcall_outcome_is_set (&self->outcome) ? get_outcome_state (self)
                                            : pcall_runner_blame (self, has_log);

  end_call (self, state, took, has_log);
  self->begun = FALSE;
  self->n_ended++;
  pcall_runner_set_state (self, PCALL_RUNNER_IDLE);
}

gboolean
pcall_runner_settle_own_log (PcallRunner *self)
{
  const PcallStartContext *context = self->setup->context;

  if (!self->begun)
    pcall_runner_discard_log (self);
  return self->begun && context->log != NULL &&
         (context->keep_logs ||
          !pcall_log_files_discard_empty (context->log, self->job.index, self->pid));
}

/* Frames */

/* Thousands may come at once, of which a bar shows the last. */
static PcallEvent *
add_progress (PcallRunner *self)
{
  if (!is_heard (self) || self->setup->funcs->wants_each_progress (self->setup->data))
    return pcall_runner_add_event (self, PCALL_EVENT_CALL_PROGRESSED, self->job.index);
  return pcall_event_queue_renew (self->setup->events, PCALL_EVENT_CALL_PROGRESSED,
                                  self->job.index);
}

static void
take_progress (PcallRunner      *self,
               const PcallFrame *frame)
{
  g_autoptr (GVariant) value = pcall_payload_get_value (frame->payload, G_VARIANT_TYPE ("(ds)"));
  PcallEvent *event;
  gdouble fraction;
  const char *text;

  g_variant_get (value, "(d&s)", &fraction, &text);
  if (!(fraction >= 0.0 && fraction <= 1.0))
    return;

  event = add_progress (self);
  if (event == NULL)
    return;
  event->progress.fraction = fraction;
  event->progress.text = g_strdup (text);
}

static void
take_message (PcallRunner      *self,
              const PcallFrame *frame)
{
  PcallEvent *event = self->setup->funcs->wants_call_events (self->setup->data)
                          ? pcall_runner_add_event (self, PCALL_EVENT_CALL_SENT, self->job.index)
                          : NULL;

  if (event == NULL)
    return;
  event->message.payload = pcall_payload_ref (frame->payload);
  g_set_object (&event->message.handles, frame->handles);
}

static void
take_note (PcallRunner      *self,
           const PcallFrame *frame)
{
  g_autoptr (GVariant) value = pcall_payload_get_value (frame->payload, G_VARIANT_TYPE_STRING);

  pcall_call_list_set_log_note (self->setup->calls, self->job.index,
                                g_variant_get_string (value, NULL));
}

static gboolean
has_end (PcallRunner *self)
{
  return pcall_outcome_is_set (&self->outcome) || self->verdict != PCALL_CALL_STATE_PENDING;
}

void
pcall_runner_take_report (PcallRunner      *self,
                          const PcallFrame *frame)
{
  if (!self->begun)
    return;

  if (frame->type == PCALL_FRAME_NOTE)
    take_note (self, frame);
  else if (has_end (self))
    return;
  else if (frame->type == PCALL_FRAME_PROGRESS)
    take_progress (self, frame);
  else
    take_message (self, frame);
}

void
pcall_runner_take_outcome (PcallRunner      *self,
                           const PcallFrame *frame)
{
  if (!has_end (self))
    pcall_outcome_set_frame (&self->outcome, frame);
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

void
pcall_runner_take_final (PcallRunner *self)
{
  if (self->state >= PCALL_RUNNER_OVER)
    return;

  pcall_peer_stop_listening (self->peer);
  pcall_runner_set_state (self, PCALL_RUNNER_OVER);
}

void
pcall_runner_reject (PcallRunner *self,
                     const char  *complaint)
{
  pcall_peer_reject (self->peer,
                     g_error_new_literal (PCALL_ERROR, PCALL_ERROR_PROTOCOL, complaint));
}

void
pcall_runner_refuse (PcallRunner      *self,
                     const PcallFrame *frame)
{
  pcall_peer_reject (self->peer,
                     g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                  "the child sent a frame of type %s, which it may not send",
                                  pcall_frame_type_name (frame->type)));
}

/* It is the first thing that a child says, or it is not said by us. */
static void
take_again (PcallRunner      *self,
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
  self->replaced = TRUE;
}

static gboolean
is_about_other_call (PcallRunner      *self,
                     const PcallFrame *frame)
{
  return (self->klass->of_a_call & pcall_frame_bit (frame->type)) != 0 &&
         frame->call_index != self->job.index;
}

void
pcall_runner_hear (const PcallFrame *frame,
                   gpointer          data)
{
  PcallRunner *self = data;
  gboolean first = !self->heard;

  if (self->detached)
    return;

  self->heard = TRUE;
  if ((self->klass->frames & pcall_frame_bit (frame->type)) == 0)
    pcall_runner_refuse (self, frame);
  else if (is_about_other_call (self, frame))
    pcall_peer_reject (self->peer,
                       g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                    "the child sent a frame about call %u, which it does not run",
                                    frame->call_index));
  else if (frame->type == PCALL_FRAME_AGAIN)
    take_again (self, frame, first);
  else
    self->klass->frame (self, frame);
}

/* The child */

void
pcall_runner_free (PcallRunner *self)
{
  if (self->klass->clear != NULL)
    self->klass->clear (self);
  if (self->setup->crew != NULL && self->peer != NULL)
    pcall_crew_give_back (self->setup->crew, self->peer);
  else
    g_clear_pointer (&self->peer, pcall_peer_free);
  pcall_outcome_clear (&self->outcome);
  g_free (self->verdict_reason);
  g_free (self);
}

void
pcall_runner_release (PcallRunner *self)
{
  pcall_runner_set_state (self, PCALL_RUNNER_STARTING);
  self->klass->release (self);
}

static void
give_verdict (PcallRunner    *self,
              PcallCallState  state,
              const char     *reason)
{
  if (!self->has_call || self->verdict != PCALL_CALL_STATE_PENDING)
    return;

  self->verdict = state;
  self->verdict_reason = g_strdup (reason);
  if (self->klass->stopped != NULL)
    self->klass->stopped (self);
}

static void
stop_drained (PcallRunner    *self,
              PcallCallState  state,
              const char     *reason,
              gint64          grace_period)
{
  self->stopping = TRUE;
  give_verdict (self, state, reason);
  if (pcall_peer_terminate (self->peer, grace_period))
    pcall_explain_stopped (self, reason);
}

static void
stop_within (PcallRunner    *self,
             PcallCallState  state,
             const char     *reason,
             gint64          grace_period)
{
  self->stopping = TRUE;
  /* It may have handed over its outcome in time, without our having read it. */
  self->klass->drain (self);
  stop_drained (self, state, reason, grace_period);
}

void
pcall_runner_stop (PcallRunner    *self,
                   PcallCallState  state,
                   const char     *reason)
{
  stop_within (self, state, reason, self->setup->grace_period);
}

void
pcall_runner_kill (PcallRunner    *self,
                   PcallCallState  state,
                   const char     *reason)
{
  stop_within (self, state, reason, 0);
}

/* To look twice would be to stop the call that follows. */
void
pcall_runner_stop_call (PcallRunner    *self,
                        PcallCallState  state,
                        const char     *reason)
{
  if (self->klass->has_ended_in_time == NULL)
    pcall_runner_stop (self, state, reason);
  else if (self->klass->has_ended_in_time (self))
    return;
  else if (self->klass->withdraw == NULL)
    stop_drained (self, state, reason, self->setup->grace_period);
  else
    {
      give_verdict (self, state, reason);
      self->klass->withdraw (self);
      pcall_explain_stopped (self, reason);
    }
}

void
pcall_runner_take_back (PcallRunner *self,
                        guint        index)
{
  if (self->klass->take_back != NULL)
    self->klass->take_back (self, index);
}

static gboolean
must_be_replaced (PcallRunner *self)
{
  const PcallExit *exit = pcall_runner_get_exit (self);

  if (self->replaced)
    return TRUE;
  return self->started.says_ready && !self->ready && exit->known && WIFSIGNALED (exit->status) &&
         WTERMSIG (exit->status) == SIGALRM;
}

PcallFate
pcall_runner_get_fate (PcallRunner *self)
{
  if (pcall_outcome_is_set (&self->outcome))
    return PCALL_FATE_DONE;
  if (self->verdict == PCALL_CALL_STATE_PENDING && must_be_replaced (self))
    return PCALL_FATE_REPLACED;
  if (self->has_call && self->klass->is_untouched != NULL && self->klass->is_untouched (self))
    return PCALL_FATE_UNTOUCHED;
  if (self->has_call && self->verdict == PCALL_CALL_STATE_PENDING &&
      pcall_peer_get_loss (self->peer) != NULL)
    return PCALL_FATE_LOST;
  return PCALL_FATE_DONE;
}

void
pcall_runner_give_up_call (PcallRunner *self)
{
  self->has_call = FALSE;
  pcall_runner_discard_log (self);
}

void
pcall_runner_finish (PcallRunner *self)
{
  gboolean has_log = self->has_call && self->klass->settle_log (self);
  PcallEvent *event = pcall_runner_add_event (self, PCALL_EVENT_CHILD_ENDED, self->child);
  PcallCallState state;

  pcall_explain_ended (self, pcall_runner_get_exit (self));
  if (event != NULL)
    event->exit = *pcall_runner_get_exit (self);
  if (!self->has_call)
    return;

  state = pcall_outcome_is_set (&self->outcome) ? get_outcome_state (self)
                                                : pcall_runner_blame (self, has_log);
  end_call (self, state, -1, has_log);
}

void
pcall_runner_detach (PcallRunner *self)
{
  self->detached = TRUE;
  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  if (self->klass->detach != NULL)
    self->klass->detach (self);
}

void
pcall_runner_discard_log (PcallRunner *self)
{
  if (self->setup->context->log != NULL)
    pcall_log_files_discard (self->setup->context->log, self->job.index, self->pid);
}

PcallRunnerState
pcall_runner_get_state (PcallRunner *self)
{
  return self->state;
}

const PcallJob *
pcall_runner_get_job (PcallRunner *self)
{
  return &self->job;
}

gboolean
pcall_runner_is_in_call (PcallRunner *self)
{
  return self->has_call && self->state < PCALL_RUNNER_OVER && (self->begun || self->job.slot < 0);
}

pid_t
pcall_runner_get_pid (PcallRunner *self)
{
  return self->pid;
}

guint
pcall_runner_get_child (PcallRunner *self)
{
  return self->child;
}

gboolean
pcall_runner_has_failed (PcallRunner *self)
{
  return self->outcome.error != NULL;
}

guint
pcall_runner_get_n_ended (PcallRunner *self)
{
  return self->n_ended;
}

gboolean
pcall_runner_finds_out (PcallRunner *self)
{
  return self->state == PCALL_RUNNER_STARTING && self->started.says_ready && !self->ready;
}

GList *
pcall_runner_get_link (PcallRunner *self)
{
  return &self->link;
}
