/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What G_MESSAGES_DEBUG=Pcall has the library tell: what it does to children, why, and how long it
 * took; and nothing where that is not asked for. */

#include <gio/gio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "task-support.h"

static GString *told;
static PcallTask *watched; /* which the log writer uses, as it may */

static gpointer
look (gpointer data)
{
  pcall_task_get_n_finished (data);
  pcall_task_get_running (data);
  return NULL;
}

static gboolean
is_ours (const GLogField *fields, gsize n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0)
      return strcmp (fields[i].value, "Pcall") == 0;
  return FALSE;
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (level != G_LOG_LEVEL_DEBUG || !is_ours (fields, n_fields))
    return g_log_writer_default (level, fields, n_fields, data);

  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (told, "%s\n", (const char *) fields[i].value);
  /* What a writer logs itself GLib gives to no writer: so it does not drive the task. */
  if (watched != NULL)
    g_thread_join (g_thread_new ("look", look, watched));
  return G_LOG_WRITER_HANDLED;
}

static GVariant *
end_variously (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  switch (pcall_get_call_index ())
    {
    case 1:
      g_assert_no_errno (setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 }));
      raise (SIGKILL);
      break;
    case 2:
      signal (SIGTERM, SIG_IGN);
      return support_sleep (args, kwargs, user_data, error);
    case 3:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "of no use");
      break;
    default:
      break;
    }
  return NULL;
}

static PcallTask *
explained_task (guint calls_per_child)
{
  PcallTask *task = pcall_task_new_for_named_func ("end", end_variously, NULL, NULL);

  pcall_task_set_n_calls (task, 4);
  pcall_task_set_timeout (task, 0.2);
  pcall_task_set_grace_period (task, 0.1);
  pcall_task_set_calls_per_child (task, calls_per_child);
  return task;
}

/* Each stands in a line of its own. */
static const char *const expected[] = {
  "^start: 4 calls, in at most [0-9]+ children at once",
  "^call 0 \\(end\\): made child [0-9]+ by a fork in [0-9.]+ ms$",
  "^call 0 \\(end\\): succeeded after [0-9.]+ ms in child [0-9]+$",
  "^child [0-9]+: exited with status 0, after [0-9.]+ ms, [0-9.]+ ms of a processor, at most "
  "[0-9]+ KiB of memory$",
  "^call 1 \\(end\\): crashed after [0-9.]+ ms in child [0-9]+: killed by signal 9 \\(Killed\\)"
  "(, perhaps out of memory.*)?$",
  "^call 2 \\(end\\): runs in child [0-9]+$",
  "^child [0-9]+: SIGTERM, and SIGKILL 0.1 s later: timed out after 0.2 s$",
  "^child [0-9]+: SIGKILL: it has not ended since SIGTERM$",
  "^call 2 \\(end\\): timed out after [0-9.]+ ms in child [0-9]+: timed out after 0.2 s$",
  "^call 3 \\(end\\): failed after [0-9.]+ ms in child [0-9]+: of no use$",
  "^finished: 1 calls succeeded and 3 did not, in [0-9.]+ ms$",
};

static void
run_and_look (PcallTask *task)
{
  g_string_truncate (told, 0);
  support_start (task);
  g_error_free (support_join_failing (task));
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    if (!g_regex_match_simple (expected[i], told->str, G_REGEX_MULTILINE, 0))
      g_error ("nothing like \"%s\" is told: %s", expected[i], told->str);
}

static void
test_told (void)
{
  for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
    {
      PcallTask *task = explained_task (calls_per_child);

      run_and_look (task);
      g_assert_finalize_object (task);
    }
}

/* A log writer is user code, which is never called while anything is held: it may wait for another
 * thread that looks at the task. */
static void
test_writer_uses_the_task (void)
{
  PcallTask *task = explained_task (1);

  watched = task;
  run_and_look (task);
  watched = NULL;

  g_assert_finalize_object (task);
}

static void
test_not_asked (void)
{
  PcallTask *task = explained_task (1);

  g_string_truncate (told, 0);
  g_log_set_debug_enabled (FALSE);
  support_start (task);
  g_error_free (support_join_failing (task));
  g_log_set_debug_enabled (TRUE);
  g_assert_cmpstr (told->str, ==, "");

  g_assert_finalize_object (task);
}

/* What is to be told when the task is dropped is told to nobody. */
static void
test_dropped (void)
{
  PcallTask *task = support_task (support_sleep, 2);

  support_start (task);
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  /* As the variable does, which GLib looks at once */
  g_unsetenv ("G_MESSAGES_DEBUG");
  g_test_init (&argc, &argv, NULL);
  g_log_set_debug_enabled (TRUE);
  g_log_set_writer_func (write_log, NULL, NULL);
  told = g_string_new (NULL);

  support_add ("/pcall/explain/told", test_told);
  support_add ("/pcall/explain/writer-uses-the-task", test_writer_uses_the_task);
  support_add ("/pcall/explain/not-asked", test_not_asked);
  support_add ("/pcall/explain/dropped", test_dropped);

  return g_test_run ();
}
