/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Row "calls": one C call per child, two children at a time. The work of a call is nothing, so that
 * all that is measured is what it costs to make, feed, hear, reap and forget a child. */

#include "bench.h"

#include "bench-bare.h"

#define N_CALLS 2000
#define N_QUICK_CALLS 50
#define AT_A_TIME 2

static guint
n_calls (const BenchSettings *settings)
{
  return settings->quick ? N_QUICK_CALLS : N_CALLS;
}

static GVariant *
answer (GVariant  *args,
        GVariant  *kwargs,
        gpointer   user_data,
        GError   **error)
{
  return g_variant_new_int32 (42);
}

static gdouble
measure_pcall (const BenchSettings  *settings,
               GError              **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = pcall_task_new_for_func (answer, NULL, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_n_calls (task, n_calls (settings));
  pcall_task_set_max_children (task, AT_A_TIME);
  pcall_task_set_log_mode (task, settings->log_mode);
  results = pcall_task_run (task, NULL, error);
  if (results == NULL)
    return -1;

  g_assert (g_variant_n_children (results) == n_calls (settings));
  g_clear_object (&task);
  return bench_now () - start;
}

static gint32
bare_answer (gpointer data)
{
  return 42;
}

static gdouble
measure_bare (const BenchSettings  *settings,
              GError              **error)
{
  BareChild children[AT_A_TIME];
  gdouble start = bench_now ();
  gint32 result;

  for (guint i = 0; i < n_calls (settings) + AT_A_TIME; i++)
    {
      BareChild *child = &children[i % AT_A_TIME];

      if (i >= AT_A_TIME && !bare_child_finish (child, &result, error))
        return -1;
      if (i < n_calls (settings) && !bare_child_start (child, bare_answer, NULL, error))
        return -1;
    }
  return bench_now () - start;
}

const BenchRow bench_calls = {
  .name = "calls",
  .work = "2,000 C calls, one per child, 2 at a time",
  .bar = 1.25,
  .n_rounds = 11,
  .measure_pcall = measure_pcall,
  .measure_bare = measure_bare,
};
