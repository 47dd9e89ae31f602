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

/* Logs as they come.
 *
 * The kernel tells which files grow, by one inotify descriptor in the engine. Those that have
 * something to pass on wait for their turn; who drives the task gives each its turn, a whole line
 * or record at the least, for a few milliseconds in all.
 *
 * Where a file cannot be watched, for want of room in the kernel, it is read when its call has
 * ended. */

#define TURN_US 1000
#define STEP_US 4000

/* How long one looks at nothing else. Who reads what this process prints may have stopped. */
#define LONGEST_US 100000

/* How long the end of a call passes nothing on by itself, when it was not enough the last time. */
#define PAUSE_US 4000

/* The kernel packs as many events into this as there is room for. */
#define EVENTS_SIZE 4096

typedef struct
{
  guint           index;
  int             watches[2]; /* of its log file, and of standard output's; -1: none */
  PcallLogStream *stream;
  gboolean        ended;
  gboolean        waits; /* for its turn */
} Follower;

struct _PcallLogLive
{
  PcallEngine *engine;
  PcallLogs   *logs;
  int          fd;
  PcallWatch   fd_watch;
  GHashTable  *by_index; /* → Follower, owned */
  GHashTable  *by_watch; /* → Follower */
  GQueue       turns;    /* Follower */
  gint64       pause_until;
  gboolean     writing;
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
  for (gsize i = 0; i < G_N_ELEMENTS (follower->watches); i++)
    {
      if (follower->watches[i] < 0)
        continue;

      inotify_rm_watch (self->fd, follower->watches[i]);
      g_hash_table_remove (self->by_watch, GINT_TO_POINTER (follower->watches[i]));
      follower->watches[i] = -1;
    }
}

static int
watch (PcallLogLive *self,
       Follower     *follower,
       const char   *path)
{
  int wd = path != NULL ? inotify_add_watch (self->fd, path, IN_MODIFY | IN_DONT_FOLLOW) : -1;

  if (wd >= 0)
    g_hash_table_insert (self->by_watch, GINT_TO_POINTER (wd), follower);
  return wd;
}

static void
dispose_of (PcallLogLive *self,
            Follower     *follower)
{
  guint index = follower->index;

  g_hash_table_remove (self->by_index, GUINT_TO_POINTER (index));
  pcall_logs_remove (self->logs, index);
}

/* Who is in the middle of something goes on with it. */
static void
take_turn (PcallLogLive *self,
           Follower     *follower)
{
  if (follower->waits)
    return;

  follower->waits = TRUE;
  if (pcall_log_stream_is_within (follower->stream))
    g_queue_push_head (&self->turns, follower);
  else
    g_queue_push_tail (&self->turns, follower);
}

/* FALSE if there is more to do when @until has come. */
static gboolean
take_step (PcallLogLive *self,
           Follower     *follower,
           gint64        until)
{
  return pcall_log_stream_step (follower->stream, until) &&
         (!follower->ended || pcall_logs_shrink (self->logs, follower->index, until));
}

/* What is told anew while a stream is at it is seen to afterwards, and so is what user code that
 * is called from here asks for. */
void
pcall_log_live_step (PcallLogLive *self,
                     gint64        until)
{
  Follower *follower;
  gint64 now;

  if (self->writing)
    return;

  self->writing = TRUE;
  until = MIN (until, g_get_monotonic_time () + LONGEST_US);
  while ((now = g_get_monotonic_time ()) < until &&
         (follower = g_queue_pop_head (&self->turns)) != NULL)
    {
      follower->waits = FALSE;
      if (!take_step (self, follower, MIN (until, now + TURN_US)))
        take_turn (self, follower);
      else if (follower->ended && !follower->waits)
        dispose_of (self, follower);
    }
  self->writing = FALSE;
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
}

PcallLogLive *
pcall_log_live_new (PcallEngine  *engine,
                    PcallLogs    *logs,
                    GError      **error)
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
  self->logs = logs;
  self->by_index = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) follower_free);
  self->by_watch = g_hash_table_new (NULL, NULL);
  return self;
}

void
pcall_log_live_free (PcallLogLive *self)
{
  g_assert (!self->writing);

  pcall_engine_unwatch (self->engine, &self->fd_watch);
  pcall_fd_clear (&self->fd);
  g_queue_clear (&self->turns);
  g_hash_table_unref (self->by_watch);
  g_hash_table_unref (self->by_index);
  g_clear_pointer (&self->engine, pcall_engine_unref);
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
  g_queue_remove (&self->turns, follower);
  g_hash_table_remove (self->by_index, GUINT_TO_POINTER (index));
}

void
pcall_log_live_begin (PcallLogLive *self,
                      guint         index,
                      pid_t         pid)
{
  Follower *follower = g_new0 (Follower, 1);
  g_autofree char *path = pcall_log_files_get_own_path (self->logs->files, index, pid);
  g_autofree char *out_path = pcall_log_files_are_split (self->logs->files)
                                  ? pcall_log_files_get_out_path (path)
                                  : NULL;

  forget (self, index);
  follower->index = index;
  follower->stream = pcall_logs_open (self->logs, index, pid, FALSE);
  follower->watches[0] = watch (self, follower, path);
  follower->watches[1] = watch (self, follower, out_path);
  g_hash_table_insert (self->by_index, GUINT_TO_POINTER (index), follower);
  /* What it wrote before it was watched */
  if (follower->watches[0] >= 0 || follower->watches[1] >= 0)
    take_turn (self, follower);
}

/* Many calls may end in a row. */
static void
step_unless_paused (PcallLogLive *self)
{
  gint64 now = g_get_monotonic_time ();

  if (now < self->pause_until)
    return;

  pcall_log_live_step (self, now + STEP_US);
  if (self->turns.length > 0)
    self->pause_until = g_get_monotonic_time () + PAUSE_US;
}

void
pcall_log_live_end (PcallLogLive *self,
                    guint         index)
{
  Follower *follower = g_hash_table_lookup (self->by_index, GUINT_TO_POINTER (index));

  if (follower == NULL)
    return;

  unwatch (self, follower);
  pcall_logs_finish (self->logs, index, follower->stream);
  follower->ended = TRUE;
  take_turn (self, follower);
  step_unless_paused (self);
}

gboolean
pcall_log_live_has_work (PcallLogLive *self)
{
  return self->turns.length > 0 && !self->writing;
}

gboolean
pcall_log_live_is_idle (PcallLogLive *self)
{
  return g_hash_table_size (self->by_index) == 0;
}
