/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "base/pcall-random-private.h"
#include "pcall-error.h"

/* The tasks that a crew works for: each asks for agents that wait, and gives them back. It is woken
 * when there is something to ask for; who of several gets an agent is who asks first. */

static gboolean
make_secret (PcallCrew *self,
             GError   **error)
{
  static const PcallSecret none;

  if (memcmp (&self->secret, &none, sizeof none) != 0 ||
      pcall_random_fill (&self->secret, sizeof self->secret))
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "getrandom: %s", g_strerror (errno));
  return FALSE;
}

/* Starts what is missing. */
static gboolean
fill (PcallCrew *self,
      GError   **error)
{
  return pcall_crew_begin_watching (self, error) &&
         (pcall_crew_fill (self, error) || pcall_crew_has_hope (self));
}

static gboolean
join (PcallCrew       *self,
      PcallCrewClient *client,
      GError         **error)
{
  if (self->closed)
    {
      g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_START, "the launcher was closed");
      return FALSE;
    }
  return make_secret (self, error) && fill (self, error);
}

static gboolean
open_client (PcallCrewClient *client,
             GError         **error)
{
  client->link.data = client;
  client->wake_fd = pcall_fd_lift (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (client->wake_fd < 0)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "eventfd: %s", g_strerror (errno));
  return client->wake_fd >= 0;
}

gboolean
pcall_crew_join (PcallCrew       *self,
                 PcallCrewClient *client,
                 PcallMonitor    *monitor,
                 PcallEngine     *engine,
                 guint            n_wanted,
                 GError         **error)
{
  g_autoptr (GError) failure = NULL;
  gboolean joined;

  if (!pcall_crew_is_ours (self))
    {
      g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_START,
                           "the launcher is that of the process that this one was forked from");
      return FALSE;
    }
  if (!open_client (client, error))
    return FALSE;

  client->crew = pcall_crew_ref (self);
  client->monitor = monitor;
  client->engine = engine;
  client->n_wanted = n_wanted;
  g_mutex_lock (&self->lock);
  g_queue_push_tail_link (&self->clients, &client->link);
  joined = join (self, client, &failure);
  pcall_crew_plan_looks (self);
  pcall_crew_wake_thread (self);
  g_mutex_unlock (&self->lock);
  if (!joined)
    {
      pcall_crew_leave (client);
      g_propagate_error (error, g_steal_pointer (&failure));
    }
  return joined;
}

void
pcall_crew_leave (PcallCrewClient *client)
{
  PcallCrew *self = client->crew;

  if (self == NULL)
    return;

  if (pcall_crew_is_ours (self))
    {
      g_mutex_lock (&self->lock);
      g_queue_unlink (&self->clients, &client->link);
      g_mutex_unlock (&self->lock);
    }
  pcall_fd_clear (&client->wake_fd);
  g_clear_pointer (&client->failure, g_free);
  client->crew = NULL;
  pcall_crew_unref (self);
}

/* A task to which calls are added may have wanted none for long, and none be there any more. */
static void
fill_for (PcallCrew       *self,
          PcallCrewClient *client)
{
  g_autoptr (GError) error = NULL;

  if (self->luck.again.position != NULL ||
      (self->closed ? pcall_crew_has_hope (self) : fill (self, &error)))
    return;

  g_free (client->failure);
  client->failure = g_strdup (error != NULL ? error->message : "the launcher was closed");
  pcall_crew_wake_client (client);
}

void
pcall_crew_want (PcallCrewClient *client,
                 guint            n_wanted)
{
  PcallCrew *self = client->crew;
  gboolean more = n_wanted > client->n_wanted;

  if (client->n_wanted == n_wanted)
    return;

  g_mutex_lock (&self->lock);
  client->n_wanted = n_wanted;
  if (more)
    {
      fill_for (self, client);
      pcall_crew_wake_thread (self);
    }
  g_mutex_unlock (&self->lock);
}

void
pcall_crew_hear (PcallCrewClient *client)
{
  guint64 count;

  if (read (client->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
    pcall_engine_go_blind (client->engine, "eventfd", client->wake_fd);
}

gboolean
pcall_crew_has_arrival (PcallCrewClient *client)
{
  PcallCrew *self = client->crew;
  gboolean has;

  g_mutex_lock (&self->lock);
  has = pcall_crew_find_idle (self) != NULL;
  g_mutex_unlock (&self->lock);
  return has;
}

PcallPeer *
pcall_crew_take (PcallCrewClient *client)
{
  PcallCrew *self = client->crew;
  PcallMember *member;

  g_mutex_lock (&self->lock);
  member = pcall_crew_find_idle (self);
  if (member != NULL)
    {
      pcall_engine_unset_timer (self->engine, &member->timer);
      g_queue_unlink (&self->idle, &member->link);
      pcall_peer_leave (member->peer);
      member->n_received = pcall_peer_get_n_received (member->peer);
      g_hash_table_insert (self->busy, member->peer, member);
      pcall_crew_plan_looks (self);
    }
  pcall_crew_wake_thread (self);
  g_mutex_unlock (&self->lock);
  return member != NULL ? member->peer : NULL;
}

static void
give_back (PcallCrew *self,
           PcallPeer *peer)
{
  PcallMember *member = g_hash_table_lookup (self->busy, peer);
  const char *loss = pcall_peer_get_loss (peer);

  g_hash_table_remove (self->busy, peer);
  pcall_peer_leave (peer);
  if (pcall_peer_get_n_received (peer) > member->n_received)
    {
      member->was_of_use = TRUE;
      pcall_crew_note_use (self);
    }
  if (loss != NULL)
    {
      pcall_member_lose (member, loss);
      return;
    }
  if (self->closed || !pcall_peer_renew (peer) || !pcall_crew_begin_watching (self, NULL) ||
      !pcall_member_enter_idle (member))
    {
      pcall_member_free (member);
      return;
    }

  pcall_member_set_idle (member);
  pcall_crew_wake_all (self);
}

void
pcall_crew_give_back (PcallCrew *self,
                      PcallPeer *peer)
{
  if (!pcall_crew_is_ours (self))
    {
      pcall_peer_free (peer);
      return;
    }

  g_mutex_lock (&self->lock);
  give_back (self, peer);
  pcall_crew_wake_thread (self);
  g_mutex_unlock (&self->lock);
}

char *
pcall_crew_take_failure (PcallCrewClient *client)
{
  PcallCrew *self = client->crew;
  char *failure;

  g_mutex_lock (&self->lock);
  failure = g_steal_pointer (&client->failure);
  g_mutex_unlock (&self->lock);
  return failure;
}
