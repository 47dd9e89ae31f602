/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-runner-private.h"
#include "parent/pcall-peer-private.h"

G_BEGIN_DECLS

/* A run is three files: what is the same for all of them (pcall-runner.c), children that are given one
 * call after the other (pcall-runner-push.c), and those that take them by themselves
 * (pcall-runner-pull.c). */

struct _PcallRun
{
  const PcallRunnerSetup *setup;
  PcallJob             job;
  PcallPeer     *peer;
  PcallStarted         started;
  guint                child; /* its position among the task's, once it is listed there */
  gboolean             listed;
  gboolean             gone; /* it was let go */
  gboolean             ready; /* nothing hinders the child any more from coming to its call */
  gboolean             begun; /* the call */
  gboolean             heard; /* a frame came */
  gboolean             over;
  gboolean             detached; /* frames are of no use any more */
  PcallTimer           timeout;
  pid_t                pid;
  gboolean             again; /* the child asked for another one in its place */
  GList                link;

  /* Where the child takes calls */
  gboolean             greeted;
  gboolean             idle;     /* it has no call */
  guint                n_ended;  /* calls, in it */
  gboolean             ending;   /* it is given no more */
  gboolean             closed;   /* it closed its channel */
  PcallTimer           patience; /* with what it should do next */

  /* Where it takes them by itself */
  guint32              n_frames; /* that were heard */
  PcallPayload        *spare;    /* memory for the next outcome */
  PcallPayload        *block;   /* results of calls that are to be told, a PcallResultBlock */
  guint                block_first; /* the index of the first of these calls */
  guint                block_at;    /* how many of them are told */
  gint64               block_took;  /* each, in microseconds */
  gboolean             block_kept;  /* they ended before the child was ended from here */
  gint64               pause;    /* until the child is looked at again, in microseconds */
  guint                n_seen;   /* calls that had ended when it was last looked at */
  guint                seen;     /* the call that the child was in, when it was last looked at */
  PcallTimer           poll;
  guint                n_holds;
  gboolean             freed;  /* while it was held */
  gboolean             ended;  /* the child */
  gboolean             end_told;
  const PcallFrame    *pending; /* a frame that came and waits for what is before it */
  gboolean             broken; /* what is in its ring is of no use any more */
  gboolean             linked; /* the call's log file has its name from here */
  guint32              end_head; /* what lay in its ring when it was ended from here */
  guint                end_index; /* which call it was in then: those before it in its batch had ended */
  gboolean             outcome_in_time; /* and in its socket */

  /* The outcome of the call, as far as it is known */
  PcallPayload        *result;
  PcallNumber          number; /* the result where it is one, and has a type here */
  GUnixFDList         *handles; /* of the result */
  GError              *error;
  GVariant            *error_details;
  PcallCallState       end_state; /* PENDING: it was not ended from here */
  char                *end_reason;
};

gboolean pcall_runner_has_outcome (PcallRunner      *self);
/* The child is in that call, or was. */
void pcall_runner_note_child  (PcallRunner         *self);
/* The call began then, and nobody is told. */
void pcall_runner_note_begin  (PcallRunner         *self,
                            gint64            began);
/* The call began then. It may be told to user code, which may end everything. */
void pcall_runner_begin       (PcallRunner         *self,
                            gint64            began);
/* The child said that it is ready. */
void pcall_runner_learn_ready (PcallRunner         *self);
/* It asked for another in its place; @first: before all else. */
void pcall_runner_take_again  (PcallRunner         *self,
                            const PcallFrame *frame,
                            gboolean          first);
/* What came of the call, whatever else is known. */
void pcall_runner_take_outcome (PcallRunner        *self,
                             PcallFrameType   type,
                             PcallPayload    *payload);
/* A frame about the call came. */
void pcall_runner_take_frame  (PcallRunner         *self,
                            const PcallFrame *frame);
/* The child broke the protocol: how, in words. */
void pcall_runner_reject      (PcallRunner         *self,
                            const char       *complaint);
/* The child said that no frame follows. */
void pcall_runner_take_final  (PcallRunner         *self);
/* The child sent what such a child does not send. */
void pcall_runner_refuse      (PcallRunner         *self,
                            const PcallFrame *frame);
/* The call has ended: tells its record whether there is a log, and what came of it. */
gboolean pcall_runner_settle_log  (PcallRunner     *self);
void     pcall_runner_settle_call (PcallRunner     *self,
                                gboolean      has_log);
/* The child has ended. */
void pcall_runner_child_ended (gpointer          data);

/* Where the child takes calls by itself */

extern const PcallPeerFuncs pcall_runner_pull_funcs;

gboolean pcall_runner_pull_take_back (PcallRunner       *self);
void     pcall_runner_pull_end       (PcallRunner       *self,
                                     PcallCallState  state,
                                     const char     *reason);
/* The time of the call has passed: whether it ended before. May tell. */
gboolean pcall_runner_pull_is_in_time (PcallRunner      *self);

/* Where the child is given calls */

extern const PcallPeerFuncs pcall_runner_push_funcs;

/* The child was started. */
void  pcall_runner_expect_hello (PcallRunner *self);
/* Why there was no hello, in words. @end says how the child ended. */
char *pcall_runner_describe_false_start (PcallRunner   *self,
                                      const char *end);

G_END_DECLS
