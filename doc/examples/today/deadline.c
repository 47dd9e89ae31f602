/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is found when the time is over, as in ../deadline.c, with fork(). */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

static const char *const things[] = { "keys", "time", "glasses", "peace" };

static const char *
look_for (guint i)
{
  while (i % 2 == 1) /* for ever */
    pause ();
  return things[i];
}

typedef struct
{
  pid_t pid;
  int fd;
} Child;

static Child
start (guint i)
{
  Child child;
  int fds[2];

  if (pipe (fds) < 0 || (child.pid = fork ()) < 0)
    g_error ("%s", g_strerror (errno));
  if (child.pid == 0)
    {
      const char *found = look_for (i);

      if (write (fds[1], found, strlen (found)) < 0)
        _exit (1);
      _exit (0);
    }
  close (fds[1]);
  child.fd = fds[0];
  return child;
}

int
main (void)
{
  Child children[G_N_ELEMENTS (things)];
  gint64 until = g_get_monotonic_time () + 3 * G_USEC_PER_SEC;

  for (guint i = 0; i < G_N_ELEMENTS (things); i++)
    children[i] = start (i);
  for (guint i = 0; i < G_N_ELEMENTS (things); i++)
    {
      struct pollfd polled = { .fd = children[i].fd, .events = POLLIN };
      char found[64] = "";
      gint64 left = MAX (until - g_get_monotonic_time (), 0);

      if (poll (&polled, 1, left / 1000) > 0 && read (polled.fd, found, sizeof found - 1) > 0)
        g_print ("%s\n", found);
      kill (children[i].pid, SIGTERM);
      waitpid (children[i].pid, NULL, 0);
      close (children[i].fd);
    }
  return 0;
}
