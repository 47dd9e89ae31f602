/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What calls write on another machine: it is in the log of this one, as if it had been written here,
 * also while they run. */

#include <fcntl.h>
#include <unistd.h>

#include "launcher-support.h"
#include "log-keeper.h"
#include "program-support.h"

static PcallTask *
say_task (PcallLauncher *launcher, const char *args)
{
  PcallTask *task = launcher_task (launcher, "say", 1);

  pcall_task_set_instance_args (task, g_variant_new_parsed (args));
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
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = say_task (launcher, "[('',), ('',), ('',), ('',)]");

  support_run (task, NULL);
  for (guint i = 0; i < 4; i++)
    assert_said (i);
  g_assert_true (g_str_has_prefix (log_keeper_get_text (), "0: >>>>\n0: printed by 0\n"));
}

static void
test_live (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = say_task (launcher, "[('',), ('',), ('',), ('',)]");

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_LIVE);
  support_run (task, NULL);
  for (guint i = 0; i < 4; i++)
    assert_said (i);
}

static void
check_record (const LogKeeperRecord *record, gpointer data)
{
  g_assert_cmpstr (log_keeper_find_field (record, "PCALL_HOST"), ==, g_get_host_name ());
  if (!g_str_has_prefix (record->message, "logged by"))
    return;
  g_assert_cmpuint (record->level, ==, G_LOG_LEVEL_WARNING);
  g_assert_cmpstr (log_keeper_find_field (record, "GLIB_DOMAIN"), ==, "Spawned");
  g_assert_true (g_str_has_prefix (log_keeper_find_field (record, "SPAWN_FIELD"), "field "));
  *(guint *) data += 1;
}

static void
check_no_host (const LogKeeperRecord *record, gpointer data)
{
  g_assert_null (log_keeper_find_field (record, "PCALL_HOST"));
  *(guint *) data += 1;
}

static void
test_records (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = say_task (launcher, "[('',), ('',)]");
  g_autoptr (PcallTask) here = say_task (NULL, "[('',)]");
  guint n = 0;

  log_keeper_reset (check_record, &n);
  support_run (task, NULL);
  g_assert_cmpuint (n, ==, 2);
  log_keeper_reset (check_no_host, &n);
  support_run (here, NULL);
  g_assert_cmpuint (n, >, 2);
}

static void
test_crash (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = say_task (launcher, "[('',), ('abort',), ('',)]");
  g_autoptr (GError) error = NULL;

  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  g_assert_true (g_str_has_suffix (error->message, "; last output: printed by 1 | logged by 1"));
  g_assert_cmpstr (log_keeper_get_lines (1)->str, ==, "printed by 1\nlogged by 1\n");
  assert_said (0);
  assert_said (2);
}

static void
test_silent (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "say_nothing", 5);

  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_text (), ==, "");
}

/* More than is sent at once. */
static void
test_much (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  pcall_task_set_common_args (task, g_variant_new_parsed ("('seq 1 100000',)"));
  log_keeper_reset (NULL, NULL);
  support_run (task, "[<0>]");
  g_assert_true (g_str_has_prefix (log_keeper_get_lines (0)->str, "1\n2\n3\n"));
  g_assert_true (g_str_has_suffix (log_keeper_get_lines (0)->str, "\n99999\n100000\n"));
  g_assert_cmpuint (log_keeper_get_lines (0)->len, ==, 588895);
}

/* The file here grows while the call runs there, which waits until that is seen. */
typedef struct
{
  PcallTask *task;
  const char *path;
} Tail;

static gboolean
log_has_word (gpointer data)
{
  Tail *tail = data;
  g_autoptr (PcallCall) call = pcall_task_dup_call (tail->task, 0);
  const char *path = pcall_call_get_log_file (call);
  g_autofree char *text = NULL;

  return path != NULL && g_file_get_contents (path, &text, NULL, NULL) &&
         strstr (text, "a word\n") != NULL;
}

static void
test_while_it_runs (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *path = g_build_filename (directory, "seen", NULL);
  g_autofree char *command =
      g_strdup_printf ("echo a word; until test -e %s; do sleep 0.01; done", path);
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);
  Tail tail = { task, path };

  pcall_task_set_common_args (task, g_variant_new ("(s)", command));
  log_keeper_reset (NULL, NULL);
  support_start (task);
  g_assert_true (traces_wait_until (log_has_word, &tail));
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  support_join (task);
  g_assert_cmpstr (log_keeper_get_lines (0)->str, ==, "a word\n");
  launcher_remove_directory (directory);
}

static void
test_kept (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = say_task (launcher, "[('',), ('',)]");

  pcall_task_set_log_directory (task, directory);
  pcall_task_set_keep_logs (task, TRUE);
  support_run (task, NULL);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autofree char *text = NULL;

      g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
      g_assert_nonnull (strstr (text, "printed by"));
    }
  launcher_remove_directory (directory);
}

/* Where nothing is captured, it goes where the errors of the command go, and is passed on. */
static gboolean
is_there (gpointer path)
{
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && strcmp (text, "out\nerr\n") == 0;
}

static void
test_inherit (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *path = g_build_filename (directory, "errors", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);
  int fd = open (path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  int saved = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

  pcall_task_set_common_args (task, g_variant_new_parsed ("('echo out; echo err >&2',)"));
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  g_assert_no_errno (dup2 (fd, STDERR_FILENO));
  support_run (task, "[<0>]");
  g_assert_true (traces_wait_until (is_there, path));
  g_assert_no_errno (dup2 (saved, STDERR_FILENO));
  close (saved);
  close (fd);
  launcher_remove_directory (directory);
}

/* What is printed goes to the streams of this process, each to its own. */
static void
run_both (gconstpointer mode)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 0);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[('echo a; echo b >&2',), (':',), "
                                                            "('seq 1 50000; echo d >&2',)]"));
  pcall_task_set_output_mode (task, PCALL_OUTPUT_MODE_STREAMS);
  pcall_task_set_log_mode (task, GPOINTER_TO_INT (mode));
  support_run (task, "[<0>, <0>, <0>]");
}

static void
check_streams (PcallLogMode mode)
{
  g_autoptr (GString) out = NULL;
  g_autoptr (GString) err = NULL;

  run_program (run_both, GINT_TO_POINTER (mode), &out, &err);
  g_assert_true (g_str_has_prefix (out->str, "a\n1\n2\n"));
  g_assert_true (g_str_has_suffix (out->str, "\n49999\n50000\n"));
  g_assert_cmpuint (out->len, ==, 288896);
  g_assert_cmpstr (err->str, ==, "b\nd\n");
}

static void
test_streams (void)
{
  check_streams (PCALL_LOG_MODE_SECTIONS);
  check_streams (PCALL_LOG_MODE_LIVE);
}

/* Where they are one, the order between them is kept. */
static void
test_one_stream (void)
{
  g_autoptr (GString) out = NULL;

  run_program (run_both, GINT_TO_POINTER (PCALL_LOG_MODE_SECTIONS), &out, NULL);
  g_assert_true (g_str_has_prefix (out->str, "a\nb\n1\n2\n"));
  g_assert_true (g_str_has_suffix (out->str, "\n49999\n50000\nd\n"));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  /* Workers read it anew, and are to outlive a warning. */
  g_unsetenv ("G_DEBUG");
  traces_begin_without_log ();
  log_keeper_begin ();

  /* These fork, before there are threads. */
  launcher_add ("/pcall/agent-logs/streams", test_streams);
  launcher_add ("/pcall/agent-logs/one-stream", test_one_stream);
  launcher_add ("/pcall/agent-logs/sections", test_sections);
  launcher_add ("/pcall/agent-logs/live", test_live);
  launcher_add ("/pcall/agent-logs/records", test_records);
  launcher_add ("/pcall/agent-logs/crash", test_crash);
  launcher_add ("/pcall/agent-logs/silent", test_silent);
  launcher_add ("/pcall/agent-logs/much", test_much);
  launcher_add ("/pcall/agent-logs/while-it-runs", test_while_it_runs);
  launcher_add ("/pcall/agent-logs/kept", test_kept);
  launcher_add ("/pcall/agent-logs/inherit", test_inherit);

  return g_test_run ();
}
