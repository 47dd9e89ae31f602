/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-engine-private.h"
#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "parent/pcall-crew-private.h"
#include "parent/pcall-event-queue-private.h"
#include "parent/pcall-pool-private.h"
#include "start/pcall-start-private.h"

G_BEGIN_DECLS

/* One child and the calls that run in it, from its start to its end. It reads what the child says,
 * and appends it to the queue of events; it never calls user code. */
typedef struct _PcallRunner PcallRunner;

/* There is one kind for each way in which a child comes by its calls. */
typedef struct _PcallRunnerClass PcallRunnerClass;

extern const PcallRunnerClass pcall_runner_once; /* it is made for one call, and ends with that */
extern const PcallRunnerClass pcall_runner_push; /* it is given one call after the other */
extern const PcallRunnerClass pcall_runner_away; /* the same, on another machine */
extern const PcallRunnerClass pcall_runner_pull; /* it takes calls by itself */

typedef enum
{
  PCALL_RUNNER_HELD,     /* the child waits to be released */
  PCALL_RUNNER_STARTING, /* nothing of a call has run, as far as is known */
  PCALL_RUNNER_IDLE,     /* it has no call */
  PCALL_RUNNER_BUSY,     /* a call runs */
  PCALL_RUNNER_OVER,     /* the call is over, and the child has nothing left to do but to end */
  PCALL_RUNNER_ENDED,    /* so has the child */
} PcallRunnerState;

/* What a runner tells its owner. */
typedef struct
{
  /* Whether anybody is to be told of single calls that have begun and ended. */
  gboolean (*wants_call_events) (gpointer data);
  /* Whether anybody is to be told of each report of progress; else the newest will do. */
  gboolean (*wants_each_progress) (gpointer data);
  /* The child has begun a call. Its log file is there, where logs are followed. */
  void (*began)    (PcallRunner   *runner,
                    gpointer       data);
  /* A call has ended in that state. */
  void (*finished) (PcallRunner   *runner,
                    PcallCallState state,
                    gpointer       data);
  /* The runner is in another state. In ENDED, which is the last, the owner frees it. */
  void (*changed)  (PcallRunner     *runner,
                    PcallRunnerState before,
                    gpointer         data);
  /* A call that was sent ahead is not the runner's any more, and has not begun; or it may have, and
   * @loss says why that is not known. */
  void (*returned) (PcallRunner    *runner,
                    const PcallJob *job,
                    const char     *loss,
                    gpointer        data);
} PcallRunnerFuncs;

/* What is the same for all runners of a task. */
typedef struct
{
  PcallEngine             *engine;
  PcallStartContext       *context;
  PcallCallList           *calls;
  PcallChildList          *children;
  PcallEventQueue         *events;  /* NULL: nobody is told any more */
  PcallCrew               *crew;    /* whose agents the children are of; NULL: they are here */
  gint64                   timeout; /* microseconds, 0 for none */
  gint64                   grace_period;
  guint                   *n_recalled; /* calls that were sent ahead, and are asked back */
  const PcallRunnerFuncs  *funcs;
  gpointer                 data;
} PcallRunnerSetup;

/* Starts a child for a call. Where that fails nothing is left of it, and @error_number is the
 * errno that says why. */
PcallRunner      *pcall_runner_new   (const PcallRunnerClass *klass,
                                      const PcallRunnerSetup *setup,
                                      const PcallJob         *job,
                                      int                    *error_number,
                                      GError                **error);
/* The same with an agent, of which it is to start a worker; takes @peer. NULL where it cannot be
 * watched: then it is given back. */
PcallRunner      *pcall_runner_new_remote (const PcallRunnerSetup *setup,
                                           const PcallJob         *job,
                                           PcallPeer              *peer);
/* Makes a worker that was in a pool, which it takes, the child of a call. NULL where it cannot be
 * watched: then it is gone. */
PcallRunner      *pcall_runner_new_warm (const PcallRunnerSetup *setup,
                                         const PcallJob         *job,
                                         PcallWarmWorker        *worker);
/* The child must have ended, or the process been forked since. */
void              pcall_runner_free  (PcallRunner            *self);

/* Lets the child go on. */
void              pcall_runner_release (PcallRunner          *self);
/* Ends the child. Where the call has no outcome by now, it ends in @state, and the message of its
 * error is @reason. */
void              pcall_runner_stop    (PcallRunner          *self,
                                        PcallCallState        state,
                                        const char           *reason);
/* The same, at once. */
void              pcall_runner_kill    (PcallRunner            *self,
                                        PcallCallState          state,
                                        const char             *reason);
/* As pcall_runner_stop(), for the sake of its call; where that has ended, as is seen now, the child
 * goes on. */
void              pcall_runner_stop_call (PcallRunner        *self,
                                          PcallCallState      state,
                                          const char         *reason);
/* The call is not to begin, where it was sent ahead and has not. */
void              pcall_runner_take_back (PcallRunner        *self,
                                          guint               index);
/* The child has ended. */
typedef enum
{
  PCALL_FATE_DONE,      /* its call, if it has one, ends with it */
  PCALL_FATE_REPLACED,  /* nothing has run in it: it died in its lock trial, or asked for another */
  PCALL_FATE_UNTOUCHED, /* nothing of its call has run */
  PCALL_FATE_LOST,      /* nobody knows what became of its call */
} PcallFate;

PcallFate         pcall_runner_get_fate (PcallRunner         *self);
/* Its call is for another child. */
void              pcall_runner_give_up_call (PcallRunner     *self);
/* Tells of the child's end, and of its call's, if it has one. */
void              pcall_runner_finish  (PcallRunner          *self);

/* From now on the runner touches nothing that others may hold, so that another thread can see to
 * its end. It has been stopped. */
void              pcall_runner_detach  (PcallRunner          *self);
/* What the child wrote is of no use. */
void              pcall_runner_discard_log (PcallRunner      *self);

PcallRunnerState  pcall_runner_get_state (PcallRunner        *self);
/* The job of the call that runs, or of the one that did last. */
const PcallJob   *pcall_runner_get_job   (PcallRunner        *self);
pid_t             pcall_runner_get_pid   (PcallRunner        *self);
/* The position of its child among the task's. */
guint             pcall_runner_get_child (PcallRunner        *self);
/* Whether that has not ended, as far as is known; FALSE where the child takes calls by itself and
 * it is not known to run. */
gboolean          pcall_runner_is_in_call (PcallRunner      *self);
/* Whether its call has handed over an error. */
gboolean          pcall_runner_has_failed (PcallRunner       *self);
/* How many calls have ended in the child, before this task too, and it went on. */
guint             pcall_runner_get_n_ended (PcallRunner      *self);
/* Whether the child was released, and may still turn out to need another in its place. */
gboolean          pcall_runner_finds_out (PcallRunner        *self);
GList            *pcall_runner_get_link  (PcallRunner        *self);

/* Push */

/* Whether the child waits for a call, and can be given one. */
gboolean          pcall_runner_push_is_waiting (PcallRunner    *self);
/* Gives it the call. */
void              pcall_runner_push_give       (PcallRunner    *self,
                                                const PcallJob *job);
/* Gives it to @pool, which is its end here; FALSE if the pool does not want it. */
gboolean          pcall_runner_push_put        (PcallRunner    *self,
                                                PcallPool      *pool);
/* Whether it can be sent one more call than it has, to begin when that has ended; it is on another
 * machine then. */
gboolean          pcall_runner_push_has_room   (PcallRunner    *self);
/* How many calls it has that have not ended. */
guint             pcall_runner_push_get_n_calls (PcallRunner   *self);
void              pcall_runner_push_add        (PcallRunner    *self,
                                                const PcallJob *job);
/* Takes back those that it was sent last, so that it has @n calls. */
void              pcall_runner_push_shorten    (PcallRunner    *self,
                                                guint           n);
/* Tells it that there are no more calls. */
void              pcall_runner_push_retire     (PcallRunner    *self);

G_END_DECLS
