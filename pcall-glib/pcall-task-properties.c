/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The properties of a task, in groups: times, children, logs, places and progress. Those of the
 * conditions that children live in are in pcall-task-children.c. What a property does is said, and
 * done, where its setter is. */

#include "pcall-enum-types.h"
#include "pcall-task-private.h"

#define OPTION_FLAGS PCALL_TASK_OPTION_FLAGS

static GParamSpec *properties[PROP_RUNNING + 1];

static void
get_time (PcallTask         *self,
          PcallTaskProperty  property,
          GValue            *value)
{
  if (property == PROP_TIMEOUT)
    g_value_set_double (value, self->options.timeout);
  else if (property == PROP_DEADLINE)
    g_value_set_double (value, self->options.deadline);
  else if (property == PROP_GRACE_PERIOD)
    g_value_set_double (value, self->options.grace_period);
  else
    g_value_set_int (value, self->options.priority);
}

static void
set_time (PcallTask         *self,
          PcallTaskProperty  property,
          const GValue      *value)
{
  if (property == PROP_TIMEOUT)
    pcall_task_set_timeout (self, g_value_get_double (value));
  else if (property == PROP_DEADLINE)
    pcall_task_set_deadline (self, g_value_get_double (value));
  else if (property == PROP_GRACE_PERIOD)
    pcall_task_set_grace_period (self, g_value_get_double (value));
  else
    pcall_task_set_priority (self, g_value_get_int (value));
}

static void
get_log (PcallTask         *self,
         PcallTaskProperty  property,
         GValue            *value)
{
  if (property == PROP_LOG_MODE)
    g_value_set_enum (value, self->options.log_mode);
  else if (property == PROP_LOG_DIRECTORY)
    g_value_set_string (value, self->options.log_directory);
  else if (property == PROP_KEEP_LOGS)
    g_value_set_boolean (value, self->options.keep_logs);
  else if (property == PROP_MAX_LOG_SIZE)
    g_value_set_uint64 (value, self->options.max_log_size);
  else
    g_value_set_enum (value, self->options.output_mode);
}

static void
set_log (PcallTask         *self,
         PcallTaskProperty  property,
         const GValue      *value)
{
  if (property == PROP_LOG_MODE)
    pcall_task_set_log_mode (self, g_value_get_enum (value));
  else if (property == PROP_LOG_DIRECTORY)
    pcall_task_set_log_directory (self, g_value_get_string (value));
  else if (property == PROP_KEEP_LOGS)
    pcall_task_set_keep_logs (self, g_value_get_boolean (value));
  else if (property == PROP_MAX_LOG_SIZE)
    pcall_task_set_max_log_size (self, g_value_get_uint64 (value));
  else
    pcall_task_set_output_mode (self, g_value_get_enum (value));
}

static void
get_place (PcallTask         *self,
           PcallTaskProperty  property,
           GValue            *value)
{
  if (property == PROP_POOL)
    g_value_set_object (value, self->options.pool);
  else if (property == PROP_LAUNCHER)
    g_value_set_object (value, self->options.launcher);
  else
    g_value_set_uint (value, self->options.retries);
}

static void
set_place (PcallTask         *self,
           PcallTaskProperty  property,
           const GValue      *value)
{
  if (property == PROP_POOL)
    pcall_task_set_pool (self, g_value_get_object (value));
  else if (property == PROP_LAUNCHER)
    pcall_task_set_launcher (self, g_value_get_object (value));
  else
    pcall_task_set_retries (self, g_value_get_uint (value));
}

static void
get_progress (PcallTask         *self,
              PcallTaskProperty  property,
              GValue            *value)
{
  if (property == PROP_N_FINISHED)
    g_value_set_uint (value, pcall_task_get_n_finished (self));
  else if (property == PROP_N_FAILED)
    g_value_set_uint (value, pcall_task_get_n_failed (self));
  else if (property == PROP_FRACTION)
    g_value_set_double (value, pcall_task_get_fraction (self));
  else
    g_value_set_boolean (value, pcall_task_get_running (self));
}

static void
get_property (GObject    *object,
              guint       prop_id,
              GValue     *value,
              GParamSpec *pspec)
{
  PcallTask *self = PCALL_TASK (object);

  switch ((PcallTaskProperty) prop_id)
    {
    case PROP_TIMEOUT:
    case PROP_DEADLINE:
    case PROP_GRACE_PERIOD:
    case PROP_PRIORITY:
      get_time (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_MAX_CHILDREN:
      g_value_set_uint (value, self->options.max_children);
      break;
    case PROP_CALLS_PER_CHILD:
      g_value_set_uint (value, self->options.calls_per_child);
      break;
    case PROP_N_CALLS:
      g_value_set_uint (value, pcall_task_get_n_calls (self));
      break;
    case PROP_START_METHOD:
      g_value_set_enum (value, self->options.start_method);
      break;
    case PROP_FAILURE_POLICY:
      g_value_set_enum (value, self->options.failure_policy);
      break;
    case PROP_LOG_MODE:
    case PROP_LOG_DIRECTORY:
    case PROP_KEEP_LOGS:
    case PROP_MAX_LOG_SIZE:
    case PROP_OUTPUT_MODE:
      get_log (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_POOL:
    case PROP_LAUNCHER:
    case PROP_RETRIES:
      get_place (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_CHILD_NAME:
    case PROP_NICE:
    case PROP_CPU_AFFINITY:
    case PROP_MAX_ADDRESS_SPACE:
    case PROP_MAX_OPEN_FILES:
    case PROP_WORKING_DIRECTORY:
    case PROP_ENVIRONMENT:
    case PROP_OWN_CGROUP:
      pcall_task_get_child_property (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_SHOW_PROGRESS:
      g_value_set_boolean (value, self->options.show_progress);
      break;
    case PROP_N_FINISHED:
    case PROP_N_FAILED:
    case PROP_FRACTION:
    case PROP_RUNNING:
      get_progress (self, (PcallTaskProperty) prop_id, value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
set_property (GObject      *object,
              guint         prop_id,
              const GValue *value,
              GParamSpec   *pspec)
{
  PcallTask *self = PCALL_TASK (object);

  switch ((PcallTaskProperty) prop_id)
    {
    case PROP_TIMEOUT:
    case PROP_DEADLINE:
    case PROP_GRACE_PERIOD:
    case PROP_PRIORITY:
      set_time (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_MAX_CHILDREN:
      pcall_task_set_max_children (self, g_value_get_uint (value));
      break;
    case PROP_CALLS_PER_CHILD:
      pcall_task_set_calls_per_child (self, g_value_get_uint (value));
      break;
    case PROP_N_CALLS:
      pcall_task_set_n_calls (self, g_value_get_uint (value));
      break;
    case PROP_START_METHOD:
      pcall_task_set_start_method (self, g_value_get_enum (value));
      break;
    case PROP_FAILURE_POLICY:
      pcall_task_set_failure_policy (self, g_value_get_enum (value));
      break;
    case PROP_LOG_MODE:
    case PROP_LOG_DIRECTORY:
    case PROP_KEEP_LOGS:
    case PROP_MAX_LOG_SIZE:
    case PROP_OUTPUT_MODE:
      set_log (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_POOL:
    case PROP_LAUNCHER:
    case PROP_RETRIES:
      set_place (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_CHILD_NAME:
    case PROP_NICE:
    case PROP_CPU_AFFINITY:
    case PROP_MAX_ADDRESS_SPACE:
    case PROP_MAX_OPEN_FILES:
    case PROP_WORKING_DIRECTORY:
    case PROP_ENVIRONMENT:
    case PROP_OWN_CGROUP:
      pcall_task_set_child_property (self, (PcallTaskProperty) prop_id, value);
      break;
    case PROP_SHOW_PROGRESS:
      pcall_task_set_show_progress (self, g_value_get_boolean (value));
      break;
    case PROP_N_FINISHED:
    case PROP_N_FAILED:
    case PROP_FRACTION:
    case PROP_RUNNING:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
install_times (void)
{
  /**
   * PcallTask:timeout: (getter get_timeout) (setter set_timeout)
   *
   * How long each call may run, in seconds from its start, by a clock that is never set; 0 for no
   * limit.
   *
   * Since: 1.0
   */
  properties[PROP_TIMEOUT] =
      g_param_spec_double ("timeout", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, OPTION_FLAGS);

  /**
   * PcallTask:deadline: (getter get_deadline) (setter set_deadline)
   *
   * How long the whole task may run, in seconds from its start, by a clock that is never set; 0 for
   * no limit.
   *
   * Since: 1.0
   */
  properties[PROP_DEADLINE] =
      g_param_spec_double ("deadline", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, OPTION_FLAGS);

  /**
   * PcallTask:grace-period: (getter get_grace_period) (setter set_grace_period)
   *
   * How long a child that is to end has between `SIGTERM` and `SIGKILL`, in seconds.
   *
   * Since: 1.0
   */
  properties[PROP_GRACE_PERIOD] = g_param_spec_double ("grace-period", NULL, NULL, 0.0, G_MAXDOUBLE,
                                                       PCALL_TASK_GRACE_PERIOD, OPTION_FLAGS);

  /**
   * PcallTask:priority: (getter get_priority) (setter set_priority)
   *
   * The priority of the task in the main context that it is started in, as that of any
   * [struct@GLib.Source]: what has happened is taken in and told there, and children are made, a
   * few milliseconds at a time. By default that is less urgent than a redraw.
   *
   * Where the loop always has something more urgent to do, but nothing more urgent than
   * %G_PRIORITY_DEFAULT, the task gets a few milliseconds of every twenty.
   *
   * Since: 1.0
   */
  properties[PROP_PRIORITY] = g_param_spec_int ("priority", NULL, NULL, G_MININT, G_MAXINT,
                                                PCALL_PRIORITY_DEFAULT, OPTION_FLAGS);
}

static void
install_children (void)
{
  /**
   * PcallTask:max-children: (getter get_max_children) (setter set_max_children)
   *
   * How many children may run at once; 0 for as many as the system has room for, and of children
   * that run more than one call as many as there are processors.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_CHILDREN] =
      g_param_spec_uint ("max-children", NULL, NULL, 0, G_MAXUINT, 0, OPTION_FLAGS);

  /**
   * PcallTask:calls-per-child: (getter get_calls_per_child) (setter set_calls_per_child)
   *
   * How many calls a child may run, one after the other; 0 for no limit. As long as it is not set,
   * a forked child runs one call, and a worker any number.
   *
   * Since: 1.0
   */
  properties[PROP_CALLS_PER_CHILD] =
      g_param_spec_uint ("calls-per-child", NULL, NULL, 0, G_MAXUINT, 1, OPTION_FLAGS);

  /**
   * PcallTask:n-calls: (getter get_n_calls) (setter set_n_calls)
   *
   * How many calls there are. It can be set where no argument list, and no number of targets, says
   * so.
   *
   * Since: 1.0
   */
  properties[PROP_N_CALLS] =
      g_param_spec_uint ("n-calls", NULL, NULL, 0, G_MAXUINT, 1, OPTION_FLAGS);

  /**
   * PcallTask:start-method: (getter get_start_method) (setter set_start_method)
   *
   * How children come to be.
   *
   * Since: 1.0
   */
  properties[PROP_START_METHOD] =
      g_param_spec_enum ("start-method", NULL, NULL, PCALL_TYPE_START_METHOD,
                         PCALL_START_METHOD_AUTOMATIC, OPTION_FLAGS);

  /**
   * PcallTask:failure-policy: (getter get_failure_policy) (setter set_failure_policy)
   *
   * What becomes of the other calls when one did not succeed.
   *
   * Since: 1.0
   */
  properties[PROP_FAILURE_POLICY] =
      g_param_spec_enum ("failure-policy", NULL, NULL, PCALL_TYPE_FAILURE_POLICY,
                         PCALL_FAILURE_POLICY_CONTINUE, OPTION_FLAGS);
}

static void
install_logs (void)
{
  /**
   * PcallTask:log-mode: (getter get_log_mode) (setter set_log_mode)
   *
   * What becomes of that which children write, and of their records of GLib's log. See
   * [What calls write](logs.html).
   *
   * Since: 1.0
   */
  properties[PROP_LOG_MODE] = g_param_spec_enum ("log-mode", NULL, NULL, PCALL_TYPE_LOG_MODE,
                                                 PCALL_LOG_MODE_SECTIONS, OPTION_FLAGS);

  /**
   * PcallTask:log-directory: (type filename) (getter get_log_directory) (setter set_log_directory)
   *
   * Where the log files of children are made; %NULL for a private directory of this user, in
   * memory.
   *
   * Since: 1.0
   */
  properties[PROP_LOG_DIRECTORY] =
      g_param_spec_string ("log-directory", NULL, NULL, NULL, OPTION_FLAGS);

  /**
   * PcallTask:keep-logs: (getter get_keep_logs) (setter set_keep_logs)
   *
   * Whether log files stay after they have been joined into the main log, also those with nothing
   * in them.
   *
   * Since: 1.0
   */
  properties[PROP_KEEP_LOGS] = g_param_spec_boolean ("keep-logs", NULL, NULL, FALSE, OPTION_FLAGS);

  /**
   * PcallTask:max-log-size: (getter get_max_log_size) (setter set_max_log_size)
   *
   * How much of what a call has written goes into the main log, in bytes; 0 for all of it.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_LOG_SIZE] = g_param_spec_uint64 ("max-log-size", NULL, NULL, 0, G_MAXUINT64,
                                                       PCALL_TASK_MAX_LOG_SIZE, OPTION_FLAGS);

  /**
   * PcallTask:output-mode: (getter get_output_mode) (setter set_output_mode)
   *
   * What becomes of that which children print. Tasks of Python and of JavaScript functions have
   * %PCALL_OUTPUT_MODE_STREAMS.
   *
   * Since: 1.0
   */
  properties[PROP_OUTPUT_MODE] =
      g_param_spec_enum ("output-mode", NULL, NULL, PCALL_TYPE_OUTPUT_MODE, PCALL_OUTPUT_MODE_LOG,
                         OPTION_FLAGS);
}

static void
install_places (void)
{
  /**
   * PcallTask:pool: (getter get_pool) (setter set_pool)
   *
   * Where workers come from, and where they go when the task has no more calls for them.
   *
   * Since: 1.0
   */
  properties[PROP_POOL] =
      g_param_spec_object ("pool", NULL, NULL, PCALL_TYPE_POOL, OPTION_FLAGS);

  /**
   * PcallTask:launcher: (getter get_launcher) (setter set_launcher)
   *
   * What starts the workers of this task, on other machines; %NULL for this one. Where the
   * environment variable `PCALL_LAUNCHER` is set, %NULL stands for what that says, for a task whose
   * targets can run elsewhere.
   *
   * Since: 1.0
   */
  properties[PROP_LAUNCHER] =
      g_param_spec_object ("launcher", NULL, NULL, PCALL_TYPE_LAUNCHER, OPTION_FLAGS);

  /**
   * PcallTask:retries: (getter get_retries) (setter set_retries)
   *
   * How often a call is run again that was lost, because the connection to its machine was.
   *
   * Since: 1.0
   */
  properties[PROP_RETRIES] =
      g_param_spec_uint ("retries", NULL, NULL, 0, G_MAXUINT, 0, OPTION_FLAGS);
}

static void
install_progress (void)
{
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  /**
   * PcallTask:show-progress: (getter get_show_progress) (setter set_show_progress)
   *
   * Whether a bar on standard error shows how far the task is, where that is a terminal.
   *
   * Since: 1.0
   */
  properties[PROP_SHOW_PROGRESS] =
      g_param_spec_boolean ("show-progress", NULL, NULL, FALSE, OPTION_FLAGS);

  /**
   * PcallTask:n-finished: (getter get_n_finished)
   *
   * How many calls have ended, in whatever state.
   *
   * Since: 1.0
   */
  properties[PROP_N_FINISHED] =
      g_param_spec_uint ("n-finished", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * PcallTask:n-failed: (getter get_n_failed)
   *
   * How many calls have ended in another state than [enum@Pcall.CallState.succeeded].
   *
   * Since: 1.0
   */
  properties[PROP_N_FAILED] = g_param_spec_uint ("n-failed", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * PcallTask:fraction: (getter get_fraction)
   *
   * How much of the task is done, from 0 to 1: calls that ended, and of those that run what they
   * told with [func@Pcall.report_progress].
   *
   * Since: 1.0
   */
  properties[PROP_FRACTION] =
      g_param_spec_double ("fraction", NULL, NULL, 0.0, 1.0, 0.0, flags);

  /**
   * PcallTask:running: (getter get_running)
   *
   * Whether the task has been started and has not finished.
   *
   * Since: 1.0
   */
  properties[PROP_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, FALSE, flags);
}

void
pcall_task_install_properties (GObjectClass *klass)
{
  klass->get_property = get_property;
  klass->set_property = set_property;
  install_times ();
  install_children ();
  install_logs ();
  pcall_task_install_child_properties (properties);
  install_places ();
  install_progress ();
  g_object_class_install_properties (klass, G_N_ELEMENTS (properties), properties);
}

void
pcall_task_notify (PcallTask         *self,
                   PcallTaskProperty  property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}
