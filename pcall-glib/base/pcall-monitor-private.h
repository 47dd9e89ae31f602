/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib-object.h>

G_BEGIN_DECLS

/* Who may do what with a task, of all the threads of this process. See pcall-monitor.c.
 *
 * A forked copy of the process has one thread: there all of this does nothing. */
typedef struct _PcallMonitor PcallMonitor;

typedef void (*PcallMonitorFunc) (gpointer data);

PcallMonitor *pcall_monitor_new   (void);
PcallMonitor *pcall_monitor_ref   (PcallMonitor     *self);
void          pcall_monitor_unref (PcallMonitor     *self);

/* The state. May be nested. */
void     pcall_monitor_enter      (PcallMonitor     *self);
void     pcall_monitor_leave      (PcallMonitor     *self);
/* Without waiting; FALSE where another thread has entered. */
gboolean pcall_monitor_try_enter  (PcallMonitor     *self);
/* Lets others enter while this thread waits. What step_out() returns goes to step_in(). */
guint    pcall_monitor_step_out   (PcallMonitor     *self);
void     pcall_monitor_step_in    (PcallMonitor     *self,
                                   guint             depth);
/* The same while user code runs. */
guint    pcall_monitor_begin_user_code (PcallMonitor *self);
void     pcall_monitor_end_user_code   (PcallMonitor *self,
                                        guint         depth);
/* How often that was so: it may have changed anything. For who has entered. */
guint    pcall_monitor_get_n_user_code (PcallMonitor *self);
/* Whether this thread is in user code that was called for any task. */
gboolean pcall_monitor_is_in_user_code (void);

/* Whose state it is, until it is disposed of, and what brings it up to date, without calling user
 * code. Entered. */
void     pcall_monitor_set_owner  (PcallMonitor     *self,
                                   gpointer          owner,
                                   PcallMonitorFunc  update);
/* A full reference, for unref_owner(); NULL if there is none any more. Not entered. */
gpointer pcall_monitor_ref_owner  (PcallMonitor     *self);
void     pcall_monitor_unref_owner (PcallMonitor    *self,
                                    gpointer         owner);
/* Brings the state up to date; but not within user code that the driver calls, which sees the state
 * that it is told of. Not entered. */
void     pcall_monitor_update     (PcallMonitor     *self);

/* Enters, in dispose() of @object, without waiting. FALSE where another thread has entered, or
 * holds the owner that @object is, or where any drives that and this is no last reference: then it
 * lives until that leaves, or lets go, and is disposed of again. */
gboolean pcall_monitor_enter_to_dispose (PcallMonitor *self,
                                         gpointer      object);

/* The right to drive. Entered. May be nested. */
gboolean pcall_monitor_try_drive  (PcallMonitor     *self);
void     pcall_monitor_stop_driving (PcallMonitor   *self);
/* Whether a thread drives; whether this one does. */
gboolean pcall_monitor_is_driven  (PcallMonitor     *self);
gboolean pcall_monitor_is_mine    (PcallMonitor     *self);
/* Waits until that may have changed, or until @until (-1: without limit). Entered; lets others
 * enter. FALSE if the time has come. */
gboolean pcall_monitor_wait       (PcallMonitor     *self,
                                   gint64            until);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallMonitor, pcall_monitor_unref)

/* Entered to the end of the block: g_autoptr (PcallMonitorLocker) locker = … */
typedef PcallMonitor PcallMonitorLocker;

static inline PcallMonitorLocker *
pcall_monitor_locker_new (PcallMonitor *monitor)
{
  pcall_monitor_enter (monitor);
  return monitor;
}

/* In a state that is up to date. */
static inline PcallMonitorLocker *
pcall_monitor_locker_new_updated (PcallMonitor *monitor)
{
  pcall_monitor_update (monitor);
  return pcall_monitor_locker_new (monitor);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallMonitorLocker, pcall_monitor_leave)

G_END_DECLS
