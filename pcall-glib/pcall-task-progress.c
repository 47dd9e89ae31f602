/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-task-private.h"

/* Showing how far a task is, by a bar of parent/pcall-progress-bar.c. All of this runs in the
 * thread that drives. It steps out while it draws: a terminal may be stopped, and keep who writes
 * to it. */

static void
draw (PcallTask *self)
{
  gdouble done = pcall_call_list_get_done (self->calls);
  guint n_finished = pcall_call_list_get_n_finished (self->calls);
  guint n_calls = pcall_call_list_get_n_calls (self->calls);
  guint depth = pcall_monitor_step_out (self->monitor);

  pcall_progress_bar_draw (self->bar, done, n_finished, n_calls);
  pcall_monitor_step_in (self->monitor, depth);
}

void
pcall_task_draw_progress (PcallTask *self)
{
  if (self->bar != NULL && pcall_progress_bar_is_due (self->bar))
    draw (self);
}

void
pcall_task_hide_progress (gboolean at_end,
                          gpointer data)
{
  PcallTask *self = data;
  guint depth;

  if (self->bar == NULL)
    return;

  if (at_end)
    draw (self);
  depth = pcall_monitor_step_out (self->monitor);
  if (at_end)
    pcall_progress_bar_end (self->bar);
  else
    pcall_progress_bar_hide (self->bar);
  pcall_monitor_step_in (self->monitor, depth);
}

/**
 * pcall_task_set_show_progress:
 * @self: a task that is not started
 * @show_progress: whether to show it
 *
 * Sets whether a bar on standard error shows how far the task is, where that is a terminal; where
 * it is a pipe or a file, nothing is written.
 *
 *     [##########....................] 12/36
 *
 * The bar is drawn by who drives the task, over itself, as long as calls run. How much of a call is
 * done that runs comes from [func@Pcall.report_progress]. Logs of calls are written above it; with
 * [enum@Pcall.LogMode.inherit], what calls write stands in its line.
 *
 * For another look of it, listen to `notify::fraction`, or to `notify::n-finished`.
 *
 * Since: 1.0
 */
void
pcall_task_set_show_progress (PcallTask *self,
                              gboolean   show_progress)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  show_progress = !!show_progress;
  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      self->options.show_progress == show_progress)
    return;

  self->options.show_progress = show_progress;
  pcall_task_notify (self, PROP_SHOW_PROGRESS);
}

/**
 * pcall_task_get_show_progress:
 * @self: a task
 *
 * Gets whether a bar shows how far the task is.
 *
 * Returns: %TRUE if it does, where standard error is a terminal
 *
 * Since: 1.0
 */
gboolean
pcall_task_get_show_progress (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  return self->options.show_progress;
}
