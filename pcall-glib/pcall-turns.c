/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-turns-private.h"

/* Calls wait in order of their index: those before `next` have been taken, save a few that wait in
 * `retries`, because their child could not be started for want of room, died in its lock trial, or
 * had died before it read them. */

void
pcall_turns_init (PcallTurns *self,
                  guint       n_calls)
{
  *self = (PcallTurns) { .n_calls = n_calls };
}

void
pcall_turns_clear (PcallTurns *self)
{
  self->next = self->n_calls;
  g_queue_clear_full (&self->retries, g_free);
}

gboolean
pcall_turns_are_left (PcallTurns *self)
{
  return self->retries.length > 0 || self->next < self->n_calls;
}

PcallTurn
pcall_turns_peek (PcallTurns *self)
{
  PcallTurn *retry = g_queue_peek_head (&self->retries);

  return retry != NULL ? *retry : (PcallTurn) { self->next, 0, -1 };
}

PcallTurn
pcall_turns_take (PcallTurns *self)
{
  PcallTurn turn = pcall_turns_peek (self);

  if (self->retries.length > 0)
    g_free (g_queue_pop_head (&self->retries));
  else
    self->next++;
  return turn;
}

void
pcall_turns_put_back (PcallTurns *self,
                      PcallTurn   turn)
{
  PcallTurn *retry = g_new (PcallTurn, 1);

  *retry = turn;
  g_queue_push_head (&self->retries, retry);
}
