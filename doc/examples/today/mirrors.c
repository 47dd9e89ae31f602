/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who answers first wins, as in ../mirrors.c, with fork(). */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib.h>

static const char *const mirrors[] = { "north", "east", "south", "west" };

static const char *
ask (guint i)
{
  while (i != 1) /* the others never answer */
    pause ();
  return mirrors[i];
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
      const char *answer = ask (i);

      if (write (fds[1], answer, strlen (answer)) < 0)
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
  Child children[G_N_ELEMENTS (mirrors)];
  struct pollfd polled[G_N_ELEMENTS (mirrors)];
  char answer[64] = "";

  for (guint i = 0; i < G_N_ELEMENTS (mirrors); i++)
    {
      children[i] = start (i);
      polled[i] = (struct pollfd) { .fd = children[i].fd, .events = POLLIN };
    }
  while (poll (polled, G_N_ELEMENTS (mirrors), -1) < 0)
    ;
  for (guint i = 0; i < G_N_ELEMENTS (mirrors); i++)
    {
      if (polled[i].revents & POLLIN && read (children[i].fd, answer, sizeof answer - 1) > 0)
        g_print ("%s\n", answer);
      kill (children[i].pid, SIGTERM);
      waitpid (children[i].pid, NULL, 0);
      close (children[i].fd);
    }
  return 0;
}
