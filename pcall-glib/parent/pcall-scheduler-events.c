/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

/* From what runners report to what is told.
 *
 * Taking in has no end that user code could see: the engine is dispatched, runners read and append
 * to the queue of events, children that have ended make room, and others are started. Then either
 * who looks applies all events to the records, or who drives applies and tells them one by one.
 *
 * Who drives takes in one thing after the other, and tells each at once: so who is told that a call
 * has begun finds its process, if it has not ended since. Where nobody is told of calls, all that
 * has happened is taken in together.
 *
 * User code may drive the task in its turn: it finds the rest of the queue. Only that all is over
 * is told when nothing else is being told: the outermost does it. */

#define BURST_US 4000

/* How long a row of events is told before what has happened meanwhile is taken in: timeouts do
 * not wait for the reports of others. */
#define TAKE_IN_US 5000

/* Forks until a child gets through its lock trial. Seen: up to 73 % fail; 0.73^100 is 10^-14. */
#define MAX_ATTEMPTS 100

/* How often a call is given to a child that is dead. */
#define MAX_DELIVERIES 10

/* User code that drives the task is told what there is, which may drive the task again. So deep,
 * and no deeper: what is left is told further out. */
#define MAX_DEPTH 16

/* What runners report */

static void
after_end (PcallScheduler *self,
           PcallCallState  state)
{
  if (state != PCALL_CALL_STATE_SUCCEEDED &&
      self->options.failure_policy == PCALL_FAILURE_POLICY_STOP)
    pcall_scheduler_stop_all (self, PCALL_CALL_STATE_CANCELLED,
                              "cancelled, because another call failed");
}

void
pcall_scheduler_finish_unstarted (PcallScheduler *self,
                                  int             slot,
                                  guint           index,
                                  PcallCallState  state,
                                  PcallError      code,
                                  const char     *reason)
{
  g_autofree char *call = pcall_call_list_describe (self->calls, index);
  PcallEvent *event;

  if (self->context.ledger != NULL)
    pcall_ledger_settle (self->context.ledger, slot, index);
  if (!pcall_call_list_expect_end (self->calls, index))
    return;

  event = pcall_event_queue_add (&self->events, PCALL_EVENT_CALL_ENDED, index);
  event->ended.end = (PcallCallEnd) { .state = state, .took = -1 };
  pcall_outcome_set_error (&event->ended.outcome,
                           g_error_new (PCALL_ERROR, code, "%s: %s", call, reason));
  after_end (self, state);
}

gboolean
pcall_scheduler_has_objects (PcallScheduler *self)
{
  return pcall_call_list_has_objects (self->calls) || pcall_child_list_has_objects (self->children);
}

/* Who holds a call or a child is told, also when the task is gone. */
static gboolean
wants_call_events (gpointer data)
{
  PcallScheduler *self = data;

  return pcall_scheduler_has_objects (self) ||
         (self->logs != NULL && self->options.log_mode == PCALL_LOG_MODE_LIVE) ||
         (self->funcs != NULL && self->funcs->wants_call_events (self->data));
}

static gboolean
wants_each_progress (gpointer data)
{
  PcallScheduler *self = data;

  return self->funcs != NULL && self->funcs->wants_each_progress (self->data);
}

static void
runner_began (PcallRunner *runner,
              gpointer     data)
{
  PcallScheduler *self = data;

  if (self->logs != NULL)
    pcall_log_delivery_begin (self->logs, pcall_runner_get_job (runner)->index,
                              pcall_runner_get_pid (runner));
  pcall_scheduler_send_ahead (self, runner);
}

static void
runner_returned (PcallRunner    *runner,
                 const PcallJob *job,
                 const char     *loss,
                 gpointer        data)
{
  pcall_scheduler_take_returned (data, job, loss);
}

static void
runner_finished (PcallRunner   *runner,
                 PcallCallState state,
                 gpointer       data)
{
  after_end (data, state);
}

static void
put_back (PcallScheduler *self,
          PcallRunner    *runner)
{
  guint limit = self->options.calls_per_worker;

  if (limit == 0 || pcall_runner_get_n_ended (runner) < limit)
    pcall_roster_put (&self->roster, runner);
  else if (pcall_runner_push_is_waiting (runner))
    pcall_runner_push_retire (runner);
}

/* The child has ended, and its call @index is seen to. Others that it had are for others, as
 * long as anybody wants to know. */
static void
free_slot (PcallScheduler *self,
           int             slot,
           guint           index)
{
  PcallSpan span = { 0, 0 };

  if (slot < 0)
    return;

  while (pcall_ledger_reclaim (self->context.ledger, slot, &span))
    {
      PcallTurn rest = { span.first + (span.first == index), span.end, 0, -1 };

      if (rest.index < rest.end && self->funcs != NULL)
        pcall_queue_put_back (&self->queue, slot, rest);
    }
  pcall_ledger_close_slot (self->context.ledger, slot);
}

/* Nothing has run in the child. */
static gboolean
try_again (PcallScheduler *self,
           PcallRunner    *runner)
{
  const PcallJob *job = pcall_runner_get_job (runner);

  pcall_runner_give_up_call (runner);
  pcall_explain (&self->events,
                 "child %d: did not come to call %u, as another thread of this process held a lock "
                 "at the fork, or was within a step of its main loop, or its log is to be captured "
                 "otherwise",
                 (int) pcall_runner_get_pid (runner), job->index);
  if (job->attempt + 1 < MAX_ATTEMPTS)
    {
      pcall_queue_put_back (&self->queue, job->slot,
                            pcall_turn_new (job->index, job->attempt + 1,
                                            pcall_runner_get_child (runner)));
      return TRUE;
    }

  pcall_scheduler_finish_unstarted (self, job->slot, job->index, PCALL_CALL_STATE_FAILED,
                                    PCALL_ERROR_START,
                                    "other threads of this process held locks of GLib at every "
                                    "fork");
  return FALSE;
}

static void
deliver_again (PcallScheduler *self,
               PcallRunner    *runner)
{
  const PcallJob *job = pcall_runner_get_job (runner);

  if (pcall_scheduler_is_stopped (self) || job->attempt + 1 >= MAX_DELIVERIES)
    return;

  pcall_runner_give_up_call (runner);
  pcall_explain (&self->events, "child %d: ended before it took call %u, which is for another",
                 (int) pcall_runner_get_pid (runner), job->index);
  pcall_queue_put_back (&self->queue, job->slot, pcall_turn_new (job->index, job->attempt + 1, -1));
}

/* It may have run, wholly or in part: only who says that this does no harm has it run again. */
static void
run_lost_again (PcallScheduler *self,
                PcallRunner    *runner)
{
  const PcallJob *job = pcall_runner_get_job (runner);

  if (!pcall_scheduler_may_retry (self, job->index))
    return;

  pcall_runner_give_up_call (runner);
  pcall_queue_put_back (&self->queue, job->slot, pcall_turn_new (job->index, 0, -1));
}

static void
runner_ended (PcallScheduler *self,
              PcallRunner    *runner)
{
  PcallJob job = *pcall_runner_get_job (runner);
  PcallFate fate = pcall_runner_get_fate (runner);
  gboolean replaced = FALSE;

  if (self->calls != NULL && fate == PCALL_FATE_REPLACED)
    replaced = try_again (self, runner);
  else if (self->calls != NULL && fate == PCALL_FATE_UNTOUCHED)
    deliver_again (self, runner);
  else if (self->calls != NULL && fate == PCALL_FATE_LOST)
    run_lost_again (self, runner);

  free_slot (self, job.slot, job.index);
  if (self->funcs == NULL && !self->options.keep_logs)
    pcall_runner_discard_log (runner);
  if (self->calls != NULL && !replaced)
    pcall_runner_finish (runner);
  pcall_runner_free (runner);
}

/* Whether the next child can be made while this one ends. Not where there will be none. */
static gboolean
makes_room (PcallScheduler *self,
            PcallRunner    *runner)
{
  return self->options.failure_policy != PCALL_FAILURE_POLICY_STOP ||
         !pcall_runner_has_failed (runner);
}

static void
leave_crew (PcallScheduler  *self,
            PcallRunner     *runner,
            PcallRunnerState before)
{
  GList *link = pcall_runner_get_link (runner);
  gboolean is_worker = pcall_runner_get_job (runner)->methods->takes_calls;

  if (self->crew.held == link)
    self->crew.held = link->next;
  g_queue_unlink (&self->crew.all, link);
  if (is_worker)
    pcall_roster_remove (&self->roster, runner);
  self->crew.n_released -= before > PCALL_RUNNER_HELD && !is_worker;
  self->crew.n_over -= before == PCALL_RUNNER_OVER && makes_room (self, runner);
  self->room.crowded = FALSE;
}

static void
runner_changed (PcallRunner     *runner,
                PcallRunnerState before,
                gpointer         data)
{
  PcallScheduler *self = data;

  switch (pcall_runner_get_state (runner))
    {
    case PCALL_RUNNER_IDLE:
      if (pcall_runner_get_job (runner)->methods->takes_calls)
        put_back (self, runner);
      break;
    case PCALL_RUNNER_OVER:
      self->crew.n_over += makes_room (self, runner);
      break;
    case PCALL_RUNNER_ENDED:
      leave_crew (self, runner, before);
      runner_ended (self, runner);
      break;
    case PCALL_RUNNER_HELD:
    case PCALL_RUNNER_STARTING:
    case PCALL_RUNNER_BUSY:
    default:
      break;
    }
}

const PcallRunnerFuncs pcall_scheduler_runner_funcs = {
  .wants_call_events = wants_call_events,
  .wants_each_progress = wants_each_progress,
  .began = runner_began,
  .returned = runner_returned,
  .finished = runner_finished,
  .changed = runner_changed,
};

gboolean
pcall_scheduler_take_in (PcallScheduler *self,
                         guint           most)
{
  gboolean took;

  if (self->finished)
    return FALSE;

  took = pcall_engine_dispatch (self->engine, most);
  pcall_scheduler_stop_runners (self);
  pcall_scheduler_release (self);
  pcall_scheduler_assign (self, g_get_monotonic_time (), BURST_US);
  return took;
}

/* Telling */

static void
announce_logs (PcallScheduler *self,
               gboolean        at_end)
{
  if (self->funcs != NULL)
    self->funcs->writes_logs (at_end, self->data);
}

/* Who holds the call or the child is told first, and then who listens to the task. */

static void
tell_call_ended (PcallScheduler *self,
                 PcallEvent     *event)
{
  if (self->logs != NULL && self->options.log_mode == PCALL_LOG_MODE_LIVE)
    announce_logs (self, FALSE);
  if (self->logs != NULL)
    pcall_log_delivery_end (self->logs, event->index);
  pcall_call_list_notify_finished (self->calls, event->index);
  if (self->funcs != NULL)
    self->funcs->call_finished (event->index, event->ended.end.state, self->data);
}

static void
tell_call_began (PcallScheduler *self,
                 PcallEvent     *event)
{
  pcall_call_list_notify_started (self->calls, event->index);
  if (event->began.first && self->funcs != NULL)
    self->funcs->call_started (event->index, self->data);
}

static void
tell_progress (PcallScheduler *self,
               PcallEvent     *event)
{
  pcall_call_list_notify_progressed (self->calls, event->index);
  if (self->funcs != NULL)
    self->funcs->call_progressed (event->index, event->progress.fraction, event->progress.text,
                                  self->data);
}

static void
tell_message (PcallScheduler *self,
              PcallEvent     *event)
{
  if (self->funcs != NULL)
    self->funcs->call_message (event->index, event->message.payload, event->message.handles,
                               self->data);
}

static void
tell_child_ended (PcallScheduler *self,
                  PcallEvent     *event)
{
  pcall_child_list_notify_exited (self->children, event->index);
  if (self->funcs != NULL)
    self->funcs->child_exited (event->index, self->data);
}

static void
tell (PcallScheduler *self,
      PcallEvent     *event)
{
  switch (event->type)
    {
    case PCALL_EVENT_CALL_BEGAN:
      tell_call_began (self, event);
      break;
    case PCALL_EVENT_CALL_PROGRESSED:
      tell_progress (self, event);
      break;
    case PCALL_EVENT_CALL_SENT:
      tell_message (self, event);
      break;
    case PCALL_EVENT_CALL_ENDED:
      tell_call_ended (self, event);
      break;
    case PCALL_EVENT_CHILD_REPLACED:
      pcall_child_list_notify_replaced (self->children, event->index);
      break;
    case PCALL_EVENT_CHILD_ENDED:
      tell_child_ended (self, event);
      break;
    case PCALL_EVENT_EXPLAINED:
      if (self->funcs != NULL)
        self->funcs->explained (event->text, self->data);
      break;
    default:
      g_assert_not_reached ();
    }
}

static gboolean
tell_next (PcallScheduler *self)
{
  g_autoptr (PcallEvent) event =
      pcall_event_queue_take (&self->events, self->calls, self->children);

  if (event == NULL)
    return FALSE;

  self->telling++;
  tell (self, event);
  self->telling--;
  return TRUE;
}

void
pcall_scheduler_tell_all (PcallScheduler *self)
{
  while (tell_next (self))
    ;
}

/* FALSE if the time has come before all was told. */
static gboolean
tell_until (PcallScheduler *self,
            gint64          until)
{
  gint64 next = g_get_monotonic_time () + TAKE_IN_US;

  while (tell_next (self))
    {
      gint64 now = g_get_monotonic_time ();

      if (now >= until)
        return pcall_event_queue_is_empty (&self->events);
      if (now < next)
        continue;
      pcall_scheduler_take_in (self, G_MAXUINT);
      next = g_get_monotonic_time () + TAKE_IN_US;
    }
  return TRUE;
}

static void
write_logs (PcallScheduler *self,
            gint64          until)
{
  if (self->logs == NULL)
    return;

  self->telling++;
  if (pcall_log_delivery_has_work (self->logs))
    announce_logs (self, FALSE);
  pcall_log_delivery_step (self->logs, until);
  self->telling--;
}

/* The end */

gboolean
pcall_scheduler_is_over (PcallScheduler *self)
{
  return self->finished || (self->crew.all.length == 0 && !self->queue.is_open &&
                            !pcall_queue_are_left (&self->queue));
}

gboolean
pcall_scheduler_is_told (PcallScheduler *self)
{
  return self->finished ||
         (self->telling > 0 && pcall_scheduler_is_over (self) &&
          (self->telling >= MAX_DEPTH || pcall_event_queue_is_empty (&self->events)));
}

/* Calls that nobody runs, and nobody will: a child has destroyed what is known of them in the
 * memory that it shares with us. */
static void
finish_lost (PcallScheduler *self)
{
  guint n = self->shares && self->calls != NULL ? pcall_call_list_get_n_calls (self->calls) : 0;

  if (n == 0 || pcall_call_list_get_n_finished (self->calls) == n)
    return;

  for (guint i = 0; i < n; i++)
    pcall_scheduler_finish_unstarted (self, pcall_ledger_own_slot (self->context.ledger), i,
                                      PCALL_CALL_STATE_FAILED, PCALL_ERROR_PROTOCOL,
                                      "a child has written into pcall's memory, and what is known "
                                      "of this call is lost");
}

void
pcall_scheduler_close (PcallScheduler *self)
{
  pcall_scheduler_come_home (self);
  if (self->engine != NULL)
    {
      pcall_engine_unset_timer (self->engine, &self->timers.pause);
      pcall_engine_unset_timer (self->engine, &self->timers.deadline);
      pcall_engine_unset_timer (self->engine, &self->timers.work);
    }
  g_clear_pointer (&self->logs, pcall_log_delivery_free);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  pcall_start_context_close (&self->context);
}

static void
explain_end (PcallScheduler *self)
{
  guint n = pcall_call_list_get_n_finished (self->calls);
  guint n_failed = pcall_call_list_get_n_failed (self->calls);

  pcall_explain (&self->events, "finished: %u calls succeeded and %u did not, in %.2f ms",
                 n - n_failed, n_failed, (g_get_monotonic_time () - self->begun) / 1000.0);
  pcall_scheduler_tell_all (self);
}

/* FALSE if there is more to write when the time has come. */
static gboolean
complete_logs (PcallScheduler *self,
               gint64          until)
{
  gboolean complete;

  if (!self->completing)
    announce_logs (self, TRUE);
  if (self->logs == NULL)
    return TRUE;

  self->completing = TRUE;
  self->telling++;
  complete = pcall_log_delivery_complete (self->logs, until);
  self->telling--;
  return complete;
}

static void
check_finished (PcallScheduler *self,
                gint64          until)
{
  if (self->finished || self->telling > 0 || !pcall_scheduler_is_over (self))
    return;
  finish_lost (self);
  if (!tell_until (self, until) || !complete_logs (self, until))
    return;

  if (pcall_explains (&self->events) && self->funcs != NULL)
    explain_end (self);
  if (self->finished)
    return;

  self->finished = TRUE;
  pcall_scheduler_close (self);
  if (self->funcs != NULL)
    self->funcs->finished (self->data);
}

void
pcall_scheduler_update (PcallScheduler *self)
{
  if (self->finished)
    return;

  pcall_scheduler_take_in (self, G_MAXUINT);
  pcall_event_queue_apply (&self->events, self->calls, self->children);
  if (pcall_scheduler_is_over (self))
    {
      finish_lost (self);
      pcall_event_queue_apply (&self->events, self->calls, self->children);
    }
  pcall_scheduler_leave_work (self);
}

void
pcall_scheduler_drive (PcallScheduler *self,
                       gint64          length)
{
  gint64 until = length > 0 ? g_get_monotonic_time () + length : G_MAXINT64;
  gboolean took;

  if (self->telling >= MAX_DEPTH)
    {
      pcall_scheduler_update (self);
      return;
    }

  do
    {
      took = pcall_scheduler_take_in (self, wants_call_events (self) ? 1 : G_MAXUINT);
      if (!tell_until (self, until))
        return;
    }
  while (took && !self->finished && g_get_monotonic_time () < until);

  write_logs (self, until);
  check_finished (self, until);
}

static gboolean
has_something_to_tell (PcallScheduler *self)
{
  return !self->finished && self->telling < MAX_DEPTH &&
         (!pcall_event_queue_is_empty (&self->events) || self->stop.due ||
          (self->telling == 0 && pcall_scheduler_is_over (self)) ||
          (self->logs != NULL && self->telling == 0 && pcall_log_delivery_has_work (self->logs)));
}

gboolean
pcall_scheduler_has_work (PcallScheduler *self)
{
  return has_something_to_tell (self) || (!self->finished && pcall_scheduler_can_assign (self));
}

static void
work (gpointer data)
{
}

void
pcall_scheduler_leave_work (PcallScheduler *self)
{
  if (!has_something_to_tell (self))
    return;

  /* Who drives comes back to it by itself, if it does not wait. */
  if (pcall_monitor_is_driven (self->monitor))
    pcall_engine_wake (self->engine);
  else
    pcall_engine_set_timer (self->engine, &self->timers.work, 0, work, NULL);
}
