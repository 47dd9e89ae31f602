/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-monitor-private.h"
#include "log/pcall-log-files-private.h"

G_BEGIN_DECLS

/* The log of one call on its way into the main log: its lines and records become records of this
 * process, which tell whose they are. For who has entered the monitor, and drives: step() steps out
 * of it to call the application's log writer. */
typedef struct _PcallLogStream PcallLogStream;

/* Whose log it is. */
typedef struct
{
  guint       index;
  pid_t       pid;
  const char *target; /* its name; NULL if it has none */
  const char *call;   /* what it is called in messages */
  const char *host;   /* on which machine it runs, which stays; NULL for this one */
} PcallLogOrigin;

/* @marked: as a section, between two lines that name the file. */
PcallLogStream *pcall_log_stream_new    (PcallMonitor         *monitor,
                                         PcallLogFiles        *log,
                                         const PcallLogOrigin *origin,
                                         gboolean              marked);
void            pcall_log_stream_free   (PcallLogStream       *self);

/* The call has ended: what is in the file now is all that is to come. @error is its error, and
 * @note what there is to be said of its log, NULL for none. */
void            pcall_log_stream_finish (PcallLogStream       *self,
                                         const GError         *error,
                                         const char           *note);

/* Passes on what there is; FALSE if there may be more to do when @until has come. */
gboolean        pcall_log_stream_step   (PcallLogStream       *self,
                                         gint64                until);

/* Whether a piece of what was printed is passed on in part: nothing else is to come between. */
gboolean        pcall_log_stream_is_within (PcallLogStream    *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallLogStream, pcall_log_stream_free)

G_END_DECLS
