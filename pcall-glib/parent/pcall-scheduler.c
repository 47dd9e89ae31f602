/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

#include "base/pcall-limits-private.h"
#include "base/pcall-thread-private.h"

/* Which call runs where, and when.
 *
 * A call waits in the queue, is assigned to a child (pcall-scheduler-assign.c), and ends with that
 * child, or when the child says so (pcall-scheduler-events.c). Children are in the crew until they
 * have ended. */

/* How long a start in steps makes children, or waits for the first one. */
#define FIRST_BURST_US 10000

/* How long a start of all waits for those that may have to be replaced. */
#define ALL_READY_US 100000

/* Of this process, for a child: its channel, its pidfd, and its log where that is read as it
 * comes, which may be two files */
#define DESCRIPTORS_PER_CHILD 2
#define DESCRIPTORS_PER_LIVE_CHILD 3
#define DESCRIPTORS_PER_STREAMING_CHILD 4

/* How long dropping a task may wait for its children to go. */
#define ABANDON_WAIT_US 10000

/* For logging what calls have written that ended with the deadline */
#define LOG_AFTER_DEADLINE_US G_USEC_PER_SEC

void
pcall_scheduler_stop (PcallScheduler *self,
                      const char     *reason)
{
  pcall_scheduler_stop_all (self, PCALL_CALL_STATE_CANCELLED, reason);
}

static void
deadline_passed (gpointer data)
{
  PcallScheduler *self = data;
  g_autofree char *reason = g_strdup_printf ("the task's deadline of %g s passed",
                                             self->options.deadline / (gdouble) G_USEC_PER_SEC);

  pcall_scheduler_stop_all (self, PCALL_CALL_STATE_TIMED_OUT, reason);
}

/* Beginning */

static guint
count_descriptors (const PcallSchedulerOptions *options)
{
  if (options->log_mode != PCALL_LOG_MODE_LIVE)
    return DESCRIPTORS_PER_CHILD;
  return options->output_mode == PCALL_OUTPUT_MODE_STREAMS ? DESCRIPTORS_PER_STREAMING_CHILD
                                                           : DESCRIPTORS_PER_LIVE_CHILD;
}

static guint
find_max_children (guint                        n_calls,
                   gboolean                     shares,
                   const PcallSchedulerOptions *options)
{
  if (options->max_children != 0)
    return options->max_children;
  if (options->crew != NULL)
    return pcall_crew_get_n_workers (options->crew);
  if (shares)
    return pcall_conditions_get_n_processors (options->conditions);
  return pcall_limits_find_room (n_calls, count_descriptors (options));
}

static guint
find_max_workers (const PcallSchedulerOptions *options)
{
  if (options->max_children != 0)
    return options->max_children;
  return options->crew != NULL ? pcall_crew_get_n_workers (options->crew)
                               : pcall_conditions_get_n_processors (options->conditions);
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

  self->monitor = pcall_monitor_ref (pcall_call_list_get_monitor (calls));
  self->engine = pcall_engine_ref (engine);
  self->calls = pcall_call_list_ref (calls);
  pcall_queue_init (&self->queue, pcall_call_list_get_n_calls (calls));
  self->queue.is_open = pcall_arguments_is_fed (arguments);
  self->targets = g_ptr_array_ref (targets);
  self->options = *options;
  self->funcs = funcs;
  self->data = data;
  self->shares = are_shared (targets, options) && pcall_call_list_get_n_calls (calls) > 0;
  self->room.max_children =
      find_max_children (pcall_call_list_get_n_calls (calls), self->shares, options);
  self->room.max_workers = find_max_workers (options);
  /* Agents keep what there is to keep. */
  if (options->crew != NULL)
    {
      pcall_crew_ref (options->crew);
      self->options.pool = NULL;
    }
  if (self->options.pool != NULL)
    g_object_ref (self->options.pool);
  pcall_start_context_init (&self->context, arguments, options->conditions);
  self->context.gives_journal = self->options.pool != NULL;
  for (guint i = 0; i < targets->len; i++)
    pcall_start_context_use (&self->context,
                             pcall_start_choose (g_ptr_array_index (targets, i),
                                                 options->start_method, NULL));
  self->setup = (PcallRunnerSetup) {
    .engine = engine,
    .context = &self->context,
    .calls = calls,
    .events = &self->events,
    .crew = options->crew,
    .timeout = options->timeout,
    .grace_period = options->grace_period,
    .n_recalled = &self->crew.away.n_recalled,
    .funcs = &pcall_scheduler_runner_funcs,
    .data = self,
  };
  return self;
}

/* For a while, others may enter. */
static void
wait (PcallScheduler *self,
      gint64          until)
{
  guint depth = pcall_monitor_step_out (self->monitor);

  pcall_engine_wait (self->engine, until);
  pcall_monitor_step_in (self->monitor, depth);
}

/* The first child of a process finds out how records get into its log. Others need not, and a child
 * whose call has begun is never replaced, if they are made when that is known. */
static void
wait_for_first (PcallScheduler *self,
                gint64          until)
{
  while (self->context.log != NULL && pcall_log_route_get () == PCALL_LOG_ROUTE_UNKNOWN &&
         self->crew.all.head != NULL && pcall_runner_finds_out (self->crew.all.head->data) &&
         g_get_monotonic_time () < until)
    {
      wait (self, until);
      pcall_engine_dispatch (self->engine, G_MAXUINT);
    }
}

static gboolean
is_finding_out (PcallScheduler *self)
{
  for (GList *l = self->crew.all.head; l != NULL; l = l->next)
    if (pcall_runner_finds_out (l->data))
      return TRUE;
  return FALSE;
}

/* All that may run at once. A child that dies in its lock trial is replaced by another; who has a
 * second thread and no loop should not have to look for that. */
static void
start_all (PcallScheduler *self)
{
  gint64 until;

  pcall_scheduler_assign (self, g_get_monotonic_time (), G_MAXINT64 / 2);
  until = g_get_monotonic_time () + ALL_READY_US;
  while (is_finding_out (self) && g_get_monotonic_time () < until)
    {
      wait (self, until);
      pcall_scheduler_take_in (self, G_MAXUINT);
      pcall_scheduler_assign (self, g_get_monotonic_time (), G_MAXINT64 / 2);
    }
}

static gboolean
prepare_ledger (PcallScheduler *self,
                GError        **error)
{
  guint n_calls = pcall_call_list_get_n_calls (self->calls);
  PcallLedger *ledger;

  if (!self->shares)
    return TRUE;
  ledger = pcall_ledger_new (n_calls, MIN (self->room.max_children, n_calls), error);
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

static void
set_up_log (PcallScheduler *self,
            gint64          begun)
{
  if (self->context.log == NULL)
    return;

  if (self->options.output_mode == PCALL_OUTPUT_MODE_STREAMS)
    pcall_log_files_set_streams (self->context.log, self->options.keep_logs);
  pcall_log_files_set_max_size (self->context.log, self->options.max_log_size);
  if (self->options.deadline > 0)
    pcall_log_files_set_deadline (self->context.log,
                                  begun + self->options.deadline + LOG_AFTER_DEADLINE_US);
}

gboolean
pcall_scheduler_start (PcallScheduler *self,
                       gboolean        in_steps,
                       GError        **error)
{
  gint64 begun = self->begun = g_get_monotonic_time ();

  self->events.explains = pcall_explain_is_wanted ();
  if (!pcall_start_context_open (&self->context, self->options.log_mode,
                                 self->options.log_directory, self->options.keep_logs, error))
    return FALSE;
  set_up_log (self, begun);

  self->children = pcall_child_list_new (self->calls, &pcall_child_view);
  self->setup.children = self->children;
  pcall_explain (&self->events, "start: %u calls, in at most %u children at once%s",
                 pcall_call_list_get_n_calls (self->calls),
                 MIN (pcall_call_list_get_n_calls (self->calls), self->room.max_children),
                 self->shares ? ", each of which takes one after the other" : "");
  if (!prepare_ledger (self, error) || !prepare_logs (self, error) ||
      !pcall_scheduler_go_away (self, error) ||
      (!pcall_scheduler_is_stopped (self) && !pcall_scheduler_assign_first (self, error)))
    return FALSE;

  if (self->options.deadline > 0)
    pcall_engine_set_timer (self->engine, &self->timers.deadline,
                            g_get_monotonic_time () + self->options.deadline, deadline_passed,
                            self);

  self->started = TRUE;
  pcall_scheduler_release (self);
  wait_for_first (self, begun + FIRST_BURST_US);
  if (in_steps)
    pcall_scheduler_assign (self, begun, FIRST_BURST_US);
  else
    start_all (self);
  return TRUE;
}

static void
free_memory (PcallScheduler *self)
{
  pcall_scheduler_come_home (self);
  g_clear_pointer (&self->options.crew, pcall_crew_unref);
  pcall_event_queue_clear (&self->events);
  g_clear_pointer (&self->context.arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
  g_clear_pointer (&self->children, pcall_child_list_unref);
  pcall_start_context_clear (&self->context);
  pcall_queue_clear (&self->queue);
  g_queue_clear (&self->roster.idle);
  g_clear_object (&self->options.pool);
  g_clear_pointer (&self->monitor, pcall_monitor_unref);
  g_free (self->stop.reason);
  g_clear_pointer (&self->stop.doomed, g_hash_table_unref);
  g_free (self);
}

void
pcall_scheduler_free (PcallScheduler *self)
{
  g_assert (self->crew.all.length == 0);

  pcall_scheduler_close (self);
  free_memory (self);
}

void
pcall_scheduler_forget (PcallScheduler *self)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&self->crew.all)) != NULL)
    pcall_runner_free (link->data);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  free_memory (self);
}

/* Dropped while running */

/* TRUE when all children have ended. */
static gboolean
reap_until (PcallScheduler *self,
            gint64          until)
{
  pcall_scheduler_take_in (self, G_MAXUINT);
  while (!pcall_scheduler_is_over (self))
    {
      if (until >= 0 && g_get_monotonic_time () >= until)
        return FALSE;
      pcall_engine_wait (self->engine, until);
      pcall_scheduler_take_in (self, G_MAXUINT);
    }
  return TRUE;
}

static gpointer
reap (gpointer data)
{
  PcallScheduler *self = data;

  reap_until (self, -1);
  pcall_scheduler_free (self);
  return NULL;
}

/* Lets go of all that another thread may use. A call may wait again, whose child was to be
 * replaced just now. */
static void
detach (PcallScheduler *self)
{
  pcall_queue_drop_all (&self->queue);
  for (GList *l = self->crew.all.head; l != NULL; l = l->next)
    pcall_runner_detach (l->data);

  pcall_event_queue_clear (&self->events);
  g_clear_pointer (&self->children, pcall_child_list_unref);
  g_clear_pointer (&self->context.arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_object (&self->options.pool);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
}

/* What is over and was not told, by a program that only looked, is in the main log all the same. */
static void
deliver_logs (PcallScheduler *self)
{
  while (pcall_scheduler_is_over (self) && self->logs != NULL && !self->completing &&
         !pcall_log_delivery_complete (self->logs, G_MAXINT64))
    ;
}

static void
abort_logs (PcallScheduler *self)
{
  if (self->logs != NULL)
    pcall_log_delivery_abort (self->logs);
  g_clear_pointer (&self->logs, pcall_log_delivery_free);
}

void
pcall_scheduler_abandon (PcallScheduler *self)
{
  static const char reason[] = "the task was dropped";
  /* From here on only those are told who hold a call or a child. */
  self->funcs = NULL;
  pcall_scheduler_take_in (self, G_MAXUINT);
  pcall_scheduler_tell_all (self);
  deliver_logs (self);
  abort_logs (self);
  pcall_queue_drop_all (&self->queue);
  pcall_scheduler_stop (self, reason);
  reap_until (self, g_get_monotonic_time () + ABANDON_WAIT_US);

  pcall_scheduler_tell_all (self);
  self->setup.events = NULL;
  pcall_call_list_abandon (self->calls, reason);
  pcall_child_list_abandon (self->children);
  detach (self);
  if (!pcall_scheduler_is_over (self) && pcall_thread_start ("pcall-reaper", reap, self, NULL))
    return;

  reap_until (self, -1);
  pcall_scheduler_free (self);
}

/* Calls that come later */

gboolean
pcall_scheduler_takes_calls (PcallScheduler *self)
{
  return self->queue.is_open && !pcall_scheduler_is_stopped (self);
}

void
pcall_scheduler_add_call (PcallScheduler *self)
{
  pcall_queue_add (&self->queue);
}

void
pcall_scheduler_end_feed (PcallScheduler *self)
{
  self->queue.is_open = FALSE;
}

PcallChildList *
pcall_scheduler_get_children (PcallScheduler *self)
{
  return self->children;
}

void
pcall_scheduler_invalidate (PcallScheduler *self)
{
  self->surveyed = 0;
}
