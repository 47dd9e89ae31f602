/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-worker-private.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "pcall-fd-private.h"

/* Where the output of a call goes, in a worker that runs many: into a file for each call, named by
 * the parent, by way of the descriptors 1 and 2, so that it is all there, whoever writes. What
 * stands in the C library's buffers is written before they change: a line belongs to the call
 * that printed it. A language's own buffers are for its binding to flush. */

static int saved[2] = { -1, -1 };

static void
replace (int from,
         int to)
{
  while (dup2 (from, to) < 0 && (errno == EINTR || errno == EBUSY))
    ;
}

static gboolean
save (void)
{
  for (int i = 0; i < 2; i++)
    saved[i] = fcntl (STDOUT_FILENO + i, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (saved[0] >= 0 && saved[1] >= 0)
    return TRUE;

  pcall_fd_clear (&saved[0]);
  pcall_fd_clear (&saved[1]);
  return FALSE;
}

static void
flush (void)
{
  fflush (stdout);
  fflush (stderr);
}

void
pcall_worker_output_redirect (const char *path)
{
  int fd;

  if (*path == '\0')
    return;
  fd = pcall_fd_lift (
      open (path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC, 0600));
  if (fd < 0)
    return;

  flush ();
  if (save ())
    for (int i = 0; i < 2; i++)
      replace (fd, STDOUT_FILENO + i);
  close (fd);
}

void
pcall_worker_output_restore (void)
{
  if (saved[0] < 0)
    return;

  flush ();
  for (int i = 0; i < 2; i++)
    {
      replace (saved[i], STDOUT_FILENO + i);
      pcall_fd_clear (&saved[i]);
    }
}
