/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-arguments-private.h"
#include "calls/pcall-call-private.h"
#include "base/pcall-engine-private.h"
#include "parent/pcall-scheduler-private.h"
#include "pcall-task.h"

G_BEGIN_DECLS

/* The task is five files: what it is (pcall-task.c), what to call and what came of it
 * (pcall-task-calls.c), how to call it (pcall-task-options.c), running it
 * (pcall-task-run.c) and waiting for it (pcall-task-join.c). */

struct _PcallTask
{
  GObject             parent_instance;

  GPtrArray          *targets;
  PcallArguments     *arguments;

  gdouble             timeout;
  gdouble             deadline;
  gdouble             grace_period;
  guint               max_children;
  guint               calls_per_child;
  gboolean            calls_per_child_set;
  guint               n_calls;
  PcallStartMethod    start_method;
  PcallFailurePolicy  failure_policy;
  PcallLogMode        log_mode;
  char               *log_directory;
  gboolean            keep_logs;
  guint64             max_log_size;

  pid_t               owner; /* 0: not started */
  PcallCallList      *calls;
  PcallScheduler     *scheduler;
  GSource            *source;
  GSList             *joins; /* GTask, waiting for the end */
  gboolean            fd_given;
  gboolean            finished;
  guint               listeners; /* to which signals, a bit each, if known */

  GMutex              lock;     /* over engine, for other threads */
  PcallEngine        *engine;
  guint               requests; /* atomic */
};

typedef enum
{
  PROP_TIMEOUT = 1,
  PROP_DEADLINE,
  PROP_GRACE_PERIOD,
  PROP_MAX_CHILDREN,
  PROP_CALLS_PER_CHILD,
  PROP_N_CALLS,
  PROP_START_METHOD,
  PROP_FAILURE_POLICY,
  PROP_LOG_MODE,
  PROP_LOG_DIRECTORY,
  PROP_KEEP_LOGS,
  PROP_MAX_LOG_SIZE,
  PROP_N_FINISHED,
  PROP_N_FAILED,
  PROP_FRACTION,
  PROP_RUNNING,
} PcallTaskProperty;

typedef enum
{
  SIGNAL_CALL_STARTED,
  SIGNAL_CALL_FINISHED,
  SIGNAL_CALL_FAILED,
  SIGNAL_CALL_TIMED_OUT,
  SIGNAL_CALL_PROGRESS,
  SIGNAL_CALL_MESSAGE,
  SIGNAL_CALL_MESSAGE_WITH_FD_LIST,
  SIGNAL_CHILD_EXITED,
  SIGNAL_FINISHED,
} PcallTaskSignal;

extern guint pcall_task_signals[SIGNAL_FINISHED + 1];

void     pcall_task_notify          (PcallTask         *self,
                                     PcallTaskProperty  property);
/* Whether what to call and how can still be changed; warns in the name of @function if not. */
gboolean pcall_task_check_unstarted (PcallTask         *self,
                                     const char        *function);
/* Whether the task was started by this process, and not by one of which this is a fork. */
gboolean pcall_task_is_ours         (PcallTask         *self);
/* User code has run: what is known of listeners and of this process may be out of date. */
void     pcall_task_invalidate           (PcallTask         *self);
/* From any thread. */
void     pcall_task_cancel          (PcallTask         *self);
/* The task has finished: completes what waits for it. */
void     pcall_task_complete_joins  (PcallTask         *self);
/* 0 for more than there can be. */
gint64   pcall_task_to_microseconds (gdouble            seconds);
/* Ends what runs, without telling; in a forked copy it only closes. */
void     pcall_task_shut_down       (PcallTask         *self);

G_END_DECLS
