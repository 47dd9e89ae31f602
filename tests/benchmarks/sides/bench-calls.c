/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "calls": one C call per child, two children at a time. The work of a call is nothing, so
 * that all that is measured is what it costs to make, feed, hear, reap and forget a child. With
 * threads=1 there is a second thread in the process, which sleeps. */

#include "bench.h"

#include "bench-bare.h"

#define AT_A_TIME 2

static GVariant *
answer (GVariant  *args,
        GVariant  *kwargs,
        gpointer   user_data,
        GError   **error)
{
  return g_variant_new_int32 (42);
}

static gpointer
sleep_until_told (gpointer data)
{
  GMutex *held = data;

  g_mutex_lock (held);
  g_mutex_unlock (held);
  return NULL;
}

static gdouble
measure_beside_thread (gdouble       (*measure) (BenchRequest *, GError **),
                       BenchRequest   *request,
                       GError        **error)
{
  GThread *thread;
  GMutex held;
  gdouble seconds;

  if (bench_request_get_number (request, "threads") == 0)
    return measure (request, error);

  g_mutex_init (&held);
  g_mutex_lock (&held);
  thread = g_thread_new ("idle", sleep_until_told, &held);
  seconds = measure (request, error);
  g_mutex_unlock (&held);
  g_thread_join (thread);
  g_mutex_clear (&held);
  return seconds;
}

static gdouble
run_pcall (BenchRequest  *request,
           GError       **error)
{
  gdouble start = bench_now ();
  g_autoptr (PcallTask) task = bench_request_new_task (request, answer, NULL);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, error);

  if (results == NULL)
    return -1;

  g_assert (g_variant_n_children (results) == bench_request_get_number (request, "n"));
  g_clear_object (&task);
  return bench_now () - start;
}

static gint32
bare_answer (gpointer data)
{
  return 42;
}

static gdouble
run_bare (BenchRequest  *request,
          GError       **error)
{
  guint n_calls = bench_request_get_number (request, "n");
  BareChild children[AT_A_TIME];
  gdouble start = bench_now ();
  gint32 result;

  for (guint i = 0; i < n_calls + AT_A_TIME; i++)
    {
      BareChild *child = &children[i % AT_A_TIME];

      if (i >= AT_A_TIME && i - AT_A_TIME < n_calls && !bare_child_finish (child, &result, error))
        return -1;
      if (i < n_calls && !bare_child_start (child, bare_answer, NULL, error))
        return -1;
    }
  return bench_now () - start;
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  return measure_beside_thread (run_pcall, request, error);
}

static gdouble
measure_bare (BenchRequest  *request,
              GError       **error)
{
  return measure_beside_thread (run_bare, request, error);
}

const BenchSide bench_calls[] = {
  { "calls/pcall", measure_pcall },
  { "calls/bare", measure_bare },
  { NULL, NULL },
};
