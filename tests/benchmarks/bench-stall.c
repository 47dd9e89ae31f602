/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Row "stall": 200 children from a process with 500 MB resident. A fork copies the page tables, and
 * while it does, the main loop stands still; more than that one fork it should never stand. A timer
 * of 1 ms ticks in the loop, and the longest gap between two ticks, from the start until the last
 * child has started, is held against one bare fork() of the same process.
 *
 * The children wait until all have started: what 200 of them cost when they end, all at once, is
 * the scheduler's affair, and is told apart in the remark. */

#include "bench.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-bare.h"

#define N_CHILDREN 200
#define N_QUICK_CHILDREN 20
#define RESIDENT (500 * 1000 * 1000)
#define QUICK_RESIDENT (16 * 1000 * 1000)
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

static char *memory;
static gsize memory_size;
static gdouble ending_gap;

/* Huge pages would make page tables of next to nothing, and fork() cheaper than it is elsewhere. */
static void
set_up (const BenchSettings *settings)
{
  memory_size = settings->quick ? QUICK_RESIDENT : RESIDENT;
  memory = mmap (NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert (memory != MAP_FAILED);
  madvise (memory, memory_size, MADV_NOHUGEPAGE);
  memset (memory, 1, memory_size);
}

static void
tear_down (void)
{
  munmap (memory, memory_size);
}

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
  ending_gap = MAX (ending_gap, stall->longest_gap);
}

static gdouble
measure_pcall (const BenchSettings  *settings,
               GError              **error)
{
  Stall stall = { .n_expected = settings->quick ? N_QUICK_CHILDREN : N_CHILDREN };
  g_autoptr (PcallTask) task = pcall_task_new_for_func (wait_at_gate, &stall, NULL);

  if (pipe (stall.gate) < 0)
    {
      bare_set_error (error, "pipe");
      return -1;
    }
  stall.task = task;
  pcall_task_set_n_calls (task, stall.n_expected);
  pcall_task_set_log_mode (task, settings->log_mode);
  run_stall (&stall);

  close (stall.gate[0]);
  close (stall.gate[1]);
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

/* The median of a few, since one fork may be unlucky. */
static gdouble
measure_bare (const BenchSettings  *settings,
              GError              **error)
{
  g_autoptr (GArray) forks = g_array_new (FALSE, FALSE, sizeof (gdouble));

  for (guint i = 0; i < N_FORKS; i++)
    {
      gdouble seconds = measure_fork ();

      g_array_append_val (forks, seconds);
    }
  return bench_median (forks);
}

static char *
remark (const BenchSettings  *settings,
        GError              **error)
{
  return g_strdup_printf ("while all of them end at once, the longest gap is %.1f ms",
                          ending_gap * 1e3);
}

const BenchRow bench_stall = {
  .name = "stall",
  .work = "main loop, 200 children from a 500 MB process",
  .bar = 2,
  .n_rounds = 7,
  .set_up = set_up,
  .tear_down = tear_down,
  .measure_pcall = measure_pcall,
  .measure_bare = measure_bare,
  .remark = remark,
};
