/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How much of what a call writes is logged: what is over max-log-size is left out, and counted. */

#include <stdio.h>
#include <sys/stat.h>

#include "log-keeper.h"
#include "task-support.h"
#include "traces.h"

typedef struct
{
  const char *name;
  guint       n_lines;
  guint       length; /* of a line, with its end; 0: they are records */
  guint64     max_log_size;
  guint       n_logged;
  guint64     n_left_out; /* bytes */
} Row;

static const Row rows[] = {
  { "short-lines", 1000, 2, 6400, 100, 1800 },
  { "one-too-many", 101, 2, 6400, 100, 2 },
  { "just-enough", 100, 2, 6400, 100, 0 },
  { "no-limit", 5000, 2, 0, 5000, 0 },
  { "long-lines", 10, 1001, 4000, 4, 6006 },
  { "one-long-line", 3, 100001, 1, 1, 200002 },
  { "large", 100, 1 << 16, 1 << 20, 17, 83 << 16 },
  { "records", 1000, 0, 10000, 0, 0 },
};

static GVariant *
write_lines (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const Row *row = user_data;
  g_autofree char *line = g_strnfill (MAX (row->length, 1), 'y');

  line[MAX (row->length, 1) - 1] = '\n';
  for (guint i = 0; i < row->n_lines; i++)
    if (row->length == 0)
      g_message ("y");
    else
      fwrite (line, 1, row->length, stdout);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
count (const LogKeeperRecord *record, gpointer data)
{
  guint *n_logged = data;

  if (*record->message == 'y')
    n_logged[record->call]++;
  else if (!g_str_has_prefix (record->message, "call "))
    return;
  else
    log_keeper_keep (record);
}

static void
check (const Row *row, guint call, guint n_logged)
{
  g_autofree char *note = g_strdup_printf (
      "%u: call %u (name): the last %" G_GUINT64_FORMAT " bytes of its output are not here: "
      "max-log-size is %" G_GUINT64_FORMAT "\n",
      call, call, row->n_left_out, row->max_log_size);

  if (row->length == 0)
    {
      g_assert_cmpuint (n_logged, >, 0);
      g_assert_cmpuint (n_logged, <, row->n_lines);
      g_assert_nonnull (strstr (log_keeper_get_text (), "bytes of its output are not here"));
      return;
    }
  g_assert_cmpuint (n_logged, ==, row->n_logged);
  g_assert_cmpint (strstr (log_keeper_get_text (), note) != NULL, ==, row->n_left_out > 0);
}

static void
test_limit (gconstpointer data)
{
  const Row *row = data;

  for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
    for (PcallLogMode mode = PCALL_LOG_MODE_SECTIONS; mode <= PCALL_LOG_MODE_LIVE; mode++)
      {
        g_autoptr (PcallTarget) target
            = pcall_target_new ("name", write_lines, (gpointer) row, NULL);
        g_autoptr (PcallTask) task = pcall_task_new (target);
        guint n_logged[2] = { 0, 0 };

        pcall_task_set_n_calls (task, 2);
        pcall_task_set_calls_per_child (task, calls_per_child);
        pcall_task_set_log_mode (task, mode);
        pcall_task_set_max_log_size (task, row->max_log_size);
        log_keeper_reset (count, n_logged);
        support_run (task, "[<uint32 0>, <uint32 1>]");
        check (row, 0, n_logged[0]);
        check (row, 1, n_logged[1]);
      }
}

typedef struct
{
  guint n_logged;
  gint64 until;
} Slow;

static void
log_slowly (const LogKeeperRecord *record, gpointer data)
{
  Slow *slow = data;

  if (*record->message == 'y')
    slow->n_logged++;
  else if (g_str_has_prefix (record->message, "call "))
    log_keeper_keep (record);
  while (g_get_monotonic_time () < slow->until)
    g_usleep (1000);
}

/* Whatever it takes to log a line: a second after the deadline the rest is left out. */
static void
test_deadline (gconstpointer mode)
{
  const Row row = { .n_lines = 1000, .length = 2 };
  g_autoptr (PcallTarget) target = pcall_target_new ("name", write_lines, (gpointer) &row, NULL);
  g_autoptr (PcallTask) task = pcall_task_new (target);
  Slow slow = { 0 };

  pcall_task_set_deadline (task, 2);
  pcall_task_set_log_mode (task, GPOINTER_TO_UINT (mode));
  log_keeper_reset (log_slowly, &slow);
  support_start (task);
  slow.until = g_get_monotonic_time () + 31 * G_USEC_PER_SEC / 10;
  support_join (task);
  g_assert_cmpuint (slow.n_logged, ==, 1);
  g_assert_nonnull (strstr (log_keeper_get_text (),
                            "the last 1998 bytes of its output are not here: "
                            "the deadline has passed"));
}

/* A file that is kept has all. */
static void
test_kept (void)
{
  const Row *row = &rows[0];
  g_autoptr (PcallTarget) target = pcall_target_new ("name", write_lines, (gpointer) row, NULL);
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (PcallCall) call = NULL;
  guint n_logged[2] = { 0, 0 };
  struct stat st;

  pcall_task_set_keep_logs (task, TRUE);
  pcall_task_set_max_log_size (task, row->max_log_size);
  log_keeper_reset (count, n_logged);
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  g_assert_no_errno (stat (pcall_call_get_log_file (call), &st));
  g_assert_cmpint (st.st_size, ==, row->n_lines * row->length);
  g_assert_no_errno (unlink (pcall_call_get_log_file (call)));
}

/* A call that floods its log does not keep its task. */
static GVariant *
flood (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  static char bytes[1 << 16];

  for (gsize i = 0; i < sizeof bytes; i += 2)
    memcpy (bytes + i, "y\n", 2);
  for (guint i = 0; i < 16 * 64; i++)
    if (write (STDOUT_FILENO, bytes, sizeof bytes) < 0)
      break;
  return support_sleep (args, kwargs, user_data, error);
}

static void
test_flood (void)
{
  g_autoptr (PcallTask) task = support_task (flood, 1);
  g_autoptr (GError) error = NULL;
  guint n_logged[1] = { 0 };
  gint64 begun = g_get_monotonic_time ();

  pcall_task_set_timeout (task, 1);
  pcall_task_set_grace_period (task, 0);
  pcall_task_set_max_log_size (task, 1 << 20);
  log_keeper_reset (count, n_logged);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
  g_assert_cmpuint (n_logged[0], ==, (1 << 20) / 64);
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 10 * G_USEC_PER_SEC);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-limit/", rows[i].name, NULL);

      g_test_add_data_func (path, &rows[i], test_limit);
    }
  g_test_add_data_func ("/pcall/log-limit/deadline/sections",
                        GUINT_TO_POINTER (PCALL_LOG_MODE_SECTIONS), test_deadline);
  g_test_add_data_func ("/pcall/log-limit/deadline/live", GUINT_TO_POINTER (PCALL_LOG_MODE_LIVE),
                        test_deadline);
  g_test_add_func ("/pcall/log-limit/kept", test_kept);
  g_test_add_func ("/pcall/log-limit/flood", test_flood);

  return g_test_run ();
}
