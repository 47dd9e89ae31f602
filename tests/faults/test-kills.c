/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SIGKILL at every system call of a child in turn.
 *
 * A tracer, a process of its own, takes each child that is to be killed from its fork on and kills
 * it at the k-th stop, for k = 1, 2 ... until the child gets to its end. Wherever that is: the call
 * ends once, with its right result or as crashed, and its siblings have theirs. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "first-task.h"
#include "tally.h"
#include "traces.h"

#define N_CALLS 3
#define TRACED_CALL 1
#define MAX_STOPS 5000
#define LARGE (1 << 20)

/* The number of calls differs a little from run to run: some more are tried than were needed. */
#define N_ENDS 5

/* How a tracer ends. */
enum
{
  TRACER_KILLED,
  TRACER_SAW_END,
  TRACER_FAILED,
};

static struct
{
  guint n_forks;
  guint stop; /* where to kill */
  pid_t tracer;
} kill_plan;

/* The tracer */

static gboolean
wait_for (pid_t pid,
          int  *status)
{
  while (waitpid (pid, status, __WALL) < 0)
    if (errno != EINTR)
      return FALSE;
  return TRUE;
}

/* Signals that the child gets are its own affair; a stop of ours is not. */
static int
signal_to_pass_on (int status)
{
  int signum = WSTOPSIG (status);

  return signum == SIGTRAP || signum == (SIGTRAP | 0x80) || status >> 16 != 0 ? 0 : signum;
}

static int
kill_at_stop (pid_t pid,
              guint stop)
{
  guint n_stops = 0;
  int status;

  while (wait_for (pid, &status))
    {
      if (!WIFSTOPPED (status))
        return TRACER_SAW_END;
      if (WSTOPSIG (status) == (SIGTRAP | 0x80) && ++n_stops == stop)
        {
          kill (pid, SIGKILL);
          wait_for (pid, &status);
          return TRACER_KILLED;
        }
      if (ptrace (PTRACE_SYSCALL, pid, NULL, signal_to_pass_on (status)) < 0 && errno != ESRCH)
        return TRACER_FAILED;
    }
  return TRACER_FAILED;
}

G_NORETURN static void
trace (pid_t pid,
       guint stop,
       int   gate)
{
  if (ptrace (PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0 ||
      ptrace (PTRACE_INTERRUPT, pid, NULL, NULL) < 0 || write (gate, "x", 1) != 1)
    {
      kill (pid, SIGKILL);
      _exit (TRACER_FAILED);
    }

  for (int fd = 0; fd < 1024; fd++)
    close (fd);
  _exit (kill_at_stop (pid, stop));
}

/* The child does not return from its fork before it is traced. */
static gint
fork_traced (gpointer user_data)
{
  int gate[2];
  pid_t pid;
  char byte;

  if (kill_plan.n_forks++ != TRACED_CALL)
    return fork ();

  g_assert_no_errno (pipe (gate));
  pid = fork ();
  if (pid == 0)
    {
      prctl (PR_SET_PTRACER, PR_SET_PTRACER_ANY);
      while (read (gate[0], &byte, 1) < 0)
        ;
      close (gate[0]);
      close (gate[1]);
      return 0;
    }

  kill_plan.tracer = fork ();
  if (kill_plan.tracer == 0)
    trace (pid, kill_plan.stop, gate[1]);
  close (gate[0]);
  close (gate[1]);
  return pid;
}

/* The calls */

static GVariant *
small_result (GVariant *args,
              GVariant *kwargs,
              gpointer  user_data,
              GError  **error)
{
  return g_variant_new_uint32 (1000 + pcall_get_call_index ());
}

/* With a message before, output, and a result that takes many sends. */
static GVariant *
large_result (GVariant *args,
              GVariant *kwargs,
              gpointer  user_data,
              GError  **error)
{
  gpointer bytes = g_malloc0 (LARGE);

  pcall_report_progress (0.5, "half");
  g_print ("output\n");
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, LARGE, TRUE, g_free, bytes);
}

static GVariant *
own_error (GVariant *args,
           GVariant *kwargs,
           gpointer  user_data,
           GError  **error)
{
  if (pcall_get_call_index () != TRACED_CALL)
    return small_result (args, kwargs, user_data, error);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "no");
  return NULL;
}

static void
assert_large (GVariant *result)
{
  gsize size;
  const guint8 *bytes = g_variant_get_fixed_array (result, &size, 1);

  g_assert_cmpuint (size, ==, LARGE);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint (bytes[i], ==, 0);
}

static void
assert_result (PcallCall *call,
               PcallFunc  func)
{
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);

  if (func == own_error && pcall_call_get_index (call) == TRACED_CALL)
    {
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
      return;
    }

  g_assert_no_error (error);
  if (func == large_result)
    assert_large (result);
  else
    g_assert_cmpuint (g_variant_get_uint32 (result), ==, 1000 + pcall_call_get_index (call));
}

static void
assert_calls (PcallTask *task,
              PcallFunc  func,
              gboolean   killed,
              gboolean  *crashed)
{
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);

      if (i == TRACED_CALL && killed && pcall_call_get_state (call) == PCALL_CALL_STATE_CRASHED)
        *crashed = TRUE;
      else
        assert_result (call, func);
    }
}

static int
end_of_tracer (void)
{
  int status = 0;

  g_assert_cmpint (waitpid (kill_plan.tracer, &status, 0), ==, kill_plan.tracer);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

/* Whether the child was killed before its end. */
static gboolean
kill_once (PcallFunc func,
           guint     stop,
           gboolean *crashed)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = (pcall_task_new_for_func) (func, NULL, NULL);
  Tally *tally;
  int end;

  kill_plan.n_forks = 0;
  kill_plan.stop = stop;
  pcall_task_set_n_calls (task, N_CALLS);
  tally = tally_new (task);
  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join (task, TEST_LIMIT, NULL, NULL);
  tally_assert_complete (tally);

  end = end_of_tracer ();
  g_assert_cmpint (end, !=, TRACER_FAILED);
  assert_calls (task, func, end == TRACER_KILLED, crashed);
  tally_remove_logs (tally);
  tally_free (tally);
  g_assert_finalize_object (task);
  traces_assert_back (before);
  return end == TRACER_KILLED;
}

typedef struct
{
  const char *path;
  PcallFunc   func;
  gboolean    threads; /* with a lock trial */
} Row;

static const Row rows[] = {
  { "/kills/small-result", small_result, FALSE },
  { "/kills/large-result", large_result, FALSE },
  { "/kills/own-error", own_error, FALSE },
  { "/kills/with-threads", small_result, TRUE },
};

/* A child that died in its lock trial, as it may on a busy machine, has a successor that is not
 * traced: that round tells nothing. */
static void
kill_at_every_stop (PcallFunc func)
{
  guint n_crashed = 0;
  guint n_kept = 0;
  guint n_ends = 0;
  guint stop;

  for (stop = 1; stop < MAX_STOPS && n_ends < N_ENDS; stop++)
    {
      gboolean crashed = FALSE;
      gboolean killed = kill_once (func, stop, &crashed);

      if (kill_plan.n_forks > N_CALLS)
        continue;
      n_ends += !killed;
      n_crashed += killed && crashed;
      n_kept += killed && !crashed;
    }

  g_test_message ("killed at %u stops: %u crashed, %u kept their result", n_crashed + n_kept,
                  n_crashed, n_kept);
  g_assert_cmpuint (stop, <, MAX_STOPS);
  g_assert_cmpuint (n_crashed, >, 20);
}

static gpointer
wait_for_gate (gpointer data)
{
  int *gate = data;
  char byte;

  g_assert_cmpint (read (gate[0], &byte, 1), ==, 0);
  return NULL;
}

static void
test_kill_at_every_stop (gconstpointer data)
{
  const Row *row = data;
  GThread *thread = NULL;
  int gate[2];

  g_assert_no_errno (pipe2 (gate, O_CLOEXEC));
  if (row->threads)
    thread = g_thread_new ("idle", wait_for_gate, gate);

  pcall_set_fork_func (fork_traced, NULL, NULL);
  kill_at_every_stop (row->func);
  pcall_set_fork_func (NULL, NULL, NULL);

  close (gate[1]);
  g_clear_pointer (&thread, g_thread_join);
  close (gate[0]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();
  run_first_task ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_kill_at_every_stop);

  return g_test_run ();
}
