/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-pass-private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* What calls have printed, on its way to this process's own standard output and error.
 *
 * Whoever reads there may be slow, or stopped. So it is asked first whether there is room, and what
 * is no file gets no more at once than a pipe has room for then: neither a main loop nor a
 * deadline waits for it. */

#define WAIT_US 20000

/* Where a program has closed its streams, their numbers may be those of something else that it has
 * opened, and that nobody prints to. */
static gboolean
is_output (int          fd,
           struct stat *st)
{
  int flags = fcntl (fd, F_GETFL);

  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && fstat (fd, st) == 0 &&
         (st->st_mode & S_IFMT) != 0;
}

/* A stream that another thread holds is that thread's business. */
static void
flush (int fd)
{
  FILE *stream = fd == STDOUT_FILENO ? stdout : stderr;

  if (ftrylockfile (stream) != 0)
    return;
  fflush_unlocked (stream);
  funlockfile (stream);
}

static int
find_wait (gint64 until)
{
  gint64 left = CLAMP (until - g_get_monotonic_time (), 0, WAIT_US);

  return (int) ((left + 999) / 1000);
}

gssize
pcall_log_pass (int         fd,
                const char *bytes,
                gsize       length,
                gint64      until)
{
  struct pollfd room = { .fd = fd, .events = POLLOUT };
  struct stat st;
  gssize n;

  flush (fd);
  if (!is_output (fd, &st))
    {
      errno = EBADF;
      return -1;
    }
  if (!S_ISREG (st.st_mode))
    {
      if (poll (&room, 1, find_wait (until)) == 0)
        return 0;
      length = MIN (length, PIPE_BUF);
    }

  n = write (fd, bytes, length);
  return n < 0 && (errno == EINTR || errno == EAGAIN) ? 0 : n;
}
