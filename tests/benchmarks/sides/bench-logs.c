/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "silent", "records" and "lines": what it costs that a child's log is captured. Where a
 * child logs, the time is that of its call, by its own account; the other side writes the same to
 * a file by itself, in the same directory. */

#include "bench.h"

#include <stdio.h>
#include <unistd.h>

static char *scratch;
static char *own_file;

/* The main log goes nowhere: it is not what is measured. A child that captures nothing logs to its
 * standard error, as GLib does. */
static GLogWriterOutput
write_log (GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           gpointer         data)
{
  static pid_t parent;

  if (parent == 0)
    parent = getpid ();
  if (parent == getpid () ||
      pcall_log_writer (level, fields, n_fields, data) == G_LOG_WRITER_HANDLED)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_standard_streams (level, fields, n_fields, data);
}

/* A second writer in a process would end it. */
static void
silence_main_log (void)
{
  static gsize once;

  if (g_once_init_enter (&once))
    {
      g_log_set_writer_func (write_log, NULL, NULL);
      g_message ("the parent is known");
      g_once_init_leave (&once, 1);
    }
}

static void
set_up (void)
{
  silence_main_log ();
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

/* Silent children */

static GVariant *
say_nothing (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  return NULL;
}

static gdouble
measure_silent (BenchRequest  *request,
                GError       **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = bench_request_new_task (request, say_nothing, NULL);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, error);

  return results != NULL ? bench_now () - start : -1;
}

/* The first of the results */
static gdouble
get_double (GVariant *results)
{
  g_autoptr (GVariant) result = NULL;

  g_variant_get_child (results, 0, "v", &result);
  return g_variant_get_double (result);
}

/* One call that writes "lines" lines; how long it took by its own account. */
static gdouble
measure_call (BenchRequest  *request,
              PcallFunc      func,
              PcallLogMode   log_mode,
              GError       **error)
{
  guint n_lines = bench_request_get_number (request, "lines");
  g_autoptr (PcallTask) task = (pcall_task_new_for_func) (func, &n_lines, NULL);
  g_autoptr (GVariant) results = NULL;

  set_up ();
  pcall_task_set_log_mode (task, log_mode);
  results = pcall_task_run (task, NULL, error);
  tear_down ();
  return results != NULL ? get_double (results) : -1;
}

/* Records of GLib's log */

static GVariant *
log_records (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  const guint *n = user_data;
  gdouble start = bench_now ();

  for (guint i = 0; i < *n; i++)
    g_message ("this is line number %u of the log", i);
  return g_variant_new_double (bench_now () - start);
}

static GVariant *
log_records_to_file (GVariant  *args,
                     GVariant  *kwargs,
                     gpointer   user_data,
                     GError   **error)
{
  if (freopen (own_file, "w", stderr) == NULL)
    {
      g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "freopen");
      return NULL;
    }
  return log_records (args, kwargs, user_data, error);
}

static gdouble
measure_records (BenchRequest  *request,
                 GError       **error)
{
  return measure_call (request, log_records, PCALL_LOG_MODE_SECTIONS, error);
}

static gdouble
measure_own_records (BenchRequest  *request,
                     GError       **error)
{
  return measure_call (request, log_records_to_file, PCALL_LOG_MODE_INHERIT, error);
}

/* Lines */

static GVariant *
print_lines (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  const guint *n = user_data;
  gdouble start = bench_now ();

  for (guint i = 0; i < *n; i++)
    printf ("this is line number %u of the log\n", i);
  fflush (stdout);
  return g_variant_new_double (bench_now () - start);
}

static gdouble
measure_lines (BenchRequest  *request,
               GError       **error)
{
  return measure_call (request, print_lines, PCALL_LOG_MODE_SECTIONS, error);
}

static gdouble
write_lines (guint    n,
             gboolean flush)
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

/* Line by line, as a log is written that has to outlive a crash; by blocks with "blocks=1". */
static gdouble
measure_own_lines (BenchRequest  *request,
                   GError       **error)
{
  gdouble seconds;

  set_up ();
  seconds = write_lines (bench_request_get_number (request, "lines"),
                         bench_request_get_number (request, "blocks") == 0);
  tear_down ();
  return seconds;
}

const BenchSide bench_logs[] = {
  { "silent/pcall", measure_silent },
  { "records/pcall", measure_records },
  { "records/own", measure_own_records },
  { "lines/pcall", measure_lines },
  { "lines/own", measure_own_lines },
  { NULL, NULL },
};
