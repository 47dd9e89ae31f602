/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "log/pcall-log-stream-private.h"

G_BEGIN_DECLS

/* The logs of a task's calls: where they come from, and what becomes of them. Zero is none. */
typedef struct
{
  PcallLogFiles  *files;
  PcallCallList  *calls;
  PcallChildList *children;
  gboolean        keep; /* files are not removed */
} PcallLogs;

void            pcall_logs_init    (PcallLogs      *self,
                                    PcallLogFiles  *files,
                                    PcallCallList  *calls,
                                    PcallChildList *children,
                                    gboolean        keep);
void            pcall_logs_clear   (PcallLogs      *self);

/* The log of a call; @marked: as a section. */
PcallLogStream *pcall_logs_open    (PcallLogs      *self,
                                    guint           index,
                                    pid_t           pid,
                                    gboolean        marked);
/* The call has ended. */
void            pcall_logs_finish  (PcallLogs      *self,
                                    guint           index,
                                    PcallLogStream *stream);

/* Before pcall_logs_remove(), which would take long for a large file. FALSE if there is more to do
 * when @until has come. What the call wrote is kept for who asks the call. */
gboolean        pcall_logs_shrink  (PcallLogs      *self,
                                    guint           index,
                                    gint64          until);
/* The log of a call is in the main log, or nobody wants it: removes the file, unless files are
 * kept. Calls user code. */
void            pcall_logs_remove  (PcallLogs      *self,
                                    guint           index);
/* The same for all calls. */
void            pcall_logs_remove_all (PcallLogs   *self);

G_END_DECLS
