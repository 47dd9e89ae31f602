/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

#include <sys/epoll.h>

/* Children on other machines: what the scheduler does otherwise where the task has a launcher.
 *
 * A call waits until an agent is there, which may be long after the task was started. The crew
 * tells of it by a descriptor, and it is then that the call is assigned. Where no agent will come,
 * all calls that wait fail, and none stays in the queue. */

static void
fail_waiting (PcallScheduler *self,
              const char     *reason)
{
  PcallTurn turn;

  while (pcall_queue_are_left (&self->queue) && pcall_queue_take (&self->queue, -1, &turn))
    pcall_scheduler_finish_unstarted (self, -1, turn.index, PCALL_CALL_STATE_FAILED,
                                      PCALL_ERROR_START, reason);
}

static void
heard (gpointer data,
       guint32  events)
{
  PcallScheduler *self = data;
  g_autofree char *failure = NULL;

  pcall_crew_hear (&self->crew.away.client);
  failure = pcall_crew_take_failure (&self->crew.away.client);
  if (failure != NULL && !pcall_scheduler_is_stopped (self))
    fail_waiting (self, failure);
}

static guint
count_wanted (PcallScheduler *self)
{
  guint n_left = pcall_call_list_get_n_calls (self->calls) -
                 pcall_call_list_get_n_finished (self->calls);

  return pcall_scheduler_is_stopped (self) ? 0 : MIN (n_left, self->room.max_workers);
}

gboolean
pcall_scheduler_go_away (PcallScheduler *self,
                         GError        **error)
{
  PcallAway *away = &self->crew.away;

  if (self->options.crew == NULL || pcall_scheduler_is_stopped (self) ||
      pcall_call_list_get_n_calls (self->calls) == 0)
    return TRUE;
  if (!pcall_crew_join (self->options.crew, &away->client, self->monitor, self->engine,
                        count_wanted (self), error))
    return FALSE;
  if (pcall_engine_watch (self->engine, &away->watch, away->client.wake_fd, EPOLLIN, heard, self,
                          error))
    return TRUE;

  pcall_crew_leave (&away->client);
  return FALSE;
}

void
pcall_scheduler_come_home (PcallScheduler *self)
{
  if (self->engine != NULL && self->crew.away.watch.engine != NULL)
    pcall_engine_unwatch (self->engine, &self->crew.away.watch);
  pcall_crew_leave (&self->crew.away.client);
  g_clear_pointer (&self->crew.away.lost, g_hash_table_unref);
}

void
pcall_scheduler_want (PcallScheduler *self)
{
  if (self->crew.away.client.crew != NULL && self->calls != NULL)
    pcall_crew_want (&self->crew.away.client, count_wanted (self));
}

gboolean
pcall_scheduler_has_arrival (PcallScheduler *self)
{
  return self->options.crew == NULL ||
         (self->crew.away.client.crew != NULL && pcall_crew_has_arrival (&self->crew.away.client));
}

PcallRunner *
pcall_scheduler_send_away (PcallScheduler *self,
                           const PcallJob *job)
{
  PcallPeer *peer = pcall_crew_take (&self->crew.away.client);

  return peer != NULL ? pcall_runner_new_remote (&self->setup, job, peer) : NULL;
}

gboolean
pcall_scheduler_may_retry (PcallScheduler *self,
                           guint           index)
{
  PcallAway *away = &self->crew.away;
  guint n;

  if (self->options.retries == 0 || pcall_scheduler_is_stopped (self) || self->funcs == NULL)
    return FALSE;
  if (away->lost == NULL)
    away->lost = g_hash_table_new (NULL, NULL);

  n = GPOINTER_TO_UINT (g_hash_table_lookup (away->lost, GUINT_TO_POINTER (index))) + 1;
  g_hash_table_insert (away->lost, GUINT_TO_POINTER (index), GUINT_TO_POINTER (n));
  return n <= self->options.retries;
}
