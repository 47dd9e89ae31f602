/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-task-private.h"

/* A task in a main loop of GLib.
 *
 * What a task does in a loop, making children and telling user code, is less urgent than a redraw.
 * But a loop that always has something more urgent to do would never get to it, and the task would
 * hang. So there are two sources. One *watches* the task's descriptor, is as urgent as input, and
 * only makes the other one ready, which does the *work* when there is nothing more urgent. If it
 * did not come to that for a while, the first one does some of the work itself: a few milliseconds
 * of it, in one slice or in many, as things happen.
 *
 * Both belong to one context, whose thread alone dispatches them. */

/* How long the work waits for what is more urgent. */
#define PATIENCE_US 20000

/* How much of it is done then. */
#define CREDIT_US 4000

typedef struct
{
  GSource       source;
  PcallMonitor *monitor;
  gpointer      fd_tag;  /* of what watches; NULL for an engine that is blind */
  gboolean      waiting; /* for the work to be done */
  gint64        credit;  /* of work that is done without waiting, in microseconds */
} TaskSource;

/* The descriptor is not what it was, and would wake the loop without end. */
static void
look_again_later (TaskSource *watch)
{
  if (watch->fd_tag != NULL)
    g_source_remove_unix_fd (&watch->source, g_steal_pointer (&watch->fd_tag));
  g_source_set_ready_time (&watch->source, g_get_monotonic_time () + PCALL_ENGINE_PAUSE_US);
}

/* Waits for the descriptor again. */
static void
watch_again (PcallTask *self)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);
  TaskSource *watch = (TaskSource *) self->watch;

  /* It has finished. */
  if (watch == NULL)
    return;

  watch->waiting = FALSE;
  g_source_set_ready_time (self->work, -1);
  if (pcall_engine_is_blind (self->engine))
    look_again_later (watch);
  else
    {
      g_source_set_ready_time (self->watch, -1);
      g_source_modify_unix_fd (self->watch, watch->fd_tag, G_IO_IN);
    }
}

static gboolean
do_work (PcallTask *self)
{
  gboolean goes_on = pcall_task_advance (self);

  if (goes_on)
    watch_again (self);
  return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
hand_over (PcallTask  *self,
           TaskSource *watch)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (self->work == NULL)
    return G_SOURCE_REMOVE;

  watch->waiting = TRUE;
  if (watch->fd_tag != NULL)
    g_source_modify_unix_fd (&watch->source, watch->fd_tag, 0);
  g_source_set_ready_time (&watch->source, g_get_monotonic_time () + PATIENCE_US);
  g_source_set_ready_time (self->work, 0);
  return G_SOURCE_CONTINUE;
}

/* The work has waited in vain. */
static gboolean
work_on_credit (PcallTask  *self,
                TaskSource *watch)
{
  gint64 begun = g_get_monotonic_time ();
  gboolean goes_on;

  if (watch->waiting)
    watch->credit = CREDIT_US;
  goes_on = do_work (self);
  watch->credit -= g_get_monotonic_time () - begun;
  return goes_on;
}

static gboolean
do_watch (PcallTask  *self,
          TaskSource *watch)
{
  if (self->options.priority <= G_PRIORITY_DEFAULT)
    return do_work (self);
  if (watch->waiting || watch->credit > 0)
    return work_on_credit (self, watch);
  return hand_over (self, watch);
}

static gboolean
do_its_work (PcallTask  *self,
             TaskSource *work)
{
  return do_work (self);
}

/* The task may go meanwhile, where another thread drops it. */
static gboolean
with_task (GSource                     *source,
           gboolean (*func) (PcallTask *self, TaskSource *source))
{
  TaskSource *self = (TaskSource *) source;
  PcallTask *task = pcall_monitor_ref_owner (self->monitor);
  gboolean goes_on;

  if (task == NULL)
    return G_SOURCE_REMOVE;

  goes_on = pcall_task_is_ours (task) && func (task, self);
  pcall_monitor_unref_owner (self->monitor, task);
  return goes_on;
}

static gboolean
watch_dispatch (GSource    *source,
                GSourceFunc callback,
                gpointer    data)
{
  return with_task (source, do_watch);
}

static gboolean
work_dispatch (GSource    *source,
               GSourceFunc callback,
               gpointer    data)
{
  return with_task (source, do_its_work);
}

static void
task_source_finalize (GSource *source)
{
  pcall_monitor_unref (((TaskSource *) source)->monitor);
}

static GSourceFuncs watch_funcs = {
  .dispatch = watch_dispatch,
  .finalize = task_source_finalize,
};

static GSourceFuncs work_funcs = {
  .dispatch = work_dispatch,
  .finalize = task_source_finalize,
};

static GSource *
new_source (PcallTask    *self,
            GSourceFuncs *funcs,
            const char   *name,
            gint          priority)
{
  GSource *source = g_source_new (funcs, sizeof (TaskSource));

  ((TaskSource *) source)->monitor = pcall_monitor_ref (self->monitor);
  g_source_set_static_name (source, name);
  g_source_set_priority (source, priority);
  return source;
}

void
pcall_task_attach_sources (PcallTask *self)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  gint priority = self->options.priority;

  self->work = new_source (self, &work_funcs, "[pcall] work", priority);
  self->watch = new_source (self, &watch_funcs, "[pcall] watch",
                            MIN (priority, G_PRIORITY_DEFAULT));
  ((TaskSource *) self->watch)->fd_tag =
      g_source_add_unix_fd (self->watch, pcall_engine_get_fd (self->engine), G_IO_IN);
  g_source_attach (self->work, context);
  g_source_attach (self->watch, context);
}

static void
detach (GSource **source)
{
  if (*source == NULL)
    return;

  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

void
pcall_task_detach_sources (PcallTask *self)
{
  detach (&self->watch);
  detach (&self->work);
}
