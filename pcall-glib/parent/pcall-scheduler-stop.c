/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

/* Ending what runs and what waits: all calls, one of them, or a child.
 *
 * A single call that waits ends at once. The child of one that runs is stopped; what else that
 * child had is for others, as after any end of a child. Where children take calls by themselves,
 * one may be in a child's hands of which it is not known yet that it runs: it is doomed, and ends
 * when that is known, unless it has ended by then. So it is with one that was sent ahead to another
 * machine, which is asked back besides. */

void
pcall_scheduler_stop_all (PcallScheduler *self,
                          PcallCallState  state,
                          const char     *reason)
{
  if (self->finished || pcall_scheduler_is_stopped (self))
    return;

  self->stop.state = state;
  self->stop.reason = g_strdup (reason);
  self->stop.due = TRUE;
  self->queue.is_open = FALSE;
  /* Calls that wait are finished from the loop. */
  pcall_scheduler_pause (self, 0);
}

static const char terminated[] = "terminated";

static gboolean
is_doomed (PcallScheduler *self,
           PcallRunner    *runner)
{
  return pcall_runner_is_in_call (runner) &&
         g_hash_table_remove (self->stop.doomed,
                              GUINT_TO_POINTER (pcall_runner_get_job (runner)->index));
}

static void
stop_doomed (PcallScheduler *self)
{
  for (GList *l = self->crew.all.head; l != NULL; l = l->next)
    if (is_doomed (self, l->data))
      pcall_runner_stop_call (l->data, PCALL_CALL_STATE_CANCELLED, terminated);
}

void
pcall_scheduler_stop_runners (PcallScheduler *self)
{
  if (self->stop.doomed != NULL)
    stop_doomed (self);
  if (!self->stop.due)
    return;

  self->stop.due = FALSE;
  for (GList *l = self->crew.all.head; l != NULL; l = l->next)
    pcall_runner_stop (l->data, self->stop.state, self->stop.reason);
}

void
pcall_scheduler_stop_call (PcallScheduler *self,
                           guint           index)
{
  PcallTurn turn;

  if (self->finished || pcall_scheduler_is_stopped (self) ||
      pcall_call_list_has_ended (self->calls, index))
    return;

  if (pcall_queue_take_out (&self->queue, pcall_scheduler_get_own_slot (self), index, &turn))
    {
      pcall_scheduler_drop_turn (self, &turn, PCALL_CALL_STATE_CANCELLED, terminated);
      return;
    }

  if (self->stop.doomed == NULL)
    self->stop.doomed = g_hash_table_new (NULL, NULL);
  g_hash_table_add (self->stop.doomed, GUINT_TO_POINTER (index));
  for (GList *l = self->crew.all.head; l != NULL; l = l->next)
    pcall_runner_take_back (l->data, index);
  stop_doomed (self);
}

static PcallRunner *
find_runner (PcallScheduler *self,
             guint           position)
{
  GList *l = self->crew.all.head;

  while (l != NULL && pcall_runner_get_child (l->data) != position)
    l = l->next;
  return l != NULL ? l->data : NULL;
}

void
pcall_scheduler_stop_child (PcallScheduler *self,
                            guint           position,
                            gboolean        at_once)
{
  PcallRunner *runner = self->finished ? NULL : find_runner (self, position);

  if (runner == NULL)
    return;
  if (at_once)
    pcall_runner_kill (runner, PCALL_CALL_STATE_CANCELLED, terminated);
  else
    pcall_runner_stop (runner, PCALL_CALL_STATE_CANCELLED, terminated);
}
