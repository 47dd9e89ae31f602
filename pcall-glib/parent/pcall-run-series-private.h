/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-batch-private.h"
#include "share/pcall-receipt-private.h"
#include "parent/pcall-run-struct-private.h"

G_BEGIN_DECLS

/* Calls that a child takes by itself are two files: those that it tells of one by one, and all
 * that is about the child (pcall-run-series.c), and those that it tells of together
 * (pcall-run-column.c). */

static inline PcallLedger *
pcall_run_get_ledger (PcallRun *self)
{
  return self->setup->context->ledger;
}

static inline const PcallRing *
pcall_run_get_ring (PcallRun *self)
{
  return pcall_ledger_get_ring (pcall_run_get_ledger (self), self->job.slot);
}

/* FALSE if the child is not in that call; then it is rejected. */
gboolean pcall_run_series_check       (PcallRun           *self,
                                       guint               index);
/* The child is in that call. */
void     pcall_run_series_adopt       (PcallRun           *self,
                                       guint               index);
/* A call that has ended begins, where that is not known. TRUE if its end can be told now. */
gboolean pcall_run_series_begin_late  (PcallRun           *self,
                                       guint               index,
                                       gint64              took);
/* The call has ended, and what came of it is here. */
void     pcall_run_series_conclude    (PcallRun           *self,
                                       gint64              took,
                                       gboolean            has_log);
/* Whether what stands there in the ring was handed over before the child was ended from here. */
gboolean pcall_run_series_was_in_time (PcallRun           *self,
                                       guint32             position);
/* What the child has written makes no sense; takes @error. */
void     pcall_run_series_break_off   (PcallRun           *self,
                                       GError             *error);

/* Takes the receipt of a column. */
void     pcall_run_column_take        (PcallRun           *self,
                                       const PcallReceipt *receipt);
/* What the child has not told, and now will not, or not soon. TRUE if there is something. */
gboolean pcall_run_column_harvest     (PcallRun           *self);
/* A step through the column. */
void     pcall_run_column_step        (PcallRun           *self);

G_END_DECLS
