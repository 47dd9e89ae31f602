/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Workers that stay between tasks: that they are used again, what becomes of those that die, that
 * they end when they should, and what is left of them. */

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "spawn-support.h"

#define SOON 0.05
#define LATE 0.2

static PcallTask *
pool_task (PcallPool  *pool,
           const char *symbol,
           guint       n_calls)
{
  PcallTask *task = symbol_task (symbol, n_calls);

  pcall_task_set_pool (task, pool);
  return task;
}

static PcallTask *
odd_task (PcallPool  *pool,
          const char *name)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  const char *argv[] = { program, "good", NULL };
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, name);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_pool (task, pool);
  return task;
}

/* The process that ran the call, and which waits in the pool now. */
static pid_t
run_get_pid (PcallPool *pool)
{
  g_autoptr (PcallTask) task = pool_task (pool, "get_pid", 1);
  g_autoptr (PcallCall) call = NULL;

  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  g_assert_cmpint (pcall_call_get_pid (call), >, 0);
  return pcall_call_get_pid (call);
}

/* Again */

static void
test_used_again (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  pid_t pid = run_get_pid (pool);

  for (guint i = 0; i < 20; i++)
    {
      g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 1);
      g_assert_cmpint (run_get_pid (pool), ==, pid);
    }
}

/* A worker forgets what the calls of the task before had in common. */
static void
test_common_arguments (void)
{
  static const char * const rows[][2] = {
    { "('first', 1)", "[<(('first', 1), @a{sv} {})>]" },
    { "('second',)", "[<(('second',), @a{sv} {})>]" },
    { "()", "[<((), @a{sv} {})>]" },
    { "('fourth',)", "[<(('fourth',), @a{sv} {})>]" },
  };
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallTask) task = pool_task (pool, "echo", 1);

      pcall_task_set_common_args (task, g_variant_new_parsed (rows[i][0]));
      support_run (task, rows[i][1]);
      g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 1);
    }
}

static void
test_target_is_let_go (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  PcallTarget *target = spawn_target ("nothing");

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (PcallTask) task = pcall_task_new (target);

      pcall_task_set_pool (task, pool);
      support_run (task, "[<()>]");
    }
  g_assert_finalize_object (target);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 1);
}

static void
test_child_of_task (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = pool_task (pool, "get_pid", 1);
  g_autoptr (GPtrArray) living = NULL;
  g_autoptr (GPtrArray) children = NULL;
  PcallChild *child;

  support_run (task, NULL);
  living = pcall_task_dup_living_children (task);
  children = pcall_task_dup_children (task);
  child = g_ptr_array_index (children, 0);
  g_assert_cmpuint (living->len, ==, 0);
  g_assert_false (pcall_child_get_running (child));
  g_assert_cmpint (pcall_child_get_exit_status (child), ==, -1);
  g_assert_cmpint (pcall_child_get_term_signal (child), ==, 0);
}

static void
test_property (void)
{
  g_autoptr (PcallPool) pool =
      g_object_new (PCALL_TYPE_POOL, "max-children", 3, "idle-timeout", 1.5, NULL);
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);
  g_autoptr (PcallPool) seen = NULL;

  g_assert_null (pcall_task_get_pool (task));
  g_object_set (task, "pool", pool, NULL);
  g_object_get (task, "pool", &seen, NULL);
  g_assert_true (seen == pool && pcall_task_get_pool (task) == pool);
  g_assert_cmpuint (pcall_pool_get_max_children (pool), ==, 3);
  g_assert_cmpfloat (pcall_pool_get_idle_timeout (pool), ==, 1.5);
}

/* As many as the pool says, for each task too. */
static void
test_max_children (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) one = pool_task (pool, "get_pid", 5);
  g_autoptr (PcallTask) three = pool_task (pool, "get_pid", 12);

  pcall_pool_set_max_children (pool, 1);
  support_run (one, NULL);
  g_assert_cmpuint (count_children (one), ==, 1);

  pcall_task_set_max_children (three, 3);
  support_run (three, NULL);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 1);
}

static void
test_other_program (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) odd = odd_task (pool, "echo");

  pcall_pool_set_max_children (pool, 4);
  run_get_pid (pool);
  support_run (odd, "[<((), @a{sv} {})>]");
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 2);
}

/* Those of earlier tasks count. */
static void
test_calls_per_child (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  pid_t pid = run_get_pid (pool);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallTask) task = pool_task (pool, "get_pid", 1);

      pcall_task_set_calls_per_child (task, 3);
      support_run (task, NULL);
      g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, i == 0 ? 1 : 0);
    }
  g_assert_cmpint (run_get_pid (pool), !=, pid);
}

/* One that has had its calls is for tasks that do not count them. */
static void
test_calls_per_child_of_next (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  pid_t pid = run_get_pid (pool);
  g_autoptr (PcallTask) task = pool_task (pool, "get_pid", 2);

  pcall_task_set_calls_per_child (task, 1);
  support_run (task, NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);

      g_assert_cmpint (pcall_call_get_pid (call), !=, pid);
    }
  g_assert_cmpuint (count_children (task), ==, 2);
  g_assert_cmpint (run_get_pid (pool), ==, pid);
}

static pid_t
run_nicely (PcallPool *pool,
            gint       nice)
{
  g_autoptr (PcallTask) task = pool_task (pool, "get_pid", 1);
  g_autoptr (PcallCall) call = NULL;

  pcall_task_set_nice (task, nice);
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  return pcall_call_get_pid (call);
}

/* What a worker was started under stays. */
static void
test_conditions (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  pid_t pid = run_get_pid (pool);
  pid_t nice;

  pcall_pool_set_max_children (pool, 4);
  nice = run_nicely (pool, 1);
  g_assert_cmpint (nice, !=, pid);
  g_assert_cmpint (run_nicely (pool, 1), ==, nice);
  g_assert_cmpint (run_get_pid (pool), ==, pid);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 2);
}

/* Death */

static void
test_killed_while_idle (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  for (guint i = 0; i < 10; i++)
    {
      pid_t pid = run_get_pid (pool);

      kill (pid, SIGKILL);
      /* Whether the pool has seen it by then or not. */
      g_assert_cmpint (run_get_pid (pool), !=, pid);
    }
}

static gboolean
is_empty (gpointer data)
{
  return pcall_pool_get_n_idle (data) == 0;
}

/* Nobody dispatches anything here. */
static void
test_reaped (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  kill (run_get_pid (pool), SIGKILL);
  g_assert_true (traces_wait_until (is_empty, pool));
  traces_assert_back (before);
}

/* A worker that goes on by itself after its call. */
static void
test_dies_afterwards (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (PcallTask) task = pool_task (pool, "die_afterwards", 1);

      support_run (task, "[<@u 0>]");
    }
}

static void
test_crash (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = pool_task (pool, "crash_sometimes", 14);
  g_autoptr (GError) error = NULL;

  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  for (guint i = 0; i < 14; i++)
    g_assert_cmpint (support_state (task, i), ==,
                     i % 7 == 6 ? PCALL_CALL_STATE_CRASHED : PCALL_CALL_STATE_SUCCEEDED);
  run_get_pid (pool);
}

static void
test_terminated (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = pool_task (pool, "sleep_long", 1);

  run_get_pid (pool);
  support_start (task);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 0);
  g_clear_object (&task);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 0);
}

/* The end */

static void
test_idle_timeout (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  pid_t pid;

  pcall_pool_set_idle_timeout (pool, SOON);
  pid = run_get_pid (pool);
  traces_assert_back (before);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 0);
  g_assert_cmpint (run_get_pid (pool), !=, pid);
}

static void
test_close (void)
{
  g_autofree char *before = traces_take ();
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = pool_task (pool, "sleep_long", 1);
  pid_t pid = run_get_pid (pool);

  pcall_pool_close (pool);
  pcall_pool_close (pool);
  traces_assert_back (before);
  g_assert_cmpint (run_get_pid (pool), !=, pid);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 0);

  support_start (task);
  pcall_pool_close (pool);
  g_assert_true (pcall_task_get_running (task));
}

/* One that cannot end by itself, or does not want to. */
static void
test_close_stopped (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  kill (run_get_pid (pool), SIGSTOP);
}

/* The pool is in use by a task, and nobody else has it. */
static void
test_dropped_before_task (void)
{
  PcallPool *pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = pool_task (pool, "get_pid", 30);

  g_object_unref (pool);
  support_run (task, NULL);
}

/* In a forked child the pool is empty, and stays so. */
static GVariant *
use_inherited_pool (GVariant *args,
                    GVariant *kwargs,
                    gpointer  user_data,
                    GError  **error)
{
  PcallPool *pool = user_data;
  pid_t pid;

  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 0);
  pid = run_get_pid (pool);
  g_assert_cmpuint (pcall_pool_get_n_idle (pool), ==, 0);
  pcall_pool_close (pool);
  g_object_unref (pool);
  return g_variant_new_int32 (pid);
}

static void
test_fork (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  pid_t pid = run_get_pid (pool);
  g_autoptr (PcallTask) task = pcall_task_new_for_func (use_inherited_pool, pool, NULL);

  support_run (task, NULL);
  g_assert_cmpint (run_get_pid (pool), ==, pid);
}

static gpointer
run_some (gpointer pool)
{
  for (guint i = 0; i < 50; i++)
    {
      g_autoptr (PcallTask) task = pool_task (pool, i % 5 == 0 ? "die_afterwards" : "get_index", 3);

      support_run (task, "[<@u 0>, <@u 1>, <@u 2>]");
      if (i % 20 == 7)
        pcall_pool_set_idle_timeout (pool, i % 40 == 7 ? 0.001 : 10);
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  GThread *threads[3];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("runner", run_some, pool);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* Journals */

static void
assert_journal (PcallTask  *task,
                guint       index,
                const char *expected)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GBytes) journal = pcall_call_dup_journal (call);
  gsize size;
  const char *text;

  if (expected == NULL)
    {
      g_assert_null (journal);
      return;
    }
  text = g_bytes_get_data (journal, &size);
  g_assert_cmpmem (text, size, expected, strlen (expected));
}

static void
test_journal (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = odd_task (pool, "journal");
  g_autoptr (PcallTask) silent = odd_task (pool, "echo");

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[('one',), ('two and more',)]"));
  pcall_task_set_max_children (task, 1);
  support_run (task, NULL);
  assert_journal (task, 0, "one");
  assert_journal (task, 1, "two and more");
  support_run (silent, NULL);
  assert_journal (silent, 0, NULL);
}

static void
test_journal_of_crash (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = odd_task (pool, "journal-crash");
  g_autoptr (GError) error = NULL;

  pcall_task_set_common_args (task, g_variant_new_parsed ("('so far',)"));
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  assert_journal (task, 0, "so far");
}

/* What a worker does to it costs the journal, and nothing else. */
static void
test_journal_destroyed (void)
{
  static const char * const ways[] = { "journal-lies", "journal-truncated" };
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (PcallTask) task = odd_task (pool, ways[i]);
      g_autoptr (PcallCall) call = NULL;
      g_autoptr (GBytes) journal = NULL;

      pcall_task_set_common_args (task, g_variant_new_parsed ("('x',)"));
      support_run (task, NULL);
      call = pcall_task_dup_call (task, 0);
      journal = pcall_call_dup_journal (call);
      g_assert_true (journal == NULL || g_bytes_get_size (journal) < 1024 * 1024);
      run_get_pid (pool);
    }
}

static void
test_no_pool_no_journal (void)
{
  g_autoptr (PcallTask) task = odd_task (NULL, "journal");
  g_autoptr (GError) error = NULL;

  pcall_task_set_common_args (task, g_variant_new_parsed ("('x',)"));
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FAILED);
  assert_journal (task, 0, NULL);
}

/* Each part may take as long as the timeout, and the call is longer than that. */
static void
test_timeout_of_parts (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = odd_task (pool, "parts");
  g_autoptr (PcallTask) late = odd_task (pool, "late-part");
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, 1.0);
  support_run (task, "[<'15 parts'>]");

  pcall_task_set_timeout (late, 0.3);
  support_start (late);
  error = support_join_failing (late);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
}

static void
terminate_call (PcallTask *task,
                PcallCall *call,
                GVariant  *message)
{
  pcall_call_terminate (call);
}

/* That its part has just begun is no reason to let a call go on that is ended. */
static void
test_terminate_part (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) task = odd_task (pool, "late-part");
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, TEST_LIMIT);
  pcall_task_set_grace_period (task, 0);
  g_signal_connect (task, "call-message", G_CALLBACK (terminate_call), NULL);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
}

static gboolean
is_there (gpointer path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* What is handed over in time counts, though the parent looks after that. */
static void
test_late_look (void)
{
  g_autoptr (PcallPool) pool = pcall_pool_new ();
  g_autoptr (PcallTask) warm = odd_task (pool, "echo");
  g_autoptr (PcallTask) task = odd_task (pool, "touch");
  g_autofree char *path = g_build_filename (g_get_user_runtime_dir (), "touched", NULL);
  gint64 until;

  support_run (warm, NULL);
  pcall_task_set_timeout (task, LATE);
  pcall_task_set_common_args (task, g_variant_new ("(s)", path));
  until = g_get_monotonic_time () + LATE * G_USEC_PER_SEC;
  support_start (task);
  g_assert_true (traces_wait_until (is_there, path));
  while (g_get_monotonic_time () < until)
    g_usleep (1000);
  support_join (task);
  support_assert_result (task, 0, "'touched'");
  g_unlink (path);
}

static const struct
{
  const char *path;
  void (*run) (void);
} cases[] = {
  { "/pool/used-again", test_used_again },
  { "/pool/common-arguments", test_common_arguments },
  { "/pool/target-is-let-go", test_target_is_let_go },
  { "/pool/child-of-task", test_child_of_task },
  { "/pool/property", test_property },
  { "/pool/max-children", test_max_children },
  { "/pool/other-program", test_other_program },
  { "/pool/calls-per-child", test_calls_per_child },
  { "/pool/calls-per-child-of-next", test_calls_per_child_of_next },
  { "/pool/conditions", test_conditions },
  { "/pool/killed-while-idle", test_killed_while_idle },
  { "/pool/reaped", test_reaped },
  { "/pool/dies-afterwards", test_dies_afterwards },
  { "/pool/crash", test_crash },
  { "/pool/terminated", test_terminated },
  { "/pool/idle-timeout", test_idle_timeout },
  { "/pool/close", test_close },
  { "/pool/close-stopped", test_close_stopped },
  { "/pool/dropped-before-task", test_dropped_before_task },
  { "/pool/fork", test_fork },
  { "/pool/threads", test_threads },
  { "/pool/journal", test_journal },
  { "/pool/journal-of-crash", test_journal_of_crash },
  { "/pool/journal-destroyed", test_journal_destroyed },
  { "/pool/no-pool-no-journal", test_no_pool_no_journal },
  { "/pool/timeout-of-parts", test_timeout_of_parts },
  { "/pool/terminate-part", test_terminate_part },
  { "/pool/late-look", test_late_look },
};

/* Of each test nothing is left, the pool and its thread included. */
static void
run_case (gconstpointer data)
{
  g_autofree char *before = traces_take ();

  cases[GPOINTER_TO_UINT (data)].run ();
  traces_assert_back (before);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, GUINT_TO_POINTER (i), run_case);

  return g_test_run ();
}
