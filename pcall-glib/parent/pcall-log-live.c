/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-log-live-private.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-fd-private.h"
#include "parent/pcall-log-sections-private.h"
#include "parent/pcall-log-stream-private.h"

/* Logs as they come.
 *
 * The kernel tells which files grow, by one inotify descriptor in the engine. Streams that have
 * something to pass on take turns, a whole line or record at the least, for a few milliseconds
 * in all; then the loop gets to what else there is, and a timer brings us back.
 *
 * Where a file cannot be watched, for want of room in the kernel, it is read when its call has
 * ended. */

#define TURN_US 1000
#define STEP_US 4000

/* How long the loop has for what else there is, when that was not enough. */
#define PAUSE_US 4000

/* The kernel packs as many events into this as there is room for. */
#define EVENTS_SIZE 4096

typedef struct
{
  guint           index;
  int             watch; /* -1: none */
  PcallLogStream *stream;
  gboolean        ended;
  gboolean        waits; /* for its turn */
} Follower;

struct _PcallLogLive
{
  PcallEngine     *engine;
  PcallLogFiles *log;
  PcallCallList   *calls;
  PcallChildList  *children;
  gboolean         keep;
  int              fd;
  PcallWatch       fd_watch;
  PcallTimer       timer;
  GHashTable      *by_index; /* → Follower, owned */
  GHashTable      *by_watch; /* → Follower */
  GQueue           queue;    /* Follower */
  gint64           pause_until;
  gboolean         writing;
};

static void
follower_free (Follower *follower)
{
  pcall_log_stream_free (follower->stream);
  g_free (follower);
}

static void
unwatch (PcallLogLive *self,
         Follower     *follower)
{
  if (follower->watch < 0)
    return;

  inotify_rm_watch (self->fd, follower->watch);
  g_hash_table_remove (self->by_watch, GINT_TO_POINTER (follower->watch));
  follower->watch = -1;
}

static void
dispose_of (PcallLogLive *self,
            Follower     *follower)
{
  guint index = follower->index;

  g_hash_table_remove (self->by_index, GUINT_TO_POINTER (index));
  pcall_log_sections_dispose_of (self->log, self->calls, self->children, index, self->keep);
}

static void
take_turn (PcallLogLive *self,
           Follower     *follower)
{
  if (follower->waits)
    return;

  follower->waits = TRUE;
  g_queue_push_tail (&self->queue, follower);
}

static void step (gpointer data);

/* Not at a time that has passed: the engine would come here before it gets to anything else. */
static void
come_back (PcallLogLive *self)
{
  pcall_engine_set_timer (self->engine, &self->timer, g_get_monotonic_time (), step, self);
}

/* FALSE if there is more to do when @until has come. */
static gboolean
take_step (PcallLogLive *self,
           Follower     *follower,
           gint64        until)
{
  return pcall_log_stream_step (follower->stream, until) &&
         (!follower->ended || pcall_log_sections_shrink (self->log, self->calls, follower->index,
                                                      self->keep, until));
}

/* What is told anew while a stream is at it is seen to afterwards. */
static void
step_until (PcallLogLive *self,
            gint64        until)
{
  Follower *follower;
  gint64 now;

  if (self->writing)
    return;

  self->writing = TRUE;
  while ((now = g_get_monotonic_time ()) < until &&
         (follower = g_queue_pop_head (&self->queue)) != NULL)
    {
      follower->waits = FALSE;
      if (!take_step (self, follower, MIN (until, now + TURN_US)))
        take_turn (self, follower);
      else if (follower->ended && !follower->waits)
        dispose_of (self, follower);
    }
  self->writing = FALSE;

  if (self->queue.length > 0)
    {
      self->pause_until = g_get_monotonic_time () + PAUSE_US;
      come_back (self);
    }
}

static void
step (gpointer data)
{
  step_until (data, g_get_monotonic_time () + STEP_US);
}

/* Many calls may end in one dispatch, and each brings us here. */
static void
step_or_come_back (PcallLogLive *self)
{
  if (g_get_monotonic_time () >= self->pause_until)
    step (self);
  else
    come_back (self);
}

static void
take_all_turns (PcallLogLive *self)
{
  GHashTableIter iter;
  gpointer follower;

  g_hash_table_iter_init (&iter, self->by_watch);
  while (g_hash_table_iter_next (&iter, NULL, &follower))
    take_turn (self, follower);
}

static void
take_event (PcallLogLive               *self,
            const struct inotify_event *event)
{
  Follower *follower = g_hash_table_lookup (self->by_watch, GINT_TO_POINTER (event->wd));

  if (event->mask & IN_Q_OVERFLOW)
    take_all_turns (self);
  else if (follower != NULL)
    take_turn (self, follower);
}

static void
files_changed (gpointer data,
               guint32  events)
{
  PcallLogLive *self = data;
  char buffer[EVENTS_SIZE] __attribute__ ((aligned (__alignof__ (struct inotify_event))));
  ssize_t n = read (self->fd, buffer, sizeof buffer);

  for (ssize_t at = 0; at < n;)
    {
      const struct inotify_event *event = (const struct inotify_event *) (buffer + at);

      take_event (self, event);
      at += sizeof *event + event->len;
    }

  step_or_come_back (self);
}

PcallLogLive *
pcall_log_live_new (PcallEngine     *engine,
                    PcallLogFiles *log,
                    PcallCallList   *calls,
                    PcallChildList  *children,
                    gboolean         keep,
                    GError         **error)
{
  int fd = pcall_fd_lift (inotify_init1 (IN_CLOEXEC | IN_NONBLOCK));
  PcallLogLive *self;

  if (fd < 0)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "inotify_init1, for log-mode 'live': %s",
                   g_strerror (errno));
      return NULL;
    }

  self = g_new0 (PcallLogLive, 1);
  self->fd = fd;
  if (!pcall_engine_watch (engine, &self->fd_watch, fd, EPOLLIN, files_changed, self, error))
    {
      close (fd);
      g_free (self);
      return NULL;
    }

  self->engine = pcall_engine_ref (engine);
  self->log = pcall_log_files_ref (log);
  self->calls = pcall_call_list_ref (calls);
  self->children = pcall_child_list_ref (children);
  self->keep = keep;
  self->by_index = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) follower_free);
  self->by_watch = g_hash_table_new (NULL, NULL);
  return self;
}

void
pcall_log_live_free (PcallLogLive *self)
{
  g_assert (!self->writing);

  pcall_engine_unset_timer (self->engine, &self->timer);
  pcall_engine_unwatch (self->engine, &self->fd_watch);
  pcall_fd_clear (&self->fd);
  g_queue_clear (&self->queue);
  g_hash_table_unref (self->by_watch);
  g_hash_table_unref (self->by_index);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  pcall_log_files_unref (self->log);
  pcall_call_list_unref (self->calls);
  pcall_child_list_unref (self->children);
  g_free (self);
}

/* A call that begins again had written nothing, so nobody is at its stream. */
static void
forget (PcallLogLive *self,
        guint         index)
{
  Follower *follower = g_hash_table_lookup (self->by_index, GUINT_TO_POINTER (index));

  if (follower == NULL)
    return;

  unwatch (self, follower);
  g_queue_remove (&self->queue, follower);
  g_hash_table_remove (self->by_index, GUINT_TO_POINTER (index));
}

void
pcall_log_live_begin (PcallLogLive *self,
                      guint         index)
{
  Follower *follower = g_new0 (Follower, 1);
  g_autofree char *path = pcall_log_files_get_own_path (self->log, index,
                                                          pcall_call_list_get_pid (self->calls, index));

  forget (self, index);
  follower->index = index;
  follower->stream = pcall_log_stream_new (self->log, self->calls, index, FALSE);
  follower->watch = inotify_add_watch (self->fd, path, IN_MODIFY | IN_DONT_FOLLOW);
  g_hash_table_insert (self->by_index, GUINT_TO_POINTER (index), follower);
  if (follower->watch < 0)
    return;

  g_hash_table_insert (self->by_watch, GINT_TO_POINTER (follower->watch), follower);
  /* What it wrote before it was watched */
  take_turn (self, follower);
  come_back (self);
}

void
pcall_log_live_end (PcallLogLive *self,
                    guint         index)
{
  Follower *follower = g_hash_table_lookup (self->by_index, GUINT_TO_POINTER (index));

  if (follower == NULL)
    return;

  unwatch (self, follower);
  pcall_log_stream_finish (follower->stream);
  follower->ended = TRUE;
  take_turn (self, follower);
  step_or_come_back (self);
}

gboolean
pcall_log_live_is_idle (PcallLogLive *self)
{
  return g_hash_table_size (self->by_index) == 0;
}

gboolean
pcall_log_live_is_writing (PcallLogLive *self)
{
  return self->writing;
}
