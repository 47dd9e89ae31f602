/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Descriptors that a forked child does not hold, also where two threads fork at once. */

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>

#include <pcall-glib/base/pcall-unshared-private.h>

#include "task-support.h"

/* Whether a child that is forked now has @fd. */
static gboolean
does_child_have (int fd)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (fcntl (fd, F_GETFD) >= 0);

  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, &status, 0)), ==, pid);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status) != 0;
}

static void
test_closed_in_child (void)
{
  SupportPipe pipe;

  support_pipe_open (&pipe);
  pcall_unshared_add (pipe.write_fd);
  g_assert_false (does_child_have (pipe.write_fd));
  g_assert_true (does_child_have (pipe.read_fd));
  g_assert_cmpint (fcntl (pipe.write_fd, F_GETFD), >=, 0);

  pcall_unshared_remove (pipe.write_fd);
  g_assert_true (does_child_have (pipe.write_fd));
  support_pipe_close (&pipe);
}

/* More than there is room for at first, and in any order. */
static void
test_many (void)
{
  int fds[100];

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      fds[i] = open ("/dev/null", O_RDONLY | O_CLOEXEC);
      g_assert_cmpint (fds[i], >=, 0);
      pcall_unshared_add (fds[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i += 2)
    pcall_unshared_remove (fds[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i += 9)
    g_assert_cmpint (does_child_have (fds[i]), ==, i % 2 == 0);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    {
      if (i % 2 != 0)
        pcall_unshared_remove (fds[i]);
      close (fds[i]);
    }
}

/* A thread begins to fork when there is nothing to close, and ends while another, for which there
 * is, has begun. */

typedef enum
{
  NOBODY_FORKS,
  FIRST_IS_TO_FORK,
  FIRST_HAS_BEGUN,
  FIRST_IS_TO_END,
  FIRST_HAS_ENDED,
} Stage;

static struct
{
  GMutex lock;
  GCond changed;
  Stage stage;
} forks;

static void
reach (Stage stage)
{
  g_mutex_lock (&forks.lock);
  forks.stage = stage;
  g_cond_broadcast (&forks.changed);
  g_mutex_unlock (&forks.lock);
}

static void
wait_for (Stage stage)
{
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  g_mutex_lock (&forks.lock);
  while (forks.stage < stage)
    g_assert_true (g_cond_wait_until (&forks.changed, &forks.lock, until));
  g_mutex_unlock (&forks.lock);
}

static __thread gboolean is_first;

/* After all that is done before a fork, since it was registered before. */
static void
about_to_fork (void)
{
  if (forks.stage == NOBODY_FORKS)
    return;

  if (is_first)
    {
      reach (FIRST_HAS_BEGUN);
      wait_for (FIRST_IS_TO_END);
      return;
    }
  reach (FIRST_IS_TO_END);
  wait_for (FIRST_HAS_ENDED);
}

__attribute__ ((constructor (101))) static void
register_first (void)
{
  pthread_atfork (about_to_fork, NULL, NULL);
}

static gpointer
fork_first (gpointer nothing)
{
  pid_t pid;

  is_first = TRUE;
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    _exit (0);
  reach (FIRST_HAS_ENDED);
  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, NULL, 0)), ==, pid);
  return NULL;
}

G_GNUC_UNUSED static void
test_two_threads (void)
{
  SupportPipe pipe;
  GThread *thread;

  support_pipe_open (&pipe);
  reach (FIRST_IS_TO_FORK);
  thread = g_thread_new ("first", fork_first, NULL);
  wait_for (FIRST_HAS_BEGUN);
  pcall_unshared_add (pipe.write_fd);
  g_assert_false (does_child_have (pipe.write_fd));

  g_thread_join (thread);
  reach (NOBODY_FORKS);
  pcall_unshared_remove (pipe.write_fd);
  support_pipe_close (&pipe);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_add ("/pcall/unshared/closed-in-child", test_closed_in_child);
  support_add ("/pcall/unshared/many", test_many);
#ifndef __SANITIZE_ADDRESS__ /* there is one fork at a time: see asan-fork.c */
  g_test_add_func ("/pcall/unshared/two-threads", test_two_threads);
#endif
  return g_test_run ();
}
