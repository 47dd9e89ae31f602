/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-error.h"
#include "pcall-task-private.h"

/* What to call, before a task is started; what came of it, after. */

/**
 * pcall_task_new:
 * @target: what to call
 *
 * Makes a task that calls a target.
 *
 * Returns: (transfer full): the task
 *
 * Since: 1.0
 */
PcallTask *
pcall_task_new (PcallTarget *target)
{
  PcallTask *self;

  g_return_val_if_fail (PCALL_IS_TARGET (target), NULL);

  self = g_object_new (PCALL_TYPE_TASK, NULL);
  pcall_task_add_target (self, target);
  return self;
}

/**
 * pcall_task_new_for_func:
 * @func: (scope notified) (closure user_data) (destroy destroy): the function to call
 * @user_data: what to call it with, besides its arguments
 * @destroy: (nullable): frees @user_data, in the parent
 *
 * Makes a task that calls a function.
 *
 * In C this is a macro, too, and messages and logs have what is written for @func as the name of
 * the target: `call 3 (square)`. Where that says nothing, as in a function that is itself given a
 * @func, use [ctor@Pcall.Target.new], with another name or none. From other languages, and as a
 * function, `(pcall_task_new_for_func) (func, NULL, NULL)`, it makes a target without a name.
 *
 * Returns: (transfer full): the task
 *
 * Since: 1.0
 */
PcallTask *
(pcall_task_new_for_func) (PcallFunc      func,
                           gpointer       user_data,
                           GDestroyNotify destroy)
{
  g_return_val_if_fail (func != NULL, NULL);

  return pcall_task_new_for_named_func (NULL, func, user_data, destroy);
}

/**
 * pcall_task_new_for_named_func: (skip)
 * @name: (nullable): what to call the target in messages and logs
 * @func: the function to call
 * @user_data: what to call it with, besides its arguments
 * @destroy: (nullable): frees @user_data, in the parent
 *
 * Makes a task that calls a function, by a name. It is what [ctor@Pcall.Task.new_for_func] stands
 * for in C.
 *
 * Returns: (transfer full): the task
 *
 * Since: 1.0
 */
PcallTask *
pcall_task_new_for_named_func (const char    *name,
                               PcallFunc      func,
                               gpointer       user_data,
                               GDestroyNotify destroy)
{
  g_autoptr (PcallTarget) target = NULL;

  g_return_val_if_fail (func != NULL, NULL);

  target = pcall_target_new (name, func, user_data, destroy);
  return pcall_task_new (target);
}

/**
 * pcall_task_add_target:
 * @self: a task that is not started
 * @target: what to call, too
 *
 * Adds a target. With several of them call *i* calls target *i*, and their number is one more
 * length: there are no more calls than targets.
 *
 * Since: 1.0
 */
void
pcall_task_add_target (PcallTask   *self,
                       PcallTarget *target)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (PCALL_IS_TARGET (target));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  g_ptr_array_add (self->targets, g_object_ref (target));
}

/* An argument list is taken whole or not at all. What was wrong with one is kept, and told by
 * start(), which has an error to tell it with and starts nothing: the value may well be one that
 * was read from somewhere, and no mistake in the program. */
typedef gboolean (*SetArguments) (PcallArguments *arguments,
                                  GVariant       *value,
                                  GError        **error);

static void
set_arguments (PcallTask   *self,
               SetArguments set,
               GVariant    *value,
               const char  *function)
{
  g_autoptr (GVariant) owned = value != NULL ? g_variant_ref_sink (value) : NULL;

  if (pcall_task_check_unstarted (self, function))
    set (self->arguments, owned, NULL);
}

/**
 * pcall_task_set_common_args:
 * @self: a task that is not started
 * @cargs: (nullable): a tuple or an array, such as `(iis)`, `ai` or `av`; %NULL for none
 *
 * Sets the positional arguments that all calls begin with. Elements of an `av` are unwrapped once.
 *
 * A list that is of another type is not taken, and [method@Pcall.Task.start] fails with
 * [error@Pcall.Error.arguments] for it, unless the list is set anew before that.
 *
 * Since: 1.0
 */
void
pcall_task_set_common_args (PcallTask *self,
                            GVariant  *cargs)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  set_arguments (self, pcall_arguments_set_common_args, cargs, G_STRFUNC);
}

/**
 * pcall_task_set_instance_args:
 * @self: a task that is not started
 * @iargs: (nullable): an array or a tuple of tuples or arrays, one for each call, such as `a(is)`,
 *   `aai`, `av` or `((is)(i))`; %NULL for none
 *
 * Sets the positional arguments that each call has for itself, after the common ones. Elements of
 * an `av` are unwrapped once.
 *
 * A list that is of another type is not taken, and [method@Pcall.Task.start] fails with
 * [error@Pcall.Error.arguments] for it, unless the list is set anew before that.
 *
 * Since: 1.0
 */
void
pcall_task_set_instance_args (PcallTask *self,
                              GVariant  *iargs)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  set_arguments (self, pcall_arguments_set_instance_args, iargs, G_STRFUNC);
}

/**
 * pcall_task_set_common_kwargs:
 * @self: a task that is not started
 * @ckwargs: (nullable): an `a{sv}`; %NULL for none
 *
 * Sets the keyword arguments that all calls have.
 *
 * A list that is of another type is not taken, and [method@Pcall.Task.start] fails with
 * [error@Pcall.Error.arguments] for it, unless the list is set anew before that.
 *
 * Since: 1.0
 */
void
pcall_task_set_common_kwargs (PcallTask *self,
                              GVariant  *ckwargs)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  set_arguments (self, pcall_arguments_set_common_kwargs, ckwargs, G_STRFUNC);
}

/**
 * pcall_task_set_instance_kwargs:
 * @self: a task that is not started
 * @ikwargs: (nullable): an `aa{sv}`, one dictionary for each call; %NULL for none
 *
 * Sets the keyword arguments that each call has for itself. They go before common ones of the same
 * name.
 *
 * A list that is of another type is not taken, and [method@Pcall.Task.start] fails with
 * [error@Pcall.Error.arguments] for it, unless the list is set anew before that.
 *
 * Since: 1.0
 */
void
pcall_task_set_instance_kwargs (PcallTask *self,
                                GVariant  *ikwargs)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  set_arguments (self, pcall_arguments_set_instance_kwargs, ikwargs, G_STRFUNC);
}

/**
 * pcall_task_set_argument:
 * @self: a task that is not started
 * @name: the name of a keyword argument
 * @values: (nullable): an array or a tuple of its values, one for each call, such as `ai`, `as`,
 *   `av` or `(is)`; %NULL for none
 *
 * Sets a keyword argument that each call has a value of its own for. It goes before common and
 * instance keyword arguments of the same name. Elements of an `av` are unwrapped once.
 *
 * A list that is of another type is not taken, and [method@Pcall.Task.start] fails with
 * [error@Pcall.Error.arguments] for it, unless the list is set anew before that.
 *
 * Since: 1.0
 */
void
pcall_task_set_argument (PcallTask  *self,
                         const char *name,
                         GVariant   *values)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (name != NULL);

  owned = values != NULL ? g_variant_ref_sink (values) : NULL;
  if (pcall_task_check_unstarted (self, G_STRFUNC))
    pcall_arguments_set_keyword (self->arguments, name, owned, NULL);
}

/**
 * pcall_task_get_n_calls:
 * @self: a task
 *
 * Gets how many calls there are: the length of the shortest argument list, or the number of
 * targets if there are several and that is less; where neither says so, what was set with
 * [method@Pcall.Task.set_n_calls], 1 by default.
 *
 * Returns: the number of calls
 *
 * Since: 1.0
 */
guint
pcall_task_get_n_calls (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  guint n;
  gboolean has_length;

  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  locker = pcall_monitor_locker_new (self->monitor);

  if (self->calls != NULL)
    return pcall_call_list_get_n_calls (self->calls);

  has_length = pcall_arguments_get_length (self->arguments, &n);
  if (self->targets->len > 1)
    return has_length ? MIN (n, self->targets->len) : self->targets->len;
  return has_length ? n : self->options.n_calls;
}

/**
 * pcall_task_get_n_finished:
 * @self: a task
 *
 * Gets how many calls have ended, in whatever state.
 *
 * Returns: the number of calls
 *
 * Since: 1.0
 */
guint
pcall_task_get_n_finished (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  locker = pcall_monitor_locker_new_updated (self->monitor);

  return self->calls != NULL ? pcall_call_list_get_n_finished (self->calls) : 0;
}

/**
 * pcall_task_get_n_failed:
 * @self: a task
 *
 * Gets how many calls have ended in another state than [enum@Pcall.CallState.succeeded].
 *
 * Returns: the number of calls
 *
 * Since: 1.0
 */
guint
pcall_task_get_n_failed (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  locker = pcall_monitor_locker_new_updated (self->monitor);

  return self->calls != NULL ? pcall_call_list_get_n_failed (self->calls) : 0;
}

/**
 * pcall_task_get_fraction:
 * @self: a task
 *
 * Gets how much of the task is done.
 *
 * Returns: the fraction, from 0 to 1
 *
 * Since: 1.0
 */
gdouble
pcall_task_get_fraction (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  guint n;

  g_return_val_if_fail (PCALL_IS_TASK (self), 0.0);

  locker = pcall_monitor_locker_new_updated (self->monitor);

  if (self->calls == NULL)
    return 0.0;
  n = pcall_call_list_get_n_calls (self->calls);
  return n > 0 ? CLAMP (pcall_call_list_get_done (self->calls) / n, 0.0, 1.0) : 1.0;
}

/**
 * pcall_task_dup_results: (rename-to pcall_task_get_results)
 * @self: a task
 *
 * Gets the results of all calls.
 *
 * Returns: (transfer full) (nullable): an `av` in call order, or %NULL unless all calls have
 *   succeeded. Single results are there before: see [method@Pcall.Call.dup_result]
 *
 * Since: 1.0
 */
GVariant *
pcall_task_dup_results (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  locker = pcall_monitor_locker_new_updated (self->monitor);

  return self->calls != NULL ? pcall_call_list_get_results (self->calls) : NULL;
}

/**
 * pcall_task_dup_call: (rename-to pcall_task_get_call)
 * @self: a task that was started
 * @index: which call, counted from 0; less than the number of calls
 *
 * Gets a call.
 *
 * Returns: (transfer full): the call
 *
 * Since: 1.0
 */
PcallCall *
pcall_task_dup_call (PcallTask *self,
                     guint      index)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  locker = pcall_monitor_locker_new (self->monitor);
  if (!pcall_task_check_call (self, G_STRFUNC, index))
    return NULL;

  return pcall_call_list_get_call (self->calls, index);
}

/**
 * pcall_task_dup_first_failed: (rename-to pcall_task_get_first_failed)
 * @self: a task
 *
 * Gets the call whose error [method@Pcall.Task.run] and [method@Pcall.Task.join] fail with: of
 * those that have ended in another state than [enum@Pcall.CallState.succeeded] the one of lowest
 * index. A call that was cancelled, because another one had failed or the task was ended, is taken
 * only where there is none but such.
 *
 * Takes in what has happened, and emits no signal. As long as the task runs, a call of a lower
 * index may still fail.
 *
 * ```c
 * g_autoptr (PcallCall) call = pcall_task_dup_first_failed (task);
 *
 * if (call != NULL)
 *   g_printerr ("%s is broken\n", files[pcall_call_get_index (call)]);
 * ```
 *
 * Returns: (transfer full) (nullable): the call, or %NULL if none has failed
 *
 * Since: 1.0
 */
PcallCall *
pcall_task_dup_first_failed (PcallTask *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  guint index;

  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  locker = pcall_monitor_locker_new_updated (self->monitor);

  if (self->calls == NULL || !pcall_call_list_find_first_failed (self->calls, &index))
    return NULL;
  return pcall_call_list_get_call (self->calls, index);
}

static GPtrArray *
get_children (PcallTask *self,
              gboolean   living)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker =
      pcall_monitor_locker_new_updated (self->monitor);
  GPtrArray *array = g_ptr_array_new_with_free_func (g_object_unref);
  PcallChildList *children =
      self->scheduler != NULL ? pcall_scheduler_get_children (self->scheduler) : NULL;
  guint n = children != NULL ? pcall_child_list_get_n (children) : 0;

  for (guint i = 0; i < n; i++)
    if (!living || pcall_child_list_get_record (children, i)->running)
      g_ptr_array_add (array, pcall_child_list_get_child (children, i));

  return array;
}

/**
 * pcall_task_dup_children: (rename-to pcall_task_get_children)
 * @self: a task
 *
 * Gets all children that have been made so far, in the order in which that happened.
 *
 * Returns: (transfer container) (element-type PcallChild): the children, which the array refers to
 *
 * Since: 1.0
 */
GPtrArray *
pcall_task_dup_children (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return get_children (self, FALSE);
}

/**
 * pcall_task_dup_living_children: (rename-to pcall_task_get_living_children)
 * @self: a task
 *
 * Gets those children that have not ended yet. Takes in what has happened, and emits no signal; so
 * a loop that asks again and again comes to an end.
 *
 * Returns: (transfer container) (element-type PcallChild): the children, which the array refers to
 *
 * Since: 1.0
 */
GPtrArray *
pcall_task_dup_living_children (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return get_children (self, TRUE);
}

/* A pid may be used again: the last one is it. */
static PcallChild *
find_child (PcallTask *self,
            guint      index)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker =
      pcall_monitor_locker_new_updated (self->monitor);
  PcallChildList *children =
      self->scheduler != NULL ? pcall_scheduler_get_children (self->scheduler) : NULL;
  pid_t pid = children != NULL ? pcall_call_list_get_pid (self->calls, index) : 0;

  for (guint i = pid > 0 ? pcall_child_list_get_n (children) : 0; i > 0; i--)
    if (pcall_child_list_get_record (children, i - 1)->pid == pid)
      return pcall_child_list_get_child (children, i - 1);

  return NULL;
}

/**
 * pcall_call_dup_child:
 * @self: a call
 *
 * Gets the child in which the call runs or ran. How it has ended says why a call crashed.
 *
 * Returns: (transfer full) (nullable): the child, or %NULL where the call has not begun, or its
 *   task is gone
 *
 * Since: 1.0
 */
PcallChild *
pcall_call_dup_child (PcallCall *self)
{
  PcallMonitor *monitor;
  PcallTask *task;
  PcallChild *child;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  monitor = pcall_call_list_get_monitor (pcall_call_get_list (self));
  task = pcall_monitor_ref_owner (monitor);
  if (task == NULL)
    return NULL;

  child = find_child (task, pcall_call_get_index (self));
  pcall_monitor_unref_owner (monitor, task);
  return child;
}
