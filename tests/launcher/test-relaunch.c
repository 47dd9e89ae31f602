/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* An agent that was lost is started again, while calls wait: after a second, and then after twice as
 * long each time, but no more than three times in vain. */

#include <signal.h>

#include "launcher-support.h"

typedef struct
{
  const char *name;
  guint n_vain;
  gboolean comes; /* then it does */
  guint n_launches;
} Case;

static const Case cases[] = {
  { "comes", 1, TRUE, 3 },
  { "never", G_MAXUINT, FALSE, 4 },
};

static guint
count_files (const char *path, const char *prefix)
{
  g_autoptr (GDir) directory = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0;

  while ((name = g_dir_read_name (directory)) != NULL)
    n += g_str_has_prefix (name, prefix);
  return n;
}

static void
run_case (gconstpointer data)
{
  const Case *row = data;
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autofree char *script = g_strdup_printf (
      "n=$(ls -d %s/launch-* 2> /dev/null | wc -l); : > %s/launch-$n;"
      " test $n = 0 || test $n -gt %u || exit 3; eval exec \"$PCALL_AGENT\"",
      directory, directory, row->n_vain);
  g_autoptr (PcallLauncher) launcher = launcher_new_shell (script, 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "signal_parent", 3);

  pcall_task_set_common_args (task, g_variant_new ("(is)", SIGKILL, once));
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, "*connection was lost*");
  for (guint i = 1; i < 3; i++)
    if (!row->comes)
      launcher_assert_error (task, i, PCALL_ERROR_START, "*exited with status 3*");
    else
      support_assert_result (task, i, i == 1 ? "uint32 1" : "uint32 2");
  g_assert_cmpuint (count_files (directory, "launch-"), ==, row->n_launches);
  launcher_remove_directory (directory);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/relaunch/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], run_case);
    }
  return g_test_run ();
}
