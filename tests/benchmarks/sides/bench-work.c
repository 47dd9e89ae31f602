/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "work": calls that each keep a processor busy for a time that the request says, all of it
 * processor time of the call's own. The ideal is what they come to, divided by the processors. The
 * bare side is what the machine really gives: two forks, with half of the time each. */

#include "bench.h"

#include <stdlib.h>

#include "bench-bare.h"

#define AT_A_TIME 2

static void
keep_busy (guint64 microseconds)
{
  gdouble end = bench_clock (CLOCK_THREAD_CPUTIME_ID) + microseconds / 1e6;

  while (bench_clock (CLOCK_THREAD_CPUTIME_ID) < end)
    continue;
}

static GVariant *
burn (GVariant  *args,
      GVariant  *kwargs,
      gpointer   user_data,
      GError   **error)
{
  guint microseconds;

  g_variant_get (args, "(u)", &microseconds);
  keep_busy (microseconds);
  return g_variant_new_uint32 (microseconds);
}

/* Of "1000,20000,300": a(u) */
static GVariant *
parse_durations (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, ",", -1);
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(u)"));
  for (guint i = 0; words[i] != NULL; i++)
    g_variant_builder_add (&builder, "(u)", (guint) atoi (words[i]));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  g_autoptr (GVariant) durations =
      parse_durations (bench_request_get_text (request, "durations"));
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = bench_request_new_task (request, burn, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_instance_args (task, durations);
  pcall_task_set_calls_per_child (task, 0);
  results = pcall_task_run (task, NULL, error);
  return results != NULL ? bench_now () - start : -1;
}

static guint64
add_durations (GVariant *durations)
{
  GVariantIter iter;
  guint microseconds;
  guint64 sum = 0;

  g_variant_iter_init (&iter, durations);
  while (g_variant_iter_next (&iter, "(u)", &microseconds))
    sum += microseconds;
  return sum;
}

static gint32
burn_share (gpointer data)
{
  keep_busy (*(const guint64 *) data);
  return 0;
}

static gdouble
measure_bare (BenchRequest  *request,
              GError       **error)
{
  g_autoptr (GVariant) durations =
      parse_durations (bench_request_get_text (request, "durations"));
  guint64 share = add_durations (durations) / AT_A_TIME;
  BareChild children[AT_A_TIME];
  gdouble start = bench_now ();
  gint32 result;

  for (guint i = 0; i < AT_A_TIME; i++)
    if (!bare_child_start (&children[i], burn_share, &share, error))
      return -1;
  for (guint i = 0; i < AT_A_TIME; i++)
    if (!bare_child_finish (&children[i], &result, error))
      return -1;
  return bench_now () - start;
}

const BenchSide bench_work[] = {
  { "work/pcall", measure_pcall },
  { "work/bare", measure_bare },
  { NULL, NULL },
};
