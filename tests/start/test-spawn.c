/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Named targets, run by pcall's own worker program: what comes back, that workers are used again
 * and replaced, and what they inherit. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "spawn-support.h"

static GVariant *
take_result (PcallTask *task,
             guint      index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  return pcall_call_dup_result (call);
}

/* What comes back */

static void
test_target (void)
{
  g_autoptr (PcallTarget) target = pcall_target_new_symbol ("lib.so", "add");
  g_autofree char *of = NULL;

  g_object_get (target, "module", &of, NULL);
  g_assert_cmpstr (of, ==, "lib.so");
  g_assert_cmpstr (pcall_target_get_module (target), ==, "lib.so");
  g_assert_cmpstr (pcall_target_get_name (target), ==, "add");
  g_assert_null (pcall_target_get_worker_argv (target));
}

static void
test_results (void)
{
  g_autoptr (PcallTask) task = symbol_task ("add", 1);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1, 4), (2, 5), (3, 6)]"));
  support_run (task, "[<5>, <7>, <9>]");
}

static void
test_arguments (void)
{
  g_autoptr (PcallTask) task = symbol_task ("echo", 1);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(1, 'x')"));
  pcall_task_set_common_kwargs (task, g_variant_new_parsed ("{'a': <1>}"));
  pcall_task_set_argument (task, "y", g_variant_new_parsed ("[1.5, 2.5]"));
  support_run (task, "[<((1, 'x'), {'a': <1>, 'y': <1.5>})>,"
                     " <((1, 'x'), {'a': <1>, 'y': <2.5>})>]");
}

static void
test_nothing (void)
{
  g_autoptr (PcallTask) task = symbol_task ("nothing", 2);

  support_run (task, "[<()>, <()>]");
}

static void
test_no_calls (void)
{
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("@aai []"));
  support_run (task, "@av []");
  g_assert_cmpuint (count_children (task), ==, 0);
}

static void
test_large (void)
{
  g_autoptr (PcallTask) task = symbol_task ("get_size", 3);
  g_autofree guint8 *bytes = g_malloc0 (4 << 20);
  g_autoptr (GVariant) large = NULL;

  pcall_task_set_common_args (
      task,
      g_variant_new ("(@ay)", g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, 4 << 20, 1)));
  add_symbol (task, "get_large");
  add_symbol (task, "get_size");
  support_run (task, NULL);
  support_assert_result (task, 0, "@t 4194304");
  large = take_result (task, 1);
  g_assert_cmpuint (g_variant_get_size (large), ==, 4 << 20);
  support_assert_result (task, 2, "@t 4194304");
}

typedef struct
{
  guint n_progress;
  guint n_messages;
} Reports;

static void
on_progress (PcallTask  *task,
             PcallCall  *call,
             gdouble     fraction,
             const char *text,
             Reports    *reports)
{
  g_assert_cmpfloat (fraction, ==, 0.5);
  g_assert_cmpstr (text, ==, "half");
  reports->n_progress++;
}

static void
on_message (PcallTask *task,
            PcallCall *call,
            GVariant  *message,
            Reports   *reports)
{
  support_assert_variant (message, "'a message'");
  reports->n_messages++;
}

static void
test_reports (void)
{
  g_autoptr (PcallTask) task = symbol_task ("report", 5);
  Reports reports = { 0 };

  g_signal_connect (task, "call-progress", G_CALLBACK (on_progress), &reports);
  g_signal_connect (task, "call-message", G_CALLBACK (on_message), &reports);
  support_run (task, "[<true>, <true>, <true>, <true>, <true>]");
  g_assert_cmpuint (reports.n_progress, ==, 5);
  g_assert_cmpuint (reports.n_messages, ==, 5);
}

/* Details belong to one call: the next one in the same worker has none. */
static void
test_errors (void)
{
  g_autoptr (PcallTask) task = symbol_task ("fail", 1);
  g_autoptr (Tally) tally = NULL;
  g_autoptr (GError) error = NULL;
  const char *details[] = { "{'type': <'E'>, 'line': <7>}", NULL };

  add_symbol (task, "fail_without_details");
  pcall_task_set_max_children (task, 1);
  tally = tally_new (task);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "call 0 found nothing");
  tally_assert_complete (tally);
  g_assert_cmpuint (count_children (task), ==, 1);

  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) seen = pcall_call_dup_error_details (call);

      if (details[i] != NULL)
        support_assert_variant (seen, details[i]);
      else
        g_assert_null (seen);
    }
}

typedef struct
{
  const char *module;
  const char *symbol;
  const char *said;
} Missing;

static const Missing missing[] = {
  { "/no/such.so", "f", "*symbol f of module /no/such.so: *No such file*" },
  { "no-such.so", "f", "*symbol f of module no-such.so: *LD_LIBRARY_PATH*" },
  { NULL, "no_such", "*symbol no_such of module /*undefined symbol*" },
};

static void
test_missing (gconstpointer data)
{
  const Missing *row = data;
  g_autoptr (PcallTarget) target = row->module != NULL
                                       ? pcall_target_new_symbol (row->module, row->symbol)
                                       : spawn_target (row->symbol);

  for (guint method = PCALL_START_METHOD_FORK; method <= PCALL_START_METHOD_SPAWN; method++)
    {
      g_autoptr (PcallTask) task = pcall_task_new (target);
      g_autoptr (GError) error = NULL;

      pcall_task_set_start_method (task, method);
      support_start (task);
      error = support_join_failing (task);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TARGET);
      if (!g_pattern_match_simple (row->said, error->message))
        g_error ("'%s' is not %s", error->message, row->said);
      g_assert_true ((strstr (error->message, "pcall-worker") != NULL) ==
                     (method == PCALL_START_METHOD_SPAWN));
    }
}

/* Where pcall's own program is not to be found */
static void
worker_is_missing (gconstpointer data)
{
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);
  g_autoptr (GError) error = NULL;

  g_setenv ("PCALL_WORKER_DIR", "/no/such/directory", TRUE);
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "pcall-worker"));
  g_assert_nonnull (strstr (error->message, "/no/such/directory"));
  g_assert_nonnull (strstr (error->message, "PCALL_WORKER_DIR"));
}

static void
test_worker_is_missing (void)
{
  traces_in_subprocess (worker_is_missing, NULL);
}

/* Start methods */

static void
test_forked_symbol (void)
{
  g_autoptr (PcallTask) task = symbol_task ("get_pid", 3);

  pcall_task_set_start_method (task, PCALL_START_METHOD_FORK);
  support_run (task, NULL);
  g_assert_cmpuint (count_children (task), ==, 3);
}

static void
test_forked_worker (void)
{
  const char *argv[] = { "true", NULL };
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "a name");
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (GError) error = NULL;

  pcall_task_set_start_method (task, PCALL_START_METHOD_FORK);
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TARGET);
  g_assert_nonnull (strstr (error->message, "a name"));
}

static void
test_mixed (gconstpointer data)
{
  g_autoptr (PcallTask) task = symbol_task ("get_index", 1);
  guint n = 20;

  for (guint i = 1; i < n; i++)
    {
      g_autoptr (PcallTarget) callback = pcall_target_new (NULL, support_index, NULL, NULL);

      if (i % 3 == 0)
        add_symbol (task, "get_index");
      else
        pcall_task_add_target (task, callback);
    }
  pcall_task_set_max_children (task, GPOINTER_TO_UINT (data));
  support_run (task, NULL);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *expected = g_strdup_printf ("@u %u", i);

      support_assert_result (task, i, expected);
    }
}

/* Workers are used again, and replaced */

static void
test_reuse (void)
{
  guint n_calls = traces_rounds (1000, 100000);
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task ("get_pid", n_calls);
  GHashTable *pids = g_hash_table_new (NULL, NULL);

  support_run (task, NULL);
  for (guint i = 0; i < n_calls; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_assert_cmpint (g_variant_get_int32 (result), ==, pcall_call_get_pid (call));
      g_hash_table_add (pids, GINT_TO_POINTER (pcall_call_get_pid (call)));
    }
  g_assert_cmpuint (g_hash_table_size (pids), <=, g_get_num_processors ());
  g_assert_cmpuint (count_children (task), ==, g_hash_table_size (pids));
  g_hash_table_unref (pids);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_crash_in_the_middle (void)
{
  g_autoptr (PcallTask) task = symbol_task ("crash_sometimes", 70);
  g_autoptr (Tally) tally = tally_new (task);

  pcall_task_set_max_children (task, 2);
  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < 70; i++)
    {
      g_autofree char *value = g_strdup_printf ("@u %u", i);
      g_autoptr (GError) error = support_error (task, i);

      if (i % 7 == 6)
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
      else
        support_assert_result (task, i, value);
    }
  g_assert_cmpuint (count_children (task), <=, 12);
  g_assert_cmpuint (count_children (task), >=, 10);
}

/* A worker that dies between two calls costs neither of them anything. */
static void
test_death_in_between (void)
{
  g_autoptr (PcallTask) task = symbol_task ("die_afterwards", 1);
  g_autoptr (Tally) tally = NULL;

  for (guint i = 1; i < 60; i++)
    add_symbol (task, i % 2 == 0 ? "die_afterwards" : "get_index");
  tally = tally_new (task);
  support_run (task, NULL);
  tally_assert_complete (tally);
  g_assert_cmpuint (count_children (task), >=, 30);
}

static void
test_exit (void)
{
  g_autoptr (PcallTask) task = symbol_task ("exit_99", 1);
  g_autoptr (GError) error = NULL;

  add_symbol (task, "get_index");
  pcall_task_set_max_children (task, 1);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_EXITED);
  g_assert_nonnull (strstr (error->message, "call 0 (exit_99): exited with status 99"));
  support_assert_result (task, 1, "@u 1");
}

typedef struct
{
  GRand *rand;
  guint  n_killed;
} Killer;

static void
kill_some (PcallTask *task,
           PcallCall *call,
           Killer    *killer)
{
  g_autoptr (GPtrArray) living = pcall_task_dup_living_children (task);
  PcallChild *child;

  if (living->len == 0 || g_rand_int_range (killer->rand, 0, 4) != 0)
    return;
  child = g_ptr_array_index (living, g_rand_int_range (killer->rand, 0, living->len));
  if (kill (pcall_child_get_pid (child), SIGKILL) == 0)
    killer->n_killed++;
}

static void
test_kill_at_random (void)
{
  guint n_calls = traces_rounds (300, 30000);
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task ("get_index", n_calls);
  Tally *tally = tally_new (task);
  Killer killer = { g_rand_new_with_seed (g_test_rand_int ()), 0 };
  guint n_crashed = 0;

  g_signal_connect (task, "call-finished", G_CALLBACK (kill_some), &killer);
  support_start (task);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  tally_assert_complete (tally);
  for (guint i = 0; i < n_calls; i++)
    {
      g_autofree char *value = g_strdup_printf ("@u %u", i);
      g_autoptr (GError) error = support_error (task, i);

      if (error == NULL)
        {
          support_assert_result (task, i, value);
          continue;
        }
      g_assert_cmpint (support_state (task, i), !=, PCALL_CALL_STATE_SUCCEEDED);
      n_crashed++;
    }
  g_test_message ("%u killed, %u calls lost", killer.n_killed, n_crashed);
  g_assert_cmpuint (killer.n_killed, >, 0);
  g_assert_cmpuint (n_crashed, <=, killer.n_killed);

  tally_free (tally);
  g_rand_free (killer.rand);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* What a worker inherits */

static void
assert_descriptor_is_known (int         fd,
                            const char *path)
{
  if (fd == 0)
    g_assert_cmpstr (path, ==, "/dev/null");
  else if (fd == 3)
    g_assert_true (g_str_has_prefix (path, "socket:"));
  else if (fd == 4)
    g_assert_true (g_str_has_prefix (path, "pipe:"));
  else if (fd > 4)
    g_assert_cmpstr (path, ==, "anon_inode:[eventfd]");
}

static void
test_descriptors (void)
{
  g_autoptr (PcallTask) task = symbol_task ("list_descriptors", 10);
  int inheritable = open ("/proc/self/status", O_RDONLY);
  int high = fcntl (inheritable, F_DUPFD, 500);

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  support_run (task, NULL);
  close (inheritable);
  close (high);
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr (GVariant) result = take_result (task, i);
      GVariantIter iter;
      const char *path;
      int fd;

      g_variant_iter_init (&iter, result);
      while (g_variant_iter_next (&iter, "{i&s}", &fd, &path))
        assert_descriptor_is_known (fd, path);
    }
}

static void
on_signal (int signum)
{
}

/* Whoever started this program may have it ignore the signals of its terminal: nohup does, and a
 * shell for what runs in the background. */
static void
heed_terminal (void)
{
  signal (SIGHUP, SIG_DFL);
  signal (SIGINT, SIG_DFL);
  signal (SIGQUIT, SIG_DFL);
}

static void
test_signals (void)
{
  g_autoptr (PcallTask) task = symbol_task ("get_state", 2);
  sigset_t some, before;

  heed_terminal ();
  sigemptyset (&some);
  sigaddset (&some, SIGTERM);
  sigaddset (&some, SIGUSR1);
  sigprocmask (SIG_BLOCK, &some, &before);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGUSR2, on_signal);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  support_run (task, "[<(@u 0, @u 0, true, false)>, <(@u 0, @u 0, true, false)>]");
  signal (SIGPIPE, SIG_DFL);
  signal (SIGUSR2, SIG_DFL);
  sigprocmask (SIG_SETMASK, &before, NULL);
}

/* A worker that outlives its terminal has to outlive it, too. */
static void
test_signals_of_terminal (void)
{
  g_autoptr (PcallTask) task = symbol_task ("get_state", 1);

  heed_terminal ();
  signal (SIGHUP, SIG_IGN);
  signal (SIGQUIT, SIG_IGN);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  support_run (task, "[<(@u 2, @u 0, true, false)>]");
  heed_terminal ();
}

static void
closed_streams (gconstpointer data)
{
  g_autoptr (PcallTask) task = symbol_task ("get_index", 3);

  for (int fd = 0; fd < 3; fd++)
    close (fd);
  support_run (task, "[<@u 0>, <@u 1>, <@u 2>]");
}

static void
test_closed_streams (void)
{
  traces_in_subprocess (closed_streams, NULL);
}

static void
test_fork_and_return (void)
{
  g_autoptr (PcallTask) task = symbol_task ("fork_and_return", 4);

  support_run (task, "[<42>, <42>, <42>, <42>]");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  support_add ("/pcall/spawn/target", test_target);
  support_add ("/pcall/spawn/results", test_results);
  support_add ("/pcall/spawn/arguments", test_arguments);
  support_add ("/pcall/spawn/nothing", test_nothing);
  support_add ("/pcall/spawn/no-calls", test_no_calls);
  support_add ("/pcall/spawn/large", test_large);
  support_add ("/pcall/spawn/reports", test_reports);
  support_add ("/pcall/spawn/errors", test_errors);
  for (gsize i = 0; i < G_N_ELEMENTS (missing); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/spawn/missing/%u", (guint) i);

      g_test_add_data_func (path, &missing[i], test_missing);
    }
  g_test_add_func ("/pcall/spawn/worker-is-missing", test_worker_is_missing);
  support_add ("/pcall/spawn/forked-symbol", test_forked_symbol);
  support_add ("/pcall/spawn/forked-worker", test_forked_worker);
  g_test_add_data_func ("/pcall/spawn/mixed/automatic", GUINT_TO_POINTER (0), test_mixed);
  g_test_add_data_func ("/pcall/spawn/mixed/1", GUINT_TO_POINTER (1), test_mixed);
  g_test_add_data_func ("/pcall/spawn/mixed/3", GUINT_TO_POINTER (3), test_mixed);
  support_add ("/pcall/spawn/reuse", test_reuse);
  support_add ("/pcall/spawn/crash-in-the-middle", test_crash_in_the_middle);
  support_add ("/pcall/spawn/death-in-between", test_death_in_between);
  support_add ("/pcall/spawn/exit", test_exit);
  support_add ("/pcall/spawn/kill-at-random", test_kill_at_random);
  support_add ("/pcall/spawn/descriptors", test_descriptors);
  support_add ("/pcall/spawn/signals", test_signals);
  support_add ("/pcall/spawn/signals-of-terminal", test_signals_of_terminal);
  g_test_add_func ("/pcall/spawn/closed-streams", test_closed_streams);
  support_add ("/pcall/spawn/fork-and-return", test_fork_and_return);

  return g_test_run ();
}
