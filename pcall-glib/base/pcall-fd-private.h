/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <unistd.h>

G_BEGIN_DECLS

/* In a program that closed its standard streams, a new descriptor may get one of their numbers.
 * Nothing of ours may stand there: what the program prints would go into it. Takes @fd, which may
 * be -1, and returns the same, or a higher one; -1 with errno set on failure. */
static inline int
pcall_fd_lift (int fd)
{
  int lifted;

  if (fd < 0 || fd > STDERR_FILENO)
    return fd;

  lifted = fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  close (fd);
  return lifted;
}

/* So do filters of system calls refuse what they do not know, or do not like. */
static inline gboolean
pcall_fd_is_refusal (int error_number)
{
  return error_number == EPERM || error_number == EACCES || error_number == ENOSYS;
}

static inline void
pcall_fd_clear (int *fd)
{
  if (*fd >= 0)
    close (*fd);
  *fd = -1;
}

/* Writes all of it, and waits for @fd to take it. FALSE with errno set if that did not work. */
gboolean pcall_fd_write_all (int           fd,
                             gconstpointer data,
                             gsize         size);

/* Whether a file, or memory with a descriptor, may be made as large as that; else errno is set.
 * What goes past the limit is told by a signal, which as a rule ends the process. */
gboolean pcall_fd_may_hold (gsize size);

/* Closes what was received from a child, without waiting for anything. */
void pcall_fd_discard (int fd);

/* Writes @number and a zero byte, and returns where the zero is. In a child a call of snprintf()
 * costs more than all else that is done with what it writes: it maps half of the C library. */
static inline char *
pcall_write_number (char *place,
                    guint number)
{
  char digits[10];
  int n = 0;

  do
    digits[n++] = '0' + number % 10;
  while ((number /= 10) > 0);
  while (n > 0)
    *place++ = digits[--n];
  *place = '\0';
  return place;
}

G_END_DECLS
