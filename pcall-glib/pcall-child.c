/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-child.h"

#include <sys/wait.h>

#include "pcall-child-private.h"

/**
 * PcallChild:
 *
 * A process in which calls of a [class@Pcall.Task] run or ran.
 *
 * It tells about the process and does not control it: see [method@Pcall.Task.terminate]. It may
 * outlive the task. Use it in the thread of the task.
 *
 * Since: 1.0
 */
struct _PcallChild
{
  GObject  parent_instance;

  pid_t    pid;
  gboolean running;
  int      exit_status;
  int      term_signal;
  gboolean core_dumped;
  gdouble  user_time;
  gdouble  system_time;
  guint64  max_rss;
  char    *log_file;
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
} PcallChildProperty;

static GParamSpec *properties[PROP_LOG_FILE + 1];

G_DEFINE_FINAL_TYPE (PcallChild, pcall_child, G_TYPE_OBJECT)

static void
pcall_child_finalize (GObject *object)
{
  g_free (PCALL_CHILD (object)->log_file);

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
      g_value_set_int (value, self->pid);
      break;
    case PROP_RUNNING:
      g_value_set_boolean (value, self->running);
      break;
    case PROP_EXIT_STATUS:
      g_value_set_int (value, self->exit_status);
      break;
    case PROP_TERM_SIGNAL:
      g_value_set_int (value, self->term_signal);
      break;
    case PROP_CORE_DUMPED:
      g_value_set_boolean (value, self->core_dumped);
      break;
    case PROP_USER_TIME:
      g_value_set_double (value, self->user_time);
      break;
    case PROP_SYSTEM_TIME:
      g_value_set_double (value, self->system_time);
      break;
    case PROP_MAX_RSS:
      g_value_set_uint64 (value, self->max_rss);
      break;
    case PROP_LOG_FILE:
      g_value_set_string (value, self->log_file);
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

  object_class->finalize = pcall_child_finalize;
  object_class->get_property = pcall_child_get_property;

  /**
   * PcallChild:pid: (getter get_pid)
   *
   * The process id. After the child has ended it may belong to another process.
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

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
pcall_child_init (PcallChild *self)
{
  self->exit_status = -1;
}

PcallChild *
pcall_child_new (pid_t  pid,
                 char  *log_file)
{
  PcallChild *self = g_object_new (PCALL_TYPE_CHILD, NULL);

  self->pid = pid;
  self->running = TRUE;
  self->log_file = log_file;
  return self;
}

static gdouble
seconds (const struct timeval *time)
{
  return time->tv_sec + time->tv_usec / (gdouble) G_USEC_PER_SEC;
}

static void
take_status (PcallChild      *self,
             const PcallExit *exit)
{
  if (!exit->known)
    return;

  if (WIFEXITED (exit->status))
    self->exit_status = WEXITSTATUS (exit->status);
  if (WIFSIGNALED (exit->status))
    self->term_signal = WTERMSIG (exit->status);
  self->core_dumped = WIFSIGNALED (exit->status) && WCOREDUMP (exit->status);
}

void
pcall_child_set_exit (PcallChild      *self,
                      const PcallExit *exit)
{
  self->running = FALSE;
  take_status (self, exit);
  self->user_time = seconds (&exit->usage.ru_utime);
  self->system_time = seconds (&exit->usage.ru_stime);
  self->max_rss = (guint64) exit->usage.ru_maxrss * 1024;

  g_object_freeze_notify (G_OBJECT (self));
  for (guint i = PROP_RUNNING; i <= PROP_MAX_RSS; i++)
    g_object_notify_by_pspec (G_OBJECT (self), properties[i]);
  g_object_thaw_notify (G_OBJECT (self));
}

void
pcall_child_set_log_file (PcallChild *self,
                          const char *log_file)
{
  g_free (self->log_file);
  self->log_file = g_strdup (log_file);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_LOG_FILE]);
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

  return self->pid;
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

  return self->running;
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

  return self->exit_status;
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

  return self->term_signal;
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

  return self->core_dumped;
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

  return self->user_time;
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

  return self->system_time;
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

  return self->max_rss;
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
  g_return_val_if_fail (PCALL_IS_CHILD (self), NULL);

  return self->log_file;
}
