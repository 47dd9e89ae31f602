/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Giving the controlling terminal up, in a process that is in the background of it: by a standard
 * stream, or by name, and what is done where it cannot be given up. */

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <pcall-glib/base/pcall-terminal-private.h>

#include "task-support.h"

typedef enum
{
  BY_STREAM,      /* a standard stream is the terminal */
  BY_NAME,        /* none is */
  NO_DESCRIPTORS, /* none can be opened */
  NO_TERMINAL,    /* there is none */
} Way;

typedef struct
{
  const char *path;
  Way way;
  int stream; /* that is the terminal */
} Row;

static const Row rows[] = {
  { "/leave-terminal/by-stdin", BY_STREAM, STDIN_FILENO },
  { "/leave-terminal/by-stdout", BY_STREAM, STDOUT_FILENO },
  { "/leave-terminal/by-stderr", BY_STREAM, STDERR_FILENO },
  { "/leave-terminal/by-name", BY_NAME, -1 },
  { "/leave-terminal/no-descriptors", NO_DESCRIPTORS, -1 },
  { "/leave-terminal/no-descriptors/by-stdout", NO_DESCRIPTORS, STDOUT_FILENO },
  { "/leave-terminal/no-descriptors/by-stderr", NO_DESCRIPTORS, STDERR_FILENO },
  { "/leave-terminal/none", NO_TERMINAL, -1 },
};

static gboolean
is_ignored (int signum)
{
  struct sigaction action;

  return sigaction (signum, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void
place_streams (int terminal, int stream)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);

  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    SUPPORT_CHECK (dup2 (fd == stream ? terminal : null, fd) == fd);
  close (null);
}

static void
assert_left (void)
{
  SUPPORT_CHECK (!pcall_terminal_is_there ());
  SUPPORT_CHECK (open ("/dev/tty", O_RDWR | O_CLOEXEC) < 0 && errno == ENXIO);
  SUPPORT_CHECK (!is_ignored (SIGTTIN) && !is_ignored (SIGTTOU));
}

/* A background process that reads is stopped, if it is not left, or told an error. */
static void
assert_not_stopped (int terminal)
{
  char byte;

  SUPPORT_CHECK (is_ignored (SIGTTIN) && is_ignored (SIGTTOU));
  SUPPORT_CHECK (read (terminal, &byte, 1) < 0 && errno == EIO);
}

static void
allow_descriptors (gboolean allow)
{
  struct rlimit limit;

  SUPPORT_CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = allow ? limit.rlim_max : 0;
  SUPPORT_CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

G_NORETURN static void
leave (const Row *row, int terminal)
{
  SUPPORT_CHECK (setpgid (0, 0) == 0);
  place_streams (terminal, row->stream);
  SUPPORT_CHECK (pcall_terminal_is_there () == (row->way != NO_TERMINAL));
  allow_descriptors (row->way != NO_DESCRIPTORS);
  SUPPORT_CHECK (pcall_terminal_is_there () == (row->way != NO_TERMINAL));

  pcall_terminal_leave ();

  allow_descriptors (TRUE);
  if (row->way == NO_DESCRIPTORS && row->stream < 0)
    assert_not_stopped (terminal);
  else
    assert_left ();
  _exit (0);
}

static int
wait_for (pid_t pid)
{
  int status = 0;

  if (waitpid (pid, &status, WUNTRACED) != pid)
    return -1;
  if (WIFSTOPPED (status))
    {
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
      return -2;
    }
  return WIFEXITED (status) ? WEXITSTATUS (status) : -3;
}

/* The leader of a session, whose the terminal is; it still is when the child has left it. */
G_NORETURN static void
lead (const Row *row, const char *name)
{
  int terminal, status;
  pid_t pid;

  SUPPORT_CHECK (setsid () == getpid ());
  terminal = open (name, O_RDWR | O_NOCTTY | O_CLOEXEC);
  SUPPORT_CHECK (terminal >= 0);
  if (row->way != NO_TERMINAL)
    SUPPORT_CHECK (ioctl (terminal, TIOCSCTTY, 0) == 0);
  pid = fork ();
  if (pid == 0)
    leave (row, terminal);
  status = wait_for (pid);
  SUPPORT_CHECK (status >= 0);
  if (status == 0 && row->way != NO_TERMINAL)
    SUPPORT_CHECK (tcgetpgrp (terminal) == getpgrp () && pcall_terminal_is_there ());
  _exit (status);
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  int other_side = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  pid_t pid;

  g_assert_cmpint (other_side, >=, 0);
  g_assert_no_errno (grantpt (other_side));
  g_assert_no_errno (unlockpt (other_side));
  pid = fork ();
  if (pid == 0)
    lead (row, ptsname (other_side));
  g_assert_cmpint (wait_for (pid), ==, 0);
  g_assert_no_errno (close (other_side));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_row);

  return g_test_run ();
}
