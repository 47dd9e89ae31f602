/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls can end, as in ../endings.c, with fork(). */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gio/gio.h>

static const char *const ways[] = { "well", "error", "crash", "hang" };

static gboolean
end (guint i, GError **error)
{
  if (i == 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such thing");
  if (i == 2)
    raise (SIGKILL);
  while (i == 3)
    pause ();
  return i != 1;
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
      GError *error = NULL;

      if (!end (i, &error) && write (fds[1], error->message, strlen (error->message)) < 0)
        _exit (1);
      _exit (0);
    }
  close (fds[1]);
  child.fd = fds[0];
  return child;
}

/* Whether it has ended, or been ended when the time was over. */
static gboolean
wait_until (Child *child, gint64 until, int *status)
{
  while (waitpid (child->pid, status, WNOHANG) == 0)
    {
      if (g_get_monotonic_time () > until)
        {
          kill (child->pid, SIGKILL);
          waitpid (child->pid, status, 0);
          return FALSE;
        }
      g_usleep (1000);
    }
  return TRUE;
}

int
main (void)
{
  Child children[G_N_ELEMENTS (ways)];
  gint64 until = g_get_monotonic_time () + 2 * G_USEC_PER_SEC;

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    children[i] = start (i);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      char message[256] = "";
      int status = 0;
      const char *end = message;

      if (!wait_until (&children[i], until, &status))
        end = "timed out";
      else if (WIFSIGNALED (status))
        end = "crashed";
      else if (read (children[i].fd, message, sizeof message - 1) <= 0)
        end = "succeeded";
      g_print ("%s: %s\n", ways[i], end);
      close (children[i].fd);
    }
  return 0;
}
