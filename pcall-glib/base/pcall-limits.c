/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-limits-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

/* What the system has room for.
 *
 * Descriptors are counted beforehand: who takes them all leaves the application none to open a
 * file with. Processes (RLIMIT_NPROC, the cgroup's pids.max) and memory are not: their limits are
 * shared with others and change, so fork() has to tell. */

/* Descriptors that are left to the application. */
#define RESERVED_DESCRIPTORS 64

#define MOST_TRIED 16384

/* Where nobody tells which ones there are, each number is tried, up to one that few programs
 * reach. */
static guint
try_descriptors (rlim_t limit)
{
  int highest = (int) MIN (limit, MOST_TRIED);
  guint n = 0;

  for (int fd = 0; fd < highest; fd++)
    n += fcntl (fd, F_GETFD) >= 0;
  return n;
}

static guint
count_descriptors (rlim_t limit)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  if (dir == NULL)
    return try_descriptors (limit);
  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* Children at once that leave the application its descriptors. For a few nobody needs to count. */
guint
pcall_limits_find_room (guint n_calls,
                        guint n_descriptors)
{
  struct rlimit limit;
  guint taken;

  if (n_calls <= RESERVED_DESCRIPTORS || getrlimit (RLIMIT_NOFILE, &limit) < 0 ||
      limit.rlim_cur == RLIM_INFINITY)
    return G_MAXUINT;

  taken = count_descriptors (limit.rlim_cur) + RESERVED_DESCRIPTORS;
  if (limit.rlim_cur <= taken)
    return 1;
  return CLAMP ((limit.rlim_cur - taken) / n_descriptors, 1, G_MAXUINT);
}

gboolean
pcall_limits_is_want_of_room (int error_number)
{
  return error_number == EAGAIN || error_number == EMFILE || error_number == ENFILE ||
         error_number == ENOMEM || error_number == ENOBUFS || error_number == ENOSPC;
}
