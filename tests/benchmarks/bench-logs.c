/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Rows "silent", "records" and "lines": what it costs that a child's log is captured. Where a
 * child logs, the time is that of its call, as pcall tells it; the other side writes the same to
 * a file by itself, in the same directory. */

#include "bench.h"

#include <stdio.h>
#include <unistd.h>

#define N_CALLS 2000
#define N_LINES 100000
#define QUICK_SHARE 100
#define AT_A_TIME 2

static char *scratch;
static char *own_file;
static gdouble flushed, buffered; /* seconds, of the last round that wrote lines */

static guint
scale (const BenchSettings *settings, guint n)
{
  return settings->quick ? n / QUICK_SHARE : n;
}

/* The main log goes nowhere: it is not what is measured. A child that captures nothing logs to its
 * standard error, as GLib does. */
static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  static pid_t parent;

  if (parent == 0)
    parent = getpid ();
  if (parent == getpid () ||
      pcall_log_writer (level, fields, n_fields, data) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, data);
}

static void
set_up (const BenchSettings *settings)
{
  static gsize once;

  if (g_once_init_enter (&once))
    {
      g_log_set_writer_func (write_log, NULL, NULL);
      g_message ("the parent is known");
      g_once_init_leave (&once, 1);
    }
  scratch = g_strdup ("/dev/shm/pcall-bench-XXXXXX");
  g_assert_nonnull (g_mkdtemp (scratch));
  own_file = g_build_filename (scratch, "own", NULL);
}

static void
tear_down (void)
{
  unlink (own_file);
  rmdir (scratch);
  g_clear_pointer (&own_file, g_free);
  g_clear_pointer (&scratch, g_free);
}

static PcallTask *
new_task (PcallFunc func, guint *n_lines, PcallLogMode log_mode)
{
  PcallTask *task = pcall_task_new_for_func (func, n_lines, NULL);

  pcall_task_set_max_children (task, AT_A_TIME);
  pcall_task_set_log_mode (task, log_mode);
  return task;
}

/* One call; how long it took by its own account. */
static gdouble
measure_call (const BenchSettings *settings, PcallFunc func, PcallLogMode log_mode, GError **error)
{
  guint n_lines = scale (settings, N_LINES);
  g_autoptr (PcallTask) task = new_task (func, &n_lines, log_mode);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, error);
  gdouble seconds = -1;

  if (results != NULL)
    {
      g_autoptr (GVariant) box = g_variant_get_child_value (results, 0);
      g_autoptr (GVariant) value = g_variant_get_variant (box);

      seconds = g_variant_get_double (value);
    }
  return seconds;
}

/* Silent children */

static GVariant *
say_nothing (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return NULL;
}

static gdouble
measure_silent (const BenchSettings *settings, PcallLogMode log_mode, GError **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = new_task (say_nothing, NULL, log_mode);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_n_calls (task, scale (settings, N_CALLS));
  results = pcall_task_run (task, NULL, error);
  return results != NULL ? bench_now () - start : -1;
}

static gdouble
measure_captured (const BenchSettings *settings, GError **error)
{
  return measure_silent (settings, PCALL_LOG_MODE_SECTIONS, error);
}

static gdouble
measure_inherited (const BenchSettings *settings, GError **error)
{
  return measure_silent (settings, PCALL_LOG_MODE_INHERIT, error);
}

const BenchRow bench_silent = {
  .name = "silent",
  .work = "2,000 silent calls, captured / inherited",
  .bar = 1.10,
  .n_rounds = 21,
  .set_up = set_up,
  .tear_down = tear_down,
  .measure_pcall = measure_captured,
  .measure_bare = measure_inherited,
};

/* Records of GLib's log */

static GVariant *
log_records (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const guint *n = user_data;
  gdouble start = bench_now ();

  for (guint i = 0; i < *n; i++)
    g_message ("this is line number %u of the log", i);
  return g_variant_new_double (bench_now () - start);
}

static GVariant *
log_records_to_file (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (freopen (own_file, "w", stderr) == NULL)
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "freopen");
      return NULL;
    }
  return log_records (args, kwargs, user_data, error);
}

static gdouble
measure_records (const BenchSettings *settings, GError **error)
{
  return measure_call (settings, log_records, PCALL_LOG_MODE_SECTIONS, error);
}

static gdouble
measure_own_records (const BenchSettings *settings, GError **error)
{
  return measure_call (settings, log_records_to_file, PCALL_LOG_MODE_INHERIT, error);
}

const BenchRow bench_records = {
  .name = "records",
  .work = "100,000 records logged in a call / to a file",
  .bar = 1.33,
  .n_rounds = 7,
  .set_up = set_up,
  .tear_down = tear_down,
  .measure_pcall = measure_records,
  .measure_bare = measure_own_records,
};

/* Lines */

static GVariant *
print_lines (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const guint *n = user_data;
  gdouble start = bench_now ();

  for (guint i = 0; i < *n; i++)
    printf ("this is line number %u of the log\n", i);
  fflush (stdout);
  return g_variant_new_double (bench_now () - start);
}

static gdouble
write_lines (guint n, gboolean flush)
{
  FILE *file = fopen (own_file, "w");
  gdouble start = bench_now ();

  g_assert_nonnull (file);
  for (guint i = 0; i < n; i++)
    {
      fprintf (file, "this is line number %u of the log\n", i);
      if (flush)
        fflush (file);
    }
  fclose (file);
  return bench_now () - start;
}

static gdouble
measure_lines (const BenchSettings *settings, GError **error)
{
  return measure_call (settings, print_lines, PCALL_LOG_MODE_SECTIONS, error);
}

static gdouble
measure_own_lines (const BenchSettings *settings, GError **error)
{
  buffered = write_lines (scale (settings, N_LINES), FALSE);
  flushed = write_lines (scale (settings, N_LINES), TRUE);
  return flushed;
}

static char *
compare_with_buffered (const BenchSettings *settings, GError **error)
{
  gdouble captured = measure_lines (settings, error);

  if (captured < 0)
    return NULL;
  return g_strdup_printf ("where the file is written by blocks of 4 KiB instead, the ratio is %.1f",
                          captured / buffered);
}

const BenchRow bench_lines = {
  .name = "lines",
  .work = "100,000 lines printed in a call / to a file",
  .bar = 1.33,
  .n_rounds = 7,
  .set_up = set_up,
  .tear_down = tear_down,
  .measure_pcall = measure_lines,
  .measure_bare = measure_own_lines,
  .remark = compare_with_buffered,
};
