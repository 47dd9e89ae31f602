/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-target-private.h"
#include "pcall-error.h"
#include "pcall-launcher-private.h"
#include "pcall-task-private.h"

/* Where to call: on this machine, or on those that a launcher has. */

/**
 * pcall_task_set_launcher:
 * @self: a task that is not started
 * @launcher: (nullable): a launcher
 *
 * Sets what starts the workers of this task, on other machines. See [class@Pcall.Launcher].
 *
 * Starting the task fails with [error@Pcall.Error.target] where a target is a function of this
 * program, or the start method is to fork: neither is possible elsewhere. It begins no call by
 * itself then: a call begins when a worker is there.
 *
 * Since: 1.0
 */
void
pcall_task_set_launcher (PcallTask     *self,
                         PcallLauncher *launcher)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (launcher == NULL || PCALL_IS_LAUNCHER (launcher));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (g_set_object (&self->options.launcher, launcher))
    pcall_task_notify (self, PROP_LAUNCHER);
}

/**
 * pcall_task_get_launcher:
 * @self: a task
 *
 * Gets what starts the workers of this task, on other machines, as it was set.
 *
 * Returns: (transfer none) (nullable): the launcher, or %NULL
 *
 * Since: 1.0
 */
PcallLauncher *
pcall_task_get_launcher (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return self->options.launcher;
}

/**
 * pcall_task_set_retries:
 * @self: a task that is not started
 * @retries: the number
 *
 * Sets how often a call is run again that was lost: that was sent to another machine, to which the
 * connection was lost then. It may have run, wholly or in part, so this is for calls that may be
 * run twice. Without it, such a call ends with [error@Pcall.Error.lost].
 *
 * A call that is known not to have begun is run by another worker in any case, and one that crashes
 * is not run again.
 *
 * Since: 1.0
 */
void
pcall_task_set_retries (PcallTask *self,
                        guint      retries)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC) || self->options.retries == retries)
    return;

  self->options.retries = retries;
  pcall_task_notify (self, PROP_RETRIES);
}

/**
 * pcall_task_get_retries:
 * @self: a task
 *
 * Gets how often a call is run again that was lost.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
pcall_task_get_retries (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  return self->options.retries;
}

static PcallTarget *
find_callback (PcallTask *self)
{
  for (guint i = 0; i < self->targets->len; i++)
    if (pcall_target_get_kind (g_ptr_array_index (self->targets, i)) == PCALL_TARGET_CALLBACK)
      return g_ptr_array_index (self->targets, i);
  return NULL;
}

static gboolean
check_launchable (PcallTask *self,
                  GError   **error)
{
  PcallTarget *callback = find_callback (self);
  const char *name = callback != NULL ? pcall_target_get_name (callback) : NULL;

  if (self->options.start_method == PCALL_START_METHOD_FORK)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_TARGET,
                         "what a launcher starts elsewhere cannot be forked here; the start method "
                         "is 'fork'");
  else if (callback != NULL)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_TARGET,
                 "a function of this program (%s) is not there on another machine: name one that a "
                 "worker finds, by pcall_target_new_symbol() or pcall_target_new_worker()",
                 name != NULL ? name : "a callback");
  else if (self->options.conditions->own_cgroup)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_TARGET,
                         "own-cgroup is for children of this process, and a launcher's are "
                         "elsewhere");
  else
    return TRUE;
  return FALSE;
}

/* A program that knows nothing of other machines goes on to run here what can only run here. */
static PcallLauncher *
find_launcher (PcallTask *self,
               GError   **error)
{
  if (self->options.launcher != NULL)
    return check_launchable (self, error) ? self->options.launcher : NULL;
  return check_launchable (self, NULL) ? pcall_launcher_get_default (error) : NULL;
}

PcallCrew *
pcall_task_find_crew (PcallTask *self,
                      GError   **error)
{
  PcallLauncher *launcher = find_launcher (self, error);

  return launcher != NULL ? pcall_launcher_use (launcher, error) : NULL;
}
