/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-fd-private.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

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

/* Signals are for the threads of the program. */
static gboolean
close_in_thread (int fd)
{
  sigset_t all, before;
  GThread *thread;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  thread = g_thread_try_new ("pcall-close", close_here, GINT_TO_POINTER (fd), NULL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (thread != NULL)
    g_thread_unref (thread);
  return thread != NULL;
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
