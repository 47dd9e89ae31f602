/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Forks of a process that runs JavaScript, whose helper threads decide when they work: before a
 * task, in the middle of one, in the middle of a fork. The engine here is a mock, which has what the
 * library looks for: a class, a thread's name, and a collector. */

#include <errno.h>
#include <glib-object.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "task-support.h"

#define N_CALLS 8
#define MAX_TRIALS 1000

/* What the library finds by name in a program with GJS */

gpointer gjs_context_get_current (void);
void     gjs_context_gc          (gpointer context);

gpointer
gjs_context_get_current (void)
{
  static int context;

  return &context;
}

void
gjs_context_gc (gpointer context)
{
  g_assert_true (context == gjs_context_get_current ());
}

/* A helper thread, which sleeps until it is woken, works, and then sleeps again. */
static struct
{
  pthread_t thread;
  pid_t tid;
  sem_t made;
  sem_t wake;
  gint works; /* atomic */
  gboolean ends;
} helper;

static void
wait_for (sem_t *semaphore)
{
  while (sem_wait (semaphore) < 0)
    g_assert_cmpint (errno, ==, EINTR);
}

static gpointer
help (gpointer data)
{
  pthread_setname_np (pthread_self (), "JS Helper");
  helper.tid = gettid ();
  sem_post (&helper.made);
  do
    {
      wait_for (&helper.wake);
      while (g_atomic_int_get (&helper.works))
        sem_post (&helper.made);
    }
  while (!helper.ends);
  return NULL;
}

/* How often it has gone to sleep. */
static int
count_sleeps (void)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/status", helper.tid);
  g_autofree char *text = NULL;
  const char *count;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  count = strstr (text, "\nvoluntary_ctxt_switches:");
  g_assert_nonnull (count);
  return atoi (strchr (count, ':') + 1);
}

static void
wait_for_sleep (int n)
{
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  while (count_sleeps () < n)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      g_thread_yield ();
    }
}

static void
end_helper (void)
{
  helper.ends = TRUE;
  sem_post (&helper.wake);
  pthread_join (helper.thread, NULL);
  helper.ends = FALSE;
  sem_destroy (&helper.made);
  sem_destroy (&helper.wake);
}

static void
make_helper (void)
{
  sem_init (&helper.made, FALSE, 0);
  sem_init (&helper.wake, FALSE, 0);
  g_assert_cmpint (pthread_create (&helper.thread, NULL, help, NULL), ==, 0);
  wait_for (&helper.made);
  wait_for_sleep (1);
}

static void
wake_helper (void)
{
  sem_post (&helper.wake);
  wait_for_sleep (2);
}

/* Starts @task with a new helper. On its way to sleep it may have slept before, as one that has to
 * wait for another thread's page fault does, and counts as woken then. */
static gboolean
start_with_helper (PcallTask *task)
{
  g_autoptr (GError) error = NULL;

  make_helper ();
  if (pcall_task_start (task, &error))
    return TRUE;

  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FORK_UNSAFE);
  wait_for_sleep (2);
  end_helper ();
  return FALSE;
}

/* The tests */

static PcallTask *
fork_task (guint n_calls)
{
  PcallTask *task = support_task (support_index, n_calls);

  pcall_task_set_start_method (task, PCALL_START_METHOD_FORK);
  pcall_task_set_max_children (task, 1);
  return task;
}

static gboolean
try_asleep (gconstpointer data)
{
  PcallTask *task = fork_task (1);
  gboolean started = start_with_helper (task);

  if (started)
    {
      support_join (task);
      support_assert_result (task, 0, "uint32 0");
      end_helper ();
    }
  g_assert_finalize_object (task);
  return started;
}

static void
assert_start_is_refused (PcallTask *task)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FORK_UNSAFE);
  g_assert_nonnull (strstr (error->message, "spawn instead"));
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
}

static void
test_woken_before (void)
{
  PcallTask *task = fork_task (2);

  make_helper ();
  wake_helper ();
  assert_start_is_refused (task);
  g_assert_finalize_object (task);
  end_helper ();
}

/* It has slept no more than one that was never woken. */
static void
test_working (void)
{
  PcallTask *task = fork_task (2);

  make_helper ();
  g_atomic_int_set (&helper.works, TRUE);
  sem_post (&helper.wake);
  wait_for (&helper.made);
  assert_start_is_refused (task);
  g_atomic_int_set (&helper.works, FALSE);
  wait_for_sleep (2);
  g_assert_finalize_object (task);
  end_helper ();
}

static pid_t
wake_and_fork (gpointer data)
{
  wake_helper ();
  return fork ();
}

static void
test_woken_at_fork (void)
{
  PcallTask *task = fork_task (2);

  make_helper ();
  pcall_set_fork_func (wake_and_fork, NULL, NULL);
  assert_start_is_refused (task);
  pcall_set_fork_func (NULL, NULL, NULL);
  g_assert_finalize_object (task);
  end_helper ();
}

/* While a task runs. What has a child by then ends well, the others are refused, each. */
static gboolean
try_woken_between (gconstpointer calls_per_child)
{
  PcallTask *task = fork_task (N_CALLS);
  gboolean started;
  g_autoptr (GError) error = NULL;
  guint n_refused = 0;

  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (calls_per_child));
  g_signal_connect (task, "call-finished", G_CALLBACK (wake_helper), NULL);
  started = start_with_helper (task);
  if (started)
    {
      error = support_join_failing (task);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FORK_UNSAFE);
      for (guint i = 0; i < N_CALLS; i++)
        {
          g_autoptr (GError) failure = support_error (task, i);

          n_refused += g_error_matches (failure, PCALL_ERROR, PCALL_ERROR_FORK_UNSAFE);
        }
      g_assert_cmpuint (n_refused, >, 0);
      g_assert_cmpuint (n_refused, ==, pcall_task_get_n_failed (task));
      g_assert_cmpuint (n_refused, <, N_CALLS);
      end_helper ();
    }
  g_assert_finalize_object (task);
  return started;
}

typedef struct
{
  gboolean (*func) (gconstpointer data);
  gconstpointer data;
} Trial;

static void
test_until_asleep (gconstpointer data)
{
  const Trial *trial = data;

  for (guint i = 0; !trial->func (trial->data); i++)
    g_assert_cmpuint (i, <, MAX_TRIALS);
}

static const Trial asleep = { try_asleep, NULL };
static const Trial between = { try_woken_between, GUINT_TO_POINTER (1) };
static const Trial between_reused = { try_woken_between, GUINT_TO_POINTER (2) };

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_type_register_static_simple (G_TYPE_OBJECT, "GjsContext", sizeof (GObjectClass), NULL,
                                 sizeof (GObject), NULL, 0);

  g_test_add_data_func ("/pcall/fork-check/asleep", &asleep, test_until_asleep);
  g_test_add_func ("/pcall/fork-check/woken/before", test_woken_before);
  g_test_add_func ("/pcall/fork-check/woken/working", test_working);
  g_test_add_func ("/pcall/fork-check/woken/at-fork", test_woken_at_fork);
  g_test_add_data_func ("/pcall/fork-check/woken/between", &between, test_until_asleep);
  g_test_add_data_func ("/pcall/fork-check/woken/between-reused", &between_reused,
                        test_until_asleep);
  return g_test_run ();
}
