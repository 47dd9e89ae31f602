/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Commands that bring fewer agents than they should. */

#include <signal.h>

#include "launcher-support.h"

/* A command for @n_workers, with @directory as $0. */
static PcallLauncher *
launcher_new_in (const char *directory, const char *script, guint n_workers)
{
  const char *command[] = { "/bin/sh", "-c", script, directory, "{n}", NULL };

  return pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_CONNECT);
}

static char *
in_directory (const char *directory, const char *name)
{
  return g_build_filename (directory, name, NULL);
}

static gboolean
is_in (const char *directory, const char *name)
{
  g_autofree char *path = in_directory (directory, name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* Fewer than expected */

/* One of two comes, and is killed in the last call; the command ends after that. */
static void
test_other_never_comes (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = in_directory (directory, "once");
  g_autofree char *command = g_strdup_printf (
      "mkdir %s && kill -KILL $(ps -o ppid= -p $PPID) && sleep 60", once);
  g_autoptr (PcallLauncher) launcher = launcher_new_in (directory, "{agent}; sleep 0.3", 2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);

  pcall_task_set_instance_args (
      task, g_variant_new_parsed ("[('true',), (%s,)]", command));
  pcall_task_set_retries (task, 1);
  support_run (task, NULL);
  g_assert_cmpuint (count_children (task), ==, 2);
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* Those who are there in time go on. */
static void
test_others_too_late (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_in (
      directory,
      "if mkdir $0/once; then trap 'echo > $0/told' TERM; {agent}; wait; else sleep 60; fi", 3);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 3);
  g_autofree char *once = in_directory (directory, "once");

  pcall_launcher_set_start_timeout (launcher, 0.2);
  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 0.5',)"));
  support_run (task, "[<0>, <0>, <0>]");
  g_assert_cmpuint (count_children (task), ==, 1);
  g_assert_false (is_in (directory, "told"));
  pcall_launcher_close (launcher);
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  launcher_add_killing ("/pcall/commands/other-never-comes", test_other_never_comes);
  launcher_add ("/pcall/commands/others-too-late", test_others_too_late);

  return g_test_run ();
}
