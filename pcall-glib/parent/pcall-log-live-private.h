/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-engine-private.h"
#include "parent/pcall-log-cleanup-private.h"

G_BEGIN_DECLS

/* What the calls of a task write, on its way into the main log as it comes. */
typedef struct _PcallLogLive PcallLogLive;

/* @logs must stay. */
PcallLogLive *pcall_log_live_new   (PcallEngine  *engine,
                                    PcallLogs    *logs,
                                    GError      **error);
/* What has not been passed on is not. */
void          pcall_log_live_free  (PcallLogLive *self);

/* The call has begun in that process, and its log file is there. */
void          pcall_log_live_begin (PcallLogLive *self,
                                    guint         index,
                                    pid_t         pid);
/* It has ended: passes on what is left, here and now if that is little. Calls the application's log
 * writer. */
void          pcall_log_live_end   (PcallLogLive *self,
                                    guint         index);
/* Passes on what there is, until @until. Calls the application's log writer. */
void          pcall_log_live_step  (PcallLogLive *self,
                                    gint64        until);

/* Whether there is something to pass on. */
gboolean      pcall_log_live_has_work (PcallLogLive *self);
/* Whether all that was written was passed on. */
gboolean      pcall_log_live_is_idle  (PcallLogLive *self);

G_END_DECLS
