/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-ledger-private.h"

G_BEGIN_DECLS

/* Whose turn it is: the calls of a task that wait. */
typedef struct
{
  guint  n_calls;
  gboolean is_open; /* more may come */
  guint  next;
  GQueue retries; /* PcallTurn */
  GHashTable *taken_out; /* indices behind `next`; NULL: none ever were */
  PcallLedger *ledger; /* that has the calls which were not taken; NULL: `next` says it */
} PcallQueue;

typedef struct
{
  guint index;
  guint end;     /* the child takes these calls, from the index on; one, unless a ledger has them */
  guint attempt; /* 0, 1 …: how often its turn came before */
  int   child;   /* as in PcallJob */
} PcallTurn;

/* Of a single call. */
static inline PcallTurn
pcall_turn_new (guint index,
                guint attempt,
                int   child)
{
  return (PcallTurn) { index, index + 1, attempt, child };
}

void      pcall_queue_init     (PcallQueue *self,
                                guint       n_calls);
/* There is one call more. */
void      pcall_queue_add      (PcallQueue *self);
/* From now on children take calls, too. */
void      pcall_queue_share    (PcallQueue  *self,
                                PcallLedger *ledger);
/* No call waits any more. */
void      pcall_queue_drop_all (PcallQueue *self);
/* In a forked child, of what is its parent's, too: frees memory. */
void      pcall_queue_clear    (PcallQueue *self);
gboolean  pcall_queue_are_left (PcallQueue *self);
/* The next one; there must be one. Where children take calls, too, it may be another. */
PcallTurn pcall_queue_peek     (PcallQueue *self);
/* FALSE where they have taken it; @slot is where in the ledger it is to run. */
gboolean  pcall_queue_take     (PcallQueue *self,
                                int         slot,
                                PcallTurn  *turn);
/* The same for one call; FALSE if it does not wait. */
gboolean  pcall_queue_take_out (PcallQueue *self,
                                int         slot,
                                guint       index,
                                PcallTurn  *turn);
/* It is this one's turn again, before all others. @slot is where it did not run. */
void      pcall_queue_put_back (PcallQueue *self,
                                int         slot,
                                PcallTurn   turn);

G_END_DECLS
