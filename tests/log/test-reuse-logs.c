/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What calls write in forked children that run many: a log for each call all the same, though most
 * that write nothing have no file. */

#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "log-keeper.h"
#include "task-support.h"
#include "traces.h"

#define N_CALLS 60

static gboolean
is_talkative (guint index)
{
  return index % 3 == 1;
}

/* By each of the ways: a stream without a line's end, GLib's log, a descriptor, another program. */
static GVariant *
say (GVariant *args,
     GVariant *kwargs,
     gpointer  user_data,
     GError  **error)
{
  guint index = pcall_get_call_index ();
  g_autofree char *command = g_strdup_printf ("echo said by a program of %u", index);

  if (!is_talkative (index))
    return NULL;

  printf ("printed by %u\n", index);
  g_message ("logged by %u", index);
  dprintf (STDERR_FILENO, "written by %u\n", index);
  g_assert_cmpint (system (command), ==, 0);
  printf ("in the end of %u", index);
  return NULL;
}

static void
assert_said (guint index)
{
  g_autofree char *expected =
      g_strdup_printf ("printed by %u\nlogged by %u\nwritten by %u\nsaid by a program of %u\n"
                       "in the end of %u\n",
                       index, index, index, index, index);

  g_assert_cmpstr (log_keeper_get_lines (index)->str, ==, is_talkative (index) ? expected : "");
}

typedef struct
{
  const char  *path;
  PcallLogMode log_mode;
  gboolean     keep_logs;
  guint        calls_per_child;
} Row;

static const Row rows[] = {
  { "/pcall/reuse-logs/sections", PCALL_LOG_MODE_SECTIONS, FALSE, 0 },
  { "/pcall/reuse-logs/sections/few", PCALL_LOG_MODE_SECTIONS, FALSE, 4 },
  { "/pcall/reuse-logs/live", PCALL_LOG_MODE_LIVE, FALSE, 0 },
  { "/pcall/reuse-logs/kept", PCALL_LOG_MODE_SECTIONS, TRUE, 0 },
  { "/pcall/reuse-logs/live-and-kept", PCALL_LOG_MODE_LIVE, TRUE, 7 },
};

static PcallTask *
new_task (PcallFunc  func,
          const Row *row)
{
  PcallTask *task = support_task (func, N_CALLS);

  pcall_task_set_calls_per_child (task, row->calls_per_child);
  pcall_task_set_log_mode (task, row->log_mode);
  pcall_task_set_keep_logs (task, row->keep_logs);
  log_keeper_reset (NULL, NULL);
  return task;
}

/* A file that is kept has the name of its call, and is removed here. */
static void
assert_kept (PcallTask *task,
             guint      index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  const char *path = pcall_call_get_log_file (call);
  g_autofree char *end =
      g_strdup_printf ("-call-%u-pid-%d.log", index, pcall_call_get_pid (call));
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *text = NULL;

  g_assert_true (g_str_has_suffix (path, end));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_true ((*text != '\0') == is_talkative (index));
  g_assert_no_errno (g_unlink (path));
  g_rmdir (directory);
}

static void
test_lines (gconstpointer data)
{
  const Row *row = data;
  PcallTask *task = new_task (say, row);
  const char *sections = "1: >>>>\n1: printed by 1\n";

  support_run (task, NULL);
  for (guint i = 0; i < N_CALLS; i++)
    assert_said (i);
  if (row->log_mode == PCALL_LOG_MODE_SECTIONS)
    g_assert_true (g_str_has_prefix (log_keeper_get_text (), sections));
  for (guint i = 0; i < N_CALLS && row->keep_logs; i++)
    assert_kept (task, i);
  g_assert_finalize_object (task);
}

/* Those that wrote nothing have no file in the end, and the others one of their own name. */
static void
assert_log_file (PcallTask *task,
                 PcallCall *call,
                 guint     *n)
{
  guint index = pcall_call_get_index (call);
  const char *path = pcall_call_get_log_file (call);
  g_autofree char *end =
      g_strdup_printf ("-call-%u-pid-%d.log", index, pcall_call_get_pid (call));

  g_assert_true ((path != NULL) == is_talkative (index));
  if (path == NULL)
    return;
  g_assert_true (g_str_has_suffix (path, end));
  g_assert_true (g_file_test (path, G_FILE_TEST_IS_REGULAR));
  ++*n;
}

static void
test_files (void)
{
  PcallTask *task = new_task (say, &rows[0]);
  guint n = 0;

  g_signal_connect (task, "call-finished", G_CALLBACK (assert_log_file), &n);
  support_run (task, NULL);
  g_assert_cmpuint (n, ==, N_CALLS / 3);
  g_assert_finalize_object (task);
}

static GVariant *
say_and_die (GVariant *args,
             GVariant *kwargs,
             gpointer  user_data,
             GError  **error)
{
  guint index = pcall_get_call_index ();

  if (index % 7 == 5)
    printf ("last words of %u\n", index);
  if (index % 7 == 5 || index % 7 == 6)
    raise (SIGKILL);
  return say (args, kwargs, user_data, error);
}

static void
assert_last_words (PcallTask *task,
                   guint      index)
{
  g_autofree char *words = g_strdup_printf ("last output: last words of %u", index);
  g_autofree char *line = g_strdup_printf ("last words of %u\n", index);
  g_autoptr (GError) error = support_error (task, index);

  if (index % 7 < 5)
    {
      g_assert_no_error (error);
      assert_said (index);
      return;
    }
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  g_assert_true ((strstr (error->message, words) != NULL) == (index % 7 == 5));
  g_assert_cmpstr (log_keeper_get_lines (index)->str, ==, index % 7 == 5 ? line : "");
}

static void
test_last_words (gconstpointer data)
{
  const Row *row = data;
  PcallTask *task = new_task (say_and_die, row);

  support_start (task);
  g_assert_false (pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL));
  for (guint i = 0; i < N_CALLS; i++)
    assert_last_words (task, i);
  g_assert_finalize_object (task);
}

/* Once a call has written, the next one needs another file: there is no descriptor for it. */
#define LAST_WITH_FILE 20

static GVariant *
exhaust_descriptors (GVariant *args,
                     GVariant *kwargs,
                     gpointer  user_data,
                     GError  **error)
{
  struct rlimit none = { 0, 0 };

  if (pcall_get_call_index () == LAST_WITH_FILE)
    {
      printf ("the last line\n");
      setrlimit (RLIMIT_NOFILE, &none);
    }
  return g_variant_new_uint32 (pcall_get_call_index ());
}

/* Each of the calls that have none is said to have none. */
static void
test_no_files (void)
{
  static const Row row = { NULL, PCALL_LOG_MODE_SECTIONS, FALSE, 0 };
  PcallTask *task = new_task (exhaust_descriptors, &row);

  pcall_task_set_max_children (task, 1);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_lines (LAST_WITH_FILE)->str, ==, "the last line\n");
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autofree char *said = g_strdup_printf ("call %u: its output is not here", i);

      g_assert_true ((strstr (log_keeper_get_text (), said) != NULL) == (i > LAST_WITH_FILE));
    }
  g_assert_finalize_object (task);
}

static void
with_traces (gconstpointer data)
{
  g_autofree char *before = traces_take ();

  test_lines (data);
  traces_assert_back (before);
}

static void
last_words_with_traces (gconstpointer data)
{
  g_autofree char *before = traces_take ();

  test_last_words (data);
  traces_assert_back (before);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], with_traces);
  g_test_add_func ("/pcall/reuse-logs/files", test_files);
  g_test_add_func ("/pcall/reuse-logs/no-files", test_no_files);
  g_test_add_data_func ("/pcall/reuse-logs/last-words", &rows[0], last_words_with_traces);
  g_test_add_data_func ("/pcall/reuse-logs/last-words/live", &rows[2], last_words_with_traces);

  return g_test_run ();
}
