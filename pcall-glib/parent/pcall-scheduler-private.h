/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-arguments-private.h"
#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "base/pcall-engine-private.h"
#include "pcall-enums.h"
#include "start/pcall-start-private.h"

G_BEGIN_DECLS

/* Which call of a task runs where, and when. */
typedef struct _PcallScheduler PcallScheduler;

/* What a scheduler tells. Each function may call back into the scheduler. */
typedef struct
{
  /* The first child is made, nothing has run yet. */
  void (*started)         (gpointer    data);
  void (*call_started)    (guint       index,
                           gpointer    data);
  /* Whether anybody is to be told of single calls. */
  gboolean (*hears_calls)  (gpointer   data);
  void (*call_progressed) (guint       index,
                           gdouble     fraction,
                           const char *text,
                           gpointer    data);
  void (*call_message)    (guint         index,
                           PcallPayload *message,
                           GUnixFDList  *handles,
                           gpointer      data);
  void (*call_finished)   (guint       index,
                           gpointer    data);
  void (*child_exited)    (guint       position,
                           gpointer    data);
  void (*finished)        (gpointer    data);
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

/* Starts the first children, for a few milliseconds. Where not even one can be started, the error
 * says why, and the scheduler is to be freed. */
gboolean        pcall_scheduler_start (PcallScheduler              *self,
                                       GError                     **error);

/* Tells nothing any more, ends the children as pcall_scheduler_stop() does, and then frees the
 * scheduler: at once where they go at once, else from a thread that lives that long. */
void            pcall_scheduler_abandon (PcallScheduler *self);
/* In a forked child, of what the parent uses: closes descriptors and frees memory. */
void            pcall_scheduler_forget  (PcallScheduler *self);

/* Waits until something is ready, or until @until (-1: without limit; 0: not at all), and deals
 * with it; then starts children where there is room, for a few milliseconds at the most.
 * Something is ready again when there is more to do. */
void            pcall_scheduler_dispatch (PcallScheduler *self,
                                          gint64          until);
/* User code runs or has run: what is known about this process may be out of date. */
void            pcall_scheduler_invalidate   (PcallScheduler *self);
/* Ends the calls that run, and those that wait, as cancelled. */
void            pcall_scheduler_stop    (PcallScheduler *self,
                                         const char     *reason);
/* All calls have ended and what they wrote has been passed on, or that is being done further
 * out. */
gboolean        pcall_scheduler_is_over      (PcallScheduler *self);
PcallChildList *pcall_scheduler_get_children (PcallScheduler *self);

G_END_DECLS
