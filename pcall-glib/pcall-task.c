/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-task.h"

#include "pcall-error.h"
#include "pcall-task-private.h"

/**
 * PcallTask:
 *
 * One parallel call as a whole: what to call, how, and what came of it.
 *
 * A task zips *targets* and *arguments* into *calls*, runs each call in a child process, and brings
 * the results back in the order of the calls. The arguments of call *i* are the common arguments,
 * then those of element *i* of the instance arguments; keyword arguments likewise. There are as
 * many calls as the shortest list has elements.
 *
 * ```c
 * static GVariant *
 * add (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
 * {
 *   gint32 x, y;
 *
 *   if (!pcall_parse_args (args, kwargs, error, "(ii)", &x, &y, NULL))
 *     return NULL;
 *   return g_variant_new_int32 (x + y);
 * }
 *
 * g_autoptr (PcallTask) task = pcall_task_new_for_func (add, NULL, NULL);
 * g_autoptr (GVariant) results = NULL;
 *
 * pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1, 4), (2, 5), (3, 6)]"));
 * results = pcall_task_run (task, NULL, &error);   // [<5>, <7>, <9>]
 * ```
 *
 * A task runs once. It can be run and waited for ([method@Pcall.Task.run]), run on the main loop
 * ([method@Pcall.Task.run_async]), started and then joined ([method@Pcall.Task.start],
 * [method@Pcall.Task.join]), or driven by any other event loop ([method@Pcall.Task.get_fd],
 * [method@Pcall.Task.dispatch]). It is a [iface@Gio.ListModel] of [class@Pcall.Call], which has all
 * of its calls from the start on.
 *
 * Every call ends, in exactly one state, however its child dies. A call that fails costs no other
 * call its result: see [method@Pcall.Task.dup_call].
 *
 * Dropping the last reference to a task that runs ends its children.
 *
 * ## Threads
 *
 * A task is set up by one thread. From [method@Pcall.Task.start] on it can be used by any number of
 * them: started in one, joined by others, looked at, terminated, and dropped in any.
 *
 * At each moment at most one thread *drives* the task: it waits for the children and emits signals.
 * Inside [method@Pcall.Task.run], [method@Pcall.Task.join] and [method@Pcall.Task.dispatch] that is
 * the caller; else it is the thread that runs the main context which was the thread-default one in
 * [method@Pcall.Task.start]. Who joins while another thread drives waits for it; a main loop leaves
 * the task alone meanwhile. So signals come one after the other, each once, but not always in the
 * same thread.
 *
 * Who only looks at a task, or at a [class@Pcall.Call] or [class@Pcall.Child], is shown what has
 * happened until then, and waiting calls are begun; signals follow when somebody drives. So a
 * program without a loop can poll.
 *
 * In a forked child, a task of the parent is of no use; it can be dropped there.
 *
 * Since: 1.0
 */

static void pcall_task_list_model_init (GListModelInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (PcallTask, pcall_task, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_LIST_MODEL,
                                                      pcall_task_list_model_init))

/* GListModel */

static GType
pcall_task_get_item_type (GListModel *model)
{
  return PCALL_TYPE_CALL;
}

static guint
pcall_task_get_n_items (GListModel *model)
{
  PcallTask *self = PCALL_TASK (model);
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  return self->calls != NULL ? pcall_call_list_get_n_calls (self->calls) : 0;
}

static gpointer
pcall_task_get_item (GListModel *model,
                     guint       position)
{
  PcallTask *self = PCALL_TASK (model);
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker = pcall_monitor_locker_new (self->monitor);

  if (position >= pcall_task_get_n_items (model))
    return NULL;
  return pcall_call_list_get_call (self->calls, position);
}

static void
pcall_task_list_model_init (GListModelInterface *iface)
{
  iface->get_item_type = pcall_task_get_item_type;
  iface->get_n_items = pcall_task_get_n_items;
  iface->get_item = pcall_task_get_item;
}

/* GObject */

static void
pcall_task_dispose (GObject *object)
{
  pcall_task_shut_down (PCALL_TASK (object));

  G_OBJECT_CLASS (pcall_task_parent_class)->dispose (object);
}

static void
pcall_task_finalize (GObject *object)
{
  PcallTask *self = PCALL_TASK (object);

  g_clear_pointer (&self->calls, pcall_call_list_unref);
  g_clear_pointer (&self->arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->options.log_directory, g_free);
  g_clear_object (&self->options.pool);
  g_clear_pointer (&self->options.conditions, pcall_conditions_unref);
  g_clear_pointer (&self->bar, pcall_progress_bar_free);
  g_clear_object (&self->options.launcher);
  g_clear_pointer (&self->monitor, pcall_monitor_unref);

  G_OBJECT_CLASS (pcall_task_parent_class)->finalize (object);
}

static void
pcall_task_class_init (PcallTaskClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pcall_task_dispose;
  object_class->finalize = pcall_task_finalize;

  pcall_task_install_properties (object_class);
  pcall_task_install_signals ();
}

static void
pcall_task_init (PcallTask *self)
{
  self->targets = g_ptr_array_new_with_free_func (g_object_unref);
  self->arguments = pcall_arguments_new ();
  self->options.grace_period = PCALL_TASK_GRACE_PERIOD;
  self->options.max_log_size = PCALL_TASK_MAX_LOG_SIZE;
  self->options.calls_per_child = 1;
  self->options.n_calls = 1;
  self->options.priority = PCALL_PRIORITY_DEFAULT;
  self->options.conditions = pcall_conditions_new ();
  self->monitor = pcall_monitor_new ();
}

gboolean
pcall_task_check_unstarted (PcallTask  *self,
                            const char *function)
{
  if (self->owner == 0)
    return TRUE;

  g_critical ("%s: the task was started; it cannot be changed any more", function);
  return FALSE;
}

gboolean
pcall_task_check_call (PcallTask  *self,
                       const char *function,
                       guint       index)
{
  guint n_calls = self->calls != NULL ? pcall_call_list_get_n_calls (self->calls) : 0;

  if (self->calls == NULL)
    g_critical ("%s: the task was not started; its calls are there from pcall_task_start() on",
                function);
  else if (index >= n_calls)
    g_critical ("%s: there is no call %u; the task has %u, counted from 0", function, index,
                n_calls);
  return index < n_calls;
}
