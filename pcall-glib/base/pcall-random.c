/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-random-private.h"

#include <errno.h>
#include <sys/random.h>

#include "base/pcall-fd-private.h"

/* A filter of system calls may refuse getrandom(), as some do that are older than it. */
static gboolean
read_random (gpointer bytes,
             gsize    size)
{
  int fd = open ("/dev/urandom", O_RDONLY | O_CLOEXEC);
  gssize n = -1;

  while (fd >= 0 && (n = read (fd, bytes, size)) < 0 && errno == EINTR)
    ;
  pcall_fd_clear (&fd);
  return n == (gssize) size;
}

gboolean
pcall_random_fill (gpointer bytes,
                   gsize    size)
{
  gssize n;

  while ((n = getrandom (bytes, size, 0)) < 0 && errno == EINTR)
    ;
  return n == (gssize) size || read_random (bytes, size);
}
