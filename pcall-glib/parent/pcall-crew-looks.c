/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <poll.h>

/* Tasks that nobody drives.
 *
 * A program may join one task while another, that has been given all agents, is left alone: it is
 * to be joined next, or its loop does not go round as a callback waits. Its agents would never be
 * free. So while no agent is idle, and there is more than one task, the thread looks at each of
 * them that has something to take in. To look is to take in, and tells nobody.
 *
 * A task that is driven takes in what there is in less time than passes between two looks. */

#define FIRST_PAUSE_US 10000
#define MAX_PAUSE_US 100000

static gboolean
are_needed (PcallCrew *self)
{
  return self->clients.length > 1 && g_hash_table_size (self->busy) > 0 &&
         pcall_crew_find_idle (self) == NULL;
}

static void
look_due (gpointer data)
{
  PcallCrew *self = data;

  self->looks.due = TRUE;
}

static void
set_timer (PcallCrew *self)
{
  pcall_engine_set_timer (self->engine, &self->looks.timer,
                          g_get_monotonic_time () + self->looks.pause, look_due, self);
}

void
pcall_crew_plan_looks (PcallCrew *self)
{
  if (self->engine == NULL || self->looks.due || self->looks.timer.position != NULL ||
      !are_needed (self))
    return;

  self->looks.pause = FIRST_PAUSE_US;
  set_timer (self);
}

static gboolean
has_something (const PcallCrewClient *client)
{
  struct pollfd fd = { .fd = pcall_engine_get_fd (client->engine), .events = POLLIN };

  return poll (&fd, 1, 0) > 0;
}

static GPtrArray *
find_left_alone (PcallCrew *self)
{
  GPtrArray *monitors = g_ptr_array_new_with_free_func ((GDestroyNotify) pcall_monitor_unref);

  for (GList *l = self->clients.head; l != NULL; l = l->next)
    if (has_something (l->data))
      g_ptr_array_add (monitors, pcall_monitor_ref (((PcallCrewClient *) l->data)->monitor));
  return monitors;
}

void
pcall_crew_look (PcallCrew *self)
{
  g_autoptr (GPtrArray) monitors = NULL;

  if (!self->looks.due)
    return;

  self->looks.due = FALSE;
  if (!are_needed (self))
    return;

  monitors = find_left_alone (self);
  g_mutex_unlock (&self->lock);
  for (guint i = 0; i < monitors->len; i++)
    pcall_monitor_update (g_ptr_array_index (monitors, i));
  g_mutex_lock (&self->lock);

  if (!are_needed (self))
    return;
  self->looks.pause =
      monitors->len > 0 ? FIRST_PAUSE_US : MIN (2 * self->looks.pause, MAX_PAUSE_US);
  set_timer (self);
}
