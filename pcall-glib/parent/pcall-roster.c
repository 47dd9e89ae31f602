/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-roster-private.h"

#include "start/pcall-command-private.h"

/* The children of a task that take calls: how many there are, and which of them wait for a call.
 *
 * There are about as many as processors, so looking at each is nothing. The one that waited last is
 * given the next call: its memory is still at hand. */

void
pcall_roster_add (PcallRoster *self,
                  PcallRunner *runner)
{
  self->n++;
}

void
pcall_roster_remove (PcallRoster *self,
                     PcallRunner *runner)
{
  self->n--;
  g_queue_remove (&self->idle, runner);
}

void
pcall_roster_put (PcallRoster *self,
                  PcallRunner *runner)
{
  if (pcall_runner_push_is_waiting (runner))
    g_queue_push_head (&self->idle, runner);
}

PcallRunner *
pcall_roster_find (PcallRoster    *self,
                   const PcallJob *job)
{
  for (GList *l = self->idle.head; l != NULL; l = l->next)
    if (pcall_runner_push_is_waiting (l->data) &&
        pcall_command_equal (pcall_runner_get_job (l->data)->target, job->target))
      return l->data;
  return NULL;
}

void
pcall_roster_give (PcallRoster    *self,
                   PcallRunner    *runner,
                   const PcallJob *job)
{
  g_queue_remove (&self->idle, runner);
  pcall_runner_push_give (runner, job);
}

void
pcall_roster_retire (PcallRoster *self,
                     PcallPool   *pool)
{
  PcallRunner *runner = g_queue_pop_tail (&self->idle);

  if (runner != NULL && pcall_runner_push_is_waiting (runner) &&
      (pool == NULL || !pcall_runner_push_put (runner, pool)))
    pcall_runner_push_retire (runner);
}

void
pcall_roster_retire_all (PcallRoster *self,
                         PcallPool   *pool)
{
  while (self->idle.length > 0)
    pcall_roster_retire (self, pool);
}
