/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What calls have written, as a value: while they run, in the end, and when their log files are
 * gone. */

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "log-keeper.h"
#include "task-support.h"

#define MIB (1024 * 1024)

static GBytes *
get_output (PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GBytes) output = NULL;
  GBytes *same = pcall_call_dup_output (call);

  g_object_get (call, "output", &output, NULL);
  g_assert_true (same == output || g_bytes_equal (same, output));
  return same;
}

static void
assert_output (PcallTask *task, guint index, const char *expected, gsize length)
{
  g_autoptr (GBytes) output = get_output (task, index);
  gsize size;
  const char *bytes = g_bytes_get_data (output, &size);

  g_assert_cmpmem (bytes, size, expected, length);
}

/* A call prints, logs, and has programs print; one is silent. */

static GVariant *
write_all (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  if (index == 1)
    return g_variant_new_uint32 (index);
  printf ("out of %u\n", index);
  fprintf (stderr, "err of %u\n", index);
  g_message ("logged by %u", index);
  g_assert_cmpint (system ("echo program; printf '\\r50%%\\000end'"), ==, 0);
  return g_variant_new_uint32 (index);
}

static void
assert_written (PcallTask *task, guint index)
{
  g_autofree char *expected = NULL;
  g_autoptr (GString) whole = NULL;

  if (index == 1)
    {
      assert_output (task, index, "", 0);
      return;
    }
  expected = g_strdup_printf ("out of %u\nerr of %u\nlogged by %u\nprogram\n\r50%%", index, index,
                              index);
  whole = g_string_new (expected);
  g_string_append_len (whole, "\0end", 4);
  assert_output (task, index, whole->str, whole->len);
}

typedef struct
{
  const char *name;
  PcallLogMode mode;
  guint calls_per_child;
  gboolean keep;
} Way;

static const Way ways[] = {
  { "sections", PCALL_LOG_MODE_SECTIONS, 1, FALSE },
  { "live", PCALL_LOG_MODE_LIVE, 1, FALSE },
  { "kept", PCALL_LOG_MODE_SECTIONS, 1, TRUE },
  { "many-a-child", PCALL_LOG_MODE_SECTIONS, 0, FALSE },
  { "many-a-child-live", PCALL_LOG_MODE_LIVE, 0, FALSE },
};

static void
remove_files (PcallTask *task, guint n_calls)
{
  for (guint i = 0; i < n_calls; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autofree char *path = g_strdup (pcall_call_get_log_file (call));

      if (path != NULL)
        g_unlink (path);
    }
}

static void
test_in_the_end (gconstpointer data)
{
  const Way *way = data;
  g_autoptr (PcallTask) task = support_task (write_all, 3);

  pcall_task_set_log_mode (task, way->mode);
  pcall_task_set_calls_per_child (task, way->calls_per_child);
  pcall_task_set_keep_logs (task, way->keep);
  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  for (guint i = 0; i < 3; i++)
    assert_written (task, i);
  remove_files (task, 3);
}

/* While it runs, and when it has crashed */

static SupportPipe gate, told;

static GVariant *
print_and_wait (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("begun\n");
  support_pipe_put (&told, 1);
  support_pipe_get (&gate);
  printf ("crashing");
  fflush (stdout);
  raise (SIGKILL);
  return NULL;
}

static void
test_while_it_runs (void)
{
  g_autoptr (PcallTask) task = support_task (print_and_wait, 1);
  g_autoptr (GError) error = NULL;

  support_pipe_open (&gate);
  support_pipe_open (&told);
  log_keeper_reset (NULL, NULL);
  support_start (task);
  support_pipe_get (&told);
  assert_output (task, 0, "begun\n", 6);
  support_pipe_put (&gate, 1);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CRASHED);
  assert_output (task, 0, "begun\ncrashing", 14);
  support_pipe_close (&gate);
  support_pipe_close (&told);
}

static GVariant *
print_and_fail (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("said\n");
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  return NULL;
}

/* There is none of a call that has not begun, or whose output goes elsewhere. */
static void
test_none (void)
{
  g_autoptr (PcallTask) stopped = support_task (print_and_fail, 2);
  g_autoptr (PcallTask) inheriting = support_task (support_index, 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_max_children (stopped, 1);
  pcall_task_set_failure_policy (stopped, PCALL_FAILURE_POLICY_STOP);
  log_keeper_reset (NULL, NULL);
  support_start (stopped);
  error = support_join_failing (stopped);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  assert_output (stopped, 0, "said\n", 5);
  g_assert_null (get_output (stopped, 1));

  pcall_task_set_log_mode (inheriting, PCALL_LOG_MODE_INHERIT);
  support_run (inheriting, "[<uint32 0>]");
  g_assert_null (get_output (inheriting, 0));
}

/* A call that outlives its task keeps what it wrote. */
static void
test_task_is_gone (void)
{
  PcallTask *task = support_task (write_all, 1);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GBytes) output = NULL;

  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  g_assert_finalize_object (task);
  output = pcall_call_dup_output (call);
  g_assert_true (g_str_has_prefix (g_bytes_get_data (output, NULL), "out of 0\nerr of 0\n"));
}

/* How much */

static GVariant *
print_much (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (guint i = 0; i < 3 * MIB / 8; i++)
    printf ("%07u\n", i);
  return NULL;
}

static void
ignore (const LogKeeperRecord *record, gpointer data)
{
}

/* Whole lines, up to the last. */
static void
test_much (void)
{
  static const guint64 limits[] = { 0, 3 * MIB, 1000 };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      g_autoptr (PcallTask) task = support_task (print_much, 1);
      g_autoptr (GBytes) output = NULL;
      gsize most = limits[i] == 1000 ? 1000 : 64 * 1024;
      gsize size;
      const char *bytes;

      pcall_task_set_max_log_size (task, limits[i]);
      log_keeper_reset (ignore, NULL);
      support_run (task, NULL);
      output = get_output (task, 0);
      bytes = g_bytes_get_data (output, &size);
      g_assert_cmpuint (size, <=, most);
      g_assert_cmpuint (size, >=, most - 8);
      g_assert_cmpuint (size % 8, ==, 0);
      g_assert_cmpmem (bytes + size - 8, 8, "0393215\n", 8);
    }
}

static void
test_misuse (void)
{
  g_test_expect_message ("Pcall", G_LOG_LEVEL_CRITICAL, "*PCALL_IS_CALL (self)*");
  g_assert_null (pcall_call_dup_output (NULL));
  g_test_assert_expected_messages ();
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  log_keeper_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-output/in-the-end/", ways[i].name, NULL);

      g_test_add_data_func (path, &ways[i], test_in_the_end);
    }
  support_add ("/pcall/log-output/while-it-runs", test_while_it_runs);
  support_add ("/pcall/log-output/none", test_none);
  support_add ("/pcall/log-output/task-is-gone", test_task_is_gone);
  support_add ("/pcall/log-output/much", test_much);
  g_test_add_func ("/pcall/log-output/misuse", test_misuse);
  return g_test_run ();
}
