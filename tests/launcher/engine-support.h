/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What tests with real engines share: which one it is, its launcher, and Slurm's queue. */

#pragma once

#include "launcher-support.h"

#define N_WORKERS 2

static const char *engine;

static inline gboolean
is_slurm (void)
{
  return g_str_has_prefix (engine, "slurm");
}

static inline PcallLauncher *
launcher_new_engine (guint n_workers)
{
  g_autofree char *hosts = g_strdup_printf ("%u/pcall-host", n_workers);
  const char *all_hosts[] = { hosts, NULL };
  const char *options[] = { "-F", g_getenv ("PCALL_TEST_SSH_CONFIG"), NULL };
  const char *immediate[] = { "--quiet", NULL };
  const char *mpirun[] = { "mpirun", "-n", "{n}", NULL };

  if (g_str_equal (engine, "ssh"))
    return pcall_launcher_new_ssh (all_hosts, options);
  if (g_str_equal (engine, "mpirun"))
    return pcall_launcher_new (mpirun, n_workers, PCALL_LAUNCHER_CONNECT);
  if (g_str_equal (engine, "slurm"))
    return pcall_launcher_new_slurm (n_workers, immediate);
  return pcall_launcher_new_slurm (0, immediate);
}

static inline char *
run_and_read (const char *command)
{
  char *output = NULL;
  g_autoptr (GError) error = NULL;

  g_spawn_command_line_sync (command, &output, NULL, NULL, &error);
  g_assert_no_error (error);
  return g_strstrip (output);
}

/* What Slurm has in that state, which is one of squeue's; a number each. */
static inline char *
list_jobs (const char *state)
{
  g_autofree char *command = g_strdup_printf ("squeue -h -o %%i -t %s", state);

  return run_and_read (command);
}

static inline gboolean
has_job (gpointer state)
{
  g_autofree char *jobs = list_jobs (state);

  return *jobs != '\0';
}

static inline gboolean
has_no_job (gpointer data)
{
  g_autofree char *jobs = run_and_read ("squeue -h");

  return *jobs == '\0';
}
