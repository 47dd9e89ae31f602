/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-conditions-private.h"
#include "base/pcall-engine-private.h"
#include "base/pcall-monitor-private.h"
#include "calls/pcall-arguments-private.h"
#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "parent/pcall-crew-private.h"
#include "pcall-enums.h"
#include "pcall-pool.h"
#include "start/pcall-start-private.h"

G_BEGIN_DECLS

/* Which call of a task runs where, and when. All of this is for who has entered the monitor, which
 * is that of the calls. */
typedef struct _PcallScheduler PcallScheduler;

/* What a scheduler tells, to who drives it. Each function may call user code, and then steps out of
 * the monitor; that may call back into the scheduler. */
typedef struct
{
  void (*call_started)    (guint          index,
                           gpointer       data);
  /* Whether anybody is to be told of single calls. Calls no user code. */
  gboolean (*wants_call_events) (gpointer data);
  /* Whether anybody is to be told of each report of progress. Calls no user code. */
  gboolean (*wants_each_progress) (gpointer data);
  void (*call_progressed) (guint          index,
                           gdouble        fraction,
                           const char    *text,
                           gpointer       data);
  void (*call_message)    (guint          index,
                           PcallPayload  *message,
                           GUnixFDList   *handles,
                           gpointer       data);
  void (*call_finished)   (guint          index,
                           PcallCallState state,
                           gpointer       data);
  void (*child_exited)    (guint          position,
                           gpointer       data);
  /* Logs are about to be written; @at_end: all calls have ended. */
  void (*writes_logs)     (gboolean       at_end,
                           gpointer       data);
  /* What the library does and why, where that is wanted. */
  void (*explained)       (const char    *text,
                           gpointer       data);
  void (*finished)        (gpointer       data);
} PcallSchedulerFuncs;

/* Times are in microseconds, 0 for none. */
typedef struct
{
  gint64             timeout;
  gint64             deadline;
  gint64             grace_period;
  guint              max_children; /* 0: as many as there is room for */
  guint              calls_per_child; /* that is forked; 0: no limit */
  guint              calls_per_worker; /* 0: no limit */
  PcallStartMethod   start_method; /* possible for each target */
  PcallFailurePolicy failure_policy;
  PcallLogMode       log_mode;
  const char        *log_directory;
  gboolean           keep_logs;
  guint64            max_log_size; /* 0: no limit */
  PcallOutputMode    output_mode;
  PcallPool         *pool;         /* NULL: none */
  PcallConditions   *conditions;
  PcallCrew         *crew;         /* whose agents start the children; NULL: this process does */
  guint              retries;      /* how often a call is run again that was lost with its agent */
} PcallSchedulerOptions;

PcallScheduler *pcall_scheduler_new   (PcallEngine                 *engine,
                                       PcallCallList               *calls,
                                       PcallArguments              *arguments,
                                       GPtrArray                   *targets,
                                       const PcallSchedulerOptions *options,
                                       const PcallSchedulerFuncs   *funcs,
                                       gpointer                     data);
/* When it was not started, or has finished. */
void            pcall_scheduler_free  (PcallScheduler              *self);

/* Starts children: as many as may run at once; or, @in_steps, for a few milliseconds. Where not
 * even one can be started, the error says why, and the scheduler is to be freed. Tells nothing. */
gboolean        pcall_scheduler_start (PcallScheduler              *self,
                                       gboolean                     in_steps,
                                       GError                     **error);

/* Tells nothing any more, ends the children as pcall_scheduler_stop() does, and then frees the
 * scheduler: at once where they go at once, else from a thread that lives that long. */
void            pcall_scheduler_abandon (PcallScheduler *self);
/* In a forked child, of what the parent uses: closes descriptors and frees memory. */
void            pcall_scheduler_forget  (PcallScheduler *self);

/* Takes in what has happened, shows it in the records, and starts children where there is room, for
 * a few milliseconds. Calls no user code: what there is to tell waits for who drives. */
void            pcall_scheduler_update     (PcallScheduler *self);
/* Takes in what has happened and tells it, to its end or for about @length microseconds (0: to its
 * end). For who drives. */
void            pcall_scheduler_drive      (PcallScheduler *self,
                                            gint64          length);
/* Whether there is something to do for who drives and has nothing else to do. */
gboolean        pcall_scheduler_has_work   (PcallScheduler *self);
/* Nobody drives from here on: if there is something to tell, the engine has something to
 * dispatch. */
void            pcall_scheduler_leave_work (PcallScheduler *self);

/* Whether calls may be added, which are in its list by then; one was; and no more come. Then it is
 * to be updated. */
gboolean        pcall_scheduler_takes_calls (PcallScheduler *self);
void            pcall_scheduler_add_call    (PcallScheduler *self);
void            pcall_scheduler_end_feed    (PcallScheduler *self);

/* User code runs or has run: what is known about this process may be out of date. */
void            pcall_scheduler_invalidate (PcallScheduler *self);
/* Ends the calls that run, and those that wait, as cancelled. */
void            pcall_scheduler_stop       (PcallScheduler *self,
                                            const char     *reason);
/* Ends that call, as cancelled; others go on. */
void            pcall_scheduler_stop_call  (PcallScheduler *self,
                                            guint           index);
/* Ends the child at that position, and with it the call that it has, as cancelled; at once, or as
 * pcall_scheduler_stop() does. Others go on. */
void            pcall_scheduler_stop_child (PcallScheduler *self,
                                            guint           position,
                                            gboolean        at_once);
/* All calls and children have ended, as far as is known. */
gboolean        pcall_scheduler_is_over    (PcallScheduler *self);
/* So they have, and it has been told, or is being told further out. */
gboolean        pcall_scheduler_is_told    (PcallScheduler *self);
PcallChildList *pcall_scheduler_get_children (PcallScheduler *self);
/* Whether anybody holds a call or a child. */
gboolean        pcall_scheduler_has_objects (PcallScheduler *self);

G_END_DECLS
