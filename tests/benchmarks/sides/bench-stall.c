/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "stall": very many children from a large process, see "hold". A fork copies the page
 * tables, and while it does, the main loop stands still; more than that one fork it should never
 * stand. A timer of 1 ms ticks in the loop, and the longest gap between two ticks, from the start
 * until the last child has started, is held against one bare fork() of the same process.
 *
 * The children wait until all have started: what they cost when they end, all at once, is the
 * scheduler's affair, and is told apart. */

#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-bare.h"

#define N_FORKS 5
#define PATIENCE 60 /* seconds */

typedef struct
{
  GMainLoop *loop;
  PcallTask *task;
  GError    *error;
  int        gate[2];
  guint      n_expected;
  guint      n_started;
  gdouble    last_tick;
  gdouble    longest_gap;
  gdouble    starting_gap; /* the longest when the last child had started */
} Stall;

static GVariant *
wait_at_gate (GVariant  *args,
              GVariant  *kwargs,
              gpointer   user_data,
              GError   **error)
{
  const Stall *stall = user_data;
  char byte;

  alarm (PATIENCE);
  return g_variant_new_boolean (read (stall->gate[0], &byte, 1) == 1);
}

static gboolean
tick (gpointer user_data)
{
  Stall *stall = user_data;
  gdouble now = bench_now ();

  stall->longest_gap = MAX (stall->longest_gap, now - stall->last_tick);
  stall->last_tick = now;
  return G_SOURCE_CONTINUE;
}

static void
call_started (PcallTask *task,
              PcallCall *call,
              gpointer   user_data)
{
  Stall *stall = user_data;
  g_autofree char *bytes = g_malloc0 (stall->n_expected);

  if (++stall->n_started < stall->n_expected)
    return;

  tick (stall);
  stall->starting_gap = stall->longest_gap;
  stall->longest_gap = 0;
  if (write (stall->gate[1], bytes, stall->n_expected) != (gssize) stall->n_expected)
    g_error ("write: %s", g_strerror (errno));
}

static void
joined (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  Stall *stall = user_data;

  pcall_task_join_finish (PCALL_TASK (source), result, &stall->error);
  g_main_loop_quit (stall->loop);
}

static gboolean
start_task (gpointer user_data)
{
  Stall *stall = user_data;

  stall->last_tick = bench_now ();
  stall->longest_gap = 0;
  if (pcall_task_start (stall->task, &stall->error))
    pcall_task_join_async (stall->task, NULL, joined, stall);
  else
    g_main_loop_quit (stall->loop);
  return G_SOURCE_REMOVE;
}

static void
run_stall (Stall *stall)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  guint timer = g_timeout_add (1, tick, stall);

  stall->loop = loop;
  g_timeout_add (20, start_task, stall);
  g_signal_connect (stall->task, "call-started", G_CALLBACK (call_started), stall);
  g_main_loop_run (loop);
  g_source_remove (timer);
}

static gdouble
measure_pcall (BenchRequest  *request,
               GError       **error)
{
  Stall stall = { .n_expected = bench_request_get_number (request, "n") };
  g_autoptr (PcallTask) task = bench_request_new_task (request, wait_at_gate, &stall);

  if (pipe (stall.gate) < 0)
    {
      bare_set_error (error, "pipe");
      return -1;
    }
  stall.task = task;
  pcall_task_set_max_children (task, 0);
  run_stall (&stall);

  close (stall.gate[0]);
  close (stall.gate[1]);
  bench_request_add_number (request, "ending-seconds", stall.longest_gap);
  if (stall.error == NULL)
    return stall.starting_gap;
  g_propagate_error (error, stall.error);
  return -1;
}

static gdouble
measure_fork (void)
{
  gdouble start = bench_now ();
  pid_t pid = fork ();
  gdouble seconds = bench_now () - start;

  if (pid == 0)
    _exit (0);
  waitpid (pid, NULL, 0);
  return seconds;
}

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  gdouble first = *(const gdouble *) a, second = *(const gdouble *) b;

  return (first > second) - (first < second);
}

/* The median of a few, since one fork may be unlucky. */
static gdouble
measure_bare (BenchRequest  *request,
              GError       **error)
{
  gdouble forks[N_FORKS];

  for (guint i = 0; i < N_FORKS; i++)
    forks[i] = measure_fork ();
  qsort (forks, N_FORKS, sizeof *forks, compare_doubles);
  return forks[N_FORKS / 2];
}

const BenchSide bench_stall[] = {
  { "stall/pcall", measure_pcall },
  { "stall/bare", measure_bare },
  { NULL, NULL },
};
