/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start/pcall-fork-private.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib-object.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-javascript-private.h"

/* A fork of JavaScript.
 *
 * SpiderMonkey, the engine of GJS, has helper threads, which do not come along into a fork. A child
 * that collects garbage may wait for them for ever. What is safe depends on the engine:
 *
 * - In some versions a thread that has slept since it was made is not missed. How often a thread
 *   slept is what /proc tells. Once one has been woken, there are no more forks. It may be woken
 *   at any time, so this is looked at before a fork and after it: the child is only let go when
 *   nothing has changed in between.
 * - In others a child always waits. No version is asked for: the first time, a child is forked that
 *   does nothing but collect garbage, and it comes to its end or it does not.
 *
 * All of this is for the thread that JavaScript runs in, the main thread. What another thread forks
 * cannot run JavaScript. */

#define HELPER_LINE "Name:\tJS Helper\n"
#define ASLEEP_LINE "\nState:\tS"
#define SWITCHES_KEY "\nvoluntary_ctxt_switches:"
#define STATUS_SIZE 4096
#define TRIAL_S 1

#define TASKS "/proc/self/task"

/* From where it began, a thread that was never woken has gone to sleep once. */
#define MAX_SWITCHES 1

/* One that has done so and does not sleep was woken just now, and has not worked yet, or has not
 * done. */
static gboolean
was_woken (const char *status)
{
  const char *switches = strstr (status, SWITCHES_KEY);
  guint64 n = switches != NULL ? g_ascii_strtoull (switches + strlen (SWITCHES_KEY), NULL, 10)
                               : G_MAXUINT64;

  return n > MAX_SWITCHES || (n == MAX_SWITCHES && strstr (status, ASLEEP_LINE) == NULL);
}

/* Whether the thread at @path is a helper that was woken. One that has ended is not. */
static gboolean
is_woken_helper (const char *path)
{
  char status[STATUS_SIZE];
  FILE *file = fopen (path, "re");
  gsize length;

  if (file == NULL)
    return FALSE;
  length = fread (status, 1, sizeof status - 1, file);
  fclose (file);

  status[length] = '\0';
  return g_str_has_prefix (status, HELPER_LINE) && was_woken (status);
}

/* Where that cannot be known, be careful. */
static gboolean
has_woken_helper (void)
{
  DIR *tasks = opendir (TASKS);
  gboolean woken = tasks == NULL;
  struct dirent *entry;

  while (!woken && (entry = readdir (tasks)) != NULL)
    {
      g_autofree char *path = g_strdup_printf (TASKS "/%s/status", entry->d_name);

      woken = is_woken_helper (path);
    }
  if (tasks != NULL)
    closedir (tasks);
  return woken;
}

/* In the child. It has no descriptors but the one to tell by, so that nothing that the collector
 * drops has an effect outside of this process: buffers are not written out, nobody is told of an
 * end. */
G_NORETURN static void
collect (int fd)
{
  const struct itimerval limit = { .it_value = { .tv_sec = TRIAL_S } };
  struct sigaction by_default = { .sa_handler = SIG_DFL };
  sigset_t alarm_alone;

  sigaction (SIGALRM, &by_default, NULL);
  sigemptyset (&alarm_alone);
  sigaddset (&alarm_alone, SIGALRM);
  pthread_sigmask (SIG_UNBLOCK, &alarm_alone, NULL);
  setitimer (ITIMER_REAL, &limit, NULL);
  if (dup2 (fd, STDIN_FILENO) < 0)
    _exit (EXIT_FAILURE);
  closefrom (STDIN_FILENO + 1);
  _exit (pcall_javascript_collect () && write (STDIN_FILENO, "", 1) == 1 ? EXIT_SUCCESS
                                                                         : EXIT_FAILURE);
}

static pid_t
fork_collector (int fd)
{
  sigset_t all, before;
  pid_t pid;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  pid = fork ();
  if (pid == 0)
    collect (fd);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return pid;
}

/* Another thread's fork may keep the other end open. Nobody's exit status is asked for: the
 * application may have taken it. */
static gboolean
hears_of_end (int fd)
{
  struct pollfd readable = { .fd = fd, .events = POLLIN };
  char byte;
  int n;

  while ((n = poll (&readable, 1, 2 * TRIAL_S * 1000)) < 0 && errno == EINTR)
    ;
  return n == 1 && read (fd, &byte, 1) == 1;
}

/* Whether a fork of this process has collected garbage. FALSE if there could be none. */
static gboolean
try_collection (gboolean *collected)
{
  int fds[2];
  pid_t pid;

  if (pipe2 (fds, O_CLOEXEC) < 0)
    return FALSE;

  pid = fork_collector (fds[1]);
  close (fds[1]);
  *collected = pid > 0 && hears_of_end (fds[0]);
  close (fds[0]);
  while (pid > 0 && waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
  return pid > 0;
}

/* FALSE where nobody knows. */
static gboolean
can_collect (void)
{
  static gboolean tried;
  static gboolean collected;

  if (!tried)
    tried = try_collection (&collected);
  return tried && collected;
}

gboolean
pcall_fork_check (GError **error)
{
  if (!pcall_javascript_is_here ())
    return TRUE;

  if (has_woken_helper ())
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_FORK_UNSAFE,
                         "JavaScript's helper threads have worked in this process and would be "
                         "missing in a fork of it, where the garbage collector waits for them; "
                         "spawn instead, which is the default for functions");
  else if (!can_collect ())
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_FORK_UNSAFE,
                         "JavaScript's garbage collector does not work in a fork of this process, "
                         "where it waits for threads that are not there; spawn instead, which is "
                         "the default for functions");
  else
    return TRUE;
  return FALSE;
}
