/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"

G_BEGIN_DECLS

/* The log of one call on its way into the main log: its lines and records become records of this
 * process, which tell whose they are. For one thread; all but its making and its end calls the
 * application's log writer. */
typedef struct _PcallLogStream PcallLogStream;

/* @marked: as a section, between two lines that name the file. */
PcallLogStream *pcall_log_stream_new    (PcallLogFiles *log,
                                         PcallCallList   *calls,
                                         guint            index,
                                         gboolean         marked);
void            pcall_log_stream_free   (PcallLogStream  *self);

/* The call has ended: what is in the file now is all that is to come, and what there is to be
 * said of the call. */
void            pcall_log_stream_finish (PcallLogStream  *self);

/* Passes on what there is; FALSE if there may be more to do when @until has come. */
gboolean        pcall_log_stream_step   (PcallLogStream  *self,
                                         gint64           until);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallLogStream, pcall_log_stream_free)

G_END_DECLS
