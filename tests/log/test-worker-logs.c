/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What calls write in workers, which run one after the other: a log for each call all the same. */

#include <gio/gio.h>
#include <glib/gstdio.h>

#include "log-keeper.h"
#include "task-support.h"
#include "traces.h"

static PcallTask *
new_task (const char *symbol, const char *args)
{
  g_autofree char *module = g_test_build_filename (G_TEST_BUILT, "libspawn-targets.so", NULL);
  g_autoptr (PcallTarget) target = pcall_target_new_symbol (module, symbol);
  PcallTask *task = pcall_task_new (target);

  if (args != NULL)
    pcall_task_set_instance_args (task, g_variant_new_parsed (args));
  pcall_task_set_max_children (task, 1);
  log_keeper_reset (NULL, NULL);
  return task;
}

static void
assert_said (guint index)
{
  g_autofree char *expected = g_strdup_printf ("printed by %u\nlogged by %u\nin the end of %u\n",
                                               index, index, index);

  g_assert_cmpstr (log_keeper_get_lines (index)->str, ==, expected);
}

static void
test_sections (void)
{
  g_autoptr (PcallTask) task = new_task ("say", "[('',), ('',), ('',)]");

  support_run (task, NULL);
  for (guint i = 0; i < 3; i++)
    assert_said (i);
  g_assert_true (g_str_has_prefix (log_keeper_get_text (), "0: >>>>\n0: printed by 0\n"));
}

static void
test_live (void)
{
  g_autoptr (PcallTask) task = new_task ("say", "[('',), ('',), ('',)]");

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_LIVE);
  support_run (task, NULL);
  for (guint i = 0; i < 3; i++)
    assert_said (i);
}

static void
test_silent (void)
{
  g_autoptr (PcallTask) task = new_task ("say_nothing", NULL);

  pcall_task_set_n_calls (task, 5);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_text (), ==, "");
}

static void
check_record (const LogKeeperRecord *record, gpointer data)
{
  g_autofree char *field = g_strdup_printf ("field %u", record->call);

  if (!g_str_has_prefix (record->message, "logged by"))
    return;
  g_assert_cmpuint (record->level, ==, G_LOG_LEVEL_WARNING);
  g_assert_cmpstr (log_keeper_find_field (record, "GLIB_DOMAIN"), ==, "Spawned");
  g_assert_cmpstr (log_keeper_find_field (record, "SPAWN_FIELD"), ==, field);
  g_assert_cmpstr (log_keeper_find_field (record, "PRIORITY"), ==, "4");
  *(guint *) data += 1;
}

static void
test_records (void)
{
  g_autoptr (PcallTask) task = new_task ("say", "[('',), ('',)]");
  guint n = 0;

  log_keeper_reset (check_record, &n);
  support_run (task, NULL);
  g_assert_cmpuint (n, ==, 2);
}

/* A program's own writer function stays; what goes through g_log() is caught all the same. */
static void
check_own_writer (const LogKeeperRecord *record, gpointer data)
{
  gboolean by_g_log = g_str_equal (record->message, "by g_log");

  if (!by_g_log && !g_str_equal (record->message, "written by its own: structured"))
    return;
  g_assert_cmpuint (record->level, ==, by_g_log ? G_LOG_LEVEL_WARNING : G_LOG_LEVEL_MESSAGE);
  g_assert_cmpstr (log_keeper_find_field (record, "GLIB_DOMAIN"), ==, by_g_log ? "Odd" : "Pcall");
  *(guint *) data += 1;
}

static void
test_own_writer (void)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  const char *argv[] = { program, "capture-twice", NULL };
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "log");
  g_autoptr (PcallTask) task = pcall_task_new (target);
  guint n = 0;

  log_keeper_reset (check_own_writer, &n);
  support_run (task, "[<()>]");
  g_assert_cmpuint (n, ==, 2);
}

/* The worker that comes after it knows nothing of it. */
static void
test_crash (void)
{
  g_autoptr (PcallTask) task = new_task ("say", "[('',), ('abort',), ('close',), ('',)]");
  g_autoptr (GError) error = NULL;

  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  g_assert_true (g_str_has_suffix (error->message, "; last output: printed by 1 | logged by 1"));
  g_assert_cmpstr (log_keeper_get_lines (1)->str, ==, "printed by 1\nlogged by 1\n");
  g_assert_nonnull (strstr (log_keeper_get_text (), "\n1: call 1 ("));
  assert_said (0);
  assert_said (3);
}

static void
test_keep (void)
{
  g_autofree char *directory = g_dir_make_tmp ("pcall-worker-logs-XXXXXX", NULL);
  g_autoptr (PcallTask) task = new_task ("say", "[('',), ('',)]");

  pcall_task_set_log_directory (task, directory);
  pcall_task_set_keep_logs (task, TRUE);
  support_run (task, NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autofree char *text = NULL;

      g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
      g_assert_true (g_str_has_prefix (text, i == 0 ? "printed by 0\n" : "printed by 1\n"));
      g_assert_no_errno (g_unlink (pcall_call_get_log_file (call)));
    }
  g_assert_no_errno (g_rmdir (directory));
}

/* A file that somebody removed, with its directory: the calls do not suffer. */
static void
remove_directory (PcallTask *task, PcallCall *call, gpointer data)
{
  g_autofree char *file = g_strdup (pcall_call_get_log_file (call));

  if (file != NULL)
    g_unlink (file);
  g_rmdir (pcall_task_get_log_directory (task));
}

static void
test_directory_removed (void)
{
  g_autofree char *directory = g_dir_make_tmp ("pcall-worker-logs-XXXXXX", NULL);
  g_autoptr (PcallTask) task = new_task ("say_nothing", NULL);

  pcall_task_set_n_calls (task, 4);
  pcall_task_set_log_directory (task, directory);
  g_signal_connect (task, "call-finished", G_CALLBACK (remove_directory), NULL);
  support_run (task, "[<()>, <()>, <()>, <()>]");
  g_rmdir (directory);
}

static void
dropped (gconstpointer data)
{
  PcallTask *task = new_task ("say", "[('',), ('',), ('',)]");

  support_start (task);
  g_object_unref (task);
}

static void
test_dropped (void)
{
  traces_in_subprocess (dropped, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  /* Workers read it anew, and are to outlive a warning. */
  g_unsetenv ("G_DEBUG");
  traces_begin_without_log ();
  log_keeper_begin ();

  support_add ("/pcall/worker-logs/sections", test_sections);
  support_add ("/pcall/worker-logs/live", test_live);
  support_add ("/pcall/worker-logs/silent", test_silent);
  support_add ("/pcall/worker-logs/records", test_records);
  support_add ("/pcall/worker-logs/own-writer", test_own_writer);
  support_add ("/pcall/worker-logs/crash", test_crash);
  support_add ("/pcall/worker-logs/keep", test_keep);
  support_add ("/pcall/worker-logs/directory-removed", test_directory_removed);
  g_test_add_func ("/pcall/worker-logs/dropped", test_dropped);

  return g_test_run ();
}
