/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"

G_BEGIN_DECLS

/* What all calls of a task wrote, on its way into the main log, a section for each, in call
 * order. All calls have ended. */
typedef struct _PcallLogMerge PcallLogSections;

/* @keep: files are not removed. */
PcallLogSections *pcall_log_sections_new  (PcallLogFiles *log,
                                     PcallCallList   *calls,
                                     PcallChildList  *children,
                                     gboolean         keep);
void           pcall_log_sections_free (PcallLogSections   *self);

/* Calls the application's log writer; FALSE if there is more to do when @until has come. */
gboolean       pcall_log_sections_step (PcallLogSections   *self,
                                     gint64           until);

/* Before pcall_log_sections_dispose_of(), which would take long for a large file. FALSE if there is
 * more to do when @until has come. */
gboolean pcall_log_sections_shrink  (PcallLogFiles *log,
                                  PcallCallList   *calls,
                                  guint            index,
                                  gboolean         keep,
                                  gint64           until);

/* The log of a call is in the main log, or nobody wants it: removes the file, unless @keep. */
void pcall_log_sections_dispose_of  (PcallLogFiles *log,
                                  PcallCallList   *calls,
                                  PcallChildList  *children,
                                  guint            index,
                                  gboolean         keep);
/* The same for all calls. */
void pcall_log_sections_discard_all (PcallLogFiles *log,
                                  PcallCallList   *calls,
                                  PcallChildList  *children,
                                  gboolean         keep);

G_END_DECLS
