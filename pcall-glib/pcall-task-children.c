/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <string.h>

#include "pcall-task-private.h"

/* Under what the child processes of a task run: settings like those of pcall-task-options.c, with
 * their properties. What they mean for a child stands in base/pcall-conditions.c. */

#define MAX_NICE 39

/**
 * pcall_task_set_child_name:
 * @self: a task that is not started
 * @child_name: (nullable): the name; %NULL for that of the target, "" for none
 *
 * Sets what forked children are called where processes are listed. By default that is what they
 * call: the child of call 17 of a target `square` is `square:17` in `top` and `ps -e`, and
 * `program: call 17 (square)` where command lines are shown, as by `ps -ef`. A @child_name takes
 * the place of `square` there. Such a name has 15 bytes; what is longer is cut, and the index kept.
 * A child that runs more than one call has no index in its name, and that of the call that it is in
 * in its command line.
 *
 * With an empty name children are called as their parent. Workers are programs, and keep the names
 * and command lines of these.
 *
 * Since: 1.0
 */
void
pcall_task_set_child_name (PcallTask  *self,
                           const char *child_name)
{
  PcallConditions *conditions;

  g_return_if_fail (PCALL_IS_TASK (self));

  conditions = self->options.conditions;
  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      g_strcmp0 (conditions->name, child_name) == 0)
    return;

  g_free (conditions->name);
  conditions->name = g_strdup (child_name);
  pcall_task_notify (self, PROP_CHILD_NAME);
}

/**
 * pcall_task_get_child_name:
 * @self: a task
 *
 * Gets what forked children are called where processes are listed.
 *
 * Returns: (nullable): the name; %NULL for that of the target, "" for none
 *
 * Since: 1.0
 */
const char *
pcall_task_get_child_name (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return self->options.conditions->name;
}

/**
 * pcall_task_set_nice:
 * @self: a task that is not started
 * @nice: from -39 to 39
 *
 * Sets what is added to the niceness of this process for its children, as by `nice (1)`: more is
 * less urgent. The sum ends at 19, and at -20. Who has no right to be more urgent gets an error,
 * as [method@Pcall.Task.set_max_open_files] tells.
 *
 * Since: 1.0
 */
void
pcall_task_set_nice (PcallTask *self,
                     gint       nice)
{
  g_return_if_fail (PCALL_IS_TASK (self));
  g_return_if_fail (nice >= -MAX_NICE && nice <= MAX_NICE);

  if (!pcall_task_check_unstarted (self, G_STRFUNC) || self->options.conditions->nice == nice)
    return;

  self->options.conditions->nice = nice;
  pcall_task_notify (self, PROP_NICE);
}

/**
 * pcall_task_get_nice:
 * @self: a task
 *
 * Gets what is added to the niceness of this process for its children.
 *
 * Returns: from -39 to 39
 *
 * Since: 1.0
 */
gint
pcall_task_get_nice (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  return self->options.conditions->nice;
}

/**
 * pcall_task_set_cpu_affinity:
 * @self: a task that is not started
 * @cpu_affinity: (nullable): numbers of processors, and ranges of them, as `0-3,8`; %NULL for
 *   those of this process
 *
 * Sets on which processors children may run, all of them on any of these. Where
 * [property@Pcall.Task:max-children] would be as many as there are processors, it is as many as
 * these.
 *
 * What is no such list is not set, with a critical warning. A processor that a child may not use,
 * or that is not there, is an error, as [method@Pcall.Task.set_max_open_files] tells.
 *
 * Since: 1.0
 */
void
pcall_task_set_cpu_affinity (PcallTask  *self,
                             const char *cpu_affinity)
{
  PcallConditions *conditions;

  g_return_if_fail (PCALL_IS_TASK (self));

  conditions = self->options.conditions;
  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      g_strcmp0 (conditions->cpu_affinity, cpu_affinity) == 0)
    return;

  if (pcall_conditions_set_cpu_affinity (conditions, cpu_affinity))
    pcall_task_notify (self, PROP_CPU_AFFINITY);
  else
    g_critical ("cpu-affinity is \"%s\"; expected numbers of processors below %d, and ranges, as "
                "in \"0-3,8\"", cpu_affinity, CPU_SETSIZE);
}

/**
 * pcall_task_get_cpu_affinity:
 * @self: a task
 *
 * Gets on which processors children may run.
 *
 * Returns: (nullable): the list, as it was set; %NULL for those of this process
 *
 * Since: 1.0
 */
const char *
pcall_task_get_cpu_affinity (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return self->options.conditions->cpu_affinity;
}

/**
 * pcall_task_set_max_address_space:
 * @self: a task that is not started
 * @max_address_space: the number of bytes, 0 for the limit of this process
 *
 * Sets how much memory a child may have mapped, `RLIMIT_AS`. That is more than it uses: all of its
 * programs and libraries count, and of a forked child all that its parent has mapped. Beyond it no
 * memory is given, and what GLib does then is to end the process: the call has crashed.
 *
 * What is too little for a forked child to begin with is an error, as
 * [method@Pcall.Task.set_max_open_files] tells; a worker ends before it says hello.
 *
 * Since: 1.0
 */
void
pcall_task_set_max_address_space (PcallTask *self,
                                  guint64    max_address_space)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      self->options.conditions->max_address_space == max_address_space)
    return;

  self->options.conditions->max_address_space = max_address_space;
  pcall_task_notify (self, PROP_MAX_ADDRESS_SPACE);
}

/**
 * pcall_task_get_max_address_space:
 * @self: a task
 *
 * Gets how much memory a child may have mapped.
 *
 * Returns: the number of bytes, 0 for the limit of this process
 *
 * Since: 1.0
 */
guint64
pcall_task_get_max_address_space (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  return self->options.conditions->max_address_space;
}

/**
 * pcall_task_set_max_open_files:
 * @self: a task that is not started
 * @max_open_files: the number, 0 for the limit of this process
 *
 * Sets how many descriptors a child may have open, `RLIMIT_NOFILE`: all numbers of descriptors are
 * below. A forked child has those of its parent and some more of the library's; a worker has five.
 * A library that is out of descriptors loses what it has to log, or a large result.
 *
 * The limit is the soft and the hard one: a call cannot raise it.
 *
 * A condition that a child cannot be given is an error of its call, [error@Pcall.Error.start],
 * which names the property and the reason: for this one, a limit above the hard one of this process
 * where it has no right to raise it, and one that leaves no descriptor to a forked child. Nothing
 * of the call has run then. Where the first child is a worker, the task does not start, with that
 * error.
 *
 * Since: 1.0
 */
void
pcall_task_set_max_open_files (PcallTask *self,
                               guint64    max_open_files)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      self->options.conditions->max_open_files == max_open_files)
    return;

  self->options.conditions->max_open_files = max_open_files;
  pcall_task_notify (self, PROP_MAX_OPEN_FILES);
}

/**
 * pcall_task_get_max_open_files:
 * @self: a task
 *
 * Gets how many descriptors a child may have open.
 *
 * Returns: the number, 0 for the limit of this process
 *
 * Since: 1.0
 */
guint64
pcall_task_get_max_open_files (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), 0);

  return self->options.conditions->max_open_files;
}

/**
 * pcall_task_set_working_directory:
 * @self: a task that is not started
 * @working_directory: (nullable) (type filename): the directory; %NULL for that of this process
 *
 * Sets in which directory children begin, forked ones and workers. One that a child cannot enter is
 * an error, as [method@Pcall.Task.set_max_open_files] tells. Worker programs are looked for from
 * the directory of this process all the same.
 *
 * Since: 1.0
 */
void
pcall_task_set_working_directory (PcallTask  *self,
                                  const char *working_directory)
{
  PcallConditions *conditions;

  g_return_if_fail (PCALL_IS_TASK (self));

  conditions = self->options.conditions;
  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      g_strcmp0 (conditions->working_directory, working_directory) == 0)
    return;

  g_free (conditions->working_directory);
  conditions->working_directory = g_strdup (working_directory);
  pcall_task_notify (self, PROP_WORKING_DIRECTORY);
}

/**
 * pcall_task_get_working_directory:
 * @self: a task
 *
 * Gets in which directory children begin.
 *
 * Returns: (nullable) (type filename): the directory; %NULL for that of this process
 *
 * Since: 1.0
 */
const char *
pcall_task_get_working_directory (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return self->options.conditions->working_directory;
}

static gboolean
check_environment (const char * const *environment)
{
  for (; environment != NULL && *environment != NULL; environment++)
    {
      const char *equals = strchr (*environment, '=');

      if (equals == NULL || equals == *environment)
        {
          g_critical ("environment has \"%s\" in it; expected NAME=VALUE", *environment);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
is_same_environment (const char * const *a,
                     const char * const *b)
{
  return a == b || (a != NULL && b != NULL && g_strv_equal (a, b));
}

/**
 * pcall_task_set_environment:
 * @self: a task that is not started
 * @environment: (nullable) (array zero-terminated=1) (element-type filename): variables, each as
 *   `NAME=VALUE`; %NULL for the environment of this process
 *
 * Sets all of the environment of workers, as [method@Gio.SubprocessLauncher.set_environ] does. To
 * add to that of this process, begin with [func@GLib.get_environ]. The programs themselves are
 * looked for in the `PATH` of this process.
 *
 * This is for workers alone. A forked child is a copy of a program that has read its environment
 * long ago: what it and its libraries keep of it would stay. So a task that forks does not start
 * with this, but fails with [error@Pcall.Error.arguments]; a call sets the variables that it needs.
 *
 * Since: 1.0
 */
void
pcall_task_set_environment (PcallTask          *self,
                            const char * const *environment)
{
  PcallConditions *conditions;

  g_return_if_fail (PCALL_IS_TASK (self));

  conditions = self->options.conditions;
  if (!pcall_task_check_unstarted (self, G_STRFUNC) || !check_environment (environment) ||
      is_same_environment ((const char * const *) conditions->environment, environment))
    return;

  g_strfreev (conditions->environment);
  conditions->environment = g_strdupv ((char **) environment);
  pcall_task_notify (self, PROP_ENVIRONMENT);
}

/**
 * pcall_task_get_environment:
 * @self: a task
 *
 * Gets all of the environment of workers.
 *
 * Returns: (nullable) (transfer none) (array zero-terminated=1) (element-type filename): variables,
 *   each as `NAME=VALUE`; %NULL for the environment of this process
 *
 * Since: 1.0
 */
const char * const *
pcall_task_get_environment (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  return (const char * const *) self->options.conditions->environment;
}

/**
 * pcall_task_set_own_cgroup:
 * @self: a task that is not started
 * @own_cgroup: whether they are
 *
 * Sets whether the children of the task are in a control group of its own, together with all that
 * they start. When the task has finished, is dropped, or this process ends, by whatever signal, all
 * that is left in the group is killed: also what has made a process group or a session of its own,
 * daemons, and programs with the rights of another user. While the task runs, its calls end as
 * ever.
 *
 * Such a group is made below that of this process, where that may be: in what a user's systemd has
 * started, such as an application of the desktop or `systemd-run --user --scope`; as root; and
 * where a service or a container has `Delegate=yes` or the like. It takes control groups of version
 * 2, and Linux 5.14. Where there are none to be had the task does not start,
 * [error@Pcall.Error.start]. A program, `pcall-warden`, waits beside the task for the end of this
 * process. The task takes some two milliseconds more then, and each child 0.1; on a kernel that is
 * years old moving a child can take longer.
 *
 * Workers of such a task do not stay in a [class@Pcall.Pool]. With a launcher it is an error,
 * [error@Pcall.Error.target].
 *
 * Since: 1.0
 */
void
pcall_task_set_own_cgroup (PcallTask *self,
                           gboolean   own_cgroup)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  own_cgroup = !!own_cgroup;
  if (!pcall_task_check_unstarted (self, G_STRFUNC) ||
      self->options.conditions->own_cgroup == own_cgroup)
    return;

  self->options.conditions->own_cgroup = own_cgroup;
  pcall_task_notify (self, PROP_OWN_CGROUP);
}

/**
 * pcall_task_get_own_cgroup:
 * @self: a task
 *
 * Gets whether the children of the task are in a control group of its own.
 *
 * Returns: whether they are
 *
 * Since: 1.0
 */
gboolean
pcall_task_get_own_cgroup (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  return self->options.conditions->own_cgroup;
}

/* Properties */

void
pcall_task_get_child_property (PcallTask         *self,
                               PcallTaskProperty  property,
                               GValue            *value)
{
  const PcallConditions *conditions = self->options.conditions;

  if (property == PROP_CHILD_NAME)
    g_value_set_string (value, conditions->name);
  else if (property == PROP_NICE)
    g_value_set_int (value, conditions->nice);
  else if (property == PROP_CPU_AFFINITY)
    g_value_set_string (value, conditions->cpu_affinity);
  else if (property == PROP_MAX_ADDRESS_SPACE)
    g_value_set_uint64 (value, conditions->max_address_space);
  else if (property == PROP_MAX_OPEN_FILES)
    g_value_set_uint64 (value, conditions->max_open_files);
  else if (property == PROP_WORKING_DIRECTORY)
    g_value_set_string (value, conditions->working_directory);
  else if (property == PROP_OWN_CGROUP)
    g_value_set_boolean (value, conditions->own_cgroup);
  else
    g_value_set_boxed (value, conditions->environment);
}

void
pcall_task_set_child_property (PcallTask         *self,
                               PcallTaskProperty  property,
                               const GValue      *value)
{
  if (property == PROP_CHILD_NAME)
    pcall_task_set_child_name (self, g_value_get_string (value));
  else if (property == PROP_NICE)
    pcall_task_set_nice (self, g_value_get_int (value));
  else if (property == PROP_CPU_AFFINITY)
    pcall_task_set_cpu_affinity (self, g_value_get_string (value));
  else if (property == PROP_MAX_ADDRESS_SPACE)
    pcall_task_set_max_address_space (self, g_value_get_uint64 (value));
  else if (property == PROP_MAX_OPEN_FILES)
    pcall_task_set_max_open_files (self, g_value_get_uint64 (value));
  else if (property == PROP_WORKING_DIRECTORY)
    pcall_task_set_working_directory (self, g_value_get_string (value));
  else if (property == PROP_OWN_CGROUP)
    pcall_task_set_own_cgroup (self, g_value_get_boolean (value));
  else
    pcall_task_set_environment (self, g_value_get_boxed (value));
}

static void
install_places (GParamSpec **properties)
{
  /**
   * PcallTask:child-name: (getter get_child_name) (setter set_child_name)
   *
   * What forked children are called where processes are listed; %NULL for the name of their target,
   * "" for that of their parent.
   *
   * Since: 1.0
   */
  properties[PROP_CHILD_NAME] =
      g_param_spec_string ("child-name", NULL, NULL, NULL, PCALL_TASK_OPTION_FLAGS);

  /**
   * PcallTask:working-directory: (getter get_working_directory) (setter set_working_directory)
   *
   * In which directory children begin; %NULL for that of this process.
   *
   * Since: 1.0
   */
  properties[PROP_WORKING_DIRECTORY] =
      g_param_spec_string ("working-directory", NULL, NULL, NULL, PCALL_TASK_OPTION_FLAGS);

  /**
   * PcallTask:environment: (getter get_environment) (setter set_environment)
   *
   * All of the environment of workers, each variable as `NAME=VALUE`; %NULL for that of this
   * process. A task that forks does not start with it.
   *
   * Since: 1.0
   */
  properties[PROP_ENVIRONMENT] =
      g_param_spec_boxed ("environment", NULL, NULL, G_TYPE_STRV, PCALL_TASK_OPTION_FLAGS);

  /**
   * PcallTask:own-cgroup: (getter get_own_cgroup) (setter set_own_cgroup)
   *
   * Whether children are in a control group of the task's own, so that nothing that they start
   * outlives it.
   *
   * Since: 1.0
   */
  properties[PROP_OWN_CGROUP] =
      g_param_spec_boolean ("own-cgroup", NULL, NULL, FALSE, PCALL_TASK_OPTION_FLAGS);
}

void
pcall_task_install_child_properties (GParamSpec **properties)
{
  install_places (properties);

  /**
   * PcallTask:nice: (getter get_nice) (setter set_nice)
   *
   * What is added to the niceness of this process for its children.
   *
   * Since: 1.0
   */
  properties[PROP_NICE] =
      g_param_spec_int ("nice", NULL, NULL, -MAX_NICE, MAX_NICE, 0, PCALL_TASK_OPTION_FLAGS);

  /**
   * PcallTask:cpu-affinity: (getter get_cpu_affinity) (setter set_cpu_affinity)
   *
   * On which processors children may run, as `0-3,8`; %NULL for those of this process.
   *
   * Since: 1.0
   */
  properties[PROP_CPU_AFFINITY] =
      g_param_spec_string ("cpu-affinity", NULL, NULL, NULL, PCALL_TASK_OPTION_FLAGS);

  /**
   * PcallTask:max-address-space: (getter get_max_address_space) (setter set_max_address_space)
   *
   * How much memory a child may have mapped, in bytes; 0 for the limit of this process.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_ADDRESS_SPACE] =
      g_param_spec_uint64 ("max-address-space", NULL, NULL, 0, G_MAXUINT64, 0,
                           PCALL_TASK_OPTION_FLAGS);

  /**
   * PcallTask:max-open-files: (getter get_max_open_files) (setter set_max_open_files)
   *
   * How many descriptors a child may have open; 0 for the limit of this process.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_OPEN_FILES] =
      g_param_spec_uint64 ("max-open-files", NULL, NULL, 0, G_MAXUINT64, 0,
                           PCALL_TASK_OPTION_FLAGS);
}
