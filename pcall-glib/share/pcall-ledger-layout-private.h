/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-ledger-private.h"

G_BEGIN_DECLS

/* The ledger is two files: the parent's side (pcall-ledger.c), where it is told how all of it
 * works, and the child's (pcall-ledger-child.c). */

/* A word for each call: who has it, and how far it is. */
#define PCALL_WORD_STATE_BITS 2u

enum
{
  PCALL_WORD_FREE,
  PCALL_WORD_TAKEN,
  PCALL_WORD_ENTERED,
  PCALL_WORD_DONE,
};

typedef struct
{
  guint32            call;    /* the first of the claim */
  guint32            end;
  guint32            log;
  guint32            ending;
  guint32            asleep;
  guint32            turn;    /* odd while the batch and the claim change */
  guint32            sent;    /* frames, at least */
  gint64             entered; /* when the first of the batch began */
  gint64             began;   /* when the call did that the child is in */
  guint8             gap[16];
  PcallRingPositions positions;
} PcallLedgerSlot;

typedef struct
{
  guint32         next;
  guint8          gap[60];
  PcallLedgerSlot slots[]; /* one more than children can have; then words, rings and batches */
} PcallLedgerShared;

struct _PcallLedger
{
  grefcount          ref_count;
  guint              n_calls;
  guint              n_slots;
  PcallLedgerShared *shared;
  gsize              size;
  guint32           *words;
  guint8            *batches;
  gsize              batch_size;
  PcallRing         *rings; /* not shared, as the rest */
  PcallBlockLimits   limits;
  gboolean          *in_use;
  gboolean           ruined;
};

static inline guint32
pcall_word_load (const guint32 *number)
{
  return (guint32) g_atomic_int_get (number);
}

static inline void
pcall_word_store (guint32 *number,
                  guint32  value)
{
  g_atomic_int_set (number, value);
}

static inline gboolean
pcall_word_move (guint32 *number,
                 guint32  from,
                 guint32  to)
{
  return g_atomic_int_compare_and_exchange ((gint *) number, (gint) from, (gint) to);
}

static inline guint32
pcall_word_new (int     slot,
                guint32 state)
{
  return ((guint32) slot + 1) << PCALL_WORD_STATE_BITS | state;
}

static inline PcallLedgerSlot *
pcall_ledger_get_slot (PcallLedger *self,
                       int          slot)
{
  g_assert (slot >= 0 && (guint) slot <= self->n_slots);
  return &self->shared->slots[slot];
}

/* The calls that the child in the slot claims. */
void  pcall_ledger_set_claim (PcallLedgerSlot *at,
                              guint32          first,
                              guint32          end);
/* How many calls of @span from the first on the child in the slot could take, and has now. */
guint pcall_ledger_take_row  (PcallLedger     *self,
                              int              slot,
                              PcallSpan        span);

G_END_DECLS
