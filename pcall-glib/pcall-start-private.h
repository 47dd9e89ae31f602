/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <signal.h>

#include "pcall-arguments-private.h"
#include "pcall-log-capture-private.h"
#include "pcall-process-private.h"
#include "pcall-target.h"

G_BEGIN_DECLS

/* What is the same for all children of a task. */
typedef struct
{
  guint64          nonce;
  PcallArguments  *arguments;
  PcallLogCapture *log; /* NULL: children inherit the standard streams */
  int              null_fd;

  /* As they were when the process was last surveyed */
  gboolean         has_threads;
  sigset_t         handled; /* signals that have a handler */
} PcallStartContext;

/* What a child is started for. */
typedef struct
{
  guint        index;
  PcallTarget *target;
  guint        attempt; /* 0, 1 …: how often a child for this call was started before */
} PcallJob;

/* What came of it. The process waits for pcall_start_go(). */
typedef struct
{
  PcallProcess process;
  int          fd;           /* our end of its channel */
  int          error_number; /* on failure: the errno that says why */
} PcallStarted;

/* A way to make children. */
typedef struct
{
  /* Looks at this process; once before children are started in a row. */
  void     (*survey) (PcallStartContext *context);
  /* Starts a child. On failure nothing is left of it, and the error says which call failed. */
  gboolean (*start)  (const PcallStartContext *context,
                      const PcallJob          *job,
                      PcallStarted            *started,
                      GError                 **error);
} PcallStartMethods;

extern const PcallStartMethods pcall_start_fork;

/* Lets a started child go on, once the parent watches it. */
void pcall_start_go (const PcallStarted *started);

/* The child's side of a fork. @fd is its end of the channel. */
G_NORETURN
void pcall_child_main (const PcallStartContext *context,
                       const PcallJob          *job,
                       int                      fd);

/* Makes children cheaper, in a process that is going to fork them. From any thread. */
void pcall_child_rehearse (void);

/* Takes each of GLib's locks that user code is about to need, and kills this process where one of
 * them stays locked. */
void pcall_lock_trial (guint attempt);

G_END_DECLS
