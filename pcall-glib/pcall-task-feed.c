/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-binding.h"
#include "pcall-error.h"
#include "pcall-task-private.h"

/* Calls that come while the task runs.
 *
 * A binding whose program asks for calls one by one, for as long as it likes, has workers that stay
 * between them. The first call is added before the task is started, and from then on it is open:
 * idle workers wait, and it does not end, until it is told that no more come. What has ended can be
 * forgotten, so that such a task needs little more memory than for what runs. */

static gboolean
check_open (PcallTask *self,
            GError   **error)
{
  if (self->scheduler != NULL && pcall_task_is_ours (self) && !self->finished &&
      pcall_scheduler_takes_calls (self->scheduler))
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS, "the task takes no more calls");
  return FALSE;
}

/* Where the task runs @index says which call it is; else that is left alone. */
static gboolean
add_call (PcallTask *self,
          GVariant  *args,
          guint     *index,
          GError   **error)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->owner == 0)
    return pcall_arguments_feed (self->arguments, args, error);

  if (!check_open (self, error) || !pcall_arguments_feed (self->arguments, args, error))
    return FALSE;

  *index = pcall_call_list_get_n_calls (self->calls);
  if (!pcall_call_list_add (self->calls))
    g_error ("there is no memory for more than %u calls", *index);
  pcall_scheduler_add_call (self->scheduler);
  return TRUE;
}

/**
 * pcall_task_feed:
 * @self: a task
 * @args: the arguments of the call, a tuple or an array, after those that all calls have
 * @error: return location for an error
 *
 * Adds a call to the task, which is for a single target, a worker's, and has no other lists of
 * arguments; starting it fails with [error@Pcall.Error.arguments] where it is not so.
 *
 * Where a call is added before the task is started, others can be added while it runs, and workers
 * wait for them, until [method@Pcall.Task.end_feed] is called or the task is terminated. Without
 * either it never ends. A call begins as soon as a worker is there for it. To a model the task is a
 * list that grows.
 *
 * This is for language bindings. It may be called from any thread once the task was started.
 *
 * Fails with [error@Pcall.Error.arguments] where @args are no arguments, or the task takes no more
 * calls.
 *
 * Returns: %TRUE if there is one call more
 *
 * Since: 1.0
 */
gboolean
pcall_task_feed (PcallTask *self,
                 GVariant  *args,
                 GError   **error)
{
  g_autoptr (PcallTask) keep = NULL;
  g_autoptr (GVariant) owned = NULL;
  guint index = G_MAXUINT;

  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);
  g_return_val_if_fail (args != NULL, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  keep = g_object_ref (self);
  owned = g_variant_ref_sink (args);
  if (!add_call (self, owned, &index, error))
    return FALSE;

  if (index != G_MAXUINT)
    {
      g_list_model_items_changed (G_LIST_MODEL (self), index, 0, 1);
      pcall_monitor_update (self->monitor);
    }
  return TRUE;
}

static void
end_feed (PcallTask *self)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  pcall_arguments_end_feed (self->arguments);
  if (self->scheduler != NULL && pcall_task_is_ours (self) && !self->finished)
    pcall_scheduler_end_feed (self->scheduler);
}

/**
 * pcall_task_end_feed:
 * @self: a task
 *
 * Tells that no more calls are added with [method@Pcall.Task.feed]: workers end when there is
 * nothing left to do, and so does the task.
 *
 * This is for language bindings. It may be called from any thread, and does nothing where no call
 * was ever added.
 *
 * Since: 1.0
 */
void
pcall_task_end_feed (PcallTask *self)
{
  g_autoptr (PcallTask) keep = NULL;

  g_return_if_fail (PCALL_IS_TASK (self));

  keep = g_object_ref (self);
  end_feed (self);
  pcall_monitor_update (self->monitor);
}

/**
 * pcall_task_forget_call:
 * @self: a task that was started
 * @index: which call, counted from 0; less than the number of calls
 *
 * Lets go of what a call has that is large, once it has ended: of its result, which is the byte 0
 * from here on, and of the arguments that were given to [method@Pcall.Task.feed]. Does nothing to a
 * call that has not ended.
 *
 * This is for language bindings, which have made something of the result by then.
 *
 * Since: 1.0
 */
void
pcall_task_forget_call (PcallTask *self,
                        guint      index)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_if_fail (PCALL_IS_TASK (self));

  locker = pcall_monitor_locker_new (self->monitor);
  if (pcall_task_check_call (self, G_STRFUNC, index) &&
      pcall_call_list_get_state (self->calls, index) > PCALL_CALL_STATE_RUNNING)
    pcall_call_list_drop_data (self->calls, index);
}
