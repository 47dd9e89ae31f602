/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Starting without room: descriptors run out at each step, forks fail, the system refuses a call.
 *
 * Where not one child can be made, start() says so, and leaves everything as it was; where some
 * can, the others wait for their turn. Each row runs in a process of its own. */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tally.h"
#include "traces.h"

#define NOBODY 65534
#define UNKNOWN 54321
#define MANY_CALLS 20

static GVariant *
succeed (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static PcallTask *
new_task (guint n_calls)
{
  PcallTask *task = pcall_task_new_for_func (succeed, NULL, NULL);

  pcall_task_set_n_calls (task, n_calls);
  return task;
}

/* Starts and joins; FALSE where a child could not be made. Any other error fails the test. */
static gboolean
run_or_fail_to_start (guint n_calls)
{
  PcallTask *task = new_task (n_calls);
  Tally *tally = tally_new (task);
  g_autoptr (GError) error = NULL;

  if (!pcall_task_start (task, &error))
    {
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_false (pcall_task_get_running (task));
    }
  else
    {
      if (!pcall_task_join (task, TEST_LIMIT, NULL, &error))
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      tally_assert_complete (tally);
    }

  tally_free (tally);
  g_assert_finalize_object (task);
  return error == NULL;
}

static void
assert_all_succeed (guint n_calls)
{
  g_autoptr (PcallTask) task = new_task (n_calls);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_n_children (results), ==, n_calls);
}

/* Descriptors */

/* Leaves no number free below the highest that is taken, and gives the first after it. */
static int
fill_holes (void)
{
  int highest = STDERR_FILENO;
  int fd;

  for (fd = 0; fd < 1024; fd++)
    if (fcntl (fd, F_GETFD) >= 0)
      highest = fd;
  while ((fd = open ("/dev/null", O_RDONLY | O_CLOEXEC)) < highest)
    g_assert_cmpint (fd, >=, 0);
  close (fd);
  return highest + 1;
}

static void
allow_descriptors (rlim_t n)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* One descriptor more each time, until all goes well three times in a row. */
static void
descriptors_run_out (gconstpointer data)
{
  guint n_calls = GPOINTER_TO_UINT (data);
  struct rlimit limit;
  guint n_failed = 0;
  guint n_good = 0;
  int first;

  assert_all_succeed (n_calls);
  first = fill_holes ();
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));

  for (guint room = 0; n_good < 3; room++)
    {
      g_autofree char *before = traces_take ();
      gboolean ran;

      g_assert_cmpuint (room, <, 100);
      allow_descriptors (first + room);
      ran = run_or_fail_to_start (n_calls);
      allow_descriptors (limit.rlim_cur);
      traces_assert_back (before);

      n_failed += !ran;
      n_good = ran ? n_good + 1 : 0;
    }
  g_test_message ("started with room for %u descriptors", n_failed);
  g_assert_cmpuint (n_failed, >, 5);
}

/* Forks */

static struct
{
  guint n;
  guint first_bad;
  guint every; /* 0: only the first */
  int   error_number;
} forks;

static gint
failing_fork (gpointer data)
{
  guint n = forks.n++;

  if (n == forks.first_bad ||
      (forks.every > 0 && n > forks.first_bad && (n - forks.first_bad) % forks.every == 0))
    {
      errno = forks.error_number;
      return -1;
    }
  return fork ();
}

static void
fail_forks (guint first_bad,
            guint every,
            int   error_number)
{
  forks.n = 0;
  forks.first_bad = first_bad;
  forks.every = every;
  forks.error_number = error_number;
  pcall_set_fork_func (failing_fork, NULL, NULL);
}

static const int fork_errors[] = { EAGAIN, ENOMEM };

static void
first_fork_fails (gconstpointer data)
{
  assert_all_succeed (1);
  for (gsize i = 0; i < G_N_ELEMENTS (fork_errors); i++)
    {
      g_autofree char *before = traces_take ();
      g_autoptr (PcallTask) task = new_task (MANY_CALLS);
      g_autoptr (GError) error = NULL;

      fail_forks (0, 0, fork_errors[i]);
      g_assert_false (pcall_task_start (task, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_nonnull (strstr (error->message, g_strerror (fork_errors[i])));
      g_assert_cmpuint (forks.n, ==, 1);
      traces_assert_back (before);

      /* Nothing of it has begun, so it can be tried again. */
      g_clear_error (&error);
      g_assert_true (pcall_task_start (task, &error));
      g_assert_no_error (error);
      g_assert_true (pcall_task_join (task, TEST_LIMIT, NULL, &error));
      g_assert_no_error (error);
      g_clear_object (&task);
      traces_assert_back (before);
    }
}

/* Those that could not be made wait until others have ended. */
static void
later_fork_fails (gconstpointer data)
{
  assert_all_succeed (1);
  for (guint first_bad = 1; first_bad < MANY_CALLS; first_bad++)
    for (gsize i = 0; i < G_N_ELEMENTS (fork_errors); i++)
      {
        g_autofree char *before = traces_take ();

        fail_forks (first_bad, 0, fork_errors[i]);
        assert_all_succeed (MANY_CALLS);
        g_assert_cmpuint (forks.n, ==, MANY_CALLS + 1);
        traces_assert_back (before);
      }
}

static void
every_third_fork_fails (gconstpointer data)
{
  g_autofree char *before = NULL;

  assert_all_succeed (1);
  before = traces_take ();
  fail_forks (1, 3, EAGAIN);
  assert_all_succeed (100);
  g_assert_cmpuint (forks.n, >, 100);
  traces_assert_back (before);
}

/* Real limits */

/* Whether there may be one process more. */
static gboolean
can_fork (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    _exit (EXIT_SUCCESS);
  if (pid > 0)
    g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  return pid > 0;
}

/* The limit is one of all the processes that a user has, and some of them nobody here may see. So
 * how many there are is tried. */
static void
leave_room_for (guint n_processes)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NPROC, &limit));
  for (limit.rlim_cur = 1; limit.rlim_cur < limit.rlim_max; limit.rlim_cur++)
    {
      g_assert_no_errno (setrlimit (RLIMIT_NPROC, &limit));
      if (can_fork ())
        break;
    }

  limit.rlim_cur += n_processes - 1;
  limit.rlim_max = limit.rlim_cur;
  g_assert_no_errno (setrlimit (RLIMIT_NPROC, &limit));
}

static void
limit_of_processes (gconstpointer data)
{
  if (geteuid () == 0 && (chown (g_getenv ("XDG_RUNTIME_DIR"), NOBODY, NOBODY) < 0 ||
                          setresuid (NOBODY, NOBODY, NOBODY) < 0))
    return;
  leave_room_for (5);
  assert_all_succeed (30);
}

static gpointer
wait_for_unlock (gpointer data)
{
  GMutex *mutex = data;

  g_mutex_lock (mutex);
  g_mutex_unlock (mutex);
  return NULL;
}

/* GLib warns when it is asked for the home of a user whom the system does not know; neither this
 * process nor a child may ask, as long as nobody wants to know. */
static void
user_without_home (gconstpointer data)
{
  GMutex mutex;
  GThread *thread;

  if (geteuid () == 0 && (chown (g_getenv ("XDG_RUNTIME_DIR"), UNKNOWN, UNKNOWN) < 0 ||
                          setresuid (UNKNOWN, UNKNOWN, UNKNOWN) < 0))
    return;
  g_assert_null (getpwuid (UNKNOWN));
  g_unsetenv ("HOME");

  g_mutex_init (&mutex);
  g_mutex_lock (&mutex);
  thread = g_thread_new ("other", wait_for_unlock, &mutex);
  assert_all_succeed (4);
  g_mutex_unlock (&mutex);
  g_thread_join (thread);
}

/* A group of this test's own, under that of pids in a hierarchy of version 1 or 2. */
static char *
make_control_group (void)
{
  static const char *const roots[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup" };

  for (gsize i = 0; i < G_N_ELEMENTS (roots); i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/pcall-test-%d", roots[i], getpid ());
      g_autofree char *limit = g_build_filename (path, "pids.max", NULL);

      if (mkdir (path, 0755) < 0)
        continue;
      if (access (limit, W_OK) == 0)
        return g_steal_pointer (&path);
      rmdir (path);
    }
  return NULL;
}

static void
write_control (const char *group,
               const char *name,
               int         value)
{
  g_autofree char *path = g_build_filename (group, name, NULL);
  g_autofree char *text = g_strdup_printf ("%d", value);
  int fd = open (path, O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (write (fd, text, strlen (text)), ==, strlen (text));
  close (fd);
}

#define GROUP_VARIABLE "PCALL_TEST_GROUP"

static void
control_group_is_full (gconstpointer data)
{
  const char *group = g_getenv (GROUP_VARIABLE);
  g_autofree char *before = NULL;

  assert_all_succeed (1);
  write_control (group, "cgroup.procs", getpid ());
  before = traces_take ();

  write_control (group, "pids.max", 1);
  g_assert_false (run_or_fail_to_start (5));
  traces_assert_back (before);

  write_control (group, "pids.max", 5);
  assert_all_succeed (30);
  traces_assert_back (before);
}

static gboolean
group_is_gone (gpointer group)
{
  return rmdir (group) == 0;
}

static void
test_control_group (void)
{
  g_autofree char *group = NULL;

  if (!g_test_subprocess () && (group = make_control_group ()) == NULL)
    {
      g_test_skip ("no control group can be made here");
      return;
    }
  if (group != NULL)
    g_setenv (GROUP_VARIABLE, group, TRUE);
  traces_in_subprocess (control_group_is_full, NULL);
  if (group != NULL)
    g_assert_true (traces_wait_until (group_is_gone, group));
}

/* Refused calls */

typedef struct
{
  const char *name;
  guint32     number;
  int         error_number;
  guint32     first; /* the call's first argument; 0 for any */
} Refusal;

/* Not every architecture has each call by itself. */
#ifdef SYS_socketcall
#define SOCKETPAIR SYS_socketcall, ENOBUFS, SYS_SOCKETPAIR
#else
#define SOCKETPAIR SYS_socketpair, ENOBUFS, 0
#endif
#ifdef SYS_mkdir
#define MKDIR SYS_mkdir
#else
#define MKDIR SYS_mkdirat
#endif

static const Refusal refusals[] = {
  { "epoll-create", SYS_epoll_create1, ENFILE, 0 },
  { "epoll-ctl", SYS_epoll_ctl, ENOSPC, 0 },
  { "timerfd-create", SYS_timerfd_create, ENFILE, 0 },
  { "pipe", SYS_pipe2, ENFILE, 0 },
  { "socketpair", SOCKETPAIR },
#ifndef __SANITIZE_ADDRESS__ /* it clones itself when it looks for leaks */
  { "clone", SYS_clone, ENOMEM, 0 },
#endif
  { "pidfd-open", SYS_pidfd_open, ENOMEM, 0 },
  { "mkdir", MKDIR, ENOSPC, 0 },
  { "setpgid", SYS_setpgid, EPERM, 0 },
};

static void
refuse (const Refusal *refusal)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, refusal->number, 0, 3),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, args)),
    BPF_JUMP (BPF_JMP | BPF_K | (refusal->first != 0 ? BPF_JEQ : BPF_JGE), refusal->first, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusal->error_number),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  g_assert_no_errno (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  g_assert_no_errno (prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

/* An error, and nothing left; twice, as what was made once may differ. */
static void
call_is_refused (gconstpointer data)
{
  g_autofree char *before = NULL;

  assert_all_succeed (1);
  before = traces_take ();
  refuse (data);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_false (run_or_fail_to_start (3));
      traces_assert_back (before);
    }
}

static void
test_refusal (gconstpointer data)
{
  traces_in_subprocess (call_is_refused, data);
}

typedef struct
{
  const char   *path;
  void (*func) (gconstpointer data);
  gconstpointer data;
} Row;

static const Row rows[] = {
  { "/starting/descriptors-run-out/one-call", descriptors_run_out, GUINT_TO_POINTER (1) },
  { "/starting/descriptors-run-out/few-calls", descriptors_run_out, GUINT_TO_POINTER (3) },
  { "/starting/descriptors-run-out/many-calls", descriptors_run_out, GUINT_TO_POINTER (100) },
  { "/starting/first-fork-fails", first_fork_fails, NULL },
  { "/starting/later-fork-fails", later_fork_fails, NULL },
  { "/starting/every-third-fork-fails", every_third_fork_fails, NULL },
  { "/starting/limit-of-processes", limit_of_processes, NULL },
  { "/starting/user-without-home", user_without_home, NULL },
};

static void
test_starting (gconstpointer data)
{
  const Row *row = data;

  traces_in_subprocess (row->func, row->data);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_starting);
  g_test_add_func ("/starting/control-group", test_control_group);
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autofree char *path = g_strdup_printf ("/starting/refused/%s", refusals[i].name);

      g_test_add_data_func (path, &refusals[i], test_refusal);
    }

  return g_test_run ();
}
