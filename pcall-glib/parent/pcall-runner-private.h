/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "base/pcall-engine-private.h"
#include "start/pcall-start-private.h"
#include "wire/pcall-channel-private.h"

G_BEGIN_DECLS

/* The calls of one child, one after the other: from the start of the child to its end. One call,
 * where the child is made for it; where it takes calls (see PcallStartMethods), one or none at a
 * time. */
typedef struct _PcallRun PcallRunner;

typedef struct
{
  /* The child is ready: the call begins, for the @first time. */
  void (*begun)      (PcallRunner     *runner,
                      gboolean      first,
                      gpointer      data);
  /* Whether anybody is to be told of single calls that have begun and ended. */
  gboolean (*is_watched) (gpointer  data);
  /* The call told how far it has come; its record knows. */
  void (*progressed) (PcallRunner     *runner,
                      gdouble       fraction,
                      const char   *text,
                      gpointer      data);
  /* The call sent a message. */
  void (*messaged)   (PcallRunner     *runner,
                      PcallPayload *message,
                      GUnixFDList  *handles,
                      gpointer      data);
  /* The call has ended, its record knows how, and the child waits for another. Only where it takes
   * calls. */
  void (*returned)   (PcallRunner     *runner,
                      gpointer      data);
  /* The call is over, and the child has nothing left to do but to end. Not for every run. */
  void (*over)       (PcallRunner     *runner,
                      gpointer      data);
  /* The child has ended. Once, last. */
  void (*ended)      (PcallRunner     *runner,
                      gpointer      data);
} PcallRunnerFuncs;

/* What is the same for all runs of a task. */
typedef struct
{
  PcallEngine             *engine;
  PcallStartContext       *context;
  PcallCallList           *calls;
  PcallChildList          *children;
  gint64                   timeout; /* microseconds, 0 for none */
  gint64                   grace_period;
  const PcallRunnerFuncs     *funcs;
  gpointer                 data;
} PcallRunnerSetup;

/* Starts a child for a call. Where that fails nothing is left of it, and @error_number is the
 * errno that says why. */
PcallRunner       *pcall_runner_new   (const PcallRunnerSetup *setup,
                                 const PcallJob      *job,
                                 int                 *error_number,
                                 GError             **error);
/* The run must have ended, or the process been forked since. */
void            pcall_runner_free  (PcallRunner            *self);

/* Lets the child go on. @begun may be called before this returns. */
void            pcall_runner_go    (PcallRunner            *self);

/* Gives a child that waits its next call. @begun may be called before this returns. */
void            pcall_runner_next  (PcallRunner            *self,
                                 const PcallJob      *job);
/* The child has ended. If it had not read its call, nothing of that has run: then takes the call
 * from it, and returns TRUE. */
gboolean        pcall_runner_take_back (PcallRunner         *self);
/* Tells a child that waits that there are no more calls. */
void            pcall_runner_retire (PcallRunner           *self);

/* Ends the child. Where the call has no outcome by now, it ends in @state, and the message of its
 * error is @reason. */
void            pcall_runner_end   (PcallRunner            *self,
                                 PcallCallState       state,
                                 const char          *reason);

/* Whether the child died in its lock trial, or asked for another in its place: then nothing of the
 * call has run. */
gboolean        pcall_runner_is_to_be_tried_again (PcallRunner *self);

/* The run has ended: tells the records of its child and its call what came of it. */
void            pcall_runner_settle       (PcallRunner     *self);

/* From now on the run touches nothing that others may hold, so that another thread can see to its
 * end. It has been ended, and is not to be settled. */
void            pcall_runner_detach       (PcallRunner     *self);

/* What the child wrote is of no use. */
void            pcall_runner_discard_log  (PcallRunner     *self);

/* The job of the call that runs, or of the one that did last. */
const PcallJob *pcall_runner_get_job      (PcallRunner     *self);
/* Whether there is a call that has not ended. */
gboolean        pcall_runner_has_call     (PcallRunner     *self);
/* How many calls have ended in the child, and it went on. */
guint           pcall_runner_get_n_ended  (PcallRunner     *self);
/* Whether the child waits for a call, and can be given one. */
gboolean        pcall_runner_is_waiting   (PcallRunner     *self);
/* The position of its child among the task's; FALSE before a call has begun. */
gboolean        pcall_runner_get_child    (PcallRunner     *self,
                                        guint        *position);
gboolean        pcall_runner_has_gone     (PcallRunner     *self);
gboolean        pcall_runner_is_over      (PcallRunner     *self);
/* Whether it was let go, and has not said that it is ready. */
gboolean        pcall_runner_finds_out    (PcallRunner     *self);
GList          *pcall_runner_get_link     (PcallRunner     *self);

G_END_DECLS
