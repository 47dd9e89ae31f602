/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the application does to itself: it takes exit statuses, has its calls interrupted, closes
 * standard streams, ends threads, forks. Each row runs in a process of its own, which its row may
 * spoil. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tally.h"
#include "traces.h"

/* Calls */

static GVariant *
succeed (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static GVariant *
exit_42 (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  _exit (42);
}

/* By turns: a result, exit 42, a crash. */
static GVariant *
mixed (GVariant *args,
       GVariant *kwargs,
       gpointer  user_data,
       GError  **error)
{
  switch (pcall_get_call_index () % 3)
    {
    case 0:
      return succeed (args, kwargs, user_data, error);
    case 1:
      _exit (42);
    default:
      kill (getpid (), SIGKILL);
      return NULL;
    }
}

/* Until there is a byte for it in a pipe, user_data. */
static GVariant *
wait_for_gate (GVariant *args,
               GVariant *kwargs,
               gpointer  user_data,
               GError  **error)
{
  int *gate = user_data;
  char byte;

  if (read (gate[0], &byte, 1) != 1)
    _exit (88);
  return succeed (args, kwargs, user_data, error);
}

static void
open_gate (int gate[2],
           int n_calls)
{
  g_assert_cmpint (write (gate[1], "0123456789", n_calls), ==, n_calls);
}

static PcallTask *
new_task (PcallFunc func,
          gpointer  user_data,
          guint     n_calls)
{
  PcallTask *task = (pcall_task_new_for_func) (func, user_data, NULL);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, 16);
  return task;
}

static void
assert_all_succeed (PcallTask *task)
{
  g_autoptr (GError) error = NULL;
  G_GNUC_UNUSED g_autoptr (Tally) tally = tally_new (task);

  /* Unless it was started before. */
  if (g_list_model_get_n_items (G_LIST_MODEL (task)) == 0)
    pcall_task_start (task, &error);
  g_assert_no_error (error);
  g_assert_true (pcall_task_join (task, TEST_LIMIT, NULL, &error) || error != NULL);
  g_assert_no_error (error);
}

static void
assert_n_succeed (guint n_calls)
{
  g_autoptr (PcallTask) task = new_task (succeed, NULL, n_calls);

  assert_all_succeed (task);
}

/* Stolen statuses */

/* Whoever took its status: 42 is not success, and told as what it is or as lost. */
static gboolean
assert_exit_42 (PcallCall *call)
{
  g_autoptr (GError) error = pcall_call_dup_error (call);

  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_FAILED);
  if (g_error_matches (error, PCALL_ERROR, PCALL_ERROR_STATUS_LOST))
    return FALSE;
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_EXITED);
  g_assert_nonnull (strstr (error->message, "exited with status 42"));
  return TRUE;
}

static gboolean
assert_killed (PcallCall *call)
{
  g_autoptr (GError) error = pcall_call_dup_error (call);

  if (g_error_matches (error, PCALL_ERROR, PCALL_ERROR_STATUS_LOST))
    return FALSE;
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_CRASHED);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  return TRUE;
}

static gboolean
assert_succeeded (PcallCall *call)
{
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_SUCCEEDED);
  return TRUE;
}

static void
assert_mixed (PcallTask *task,
              Tally     *tally)
{
  static gboolean (*const assertions[]) (PcallCall *) = { assert_succeeded, assert_exit_42,
                                                          assert_killed };
  guint n_lost = 0;

  tally_assert_complete (tally);
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);

      n_lost += !assertions[i % G_N_ELEMENTS (assertions)](call);
    }
  g_test_message ("%u of %u statuses lost", n_lost, pcall_task_get_n_calls (task));
}

static void
run_mixed (guint n_calls)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = new_task (mixed, NULL, n_calls);
  g_autoptr (Tally) tally = tally_new (task);

  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join (task, TEST_LIMIT, NULL, NULL);
  assert_mixed (task, tally);
  g_clear_pointer (&tally, tally_free);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
sigchld_ignored (gconstpointer data)
{
  signal (SIGCHLD, SIG_IGN);
  run_mixed (60);
}

static void
reap_anything (int signum)
{
  int saved_errno = errno;

  while (waitpid (-1, NULL, WNOHANG) > 0)
    ;
  errno = saved_errno;
}

static void
sigchld_handler_reaps (gconstpointer data)
{
  signal (SIGCHLD, reap_anything);
  run_mixed (60);
}

static gpointer
reap_in_a_loop (gpointer data)
{
  gboolean *stop = data;

  while (!g_atomic_int_get (stop))
    if (waitpid (-1, NULL, 0) < 0)
      g_thread_yield ();
  return NULL;
}

static void
thread_reaps (gconstpointer data)
{
  gboolean stop = FALSE;
  GThread *thread = g_thread_new ("thief", reap_in_a_loop, &stop);
  guint n_rounds = traces_rounds (5, 170);

  for (guint i = 0; i < n_rounds; i++)
    run_mixed (60);
  g_atomic_int_set (&stop, TRUE);
  g_thread_join (thread);
}

static void
watched (GPid     pid,
         gint     status,
         gpointer data)
{
}

static void
watch_call (PcallTask *task,
            PcallCall *call,
            gpointer   data)
{
  g_child_watch_add (pcall_call_get_pid (call), watched, NULL);
}

static void
quit (PcallTask *task,
      GMainLoop *loop)
{
  g_main_loop_quit (loop);
}

static void
child_watch_reaps (gconstpointer data)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (PcallTask) task = new_task (mixed, NULL, 60);
  g_autoptr (Tally) tally = tally_new (task);

  /* Later versions of GLib warn where somebody else was faster. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_signal_connect (task, "call-started", G_CALLBACK (watch_call), NULL);
  g_signal_connect (task, "finished", G_CALLBACK (quit), loop);
  g_assert_true (pcall_task_start (task, NULL));
  g_main_loop_run (loop);
  assert_mixed (task, tally);
}

/* Signals */

static void
ignore_signal (int signum)
{
}

static void
every_call_interrupted (gconstpointer data)
{
  struct sigaction action = { .sa_handler = ignore_signal };
  struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
  struct itimerval off = { 0 };

  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
  g_assert_no_errno (setitimer (ITIMER_REAL, &often, NULL));
  for (guint i = 0; i < 10; i++)
    {
      assert_n_succeed (20);
      run_mixed (9);
    }
  g_assert_no_errno (setitimer (ITIMER_REAL, &off, NULL));
}

/* Threads */

typedef struct
{
  PcallTask *task;
  int        gate[2];
} Started;

static gpointer
start_in_thread (gpointer data)
{
  Started *started = data;

  g_assert_true (pcall_task_start (started->task, NULL));
  return NULL;
}

/* PR_SET_PDEATHSIG would kill them here. */
static void
forking_thread_ends (gconstpointer data)
{
  Started started;
  g_autoptr (PcallTask) task = NULL;

  g_assert_no_errno (pipe2 (started.gate, O_CLOEXEC));
  task = started.task = new_task (wait_for_gate, started.gate, 5);
  g_thread_join (g_thread_new ("forker", start_in_thread, &started));

  open_gate (started.gate, 5);
  assert_all_succeed (task);
}

static gpointer
run_in_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  run_mixed (30);
  assert_n_succeed (20);
  g_main_context_pop_thread_default (context);
  return NULL;
}

static void
fork_off_main_thread (gconstpointer data)
{
  g_thread_join (g_thread_new ("forker", run_in_thread, NULL));
}

static gpointer
succeed_in_thread (gpointer data)
{
  for (guint i = 0; i < 10; i++)
    assert_n_succeed (10);
  return NULL;
}

static void
tasks_in_four_threads (gconstpointer data)
{
  GThread *threads[4];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("forker", succeed_in_thread, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Descriptors */

/* A child of the application's own, with a copy of all that is open here, until the gate closes. */
static pid_t
fork_foreigner (int gate[2])
{
  pid_t pid = fork ();
  char byte;

  g_assert_cmpint (pid, >=, 0);
  if (pid > 0)
    return pid;
  close (gate[1]);
  while (read (gate[0], &byte, 1) < 0)
    ;
  _exit (0);
}

/* Nothing waits for an end of file that does not come. */
static void
foreign_fork_holds_on (gconstpointer data)
{
  int gate[2], foreign[2];
  pid_t pids[2];
  g_autoptr (PcallTask) task = NULL;

  g_assert_no_errno (pipe2 (gate, O_CLOEXEC));
  g_assert_no_errno (pipe2 (foreign, O_CLOEXEC));

  task = new_task (wait_for_gate, gate, 5);
  pids[0] = fork_foreigner (foreign);
  g_assert_true (pcall_task_start (task, NULL));
  pids[1] = fork_foreigner (foreign);
  open_gate (gate, 5);
  assert_all_succeed (task);
  run_mixed (30);

  close (foreign[1]);
  for (gsize i = 0; i < G_N_ELEMENTS (pids); i++)
    g_assert_cmpint (waitpid (pids[i], NULL, 0), ==, pids[i]);
}

#define SAVED_FD 200

static gboolean
is_closed (int fd)
{
  return fcntl (fd, F_GETFD) < 0 && errno == EBADF;
}

/* Not with g_assert(), which would write into whatever there is now. */
static void
check_still_closed (int closed)
{
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if ((closed & (1 << fd)) != 0 && !is_closed (fd))
      {
        g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
        g_autofree char *what = g_file_read_link (path, NULL);

        dprintf (SAVED_FD + STDERR_FILENO, "descriptor %d is %s, with %d closed\n", fd, what,
                 closed);
        _exit (1);
      }
}

static void
on_call_finished_check_closed (PcallTask *task,
                               PcallCall *call,
                               gpointer   data)
{
  check_still_closed (GPOINTER_TO_INT (data));
}

static GVariant *
print_and_succeed (GVariant *args,
                   GVariant *kwargs,
                   gpointer  user_data,
                   GError  **error)
{
  char byte;

  /* End of file at once, and places to write to. */
  if (read (STDIN_FILENO, &byte, 1) != 0 || write (STDOUT_FILENO, "", 0) != 0 ||
      write (STDERR_FILENO, "", 0) != 0)
    _exit (88);
  return succeed (args, kwargs, user_data, error);
}

/* What the parent writes to a closed stream must not end up in a descriptor of ours. */
static void
run_with_closed (int          closed,
                 PcallLogMode log_mode)
{
  g_autoptr (PcallTask) task = new_task (print_and_succeed, NULL, 5);
  gboolean joined;

  pcall_task_set_log_mode (task, log_mode);
  g_signal_connect (task, "call-finished", G_CALLBACK (on_call_finished_check_closed),
                    GINT_TO_POINTER (closed));
  g_signal_connect (task, "call-started", G_CALLBACK (on_call_finished_check_closed),
                    GINT_TO_POINTER (closed));

  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (closed & (1 << fd))
      close (fd);

  joined = pcall_task_start (task, NULL);
  check_still_closed (closed);
  joined = joined && pcall_task_join (task, TEST_LIMIT, NULL, NULL);
  check_still_closed (closed);

  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (closed & (1 << fd))
      dup2 (SAVED_FD + fd, fd);
  g_assert_true (joined);
}

static void
standard_streams_closed (gconstpointer data)
{
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    g_assert_cmpint (fcntl (fd, F_DUPFD_CLOEXEC, SAVED_FD + fd), ==, SAVED_FD + fd);

  for (int closed = 1; closed < 8; closed++)
    {
      run_with_closed (closed, PCALL_LOG_MODE_SECTIONS);
      run_with_closed (closed, PCALL_LOG_MODE_INHERIT);
    }
}

/* More than a status: nothing a child leaves in its exit status makes a result. */
static void
exit_42_never_succeeds (gconstpointer data)
{
  g_autoptr (PcallTask) task = new_task (exit_42, NULL, 100);

  g_assert_true (pcall_task_start (task, NULL));
  g_assert_false (pcall_task_join (task, TEST_LIMIT, NULL, NULL));
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 100);
}

typedef struct
{
  const char *path;
  void (*func) (gconstpointer data);
} Row;

static const Row rows[] = {
  { "/parent/exit-42-never-succeeds", exit_42_never_succeeds },
  { "/parent/sigchld-ignored", sigchld_ignored },
  { "/parent/sigchld-handler-reaps", sigchld_handler_reaps },
  { "/parent/thread-reaps", thread_reaps },
  { "/parent/child-watch-reaps", child_watch_reaps },
  { "/parent/every-call-interrupted", every_call_interrupted },
  { "/parent/forking-thread-ends", forking_thread_ends },
  { "/parent/fork-off-main-thread", fork_off_main_thread },
  { "/parent/tasks-in-four-threads", tasks_in_four_threads },
  { "/parent/foreign-fork-holds-on", foreign_fork_holds_on },
  { "/parent/standard-streams-closed", standard_streams_closed },
};

static void
test_parent (gconstpointer data)
{
  const Row *row = data;

  traces_in_subprocess (row->func, NULL);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_parent);

  return g_test_run ();
}
