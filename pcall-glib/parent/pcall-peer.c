/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-peer-parts-private.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One child under watch, of this process, or on another machine (pcall-peer-remote.c).
 *
 * It is over when it has exited and its channel is drained. Neither alone will do: a descendant
 * may hold the channel open long after the child is gone, and a child may close the channel and
 * stay. What a child sent before it exited lies in the socket by then, so what lies there at that
 * moment is read, and no more: a descendant that goes on writing cannot hold the end up.
 *
 * What is sent waits in a queue too, until the child takes it: no parent waits for a child. */

/* How much of what a child sends is read at once, before others have their turn. */
#define RECEIVE_BUDGET (256 * 1024)

void
pcall_peer_close_channel (PcallPeer *self)
{
  PcallParcel *parcel;

  pcall_engine_unwatch (self->engine, &self->channel_watch);
  if (self->remote != NULL)
    pcall_peer_remote_let_go (self);
  pcall_channel_clear (&self->channel);
  while ((parcel = g_queue_pop_head (&self->parcels)) != NULL)
    pcall_parcel_free (parcel);
}

/* The child says no more. Nothing would say that it has ended if its pidfd is gone, too. */
static void
expect_end (PcallPeer *self)
{
  if (self->remote == NULL && !self->exited && !pcall_process_is_held (&self->process))
    pcall_engine_go_blind (self->engine, "waitid", self->process.pidfd);
}

static void
lose_channel (PcallPeer *self)
{
  if (self->remote != NULL)
    {
      pcall_peer_remote_lose (self, NULL);
      return;
    }

  pcall_peer_close_channel (self);
  expect_end (self);
  if (self->funcs->closed != NULL)
    self->funcs->closed (self->data);
}

static void
receive (PcallPeer *self,
         gsize      budget)
{
  GError *error = NULL;

  switch (pcall_channel_receive (&self->channel, budget, &self->frames, &error))
    {
    case PCALL_CHANNEL_OPEN:
      break;
    case PCALL_CHANNEL_CLOSED:
      lose_channel (self);
      break;
    case PCALL_CHANNEL_BROKEN:
      if (self->remote != NULL)
        pcall_peer_remote_lose (self, error);
      else
        pcall_peer_reject (self, error);
      break;
    default:
      g_assert_not_reached ();
    }
}

/* What lies in the socket now, however much is attached to that, and no more. */
static void
receive_waiting (PcallPeer *self)
{
  guint64 end = self->channel.n_received + pcall_channel_get_n_waiting (&self->channel);
  guint64 before;

  do
    {
      before = self->channel.n_received;
      if (before < end && self->channel_watch.engine != NULL)
        receive (self, end - before);
    }
  while (self->channel.n_received > before);
}

static void
deliver (PcallPeer *self)
{
  PcallFrame *frame;

  while ((frame = pcall_frame_queue_pop (&self->frames)) != NULL)
    {
      if (self->remote == NULL || !pcall_peer_remote_take (self, frame))
        self->funcs->frame (frame, self->data);
      pcall_frame_free (frame);
    }
}

/* FALSE where there is more to send, which the socket does not take now. */
static gboolean
post (PcallPeer *self)
{
  PcallParcel *parcel;

  while ((parcel = g_queue_peek_head (&self->parcels)) != NULL)
    {
      PcallPostStatus status = pcall_channel_post (&self->channel, parcel);

      if (status == PCALL_POST_MORE)
        return FALSE;
      if (status == PCALL_POST_CLOSED && self->remote != NULL)
        pcall_peer_remote_note_unsent (self);
      /* Where the other side is gone, there is no use for what is left. */
      pcall_parcel_free (g_queue_pop_head (&self->parcels));
    }
  return TRUE;
}

static void
channel_ready (gpointer data,
               guint32  events)
{
  PcallPeer *self = data;

  if ((events & EPOLLOUT) && post (self))
    pcall_engine_rewatch (self->engine, &self->channel_watch, EPOLLIN);
  receive (self, RECEIVE_BUDGET);
  deliver (self);
  if (self->remote != NULL)
    pcall_peer_remote_settle (self);
}

static void
process_ready (gpointer data,
               guint32  events)
{
  PcallPeer *self = data;

  if (!pcall_process_reap (&self->process, &self->exit))
    return;

  self->exited = TRUE;
  pcall_engine_unset_timer (self->engine, &self->kill_timer);
  pcall_engine_unwatch (self->engine, &self->process_watch);
  pcall_process_clear (&self->process);

  receive_waiting (self);
  if (self->funcs->closed != NULL)
    pcall_channel_check_unread (&self->channel);
  pcall_peer_close_channel (self);
  deliver (self);
  self->funcs->ended (self->data);
}

static gboolean
watch_channel (PcallPeer *self,
               GError   **error)
{
  guint32 events = self->parcels.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;

  return pcall_engine_watch (self->engine, &self->channel_watch, self->channel.fd, events,
                             channel_ready, self, error);
}

static gboolean
watch (PcallPeer *self,
       GError   **error)
{
  if (self->remote != NULL)
    {
      if (!watch_channel (self, error))
        return FALSE;
      pcall_peer_remote_enter (self);
      return TRUE;
    }

  if (pcall_engine_watch (self->engine, &self->process_watch, self->process.pidfd, EPOLLIN,
                          process_ready, self, error) &&
      watch_channel (self, error))
    return TRUE;

  pcall_engine_unwatch (self->engine, &self->process_watch);
  return FALSE;
}

PcallPeer *
pcall_peer_new (PcallEngine          *engine,
                PcallStarted         *started,
                guint64               nonce,
                const PcallPeerFuncs *funcs,
                gpointer              data,
                GError              **error)
{
  PcallPeer *self = g_new (PcallPeer, 1);

  *self = (PcallPeer) {
    .engine = engine,
    .process = started->process,
    .pid = started->process.pid,
    .journal_fd = started->journal_fd,
    .funcs = funcs,
    .data = data,
  };
  pcall_channel_init (&self->channel, started->fd, nonce);

  if (watch (self, error))
    return self;

  pcall_process_destroy (&self->process);
  pcall_peer_free (self);
  return NULL;
}

void
pcall_peer_leave (PcallPeer *self)
{
  if (self->remote != NULL)
    pcall_peer_remote_leave (self);
  pcall_engine_unwatch (self->engine, &self->process_watch);
  pcall_engine_unwatch (self->engine, &self->channel_watch);
  self->engine = NULL;
}

void
pcall_peer_destroy (PcallPeer *self)
{
  pcall_process_destroy (&self->process);
  pcall_peer_free (self);
}

gboolean
pcall_peer_enter (PcallPeer            *self,
                  PcallEngine          *engine,
                  const PcallPeerFuncs *funcs,
                  gpointer              data,
                  GError              **error)
{
  self->engine = engine;
  self->funcs = funcs;
  self->data = data;
  return watch (self, error);
}

/* No watch is removed and no process signalled here: in a forked child both would be the
 * parent's. */
void
pcall_peer_free (PcallPeer *self)
{
  pcall_frame_queue_clear (&self->frames);
  g_queue_clear_full (&self->parcels, (GDestroyNotify) pcall_parcel_free);
  if (self->remote != NULL)
    pcall_peer_remote_let_go (self);
  pcall_channel_clear (&self->channel);
  pcall_process_clear (&self->process);
  if (self->journal_fd > 0)
    close (self->journal_fd);
  g_clear_error (&self->error);
  g_clear_pointer (&self->remote, pcall_peer_remote_free);
  g_free (self);
}

void
pcall_peer_drain (PcallPeer *self)
{
  receive_waiting (self);
  deliver (self);
  if (self->remote != NULL)
    pcall_peer_remote_settle_later (self);
}

void
pcall_peer_send (PcallPeer     *self,
                 PcallFrameType type,
                 guint32        call_index,
                 GVariant      *value)
{
  gboolean waiting = self->parcels.length > 0;
  PcallParcel *parcel = pcall_parcel_new (&self->channel, type, call_index, value);

  if (self->channel_watch.engine == NULL)
    {
      pcall_parcel_free (parcel);
      return;
    }

  g_queue_push_tail (&self->parcels, parcel);
  if (!waiting && !post (self))
    pcall_engine_rewatch (self->engine, &self->channel_watch, EPOLLIN | EPOLLOUT);
}

static void
kill_now (PcallPeer  *self,
          const char *reason)
{
  if (self->funcs->killed != NULL)
    self->funcs->killed (reason, self->data);
  if (self->remote != NULL)
    pcall_peer_remote_terminate (self, 0);
  else
    pcall_process_signal (&self->process, SIGKILL);
}

static void
grace_passed (gpointer data)
{
  kill_now (data, "it has not ended since SIGTERM");
}

gboolean
pcall_peer_terminate (PcallPeer *self,
                      gint64     grace)
{
  if (self->exited || (self->terminated && grace > 0))
    return FALSE;

  self->terminated = TRUE;
  if (grace <= 0)
    {
      kill_now (self, "it is to end, without a grace period");
      return TRUE;
    }
  if (self->remote != NULL)
    {
      pcall_peer_remote_terminate (self, grace);
      return TRUE;
    }

  /* A stopped process acts on SIGTERM only when it goes on. */
  pcall_process_signal (&self->process, SIGTERM);
  pcall_process_signal (&self->process, SIGCONT);
  pcall_engine_set_timer (self->engine, &self->kill_timer, g_get_monotonic_time () + grace,
                          grace_passed, self);
  return TRUE;
}

void
pcall_peer_reject (PcallPeer *self,
                   GError    *error)
{
  if (self->error == NULL)
    self->error = error;
  else
    g_error_free (error);

  /* An agent outlives a worker that lies. */
  if (self->remote == NULL)
    pcall_peer_close_channel (self);
  if (!self->exited)
    kill_now (self, self->error->message);
}

void
pcall_peer_stop_listening (PcallPeer *self)
{
  pcall_engine_unwatch (self->engine, &self->channel_watch);
  expect_end (self);
}

const PcallExit *
pcall_peer_get_exit (PcallPeer *self)
{
  return &self->exit;
}

void
pcall_peer_keep_memory (PcallPeer *self)
{
  self->channel.keeps_memory = TRUE;
}

const GError *
pcall_peer_get_error (PcallPeer *self)
{
  return self->error;
}

gboolean
pcall_peer_left_unread (PcallPeer *self)
{
  return self->channel.unread;
}

gboolean
pcall_peer_is_quiet (PcallPeer *self)
{
  return self->channel_watch.engine != NULL && !self->exited && !self->terminated &&
         self->error == NULL && self->parcels.length == 0 && self->frames.head == NULL &&
         self->channel.header_filled == 0 && self->channel.payload_filled == 0;
}

pid_t
pcall_peer_get_pid (PcallPeer *self)
{
  return self->pid;
}

int
pcall_peer_get_journal (PcallPeer *self)
{
  return self->journal_fd;
}
