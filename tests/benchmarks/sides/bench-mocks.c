/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Side "mocks": what very many workers of agents cost the parent. They are one program, which says
 * what agents say and runs nothing. The seconds are processor time of this process alone, of calls
 * that are in workers that are there; "bytes" is the memory of a worker that has a call. */

#include "bench.h"

typedef struct
{
  guint   n_workers;
  guint   n_ended;
  gdouble memory; /* when the first call ended */
  gdouble begun;  /* when each worker had ended one, on average */
  gdouble ended;
} Watch;

static PcallLauncher *
new_launcher (guint n_workers)
{
  const char *command[] = { BENCH_LAUNCHER_DIR "/mock-agent.py", "ready", "{n}", NULL };
  PcallLauncher *launcher = pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_CONNECT);

  /* One program that plays so many may be late. */
  pcall_launcher_set_heartbeat (launcher, 0);
  return launcher;
}

static void
note (PcallTask *task,
      PcallCall *call,
      Watch     *watch)
{
  if (watch->n_ended++ == 0)
    watch->memory = bench_get_memory ();
  watch->ended = bench_clock (CLOCK_PROCESS_CPUTIME_ID);
  if (watch->n_ended == watch->n_workers)
    watch->begun = watch->ended;
}

/* A file for each call that runs would be a descriptor more. */
static gboolean
run (PcallLauncher  *launcher,
     guint           n_calls,
     Watch          *watch,
     GError        **error)
{
  g_autoptr (PcallTarget) target = pcall_target_new_symbol ("mock", "mock");
  g_autoptr (PcallTask) task = pcall_task_new (target);

  watch->n_ended = 0;
  pcall_task_set_launcher (task, launcher);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  pcall_task_set_max_children (task, watch->n_workers);
  pcall_task_set_n_calls (task, n_calls);
  g_signal_connect (task, "call-finished", G_CALLBACK (note), watch);
  return pcall_task_start (task, error) && pcall_task_join (task, -1, NULL, error);
}

/* Code that was never used before is not of the workers. */
static gboolean
warm_up (GError **error)
{
  g_autoptr (PcallLauncher) launcher = new_launcher (1);
  Watch watch = { .n_workers = 1 };

  return run (launcher, 1, &watch, error);
}

static gdouble
measure (BenchRequest  *request,
         GError       **error)
{
  Watch watch = { .n_workers = (guint) bench_request_get_number (request, "workers") };
  g_autoptr (PcallLauncher) launcher = new_launcher (watch.n_workers);
  guint n = (guint) bench_request_get_number (request, "n");
  gdouble before;

  g_setenv ("PCALL_WORKER_START_TIMEOUT", "240", TRUE);
  if (!warm_up (error))
    return -1;
  before = bench_get_memory ();
  if (!run (launcher, watch.n_workers, &watch, error))
    return -1;
  bench_request_add_number (request, "bytes", (watch.memory - before) / watch.n_workers);
  return run (launcher, n + watch.n_workers, &watch, error) ? watch.ended - watch.begun : -1;
}

const BenchSide bench_mocks[] = {
  { "mocks", measure },
  { NULL, NULL },
};
