/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-queue-private.h"

/* Calls wait in order of their index: those before `next` have been taken, save a few that wait
 * in `retries`, because their child could not be started for want of room, died in its lock
 * trial, or had died before it read them. Where children take calls by themselves, a ledger
 * stands for `next`, and says who was first. One that was taken out of the middle is skipped. */

void
pcall_queue_init (PcallQueue *self,
                  guint       n_calls)
{
  *self = (PcallQueue) { .n_calls = n_calls };
}

void
pcall_queue_add (PcallQueue *self)
{
  self->n_calls++;
}

void
pcall_queue_share (PcallQueue  *self,
                   PcallLedger *ledger)
{
  self->ledger = pcall_ledger_ref (ledger);
}

void
pcall_queue_clear (PcallQueue *self)
{
  g_queue_clear_full (&self->retries, g_free);
  g_clear_pointer (&self->taken_out, g_hash_table_unref);
  g_clear_pointer (&self->ledger, pcall_ledger_unref);
}

void
pcall_queue_drop_all (PcallQueue *self)
{
  if (self->ledger != NULL)
    pcall_ledger_exhaust (self->ledger);
  self->next = self->n_calls;
  self->is_open = FALSE;
  g_queue_clear_full (&self->retries, g_free);
}

gboolean
pcall_queue_are_left (PcallQueue *self)
{
  if (self->retries.length > 0)
    return TRUE;
  return self->ledger != NULL ? pcall_ledger_is_left (self->ledger) : self->next < self->n_calls;
}

PcallTurn
pcall_queue_peek (PcallQueue *self)
{
  PcallTurn *retry = g_queue_peek_head (&self->retries);

  if (retry != NULL)
    return *retry;
  if (self->ledger != NULL)
    return pcall_turn_new (pcall_ledger_peek_next (self->ledger), 0, -1);
  return pcall_turn_new (self->next, 0, -1);
}

/* Calls that were given back together are taken together, but for what somebody else has. */
static guint
take_retry (PcallQueue *self,
            int         slot,
            PcallTurn  *turn)
{
  PcallTurn *retry = g_queue_peek_head (&self->retries);
  guint n = pcall_ledger_take_again (self->ledger, slot, (PcallSpan) { retry->index, retry->end });

  *turn = *retry;
  turn->end = retry->index + n;
  retry->index += MAX (n, 1);
  retry->attempt = 0;
  retry->child = -1;
  if (retry->index >= retry->end)
    g_free (g_queue_pop_head (&self->retries));
  return n;
}

static gboolean
take_shared (PcallQueue *self,
             int         slot,
             PcallTurn  *turn)
{
  guint index;

  while (self->retries.length > 0)
    if (take_retry (self, slot, turn) > 0)
      return TRUE;

  if (!pcall_ledger_take (self->ledger, slot, &index))
    return FALSE;
  *turn = pcall_turn_new (index, 0, -1);
  return TRUE;
}

static void
skip_taken_out (PcallQueue *self)
{
  while (self->taken_out != NULL && self->next < self->n_calls &&
         g_hash_table_remove (self->taken_out, GUINT_TO_POINTER (self->next)))
    self->next++;
}

gboolean
pcall_queue_take (PcallQueue *self,
                  int         slot,
                  PcallTurn  *turn)
{
  if (self->ledger != NULL)
    return take_shared (self, slot, turn);

  *turn = pcall_queue_peek (self);
  if (self->retries.length > 0)
    g_free (g_queue_pop_head (&self->retries));
  else
    self->next++;
  skip_taken_out (self);
  return TRUE;
}

static gboolean
take_out_shared (PcallQueue *self,
                 int         slot,
                 guint       index,
                 PcallTurn  *turn)
{
  *turn = pcall_turn_new (index, 0, -1);
  return pcall_ledger_take_again (self->ledger, slot, (PcallSpan) { index, index + 1 }) > 0;
}

static GList *
find_retry (PcallQueue *self,
            guint       index)
{
  GList *l = self->retries.head;

  while (l != NULL && ((PcallTurn *) l->data)->index != index)
    l = l->next;
  return l;
}

gboolean
pcall_queue_take_out (PcallQueue *self,
                      int         slot,
                      guint       index,
                      PcallTurn  *turn)
{
  GList *retry;

  if (self->ledger != NULL)
    return take_out_shared (self, slot, index, turn);

  retry = find_retry (self, index);
  if (retry != NULL)
    {
      g_autofree PcallTurn *found = retry->data;

      *turn = *found;
      g_queue_delete_link (&self->retries, retry);
      return TRUE;
    }
  if (index < self->next)
    return FALSE;

  if (self->taken_out == NULL)
    self->taken_out = g_hash_table_new (NULL, NULL);
  if (!g_hash_table_add (self->taken_out, GUINT_TO_POINTER (index)))
    return FALSE;
  skip_taken_out (self);
  *turn = pcall_turn_new (index, 0, -1);
  return TRUE;
}

void
pcall_queue_put_back (PcallQueue *self,
                      int         slot,
                      PcallTurn   turn)
{
  PcallTurn *retry = g_new (PcallTurn, 1);

  for (guint i = turn.index; self->ledger != NULL && i < turn.end; i++)
    pcall_ledger_give_back (self->ledger, slot, i);
  *retry = turn;
  g_queue_push_head (&self->retries, retry);
}
