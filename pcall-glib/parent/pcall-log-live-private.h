/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "base/pcall-engine-private.h"

G_BEGIN_DECLS

/* What the calls of a task write, on its way into the main log as it comes. For one thread. */
typedef struct _PcallLogLive PcallLogLive;

/* @keep: files are not removed. */
PcallLogLive *pcall_log_live_new   (PcallEngine     *engine,
                                    PcallLogFiles *log,
                                    PcallCallList   *calls,
                                    PcallChildList  *children,
                                    gboolean         keep,
                                    GError         **error);
/* What has not been passed on is not. */
void          pcall_log_live_free  (PcallLogLive    *self);

/* The call has begun, and its log file is there. */
void          pcall_log_live_begin (PcallLogLive    *self,
                                    guint            index);
/* It has ended: passes on what is left, here and now if that is little. Calls the application's log
 * writer. */
void          pcall_log_live_end   (PcallLogLive    *self,
                                    guint            index);

/* Whether all that was written was passed on. */
gboolean      pcall_log_live_is_idle    (PcallLogLive *self);
/* Whether this is called from within the application's log writer. */
gboolean      pcall_log_live_is_writing (PcallLogLive *self);

G_END_DECLS
