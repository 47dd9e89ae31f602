/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-cgroup-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The end of a control group (cgroups(7), version 2).
 *
 * What is in it may have made groups in it, of a task of its own for instance. cgroup.kill reaches
 * those, too (since Linux 5.14), while only an empty one can be removed. A killed process is in its
 * group until it has exited; cgroup.events tells of the last one. */

/* Where cgroup.events cannot be waited for. */
#define PAUSE_MS 10

static int
open_file (const char *directory,
           const char *name,
           int         flags)
{
  char path[PATH_MAX];

  if (snprintf (path, sizeof path, "%s/%s", directory, name) < (int) sizeof path)
    return open (path, flags | O_CLOEXEC);

  errno = ENAMETOOLONG;
  return -1;
}

static void
remove_below (const char *directory)
{
  DIR *dir = opendir (directory);
  const struct dirent *entry;
  char path[PATH_MAX];

  while (dir != NULL && (entry = readdir (dir)) != NULL)
    if (entry->d_type == DT_DIR && strcmp (entry->d_name, ".") != 0 &&
        strcmp (entry->d_name, "..") != 0 &&
        snprintf (path, sizeof path, "%s/%s", directory, entry->d_name) < (int) sizeof path)
      pcall_cgroup_remove (path);
  if (dir != NULL)
    closedir (dir);
}

gboolean
pcall_cgroup_remove (const char *directory)
{
  if (rmdir (directory) == 0)
    return TRUE;

  remove_below (directory);
  return rmdir (directory) == 0;
}

/* Until processes have begun or ceased to be there, or a moment has passed. */
static void
wait_for_change (int events_fd)
{
  struct pollfd changed = { .fd = events_fd, .events = POLLPRI };
  char text[256];

  /* What is not read is told again. */
  if (events_fd >= 0 && pread (events_fd, text, sizeof text, 0) < 0)
    changed.fd = -1;
  poll (&changed, 1, PAUSE_MS);
}

/* A process that is being killed may make a group yet. */
static gboolean
kill_and_remove (const char *directory,
                 int         kill_fd,
                 int         events_fd,
                 int         limit_ms)
{
  for (int waited_ms = 0; waited_ms < limit_ms; waited_ms += PAUSE_MS)
    {
      if (write (kill_fd, "1", 1) != 1)
        return FALSE;
      wait_for_change (events_fd);
      if (pcall_cgroup_remove (directory))
        return TRUE;
      if (errno != EBUSY)
        return FALSE;
    }
  return FALSE;
}

gboolean
pcall_cgroup_kill (const char *directory,
                   int         limit_ms)
{
  int kill_fd, events_fd, saved_errno;
  gboolean removed;

  if (pcall_cgroup_remove (directory))
    return TRUE;

  kill_fd = open_file (directory, "cgroup.kill", O_WRONLY);
  if (kill_fd < 0)
    return FALSE;

  events_fd = open_file (directory, "cgroup.events", O_RDONLY);
  removed = kill_and_remove (directory, kill_fd, events_fd, limit_ms);
  saved_errno = errno;
  close (kill_fd);
  if (events_fd >= 0)
    close (events_fd);
  errno = saved_errno;
  return removed;
}
