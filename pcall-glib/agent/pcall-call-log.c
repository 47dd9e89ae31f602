/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/pcall-call-log-private.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/pcall-uplink-private.h"
#include "base/pcall-fd-private.h"

/* The worker writes into a file, as it does anywhere; the kernel tells when that has grown, and
 * what was added is sent as it is: lines and records, which the parent tells apart. Many small
 * writes go together, for what was just sent is followed by a pause. Where the kernel does not
 * tell, all is sent in the end; and so it is of a call that is over soon, which the kernel is not
 * asked for. */

#define FIRST_US 5000
#define PAUSE_US 20000
#define CHUNK_SIZE 65536

static void file_grew (gpointer data,
                       guint32  events);

/* One for all calls: to close one takes the kernel milliseconds. */
static void
open_notify (PcallCallLog *self)
{
  self->notify_fd = pcall_fd_lift (inotify_init1 (IN_CLOEXEC | IN_NONBLOCK));
  if (self->notify_fd >= 0 &&
      !pcall_engine_watch (self->engine, &self->watch, self->notify_fd, EPOLLIN, file_grew, self,
                           NULL))
    pcall_fd_clear (&self->notify_fd);
}

void
pcall_call_log_init (PcallCallLog  *self,
                     PcallEngine   *engine,
                     PcallLogFiles *files,
                     PcallChannel  *up)
{
  *self = (PcallCallLog) {
    .engine = engine,
    .files = files,
    .up = up,
    .fd = -1,
    .out = -1,
    .notify_fd = -1,
    .notify = { -1, -1 },
  };
  if (files != NULL)
    open_notify (self);
}

static gboolean
send_file (PcallCallLog  *self,
           PcallFrameType type,
           int            fd)
{
  char chunk[CHUNK_SIZE];
  gboolean sent = FALSE;
  gssize n;

  while (fd >= 0 && (n = read (fd, chunk, sizeof chunk)) > 0)
    {
      pcall_uplink_pass (self->up, type, self->index, chunk, n);
      sent = TRUE;
    }
  return sent;
}

/* TRUE if there was anything. */
static gboolean
send_rest (PcallCallLog *self)
{
  gboolean sent_out = send_file (self, PCALL_FRAME_OUT, self->out);
  gboolean sent = send_file (self, PCALL_FRAME_LOG, self->fd);

  return sent || sent_out;
}

static void
set_timer (PcallCallLog  *self,
           gint64         length,
           PcallTimerFunc func)
{
  pcall_engine_set_timer (self->engine, &self->pause, g_get_monotonic_time () + length, func, self);
}

static void
pause_is_over (gpointer data)
{
  PcallCallLog *self = data;

  pcall_engine_rewatch (self->engine, &self->watch, EPOLLIN);
}

/* Something was just sent. */
static void
rest (PcallCallLog *self)
{
  pcall_engine_rewatch (self->engine, &self->watch, 0);
  set_timer (self, PAUSE_US, pause_is_over);
}

/* It may have been the file of a call that is over. */
static void
file_grew (gpointer data,
           guint32  events)
{
  PcallCallLog *self = data;
  char buffer[4096];

  if (read (self->notify_fd, buffer, sizeof buffer) >= 0 && self->fd >= 0 && send_rest (self))
    rest (self);
}

static int
add_watch (PcallCallLog *self,
           const char   *path)
{
  return self->notify_fd >= 0
             ? inotify_add_watch (self->notify_fd, path, IN_MODIFY | IN_DONT_FOLLOW)
             : -1;
}

static void
remove_watch (PcallCallLog *self,
              int          *watch)
{
  if (*watch >= 0)
    inotify_rm_watch (self->notify_fd, *watch);
  *watch = -1;
}

/* The call takes a while. */
static void
follow (gpointer data)
{
  PcallCallLog *self = data;
  g_autofree char *out_path = self->out >= 0 ? pcall_log_files_get_out_path (self->path) : NULL;

  self->notify[0] = add_watch (self, self->path);
  if (out_path != NULL)
    self->notify[1] = add_watch (self, out_path);
  if (send_rest (self))
    rest (self);
  else
    pause_is_over (self);
}

const char *
pcall_call_log_begin (PcallCallLog *self,
                      guint         index,
                      pid_t         pid,
                      gboolean      split)
{
  pcall_log_files_set_split (self->files, split);
  self->fd = pcall_log_files_make_here (self->files, index, pid, &self->out);
  if (self->fd < 0)
    return NULL;

  self->index = index;
  self->pid = pid;
  self->path = pcall_log_files_get_path (self->files, index, pid);
  if (self->notify_fd >= 0)
    set_timer (self, FIRST_US, follow);
  return self->path;
}

void
pcall_call_log_end (PcallCallLog *self)
{
  if (self->fd < 0)
    return;

  send_rest (self);
  pcall_call_log_drop (self);
}

void
pcall_call_log_drop (PcallCallLog *self)
{
  if (self->fd < 0)
    return;

  pcall_engine_unset_timer (self->engine, &self->pause);
  remove_watch (self, &self->notify[0]);
  remove_watch (self, &self->notify[1]);
  pcall_fd_clear (&self->fd);
  pcall_fd_clear (&self->out);
  pcall_log_files_discard (self->files, self->index, self->pid);
  g_clear_pointer (&self->path, g_free);
}
