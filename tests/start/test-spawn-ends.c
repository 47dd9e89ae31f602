/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls in workers end that do not end by themselves, and tasks that are dropped: by
 * timeouts, by the task's end, in whatever callback. */

#include <signal.h>

#include "spawn-support.h"

typedef struct
{
  const char *symbol;
  gdouble     grace;
} Stuck;

static const Stuck stuck[] = {
  { "sleep_long", 3 }, { "ignore_sigterm", 0.1 }, { "be_busy", 3 }, { "be_stopped", 0.1 },
  { "sleep_long", 0 },
};

static void
test_timeout (gconstpointer data)
{
  const Stuck *row = data;
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task ("get_index", 1);
  Tally *tally;

  add_symbol (task, row->symbol);
  add_symbol (task, "get_index");
  add_symbol (task, row->symbol);
  add_symbol (task, "get_index");
  tally = tally_new (task);
  pcall_task_set_timeout (task, 0.2);
  pcall_task_set_grace_period (task, row->grace);
  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < 5; i++)
    g_assert_cmpint (support_state (task, i), ==,
                     i % 2 == 1 ? PCALL_CALL_STATE_TIMED_OUT : PCALL_CALL_STATE_SUCCEEDED);

  tally_free (tally);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
terminate_when_busy (PcallTask *task,
                     PcallCall *call,
                     GVariant  *message,
                     gpointer   data)
{
  pcall_task_terminate (task);
}

static void
test_terminate (gconstpointer data)
{
  const Stuck *row = data;
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task (row->symbol, 6);
  Tally *tally = tally_new (task);

  pcall_task_set_grace_period (task, row->grace);
  g_signal_connect (task, "call-message", G_CALLBACK (terminate_when_busy), NULL);
  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < 6; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);

  tally_free (tally);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
note_busy (PcallTask *task,
           PcallCall *call,
           GVariant  *message,
           gboolean  *busy)
{
  *busy = TRUE;
}

static void
test_drop (gconstpointer data)
{
  const Stuck *row = data;
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task (row->symbol, 6);
  gboolean busy = FALSE;

  pcall_task_set_grace_period (task, row->grace);
  g_signal_connect (task, "call-message", G_CALLBACK (note_busy), &busy);
  support_start (task);
  support_iterate_until (&busy);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

/* At any moment: while workers come up, run, and end. */
static void
test_drop_at_random (void)
{
  guint n_rounds = traces_rounds (60, 5000);

  for (guint i = 0; i < n_rounds; i++)
    {
      g_autofree char *before = traces_take ();
      PcallTask *task = symbol_task ("get_index", 40);
      gdouble seconds = g_test_rand_double_range (0, 0.008);

      support_start (task);
      pcall_task_join (task, seconds, NULL, NULL);
      g_assert_finalize_object (task);
      traces_assert_back (before);
    }
}

static void
test_failure_policy (void)
{
  g_autoptr (PcallTask) task = symbol_task ("fail", 1);
  g_autoptr (GError) error = NULL;

  for (guint i = 1; i < 6; i++)
    add_symbol (task, "sleep_long");
  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  for (guint i = 1; i < 6; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
}

/* Told of a call's end, somebody waits for all the rest, or for another task. */

static void
join_further_in (PcallTask *task,
                 gpointer   told,
                 gboolean  *joined)
{
  g_autoptr (PcallTask) other = NULL;

  if (*joined)
    return;
  *joined = TRUE;
  other = symbol_task ("get_index", 3);
  support_run (other, "[<@u 0>, <@u 1>, <@u 2>]");
  g_assert_true (pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL));
}

static void
test_reentrant (gconstpointer signal)
{
  g_autoptr (PcallTask) task = symbol_task ("get_index", 20);
  gboolean joined = FALSE;

  g_signal_connect (task, signal, G_CALLBACK (join_further_in), &joined);
  support_run (task, NULL);
  g_assert_true (joined);
}

static void
drop_in_callback (PcallTask  *task,
                  PcallCall  *call,
                  PcallTask **owned)
{
  g_clear_object (owned);
}

static void
test_drop_in_callback (gconstpointer signal)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = symbol_task ("get_index", 20);
  gpointer weak = task;

  g_object_add_weak_pointer (G_OBJECT (task), &weak);
  g_signal_connect (task, signal, G_CALLBACK (drop_in_callback), &task);
  support_start (task);
  while (weak != NULL)
    g_main_context_iteration (NULL, TRUE);
  traces_assert_back (before);
}

static void
add_stuck (const char *path,
           void (*func) (gconstpointer data))
{
  for (gsize i = 0; i < G_N_ELEMENTS (stuck); i++)
    {
      g_autofree char *full =
          g_strdup_printf ("%s/%s/%g", path, stuck[i].symbol, stuck[i].grace);

      g_test_add_data_func (full, &stuck[i], func);
    }
}

static void
add_for_signals (const char *path,
                 void (*func) (gconstpointer signal))
{
  static const char *const names[] = { "call-started", "call-finished", "child-exited" };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *full = g_strdup_printf ("%s/%s", path, names[i]);

      g_test_add_data_func (full, names[i], func);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  add_stuck ("/pcall/spawn-ends/timeout", test_timeout);
  add_stuck ("/pcall/spawn-ends/terminate", test_terminate);
  add_stuck ("/pcall/spawn-ends/drop", test_drop);
  support_add ("/pcall/spawn-ends/drop-at-random", test_drop_at_random);
  support_add ("/pcall/spawn-ends/failure-policy", test_failure_policy);
  add_for_signals ("/pcall/spawn-ends/reentrant", test_reentrant);
  add_for_signals ("/pcall/spawn-ends/drop-in-callback", test_drop_in_callback);

  return g_test_run ();
}
