/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-runner-parts-private.h"
#include "share/pcall-completion-private.h"
#include "share/pcall-result-block-private.h"

G_BEGIN_DECLS

/* Calls that a child takes by itself: when to look at it, and what becomes of the child
 * (pcall-runner-pull.c); what it tells of calls, in memory that both share
 * (pcall-runner-pull-reader.c). */

/* A block of results that is being read. */
typedef struct
{
  PcallPayload *payload; /* a PcallResultBlock; NULL: there is none */
  guint         first;   /* the index of the first of its calls */
  guint         at;      /* how many of them were read */
  gint64        took;    /* each, in microseconds */
  gboolean      kept;    /* they ended before the child was stopped */
} PcallBlockReader;

typedef struct
{
  PcallRunner      base;
  guint32          n_frames; /* that were received */
  PcallPayload    *spare;    /* memory for the next outcome */
  PcallBlockReader block;
  gboolean         broken;   /* what is in its ring is of no use any more */
  gboolean         linked;   /* the call's log file has its name from here */
  guint            end_index; /* the call in which it was stopped: those before it had ended */

  PcallTimer       poll;
  gint64           pause;    /* until the child is looked at again, in microseconds */
  guint            n_seen;   /* calls that had ended when it was last looked at */
  guint            seen;     /* the call that the child was in, when it was last looked at */
} PcallPull;

static inline PcallLedger *
pcall_pull_get_ledger (PcallPull *self)
{
  return self->base.setup->context->ledger;
}

static inline const PcallRing *
pcall_pull_get_ring (PcallPull *self)
{
  return pcall_ledger_get_ring (pcall_pull_get_ledger (self), self->base.job.slot);
}

/* A step to the end of the next call that has ended: its beginning, where that is to be told and
 * was not, or its end. Of completions that wait for frames after the first @n_frames, none; NULL:
 * no frame will come. FALSE if there is no such call. */
gboolean pcall_pull_reader_step      (PcallPull     *self,
                                      const guint32 *n_frames);
/* Reads what there is by now, and no more; @n_frames as above. */
void     pcall_pull_reader_read      (PcallPull     *self,
                                      const guint32 *n_frames);
/* What the child has ended and not told, and now will not, or not soon, is to be read. TRUE if
 * there is something. */
gboolean pcall_pull_reader_harvest   (PcallPull     *self);
/* Whether the child has told what was not read yet. */
gboolean pcall_pull_reader_has_more  (PcallPull     *self);
/* The call begins, at that time, where it has not. FALSE if the child is not in that call; then it
 * is rejected. */
gboolean pcall_pull_reader_begin     (PcallPull     *self,
                                      guint          index,
                                      gint64         began);
void     pcall_pull_reader_clear     (PcallPull     *self);

G_END_DECLS
