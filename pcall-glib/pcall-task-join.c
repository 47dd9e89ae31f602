/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <math.h>
#include <sys/single_threaded.h>

#include "pcall-binding.h"
#include "pcall-task-private.h"
#include "base/pcall-javascript-private.h"
#include "base/pcall-seconds-private.h"

/* Waiting for the end of a task: blocking, which drives the task itself and no main context, and
 * not blocking, which leaves that to the source of the task.
 *
 * Where another thread drives, who joins waits for it, and takes over if that one stops before the
 * end. Two threads, each of which waits in a signal handler of one task for the other's task, would
 * wait for ever: so who is in user code waits for the calls only, and not until all is told. */

/* How often that one looks. */
#define LOOK_US 10000

/* How long there is for what there is to do. */
#define SLICE_US 4000

/* An operation that waits for the end: join_async() or run_async(). */
typedef struct
{
  GAsyncReadyCallback callback;
  gulong              cancelled_id;
  gboolean            wants_results;
} Join;

/* Their addresses tell operations apart. */
static const char join_tag[] = "pcall_task_join_async";
static const char run_tag[] = "pcall_task_run_async";

/* In the thread that cancels. */
static void
cancelled (GCancellable *cancellable,
           gpointer      data)
{
  PcallTask *self = data;

  pcall_task_stop (self, "cancelled");
  pcall_monitor_update (self->monitor);
}

static gboolean
check_joinable (PcallTask *self,
                GError   **error)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (pcall_task_is_ours (self))
    return TRUE;

  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED,
                       self->owner == 0
                           ? "the task was not started; call pcall_task_start() before joining it"
                           : "the task was started by another process, of which this is a fork");
  return FALSE;
}

/* What came of all the calls of a task that has finished. */
static gboolean
conclude (PcallTask    *self,
          GCancellable *cancellable,
          GError      **error)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);
  guint first;

  if (!pcall_call_list_find_first_failed (self->calls, &first))
    return TRUE;
  if (g_cancellable_set_error_if_cancelled (cancellable, error))
    return FALSE;

  if (error != NULL)
    *error = g_error_copy (pcall_call_list_get_error (self->calls, first));
  return FALSE;
}

static gboolean
has_passed (gint64 until)
{
  return until >= 0 && g_get_monotonic_time () >= until;
}

/* Who only looks, or whose time has nearly come, does something all the same. */
static gint64
find_length (gint64 until)
{
  return until < 0 ? 0 : MAX (until - g_get_monotonic_time (), SLICE_US);
}

/* TRUE when all has ended, FALSE when @until has come; looks once in any case. */
static gboolean
drive (PcallTask *self,
       gint64     until)
{
  pcall_task_invalidate (self);
  for (;;)
    {
      g_autoptr (PcallEngine) engine = NULL;
      guint depth;

      pcall_scheduler_drive (self->scheduler, find_length (until));
      if (pcall_scheduler_is_told (self->scheduler))
        return TRUE;
      if (has_passed (until))
        return FALSE;
      if (pcall_scheduler_has_work (self->scheduler))
        continue;

      engine = pcall_engine_ref (self->engine);
      depth = pcall_monitor_step_out (self->monitor);
      pcall_engine_wait (engine, until);
      pcall_monitor_step_in (self->monitor, depth);
      /* Only another thread can have connected a handler meanwhile. */
      if (!__libc_single_threaded)
        pcall_task_invalidate_listeners (self);
    }
}

/* Another thread drives. TRUE if all has ended. */
static gboolean
look (PcallTask *self)
{
  pcall_scheduler_update (self->scheduler);
  return pcall_monitor_is_in_user_code () && pcall_scheduler_is_over (self->scheduler);
}

static gint64
find_next_look (gint64 until)
{
  gint64 next = g_get_monotonic_time () + LOOK_US;

  if (!pcall_monitor_is_in_user_code ())
    return until;
  return until < 0 ? next : MIN (next, until);
}

static gboolean
wait_for_end (PcallTask *self,
              gint64     until)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  /* It may be disposed of while this thread waits for its turn. */
  while (self->scheduler != NULL)
    {
      if (pcall_monitor_try_drive (self->monitor))
        {
          gboolean over = drive (self, until);

          pcall_task_stop_driving (self);
          return over;
        }
      if (look (self))
        return TRUE;
      if (has_passed (until))
        return pcall_scheduler_is_over (self->scheduler);
      pcall_monitor_wait (self->monitor, find_next_look (until));
    }
  return TRUE;
}

/* Whether who joins in here, perhaps in a handler, has nothing more to wait for. */
static gboolean
is_over_for_joiner (PcallTask *self)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);
  gboolean over;

  if (self->scheduler == NULL)
    return TRUE;
  if (!pcall_monitor_try_drive (self->monitor))
    return look (self);

  over = pcall_scheduler_is_told (self->scheduler);
  pcall_task_stop_driving (self);
  return over;
}

/**
 * pcall_task_try_join:
 * @self: a task that was started
 *
 * Does what [method@Pcall.Task.dispatch] does, and tells whether there is nothing more to wait for
 * for who joins the task. In a handler of its signals that is so when all but the end of the task
 * itself has been told, as it is for [method@Pcall.Task.join]: the end comes when the handler has
 * returned.
 *
 * For who has to wait in a way of its own, in place of [method@Pcall.Task.join].
 *
 * Returns: %TRUE if that would return
 *
 * Since: 1.0
 */
gboolean
pcall_task_try_join (PcallTask *self)
{
  g_autoptr (PcallTask) keep = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), TRUE);

  keep = g_object_ref (self);
  return !pcall_task_dispatch (self) || is_over_for_joiner (self);
}

static void
set_timed_out (PcallTask *self,
               gdouble    timeout,
               GError   **error)
{
  guint n_calls = pcall_task_get_n_calls (self);
  guint n_left = n_calls - pcall_task_get_n_finished (self);

  if (n_left > 0)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 "%u of %u calls had not ended after %g s; they go on", n_left, n_calls, timeout);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                 "all calls have ended, but what they logged was not all in the main log after "
                 "%g s; joining it goes on", timeout);
}

static gboolean
join (PcallTask    *self,
      gdouble       timeout,
      GCancellable *cancellable,
      GError      **error)
{
  gint64 limit = timeout > 0 ? pcall_seconds_to_microseconds (timeout) : 0;
  gint64 until = timeout < 0 || (timeout > 0 && limit == 0) ? -1 : g_get_monotonic_time () + limit;
  gboolean over;
  gulong id = 0;

  if (cancellable != NULL)
    id = g_cancellable_connect (cancellable, G_CALLBACK (cancelled), self, NULL);
  over = wait_for_end (self, until);
  g_cancellable_disconnect (cancellable, id);

  if (over)
    return conclude (self, cancellable, error);

  set_timed_out (self, timeout, error);
  return FALSE;
}

/**
 * pcall_task_join:
 * @self: a task that was started
 * @timeout: how long to wait, in seconds; negative for without limit, 0 for only looking
 * @cancellable: (nullable): ends the task when it is cancelled
 * @error: return location for an error
 *
 * Waits until all calls have ended. Signals of the task are emitted in here; the caller's main
 * context is not iterated.
 *
 * Fails with %G_IO_ERROR_TIMED_OUT when @timeout has passed: the calls go on, and the task can be
 * joined again. Fails with %G_IO_ERROR_CANCELLED when @cancellable was cancelled: the children
 * have been ended then, as [method@Pcall.Task.terminate] does. Fails with the error of the failed
 * call of lowest index when a call did not succeed; the results of others are there all the same,
 * see [method@Pcall.Call.dup_result].
 *
 * Returns: %TRUE if all calls have succeeded
 *
 * Since: 1.0
 */
gboolean
pcall_task_join (PcallTask    *self,
                 gdouble       timeout,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr (PcallTask) keep = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (isnan (timeout))
    {
      g_critical ("%s: timeout is %g; expected a number of seconds, less than 0 for no limit",
                  G_STRFUNC, timeout);
      return FALSE;
    }
  if (!check_joinable (self, error))
    return FALSE;

  keep = g_object_ref (self);
  return join (self, timeout, cancellable, error);
}

/**
 * pcall_task_run:
 * @self: a task
 * @cancellable: (nullable): ends the task when it is cancelled
 * @error: return location for an error
 *
 * Starts the task, waits until all calls have ended, and gives the results:
 * [method@Pcall.Task.start], [method@Pcall.Task.join] without limit and
 * [method@Pcall.Task.dup_results] in one.
 *
 * Returns: (transfer full): an `av` in call order, or %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
pcall_task_run (PcallTask    *self,
                GCancellable *cancellable,
                GError      **error)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (g_cancellable_set_error_if_cancelled (cancellable, error) ||
      !pcall_task_start_with_flags (
           self, PCALL_START_FLAGS_IN_LOOP | PCALL_START_FLAGS_UNATTACHED, error) ||
      !pcall_task_join (self, -1, cancellable, error))
    return NULL;

  return pcall_task_dup_results (self);
}

/* The same on the main loop */

static void
complete_join (GTask *task)
{
  PcallTask *self = g_task_get_source_object (task);
  Join *join = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;

  g_cancellable_disconnect (cancellable, join->cancelled_id);

  if (!conclude (self, cancellable, &error))
    g_task_return_error (task, error);
  else if (join->wants_results)
    g_task_return_pointer (task, pcall_task_dup_results (self), (GDestroyNotify) g_variant_unref);
  else
    g_task_return_boolean (task, TRUE);

  g_object_unref (task);
}

void
pcall_task_complete_joins (PcallTask *self,
                           GSList    *joins)
{
  g_slist_free_full (joins, (GDestroyNotify) complete_join);
}

static void
call_back (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Join *join = g_task_get_task_data (G_TASK (result));

  pcall_javascript_attend ();
  join->callback (source, result, user_data);
}

static GTask *
new_join (PcallTask           *self,
          const char          *tag,
          GCancellable        *cancellable,
          GAsyncReadyCallback  callback,
          gpointer             user_data)
{
  GTask *task = g_task_new (self, cancellable, callback != NULL ? call_back : NULL, user_data);
  Join *join = g_new0 (Join, 1);

  join->callback = callback;
  g_task_set_source_tag (task, (gpointer) tag);
  g_task_set_name (task, tag);
  /* The error is chosen in conclude(): a task that succeeded before it was cancelled succeeded. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, join, g_free);
  return task;
}

/* FALSE if the task has finished, or was disposed of. */
static gboolean
add_join (PcallTask *self,
          GTask     *task)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->finished || self->scheduler == NULL)
    return FALSE;

  self->joins = g_slist_append (self->joins, task);
  return TRUE;
}

/* Takes @task. */
static void
begin_join (PcallTask *self,
            GTask     *task,
            gboolean   wants_results)
{
  Join *join = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);

  join->wants_results = wants_results;
  if (cancellable != NULL)
    join->cancelled_id = g_cancellable_connect (cancellable, G_CALLBACK (cancelled), self, NULL);
  if (!add_join (self, task))
    complete_join (task);
}

/**
 * pcall_task_join_async:
 * @self: a task that was started
 * @cancellable: (nullable): ends the task when it is cancelled
 * @callback: (scope async) (closure user_data): called when all calls have ended
 * @user_data: what to call it with
 *
 * Waits, without blocking, until all calls have ended. The task runs in the thread-default main
 * context that it was started in; @callback is called in that of this call.
 *
 * Since: 1.0
 */
void
pcall_task_join_async (PcallTask           *self,
                       GCancellable        *cancellable,
                       GAsyncReadyCallback  callback,
                       gpointer             user_data)
{
  GError *error = NULL;
  GTask *task;

  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = new_join (self, join_tag, cancellable, callback, user_data);
  if (check_joinable (self, &error))
    {
      begin_join (self, task, FALSE);
      return;
    }

  g_task_return_error (task, error);
  g_object_unref (task);
}

/**
 * pcall_task_join_finish:
 * @self: a task
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Tells what came of [method@Pcall.Task.join_async]. Errors are those of
 * [method@Pcall.Task.join].
 *
 * Returns: %TRUE if all calls have succeeded
 *
 * Since: 1.0
 */
gboolean
pcall_task_join_finish (PcallTask    *self,
                        GAsyncResult *result,
                        GError      **error)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) join_tag), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/**
 * pcall_task_run_async:
 * @self: a task
 * @cancellable: (nullable): ends the task when it is cancelled
 * @callback: (scope async) (closure user_data): called when all calls have ended
 * @user_data: what to call it with
 *
 * Starts the task and runs it, without blocking, in the thread-default main context.
 *
 * Since: 1.0
 */
void
pcall_task_run_async (PcallTask           *self,
                      GCancellable        *cancellable,
                      GAsyncReadyCallback  callback,
                      gpointer             user_data)
{
  GError *error = NULL;
  GTask *task;

  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = new_join (self, run_tag, cancellable, callback, user_data);
  if (!g_cancellable_set_error_if_cancelled (cancellable, &error) &&
      pcall_task_start_with_flags (self, PCALL_START_FLAGS_IN_LOOP, &error))
    {
      begin_join (self, task, TRUE);
      return;
    }

  g_task_return_error (task, error);
  g_object_unref (task);
}

/**
 * pcall_task_run_finish:
 * @self: a task
 * @result: what the callback was given
 * @error: return location for an error
 *
 * Gets what came of [method@Pcall.Task.run_async]. Errors are those of [method@Pcall.Task.run].
 *
 * Returns: (transfer full): an `av` in call order, or %NULL with @error set
 *
 * Since: 1.0
 */
GVariant *
pcall_task_run_finish (PcallTask    *self,
                       GAsyncResult *result,
                       GError      **error)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);
  g_return_val_if_fail (g_task_is_valid (result, self), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, (gpointer) run_tag), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}
