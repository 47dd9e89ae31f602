/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-fd-private.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "base/pcall-thread-private.h"

gboolean
pcall_fd_write_all (int           fd,
                    gconstpointer data,
                    gsize         size)
{
  const char *rest = data;

  while (size > 0)
    {
      gssize n = write (fd, rest, size);

      if (n < 0 && errno != EINTR)
        return FALSE;
      rest += MAX (n, 0);
      size -= MAX (n, 0);
    }
  return TRUE;
}

gboolean
pcall_fd_may_hold (gsize size)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_FSIZE, &limit) < 0)
    return FALSE;
  if (limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur)
    {
      errno = EFBIG;
      return FALSE;
    }
  return TRUE;
}

/* Closing what a child has sent.
 *
 * The last close() of a socket with SO_LINGER waits until what was written to it has gone, for as
 * many seconds as the child liked. Nobody is to wait for that here: a thread does, which ends with
 * it. The option is not changed as long as that can be helped, for others may have the same
 * socket. */

static gpointer
close_here (gpointer data)
{
  close (GPOINTER_TO_INT (data));
  return NULL;
}

static gboolean
close_in_thread (int fd)
{
  return pcall_thread_start ("pcall-close", close_here, GINT_TO_POINTER (fd), NULL);
}

void
pcall_fd_discard (int fd)
{
  struct linger linger = { 0 };
  socklen_t size = sizeof linger;

  if (getsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, &size) == 0 && linger.l_onoff &&
      linger.l_linger > 0)
    {
      if (close_in_thread (fd))
        return;
      linger.l_onoff = 0;
      setsockopt (fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
  close (fd);
}
