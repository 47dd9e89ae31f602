/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

#include <signal.h>

#include "base/pcall-limits-private.h"
#include "parent/pcall-log-delivery-private.h"

/* Which call runs where, and when.
 *
 * A call waits for its turn, is dealt to a child (pcall-scheduler-assign.c), and ends with that
 * child, or when the child says so. Children are in `runs` until they have ended.
 *
 * A function that is told something may call back: join, terminate, dispatch. So telling comes
 * last in each step, and every loop looks anew at what there is. */

#define FIRST_BURST_US 10000
#define BURST_US 4000

/* Forks until a child gets through its lock trial. Seen: up to 73 % fail; 0.73^100 is 10^-14. */
#define MAX_ATTEMPTS 100

/* How often a call is given to a child that is dead. */
#define MAX_DELIVERIES 10

/* Of this process, for a child: its channel, its pidfd, and its log where that is read as it
 * comes */
#define DESCRIPTORS_PER_CHILD 2
#define DESCRIPTORS_PER_LIVE_CHILD 3

/* How long dropping a task may wait for its children to go. */
#define ABANDON_WAIT_US 10000

static void
stop_all (PcallScheduler *self,
          PcallCallState  state,
          const char     *reason)
{
  if (self->finished || pcall_scheduler_is_stopped (self))
    return;

  self->stop_state = state;
  self->stop_reason = g_strdup (reason);
  for (GList *l = self->runners.head; l != NULL; l = l->next)
    pcall_runner_end (l->data, state, reason);

  /* Calls that wait are finished from the loop, so that nothing is told from in here. */
  pcall_scheduler_pause (self, 0);
}

static void
after_failure (PcallScheduler *self)
{
  if (self->options.failure_policy == PCALL_FAILURE_POLICY_STOP &&
      !pcall_scheduler_is_stopped (self))
    stop_all (self, PCALL_CALL_STATE_CANCELLED, "cancelled, because another call failed");
}

/* That all is over is told only when this has been told, though somebody who is told may join. */
static void
tell_finished_call (PcallScheduler *self,
                    guint           index)
{
  if (pcall_call_list_get_state (self->calls, index) != PCALL_CALL_STATE_SUCCEEDED)
    after_failure (self);
  if (self->funcs == NULL)
    return;

  self->telling++;
  self->funcs->call_finished (index, self->data);
  self->telling--;
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

  if (self->context.ledger != NULL)
    pcall_ledger_settle (self->context.ledger, slot, index);
  if (pcall_call_list_finish (self->calls, index, state, NULL,
                              g_error_new (PCALL_ERROR, code, "%s: %s", call, reason), NULL))
    tell_finished_call (self, index);
}

static void
release (PcallScheduler *self)
{
  if (self->engine != NULL)
    {
      pcall_engine_unset_timer (self->engine, &self->pause_timer);
      pcall_engine_unset_timer (self->engine, &self->deadline_timer);
    }
  g_clear_pointer (&self->logs, pcall_log_delivery_free);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  pcall_start_context_close (&self->context);
}

static gboolean
is_over (PcallScheduler *self)
{
  return self->runners.length == 0 && !pcall_queue_are_left (&self->queue);
}

/* Whether somebody further out is at the end of the task, and called us. */
static gboolean
is_ending (PcallScheduler *self)
{
  return self->telling > 0 || (self->logs != NULL && pcall_log_delivery_is_writing (self->logs));
}

/* Calls that nobody runs, and nobody will: a child has destroyed what is known of them in the
 * memory that it shares with us. */
static void
finish_lost (PcallScheduler *self)
{
  guint n = self->calls != NULL ? pcall_call_list_get_n_calls (self->calls) : 0;

  if (!self->shares || n == 0 || pcall_call_list_get_n_finished (self->calls) == n)
    return;

  for (guint i = 0; i < n; i++)
    if (pcall_call_list_get_state (self->calls, i) <= PCALL_CALL_STATE_RUNNING)
      pcall_scheduler_finish_unstarted (self, pcall_ledger_own_slot (self->context.ledger), i,
                                        PCALL_CALL_STATE_FAILED, PCALL_ERROR_PROTOCOL,
                                        "a child has written into pcall's memory, and what is known "
                                        "of this call is lost");
}

static void
check_finished (PcallScheduler *self)
{
  if (self->finished || is_ending (self) || !is_over (self))
    return;
  finish_lost (self);
  if (self->logs != NULL &&
      !pcall_log_delivery_complete (self->logs, g_get_monotonic_time () + BURST_US))
    return;

  self->finished = TRUE;
  release (self);
  if (self->funcs != NULL)
    self->funcs->finished (self->data);
}

void
pcall_scheduler_dispatch (PcallScheduler *self,
                          gint64          until)
{
  pcall_scheduler_release (self);
  if (self->finished)
    return;

  /* Who waits here has nothing else to do, so there is no pause; and it does not wait for
   * nothing. */
  if (pcall_scheduler_can_assign (self) || is_over (self))
    until = 0;
  pcall_engine_dispatch (self->engine, until);
  pcall_scheduler_release (self);
  pcall_scheduler_assign (self, g_get_monotonic_time (), BURST_US);
  check_finished (self);
}

void
pcall_scheduler_invalidate (PcallScheduler *self)
{
  self->surveyed = FALSE;
}

/* What a run tells */

static void
runner_begun (PcallRunner *runner,
           gboolean  first,
           gpointer  data)
{
  PcallScheduler *self = data;
  guint index = pcall_runner_get_job (runner)->index;

  if (self->logs != NULL)
    pcall_log_delivery_begin (self->logs, index);
  if (first && self->funcs != NULL)
    self->funcs->call_started (index, self->data);
}

static gboolean
is_watched (gpointer data)
{
  PcallScheduler *self = data;

  return (self->logs != NULL && self->options.log_mode == PCALL_LOG_MODE_LIVE) ||
         (self->funcs != NULL && self->funcs->hears_calls (self->data));
}

static void
runner_progressed (PcallRunner   *runner,
                gdouble     fraction,
                const char *text,
                gpointer    data)
{
  PcallScheduler *self = data;

  if (self->funcs != NULL)
    self->funcs->call_progressed (pcall_runner_get_job (runner)->index, fraction, text, self->data);
}

static void
runner_messaged (PcallRunner     *runner,
              PcallPayload *message,
              GUnixFDList  *handles,
              gpointer      data)
{
  PcallScheduler *self = data;

  if (self->funcs != NULL)
    self->funcs->call_message (pcall_runner_get_job (runner)->index, message, handles, self->data);
}

static void
deliver_log (PcallScheduler *self,
             guint           index)
{
  self->telling++;
  if (self->logs != NULL)
    pcall_log_delivery_end (self->logs, index);
  self->telling--;
}

static void
finish_run (PcallScheduler *self,
            PcallRunner       *runner)
{
  guint index = pcall_runner_get_job (runner)->index;
  gboolean has_call = pcall_runner_has_call (runner);
  guint child;
  gboolean begun = pcall_runner_get_child (runner, &child);

  if (self->funcs == NULL && !self->options.keep_logs)
    pcall_runner_discard_log (runner);
  if (self->calls == NULL)
    {
      pcall_runner_free (runner);
      return;
    }

  pcall_runner_settle (runner);
  pcall_runner_free (runner);
  if (has_call)
    deliver_log (self, index);

  self->telling++;
  if (begun && self->funcs != NULL)
    self->funcs->child_exited (child, self->data);
  self->telling--;
  if (has_call)
    tell_finished_call (self, index);
}

/* Nothing of the call has run. */
static void
try_again (PcallScheduler *self,
           PcallRunner       *runner)
{
  PcallJob job = *pcall_runner_get_job (runner);
  guint child;
  gboolean begun = pcall_runner_get_child (runner, &child);

  pcall_runner_discard_log (runner);
  pcall_runner_free (runner);
  if (job.attempt + 1 < MAX_ATTEMPTS)
    pcall_queue_put_back (&self->queue, job.slot,
                          pcall_turn_new (job.index, job.attempt + 1, begun ? (int) child : -1));
  else
    pcall_scheduler_finish_unstarted (self, job.slot, job.index, PCALL_CALL_STATE_FAILED,
                                      PCALL_ERROR_START,
                                      "other threads of this process held locks of GLib at every "
                                      "fork");
}

static void
put_back (PcallScheduler *self,
          PcallRunner       *runner)
{
  guint limit = self->options.calls_per_worker;

  if (limit == 0 || pcall_runner_get_n_ended (runner) < limit)
    pcall_roster_put (&self->roster, runner);
  else if (pcall_runner_is_waiting (runner))
    pcall_runner_retire (runner);
}

static void
runner_returned (PcallRunner *runner,
              gpointer  data)
{
  PcallScheduler *self = data;

  if (pcall_runner_get_job (runner)->methods->takes_calls)
    put_back (self, runner);
  deliver_log (self, pcall_runner_get_job (runner)->index);
  tell_finished_call (self, pcall_runner_get_job (runner)->index);
}

static void
runner_over (PcallRunner *runner,
          gpointer  data)
{
  PcallScheduler *self = data;

  self->n_over++;
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

static void
runner_ended (PcallRunner *runner,
           gpointer  data)
{
  PcallScheduler *self = data;
  PcallJob job = *pcall_runner_get_job (runner);
  GList *link = pcall_runner_get_link (runner);

  if (self->held == link)
    self->held = link->next;
  g_queue_unlink (&self->runners, link);
  if (job.methods->takes_calls)
    pcall_roster_remove (&self->roster, runner);
  self->n_gone -= pcall_runner_has_gone (runner);
  self->n_over -= pcall_runner_is_over (runner);
  self->crowded = FALSE;

  if (pcall_runner_is_to_be_tried_again (runner))
    {
      try_again (self, runner);
      free_slot (self, job.slot, job.index);
      return;
    }

  if (!pcall_scheduler_is_stopped (self) && job.attempt + 1 < MAX_DELIVERIES &&
      pcall_runner_take_back (runner))
    {
      pcall_runner_discard_log (runner);
      pcall_queue_put_back (&self->queue, job.slot, pcall_turn_new (job.index, job.attempt + 1, -1));
    }
  free_slot (self, job.slot, job.index);
  finish_run (self, runner);
}

static const PcallRunnerFuncs runner_funcs = {
  .begun = runner_begun,
  .is_watched = is_watched,
  .progressed = runner_progressed,
  .messaged = runner_messaged,
  .returned = runner_returned,
  .over = runner_over,
  .ended = runner_ended,
};

/* Ends */

void
pcall_scheduler_stop (PcallScheduler *self,
                      const char     *reason)
{
  stop_all (self, PCALL_CALL_STATE_CANCELLED, reason);
}

static void
deadline_passed (gpointer data)
{
  PcallScheduler *self = data;
  g_autofree char *reason = g_strdup_printf ("the task's deadline of %g s passed",
                                             self->options.deadline / (gdouble) G_USEC_PER_SEC);

  stop_all (self, PCALL_CALL_STATE_TIMED_OUT, reason);
}

/* Beginning */

static guint
find_max_children (guint                        n_calls,
                   gboolean                     shares,
                   const PcallSchedulerOptions *options)
{
  if (options->max_children != 0)
    return options->max_children;
  if (shares)
    return g_get_num_processors ();
  return pcall_limits_find_room (n_calls, options->log_mode == PCALL_LOG_MODE_LIVE
                                              ? DESCRIPTORS_PER_LIVE_CHILD
                                              : DESCRIPTORS_PER_CHILD);
}

/* Whether children take calls by themselves: forked ones, if all are. */
static gboolean
are_shared (GPtrArray                   *targets,
            const PcallSchedulerOptions *options)
{
  if (options->calls_per_child == 1)
    return FALSE;

  for (guint i = 0; i < targets->len; i++)
    if (pcall_start_choose (g_ptr_array_index (targets, i), options->start_method, NULL) !=
        &pcall_start_fork)
      return FALSE;
  return TRUE;
}

PcallScheduler *
pcall_scheduler_new (PcallEngine                 *engine,
                     PcallCallList               *calls,
                     PcallArguments              *arguments,
                     GPtrArray                   *targets,
                     const PcallSchedulerOptions *options,
                     const PcallSchedulerFuncs   *funcs,
                     gpointer                     data)
{
  PcallScheduler *self = g_new0 (PcallScheduler, 1);

  self->engine = pcall_engine_ref (engine);
  self->calls = pcall_call_list_ref (calls);
  pcall_queue_init (&self->queue, pcall_call_list_get_n_calls (calls));
  self->targets = g_ptr_array_ref (targets);
  self->options = *options;
  self->funcs = funcs;
  self->data = data;
  self->shares = are_shared (targets, options) && pcall_call_list_get_n_calls (calls) > 0;
  self->max_children =
      find_max_children (pcall_call_list_get_n_calls (calls), self->shares, options);
  self->max_workers =
      options->max_children != 0 ? options->max_children : g_get_num_processors ();
  pcall_start_context_init (&self->context, arguments);
  for (guint i = 0; i < targets->len; i++)
    pcall_start_context_use (&self->context,
                             pcall_start_choose (g_ptr_array_index (targets, i),
                                                 options->start_method, NULL));
  self->setup = (PcallRunnerSetup) { engine, &self->context, calls, NULL,
                                  options->timeout, options->grace_period, &runner_funcs, self };
  return self;
}

/* The first child of a process finds out how records get into its log. Others need not, and a child
 * whose call has begun is never replaced, if they are made when that is known. */
static void
wait_for_first (PcallScheduler *self,
                gint64          until)
{
  while (self->context.log != NULL && pcall_log_route_get () == PCALL_LOG_ROUTE_UNKNOWN &&
         self->runners.head != NULL && pcall_runner_finds_out (self->runners.head->data) &&
         g_get_monotonic_time () < until)
    pcall_engine_dispatch (self->engine, until);
}

static gboolean
prepare_ledger (PcallScheduler *self,
                GError        **error)
{
  guint n_calls = pcall_call_list_get_n_calls (self->calls);
  PcallLedger *ledger;

  if (!self->shares)
    return TRUE;
  ledger = pcall_ledger_new (n_calls, MIN (self->max_children, n_calls), error);
  if (ledger == NULL)
    return FALSE;

  self->context.ledger = ledger;
  self->context.targets = g_ptr_array_ref (self->targets);
  self->context.calls_per_child = self->options.calls_per_child;
  self->context.one_by_one = self->options.timeout > 0 || self->options.keep_logs ||
                             self->options.log_mode == PCALL_LOG_MODE_LIVE;
  pcall_queue_share (&self->queue, ledger);
  return TRUE;
}

static gboolean
prepare_logs (PcallScheduler *self,
              GError        **error)
{
  if (self->context.log == NULL)
    return TRUE;

  pcall_call_list_set_log (self->calls, self->context.log);
  self->logs = pcall_log_delivery_new (self->engine, self->context.log, self->calls, self->children,
                                       self->options.log_mode == PCALL_LOG_MODE_LIVE,
                                       self->options.keep_logs, error);
  return self->logs != NULL;
}

gboolean
pcall_scheduler_start (PcallScheduler *self,
                       GError        **error)
{
  gint64 begun = g_get_monotonic_time ();

  if (!pcall_start_context_open (&self->context, self->options.log_mode, self->options.log_directory,
                                 self->options.keep_logs, error))
    return FALSE;
  if (self->context.log != NULL)
    pcall_log_files_set_max_size (self->context.log, self->options.max_log_size);

  self->children = self->setup.children = pcall_child_list_new (self->calls);
  if (!prepare_ledger (self, error) || !prepare_logs (self, error) ||
      !pcall_scheduler_assign_first (self, error))
    return FALSE;

  if (self->options.deadline > 0)
    pcall_engine_set_timer (self->engine, &self->deadline_timer,
                            g_get_monotonic_time () + self->options.deadline, deadline_passed,
                            self);
  pcall_scheduler_pause (self, 0);

  self->started = TRUE;
  self->funcs->started (self->data);
  pcall_scheduler_release (self);
  wait_for_first (self, begun + FIRST_BURST_US);
  pcall_scheduler_assign (self, begun, FIRST_BURST_US);
  return TRUE;
}

static void
free_memory (PcallScheduler *self)
{
  g_clear_pointer (&self->context.arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
  g_clear_pointer (&self->children, pcall_child_list_unref);
  pcall_start_context_clear (&self->context);
  pcall_queue_clear (&self->queue);
  g_queue_clear (&self->roster.idle);
  g_free (self->stop_reason);
  g_free (self);
}

void
pcall_scheduler_free (PcallScheduler *self)
{
  g_assert (self->runners.length == 0);

  release (self);
  free_memory (self);
}

void
pcall_scheduler_forget (PcallScheduler *self)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&self->runners)) != NULL)
    pcall_runner_free (link->data);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  free_memory (self);
}

/* Dropped while running */

static void
run_until (PcallScheduler *self,
           gint64          until)
{
  do
    pcall_scheduler_dispatch (self, until);
  while (!self->finished && (until < 0 || g_get_monotonic_time () < until));
}

static gpointer
reap (gpointer data)
{
  PcallScheduler *self = data;
  sigset_t all;

  /* The application's handlers are for its own threads. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);

  run_until (self, -1);
  pcall_scheduler_free (self);
  return NULL;
}

/* Lets go of all that another thread may use. */
static void
detach (PcallScheduler *self)
{
  for (GList *l = self->runners.head; l != NULL; l = l->next)
    pcall_runner_detach (l->data);

  g_clear_pointer (&self->children, pcall_child_list_unref);
  g_clear_pointer (&self->context.arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
}

void
pcall_scheduler_abandon (PcallScheduler *self)
{
  static const char reason[] = "the task was dropped";
  GThread *thread = NULL;

  self->funcs = NULL;
  if (self->logs != NULL)
    pcall_log_delivery_abort (self->logs);
  g_clear_pointer (&self->logs, pcall_log_delivery_free);
  pcall_queue_drop_all (&self->queue);
  pcall_scheduler_stop (self, reason);
  run_until (self, g_get_monotonic_time () + ABANDON_WAIT_US);

  pcall_call_list_abandon (self->calls, reason);
  pcall_child_list_abandon (self->children);
  detach (self);
  if (!self->finished)
    thread = g_thread_try_new ("pcall-reaper", reap, self, NULL);
  if (thread != NULL)
    {
      g_thread_unref (thread);
      return;
    }

  run_until (self, -1);
  pcall_scheduler_free (self);
}

gboolean
pcall_scheduler_is_over (PcallScheduler *self)
{
  return self->finished || (is_over (self) && is_ending (self));
}

PcallChildList *
pcall_scheduler_get_children (PcallScheduler *self)
{
  return self->children;
}
