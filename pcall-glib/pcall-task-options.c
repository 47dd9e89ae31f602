/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-enum-types.h"
#include "pcall-task-private.h"
#include "base/pcall-seconds-private.h"

/* How to call: the settings of a task. None of them can be changed once it is started. */

/* Whether @value is of the enumeration; warns in the name of @function if not. */
static gboolean
check_enum (GType       type,
            int         value,
            const char *function)
{
  g_autoptr (GEnumClass) klass = g_type_class_ref (type);
  g_autoptr (GString) names = NULL;

  if (g_enum_get_value (klass, value) != NULL)
    return TRUE;

  names = g_string_new (NULL);
  for (guint i = 0; i < klass->n_values; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", klass->values[i].value_name);
  g_critical ("%s: %d is no %s; expected one of %s", function, value, g_type_name (type),
              names->str);
  return FALSE;
}

/**
 * pcall_task_set_timeout:
 * @self: a task that is not started
 * @timeout: seconds, 0 for none
 *
 * Sets how long each call may run, counted from its start. A call that runs longer is ended: its
 * process group gets `SIGTERM`, and after [property@Pcall.Task:grace-period] `SIGKILL`; the call
 * ends in [enum@Pcall.CallState.timed_out].
 *
 * Since: 1.0
 */
void
pcall_task_set_timeout (PcallTask *self,
                        gdouble    timeout)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_seconds_check (timeout, "timeout") || !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.timeout == timeout)
    return;

  self->options.timeout = timeout;
  pcall_task_notify (self, PROP_TIMEOUT);
}

/**
 * pcall_task_get_timeout:
 * @self: a task
 *
 * Gets how long each call may run.
 *
 * Returns: seconds, 0 for none
 *
 * Since: 1.0
 */
gdouble
pcall_task_get_timeout (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0.0);

  return self->options.timeout;
}

/**
 * pcall_task_set_deadline:
 * @self: a task that is not started
 * @deadline: seconds, 0 for none
 *
 * Sets how long the whole task may run, counted from its start. When it has passed, calls that
 * run are ended as with a timeout, and those that wait are never begun; all of them end in
 * [enum@Pcall.CallState.timed_out].
 *
 * Logging what the calls have written gets a second more. What has not gone into the main log by
 * then is left out, and it is said how much that was.
 *
 * Since: 1.0
 */
void
pcall_task_set_deadline (PcallTask *self,
                         gdouble    deadline)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_seconds_check (deadline, "deadline") || !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.deadline == deadline)
    return;

  self->options.deadline = deadline;
  pcall_task_notify (self, PROP_DEADLINE);
}

/**
 * pcall_task_get_deadline:
 * @self: a task
 *
 * Gets how long the whole task may run.
 *
 * Returns: seconds, 0 for none
 *
 * Since: 1.0
 */
gdouble
pcall_task_get_deadline (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0.0);

  return self->options.deadline;
}

/**
 * pcall_task_set_grace_period:
 * @self: a task that is not started
 * @grace_period: seconds, 0 for none
 *
 * Sets how long a child that is to end has between `SIGTERM` and `SIGKILL`. Without any it is
 * killed at once.
 *
 * Since: 1.0
 */
void
pcall_task_set_grace_period (PcallTask *self,
                             gdouble    grace_period)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_seconds_check (grace_period, "grace-period") ||
      !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.grace_period == grace_period)
    return;

  self->options.grace_period = grace_period;
  pcall_task_notify (self, PROP_GRACE_PERIOD);
}

/**
 * pcall_task_get_grace_period:
 * @self: a task
 *
 * Gets how long a child that is to end has between `SIGTERM` and `SIGKILL`.
 *
 * Returns: seconds, 0 for none
 *
 * Since: 1.0
 */
gdouble
pcall_task_get_grace_period (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0.0);

  return self->options.grace_period;
}

/**
 * pcall_task_set_max_children:
 * @self: a task that is not started
 * @max_children: the number, 0 for automatic
 *
 * Sets how many children may run at once. Automatic is all of them, as far as the system has room
 * for: calls that talk to each other can rely on that. Of children that run one call after the
 * other, as workers do, it is as many as there are processors. The other calls wait for their turn.
 * The process of the next call may be made while that of a call that is over is ending; it begins
 * when that one is gone, with all that it held.
 *
 * Since: 1.0
 */
void
pcall_task_set_max_children (PcallTask *self,
                             guint      max_children)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.max_children == max_children)
    return;

  self->options.max_children = max_children;
  pcall_task_notify (self, PROP_MAX_CHILDREN);
}

/**
 * pcall_task_get_max_children:
 * @self: a task
 *
 * Gets how many children may run at once.
 *
 * Returns: the number, 0 for automatic
 *
 * Since: 1.0
 */
guint
pcall_task_get_max_children (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  return self->options.max_children;
}

/**
 * pcall_task_set_calls_per_child:
 * @self: a task that is not started
 * @calls_per_child: the number of calls, 0 for no limit
 *
 * Sets how many calls a child may run, one after the other. For very many small calls a fork for
 * each costs more than the call; a child that runs more than one takes its next call by itself.
 * What a call leaves behind in its process (memory, the working directory, signal handlers) is
 * there for the next one.
 *
 * When a child dies, the call that it ran has crashed, and no other: those that it finished keep
 * their results, and those that it did not come to run in another child.
 *
 * As long as this is not set, a forked child runs one call, and a worker any number. Where some
 * targets are forked and others spawned, a forked child runs one call in any case.
 *
 * Since: 1.0
 */
void
pcall_task_set_calls_per_child (PcallTask *self,
                                guint      calls_per_child)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  self->options.calls_per_child_set = TRUE;
  if (self->options.calls_per_child == calls_per_child)
    return;

  self->options.calls_per_child = calls_per_child;
  pcall_task_notify (self, PROP_CALLS_PER_CHILD);
}

/**
 * pcall_task_get_calls_per_child:
 * @self: a task
 *
 * Gets how many calls a child may run, one after the other.
 *
 * Returns: the number of calls, 0 for no limit
 *
 * Since: 1.0
 */
guint
pcall_task_get_calls_per_child (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 1);

  return self->options.calls_per_child;
}

/**
 * pcall_task_set_n_calls:
 * @self: a task that is not started
 * @n_calls: the number of calls
 *
 * Sets how often to call where no argument list says so: without any list, one target is called
 * that often, with the common arguments. Lists, and several targets, say themselves how many
 * calls there are.
 *
 * Since: 1.0
 */
void
pcall_task_set_n_calls (PcallTask *self,
                        guint      n_calls)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.n_calls == n_calls)
    return;

  self->options.n_calls = n_calls;
  pcall_task_notify (self, PROP_N_CALLS);
}

/**
 * pcall_task_set_start_method:
 * @self: a task that is not started
 * @start_method: the start method
 *
 * Sets how children come to be.
 *
 * Since: 1.0
 */
void
pcall_task_set_start_method (PcallTask       *self,
                             PcallStartMethod start_method)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!check_enum (PCALL_TYPE_START_METHOD, start_method, G_STRFUNC) ||
      !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.start_method == start_method)
    return;

  self->options.start_method = start_method;
  pcall_task_notify (self, PROP_START_METHOD);
}

/**
 * pcall_task_get_start_method:
 * @self: a task
 *
 * Gets how children come to be.
 *
 * Returns: the start method
 *
 * Since: 1.0
 */
PcallStartMethod
pcall_task_get_start_method (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), PCALL_START_METHOD_AUTOMATIC);

  return self->options.start_method;
}

/**
 * pcall_task_set_failure_policy:
 * @self: a task that is not started
 * @failure_policy: the policy
 *
 * Sets what becomes of the other calls when one did not succeed.
 *
 * Since: 1.0
 */
void
pcall_task_set_failure_policy (PcallTask         *self,
                               PcallFailurePolicy failure_policy)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!check_enum (PCALL_TYPE_FAILURE_POLICY, failure_policy, G_STRFUNC) ||
      !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.failure_policy == failure_policy)
    return;

  self->options.failure_policy = failure_policy;
  pcall_task_notify (self, PROP_FAILURE_POLICY);
}

/**
 * pcall_task_get_failure_policy:
 * @self: a task
 *
 * Gets what becomes of the other calls when one did not succeed.
 *
 * Returns: the policy
 *
 * Since: 1.0
 */
PcallFailurePolicy
pcall_task_get_failure_policy (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), PCALL_FAILURE_POLICY_CONTINUE);

  return self->options.failure_policy;
}

/**
 * pcall_task_set_log_mode:
 * @self: a task that is not started
 * @log_mode: the mode
 *
 * Sets what becomes of that which children write.
 *
 * Since: 1.0
 */
void
pcall_task_set_log_mode (PcallTask   *self,
                         PcallLogMode log_mode)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!check_enum (PCALL_TYPE_LOG_MODE, log_mode, G_STRFUNC) ||
      !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.log_mode == log_mode)
    return;

  self->options.log_mode = log_mode;
  pcall_task_notify (self, PROP_LOG_MODE);
}

/**
 * pcall_task_get_log_mode:
 * @self: a task
 *
 * Gets what becomes of that which children write.
 *
 * Returns: the mode
 *
 * Since: 1.0
 */
PcallLogMode
pcall_task_get_log_mode (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), PCALL_LOG_MODE_SECTIONS);

  return self->options.log_mode;
}

/**
 * pcall_task_set_log_directory:
 * @self: a task that is not started
 * @log_directory: (nullable) (type filename): the directory
 *
 * Sets where the log files of children are made. The directory is made if there is none. %NULL
 * stands for a private one of this user, in memory: in the user's runtime directory, else in
 * `/dev/shm`, else in that for temporary files.
 *
 * Since: 1.0
 */
void
pcall_task_set_log_directory (PcallTask  *self,
                              const char *log_directory)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (g_strcmp0 (self->options.log_directory, log_directory) == 0)
    return;

  g_free (self->options.log_directory);
  self->options.log_directory = g_strdup (log_directory);
  pcall_task_notify (self, PROP_LOG_DIRECTORY);
}

/**
 * pcall_task_get_log_directory:
 * @self: a task
 *
 * Gets where the log files of children are made.
 *
 * Returns: (nullable) (type filename): the directory, or %NULL for the default
 *
 * Since: 1.0
 */
const char *
pcall_task_get_log_directory (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return self->options.log_directory;
}

/**
 * pcall_task_set_keep_logs:
 * @self: a task that is not started
 * @keep_logs: whether to keep them
 *
 * Sets whether log files stay after they have been joined into the main log, also those with
 * nothing in them.
 *
 * Since: 1.0
 */
void
pcall_task_set_keep_logs (PcallTask *self,
                          gboolean   keep_logs)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  keep_logs = !!keep_logs;
  if (self->options.keep_logs == keep_logs)
    return;

  self->options.keep_logs = keep_logs;
  pcall_task_notify (self, PROP_KEEP_LOGS);
}

/**
 * pcall_task_get_keep_logs:
 * @self: a task
 *
 * Gets whether log files stay.
 *
 * Returns: %TRUE if they stay
 *
 * Since: 1.0
 */
gboolean
pcall_task_get_keep_logs (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  return self->options.keep_logs;
}

/**
 * pcall_task_set_priority:
 * @self: a task that is not started
 * @priority: a priority, such as %G_PRIORITY_DEFAULT
 *
 * Sets the priority of the task in the main context that it is started in: that with which what has
 * happened is taken in and told there, and children are made.
 *
 * Since: 1.0
 */
void
pcall_task_set_priority (PcallTask *self,
                         gint       priority)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC) || self->options.priority == priority)
    return;

  self->options.priority = priority;
  pcall_task_notify (self, PROP_PRIORITY);
}

/**
 * pcall_task_get_priority:
 * @self: a task
 *
 * Gets the priority of the task in the main context that it is started in.
 *
 * Returns: the priority
 *
 * Since: 1.0
 */
gint
pcall_task_get_priority (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), PCALL_PRIORITY_DEFAULT);

  return self->options.priority;
}

/**
 * pcall_task_set_max_log_size:
 * @self: a task that is not started
 * @max_log_size: the number of bytes, 0 for all
 *
 * Sets how much of what a call has written goes into the main log. What is over it is left out, and
 * it is said how much that was. A short line counts as 64 bytes, for it costs as much to log.
 *
 * A call that writes without end would otherwise keep its task, which has to log all of it, long
 * after its timeout.
 *
 * Since: 1.0
 */
void
pcall_task_set_max_log_size (PcallTask *self,
                             guint64    max_log_size)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.max_log_size == max_log_size)
    return;

  self->options.max_log_size = max_log_size;
  pcall_task_notify (self, PROP_MAX_LOG_SIZE);
}

/**
 * pcall_task_get_max_log_size:
 * @self: a task
 *
 * Gets how much of what a call has written goes into the main log.
 *
 * Returns: the number of bytes, 0 for all
 *
 * Since: 1.0
 */
guint64
pcall_task_get_max_log_size (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  return self->options.max_log_size;
}

/**
 * pcall_task_set_output_mode:
 * @self: a task that is not started
 * @output_mode: the mode
 *
 * Sets what becomes of that which children print. It is of no importance where nothing is captured,
 * with [enum@Pcall.LogMode.inherit].
 *
 * Since: 1.0
 */
void
pcall_task_set_output_mode (PcallTask      *self,
                            PcallOutputMode output_mode)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  if (!check_enum (PCALL_TYPE_OUTPUT_MODE, output_mode, G_STRFUNC) ||
      !pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (self->options.output_mode == output_mode)
    return;

  self->options.output_mode = output_mode;
  pcall_task_notify (self, PROP_OUTPUT_MODE);
}

/**
 * pcall_task_get_output_mode:
 * @self: a task
 *
 * Gets what becomes of that which children print.
 *
 * Returns: the mode
 *
 * Since: 1.0
 */
PcallOutputMode
pcall_task_get_output_mode (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), PCALL_OUTPUT_MODE_LOG);

  return self->options.output_mode;
}

/**
 * pcall_task_set_pool:
 * @self: a task that is not started
 * @pool: (nullable): a pool, or %NULL for none
 *
 * Sets where workers come from, and where they go when the task has no more calls for them. Without
 * a pool, and where children are forked, they are for this task alone.
 *
 * Since: 1.0
 */
void
pcall_task_set_pool (PcallTask *self,
                     PcallPool *pool)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (pool == NULL || PCALL_IS_POOL (pool));
  if (!pcall_task_check_unstarted (self, G_STRFUNC))
    return;

  if (g_set_object (&self->options.pool, pool))
    pcall_task_notify (self, PROP_POOL);
}

/**
 * pcall_task_get_pool:
 * @self: a task
 *
 * Gets where workers come from.
 *
 * Returns: (transfer none) (nullable): the pool, or %NULL if there is none
 *
 * Since: 1.0
 */
PcallPool *
pcall_task_get_pool (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return self->options.pool;
}
