/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-process-private.h"
#include "child/pcall-child-main-private.h"
#include "log/pcall-log-writer-private.h"
#include "pcall-enums.h"
#include "pcall-target.h"

G_BEGIN_DECLS

/* PcallStartContext stands in child/, which reads it; here it is made. */
void     pcall_start_context_init  (PcallStartContext       *self,
                                    PcallArguments          *arguments,
                                    PcallConditions         *conditions);
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

/* A started child. The process waits for pcall_start_go(). */
typedef struct
{
  PcallProcess      process;
  int               fd;           /* our end of its channel */
  int               journal_fd;   /* 0: it has none */
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

/* How children for @target are made when @method was asked for: always the same answer. NULL with
 * PCALL_ERROR_TARGET where that is not possible. */
const PcallStartMethods *pcall_start_choose (PcallTarget      *target,
                                             PcallStartMethod  method,
                                             GError          **error);

/* Lets a started child go on, once the parent watches it. By the thread that has started it, the
 * child may be spared a trial of locks. */
void pcall_start_go (PcallStarted *started);

G_END_DECLS
