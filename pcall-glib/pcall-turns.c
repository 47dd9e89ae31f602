/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-turns-private.h"

/* Calls wait in order of their index: those before `next` have been taken, save a few that wait in
 * `retries`, because their child could not be started for want of room, died in its lock trial, or
 * had died before it read them. Where children take calls by themselves, a ledger stands for `next`,
 * and says who was first. */

void
pcall_turns_init (PcallTurns *self,
                  guint       n_calls)
{
  *self = (PcallTurns) { .n_calls = n_calls };
}

void
pcall_turns_share (PcallTurns  *self,
                   PcallLedger *ledger)
{
  self->ledger = pcall_ledger_ref (ledger);
}

void
pcall_turns_clear (PcallTurns *self)
{
  g_queue_clear_full (&self->retries, g_free);
  g_clear_pointer (&self->ledger, pcall_ledger_unref);
}

void
pcall_turns_drop_all (PcallTurns *self)
{
  if (self->ledger != NULL)
    pcall_ledger_exhaust (self->ledger);
  self->next = self->n_calls;
  g_queue_clear_full (&self->retries, g_free);
}

gboolean
pcall_turns_are_left (PcallTurns *self)
{
  if (self->retries.length > 0)
    return TRUE;
  return self->ledger != NULL ? pcall_ledger_is_left (self->ledger) : self->next < self->n_calls;
}

PcallTurn
pcall_turns_peek (PcallTurns *self)
{
  PcallTurn *retry = g_queue_peek_head (&self->retries);

  if (retry != NULL)
    return *retry;
  return (PcallTurn) { self->ledger != NULL ? pcall_ledger_peek_next (self->ledger) : self->next,
                       0, -1 };
}

static gboolean
take_shared (PcallTurns *self,
             int         slot,
             PcallTurn  *turn)
{
  while (self->retries.length > 0)
    {
      g_autofree PcallTurn *retry = g_queue_pop_head (&self->retries);

      *turn = *retry;
      if (pcall_ledger_take_again (self->ledger, slot, turn->index))
        return TRUE;
    }

  *turn = (PcallTurn) { 0, 0, -1 };
  return pcall_ledger_take (self->ledger, slot, &turn->index);
}

gboolean
pcall_turns_take (PcallTurns *self,
                  int         slot,
                  PcallTurn  *turn)
{
  if (self->ledger != NULL)
    return take_shared (self, slot, turn);

  *turn = pcall_turns_peek (self);
  if (self->retries.length > 0)
    g_free (g_queue_pop_head (&self->retries));
  else
    self->next++;
  return TRUE;
}

void
pcall_turns_put_back (PcallTurns *self,
                      int         slot,
                      PcallTurn   turn)
{
  PcallTurn *retry = g_new (PcallTurn, 1);

  if (self->ledger != NULL)
    pcall_ledger_give_back (self->ledger, slot, turn.index);
  *retry = turn;
  g_queue_push_head (&self->retries, retry);
}
