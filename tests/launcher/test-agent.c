/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls in workers of an agent, as of those of any task: what comes back, and how they end. */

#include <signal.h>

#include "launcher-support.h"

/* What comes back */

static void
test_results (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "add", 1);
  g_autoptr (GPtrArray) children = NULL;

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1, 4), (2, 5), (3, 6)]"));
  support_run (task, "[<5>, <7>, <9>]");

  children = pcall_task_dup_children (task);
  for (guint i = 0; i < children->len; i++)
    {
      PcallChild *child = g_ptr_array_index (children, i);

      g_assert_cmpint (pcall_child_get_exit_status (child), ==, 0);
      g_assert_cmpstr (pcall_child_get_host (child), ==, g_get_host_name ());
      g_assert_cmpint (pcall_child_get_pid (child), >, 0);
      g_assert_cmpuint (pcall_child_get_max_rss (child), >, 1 << 20);
    }
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autofree char *host = NULL;

      g_object_get (call, "host", &host, NULL);
      g_assert_cmpstr (host, ==, g_get_host_name ());
      g_assert_cmpint (pcall_call_get_pid (call), >, 0);
    }
}

/* Of a call that runs here there is no host. */
static void
test_here (void)
{
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);
  g_autoptr (PcallCall) call = NULL;

  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  g_assert_null (pcall_call_get_host (call));
}

static void
test_arguments (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "echo", 1);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(1, 'x')"));
  pcall_task_set_common_kwargs (task, g_variant_new_parsed ("{'a': <1>}"));
  pcall_task_set_argument (task, "y", g_variant_new_parsed ("[1.5, 2.5]"));
  support_run (task, "[<((1, 'x'), {'a': <1>, 'y': <1.5>})>,"
                     " <((1, 'x'), {'a': <1>, 'y': <2.5>})>]");
}

static void
assert_counted_up (PcallTask *task, guint index, gsize size)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  gsize n;
  const guint8 *bytes = g_variant_get_fixed_array (result, &n, 1);

  g_assert_cmpuint (n, ==, size);
  for (gsize i = 0; i < n; i += 4093)
    g_assert_cmpuint (bytes[i], ==, (guint8) i);
  if (n > 0)
    g_assert_cmpuint (bytes[n - 1], ==, (guint8) (n - 1));
}

/* Also those that a worker hands over as memory, which goes no further than to its agent. */
static void
test_sizes (void)
{
  static const gsize sizes[] = { 0, 1, 4095, 65535, 65536, 65537, 1 << 20, 40 << 20 };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "count_up", 1);

  pcall_task_set_instance_args (
      task, g_variant_new_parsed ("[(uint64 0,), (1,), (4095,), (65535,), (65536,), (65537,),"
                                  " (1048576,), (41943040,)]"));
  support_run (task, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    assert_counted_up (task, i, sizes[i]);
}

static void
test_large_arguments (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_size", 4);
  gsize size = 20 << 20;
  guint8 *bytes = g_malloc0 (size);
  GVariant *value = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free,
                                             bytes);

  pcall_task_set_common_args (task, g_variant_new_tuple (&value, 1));
  support_run (task, "[<uint64 20971520>, <uint64 20971520>, <uint64 20971520>,"
                     " <uint64 20971520>]");
}

static void
test_errors (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "fail", 2);
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) details = NULL;

  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "call 0 found nothing");
  call = pcall_task_dup_call (task, 1);
  details = pcall_call_dup_error_details (call);
  support_assert_variant (details, "{'type': <'E'>, 'line': <7>}");
}

static void
count_message (PcallTask *task, PcallCall *call, GVariant *message, guint *n)
{
  support_assert_variant (message, "'a message'");
  (*n)++;
}

static void
count_progress (PcallTask *task, PcallCall *call, gdouble fraction, const char *text, guint *n)
{
  g_assert_cmpfloat (fraction, ==, 0.5);
  g_assert_cmpstr (text, ==, "half");
  (*n)++;
}

static void
test_reports (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "report", 10);
  guint n_messages = 0;
  guint n_progress = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (count_message), &n_messages);
  g_signal_connect (task, "call-progress", G_CALLBACK (count_progress), &n_progress);
  support_run (task, NULL);
  g_assert_cmpuint (n_messages, ==, 10);
  g_assert_cmpuint (n_progress, ==, 10);
}

/* What cannot cross is an error of the call that sent it, and of no other. */
static void
test_descriptors (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "return_handle", 1);

  add_symbol (task, "send_handle");
  add_symbol (task, "get_index");
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_FAILED, "descriptors cannot come from another *");
  launcher_assert_error (task, 1, PCALL_ERROR_FAILED, "descriptors cannot come from another *");
  support_assert_result (task, 2, "uint32 2");
}

/* How they end */

static void
test_crashes (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "crash_sometimes", 20);
  g_autoptr (Tally) tally = tally_new (task);
  g_autofree char *pattern = g_strdup_printf ("call 6 (*) on %s: killed by signal 11 *",
                                              g_get_host_name ());

  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2);
  launcher_assert_error (task, 6, PCALL_ERROR_CRASHED, pattern);
  g_assert_cmpint (support_state (task, 13), ==, PCALL_CALL_STATE_CRASHED);
  g_assert_cmpint (tally_get_term_signal (tally, 6), ==, SIGSEGV);
  /* Another worker each, and the same agents. */
  g_assert_cmpuint (count_children (task), <=, 4);
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), <=, 2);
}

static void
test_exits (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "exit_99", 3);
  g_autoptr (Tally) tally = tally_new (task);

  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < 3; i++)
    {
      launcher_assert_error (task, i, PCALL_ERROR_EXITED, "*exited with status 99 *");
      g_assert_cmpint (tally_get_exit_status (tally, i), ==, 99);
    }
}

/* A call on its way to a worker that is dead by then is another worker's. */
static void
test_dead_between_calls (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "die_afterwards", 30);

  support_run (task, NULL);
}

static void
test_calls_per_child (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_pid", 9);

  pcall_task_set_calls_per_child (task, 3);
  support_run (task, NULL);
  g_assert_cmpuint (count_children (task), ==, 3);
}

/* Workers of two kinds, one after the other, of one agent. */
static void
test_two_programs (void)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  const char *argv[] = { program, "good", NULL };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);
  g_autoptr (PcallTarget) other = pcall_target_new_worker (argv, "later");

  pcall_task_add_target (task, other);
  add_symbol (task, "get_index");
  support_start (task);
  support_join (task);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *expected = g_strdup_printf ("uint32 %u", i);

      support_assert_result (task, i, expected);
    }
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 1);
}

static void
note_pid (PcallTask *task, PcallCall *call, GVariant *message, int *pidfd)
{
  *pidfd = traces_open_pidfd (g_variant_get_int32 (message));
}

typedef struct
{
  const char *symbol;
  gdouble grace;
} Stubborn;

static const Stubborn stubborn[] = {
  { "sleep_long", 3.0 }, { "ignore_sigterm", 0.05 }, { "be_busy", 3.0 }, { "be_stopped", 0.05 },
};

/* A timeout counts from when the worker has the call. */
static void
test_timeouts (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (stubborn); i++)
    {
      g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
      g_autoptr (PcallTask) task = launcher_task (launcher, stubborn[i].symbol, 1);
      g_autoptr (GError) error = NULL;
      int pidfd = -1;

      pcall_task_set_timeout (task, 0.1);
      pcall_task_set_grace_period (task, stubborn[i].grace);
      g_signal_connect (task, "call-message", G_CALLBACK (note_pid), &pidfd);
      support_start (task);
      error = support_join_failing (task);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
      g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_TIMED_OUT);
      if (pidfd >= 0)
        g_assert_true (traces_wait_for_end (pidfd, 0));
      if (pidfd >= 0)
        close (pidfd);
    }
}

/* What the worker used is known, though others waited for it. */
static void
test_usage (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "be_busy", 1);
  g_autoptr (GPtrArray) children = NULL;

  pcall_task_set_timeout (task, 0.3);
  support_start (task);
  g_error_free (support_join_failing (task));
  children = pcall_task_dup_children (task);
  g_assert_cmpuint (children->len, ==, 1);
  g_assert_cmpfloat (pcall_child_get_user_time (children->pdata[0]), >, 0.01);
  g_assert_cmpint (pcall_child_get_term_signal (children->pdata[0]), ==, SIGTERM);
}

static void
terminate_all (PcallTask *task, PcallCall *call, GVariant *message, gpointer data)
{
  pcall_task_terminate (task);
}

static void
test_terminate (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "sleep_long", 5);

  g_signal_connect (task, "call-message", G_CALLBACK (terminate_all), NULL);
  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
}

static void
terminate_it (PcallTask *task, PcallCall *call, GVariant *message, gpointer data)
{
  pcall_call_terminate (call);
}

static void
test_terminate_one (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  add_symbol (task, "sleep_long");
  add_symbol (task, "get_index");
  g_signal_connect (task, "call-message", G_CALLBACK (terminate_it), NULL);
  support_start (task);
  g_error_free (support_join_failing (task));
  g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_CANCELLED);
  support_assert_result (task, 0, "uint32 0");
  support_assert_result (task, 2, "uint32 2");
}

static void
drop_it (PcallTask *task, PcallCall *call, GVariant *message, gboolean *done)
{
  *done = TRUE;
}

/* Its worker ends, and the agent is for the next task. */
static void
test_dropped (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  PcallTask *task = launcher_task (launcher, "be_stopped", 1);
  g_autoptr (PcallTask) next = launcher_task (launcher, "get_index", 1);
  gboolean done = FALSE;
  int pidfd = -1;

  pcall_task_set_grace_period (task, 0.05);
  g_signal_connect (task, "call-message", G_CALLBACK (note_pid), &pidfd);
  g_signal_connect (task, "call-message", G_CALLBACK (drop_it), &done);
  support_start (task);
  support_iterate_until (&done);
  g_object_unref (task);
  g_assert_true (traces_wait_for_end (pidfd, TEST_LIMIT));
  close (pidfd);
  support_run (next, "[<uint32 0>]");
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  launcher_add ("/pcall/agent/results", test_results);
  launcher_add ("/pcall/agent/here", test_here);
  launcher_add ("/pcall/agent/arguments", test_arguments);
  launcher_add ("/pcall/agent/sizes", test_sizes);
  launcher_add ("/pcall/agent/large-arguments", test_large_arguments);
  launcher_add ("/pcall/agent/errors", test_errors);
  launcher_add ("/pcall/agent/reports", test_reports);
  launcher_add ("/pcall/agent/descriptors", test_descriptors);
  launcher_add ("/pcall/agent/crashes", test_crashes);
  launcher_add ("/pcall/agent/exits", test_exits);
  launcher_add ("/pcall/agent/dead-between-calls", test_dead_between_calls);
  launcher_add ("/pcall/agent/calls-per-child", test_calls_per_child);
  launcher_add ("/pcall/agent/two-programs", test_two_programs);
  launcher_add ("/pcall/agent/timeouts", test_timeouts);
  launcher_add ("/pcall/agent/usage", test_usage);
  launcher_add ("/pcall/agent/terminate", test_terminate);
  launcher_add ("/pcall/agent/terminate-one", test_terminate_one);
  launcher_add ("/pcall/agent/dropped", test_dropped);

  return g_test_run ();
}
