/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-threads-private.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Whether other threads have run.
 *
 * A thread that sleeps changes nothing. So what was found out about the memory of this process
 * (which locks are free) stays true until another thread runs, and most threads sleep nearly all
 * the time. A mark stands for such a span of time.
 *
 * The kernel tells whether a thread has run since a mark, in one of three ways:
 *
 * - It has run and sleeps again: then it has switched away from its processor once more. The kernel
 *   counts that, exactly, for each thread and for all threads of the process together.
 * - It still runs: then the clock of its processor time goes on while we look at it. That clock has
 *   a resolution of a nanosecond, and a thread that runs is asked for it where it runs.
 * - It is new, or has ended: then the number of threads is another, or the clock of one that we
 *   know is not there any more.
 *
 * A thread that was known to the mark is compared with itself; who marks and who looks is the same
 * thread, so nothing here is shared. A forked child has none of its parent's marks. */

/* More are not worth the time that it takes to look at each of them. */
#define MAX_OTHERS 64

#define MAX_TRIES 3

/* "." and ".." of the directory with one more for each thread */
#define N_FIXED_LINKS 2

/* What the number of a clock says (the kernel's CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED): that of a
 * thread, in nanoseconds. pthread_getcpuclockid() makes the same, for threads that one has made. */
#define CLOCK_OF_THREAD 6

typedef struct
{
  clockid_t clock;
  gint64    time;
} OtherThread;

typedef struct
{
  guint64     mark; /* 0: none */
  pid_t       owner;
  gint64      n_switches; /* of all other threads together */
  guint       n_others;
  OtherThread others[MAX_OTHERS];
} ThreadsSeen;

static __thread ThreadsSeen seen;

static const char task_directory[] = "/proc/self/task";

/* 0 where it cannot be known. */
static guint
count_threads (void)
{
  struct stat tasks;

  if (stat (task_directory, &tasks) < 0 || tasks.st_nlink <= N_FIXED_LINKS)
    return 0;
  return tasks.st_nlink - N_FIXED_LINKS;
}

gboolean
pcall_threads_exist (void)
{
  return !__libc_single_threaded && count_threads () != 1;
}

static gint64
get_time (clockid_t clock)
{
  struct timespec now;

  if (clock_gettime (clock, &now) < 0)
    return -1;
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
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

/* FALSE where there are too many threads, or one has ended meanwhile. */
static gboolean
add_thread (pid_t     tid,
            gboolean *is_here)
{
  OtherThread *other = &seen.others[seen.n_others];

  if (tid == seen.owner)
    return *is_here = TRUE;
  if (seen.n_others == MAX_OTHERS)
    return FALSE;

  other->clock = (clockid_t) (~(guint) tid << 3 | CLOCK_OF_THREAD);
  other->time = get_time (other->clock);
  seen.n_others++;
  return other->time >= 0;
}

/* Where the directory does not know this thread it is that of another namespace. */
static gboolean
list_threads (void)
{
  DIR *tasks = opendir (task_directory);
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

/* Switches are counted first: a thread that runs while the list is made is seen by them if it sleeps
 * again, else by its clock. */
guint64
pcall_threads_mark (void)
{
  if (pcall_threads_have_slept (seen.mark))
    return seen.mark;

  seen.owner = gettid ();
  seen.n_switches = count_others_switches ();
  seen.mark = seen.n_switches >= 0 && list_threads () ? make_mark () : 0;
  return seen.mark;
}

gboolean
pcall_threads_have_slept (guint64 mark)
{
  if (mark == 0 || mark != seen.mark || gettid () != seen.owner)
    return FALSE;
  if (count_others_switches () != seen.n_switches || count_threads () != seen.n_others + 1)
    return FALSE;

  for (guint i = 0; i < seen.n_others; i++)
    if (get_time (seen.others[i].clock) != seen.others[i].time)
      return FALSE;
  return TRUE;
}
