/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <unistd.h>

#include "pcall-binding.h"
#include "pcall-error.h"
#include "pcall-task-private.h"
#include "base/pcall-seconds-private.h"
#include "start/pcall-fork-private.h"

/* Running a task.
 *
 * States: a task is unstarted until start() succeeds. Then it has an engine, a scheduler, and
 * sources in the main context; when all is told the sources go, and the engine with its
 * descriptors, unless somebody was given one of them.
 *
 * Ownership: neither the sources nor the scheduler hold a reference to the task, so that dropping
 * it while it runs ends everything. Whoever drives or looks holds one meanwhile.
 *
 * Threads: the monitor says who may do what. Whoever wants to drive and may not, because another
 * thread does, takes in what has happened all the same: so its descriptor is quiet, and the loop
 * that watches it does not spin.
 *
 * Processes: a fork copies all of this, and the copy shares the epoll instance with the original.
 * `owner` tells which of them we are in; a copy does nothing but close. */

/* How long a loop is kept from what else there is to do. */
#define SLICE_US 4000

/* How often to try to have a task stopped that is disposed of, and how long to wait in between. */
#define MAX_TRIES 1000
#define TRY_PAUSE_US 100

/* How deep this thread is in dispatch(), which some loop calls. */
static __thread guint dispatch_depth;

gboolean
pcall_task_is_ours (PcallTask *self)
{
  return self->owner == getpid ();
}

/* The end */

void
pcall_task_close (PcallTask *self)
{
  self->finished = TRUE;
  pcall_task_detach_sources (self);
  /* Whoever watches the descriptor is to see that there is nothing to come. */
  if (self->fd_given)
    pcall_engine_stay_ready (self->engine);
  else
    g_clear_pointer (&self->engine, pcall_engine_unref);
}

/* Nobody is in there for long, but one who waits for a lock that this thread has. */
static gboolean
enter_soon (PcallTask *self)
{
  for (guint i = 0; i < MAX_TRIES; i++)
    {
      if (pcall_monitor_try_enter (self->monitor))
        return TRUE;
      g_usleep (TRY_PAUSE_US);
    }
  return FALSE;
}

/* Who drives it is to be through with it soon. */
static void
stop_disposed (PcallTask *self)
{
  if (!enter_soon (self))
    return;

  if (self->scheduler != NULL && pcall_task_is_ours (self) && !self->finished)
    pcall_scheduler_stop (self->scheduler, "the task was disposed of");
  pcall_monitor_leave (self->monitor);
}

static void
abandon (PcallTask      *self,
         PcallScheduler *scheduler)
{
  pcall_scheduler_abandon (scheduler);
  /* Those who still have the task may ask for any of its calls. */
  if (g_atomic_int_get ((gint *) &G_OBJECT (self)->ref_count) > 1)
    pcall_call_list_abandon_all (self->calls, "the task was disposed of");
}

/* The last reference is gone, or it is disposed of all the same: then those who wait hear of it. */
void
pcall_task_shut_down (PcallTask *self)
{
  PcallScheduler *scheduler;
  GSList *joins;

  if (!pcall_monitor_enter_to_dispose (self->monitor, self))
    {
      stop_disposed (self);
      return;
    }

  joins = pcall_task_is_ours (self) ? g_steal_pointer (&self->joins) : NULL;
  pcall_monitor_set_owner (self->monitor, NULL, NULL);
  scheduler = g_steal_pointer (&self->scheduler);
  pcall_task_detach_sources (self);
  g_clear_pointer (&self->engine, pcall_engine_unref);

  if (scheduler == NULL)
    ;
  else if (!pcall_task_is_ours (self))
    pcall_scheduler_forget (scheduler);
  else if (self->finished)
    pcall_scheduler_free (scheduler);
  else
    abandon (self, scheduler);
  pcall_monitor_leave (self->monitor);
  pcall_task_complete_joins (self, joins);
}

void
pcall_task_stop (PcallTask  *self,
                 const char *reason)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->scheduler == NULL)
    self->terminated = TRUE;
  else if (pcall_task_is_ours (self) && !self->finished)
    pcall_scheduler_stop (self->scheduler, reason);
}

/**
 * pcall_task_terminate:
 * @self: a task
 *
 * Ends the task: the process group of each child gets `SIGTERM`, and after
 * [property@Pcall.Task:grace-period] `SIGKILL`. Calls that run, and those that wait, end in
 * [enum@Pcall.CallState.cancelled]; those that have ended keep what they have.
 *
 * This returns at once, and may be called from any thread. The children get their signal in here,
 * whoever drives the task; who wants to know that they have ended joins it. Where the task was not
 * started, it runs nothing when it is, and all of its calls are cancelled then. This does nothing
 * to a task that has finished, and nothing in a forked child.
 *
 * Since: 1.0
 */
void
pcall_task_terminate (PcallTask *self)
{
  g_autoptr (PcallTask) keep = NULL;

  g_return_if_fail (PCALL_IS_TASK (self));

  if (self->owner != 0 && !pcall_task_is_ours (self))
    return;

  keep = g_object_ref (self);
  pcall_task_stop (self, "terminated");
  pcall_monitor_update (self->monitor);
}

static void
stop_call (PcallTask *self,
           guint      index)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->scheduler != NULL && pcall_task_is_ours (self))
    pcall_scheduler_stop_call (self->scheduler, index);
}

/**
 * pcall_call_terminate:
 * @self: a call
 *
 * Ends this call, and lets others go on: the process group of its child gets `SIGTERM`, and after
 * [property@Pcall.Task:grace-period] `SIGKILL`. The call ends in [enum@Pcall.CallState.cancelled].
 * One that waits never begins. Where its child was to run other calls, another child runs those.
 *
 * This returns at once, and may be called from any thread. It does nothing to a call that has
 * ended, or whose task is gone, and nothing in a forked child. A call that is over when its child
 * gets to know of this keeps its result.
 *
 * Where a child runs many short calls, one after the other, the next one may begin in the very
 * moment in which the child is stopped. Then that one ends so.
 *
 * To the task it is a call that has not succeeded: with [enum@Pcall.FailurePolicy.stop] all end.
 *
 * Since: 1.0
 */
void
pcall_call_terminate (PcallCall *self)
{
  PcallMonitor *monitor;
  PcallTask *task;

  g_return_if_fail (PCALL_IS_CALL (self));

  monitor = pcall_call_list_get_monitor (pcall_call_get_list (self));
  task = pcall_monitor_ref_owner (monitor);
  if (task == NULL)
    return;

  stop_call (task, pcall_call_get_index (self));
  pcall_monitor_update (monitor);
  pcall_monitor_unref_owner (monitor, task);
}

static void
stop_child_of (PcallTask *self,
               guint      position,
               gboolean   at_once)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->scheduler != NULL && pcall_task_is_ours (self))
    pcall_scheduler_stop_child (self->scheduler, position, at_once);
}

static void
stop_child (PcallChild *child,
            gboolean    at_once)
{
  PcallMonitor *monitor = pcall_child_list_get_monitor (pcall_child_get_list (child));
  PcallTask *task = pcall_monitor_ref_owner (monitor);

  if (task == NULL)
    return;

  stop_child_of (task, pcall_child_get_position (child), at_once);
  pcall_monitor_update (monitor);
  pcall_monitor_unref_owner (monitor, task);
}

/**
 * pcall_child_terminate:
 * @self: a child
 *
 * Ends this child, and lets others go on: its process group gets `SIGTERM`, and after
 * [property@Pcall.Task:grace-period] `SIGKILL`. The call that it has, if any, ends in
 * [enum@Pcall.CallState.cancelled], unless it is over by then. What it was to run besides, another
 * child runs.
 *
 * This returns at once, and may be called from any thread. It does nothing to a child that has
 * ended, or whose task is gone, and nothing in a forked child.
 *
 * To the task it is a call that has not succeeded: with [enum@Pcall.FailurePolicy.stop] all end.
 *
 * Since: 1.0
 */
void
pcall_child_terminate (PcallChild *self)
{
  g_return_if_fail (PCALL_IS_CHILD (self));

  stop_child (self, FALSE);
}

/**
 * pcall_child_kill:
 * @self: a child
 *
 * As [method@Pcall.Child.terminate], by `SIGKILL` at once, which nothing can ignore; also where the
 * child was terminated before, and goes on.
 *
 * Since: 1.0
 */
void
pcall_child_kill (PcallChild *self)
{
  g_return_if_fail (PCALL_IS_CHILD (self));

  stop_child (self, TRUE);
}

/* Driving */

void
pcall_task_stop_driving (PcallTask *self)
{
  pcall_monitor_stop_driving (self->monitor);
  if (self->scheduler != NULL && !pcall_monitor_is_driven (self->monitor))
    pcall_scheduler_leave_work (self->scheduler);
}

gboolean
pcall_task_advance (PcallTask *self)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->scheduler == NULL)
    return FALSE;
  if (!pcall_monitor_try_drive (self->monitor))
    {
      pcall_scheduler_update (self->scheduler);
      return !self->finished;
    }

  pcall_task_invalidate (self);
  pcall_scheduler_drive (self->scheduler, SLICE_US);
  pcall_task_stop_driving (self);
  return !self->finished;
}

/**
 * pcall_task_get_fd:
 * @self: a task that was started
 *
 * Gets a descriptor that is readable when [method@Pcall.Task.dispatch] has something to do, and
 * from the end of the task on, for event loops other than GLib's. It belongs to the task and is the
 * same until the task is gone.
 *
 * Returns: the descriptor, or -1 if the task was not started or had finished before
 *
 * Since: 1.0
 */
int
pcall_task_get_fd (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), -1);

  locker = pcall_monitor_locker_new (self->monitor);
  if (self->engine == NULL)
    return -1;

  self->fd_given = TRUE;
  return pcall_engine_get_fd (self->engine);
}

/**
 * pcall_task_dispatch:
 * @self: a task
 *
 * Does what there is to do now, without waiting, and for a few milliseconds at the most, unless
 * what listens to the task takes longer: signals are emitted in here. For event loops other than
 * GLib's: see [method@Pcall.Task.get_fd].
 *
 * While another thread drives the task this emits nothing.
 *
 * Returns: %FALSE when there is nothing to come: the task has finished, or was not started
 *
 * Since: 1.0
 */
gboolean
pcall_task_dispatch (PcallTask *self)
{
  g_autoptr (PcallTask) keep = NULL;
  gboolean goes_on;

  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  if (!pcall_task_is_ours (self) || self->scheduler == NULL)
    return FALSE;

  keep = g_object_ref (self);
  dispatch_depth++;
  goes_on = pcall_task_advance (self);
  dispatch_depth--;
  return goes_on;
}

/**
 * pcall_task_get_running:
 * @self: a task
 *
 * Tells whether the task has been started and has not finished. Takes in what has happened, and
 * emits no signal; so a loop that asks again and again comes to an end.
 *
 * Returns: %TRUE if it runs
 *
 * Since: 1.0
 */
gboolean
pcall_task_get_running (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  locker = pcall_monitor_locker_new_updated (self->monitor);
  if (self->scheduler == NULL || self->finished)
    return FALSE;
  /* User code that is told of the last call finds a task that runs. */
  return pcall_monitor_is_mine (self->monitor) || !pcall_scheduler_is_over (self->scheduler);
}

/* Starting */

static gboolean
check_environment (PcallTask               *self,
                   const PcallStartMethods *methods,
                   GError                 **error)
{
  if (self->options.conditions->environment == NULL || methods != &pcall_start_fork)
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                       "the environment is for workers; a forked child has that of this process, "
                       "and a call can change it");
  return FALSE;
}

/* Forked children have the arguments of all calls from the beginning. */
static gboolean
check_feed (PcallTask               *self,
            const PcallStartMethods *methods,
            GError                 **error)
{
  if (!pcall_arguments_is_fed (self->arguments) ||
      (self->targets->len == 1 && methods->takes_calls))
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                       "calls that are added one by one are for a single target of a worker "
                       "program");
  return FALSE;
}

static gboolean
check_targets (PcallTask *self,
               GError   **error)
{
  PcallStartMethod method = self->options.start_method;

  /* Where nothing can be forked, what else is wrong with forking a target is of no use. */
  if (method == PCALL_START_METHOD_FORK && !pcall_fork_check (error))
    return FALSE;

  for (guint i = 0; i < self->targets->len; i++)
    {
      const PcallStartMethods *methods =
          pcall_start_choose (g_ptr_array_index (self->targets, i), method, error);

      if (methods == NULL || !check_environment (self, methods, error) ||
          !check_feed (self, methods, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
check_startable (PcallTask *self,
                 GError   **error)
{
  if (self->owner != 0)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_START,
                         "the task was started before; a task runs once");
  else if (self->targets->len == 0)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                         "the task has no target; add one with pcall_task_add_target()");
  else
    return pcall_arguments_check (self->arguments, error) && check_targets (self, error);
  return FALSE;
}

static gboolean
make_calls (PcallTask *self,
            GError   **error)
{
  guint n_calls = pcall_task_get_n_calls (self);

  self->calls = pcall_call_list_new (self->monitor, self->arguments, self->targets, n_calls,
                                     &pcall_call_view);
  if (self->calls == NULL)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "there is no memory for %u calls", n_calls);
  return self->calls != NULL;
}

static void
make_scheduler (PcallTask *self,
                PcallCrew *crew)
{
  const PcallTaskOptions *from = &self->options;
  PcallSchedulerOptions options = {
    .timeout = pcall_seconds_to_microseconds (from->timeout),
    .deadline = pcall_seconds_to_microseconds (from->deadline),
    .grace_period = pcall_seconds_to_microseconds (MIN (from->grace_period, PCALL_MAX_SECONDS)),
    .max_children = from->max_children == 0 && from->pool != NULL
                        ? pcall_pool_get_max_children (from->pool)
                        : from->max_children,
    .calls_per_child = from->calls_per_child,
    .calls_per_worker = from->calls_per_child_set ? from->calls_per_child : 0,
    .start_method = from->start_method,
    .failure_policy = from->failure_policy,
    .log_mode = from->log_mode,
    .log_directory = from->log_directory,
    .keep_logs = from->keep_logs,
    .max_log_size = from->max_log_size,
    .output_mode = from->output_mode,
    .pool = from->pool,
    .conditions = from->conditions,
    .crew = crew,
    .retries = from->retries,
  };

  self->scheduler = pcall_scheduler_new (self->engine, self->calls, self->arguments, self->targets,
                                         &options, &pcall_task_scheduler_funcs, self);
}

static void
update (gpointer owner)
{
  PcallTask *self = owner;

  if (self->scheduler == NULL || !pcall_task_is_ours (self))
    return;

  /* Who looks may have connected a handler since the last look. */
  pcall_task_invalidate_listeners (self);
  pcall_scheduler_update (self->scheduler);
}

/* Nothing has run, and nobody was told. */
static void
undo_start (PcallTask *self)
{
  g_clear_pointer (&self->scheduler, pcall_scheduler_free);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
  pcall_task_detach_sources (self);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  pcall_monitor_set_owner (self->monitor, NULL, NULL);
  self->owner = 0;
}

static gboolean
start (PcallTask      *self,
       PcallStartFlags flags,
       GError        **error)
{
  g_autoptr (GError) failure = NULL;
  g_autoptr (PcallCrew) crew = NULL;

  if (!check_startable (self, error))
    return FALSE;

  crew = pcall_task_find_crew (self, &failure);
  if (failure != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&failure));
      return FALSE;
    }
  if (!make_calls (self, error))
    return FALSE;

  self->engine = pcall_engine_new (error);
  if (self->engine == NULL)
    {
      g_clear_pointer (&self->calls, pcall_call_list_unref);
      return FALSE;
    }

  self->owner = getpid ();
  pcall_monitor_set_owner (self->monitor, self, update);
  pcall_task_invalidate (self);
  make_scheduler (self, crew);
  if (self->terminated)
    pcall_scheduler_stop (self->scheduler, "terminated");
  if ((flags & PCALL_START_FLAGS_UNATTACHED) == 0)
    pcall_task_attach_sources (self);
  if (!pcall_scheduler_start (self->scheduler, flags & PCALL_START_FLAGS_IN_LOOP, error))
    {
      undo_start (self);
      return FALSE;
    }

  if (self->options.show_progress)
    self->bar = pcall_progress_bar_new ();
  return TRUE;
}

/* That the task runs, and has calls, is told as that of any property that is set: at once, and
 * before anything else. So this thread drives as long. */
static void
tell_started (PcallTask *self)
{
  guint n = pcall_call_list_get_n_calls (self->calls);
  guint depth = pcall_monitor_begin_user_code (self->monitor);

  g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, n);
  pcall_task_notify (self, PROP_RUNNING);
  pcall_monitor_end_user_code (self->monitor, depth);
  pcall_task_invalidate_listeners (self);
}

static gboolean
start_here (PcallTask      *self,
            PcallStartFlags flags,
            GError        **error)
{
  G_GNUC_UNUSED g_autoptr (PcallTask) keep = g_object_ref (self);
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);
  gboolean started;

  /* Somebody else is just starting it. */
  while (!pcall_monitor_try_drive (self->monitor))
    pcall_monitor_wait (self->monitor, -1);

  started = start (self, flags, error);
  if (started)
    tell_started (self);
  pcall_task_stop_driving (self);
  return started;
}

/* The handlers of a GApplication that activate it are called before its first turn of the loop:
 * then no source is being dispatched, but the default context is this thread's. One of its own is
 * so from when it is pushed on, whether a loop runs or not. */
static gboolean
is_in_loop (void)
{
  return g_main_depth () > 0 || dispatch_depth > 0 ||
         (g_main_context_get_thread_default () == NULL && g_main_context_is_owner (NULL));
}

/**
 * pcall_task_start:
 * @self: a task
 * @error: return location for an error
 *
 * Starts the task. From here on it cannot be changed, and it is run by the thread-default main
 * context, by [method@Pcall.Task.join] or by [method@Pcall.Task.dispatch]. No signal of a call is
 * emitted in here.
 *
 * In a program in which this thread runs no main loop, every call that may run at once has been
 * begun when this returns. Where it is called from a main loop, or from a handler of a
 * `GApplication` that runs, children are made for a few milliseconds, and the others follow from
 * the loop, so that it stays alive.
 *
 * Fails with [error@Pcall.Error.arguments] where there is nothing to call or an argument list was
 * bad, with [error@Pcall.Error.target] where a target cannot be started that way, and with
 * [error@Pcall.Error.start] if the task was started before or not even one child could be made;
 * nothing is left running then, and an unstarted task can be tried again. Where others could be
 * made later calls wait for their turn.
 *
 * Returns: %TRUE if the task was started
 *
 * Since: 1.0
 */
gboolean
pcall_task_start (PcallTask *self,
                  GError   **error)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return start_here (self, is_in_loop () ? PCALL_START_FLAGS_IN_LOOP : PCALL_START_FLAGS_NONE,
                     error);
}

/**
 * pcall_task_start_with_flags:
 * @self: a task
 * @flags: what is known about this thread
 * @error: return location for an error
 *
 * Starts the task as [method@Pcall.Task.start] does. This is for language bindings, which know of
 * other loops than GLib's, and of what follows.
 *
 * Returns: %TRUE if the task was started
 *
 * Since: 1.0
 */
gboolean
pcall_task_start_with_flags (PcallTask       *self,
                             PcallStartFlags  flags,
                             GError         **error)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return start_here (self, flags, error);
}
