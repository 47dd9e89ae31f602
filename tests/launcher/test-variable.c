/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The launcher that the environment tells. */

#include "launcher-support.h"

/* A task within a call, in a fork that has the launcher of its parent, which it cannot use */
static GVariant *
run_nested (GVariant *args, GVariant *kwargs, gpointer data, GError **error)
{
  g_autoptr (PcallTask) task = symbol_task ("get_index", 2);

  return pcall_task_run (task, NULL, error);
}

/* The variable is for programs that know nothing of launchers. */
static void
run_with_variable (gconstpointer data)
{
  g_autoptr (PcallTask) named = symbol_task ("get_parent", 1);
  g_autoptr (PcallTask) callback = support_task (support_index, 1);
  g_autoptr (PcallTask) nested = support_task (run_nested, 1);
  g_autoptr (PcallTask) bad = symbol_task ("get_index", 1);
  g_autoptr (PcallLauncher) launcher = NULL;
  g_autoptr (PcallCall) call = NULL;

  g_setenv ("PCALL_LAUNCHER", "slurm:none", TRUE);
  launcher_assert_no_start (bad, PCALL_ERROR_START,
                            "PCALL_LAUNCHER: launcher: slurm: \"none\" is no *");

  g_setenv ("PCALL_LAUNCHER", "{agent}", TRUE);
  support_run (named, NULL);
  call = pcall_task_dup_call (named, 0);
  g_assert_cmpstr (pcall_call_get_host (call), ==, g_get_host_name ());
  g_assert_null (pcall_task_get_launcher (named));
  support_run (callback, "[<uint32 0>]");
  support_run (nested, "[<[<uint32 0>, <uint32 1>]>]");
  launcher = g_object_ref (pcall_launcher_get_default (NULL));
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 1);
  pcall_launcher_close (launcher);
}

static void
test_variable (void)
{
  traces_in_subprocess (run_with_variable, NULL);
}

static gint over; /* atomic */

static gpointer
ask_in_vain (gpointer data)
{
  while (!g_atomic_int_get (&over))
    g_assert_null (pcall_launcher_get_default (NULL));
  return NULL;
}

static GVariant *
ask (GVariant *args, GVariant *kwargs, gpointer data, GError **error)
{
  return g_variant_new_boolean (pcall_launcher_get_default (NULL) == NULL);
}

/* Each child is forked while a thread asks for the launcher, and asks for itself. */
static void
run_forks_with_variable (gconstpointer data)
{
  g_autoptr (PcallTask) task = support_task (ask, 100);
  GThread *thread;

  g_setenv ("PCALL_LAUNCHER", "slurm:none", TRUE);
  thread = g_thread_new ("asks", ask_in_vain, NULL);
  support_run (task, NULL);
  for (guint i = 0; i < 100; i++)
    support_assert_result (task, i, "true");
  g_atomic_int_set (&over, TRUE);
  g_thread_join (thread);
}

static void
test_variable_forked (void)
{
  traces_in_subprocess (run_forks_with_variable, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();

  launcher_add ("/pcall/variable/set", test_variable);
  launcher_add ("/pcall/variable/forked", test_variable_forked);
  return g_test_run ();
}
