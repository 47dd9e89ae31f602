/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-child.h"

#include "calls/pcall-child-private.h"

/**
 * PcallChild:
 *
 * A process in which calls of a [class@Pcall.Task] run or ran.
 *
 * It tells about the process, and can end it: see [method@Pcall.Child.terminate]. It may outlive
 * the task, and be used in any thread.
 *
 * Since: 1.0
 */
struct _PcallChild
{
  GObject         parent_instance;

  PcallChildList *list;
  guint           position;
};

typedef enum
{
  PROP_PID = 1,
  PROP_RUNNING,
  PROP_EXIT_STATUS,
  PROP_TERM_SIGNAL,
  PROP_CORE_DUMPED,
  PROP_USER_TIME,
  PROP_SYSTEM_TIME,
  PROP_MAX_RSS,
  PROP_LOG_FILE,
  PROP_HOST,
} PcallChildProperty;

static GParamSpec *properties[PROP_HOST + 1];

G_DEFINE_FINAL_TYPE (PcallChild, pcall_child, G_TYPE_OBJECT)

/* As it is when what has happened was taken in. */
static PcallChildRecord
get_record (PcallChild *self)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) locker =
      pcall_monitor_locker_new_updated (pcall_child_list_get_monitor (self->list));

  return *pcall_child_list_get_record (self->list, self->position);
}

static void
pcall_child_dispose (GObject *object)
{
  PcallChild *self = PCALL_CHILD (object);

  if (self->list != NULL)
    pcall_child_list_forget_child (self->list, self->position, self);

  G_OBJECT_CLASS (pcall_child_parent_class)->dispose (object);
}

static void
pcall_child_finalize (GObject *object)
{
  PcallChild *self = PCALL_CHILD (object);

  g_clear_pointer (&self->list, pcall_child_list_unref);

  G_OBJECT_CLASS (pcall_child_parent_class)->finalize (object);
}

static void
pcall_child_get_property (GObject    *object,
                          guint       prop_id,
                          GValue     *value,
                          GParamSpec *pspec)
{
  PcallChild *self = PCALL_CHILD (object);

  switch ((PcallChildProperty) prop_id)
    {
    case PROP_PID:
      g_value_set_int (value, get_record (self).pid);
      break;
    case PROP_RUNNING:
      g_value_set_boolean (value, get_record (self).running);
      break;
    case PROP_EXIT_STATUS:
      g_value_set_int (value, get_record (self).exit_status);
      break;
    case PROP_TERM_SIGNAL:
      g_value_set_int (value, get_record (self).term_signal);
      break;
    case PROP_CORE_DUMPED:
      g_value_set_boolean (value, get_record (self).core_dumped);
      break;
    case PROP_USER_TIME:
      g_value_set_double (value, get_record (self).user_time);
      break;
    case PROP_SYSTEM_TIME:
      g_value_set_double (value, get_record (self).system_time);
      break;
    case PROP_MAX_RSS:
      g_value_set_uint64 (value, get_record (self).max_rss);
      break;
    case PROP_LOG_FILE:
      g_value_set_string (value, pcall_child_get_log_file (self));
      break;
    case PROP_HOST:
      g_value_set_string (value, pcall_child_get_host (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_child_class_init (PcallChildClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = pcall_child_dispose;
  object_class->finalize = pcall_child_finalize;
  object_class->get_property = pcall_child_get_property;

  /**
   * PcallChild:pid: (getter get_pid)
   *
   * The process id. After the child has ended it may belong to another process. On another machine
   * it is that one's, and 0 until the child has said so.
   *
   * Since: 1.0
   */
  properties[PROP_PID] = g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * PcallChild:running: (getter get_running)
   *
   * Whether the child has not ended yet.
   *
   * Since: 1.0
   */
  properties[PROP_RUNNING] = g_param_spec_boolean ("running", NULL, NULL, TRUE, flags);

  /**
   * PcallChild:exit-status: (getter get_exit_status)
   *
   * The status that the child exited with, or -1 while it runs, if a signal killed it, or if
   * something else in this program took the status.
   *
   * Since: 1.0
   */
  properties[PROP_EXIT_STATUS] = g_param_spec_int ("exit-status", NULL, NULL, -1, 255, -1, flags);

  /**
   * PcallChild:term-signal: (getter get_term_signal)
   *
   * The signal that killed the child, or 0.
   *
   * Since: 1.0
   */
  properties[PROP_TERM_SIGNAL] =
      g_param_spec_int ("term-signal", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * PcallChild:core-dumped: (getter get_core_dumped)
   *
   * Whether the child left a core dump when a signal killed it.
   *
   * Since: 1.0
   */
  properties[PROP_CORE_DUMPED] = g_param_spec_boolean ("core-dumped", NULL, NULL, FALSE, flags);

  /**
   * PcallChild:user-time: (getter get_user_time)
   *
   * The processor time that the child, and what it waited for, spent in user mode, in seconds.
   * Known when the child has ended.
   *
   * Since: 1.0
   */
  properties[PROP_USER_TIME] =
      g_param_spec_double ("user-time", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, flags);

  /**
   * PcallChild:system-time: (getter get_system_time)
   *
   * The processor time that the child, and what it waited for, spent in the kernel, in
   * seconds. Known when the child has ended.
   *
   * Since: 1.0
   */
  properties[PROP_SYSTEM_TIME] =
      g_param_spec_double ("system-time", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, flags);

  /**
   * PcallChild:max-rss: (getter get_max_rss)
   *
   * The most memory that the child had resident, in bytes. Known when the child has ended.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_RSS] = g_param_spec_uint64 ("max-rss", NULL, NULL, 0, G_MAXUINT64, 0, flags);

  /**
   * PcallChild:log-file: (type filename) (getter get_log_file)
   *
   * The file that holds what the child writes, or %NULL where there is none: the child
   * inherited the standard streams, or it ended without having written anything.
   *
   * Since: 1.0
   */
  properties[PROP_LOG_FILE] = g_param_spec_string ("log-file", NULL, NULL, NULL, flags);

  /**
   * PcallChild:host: (getter get_host)
   *
   * The machine on which the child runs, as that calls itself, or %NULL for this one: where the
   * task has no [property@Pcall.Task:launcher].
   *
   * Since: 1.0
   */
  properties[PROP_HOST] = g_param_spec_string ("host", NULL, NULL, NULL, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
pcall_child_init (PcallChild *self)
{
}

static gpointer
make (gpointer list,
      guint    position)
{
  PcallChild *self = g_object_new (PCALL_TYPE_CHILD, NULL);

  self->list = pcall_child_list_ref (list);
  self->position = position;
  return self;
}

static void
notify (gpointer object,
        guint    change)
{
  g_object_freeze_notify (object);
  if (change == PCALL_CHILD_REPLACED)
    g_object_notify_by_pspec (object, properties[PROP_PID]);
  if (change == PCALL_CHILD_EXITED)
    for (guint i = PROP_RUNNING; i < PROP_LOG_FILE; i++)
      g_object_notify_by_pspec (object, properties[i]);
  g_object_notify_by_pspec (object, properties[PROP_LOG_FILE]);
  g_object_thaw_notify (object);
}

const PcallViewClass pcall_child_view = { make, notify };

PcallChildList *
pcall_child_get_list (PcallChild *self)
{
  return self->list;
}

guint
pcall_child_get_position (PcallChild *self)
{
  return self->position;
}

/**
 * pcall_child_get_pid:
 * @self: a child
 *
 * Gets the process id. After the child has ended it may belong to another process.
 *
 * Returns: the process id
 *
 * Since: 1.0
 */
gint
pcall_child_get_pid (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), 0);

  return get_record (self).pid;
}

/**
 * pcall_child_get_running:
 * @self: a child
 *
 * Tells whether the child has not ended yet.
 *
 * Returns: %TRUE if it has not ended
 *
 * Since: 1.0
 */
gboolean
pcall_child_get_running (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), FALSE);

  return get_record (self).running;
}

/**
 * pcall_child_get_exit_status:
 * @self: a child
 *
 * Gets the status that the child exited with. It is -1 while the child runs, if a signal
 * killed it, and if something else in this program took the status.
 *
 * Returns: the status, or -1
 *
 * Since: 1.0
 */
gint
pcall_child_get_exit_status (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), -1);

  return get_record (self).exit_status;
}

/**
 * pcall_child_get_term_signal:
 * @self: a child
 *
 * Gets the signal that killed the child.
 *
 * Returns: the number of the signal, or 0
 *
 * Since: 1.0
 */
gint
pcall_child_get_term_signal (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), 0);

  return get_record (self).term_signal;
}

/**
 * pcall_child_get_core_dumped:
 * @self: a child
 *
 * Tells whether the child left a core dump when a signal killed it.
 *
 * Returns: %TRUE if there is a core dump
 *
 * Since: 1.0
 */
gboolean
pcall_child_get_core_dumped (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), FALSE);

  return get_record (self).core_dumped;
}

/**
 * pcall_child_get_user_time:
 * @self: a child
 *
 * Gets the processor time that the child, and what it waited for, spent in user mode. It is 0
 * while the child runs.
 *
 * Returns: the time in seconds
 *
 * Since: 1.0
 */
gdouble
pcall_child_get_user_time (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), 0.0);

  return get_record (self).user_time;
}

/**
 * pcall_child_get_system_time:
 * @self: a child
 *
 * Gets the processor time that the child, and what it waited for, spent in the kernel. It is 0
 * while the child runs.
 *
 * Returns: the time in seconds
 *
 * Since: 1.0
 */
gdouble
pcall_child_get_system_time (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), 0.0);

  return get_record (self).system_time;
}

/**
 * pcall_child_get_max_rss:
 * @self: a child
 *
 * Gets the most memory that the child had resident. It is 0 while the child runs.
 *
 * Returns: the size in bytes
 *
 * Since: 1.0
 */
guint64
pcall_child_get_max_rss (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), 0);

  return get_record (self).max_rss;
}

/**
 * pcall_child_get_log_file:
 * @self: a child
 *
 * Gets the file that holds what the child writes. There is none where the child inherited the
 * standard streams, or ended without having written anything.
 *
 * Returns: (nullable) (type filename): the path
 *
 * Since: 1.0
 */
const char *
pcall_child_get_log_file (PcallChild *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CHILD (self), NULL);

  locker = pcall_monitor_locker_new_updated (pcall_child_list_get_monitor (self->list));
  return pcall_child_list_get_log_file (self->list, self->position);
}

/**
 * pcall_child_get_host:
 * @self: a child
 *
 * Gets the machine on which the child runs, as that calls itself.
 *
 * Returns: (nullable): the name, or %NULL for this machine
 *
 * Since: 1.0
 */
const char *
pcall_child_get_host (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), NULL);

  return get_record (self).host;
}
