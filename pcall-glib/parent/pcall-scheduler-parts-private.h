/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-event-queue-private.h"
#include "parent/pcall-explain-private.h"
#include "parent/pcall-log-delivery-private.h"
#include "parent/pcall-queue-private.h"
#include "parent/pcall-roster-private.h"
#include "parent/pcall-runner-private.h"
#include "parent/pcall-scheduler-private.h"
#include "pcall-error.h"

G_BEGIN_DECLS

/* The scheduler is six files: its life (pcall-scheduler.c), assigning calls to children
 * (pcall-scheduler-assign.c), also to those on other machines (pcall-scheduler-away.c) before they
 * have ended what they have (pcall-scheduler-ahead.c), what becomes of them, from the facts that
 * runners report to what is told (pcall-scheduler-events.c), and ending them
 * (pcall-scheduler-stop.c). */

/* Children on other machines. */
typedef struct
{
  PcallCrewClient client; /* has no crew: there are none */
  PcallWatch      watch;  /* of what tells that there is something new */
  GHashTable     *lost;   /* index of a call → how often it was lost; NULL: none ever was */
  gboolean        ahead;  /* a call was sent ahead, once */
  guint           n_recalled; /* calls that were, and are asked back */
  guint           part;   /* of each worker, when all were looked at for that; 0: since then a call
                             was sent ahead */
} PcallAway;

/* The children that have not ended. */
typedef struct
{
  GQueue all;        /* PcallRunner, by their own links */
  GList *held;       /* of these, the first that was not released; all after it too */
  guint  n_released; /* of these, without workers */
  guint  n_over;     /* whose call is over */
  PcallAway away;
} PcallGang;

/* How much room there is for children. */
typedef struct
{
  guint    max_children;
  guint    max_workers; /* of these, those that are given calls */
  gboolean crowded;     /* the system has none, until a child has ended */
  guint    n_starved;   /* how often in a row there was none for any child */
} PcallRoom;

typedef struct
{
  PcallCallState state; /* of calls that have not begun; PENDING: it was not stopped */
  char          *reason;
  gboolean       due;   /* children are to be told */
  GHashTable    *doomed; /* calls that end when they are seen to run; NULL: none ever were */
} PcallStop;

typedef struct
{
  PcallTimer pause;
  PcallTimer deadline;
  PcallTimer work; /* makes the engine ready where there is something to tell */
} PcallSchedulerTimers;

struct _PcallScheduler
{
  PcallMonitor              *monitor;
  PcallEngine               *engine;
  PcallCallList             *calls;
  PcallChildList            *children;
  GPtrArray                 *targets;
  const PcallSchedulerFuncs *funcs; /* NULL once abandoned */
  gpointer                   data;

  PcallSchedulerOptions      options;
  PcallRoom                  room;
  gboolean                   shares; /* forked children take calls by themselves */
  PcallStartContext          context;
  PcallRunnerSetup           setup;
  guint                      surveyed; /* after so many calls of user code, and 1; 0: never */

  PcallQueue                 queue;
  PcallRoster                roster;
  PcallGang                  crew;
  PcallEventQueue            events;
  PcallLogDelivery          *logs; /* NULL: there are none, or nobody is told any more */
  guint                      telling; /* how deep we are in user code */

  gint64                     begun; /* when it was started */
  gboolean                   started;
  gboolean                   completing; /* the logs of calls that have all ended */
  PcallStop                  stop;
  gboolean                   finished;

  PcallSchedulerTimers       timers;
};

static inline gboolean
pcall_scheduler_is_stopped (PcallScheduler *self)
{
  return self->stop.state != PCALL_CALL_STATE_PENDING;
}

/* Assigning */

/* Comes back to it from the loop after @length microseconds. */
void     pcall_scheduler_pause        (PcallScheduler *self,
                                       gint64          length);
/* Whether the next call can be dealt with now. */
gboolean pcall_scheduler_can_assign   (PcallScheduler *self);
/* Makes the child of the first call. */
gboolean pcall_scheduler_assign_first (PcallScheduler *self,
                                       GError        **error);
/* Lets children go on that were made, as far as there may be so many at once. */
void     pcall_scheduler_release      (PcallScheduler *self);
/* Assigns calls; begins nothing that would, going by the longest step since @begun, last longer
 * than @length. */
void     pcall_scheduler_assign       (PcallScheduler *self,
                                       gint64          begun,
                                       gint64          length);

/* By what slot of the ledger calls are taken that are not to run; -1 where there is none. */
int      pcall_scheduler_get_own_slot (PcallScheduler *self);
/* What a child is to know of the call whose turn it is. */
PcallJob pcall_scheduler_make_job     (PcallScheduler *self,
                                       PcallTurn       turn,
                                       int             slot);
/* Calls whose turn it is end in @state without having begun. */
void     pcall_scheduler_drop_turn    (PcallScheduler  *self,
                                       const PcallTurn *turn,
                                       PcallCallState   state,
                                       const char      *reason);

/* Other machines */

/* Asks for agents; FALSE where they cannot be started. */
gboolean pcall_scheduler_go_away      (PcallScheduler *self,
                                       GError        **error);
/* Needs no more of them. In a forked copy it only closes. */
void     pcall_scheduler_come_home    (PcallScheduler *self);
/* Tells how many of them could be of use. */
void     pcall_scheduler_want         (PcallScheduler *self);
/* Whether an agent waits for a call, or all children are here. */
gboolean pcall_scheduler_has_arrival  (PcallScheduler *self);
/* A child for the call, of an agent that waits; NULL if none does. */
PcallRunner *
         pcall_scheduler_send_away    (PcallScheduler *self,
                                       const PcallJob *job);
/* Sends the worker calls that are to wait for it, as many as it should have. */
void     pcall_scheduler_send_ahead   (PcallScheduler *self,
                                       PcallRunner    *runner);
/* No call waits here: takes some back, where workers have more than their part and others have
 * nothing to do. Whether any is on its way. */
gboolean pcall_scheduler_call_back    (PcallScheduler *self);
/* The call was sent ahead, and has not begun; or it may have, and @loss says why nobody knows. */
void     pcall_scheduler_take_returned (PcallScheduler *self,
                                        const PcallJob *job,
                                        const char     *loss);
/* Whether a call that was lost may be run again. */
gboolean pcall_scheduler_may_retry    (PcallScheduler *self,
                                       guint           index);

/* Stopping */

/* The task ends: calls that have no outcome end in that state. Children are told in the next
 * pcall_scheduler_take_in(), so that this may be called at any time. */
void     pcall_scheduler_stop_all     (PcallScheduler *self,
                                       PcallCallState  state,
                                       const char     *reason);
/* Tells children that are to end. */
void     pcall_scheduler_stop_runners (PcallScheduler *self);

/* Events */

extern const PcallRunnerFuncs pcall_scheduler_runner_funcs;

/* The call, taken by @slot where there is a ledger, ends without a child, as @state; @reason is
 * the message of its error. */
void     pcall_scheduler_finish_unstarted (PcallScheduler *self,
                                           int             slot,
                                           guint           index,
                                           PcallCallState  state,
                                           PcallError      code,
                                           const char     *reason);
/* Tells all that is queued. */
void     pcall_scheduler_tell_all     (PcallScheduler *self);
/* Takes in what has happened, @most things at the most; FALSE if nothing has. */
gboolean pcall_scheduler_take_in      (PcallScheduler *self,
                                       guint           most);
/* No child is left, and none will be started. */
void     pcall_scheduler_close        (PcallScheduler *self);

G_END_DECLS
