/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-engine-private.h"
#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"

G_BEGIN_DECLS

/* How what the calls of a task write gets into the main log: as it comes, or in sections in the
 * end. Then the files are removed, unless they are to be kept. For who has entered the monitor of
 * the calls, and what calls the application's log writer is for who drives. */
typedef struct _PcallLogDelivery PcallLogDelivery;

/* @live: as it comes. */
PcallLogDelivery *pcall_log_delivery_new   (PcallEngine      *engine,
                                            PcallLogFiles    *files,
                                            PcallCallList    *calls,
                                            PcallChildList   *children,
                                            gboolean          live,
                                            gboolean          keep,
                                            GError          **error);
/* All was delivered, or it was aborted, or nothing has begun. */
void              pcall_log_delivery_free  (PcallLogDelivery *self);
/* Nothing more is delivered, and what there is by now is removed. */
void              pcall_log_delivery_abort (PcallLogDelivery *self);

/* The call has begun in that process, and if logs are live its file is there. */
void              pcall_log_delivery_begin (PcallLogDelivery *self,
                                            guint             index,
                                            pid_t             pid);
/* It has ended. Calls the application's log writer. */
void              pcall_log_delivery_end   (PcallLogDelivery *self,
                                            guint             index);
/* Whether there is something to deliver before all calls have ended. */
gboolean          pcall_log_delivery_has_work (PcallLogDelivery *self);
/* Delivers that, until @until. Calls the application's log writer. */
void              pcall_log_delivery_step  (PcallLogDelivery *self,
                                            gint64            until);
/* All calls have ended: goes on until @until. TRUE if all is delivered. Calls the application's log
 * writer. */
gboolean          pcall_log_delivery_complete (PcallLogDelivery *self,
                                               gint64            until);

G_END_DECLS
