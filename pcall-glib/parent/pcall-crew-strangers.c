/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-random-private.h"
#include "base/pcall-unshared-private.h"
#include "pcall-error.h"

/* Who says to be an agent, and has not proved it yet.
 *
 * One that connects has half a minute. One at the end of a command's streams is there before the
 * agent is, as long as a queue may last: it is told the secret first, by a way that the command
 * keeps to itself. */

#define PROOF_US (30 * G_USEC_PER_SEC)
#define READ_SIZE 4096

static void
stranger_free (PcallStranger *stranger)
{
  PcallCrew *self = stranger->crew;

  pcall_engine_unset_timer (self->engine, &stranger->timer);
  pcall_engine_unwatch (self->engine, &stranger->watch);
  g_queue_unlink (&self->strangers, &stranger->link);
  pcall_handshake_clear (&stranger->shake);
  if (stranger->fd >= 0)
    {
      pcall_unshared_remove (stranger->fd);
      close (stranger->fd);
    }
  g_free (stranger);
}

void
pcall_stranger_leave (PcallStranger *stranger)
{
  stranger_free (stranger);
}

/* Takes @error. */
static void
refuse (PcallStranger *stranger,
        GError        *error)
{
  pcall_crew_say (stranger->crew, g_strdup_printf ("an agent was refused: %s", error->message));
  if (stranger->launch != NULL)
    pcall_launch_complain (stranger->launch, error);
  else
    g_error_free (error);
  stranger_free (stranger);
}

static void
took_too_long (gpointer data)
{
  refuse (data, g_error_new_literal (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                     "it did not prove itself in time"));
}

/* What is sent is short, and the connection new: it fits. */
static gboolean
send_bytes (PcallStranger *stranger,
            gconstpointer  bytes,
            gsize          size)
{
  return send (stranger->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (gssize) size;
}

static gboolean
send_outgoing (PcallStranger *stranger)
{
  GByteArray *outgoing = stranger->shake.outgoing;
  gboolean sent = outgoing->len == 0 || send_bytes (stranger, outgoing->data, outgoing->len);

  g_byte_array_set_size (outgoing, 0);
  return sent;
}

/* What a shell over there said before the agent did. */
static void
show_noise (PcallStranger *stranger)
{
  GString *noise = stranger->shake.noise;
  g_autofree char *text = NULL;

  if (noise == NULL || noise->len == 0)
    return;
  text = g_utf8_make_valid (noise->str, noise->len);
  pcall_crew_say (stranger->crew, g_strdup_printf ("before the agent: %s", g_strchomp (text)));
}

static void
welcome (PcallStranger *stranger)
{
  PcallCrew *self = stranger->crew;
  PcallLaunch *launch = stranger->launch;
  PcallChannel channel;

  show_noise (stranger);
  pcall_engine_unwatch (self->engine, &stranger->watch);
  pcall_channel_init (&channel, g_steal_fd (&stranger->fd), stranger->shake.nonce);
  stranger_free (stranger);
  pcall_crew_add_member (self, &channel, launch);
}

static GError *
describe_closed (gssize n)
{
  return n == 0 ? g_error_new_literal (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                       "it closed the connection before it proved itself")
                : g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL, "its connection: %s",
                               g_strerror (errno));
}

/* A command that ends tells itself what there is to tell. */
static void
take_end (PcallStranger *stranger,
          gssize         n)
{
  PcallLaunch *launch = stranger->launch;

  if (launch == NULL)
    {
      refuse (stranger, describe_closed (n));
      return;
    }

  stranger_free (stranger);
  pcall_launch_complain (launch, NULL);
}

static void
ready (gpointer data,
       guint32  events)
{
  PcallStranger *stranger = data;
  guint8 bytes[READ_SIZE];
  GError *error = NULL;
  gssize n = recv (stranger->fd, bytes, sizeof bytes, MSG_DONTWAIT);

  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      take_end (stranger, n);
      return;
    }

  switch (pcall_handshake_take (&stranger->shake, bytes, n, &error))
    {
    case PCALL_HANDSHAKE_REFUSED:
      refuse (stranger, error);
      break;
    case PCALL_HANDSHAKE_DONE:
      if (send_outgoing (stranger))
        welcome (stranger);
      else
        take_end (stranger, -1);
      break;
    case PCALL_HANDSHAKE_MORE:
    default:
      break;
    }
}

static gboolean
tell_secret (PcallStranger *stranger)
{
  char text[PCALL_SECRET_TEXT_SIZE];

  pcall_secret_to_text (&stranger->crew->secret, text);
  text[PCALL_SECRET_TEXT_SIZE - 1] = '\n';
  return send_bytes (stranger, text, sizeof text);
}

static gboolean
begin (PcallStranger *stranger)
{
  PcallCrew *self = stranger->crew;

  if ((stranger->launch != NULL && !tell_secret (stranger)) || !send_outgoing (stranger))
    return FALSE;
  if (stranger->launch == NULL)
    pcall_engine_set_timer (self->engine, &stranger->timer, g_get_monotonic_time () + PROOF_US,
                            took_too_long, stranger);
  return pcall_engine_watch (self->engine, &stranger->watch, stranger->fd, EPOLLIN, ready, stranger,
                             NULL);
}

void
pcall_crew_meet (PcallCrew   *self,
                 int          fd,
                 PcallLaunch *launch)
{
  PcallStranger *stranger = g_new0 (PcallStranger, 1);
  guint8 random[PCALL_RANDOM_SIZE] = { 0 };
  gboolean has_random = pcall_random_fill (random, sizeof random);

  stranger->crew = self;
  stranger->link.data = stranger;
  stranger->fd = fd;
  stranger->launch = launch;
  pcall_handshake_init (&stranger->shake, PCALL_ROLE_PARENT, &self->secret, random, launch != NULL);
  g_queue_push_tail_link (&self->strangers, &stranger->link);
  if (!has_random || !begin (stranger))
    stranger_free (stranger);
}
