/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-ledger-layout-private.h"

/* The child's side of the ledger: see pcall-ledger.c for how it works. */

/* A child claims at the most one part in so many of what is left for it. */
#define PARTS_OF_REST 4

static guint32
limit_claim (PcallLedger *self,
             guint32      next,
             guint        most)
{
  return MIN (most, (self->n_calls - next) / (PARTS_OF_REST * self->n_slots) + 1);
}

gboolean
pcall_ledger_claim (PcallLedger *self,
                    int          slot,
                    guint        most,
                    PcallSpan   *claim)
{
  guint32 next;

  while (!self->ruined && (next = pcall_word_load (&self->shared->next)) < self->n_calls)
    {
      *claim = (PcallSpan) { next, next + limit_claim (self, next, most) };
      pcall_ledger_set_claim (pcall_ledger_get_slot (self, slot), claim->first, claim->end);
      if (pcall_word_move (&self->shared->next, claim->first, claim->end))
        return TRUE;
    }
  return FALSE;
}

guint
pcall_ledger_take_some (PcallLedger *self,
                        int          slot,
                        guint        most,
                        PcallSpan   *claim)
{
  guint n = 0;

  for (; claim->first < claim->end; claim->first++)
    {
      n = pcall_ledger_take_row (self, slot,
                                 (PcallSpan) { claim->first,
                                               MIN (claim->end, claim->first + most) });
      if (n > 0)
        break;
    }
  if (pcall_word_load (&pcall_ledger_get_slot (self, slot)->call) != claim->first)
    pcall_ledger_set_claim (pcall_ledger_get_slot (self, slot), claim->first, claim->end);
  return n;
}

gboolean
pcall_ledger_take (PcallLedger *self,
                   int          slot,
                   guint       *index)
{
  PcallSpan claim;

  while (pcall_ledger_claim (self, slot, 1, &claim))
    if (pcall_ledger_take_some (self, slot, 1, &claim) > 0)
      {
        *index = claim.first;
        return TRUE;
      }
  return FALSE;
}

gboolean
pcall_ledger_is_ending (PcallLedger *self,
                        int          slot)
{
  return pcall_word_load (&pcall_ledger_get_slot (self, slot)->ending) != 0;
}

gboolean
pcall_ledger_enter (PcallLedger *self,
                    int          slot,
                    PcallSpan    span,
                    gint64       began)
{
  PcallLedgerSlot *at = pcall_ledger_get_slot (self, slot);

  if (pcall_ledger_is_ending (self, slot))
    {
      for (guint i = span.first; i < span.end; i++)
        pcall_ledger_give_back (self, slot, i);
      return FALSE;
    }

  at->began = at->entered = began;
  for (guint i = span.end; i > span.first; i--)
    pcall_word_store (&self->words[i - 1], pcall_word_new (slot, PCALL_WORD_ENTERED));
  return TRUE;
}

void
pcall_ledger_shorten (PcallLedger *self,
                      int          slot,
                      PcallSpan   *span,
                      guint        end)
{
  for (guint i = end; i < span->end; i++)
    pcall_word_store (&self->words[i], pcall_word_new (slot, PCALL_WORD_TAKEN));
  span->end = end;
}

void
pcall_ledger_leave (PcallLedger *self,
                    int          slot,
                    guint        first)
{
  PcallLedgerSlot *at = pcall_ledger_get_slot (self, slot);

  g_atomic_int_inc ((gint *) &at->turn);
  pcall_open_block_set_ended (pcall_ledger_get_batch (self, slot), 0);
  pcall_word_store (&at->call, first);
  g_atomic_int_inc ((gint *) &at->turn);
}

void
pcall_ledger_set_sent (PcallLedger *self,
                       int          slot,
                       guint32      n_frames)
{
  pcall_word_store (&pcall_ledger_get_slot (self, slot)->sent, n_frames);
}

void
pcall_ledger_set_began (PcallLedger *self,
                        int          slot,
                        gint64       began)
{
  pcall_ledger_get_slot (self, slot)->began = began;
}

void
pcall_ledger_set_log (PcallLedger *self,
                      int          slot,
                      guint        index)
{
  pcall_word_store (&pcall_ledger_get_slot (self, slot)->log, index);
}

gboolean
pcall_ledger_must_wake (PcallLedger *self,
                        int          slot)
{
  PcallLedgerSlot *at = pcall_ledger_get_slot (self, slot);

  return pcall_word_load (&at->asleep) && pcall_word_move (&at->asleep, TRUE, FALSE);
}
