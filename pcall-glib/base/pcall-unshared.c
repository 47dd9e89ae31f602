/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-unshared-private.h"

#include <pthread.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"

/* A fork copies all descriptors, and an end of a connection that somebody still holds is not closed
 * for who is at the other. A child that executes a program drops them then; one that does not would
 * keep agents on other machines, and what runs there, alive when this process is gone. So a fork
 * handler closes them in every child.
 *
 * The handlers hold the lock over the fork. Where there is nothing to close, as in nearly every
 * process, they do not even take it: whoever adds the first one does so in a process that has
 * another thread by then, and a fork that is under way has copied a table with nothing in it. So of
 * two threads that fork at once one may hold it, and the other not. */

static struct
{
  pthread_mutex_t lock;
  int            *fds;
  guint           n;
  guint           n_room;
} unshared = { .lock = PTHREAD_MUTEX_INITIALIZER };

static PCALL_CHILD_VARIABLE gboolean is_locked_over_fork;

static void
before_fork (void)
{
  if (g_atomic_int_get (&unshared.n) == 0)
    return;

  pthread_mutex_lock (&unshared.lock);
  is_locked_over_fork = TRUE;
}

static void
after_fork (void)
{
  if (!is_locked_over_fork)
    return;

  is_locked_over_fork = FALSE;
  pthread_mutex_unlock (&unshared.lock);
}

PCALL_CHILD_CODE static void
after_fork_in_child (void)
{
  if (!is_locked_over_fork)
    return;

  for (guint i = 0; i < unshared.n; i++)
    close (unshared.fds[i]);
  unshared.n = 0;
  after_fork ();
}

__attribute__ ((constructor)) static void
register_fork_handlers (void)
{
  pthread_atfork (before_fork, after_fork, after_fork_in_child);
}

void
pcall_unshared_add (int fd)
{
  pthread_mutex_lock (&unshared.lock);
  if (unshared.n == unshared.n_room)
    {
      unshared.n_room = MAX (2 * unshared.n_room, 16);
      unshared.fds = g_renew (int, unshared.fds, unshared.n_room);
    }
  unshared.fds[unshared.n] = fd;
  g_atomic_int_inc (&unshared.n);
  pthread_mutex_unlock (&unshared.lock);
}

void
pcall_unshared_remove (int fd)
{
  guint i = 0;

  pthread_mutex_lock (&unshared.lock);
  while (i < unshared.n && unshared.fds[i] != fd)
    i++;
  if (i < unshared.n)
    {
      unshared.fds[i] = unshared.fds[unshared.n - 1];
      g_atomic_int_add (&unshared.n, -1);
    }
  if (unshared.n == 0)
    {
      g_clear_pointer (&unshared.fds, g_free);
      unshared.n_room = 0;
    }
  pthread_mutex_unlock (&unshared.lock);
}
