/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that are added while a task runs: that workers wait for them, that it ends when it is told
 * to and not before, and what is refused. */

#include <poll.h>
#include <string.h>

#include "spawn-support.h"

static void
assert_refused (PcallTask  *task,
                const char *args,
                const char *why)
{
  g_autoptr (GVariant) value = support_parse (args);
  g_autoptr (GError) error = NULL;

  g_assert_false (pcall_task_feed (task, value, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_nonnull (strstr (error->message, why));
}

static void
assert_not_startable (PcallTask  *task,
                      const char *why)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_nonnull (strstr (error->message, why));
}

/* Until so many have ended. */
static void
wait_for (PcallTask *task,
          guint      n_finished)
{
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  struct pollfd fd = { .fd = pcall_task_get_fd (task), .events = POLLIN };

  while (pcall_task_dispatch (task) && pcall_task_get_n_finished (task) < n_finished)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      poll (&fd, 1, 1000);
    }
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, n_finished);
}

static pid_t
get_pid (PcallTask *task,
         guint      index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  return pcall_call_get_pid (call);
}

static void
test_while_it_runs (void)
{
  g_autoptr (PcallTask) task = symbol_task ("add", 1);

  feed_task (task, "(1, 2)");
  g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 1);
  support_start (task);
  wait_for (task, 1);
  for (guint i = 1; i < 200; i++)
    {
      g_autofree char *args = g_strdup_printf ("(%u, 2)", i);

      feed_task (task, args);
    }
  g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 200);
  pcall_task_end_feed (task);
  support_join (task);
  for (guint i = 1; i < 200; i++)
    {
      g_autofree char *sum = g_strdup_printf ("%u", i + 2);

      support_assert_result (task, i, sum);
    }
}

/* A worker that waits is not let go, however often one looks. */
static void
test_worker_stays (void)
{
  g_autoptr (PcallTask) task = symbol_task ("get_pid", 1);

  pcall_task_set_max_children (task, 1);
  feed_task (task, "()");
  support_start (task);
  for (guint i = 1; i < 10; i++)
    {
      wait_for (task, i);
      g_assert_true (pcall_task_get_running (task));
      g_assert_true (pcall_task_dispatch (task));
      feed_task (task, "()");
    }
  pcall_task_end_feed (task);
  support_join (task);
  g_assert_cmpuint (count_children (task), ==, 1);
  g_assert_cmpint (get_pid (task, 0), ==, get_pid (task, 9));
}

static void
test_end_of_idle (void)
{
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);

  feed_task (task, "()");
  support_start (task);
  wait_for (task, 1);
  pcall_task_end_feed (task);
  pcall_task_end_feed (task);
  support_join (task);
  g_assert_false (pcall_task_get_running (task));
  assert_refused (task, "()", "no more calls");
}

static void
test_end_before_start (void)
{
  g_autoptr (PcallTask) task = symbol_task ("add", 1);

  feed_task (task, "(1, 2)");
  feed_task (task, "[3, 4]");
  pcall_task_end_feed (task);
  support_run (task, "[<3>, <7>]");
}

static void
test_common_arguments (void)
{
  g_autoptr (PcallTask) task = symbol_task ("add", 1);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(40,)"));
  feed_task (task, "(2,)");
  pcall_task_end_feed (task);
  support_run (task, "[<42>]");
}

static void
test_terminate (void)
{
  g_autoptr (PcallTask) task = symbol_task ("sleep_long", 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_max_children (task, 1);
  feed_task (task, "()");
  support_start (task);
  feed_task (task, "()");
  pcall_task_terminate (task);
  assert_refused (task, "()", "no more calls");
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
}

/* A worker that dies is replaced for the next call. */
static void
test_crash (void)
{
  g_autoptr (PcallTask) task = symbol_task ("exit_99", 1);
  g_autoptr (GError) error = NULL;

  feed_task (task, "()");
  support_start (task);
  wait_for (task, 1);
  feed_task (task, "()");
  wait_for (task, 2);
  pcall_task_end_feed (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_EXITED);
  g_assert_cmpuint (count_children (task), ==, 2);
}

static void
test_stop_at_failure (void)
{
  g_autoptr (PcallTask) task = symbol_task ("fail", 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  feed_task (task, "()");
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  assert_refused (task, "()", "no more calls");
}

static void
test_forget (void)
{
  g_autoptr (PcallTask) task = symbol_task ("echo", 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) args = NULL;

  feed_task (task, "('large',)");
  support_start (task);
  wait_for (task, 1);
  call = pcall_task_dup_call (task, 0);
  args = pcall_call_dup_args (call);
  support_assert_variant (args, "('large',)");
  support_assert_result (task, 0, "(('large',), @a{sv} {})");

  pcall_task_forget_call (task, 0);
  g_clear_pointer (&args, g_variant_unref);
  args = pcall_call_dup_args (call);
  support_assert_variant (args, "()");
  support_assert_result (task, 0, "byte 0x00");
  pcall_task_forget_call (task, 0);

  feed_task (task, "('next',)");
  pcall_task_end_feed (task);
  support_join (task);
  support_assert_result (task, 1, "(('next',), @a{sv} {})");
}

/* One that has not ended keeps what it has. */
static void
test_forget_too_early (void)
{
  g_autoptr (PcallTask) task = symbol_task ("sleep_long", 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) args = NULL;

  feed_task (task, "('kept',)");
  support_start (task);
  pcall_task_forget_call (task, 0);
  call = pcall_task_dup_call (task, 0);
  args = pcall_call_dup_args (call);
  support_assert_variant (args, "('kept',)");
}

static void
count_items (GListModel *model,
             guint       position,
             guint       removed,
             guint       added,
             gpointer    user_data)
{
  guint *n_items = user_data;

  g_assert_cmpuint (position, ==, *n_items);
  g_assert_cmpuint (removed, ==, 0);
  *n_items += added;
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, *n_items);
}

static void
test_model (void)
{
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);
  guint n_items = 0;

  g_signal_connect (task, "items-changed", G_CALLBACK (count_items), &n_items);
  feed_task (task, "()");
  g_assert_cmpuint (n_items, ==, 0);
  support_start (task);
  g_assert_cmpuint (n_items, ==, 1);
  feed_task (task, "()");
  g_assert_cmpuint (n_items, ==, 2);
  pcall_task_end_feed (task);
  support_join (task);
}

static void
test_dropped (void)
{
  PcallTask *task = symbol_task ("nothing", 1);

  feed_task (task, "()");
  support_start (task);
  wait_for (task, 1);
  g_assert_finalize_object (task);
}

static GVariant *
never (GVariant *args,
       GVariant *kwargs,
       gpointer  user_data,
       GError  **error)
{
  g_assert_not_reached ();
}

static void
test_mistakes (void)
{
  g_autoptr (PcallTask) forked = support_task (never, 1);
  g_autoptr (PcallTask) several = symbol_task ("nothing", 1);
  g_autoptr (PcallTask) lists = symbol_task ("nothing", 1);
  g_autoptr (PcallTask) closed = symbol_task ("nothing", 1);

  assert_refused (forked, "5", "expected a tuple or an array");
  feed_task (forked, "()");
  assert_not_startable (forked, "worker program");

  add_symbol (several, "nothing");
  feed_task (several, "()");
  assert_not_startable (several, "single target");

  pcall_task_set_instance_args (lists, g_variant_new_parsed ("[(1,), (2,)]"));
  feed_task (lists, "()");
  assert_not_startable (lists, "no other lists");

  support_run (closed, "[<()>]");
  assert_refused (closed, "()", "no more calls");
}

static const struct
{
  const char *path;
  void      (*test) (void);
} cases[] = {
  { "/feed/while-it-runs", test_while_it_runs },
  { "/feed/worker-stays", test_worker_stays },
  { "/feed/end-of-idle", test_end_of_idle },
  { "/feed/end-before-start", test_end_before_start },
  { "/feed/common-arguments", test_common_arguments },
  { "/feed/terminate", test_terminate },
  { "/feed/crash", test_crash },
  { "/feed/stop-at-failure", test_stop_at_failure },
  { "/feed/forget", test_forget },
  { "/feed/forget-too-early", test_forget_too_early },
  { "/feed/model", test_model },
  { "/feed/dropped", test_dropped },
  { "/feed/mistakes", test_mistakes },
};

static void
run_case (gconstpointer data)
{
  g_autofree char *before = traces_take ();

  cases[GPOINTER_TO_UINT (data)].test ();
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
