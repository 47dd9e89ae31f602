/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

#include "start/pcall-command-private.h"

/* Calls that are sent to a worker on another machine before it has ended the one that it has.
 *
 * A worker has no more than its part: what is left of the task, by the number of workers. What it
 * has and did not begin can be had back. That is asked for where nothing waits and another worker
 * has nothing to do, as when one call takes longer than those before it. Workers may be thousands,
 * so they are looked at only where their part is another one. */

static guint
count_part (PcallScheduler *self,
            guint           n_workers)
{
  guint n_left = pcall_call_list_get_n_calls (self->calls) -
                 pcall_call_list_get_n_known_ended (self->calls);

  return MAX (n_left / MAX (n_workers, 1), 1);
}

static gboolean
may_send_ahead (PcallScheduler *self,
                PcallRunner    *runner)
{
  guint limit = self->options.calls_per_worker;
  guint n_calls;
  PcallJob job;

  if (!pcall_queue_are_left (&self->queue) || !pcall_runner_push_has_room (runner))
    return FALSE;

  n_calls = pcall_runner_push_get_n_calls (runner);
  if (n_calls >= count_part (self, self->roster.n) ||
      (limit > 0 && pcall_runner_get_n_ended (runner) + n_calls >= limit))
    return FALSE;

  job = pcall_scheduler_make_job (self, pcall_queue_peek (&self->queue), -1);
  return pcall_command_equal (pcall_runner_get_job (runner)->target, job.target);
}

void
pcall_scheduler_send_ahead (PcallScheduler *self,
                            PcallRunner    *runner)
{
  if (self->options.crew == NULL || pcall_scheduler_is_stopped (self) || self->funcs == NULL)
    return;

  while (may_send_ahead (self, runner))
    {
      PcallTurn next;
      PcallJob job;

      pcall_queue_take (&self->queue, -1, &next);
      job = pcall_scheduler_make_job (self, next, -1);
      pcall_runner_push_add (runner, &job);
      self->crew.away.ahead = TRUE;
      self->crew.away.part = 0;
    }
}

gboolean
pcall_scheduler_call_back (PcallScheduler *self)
{
  PcallAway *away = &self->crew.away;
  guint n_missing;
  guint part;

  if (!away->ahead || pcall_scheduler_is_stopped (self) || self->calls == NULL)
    return FALSE;

  n_missing = self->roster.n < self->room.max_workers && pcall_scheduler_has_arrival (self);
  if (self->roster.idle.length + n_missing == 0)
    return FALSE;

  part = count_part (self, self->roster.n + n_missing);
  for (GList *l = part != away->part ? self->crew.all.head : NULL; l != NULL; l = l->next)
    pcall_runner_push_shorten (l->data, part);
  away->part = part;
  return away->n_recalled > 0;
}

static gboolean
is_doomed (PcallScheduler *self,
           guint           index)
{
  return self->stop.doomed != NULL &&
         g_hash_table_remove (self->stop.doomed, GUINT_TO_POINTER (index));
}

void
pcall_scheduler_take_returned (PcallScheduler *self,
                               const PcallJob *job,
                               const char     *loss)
{
  PcallTurn turn = pcall_turn_new (job->index, job->attempt, -1);

  if (self->calls == NULL)
    return;

  if (is_doomed (self, job->index))
    pcall_scheduler_drop_turn (self, &turn, PCALL_CALL_STATE_CANCELLED, "terminated");
  else if (loss != NULL && !pcall_scheduler_may_retry (self, job->index))
    pcall_scheduler_finish_unstarted (self, -1, job->index, PCALL_CALL_STATE_FAILED,
                                      PCALL_ERROR_LOST, loss);
  else
    pcall_queue_put_back (&self->queue, -1, turn);
}
