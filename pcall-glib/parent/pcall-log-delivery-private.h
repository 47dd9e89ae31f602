/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-call-private.h"
#include "calls/pcall-child-private.h"
#include "base/pcall-engine-private.h"
#include "pcall-enums.h"

G_BEGIN_DECLS

/* How what the calls of a task write gets into the main log: as it comes, or in sections in the
 * end. Then the files are removed, unless they are to be kept. For one thread. */
typedef struct _PcallLogDelivery PcallLogDelivery;

/* @live: as it comes. */
PcallLogDelivery *pcall_log_delivery_new   (PcallEngine      *engine,
                                            PcallLogFiles  *log,
                                            PcallCallList    *calls,
                                            PcallChildList   *children,
                                            gboolean          live,
                                            gboolean          keep,
                                            GError          **error);
/* Nothing more is delivered, and what there is by now is disposed of. */
void              pcall_log_delivery_abort (PcallLogDelivery *self);

/* The call has begun, and if logs are live its file is there. */
void              pcall_log_delivery_begin (PcallLogDelivery *self,
                                            guint             index);
/* It has ended. May call the application's log writer. */
void              pcall_log_delivery_end   (PcallLogDelivery *self,
                                            guint             index);

/* All calls have ended: goes on until @until. TRUE if all is delivered; else there will be
 * something in the engine. Calls the application's log writer. */
gboolean          pcall_log_delivery_complete   (PcallLogDelivery *self,
                                                 gint64            until);
/* Whether this is called from within the application's log writer. */
gboolean          pcall_log_delivery_is_writing (PcallLogDelivery *self);

/* All was delivered, or it was aborted, or nothing has begun. */
void              pcall_log_delivery_free  (PcallLogDelivery *self);

G_END_DECLS
