/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-engine-private.h"
#include "base/pcall-monitor-private.h"
#include "calls/pcall-arguments-private.h"
#include "calls/pcall-call-private.h"
#include "parent/pcall-progress-bar-private.h"
#include "parent/pcall-scheduler-private.h"
#include "pcall-launcher.h"
#include "pcall-task.h"

G_BEGIN_DECLS

/* The task is twelve files: what it is (pcall-task.c), with which properties
 * (pcall-task-properties.c), what to call and what came of it
 * (pcall-task-calls.c), also later (pcall-task-feed.c), how to call it (pcall-task-options.c),
 * where (pcall-task-launcher.c), in what children (pcall-task-children.c), running it
 * (pcall-task-run.c), in a main loop (pcall-task-source.c), waiting for it (pcall-task-join.c),
 * what it tells (pcall-task-events.c), and shows (pcall-task-progress.c). */

#define PCALL_TASK_OPTION_FLAGS                                                                    \
  (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY)
/* What a new task has */
#define PCALL_TASK_GRACE_PERIOD 3.0
#define PCALL_TASK_MAX_LOG_SIZE (G_GUINT64_CONSTANT (1) << 30)

typedef struct
{
  gdouble            timeout;
  gdouble            deadline;
  gdouble            grace_period;
  guint              max_children;
  guint              calls_per_child;
  gboolean           calls_per_child_set;
  guint              n_calls;
  PcallStartMethod   start_method;
  PcallFailurePolicy failure_policy;
  PcallLogMode       log_mode;
  char              *log_directory;
  gboolean           keep_logs;
  guint64            max_log_size;
  PcallOutputMode    output_mode;
  gint               priority;
  PcallPool         *pool; /* NULL: none */
  PcallConditions   *conditions;
  gboolean           show_progress;
  PcallLauncher     *launcher; /* NULL: the default one, if there is any */
  guint              retries;
} PcallTaskOptions;

struct _PcallTask
{
  GObject          parent_instance;

  GPtrArray       *targets;
  PcallArguments  *arguments;
  PcallTaskOptions options;

  PcallMonitor    *monitor; /* over all that follows */
  pid_t            owner;   /* 0: not started */
  PcallEngine     *engine;
  PcallCallList   *calls;
  PcallScheduler  *scheduler;
  GSource         *watch; /* see pcall-task-source.c */
  GSource         *work;
  GSList          *joins; /* GTask, waiting for the end */
  gboolean         terminated; /* before it was started */
  gboolean         fd_given;
  gboolean         finished;
  PcallProgressBar *bar; /* NULL: none is drawn */
  guint            listeners; /* to which signals, a bit each, if known */
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
  PROP_PRIORITY,
  PROP_MAX_LOG_SIZE,
  PROP_OUTPUT_MODE,
  PROP_POOL,
  PROP_CHILD_NAME,
  PROP_NICE,
  PROP_CPU_AFFINITY,
  PROP_MAX_ADDRESS_SPACE,
  PROP_MAX_OPEN_FILES,
  PROP_WORKING_DIRECTORY,
  PROP_ENVIRONMENT,
  PROP_OWN_CGROUP,
  PROP_SHOW_PROGRESS,
  PROP_LAUNCHER,
  PROP_RETRIES,
  PROP_N_FINISHED,
  PROP_N_FAILED,
  PROP_FRACTION,
  PROP_RUNNING,
} PcallTaskProperty;

void     pcall_task_install_properties (GObjectClass    *klass);
void     pcall_task_notify          (PcallTask         *self,
                                     PcallTaskProperty  property);
void     pcall_task_install_child_properties (GParamSpec    **properties);
void     pcall_task_get_child_property (PcallTask         *self,
                                        PcallTaskProperty  property,
                                        GValue            *value);
void     pcall_task_set_child_property (PcallTask         *self,
                                        PcallTaskProperty  property,
                                        const GValue      *value);

/* Whether what to call and how can still be changed; warns in the name of @function if not. */
gboolean pcall_task_check_unstarted (PcallTask         *self,
                                     const char        *function);
/* Whether there is such a call by now; warns in the name of @function if not. Entered. */
gboolean pcall_task_check_call      (PcallTask         *self,
                                     const char        *function,
                                     guint              index);
/* Whether the task was started by this process, and not by one of which this is a fork. */
gboolean pcall_task_is_ours         (PcallTask         *self);
/* What runs is to end as cancelled. */
void     pcall_task_stop            (PcallTask         *self,
                                     const char        *reason);
/* Ends what runs, without telling; in a forked copy it only closes. */
void     pcall_task_shut_down       (PcallTask         *self);

/* The crew of its launcher, or of the default one: a full reference. NULL where it has none, and
 * with @error set where that can be of no use. */
PcallCrew *pcall_task_find_crew     (PcallTask         *self,
                                     GError           **error);
/* Does what there is to do now, for a loop; FALSE when there is nothing to come. */
gboolean pcall_task_advance         (PcallTask         *self);
/* The task is run by this thread's default main context; it no longer is. Entered. */
void     pcall_task_attach_sources  (PcallTask         *self);
void     pcall_task_detach_sources  (PcallTask         *self);
/* This thread may have stopped driving: what is left to tell is left to others. Entered. */
void     pcall_task_stop_driving    (PcallTask         *self);

/* Events. Entered; those that tell step out. */

extern const PcallSchedulerFuncs pcall_task_scheduler_funcs;

void     pcall_task_install_signals (void);
/* User code has run: what is known of listeners and of this process may be out of date. */
void     pcall_task_invalidate      (PcallTask         *self);
/* Another thread may have connected to the task. */
void     pcall_task_invalidate_listeners (PcallTask    *self);
/* Shows how far the task is, where that is wanted. */
void     pcall_task_draw_progress (PcallTask           *self);
/* Logs are about to be written; those of all calls, @at_end. */
void     pcall_task_hide_progress (gboolean             at_end,
                                   gpointer             data);
/* The task has finished. */
void     pcall_task_close           (PcallTask         *self);
/* Completes what waits for its end; not entered. */
void     pcall_task_complete_joins  (PcallTask         *self,
                                     GSList            *joins);

G_END_DECLS
