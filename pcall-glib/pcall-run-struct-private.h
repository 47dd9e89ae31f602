/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-run-private.h"
#include "pcall-supervisor-private.h"

G_BEGIN_DECLS

/* A run is two files: what is the same for all of them (pcall-run.c), and children that are given
 * one call after the other (pcall-run-worker.c). */

struct _PcallRun
{
  const PcallRunSetup *setup;
  PcallJob             job;
  PcallSupervisor     *supervisor;
  PcallStarted         started;
  guint                child; /* its position among the task's, once it is listed there */
  gboolean             listed;
  gboolean             gone; /* it was let go */
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

  /* The outcome of the call, as far as it is known */
  PcallPayload        *result;
  GError              *error;
  GVariant            *error_details;
  PcallCallState       end_state; /* PENDING: it was not ended from here */
  char                *end_reason;
};

gboolean pcall_run_has_outcome (PcallRun      *self);
/* The call begins. It may be told to user code, which may end everything. */
void pcall_run_begin       (PcallRun         *self);
/* A frame about the call came. */
void pcall_run_take_frame  (PcallRun         *self,
                            const PcallFrame *frame);
/* The child sent what such a child does not send. */
void pcall_run_refuse      (PcallRun         *self,
                            const PcallFrame *frame);
/* The call has ended: tells its record whether there is a log, and what came of it. */
gboolean pcall_run_settle_log  (PcallRun     *self);
void     pcall_run_settle_call (PcallRun     *self,
                                gboolean      has_log);
/* The child has ended. */
void pcall_run_child_ended (gpointer          data);

/* Where the child takes calls */

extern const PcallSupervisorFuncs pcall_run_worker_funcs;

/* The child was started. */
void  pcall_run_expect_hello (PcallRun *self);
/* Why there was no hello, in words. @end says how the child ended. */
char *pcall_run_describe_false_start (PcallRun   *self,
                                      const char *end);

G_END_DECLS
