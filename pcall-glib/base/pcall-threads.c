/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-threads-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"

/* Whether other threads have run.
 *
 * A thread that sleeps changes nothing. So what was found out about the memory of this process
 * (which locks are free) stays true until another thread runs, and most threads sleep nearly all
 * the time. A mark stands for such a span of time.
 *
 * A thread that has run since a mark either runs still, or it sleeps again: then it has switched
 * away from its processor once more than before, which the kernel counts, for all threads of the
 * process together. So none has run if all sleep now and the count is what it was. A new thread
 * cannot sleep without having switched, and one that has ended is missed.
 *
 * That a thread sleeps has to be exact, for the time it takes to look at it. Its state is not: it
 * is set before the thread sleeps, and a thread may be woken on the way. Neither are clocks: in a
 * virtual machine, what the host took is not counted, and a short run may be lost in that. But the
 * kernel tells in which system call a thread sleeps, and makes sure for that.
 *
 * Who marks and who looks is the same thread, so nothing here is shared. A forked child has none of
 * its parent's marks. */

/* More are not worth the time that it takes to look at each of them. */
#define MAX_OTHERS 64

#define MAX_TRIES 3

/* "." and ".." of the directory with one more for each thread */
#define N_FIXED_LINKS 2

#define TASK_DIRECTORY "/proc/self/task"

typedef struct
{
  guint64 mark; /* 0: none */
  pid_t   owner;
  gint64  n_switches; /* of all other threads together */
  guint   n_others;
  pid_t   others[MAX_OTHERS];
} ThreadsSeen;

static __thread ThreadsSeen seen;

/* 0 where it cannot be known. */
static guint
count_threads (void)
{
  struct stat tasks;

  if (stat (TASK_DIRECTORY, &tasks) < 0 || tasks.st_nlink <= N_FIXED_LINKS)
    return 0;
  return tasks.st_nlink - N_FIXED_LINKS;
}

gboolean
pcall_threads_exist (void)
{
  return !__libc_single_threaded && count_threads () != 1;
}

static gint64
count_switches (int who)
{
  struct rusage usage;

  if (getrusage (who, &usage) < 0)
    return 0;
  return (gint64) usage.ru_nvcsw + usage.ru_nivcsw;
}

/* Those of all threads but this one. It may be switched itself while it counts, at each system call
 * if a debugger looks on. -1 where that happens too often, or switches are not counted at all: this
 * thread would have some. */
static gint64
count_others_switches (void)
{
  for (int i = 0; i < MAX_TRIES; i++)
    {
      gint64 own = count_switches (RUSAGE_THREAD);
      gint64 all = count_switches (RUSAGE_SELF);

      if (own > 0 && own == count_switches (RUSAGE_THREAD))
        return all - own;
    }
  return -1;
}

/* FALSE where that cannot be known, too. The kernel says "running", or begins with a number. */
static gboolean
is_asleep (pid_t tid)
{
  char path[64] = TASK_DIRECTORY "/";
  char first = 'r';
  gboolean was_read;
  int fd;

  strcpy (pcall_write_number (path + strlen (path), (guint) tid), "/syscall");
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return FALSE;

  was_read = read (fd, &first, 1) == 1;
  close (fd);
  return was_read && first != 'r';
}

/* FALSE where there are too many. */
static gboolean
add_thread (pid_t     tid,
            gboolean *is_here)
{
  if (tid == seen.owner)
    return *is_here = TRUE;
  if (seen.n_others == MAX_OTHERS)
    return FALSE;

  seen.others[seen.n_others++] = tid;
  return TRUE;
}

/* Where the directory does not know this thread it is that of another namespace. */
static gboolean
list_threads (void)
{
  DIR *tasks = opendir (TASK_DIRECTORY);
  gboolean is_here = FALSE;
  gboolean worked = tasks != NULL;
  struct dirent *entry;

  seen.n_others = 0;
  while (worked && (errno = 0, entry = readdir (tasks)) != NULL)
    if (g_ascii_isdigit (entry->d_name[0]))
      worked = add_thread (strtol (entry->d_name, NULL, 10), &is_here);
  worked = worked && errno == 0 && is_here;

  if (tasks != NULL)
    closedir (tasks);
  return worked;
}

/* Nobody can guess it: it is written where children can write, too. */
static guint64
make_mark (void)
{
  guint64 mark;

  return getrandom (&mark, sizeof mark, GRND_NONBLOCK) == sizeof mark ? mark : 0;
}

static gboolean
is_unchanged (void)
{
  return seen.mark != 0 && gettid () == seen.owner && count_threads () == seen.n_others + 1 &&
         count_others_switches () == seen.n_switches;
}

guint64
pcall_threads_mark (void)
{
  if (is_unchanged ())
    return seen.mark;

  seen.owner = gettid ();
  seen.n_switches = count_others_switches ();
  seen.mark = seen.n_switches >= 0 && list_threads () ? make_mark () : 0;
  return seen.mark;
}

gboolean
pcall_threads_is_marked (guint64 mark)
{
  return mark != 0 && mark == seen.mark;
}

static gboolean
are_asleep (void)
{
  for (guint i = 0; i < seen.n_others; i++)
    if (!is_asleep (seen.others[i]))
      return FALSE;
  return TRUE;
}

/* Switches are counted last: those of a thread that is found asleep are among them. */
gboolean
pcall_threads_have_slept (guint64 mark)
{
  if (mark == 0 || mark != seen.mark)
    return FALSE;
  if (are_asleep () && is_unchanged ())
    return TRUE;

  seen.mark = 0;
  return FALSE;
}
