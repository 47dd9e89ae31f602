/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-error.h"
#include "parent/pcall-log-delivery-private.h"
#include "parent/pcall-roster-private.h"
#include "parent/pcall-runner-private.h"
#include "parent/pcall-scheduler-private.h"
#include "parent/pcall-queue-private.h"

G_BEGIN_DECLS

/* The scheduler is two files: dealing calls to children (pcall-scheduler-assign.c), and what becomes
 * of them (pcall-scheduler.c). */

struct _PcallScheduler
{
  PcallEngine               *engine;
  PcallCallList             *calls;
  GPtrArray                 *targets;
  const PcallSchedulerFuncs *funcs; /* NULL once abandoned */
  gpointer                   data;

  PcallSchedulerOptions      options;
  guint                      max_children;
  gboolean                   shares;      /* forked children take calls by themselves */
  guint                      max_workers; /* of these, those that take calls */

  PcallStartContext          context;
  PcallRunnerSetup              setup;
  gboolean                   surveyed;

  PcallQueue                 queue;
  PcallRoster                  roster;
  GQueue                     runners;    /* PcallRunner, by their own links */
  GList                     *held;    /* of these, the first that was not let go; all after it too */
  guint                      n_gone;  /* of these, those that were let go */
  guint                      n_over;  /* of these, those whose call is over */
  guint                      telling; /* how deep we are in telling the end of a call */
  PcallChildList            *children;
  gboolean                   started;
  gboolean                   crowded;
  guint                      n_starved; /* how often in a row there was no room for any child */
  PcallTimer                 pause_timer;
  PcallTimer                 deadline_timer;
  PcallLogDelivery          *logs; /* NULL: there are none, or nobody is told any more */

  PcallCallState             stop_state; /* of calls that were not begun; PENDING: not stopped */
  char                      *stop_reason;
  gboolean                   finished;
};

static inline gboolean
pcall_scheduler_is_stopped (PcallScheduler *self)
{
  return self->stop_state != PCALL_CALL_STATE_PENDING;
}

/* Comes back to it from the loop after @length microseconds. */
void     pcall_scheduler_pause       (PcallScheduler *self,
                                      gint64          length);
/* Whether the next call can be dealt with now. */
gboolean pcall_scheduler_can_assign    (PcallScheduler *self);
/* Makes the child of the first call. */
gboolean pcall_scheduler_assign_first  (PcallScheduler *self,
                                      GError        **error);
/* Lets children go on that were made, as far as there may be so many at once. */
void     pcall_scheduler_release      (PcallScheduler *self);
/* Deals calls; begins nothing that would, going by the longest step since @begun, last longer than
 * @length. */
void     pcall_scheduler_assign        (PcallScheduler *self,
                                      gint64          begun,
                                      gint64          length);

/* The call, taken by @slot where there is a ledger, ends without a child, as @state; @reason is
 * the message of its error. */
void     pcall_scheduler_finish_unstarted (PcallScheduler *self,
                                           int             slot,
                                           guint           index,
                                           PcallCallState  state,
                                           PcallError      code,
                                           const char     *reason);

G_END_DECLS
