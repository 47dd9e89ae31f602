/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Machines that lack something: no /proc, nowhere to write to, system calls that a filter refuses,
 * as a container's does. Where there is another way tasks work all the same; where there is none an
 * error says at once what is missing. Each row runs in a process of its own. */

#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "log-keeper.h"
#include "namespaces.h"
#include "no-leak-check.h"
#include "refusing-support.h"
#include "spawn-support.h"

#define NOBODY 65534

/* No task of these takes longer where nothing hangs. */
#define HANG_S 20

static GVariant *
print_line (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("a line of %u\n", pcall_get_call_index ());
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static GVariant *
return_large (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gsize size = 1 << 20;

  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, g_malloc0 (size), size, TRUE, g_free,
                                  NULL);
}

/* Tasks of each kind */

typedef struct
{
  const char  *name;
  PcallFunc    func; /* NULL: a worker is asked */
  guint        calls_per_child;
  PcallLogMode log_mode;
  gdouble      timeout;
} Kind;

static const Kind kinds[] = {
  { "once", print_line, 1, PCALL_LOG_MODE_SECTIONS, 0 },
  { "reuse", print_line, 0, PCALL_LOG_MODE_SECTIONS, 0 },
  { "live", print_line, 1, PCALL_LOG_MODE_LIVE, 0 },
  { "inherit", print_line, 1, PCALL_LOG_MODE_INHERIT, 0 },
  { "large", return_large, 1, PCALL_LOG_MODE_SECTIONS, 0 },
  { "timeout", support_sleep, 1, PCALL_LOG_MODE_SECTIONS, 0.1 },
  { "timeout-in-reuse", support_sleep, 0, PCALL_LOG_MODE_SECTIONS, 0.1 },
  { "worker", NULL, 0, PCALL_LOG_MODE_SECTIONS, 0 },
};

static PcallTask *
new_task_of (const Kind *kind)
{
  g_autoptr (PcallTarget) target = kind->func != NULL
                                       ? pcall_target_new ("name", kind->func, NULL, NULL)
                                       : spawn_target ("get_index");
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, 2);
  pcall_task_set_calls_per_child (task, kind->calls_per_child);
  pcall_task_set_log_mode (task, kind->log_mode);
  pcall_task_set_timeout (task, kind->timeout);
  pcall_task_set_grace_period (task, 0.1);
  return task;
}

/* Runs a task of that kind, and gives its error; NULL where all went as it should. */
static GError *
run_kind (const Kind *kind)
{
  PcallTask *task = new_task_of (kind);
  g_autoptr (GError) error = NULL;
  gint64 begun = g_get_monotonic_time ();
  gboolean good = pcall_task_start (task, &error) && pcall_task_join (task, HANG_S, NULL, &error);

  g_assert_cmpint (g_get_monotonic_time () - begun, <, HANG_S * G_USEC_PER_SEC);
  if (!good && kind->timeout > 0 && g_error_matches (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT))
    g_clear_error (&error);
  g_assert_finalize_object (task);
  return g_steal_pointer (&error);
}

static void
assert_works (gboolean captures)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GError) error = NULL;

      log_keeper_reset (NULL, NULL);
      error = run_kind (&kinds[i]);
      if (error != NULL)
        g_error ("%s: %s", kinds[i].name, error->message);
      if (kinds[i].func == print_line && kinds[i].log_mode != PCALL_LOG_MODE_INHERIT && captures)
        g_assert_nonnull (strstr (log_keeper_get_text (), "1: a line of 1\n"));
    }
}

/* The parent is killed: its children go with it, busy or not. */
static void
assert_no_orphans (void)
{
  SupportPipe pipe;
  pid_t victim;

  support_pipe_open (&pipe);
  victim = fork ();
  if (victim == 0)
    {
      g_autoptr (PcallTask) task = support_task (support_sleep, 3);

      support_start (task);
      support_pipe_put (&pipe, 0);
      for (;;)
        pause ();
    }
  support_pipe_get (&pipe);
  g_assert_no_errno (close (pipe.write_fd));
  kill (victim, SIGKILL);
  g_assert_cmpint (waitpid (victim, NULL, 0), ==, victim);

  /* The end of the pipe: whoever held it is gone. */
  g_assert_cmpint (read (pipe.read_fd, &(char) { 0 }, 1), ==, 0);
  close (pipe.read_fd);
}

/* File systems */

static void
hide (const char *path, unsigned long flags)
{
  g_assert_no_errno (mount ("none", path, "tmpfs", flags, NULL));
}

static void
enter_mounts (void)
{
  g_assert_no_errno (unshare (CLONE_NEWNS));
  g_assert_no_errno (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static void
without_proc (gconstpointer data)
{
  enter_mounts ();
  hide ("/proc", 0);
  assert_works (TRUE);
  assert_no_orphans ();
}

/* What children print goes where the parent's goes, and each says why. */
static void
without_room (gconstpointer data)
{
  static const char *const places[] = { "/dev/shm", "/tmp" };
  const Kind *kind = &kinds[0];

  enter_mounts ();
  g_unsetenv ("XDG_RUNTIME_DIR");
  g_unsetenv ("TMPDIR");
  for (gsize i = 0; i < G_N_ELEMENTS (places); i++)
    hide (places[i], MS_RDONLY);
  log_keeper_reset (NULL, NULL);
  g_assert_no_error (run_kind (kind));
  g_assert_nonnull (strstr (log_keeper_get_text (),
                            "1: call 1 (name): its output is not here: no log file could be made: "
                            "Read-only file system\n"));
  assert_works (FALSE);
}

/* The first directory has no room, or may not be written to: the next one is taken. */
static void
with_full_directory (gconstpointer data)
{
  g_autofree char *text = g_strnfill (1 << 20, 'x');
  g_autofree char *path = g_build_filename ("/mnt", "filler", NULL);

  enter_mounts ();
  g_assert_no_errno (mount ("none", "/mnt", "tmpfs", 0, "size=64k"));
  g_setenv ("XDG_RUNTIME_DIR", "/mnt", TRUE);
  g_file_set_contents (path, text, 1 << 16, NULL);
  assert_works (TRUE);

  g_assert_no_errno (umount ("/mnt"));
  hide ("/mnt", MS_RDONLY);
  assert_works (TRUE);
}

/* Privileges that are dropped while a task runs: /proc/self may not be looked into any more. */
static void
drop_privileges (PcallTask *task, PcallCall *call, gpointer data)
{
  if (getuid () != 0)
    return;
  g_assert_no_errno (setgroups (0, NULL));
  g_assert_no_errno (setresgid (NOBODY, NOBODY, NOBODY));
  g_assert_no_errno (setresuid (NOBODY, NOBODY, NOBODY));
}

static void
without_privileges (gconstpointer data)
{
  PcallTask *task = support_task (support_index, 5);

  pcall_task_set_max_children (task, 1);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  g_signal_connect (task, "call-finished", G_CALLBACK (drop_privileges), NULL);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>, <uint32 4>]");
  g_assert_finalize_object (task);
  assert_no_orphans ();
}

/* Nothing may be written that has a length. A pool's worker has memory of that kind. */
static void
with_file_size_limit (gconstpointer data)
{
  const struct rlimit none = { 0, 0 };
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  PcallTask *task = symbol_task ("get_index", 2);
  g_autoptr (GError) error = NULL;

  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &none));
  assert_works (FALSE);
  pcall_task_set_pool (task, pool);
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_finalize_object (task);
}

/* System calls */

typedef struct
{
  const char *name;
  long        number;
  gboolean    works; /* without it, too */
  gboolean    loses_logs;
} Call;

static const Call calls[] = {
  { "pidfd_open", SYS_pidfd_open, TRUE, FALSE },
  { "pidfd_send_signal", SYS_pidfd_send_signal, TRUE, FALSE },
  { "flock", SYS_flock, TRUE, FALSE },
  { "getrandom", SYS_getrandom, TRUE, FALSE },
  { "memfd_create", SYS_memfd_create, TRUE, FALSE },
  { "close_range", SYS_close_range, TRUE, FALSE },
  { "madvise", SYS_madvise, TRUE, FALSE },
  { "statfs", SYS_statfs, TRUE, FALSE },
  { "faccessat2", SYS_faccessat2, TRUE, FALSE },
  { "inotify_add_watch", SYS_inotify_add_watch, TRUE, FALSE },
  { "inotify_rm_watch", SYS_inotify_rm_watch, TRUE, FALSE },
  { "ioctl", SYS_ioctl, TRUE, FALSE },
#ifndef __SANITIZE_ADDRESS__ /* it does not start without */
  { "prlimit64", SYS_prlimit64, TRUE, FALSE },
#endif
  { "getpgid", SYS_getpgid, TRUE, FALSE },
  { "unlinkat", SYS_unlinkat, TRUE, FALSE },
  { "dup3", SYS_dup3, TRUE, FALSE },
  { "setsockopt", SYS_setsockopt, TRUE, FALSE },
  { "sendto", SYS_sendto, TRUE, FALSE },
  { "recvfrom", SYS_recvfrom, TRUE, FALSE },
  { "mkdirat", SYS_mkdirat, TRUE, FALSE },
#ifdef SYS_mkdir
  { "mkdir", SYS_mkdir, TRUE, TRUE },
#endif
  { "epoll_create1", SYS_epoll_create1, FALSE, TRUE },
  { "epoll_ctl", SYS_epoll_ctl, FALSE, TRUE },
  { "eventfd2", SYS_eventfd2, FALSE, TRUE },
  { "timerfd_create", SYS_timerfd_create, FALSE, TRUE },
  { "socketpair", SYS_socketpair, FALSE, TRUE },
  { "pipe2", SYS_pipe2, FALSE, TRUE },
  { "setpgid", SYS_setpgid, FALSE, TRUE },
  { "dup2", SYS_dup2, FALSE, TRUE },
  { "fcntl", SYS_fcntl, FALSE, TRUE },
};

typedef struct
{
  const Call *call;
  int         error_number;
} Refusal;

static void
assert_says_why (const Refusal *refusal)
{
  for (gsize i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autoptr (GError) error = run_kind (&kinds[i]);

      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_nonnull (strstr (error->message, g_strerror (refusal->error_number)));
    }
}

static void
with_refusal (gconstpointer data)
{
  const Refusal *refusal = data;

  refusing_begin (refusal->call->number, refusal->error_number);
  if (refusal->call->works)
    assert_works (!refusal->call->loses_logs);
  else
    assert_says_why (refusal);
}

typedef struct
{
  const char *path;
  void (*func) (gconstpointer data);
  int         namespaces;
} Row;

static const Row rows[] = {
  { "/environments/without-proc", without_proc, CLONE_NEWNS },
  { "/environments/without-room", without_room, CLONE_NEWNS },
  { "/environments/full-directory", with_full_directory, CLONE_NEWNS },
  { "/environments/without-privileges", without_privileges, 0 },
  { "/environments/file-size-limit", with_file_size_limit, 0 },
};

/* What hides /tmp hides what is built there. */
static gboolean
skip_in_tmp (void)
{
  const char *directory = g_getenv ("PCALL_WORKER_DIR");

  if (directory == NULL || !g_str_has_prefix (directory, "/tmp/"))
    return FALSE;
  g_test_skip ("built in /tmp, which is hidden here");
  return TRUE;
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;

  if (row->func == without_room && skip_in_tmp ())
    return;
  if (row->namespaces == 0 || !skip_without_namespace (row->namespaces))
    traces_in_subprocess (row->func, NULL);
}

static void
test_refusal (gconstpointer data)
{
  traces_in_subprocess (with_refusal, data);
}

int
main (int argc, char *argv[])
{
  static const int errors[] = { EPERM, ENOSYS };
  static Refusal refusals[G_N_ELEMENTS (calls)][G_N_ELEMENTS (errors)];

  g_test_init (&argc, &argv, NULL);
#ifdef __SANITIZE_ADDRESS__
  g_setenv ("ASAN_OPTIONS", "detect_leaks=0", TRUE); /* of workers */
#endif
  log_keeper_begin ();
  traces_begin_without_log ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_row);
  for (gsize i = 0; i < G_N_ELEMENTS (calls); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (errors); j++)
      {
        g_autofree char *path = g_strdup_printf ("/environments/refused/%s/%s", calls[i].name,
                                                 errors[j] == EPERM ? "eperm" : "enosys");

        refusals[i][j] = (Refusal) { &calls[i], errors[j] };
        g_test_add_data_func (path, &refusals[i][j], test_refusal);
      }

  return g_test_run ();
}
