/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-strays-private.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"

/* What a call has started and what has made a process group of its own: timeout(1) does, and any
 * shell with job control. A signal for the group of the child does not reach it.
 *
 * It is found by asking the kernel for the children of each process, from the child on. What has
 * lost its parent on the way down (a daemon) is not found; nor is anything where there is no /proc,
 * or a kernel that does not tell of children. A number may be another process's by the time that it
 * is used: so the process is held by a pidfd, and is still the child of whom it was found with. */

#define MAX_FOUND 10000

typedef struct
{
  pid_t group; /* whose processes have got the signal */
  int   signum;
  guint n_found;
} Search;

static pid_t
get_parent (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *stat = NULL;
  const char *name_end;

  if (!g_file_get_contents (path, &stat, NULL, NULL) || (name_end = strrchr (stat, ')')) == NULL)
    return 0;
  /* ") S 123" */
  return strlen (name_end) > 4 ? (pid_t) g_ascii_strtoll (name_end + 4, NULL, 10) : 0;
}

static void
signal_child (const Search *search,
              pid_t         pid,
              pid_t         parent)
{
  int pidfd = getpgid (pid) != search->group ? (int) syscall (SYS_pidfd_open, pid, 0) : -1;

  if (pidfd >= 0 && get_parent (pid) == parent)
    syscall (SYS_pidfd_send_signal, pidfd, search->signum, NULL, 0);
  pcall_fd_clear (&pidfd);
}

static void search_below (Search *search,
                          pid_t   pid);

/* Children first: who is told first may end, and they would be nobody's. */
static void
search_thread (Search     *search,
               pid_t       pid,
               const char *thread)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task/%s/children", pid, thread);
  g_autofree char *text = NULL;
  char *at;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  for (at = text; *at != '\0' && search->n_found < MAX_FOUND; search->n_found++)
    {
      pid_t child = (pid_t) g_ascii_strtoll (at, &at, 10);

      if (child <= 0)
        return;
      search_below (search, child);
      signal_child (search, child, pid);
      at += strspn (at, " ");
    }
}

static void
search_below (Search *search,
              pid_t   pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *thread;

  while (dir != NULL && (thread = g_dir_read_name (dir)) != NULL)
    search_thread (search, pid, thread);
}

void
pcall_strays_signal (pid_t pid,
                     int   signum)
{
  Search search = { .group = pid, .signum = signum };

  search_below (&search, pid);
}
