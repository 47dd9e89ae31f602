/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which call of a task is said to have failed first, to those who ask at any time. That joins tell of
 * the same one is tested with failures. */

#include <signal.h>

#include "task-support.h"

static GVariant *
crash_last (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () == 3)
    raise (SIGKILL);
  return NULL;
}

/* Who only asks, and neither joins nor runs a loop, comes to know. */
static void
test_first_failed_polled (void)
{
  PcallTask *task = pcall_task_new_for_func (crash_last, NULL, NULL);
  gint64 end = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  g_autoptr (GError) error = NULL;

  pcall_task_set_n_calls (task, 4);
  support_start (task);
  while (support_first_failed (task) == G_MAXUINT && g_get_monotonic_time () < end)
    g_usleep (1000);
  g_assert_cmpuint (support_first_failed (task), ==, 3);
  g_assert_cmpint (support_state (task, 3), ==, PCALL_CALL_STATE_CRASHED);

  /* Messages have the name of the function. */
  error = support_error (task, 3);
  g_assert_true (g_str_has_prefix (error->message, "call 3 (crash_last): killed by signal 9"));

  g_assert_finalize_object (task);
}

/* All are cancelled: the first of them. */
static void
test_first_failed_cancelled (void)
{
  PcallTask *task = support_task (support_sleep, 3);

  support_start (task);
  pcall_task_terminate (task);
  g_error_free (support_join_failing (task));
  g_assert_cmpuint (support_first_failed (task), ==, 0);
  g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_CANCELLED);

  g_assert_finalize_object (task);
}

static GVariant *
return_nothing (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return NULL;
}

static void
test_none_failed (void)
{
  PcallTask *task = support_task (return_nothing, 3);

  support_start (task);
  support_join (task);
  g_assert_cmpuint (support_first_failed (task), ==, G_MAXUINT);

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/first-failed/polled", test_first_failed_polled);
  support_add ("/pcall/first-failed/cancelled", test_first_failed_cancelled);
  support_add ("/pcall/first-failed/none", test_none_failed);

  return g_test_run ();
}
