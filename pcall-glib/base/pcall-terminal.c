/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-terminal-private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* No child has a controlling terminal.
 *
 * A child is a background process group, and who asks something at the terminal from there
 * (getpass, ssh, sudo, git, stty) is stopped by SIGTTIN or SIGTTOU. Nobody would ever let it go on,
 * for what looks after such groups is a shell. So a child gives the terminal up: to open /dev/tty
 * fails with ENXIO at once, which all of these understand, and a terminal that it has open
 * otherwise is to it a file like any other, whose job control is not its own.
 *
 * Not by setsid(): each session is a scheduling group of its own (autogroup), which costs, and its
 * leader gets the next terminal that it opens as its own. */

#define TERMINAL "/dev/tty"

gboolean
pcall_terminal_is_there (void)
{
  int fd = open (TERMINAL, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0)
    return errno != ENXIO;
  close (fd);
  return TRUE;
}

/* An address sanitizer takes notes of the stack, which may be the parent's. */
__attribute__ ((no_sanitize ("address", "thread"))) static gboolean
leave_by_name (void)
{
  int fd = open (TERMINAL, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  gboolean left = fd >= 0 ? ioctl (fd, TIOCNOTTY) == 0 : errno == ENXIO;

  if (fd >= 0)
    close (fd);
  return left;
}

/* Where the terminal cannot be given up, asking must not stop the child at least: with these
 * signals ignored reading fails with EIO, and writing works. */
__attribute__ ((no_sanitize ("address", "thread"))) void
pcall_terminal_leave (void)
{
  struct sigaction ignore = { .sa_handler = SIG_IGN };

  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (ioctl (fd, TIOCNOTTY) == 0)
      return;
  if (leave_by_name ())
    return;

  sigaction (SIGTTIN, &ignore, NULL);
  sigaction (SIGTTOU, &ignore, NULL);
}
