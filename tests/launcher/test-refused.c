/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A filter that refuses one system call, as a container's may: everywhere, in the agent and its
 * workers, or in workers alone. A task on other machines ends all the same, before long, and either
 * its results are right or an error says that something is wrong. The agent ends, too. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher-support.h"
#include "no-leak-check.h"
#include "refusing-support.h"

#define N_CALLS 3
#define REFUSE "--refuse"

/* What nothing that works takes, however busy the machine: a hang does. */
#define HANG_S 30

/* A launcher waits so long for its commands to end by themselves, or by SIGTERM. */
#define KILLED_AFTER_US (8 * G_USEC_PER_SEC)

/* A call that is lost with its agent leaves time for three commands more. */
#define LIMIT_S 20.0

typedef enum
{
  EVERYWHERE,
  AGENT,
  WORKER,
} Where;

typedef struct
{
  const char *name;
  long        number;
  gboolean    is_needed; /* by this program itself */
} Call;

#define CALL(name) { #name, SYS_##name, FALSE }
#define NEEDED(name) { #name, SYS_##name, TRUE }

/* But exit (), without which no thread ends. */
static const Call calls[] = {
  CALL (accept4), CALL (bind), NEEDED (brk), CALL (chdir), CALL (clock_nanosleep), CALL (clone),
  NEEDED (clone3), CALL (close), CALL (close_range), CALL (connect), CALL (dup3),
  CALL (epoll_create1), CALL (epoll_ctl), CALL (epoll_pwait), CALL (eventfd2), CALL (execve),
  CALL (faccessat2), CALL (fcntl), CALL (flock), CALL (fstatfs), CALL (ftruncate),
  CALL (getdents64), CALL (getegid), CALL (geteuid), CALL (getgid), CALL (getpgid), CALL (getpid),
  CALL (getppid), CALL (getrandom), CALL (getrusage), CALL (getsockname), CALL (getsockopt),
  CALL (getuid), CALL (inotify_add_watch), CALL (inotify_init1), CALL (inotify_rm_watch),
  CALL (ioctl), CALL (kill), CALL (listen), CALL (lseek), CALL (madvise), CALL (memfd_create),
  CALL (mkdirat), NEEDED (mprotect), CALL (mremap), CALL (newfstatat), CALL (openat),
  CALL (pidfd_open), CALL (pidfd_send_signal), CALL (pipe2), CALL (ppoll), CALL (prctl),
  CALL (pread64), CALL (prlimit64), CALL (pwrite64), NEEDED (read), CALL (readlinkat),
  CALL (recvfrom), CALL (recvmsg), CALL (renameat2), NEEDED (rseq), CALL (rt_sigaction),
  CALL (rt_sigprocmask), CALL (sendmsg), CALL (sendto), CALL (set_robust_list), CALL (setpgid),
  CALL (setsid), CALL (setsockopt), CALL (shutdown), CALL (signalfd4), CALL (socket),
  CALL (socketpair), CALL (statfs), CALL (statx), CALL (timer_create), CALL (timer_settime),
  CALL (timerfd_create), CALL (timerfd_settime), CALL (umask), CALL (uname), CALL (unlinkat),
  CALL (wait4), CALL (waitid), CALL (writev), NEEDED (exit_group), NEEDED (futex),
  NEEDED (mmap), NEEDED (munmap), NEEDED (rt_sigreturn), NEEDED (write),
#ifdef SYS_poll
  CALL (access), CALL (dup2), CALL (epoll_wait), CALL (fork), CALL (getpgrp), CALL (mkdir),
  CALL (open), CALL (pipe), CALL (poll), CALL (readlink), CALL (rename), CALL (rmdir),
  CALL (unlink), CALL (vfork),
#endif
};

/* What there was something to mend about, and the rest in the slow form. */
static const char * const short_form[] = {
  "accept4", "epoll_ctl", "epoll_wait", "getsockname", "kill", "pidfd_open", "poll", "recvmsg",
  "sendmsg", "setsid", "signalfd4", NULL
};

static const int errors[] = { EPERM, ENOSYS };
static const char * const error_names[] = { "eperm", "enosys" };
static const char * const places[] = { "everywhere", "agent", "worker" };

typedef struct
{
  const Call *call;
  int         error_number;
  Where       where;
} Run;

static char *own_path;

static GLogWriterOutput
write_words (GLogLevelFlags   level,
             const GLogField *fields,
             gsize            n_fields,
             gpointer         data)
{
  g_autofree char *text = g_log_writer_format_fields (level, fields, n_fields, FALSE);

  fprintf (stderr, "# %s\n", text);
  return G_LOG_WRITER_HANDLED;
}

/* The worker program of @directory is the real one, refused the call. */
static void
put_worker (const char *directory, const char *number, const char *error_number)
{
  g_autofree char *path = g_build_filename (directory, "pcall-worker", NULL);
  g_autofree char *text =
      g_strdup_printf ("#!/bin/sh\nexec '%s' " REFUSE " %s %s '%s/pcall-worker' \"$@\"\n", own_path,
                       number, error_number, g_getenv ("PCALL_WORKER_DIR"));

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_assert_no_errno (chmod (path, 0700));
}

static PcallLauncher *
make_launcher (const Run *run, const char *directory)
{
  g_autofree char *number = g_strdup_printf ("%ld", run->call->number);
  g_autofree char *error_number = g_strdup_printf ("%d", run->error_number);
  g_autofree char *agent =
      g_build_filename (g_getenv ("PCALL_WORKER_DIR"), "pcall-agent", NULL);
  g_autofree char *variable = g_strdup_printf ("PCALL_WORKER_DIR=%s", directory);
  const char *refused[] = { own_path, REFUSE, number, error_number, "{agent}", NULL };
  const char *plain[] = { "/usr/bin/env", variable, "{agent}", NULL };
  const char *as_it_is[] = { "{agent}", NULL };
  PcallLauncher *launcher;

  if (run->where == WORKER)
    put_worker (directory, number, error_number);
  launcher = pcall_launcher_new (run->where == AGENT    ? refused
                                 : run->where == WORKER ? plain
                                                        : as_it_is,
                                 1, PCALL_LAUNCHER_CONNECT);
  pcall_launcher_set_agent (launcher, agent);
  return launcher;
}

/* TRUE if all went well. */
static gboolean
check_calls (PcallTask *task)
{
  gboolean good = TRUE;

  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) result = support_end (task, i, &error);

      if (result != NULL)
        g_assert_cmpuint (g_variant_get_uint32 (result), ==, i);
      if (error != NULL)
        fprintf (stderr, "# %s\n", error->message);
      good = good && result != NULL;
    }
  return good;
}

static void
run_task (PcallTask *task)
{
  g_autoptr (GError) error = NULL;

  if (!pcall_task_start (task, &error))
    {
      fprintf (stderr, "# not started: %s\n", error->message);
      return;
    }
  pcall_task_join (task, LIMIT_S, NULL, NULL);
  g_assert_false (pcall_task_get_running (task));
  if (check_calls (task))
    fprintf (stderr, "# works\n");
}

/* Files may be left, where they may not be removed. */
static gboolean
has_same_processes (gpointer before)
{
  g_autofree char *now = traces_take ();
  g_auto (GStrv) lines = g_strsplit (now, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    if (g_str_has_prefix (lines[i], "child ") && strstr (before, lines[i]) == NULL)
      return FALSE;
  return TRUE;
}

/* By itself, where it can: it is killed in the end. */
static void
wait_for_end (const Run *run, char *before)
{
  gint64 begun = g_get_monotonic_time ();

  g_assert_true (traces_wait_until (has_same_processes, before));
  if (run->call->number != SYS_exit_group)
    g_assert_cmpint (g_get_monotonic_time () - begun, <, KILLED_AFTER_US);
}

static void
run_refused (gconstpointer data)
{
  const Run *run = data;
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *before = traces_take ();
  g_autoptr (PcallLauncher) launcher = make_launcher (run, directory);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", N_CALLS);

  alarm (HANG_S);
  if (run->where == EVERYWHERE)
    refusing_begin (run->call->number, run->error_number);
  run_task (task);
  g_clear_object (&task);
  g_clear_object (&launcher);
  if (run->where == EVERYWHERE)
    return;
  wait_for_end (run, before);
  launcher_remove_directory (directory);
}

static void
test_refused (gconstpointer data)
{
  traces_in_subprocess (run_refused, data);
}

static void
add (const Call *call, guint error, Where where)
{
  static Run runs[G_N_ELEMENTS (calls) * G_N_ELEMENTS (errors) * G_N_ELEMENTS (places)];
  static guint n;
  g_autofree char *path = g_strdup_printf ("/pcall/refused/%s/%s/%s", places[where],
                                           error_names[error], call->name);

  runs[n] = (Run) { call, errors[error], where };
  g_test_add_data_func (path, &runs[n++], test_refused);
}

/* In between: PROGRAM, refused the call */
static int
become_refused (char **argv)
{
  refusing_begin (atol (argv[0]), atoi (argv[1]));
  execv (argv[2], argv + 2);
  perror (argv[2]);
  return 127;
}

int
main (int argc, char *argv[])
{
  if (argc > 4 && strcmp (argv[1], REFUSE) == 0)
    return become_refused (argv + 2);

  g_test_init (&argc, &argv, NULL);
  /* What warns goes on. */
  g_unsetenv ("G_DEBUG");
#ifdef __SANITIZE_ADDRESS__
  g_setenv ("ASAN_OPTIONS", "detect_leaks=0", TRUE); /* of agents and workers */
#endif
  traces_begin_without_log ();
  g_log_set_writer_func (write_words, NULL, NULL);
  own_path = g_file_read_link ("/proc/self/exe", NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    if (g_test_slow () || g_strv_contains (short_form, calls[i].name))
      for (guint j = 0; j < G_N_ELEMENTS (errors); j++)
        {
          if (!calls[i].is_needed)
            add (&calls[i], j, EVERYWHERE);
          add (&calls[i], j, AGENT);
          add (&calls[i], j, WORKER);
        }

  return g_test_run ();
}
