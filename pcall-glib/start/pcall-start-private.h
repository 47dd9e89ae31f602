/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-arguments-private.h"
#include "pcall-enums.h"
#include "share/pcall-ledger-private.h"
#include "log/pcall-log-files-private.h"
#include "log/pcall-log-writer-private.h"
#include "base/pcall-process-private.h"
#include "pcall-target.h"

G_BEGIN_DECLS

/* Signals are numbered from 1 to this, on Linux. */
#define PCALL_N_SIGNALS 64

typedef struct _PcallStartMethods PcallStartMethods;

#define PCALL_MAX_START_METHODS 2

/* What is the same for all children of a task. */
typedef struct
{
  const PcallStartMethods *methods[PCALL_MAX_START_METHODS]; /* those in use, then NULL */
  guint64                  nonce;
  PcallArguments          *arguments;
  PcallLogFiles         *log; /* NULL: children inherit the standard streams */
  gboolean                 keep_logs;
  gboolean                 follows_logs; /* a child's log file is to be there when it says READY */
  int                      null_fd;
  gboolean                 holds_life;

  /* Where forked children take their calls by themselves; else NULL */
  PcallLedger             *ledger;
  GPtrArray               *targets;
  guint                    calls_per_child; /* 0: no limit */
  gboolean                 one_by_one; /* a call is not begun before the end of the last one is told */

  /* What the start method prepared */
  GMainContext            *main_context; /* of which each child uses its copy; NULL: it makes one */
  int                      wakeup_fd;    /* of that, to be replaced in each child */
  gboolean                 holds_main_context;
  gboolean                 log_trap;     /* is set, see pcall-log-writer.c */

  /* As they were when the process was last surveyed */
  gboolean                 has_threads;
  guint64                  mark;    /* see pcall_threads_mark(); 0: all is to be looked up again */
  gboolean                 has_terminal;
  guint                    main_context_mark; /* see pcall-main-context.c */
  guint64                  handled; /* signals that have a handler: bit n - 1 for signal n */
} PcallStartContext;

void     pcall_start_context_init  (PcallStartContext       *self,
                                    PcallArguments          *arguments);
/* Children will be made that way, too; before it is opened. */
void     pcall_start_context_use   (PcallStartContext       *self,
                                    const PcallStartMethods *methods);
/* Makes what children need. On failure too, it is to be closed. */
gboolean pcall_start_context_open  (PcallStartContext       *self,
                                    PcallLogMode             log_mode,
                                    const char              *log_directory,
                                    gboolean                 keep_logs,
                                    GError                 **error);
/* No child is left, and none will be started. */
void     pcall_start_context_close (PcallStartContext       *self);
/* Looks at this process anew. */
void     pcall_start_context_survey (PcallStartContext      *self);
/* Frees what is left; in a forked child, of what is its parent's, without having closed it. */
void     pcall_start_context_clear (PcallStartContext       *self);

/* What a child is started for. */
typedef struct
{
  guint                    index;
  guint                    end;     /* of the calls that it is given, from the index on */
  guint                    attempt; /* 0, 1 …: how often a child for this call was started before */
  int                      child;   /* the position of one in whose place this is; -1 for none */
  int                      slot;    /* in the ledger, where it takes more calls; -1 if it does not */
  PcallTarget             *target;
  const PcallStartMethods *methods;
} PcallJob;

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

/* What came of it. The process waits for pcall_start_go(). */
typedef struct
{
  PcallProcess      process;
  int               fd;           /* our end of its channel */
  PcallReadyReasons says_ready;   /* 0: it does not; known when it has been let go */
  guint64           mark;         /* of the fork, see pcall_threads_mark() */
  PcallLogRoute     log_route;    /* as far as the child knows */
  int               error_number; /* on failure: the errno that says why */
} PcallStarted;

/* A way to make children. */
struct _PcallStartMethods
{
  /* A child says hello when it is there, is then given its calls, one after the other, and ends
   * when it is told that there are no more. Otherwise it is made for one call, knows that, and ends
   * with it. */
  gboolean takes_calls;

  /* What it does not need of the following is NULL. */

  /* Makes what all children use; once in a task, and undone by @clear. */
  void     (*prepare) (PcallStartContext *context);
  void     (*clear)   (PcallStartContext *context);
  /* Looks at this process; once before children are started in a row. */
  void     (*survey)  (PcallStartContext *context);
  /* Starts a child. On failure nothing is left of it, and the error says which call failed. */
  gboolean (*start)   (const PcallStartContext *context,
                       const PcallJob          *job,
                       PcallStarted            *started,
                       GError                 **error);
};

extern const PcallStartMethods pcall_start_fork;
extern const PcallStartMethods pcall_start_spawn;

/* How children for @target are made when @method was asked for. NULL with PCALL_ERROR_TARGET where
 * that is not possible. */
const PcallStartMethods *pcall_start_choose (PcallTarget      *target,
                                             PcallStartMethod  method,
                                             GError          **error);

/* Lets a started child go on, once the parent watches it. By the thread that has started it, the
 * child may be spared a trial of locks. */
void pcall_start_go (PcallStarted *started);

/* The child's side of a fork. */
G_NORETURN
void pcall_child_main (const PcallStartContext *context,
                       const PcallJob          *job,
                       const PcallInheritance  *inheritance);

/* From there on, of a child that takes its calls by itself. @log_error_number: why it has no log
 * file, 0 if it has. @out, @err: standard output and error as they were. */
G_NORETURN
void pcall_child_series (const PcallStartContext *context,
                         const PcallJob          *job,
                         int                      log_error_number,
                         int                      out,
                         int                      err);

/* Reads what the trial would read from files anew in each child; once in a process. From any
 * thread. */
void     pcall_lock_trial_prepare    (void);

/* Takes each of GLib's locks that user code is about to need, and kills this process where one of
 * them stays locked. Where it comes back, every process of this family can know what @mark stands
 * for: memory in which all of them are free. */
void     pcall_lock_trial            (guint   attempt,
                                      guint64 mark);

/* Whether a trial has come back in memory that @mark stands for. */
gboolean pcall_lock_trial_has_passed (guint64 mark);

G_END_DECLS
