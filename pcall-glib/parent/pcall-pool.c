/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-pool-private.h"

#include "start/pcall-command-private.h"

/* The children of a task that take calls: how many there are, and which of them wait for a call.
 *
 * There are about as many as processors, so looking at each is nothing. The one that waited last is
 * given the next call: its memory is still at hand. */

void
pcall_pool_add (PcallPool *self,
                PcallRun  *run)
{
  self->n++;
}

void
pcall_pool_remove (PcallPool *self,
                   PcallRun  *run)
{
  self->n--;
  g_queue_remove (&self->idle, run);
}

void
pcall_pool_put (PcallPool *self,
                PcallRun  *run)
{
  if (pcall_run_is_waiting (run))
    g_queue_push_head (&self->idle, run);
}

PcallRun *
pcall_pool_find (PcallPool      *self,
                 const PcallJob *job)
{
  for (GList *l = self->idle.head; l != NULL; l = l->next)
    if (pcall_run_is_waiting (l->data) &&
        pcall_command_equal (pcall_run_get_job (l->data)->target, job->target))
      return l->data;
  return NULL;
}

void
pcall_pool_give (PcallPool      *self,
                 PcallRun       *run,
                 const PcallJob *job)
{
  g_queue_remove (&self->idle, run);
  pcall_run_next (run, job);
}

void
pcall_pool_retire (PcallPool *self)
{
  PcallRun *run = g_queue_pop_tail (&self->idle);

  if (run != NULL && pcall_run_is_waiting (run))
    pcall_run_retire (run);
}

void
pcall_pool_retire_all (PcallPool *self)
{
  while (self->idle.length > 0)
    pcall_pool_retire (self);
}
