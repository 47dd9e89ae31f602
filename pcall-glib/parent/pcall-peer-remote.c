/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-peer-parts-private.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "base/pcall-unshared-private.h"
#include "pcall-error.h"
#include "wire/pcall-remote-private.h"

/* A worker on another machine, by way of the agent that started it.
 *
 * The peer is the agent's connection, and has one worker after the other. Between two it is the
 * crew's, which has an engine of its own: so it leaves one engine and enters another.
 *
 * The worker is over when the agent says so; what it sent before has come before that. Where the
 * connection is lost, that is the end of the worker as well, and nobody knows how. So that this is
 * noticed where no word comes of it, as from a machine that lost its power, the agent is asked
 * whether it is there when nothing has come from it for a while, and nothing went out.
 *
 * An order to end the worker is the agent's to carry out. One that does not is given up some time
 * after it should have. */

#define OBEY_US (5 * G_USEC_PER_SEC)

static GVariant *
nothing (void)
{
  return g_variant_new_tuple (NULL, 0);
}

/* The end */

void
pcall_peer_remote_let_go (PcallPeer *self)
{
  if (self->remote->owner == getpid ())
    pcall_unshared_remove (self->channel.fd);
  else
    self->channel.fd = -1;
}

void
pcall_peer_remote_lose (PcallPeer *self,
                        GError    *error)
{
  PcallPeerRemote *remote = self->remote;

  if (remote->loss == NULL && !self->exited)
    {
      remote->loss = g_strdup (error != NULL ? error->message : "it was closed");
      remote->complete = error == NULL && ((remote->direct && self->channel.complete) ||
                                           self->channel.sealed);
    }
  g_clear_error (&error);
  pcall_peer_close_channel (self);
  pcall_engine_unset_timer (self->engine, &remote->beat);
}

static void
lose (PcallPeer  *self,
      const char *reason)
{
  pcall_peer_remote_lose (self, g_error_new_literal (PCALL_ERROR, PCALL_ERROR_LOST, reason));
}

static gboolean
is_over (PcallPeer *self)
{
  return self->exited || self->remote->loss != NULL;
}

void
pcall_peer_remote_settle (PcallPeer *self)
{
  PcallPeerRemote *remote = self->remote;

  if (!is_over (self) || remote->told)
    return;

  self->exited = remote->told = TRUE;
  pcall_engine_unset_timer (self->engine, &remote->settle);
  pcall_engine_unset_timer (self->engine, &self->kill_timer);
  self->funcs->ended (self->data);
}

static void
settle_now (gpointer data)
{
  pcall_peer_remote_settle (data);
}

void
pcall_peer_remote_settle_later (PcallPeer *self)
{
  if (is_over (self) && !self->remote->told)
    pcall_engine_set_timer (self->engine, &self->remote->settle, 0, settle_now, self);
}

static void
may_not_send (gpointer data)
{
  PcallPeer *self = data;

  lose (self, "sendmsg is refused, as by a filter of system calls");
  pcall_peer_remote_settle (self);
}

/* That the other side is gone is heard by receiving. */
void
pcall_peer_remote_note_unsent (PcallPeer *self)
{
  if (pcall_fd_is_refusal (errno) && !is_over (self))
    pcall_engine_set_timer (self->engine, &self->remote->settle, 0, may_not_send, self);
}

static void
disobeyed (gpointer data)
{
  PcallPeer *self = data;

  lose (self, "it did not carry out the order to end its worker");
  pcall_peer_remote_settle (self);
}

static void
expect_end (PcallPeer *self,
            gint64     grace)
{
  if (!self->exited)
    pcall_engine_set_timer (self->engine, &self->kill_timer,
                            g_get_monotonic_time () + grace + OBEY_US, disobeyed, self);
}

void
pcall_peer_remote_terminate (PcallPeer *self,
                             gint64     grace)
{
  pcall_peer_send (self, PCALL_FRAME_TERMINATE, 0, g_variant_new_int64 (MAX (grace, 0)));
  expect_end (self, MAX (grace, 0));
}

void
pcall_peer_withdraw (PcallPeer *self,
                     guint      call_index,
                     gint64     grace)
{
  pcall_peer_send (self, PCALL_FRAME_WITHDRAW, call_index, g_variant_new_int64 (grace));
  if (grace >= 0)
    expect_end (self, grace);
}

void
pcall_peer_go_on (PcallPeer *self)
{
  if (!self->terminated)
    pcall_engine_unset_timer (self->engine, &self->kill_timer);
}

/* Frames */

static GVariant *
get_value (const PcallFrame *frame)
{
  return pcall_payload_get_value (frame->payload, pcall_frame_payload_type (frame->type));
}

/* Who ends an agent, as for a time limit, may end its worker as well. */
static gboolean
was_ended_with_agent (PcallPeer *self)
{
  const PcallExit *exit = &self->exit;

  return self->remote->leaving && self->remote->begun >= 0 && exit->known &&
         WIFSIGNALED (exit->status) &&
         (WTERMSIG (exit->status) == SIGTERM || WTERMSIG (exit->status) == SIGKILL);
}

/* Where the agent has told how its worker ended, it does not matter that it has gone since. What it
 * did not say of that has not been. */
static void
know_end (PcallPeer *self)
{
  self->exited = self->remote->complete = TRUE;
  g_clear_pointer (&self->remote->loss, g_free);
}

static void
take_exit (PcallPeer        *self,
           const PcallFrame *frame)
{
  g_autoptr (GVariant) value = get_value (frame);
  PcallRemoteExit told;

  pcall_remote_exit_from_variant (&told, value);
  self->exit = told.exit;
  self->remote->begun = told.begun;
  if (told.complaint != NULL && self->error == NULL)
    self->error = g_error_new_literal (PCALL_ERROR, PCALL_ERROR_PROTOCOL, told.complaint);
  know_end (self);
  if (!self->terminated && was_ended_with_agent (self))
    self->remote->loss = g_strdup ("the agent there was told to end, and its worker with it, as "
                                   "when the time is up or the machine is needed");
  pcall_remote_exit_clear (&told);
}

static void
take_unable (PcallPeer        *self,
             const PcallFrame *frame)
{
  g_autoptr (GVariant) value = get_value (frame);

  if (self->error == NULL)
    self->error = g_error_new_literal (PCALL_ERROR, PCALL_ERROR_START,
                                       g_variant_get_string (value, NULL));
  know_end (self);
}

/* What was refused is not listened to any more, but for its end. */
static gboolean
take_other (PcallPeer        *self,
            const PcallFrame *frame)
{
  if (self->exited)
    lose (self, "it sent something when its worker had ended");
  return self->exited || self->error != NULL;
}

/* What an agent sends about itself, at any time, and about the end of its worker; all else is from
 * that. */
#define ABOUT_AGENT                                                                                \
  (1u << PCALL_FRAME_PING | 1u << PCALL_FRAME_PONG | 1u << PCALL_FRAME_LEAVING)
#define ABOUT_END                                                                                  \
  (1u << PCALL_FRAME_EXIT | 1u << PCALL_FRAME_UNABLE | 1u << PCALL_FRAME_CLOSED)

gboolean
pcall_peer_remote_take (PcallPeer        *self,
                        const PcallFrame *frame)
{
  if ((ABOUT_AGENT & 1u << frame->type) == 0 &&
      ((ABOUT_END & 1u << frame->type) == 0 || self->exited))
    return take_other (self, frame);

  if (frame->type == PCALL_FRAME_EXIT)
    take_exit (self, frame);
  else if (frame->type == PCALL_FRAME_UNABLE)
    take_unable (self, frame);
  else if (frame->type == PCALL_FRAME_CLOSED && self->funcs->closed != NULL)
    self->funcs->closed (self->data);
  else if (frame->type == PCALL_FRAME_PING)
    pcall_peer_send (self, PCALL_FRAME_PONG, 0, nothing ());
  else if (frame->type == PCALL_FRAME_LEAVING)
    self->remote->leaving = TRUE;
  return TRUE;
}

/* Whether it is there */

static void set_beat (PcallPeer *self);

static gboolean
was_heard (PcallPeer *self)
{
  guint64 heard = self->channel.n_received + self->channel.n_posted;

  if (heard == self->remote->heard && pcall_channel_get_n_waiting (&self->channel) == 0)
    return FALSE;
  self->remote->heard = heard;
  return TRUE;
}

/* The question is something that was sent; it is not to count as a sign of life. */
static void
ask (PcallPeer *self)
{
  pcall_peer_send (self, PCALL_FRAME_PING, 0, nothing ());
  was_heard (self);
  self->remote->pinged = TRUE;
}

static void
beat (gpointer data)
{
  PcallPeer *self = data;
  PcallPeerRemote *remote = self->remote;

  if (was_heard (self))
    remote->pinged = FALSE;
  else if (!remote->pinged)
    ask (self);
  else
    {
      g_autofree char *reason = g_strdup_printf (
          "it did not answer for %g s", remote->heartbeat / (gdouble) G_USEC_PER_SEC);

      lose (self, reason);
      pcall_peer_remote_settle (self);
      return;
    }
  set_beat (self);
}

static void
set_beat (PcallPeer *self)
{
  if (self->remote->heartbeat > 0)
    pcall_engine_set_timer (self->engine, &self->remote->beat,
                            g_get_monotonic_time () + self->remote->heartbeat, beat, self);
}

/* Engines */

PcallPeer *
pcall_peer_new_remote (PcallChannel *channel,
                       gint64        heartbeat)
{
  PcallPeer *self = g_new (PcallPeer, 1);

  *self = (PcallPeer) { .channel = *channel, .process = PCALL_PROCESS_NONE };
  self->remote = g_new0 (PcallPeerRemote, 1);
  self->remote->heartbeat = heartbeat;
  self->remote->begun = -1;
  self->remote->owner = getpid ();
  return self;
}

void
pcall_peer_remote_free (PcallPeerRemote *remote)
{
  g_free (remote->loss);
  g_free (remote);
}

void
pcall_peer_remote_enter (PcallPeer *self)
{
  self->remote->pinged = FALSE;
  was_heard (self);
  set_beat (self);
}

void
pcall_peer_remote_leave (PcallPeer *self)
{
  pcall_engine_unset_timer (self->engine, &self->kill_timer);
  pcall_engine_unset_timer (self->engine, &self->remote->beat);
  pcall_engine_unset_timer (self->engine, &self->remote->settle);
}

gboolean
pcall_peer_renew (PcallPeer *self)
{
  PcallPeerRemote *remote = self->remote;

  if (self->channel.fd < 0 || remote->loss != NULL || remote->leaving)
    return FALSE;

  g_clear_error (&self->error);
  self->exit = (PcallExit) { .known = FALSE };
  self->exited = self->terminated = remote->told = remote->complete = FALSE;
  remote->begun = -1;
  return TRUE;
}

void
pcall_peer_set_host (PcallPeer  *self,
                     const char *host)
{
  self->remote->host = g_intern_string (host);
}

const char *
pcall_peer_get_host (PcallPeer *self)
{
  return self->remote != NULL ? self->remote->host : NULL;
}

const char *
pcall_peer_get_loss (PcallPeer *self)
{
  return self->remote != NULL ? self->remote->loss : NULL;
}

gboolean
pcall_peer_has_all (PcallPeer *self)
{
  return self->remote != NULL && self->remote->complete;
}

void
pcall_peer_set_direct (PcallPeer *self)
{
  self->remote->direct = TRUE;
}

guint64
pcall_peer_get_n_received (PcallPeer *self)
{
  return self->channel.n_received;
}

gint64
pcall_peer_get_begun (PcallPeer *self)
{
  return self->remote != NULL ? self->remote->begun : -1;
}

gboolean
pcall_peer_is_leaving (PcallPeer *self)
{
  return self->remote != NULL && self->remote->leaving;
}
