/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-conditions-private.h"
#include "calls/pcall-arguments-private.h"
#include "calls/pcall-job-private.h"
#include "log/pcall-log-files-private.h"
#include "share/pcall-ledger-private.h"

G_BEGIN_DECLS

/* Signals are numbered from 1 to this, on Linux. */
#define PCALL_N_SIGNALS 64

#define PCALL_MAX_START_METHODS 2

typedef struct _PcallOwnCgroup PcallOwnCgroup;

/* What is the same for all children of a task. */
typedef struct
{
  const PcallStartMethods *methods[PCALL_MAX_START_METHODS]; /* those in use, then NULL */
  guint64                  nonce;
  PcallArguments          *arguments;
  PcallConditions         *conditions;
  PcallLogFiles           *log; /* NULL: children inherit the standard streams */
  gboolean                 keep_logs;
  gboolean                 follows_logs; /* a child's log file is to be there when it says READY */
  int                      null_fd;
  gboolean                 holds_life;
  PcallOwnCgroup          *cgroup; /* in which all children are, or NULL */
  gboolean                 gives_journal; /* to each worker */

  /* Where forked children take their calls by themselves; else NULL */
  PcallLedger             *ledger;
  GPtrArray               *targets;
  guint                    calls_per_child; /* 0: no limit */
  gboolean                 one_by_one; /* a call begins when the end of the last one is told */

  /* What the start method prepared */
  GMainContext            *main_context; /* of which each child uses its copy; NULL: it makes one */
  int                      wakeup_fd;    /* of that, to be replaced in each child */
  gboolean                 holds_main_context;
  gboolean                 log_trap;     /* is set, see pcall-log-writer.c */

  /* As they were when the process was last surveyed */
  gboolean                 has_threads;
  guint64                  mark;    /* see pcall_threads_mark(); 0: all is to be looked up again */
  guint                    source_mark; /* see pcall_main_context_mark() */
  gboolean                 has_terminal;
  guint64                  handled; /* signals that have a handler: bit n - 1 for signal n */
} PcallStartContext;

/* Why a child says READY before anything of the user's runs in it: it may not come to its call.
 * Another child is made in its place then, and nobody should be told of the first. */
typedef enum
{
  PCALL_READY_LOCKS = 1 << 0, /* it tries GLib's locks, one of which may stay locked */
  PCALL_READY_LOG   = 1 << 1, /* its log may need to be captured otherwise, or is to be there */
} PcallReadyReasons;

/* What the parent prepares for one forked child. */
typedef struct
{
  int               fd;          /* its end of the channel */
  int               life_fd;     /* what pcall_lifeline_open() gave */
  gboolean          purge_stdio; /* what stands in its standard streams' buffers is the parent's */
  PcallReadyReasons says_ready;
  guint64           mark;        /* of the fork, see pcall_threads_mark() */
  gboolean          shows_itself; /* to the parent, which could not open it otherwise */
} PcallInheritance;

/* The child's side of a fork. */
G_NORETURN
void pcall_child_main (const PcallStartContext *context,
                       const PcallJob          *job,
                       const PcallInheritance  *inheritance);

/* From there on, of a child that takes its calls by itself. @log_error_number: why it has no log
 * file, 0 if it has. @out, @err: standard output and error as they were. */
G_NORETURN
void pcall_child_pull (const PcallStartContext *context,
                       const PcallJob          *job,
                       int                      log_error_number,
                       int                      out,
                       int                      err);

G_END_DECLS
