/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sides "launcher": calls in one worker, of this process (by=local) or of an agent, which is on
 * this machine, too, and speaks on its standard streams (by=streams) or connects (by=connect). The
 * work of a call is nothing. */

#include "bench.h"

static char *
get_module (void)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = program != NULL ? g_path_get_dirname (program) : NULL;

  return g_build_filename (directory != NULL ? directory : ".", "..", "libspawn-targets.so", NULL);
}

static PcallLauncher *
new_launcher (BenchRequest *request)
{
  const char *streams[] = { "{agent}", NULL };
  const char *by = bench_request_get_text (request, "by");

  if (g_str_equal (by, "local"))
    return NULL;
  return pcall_launcher_new (streams, 1, g_str_equal (by, "connect") ? PCALL_LAUNCHER_CONNECT
                                                                     : PCALL_LAUNCHER_STREAMS);
}

static PcallTask *
new_task (PcallLauncher *launcher,
          guint          n_calls)
{
  g_autofree char *module = get_module ();
  g_autoptr (PcallTarget) target = pcall_target_new_symbol (module, "get_index");
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_start_method (task, PCALL_START_METHOD_SPAWN);
  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_launcher (task, launcher);
  return task;
}

/* From nothing to a result, and all that was started gone or told to go. */
static gdouble
run_one (BenchRequest  *request,
         GError       **error)
{
  gdouble begun = bench_now ();
  PcallLauncher *launcher = new_launcher (request);
  PcallTask *task = new_task (launcher, 1);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, error);
  gdouble seconds = results != NULL ? bench_now () - begun : -1;

  g_object_unref (task);
  g_clear_object (&launcher);
  return seconds;
}

static void
note_time (PcallTask *task,
           PcallCall *call,
           gdouble   *times)
{
  times[pcall_call_get_index (call) > 0] = bench_now ();
}

/* One call after the other, from when the first was over: its worker is warm then. */
static gdouble
run_warm (BenchRequest  *request,
          GError       **error)
{
  guint n = (guint) bench_request_get_number (request, "n");
  g_autoptr (PcallLauncher) launcher = new_launcher (request);
  g_autoptr (PcallTask) task = new_task (launcher, n + 1);
  g_autoptr (GVariant) results = NULL;
  gdouble times[2] = { 0, 0 };

  g_signal_connect (task, "call-finished", G_CALLBACK (note_time), times);
  results = pcall_task_run (task, NULL, error);
  return results != NULL ? times[1] - times[0] : -1;
}

const BenchSide bench_launcher[] = {
  { "launcher/one", run_one },
  { "launcher/warm", run_warm },
  { NULL, NULL },
};
