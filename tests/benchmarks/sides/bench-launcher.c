/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "launcher": calls in workers of this process (by=local), or of agents, which are on this
 * machine, too. These speak on their standard streams (by=streams), also through a slow link
 * (by=far), or connect (by=connect), or come by a real engine, which this program has been started
 * in then (by=ssh, by=slurm). */

#include "bench.h"

#include <glib/gstdio.h>
#include <pcall-glib/pcall-binding.h>
#include <sys/wait.h>

#define DELAY_MS "5"

static char *
get_module (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = program != NULL ? g_path_get_dirname (program) : NULL;

  return g_build_filename (directory != NULL ? directory : ".", "..", "libspawn-targets.so", NULL);
}

static PcallLauncher *
new_launcher (BenchRequest *request,
              guint         n_workers)
{
  const char *streams[] = { "{agent}", NULL };
  const char *far[] = { BENCH_LAUNCHER_DIR "/slow-link.py", DELAY_MS, "{agent}", NULL };
  const char *hosts[] = { "pcall-host", NULL };
  const char *ssh_options[] = { "-F", g_getenv ("PCALL_TEST_SSH_CONFIG"), NULL };
  const char *srun_options[] = { "--quiet", NULL };
  const char *by = bench_request_get_text (request, "by");

  if (g_str_equal (by, "local"))
    return NULL;
  if (g_str_equal (by, "ssh"))
    return pcall_launcher_new_ssh (hosts, ssh_options);
  if (g_str_equal (by, "slurm"))
    return pcall_launcher_new_slurm (n_workers, srun_options);
  return pcall_launcher_new (g_str_equal (by, "far") ? far : streams, n_workers,
                             g_str_equal (by, "connect") ? PCALL_LAUNCHER_CONNECT
                                                         : PCALL_LAUNCHER_STREAMS);
}

static PcallTask *
new_task (PcallLauncher *launcher,
          const char    *symbol,
          guint          n_workers)
{
  g_autofree char *module = get_module ();
  g_autoptr (PcallTarget) target = pcall_target_new_symbol (module, symbol);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_start_method (task, PCALL_START_METHOD_SPAWN);
  pcall_task_set_max_children (task, n_workers);
  pcall_task_set_launcher (task, launcher);
  return task;
}

/* The command that brought the agents ends after they have: it is not to be in the way of what is
 * measured next. */
static void
wait_for_children (void)
{
  siginfo_t info;

  while (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
    g_usleep (1000);
}

/* From nothing to the results: @launcher and @task are made at @begun. */
static gdouble
run_whole (PcallLauncher  *launcher,
           PcallTask      *task,
           gdouble         begun,
           GError        **error)
{
  gboolean ended = pcall_task_start (task, error) && pcall_task_join (task, -1, NULL, error);
  gdouble seconds = ended ? bench_now () - begun : -1;

  g_object_unref (task);
  g_clear_object (&launcher);
  wait_for_children ();
  return seconds;
}

static gdouble
run_one (BenchRequest  *request,
         GError       **error)
{
  gdouble begun = bench_now ();
  PcallLauncher *launcher = new_launcher (request, 1);
  PcallTask *task = new_task (launcher, "get_index", 1);

  pcall_task_set_n_calls (task, 1);
  return run_whole (launcher, task, begun, error);
}

/* Results of one worker, one after the other */
static gdouble
run_times (BenchRequest  *request,
           const char    *symbol,
           GVariant      *args,
           GError       **error)
{
  gdouble begun = bench_now ();
  PcallLauncher *launcher = new_launcher (request, 1);
  PcallTask *task = new_task (launcher, symbol, 1);

  pcall_task_set_n_calls (task, bench_request_get_number (request, "times"));
  pcall_task_set_common_args (task, args);
  return run_whole (launcher, task, begun, error);
}

/* So many bytes each */
static gdouble
run_large (BenchRequest  *request,
           GError       **error)
{
  guint64 size = bench_request_get_number (request, "size");

  return run_times (request, "count_up", g_variant_new ("(t)", size), error);
}

/* As "engine/cat" */
static gdouble
run_file (BenchRequest  *request,
          GError       **error)
{
  g_autofree char *path = bench_request_write_file (request, error);
  gdouble seconds =
      path != NULL ? run_times (request, "map_file", g_variant_new ("(s)", path), error) : -1;

  if (path != NULL)
    g_unlink (path);
  return seconds;
}

/* As many calls as workers, which take so long that each has to have its own: the time beyond
 * that. */
static gdouble
run_many (BenchRequest  *request,
          GError       **error)
{
  guint n = (guint) bench_request_get_number (request, "n");
  gdouble nap = bench_request_get_number (request, "nap-ms") / 1e3;
  gdouble begun = bench_now ();
  PcallLauncher *launcher = new_launcher (request, n);
  PcallTask *task = new_task (launcher, "nap", n);

  pcall_task_set_n_calls (task, n);
  pcall_task_set_common_args (task, g_variant_new ("(d)", nap));
  return run_whole (launcher, task, begun, error) - nap;
}

/* One worker, from when its first call was over: it is warm then. */

static void
note_time (PcallTask *task,
           PcallCall *call,
           gdouble   *times)
{
  times[pcall_call_get_index (call) > 0] = bench_now ();
}

static gdouble
run_timed (PcallTask  *task,
           GError    **error)
{
  gdouble times[2] = { 0, 0 };
  g_autoptr (GVariant) results = NULL;

  g_signal_connect (task, "call-finished", G_CALLBACK (note_time), times);
  results = pcall_task_run (task, NULL, error);
  return results != NULL ? times[1] - times[0] : -1;
}

/* All calls are there, and may be sent ahead. */
static gdouble
run_ahead (BenchRequest  *request,
           GError       **error)
{
  g_autoptr (PcallLauncher) launcher = new_launcher (request, 1);
  g_autoptr (PcallTask) task = new_task (launcher, "get_index", 1);

  pcall_task_set_n_calls (task, bench_request_get_number (request, "n") + 1);
  return run_timed (task, error);
}

static void
feed_next (PcallTask *task,
           PcallCall *call,
           guint     *n_left)
{
  if (*n_left == 0)
    pcall_task_end_feed (task);
  else if (!pcall_task_feed (task, g_variant_new_tuple (NULL, 0), NULL))
    g_error ("a task takes no call");
  *n_left -= *n_left > 0;
}

/* The next call is made when the one before it is over. */
static gdouble
run_warm (BenchRequest  *request,
          GError       **error)
{
  guint n_left = (guint) bench_request_get_number (request, "n") + 1;
  g_autoptr (PcallLauncher) launcher = new_launcher (request, 1);
  g_autoptr (PcallTask) task = new_task (launcher, "get_index", 1);

  feed_next (task, NULL, &n_left);
  g_signal_connect_after (task, "call-finished", G_CALLBACK (feed_next), &n_left);
  return run_timed (task, error);
}

const BenchSide bench_launcher[] = {
  { "launcher/one", run_one },   { "launcher/large", run_large }, { "launcher/file", run_file },
  { "launcher/many", run_many }, { "launcher/ahead", run_ahead }, { "launcher/warm", run_warm },
  { NULL, NULL },
};
