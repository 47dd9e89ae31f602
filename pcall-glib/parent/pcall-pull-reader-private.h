/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-result-block-private.h"
#include "share/pcall-completion-private.h"
#include "parent/pcall-runner-parts-private.h"

G_BEGIN_DECLS

/* Calls that a child takes by itself are two files: those that it tells of one by one, and all
 * that is about the child (pcall-runner-pull.c), and those that it tells of together
 * (pcall-pull-reader.c). */

static inline PcallLedger *
pcall_runner_get_ledger (PcallRunner *self)
{
  return self->setup->context->ledger;
}

static inline const PcallRing *
pcall_runner_get_ring (PcallRunner *self)
{
  return pcall_ledger_get_ring (pcall_runner_get_ledger (self), self->job.slot);
}

/* FALSE if the child is not in that call; then it is rejected. */
gboolean pcall_runner_pull_check       (PcallRunner           *self,
                                       guint               index);
/* The child is in that call. */
void     pcall_runner_pull_adopt       (PcallRunner           *self,
                                       guint               index);
/* A call that has ended begins, where that is not known. TRUE if its end can be told now. */
gboolean pcall_runner_pull_begin_late  (PcallRunner           *self,
                                       guint               index,
                                       gint64              took);
/* The call has ended, and what came of it is here. */
void     pcall_runner_pull_conclude    (PcallRunner           *self,
                                       gint64              took,
                                       gboolean            has_log);
/* Whether what stands there in the ring was handed over before the child was ended from here. */
gboolean pcall_runner_pull_was_in_time (PcallRunner           *self,
                                       guint32             position);
/* What the child has written makes no sense; takes @error. */
void     pcall_runner_pull_break_off   (PcallRunner           *self,
                                       GError             *error);

/* Takes the receipt of a column. */
void     pcall_pull_reader_take        (PcallRunner           *self,
                                       const PcallCompletion *completion);
/* What the child has not told, and now will not, or not soon. TRUE if there is something. */
gboolean pcall_pull_reader_harvest     (PcallRunner           *self);
/* A step through the column. */
void     pcall_pull_reader_step        (PcallRunner           *self);

G_END_DECLS
