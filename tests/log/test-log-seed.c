/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The seed page's example of logging, whole: three children that say "this is a message from"
 * and their pid, and all that stands in the main log, before, in between and after. */

#include <glib/gstdio.h>
#include <stdio.h>

#include "task-support.h"

static GString *main_log;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (pcall_log_writer (level, fields, n_fields, data) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  if ((level & G_LOG_LEVEL_MASK) != G_LOG_LEVEL_MESSAGE)
    return g_log_writer_default (level, fields, n_fields, data);

  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (main_log, "%s\n", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

static GVariant *
print_message (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("this is a message from %d\n", (int) getpid ());
  return NULL;
}

static GVariant *
log_message (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_message ("this is a message from %d", (int) getpid ());
  return NULL;
}

/* With the names of the files as the calls told them while they ran */
static void
keep_path (PcallTask *task, PcallCall *call, char **paths)
{
  paths[pcall_call_get_index (call)] = g_strdup (pcall_call_get_log_file (call));
}

static void
run_example (PcallFunc func)
{
  g_autoptr (PcallTask) task = support_task (func, 3);
  g_autoptr (GString) expected = g_string_new ("before\n");
  char *paths[3] = { NULL };

  g_string_truncate (main_log, 0);
  g_signal_connect (task, "call-finished", G_CALLBACK (keep_path), paths);

  g_message ("before");
  support_run (task, NULL);
  g_message ("after");

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      int pid = pcall_call_get_pid (call);
      g_autofree char *name = g_strdup_printf ("-call-%u-pid-%d.log", i, pid);

      g_assert_nonnull (paths[i]);
      g_assert_true (g_str_has_suffix (paths[i], name));
      g_string_append_printf (expected,
                              ">>>> Begin child log %s\nthis is a message from %d\n"
                              "<<<< End child log %s\n",
                              paths[i], pid, paths[i]);
      g_assert_false (g_file_test (paths[i], G_FILE_TEST_EXISTS));
      g_free (paths[i]);
    }
  g_string_append (expected, "after\n");
  g_assert_cmpstr (main_log->str, ==, expected->str);
}

static void
test_print (void)
{
  run_example (print_message);
}

static void
test_log (void)
{
  run_example (log_message);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  main_log = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);

  support_add ("/pcall/log-seed/print", test_print);
  support_add ("/pcall/log-seed/log", test_log);

  return g_test_run ();
}
