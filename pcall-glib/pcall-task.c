/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-task.h"

#include <gio/gunixfdlist.h>
#include <unistd.h>

#include "pcall-enum-types.h"
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

#define DEFAULT_GRACE_PERIOD 3.0
#define DEFAULT_MAX_LOG_SIZE (G_GUINT64_CONSTANT (1) << 30)

#define OPTION_FLAGS PCALL_TASK_OPTION_FLAGS

static GParamSpec *properties[PROP_RUNNING + 1];

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
pcall_task_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  PcallTask *self = PCALL_TASK (object);

  switch ((PcallTaskProperty) prop_id)
    {
    case PROP_TIMEOUT:
      g_value_set_double (value, self->options.timeout);
      break;
    case PROP_DEADLINE:
      g_value_set_double (value, self->options.deadline);
      break;
    case PROP_GRACE_PERIOD:
      g_value_set_double (value, self->options.grace_period);
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
      g_value_set_enum (value, self->options.log_mode);
      break;
    case PROP_LOG_DIRECTORY:
      g_value_set_string (value, self->options.log_directory);
      break;
    case PROP_KEEP_LOGS:
      g_value_set_boolean (value, self->options.keep_logs);
      break;
    case PROP_PRIORITY:
      g_value_set_int (value, self->options.priority);
      break;
    case PROP_MAX_LOG_SIZE:
      g_value_set_uint64 (value, self->options.max_log_size);
      break;
    case PROP_OUTPUT_MODE:
      g_value_set_enum (value, self->options.output_mode);
      break;
    case PROP_POOL:
      g_value_set_object (value, self->options.pool);
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
    case PROP_LAUNCHER:
      g_value_set_object (value, self->options.launcher);
      break;
    case PROP_RETRIES:
      g_value_set_uint (value, self->options.retries);
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
pcall_task_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  PcallTask *self = PCALL_TASK (object);

  switch ((PcallTaskProperty) prop_id)
    {
    case PROP_TIMEOUT:
      pcall_task_set_timeout (self, g_value_get_double (value));
      break;
    case PROP_DEADLINE:
      pcall_task_set_deadline (self, g_value_get_double (value));
      break;
    case PROP_GRACE_PERIOD:
      pcall_task_set_grace_period (self, g_value_get_double (value));
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
      pcall_task_set_log_mode (self, g_value_get_enum (value));
      break;
    case PROP_LOG_DIRECTORY:
      pcall_task_set_log_directory (self, g_value_get_string (value));
      break;
    case PROP_KEEP_LOGS:
      pcall_task_set_keep_logs (self, g_value_get_boolean (value));
      break;
    case PROP_PRIORITY:
      pcall_task_set_priority (self, g_value_get_int (value));
      break;
    case PROP_MAX_LOG_SIZE:
      pcall_task_set_max_log_size (self, g_value_get_uint64 (value));
      break;
    case PROP_OUTPUT_MODE:
      pcall_task_set_output_mode (self, g_value_get_enum (value));
      break;
    case PROP_POOL:
      pcall_task_set_pool (self, g_value_get_object (value));
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
    case PROP_LAUNCHER:
      pcall_task_set_launcher (self, g_value_get_object (value));
      break;
    case PROP_RETRIES:
      pcall_task_set_retries (self, g_value_get_uint (value));
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
                                                       DEFAULT_GRACE_PERIOD, OPTION_FLAGS);

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
                                                       DEFAULT_MAX_LOG_SIZE, OPTION_FLAGS);

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

static void
pcall_task_class_init (PcallTaskClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = pcall_task_dispose;
  object_class->finalize = pcall_task_finalize;
  object_class->get_property = pcall_task_get_property;
  object_class->set_property = pcall_task_set_property;

  install_times ();
  install_children ();
  install_logs ();
  pcall_task_install_child_properties (properties);
  install_places ();
  install_progress ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
  pcall_task_install_signals ();
}

static void
pcall_task_init (PcallTask *self)
{
  self->targets = g_ptr_array_new_with_free_func (g_object_unref);
  self->arguments = pcall_arguments_new ();
  self->options.grace_period = DEFAULT_GRACE_PERIOD;
  self->options.max_log_size = DEFAULT_MAX_LOG_SIZE;
  self->options.calls_per_child = 1;
  self->options.n_calls = 1;
  self->options.priority = PCALL_PRIORITY_DEFAULT;
  self->options.conditions = pcall_conditions_new ();
  self->monitor = pcall_monitor_new ();
}

void
pcall_task_notify (PcallTask         *self,
                   PcallTaskProperty  property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
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
