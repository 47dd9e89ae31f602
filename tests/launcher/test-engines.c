/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Real engines: a real sshd, a real Slurm, and mpirun, for which with-sshd.sh and the like see.
 *
 *   test-engines ssh | slurm | slurm-inside | mpirun
 */

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine-support.h"

#define MANY 40

static void
test_results (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (N_WORKERS);
  g_autoptr (PcallTask) task = launcher_task (launcher, "add", 1);
  g_autoptr (PcallTask) next = launcher_task (launcher, "get_index", 5);
  g_autoptr (PcallCall) call = NULL;

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1, 4), (2, 5), (3, 6)]"));
  support_run (task, "[<5>, <7>, <9>]");
  support_run (next, NULL);
  call = pcall_task_dup_call (task, 0);
  launcher_assert_matches (pcall_call_get_host (call), is_slurm () ? "node*" : g_get_host_name ());
}

static void
test_large (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "count_up", 1);
  g_autoptr (PcallTask) back = launcher_task (launcher, "get_size", 2);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) result = NULL;
  GVariant *value;

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(uint64 9000001,)]"));
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 0);
  result = pcall_call_dup_result (call);
  g_assert_cmpuint (g_variant_get_size (result), ==, 9000001);
  value = g_variant_ref (result);
  pcall_task_set_common_args (back, g_variant_new_tuple (&value, 1));
  support_run (back, "[<uint64 9000001>, <uint64 9000001>]");
  g_variant_unref (value);
}

static void
test_crash (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (N_WORKERS);
  g_autoptr (PcallTask) task = launcher_task (launcher, "crash_sometimes", 20);
  g_autoptr (Tally) tally = tally_new (task);

  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2);
  launcher_assert_error (task, 13, PCALL_ERROR_CRASHED, "call 13 (*) on *: killed by signal 11 *");
  g_assert_cmpint (tally_get_term_signal (tally, 13), ==, SIGSEGV);
}

static void
test_timeout (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (N_WORKERS);
  g_autoptr (PcallTask) task = launcher_task (launcher, "sleep_if_odd", 4);

  pcall_task_set_timeout (task, 0.3);
  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (support_state (task, i), ==,
                     i % 2 == 1 ? PCALL_CALL_STATE_TIMED_OUT : PCALL_CALL_STATE_SUCCEEDED);
}

static void
terminate_it (PcallTask *task, PcallCall *call, GVariant *message, gpointer data)
{
  pcall_task_terminate (task);
}

static void
test_terminate (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (N_WORKERS);
  g_autoptr (PcallTask) task = launcher_task (launcher, "sleep_long", 4);

  g_signal_connect (task, "call-message", G_CALLBACK (terminate_it), NULL);
  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < 4; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
}

/* Agents that die with their node are started again. */
static void
test_killed (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "signal_parent", 3);

  pcall_task_set_common_args (task, g_variant_new ("(is)", SIGKILL, once));
  pcall_task_set_retries (task, 1);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>]");
  launcher_remove_directory (directory);
}

/* ssh alone */

static void
test_no_host (void)
{
  const char *hosts[] = { "nonesuch.invalid", NULL };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new_ssh (hosts, NULL);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 3);

  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 2, PCALL_ERROR_START,
                         "*exited with status 255 before an agent came; last output: *nonesuch*");
}

/* Slurm alone */

static void
test_many (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_engine (MANY);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", MANY);

  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 1',)"));
  support_run (task, NULL);
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, MANY);
}

static void
test_nodes (void)
{
  const char *options[] = { "--quiet", "-N2", NULL };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new_slurm (2, options);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);
  g_autoptr (PcallCall) first = NULL;
  g_autoptr (PcallCall) second = NULL;

  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 1',)"));
  support_run (task, NULL);
  first = pcall_task_dup_call (task, 0);
  second = pcall_task_dup_call (task, 1);
  g_assert_cmpstr (pcall_call_get_host (first), !=, pcall_call_get_host (second));
}

static void
test_no_partition (void)
{
  const char *options[] = { "--partition=nonesuch", NULL };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new_slurm (2, options);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 3);

  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 2, PCALL_ERROR_START,
                         "call 2 (*): launcher \"srun *\": exited with status 1 *invalid *");
}

/* Within a job */

/* A step for each worker, which takes its part of what the job has: both are there at once. */
static void
test_steps (void)
{
  const char *command[] = { "srun", "--quiet", "--export=ALL", "--exact", "-n{n}", NULL };
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *script = g_strdup_printf (
      "cd %s && : > step-$SLURM_STEP_ID && until [ $(ls | wc -l) = %d ]; do sleep 0.01; done",
      directory, N_WORKERS);
  g_autoptr (PcallLauncher) launcher =
      pcall_launcher_new (command, N_WORKERS, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", N_WORKERS);

  pcall_launcher_set_workers_per_launch (launcher, 1);
  pcall_task_set_common_args (task, g_variant_new ("(s)", script));
  support_run (task, "[<0>, <0>]");
  launcher_remove_directory (directory);
}

/* A parent that is killed */

/* ssh does not. */
static void
pass_on (PcallLauncher *launcher, const char *name)
{
  const char *value = g_getenv (name);
  g_autofree char *line = g_strdup_printf ("%s=%s", name, value != NULL ? value : "");
  const char *environment[] = { line, NULL };

  pcall_launcher_set_environment (launcher, environment);
}

/* A process of its own, as what is killed is not to be this one. */
static pid_t
fork_parent (const char *symbol, guint n_workers, int *read_fd)
{
  SupportPipe told;
  pid_t pid;

  support_pipe_open (&told);
  pid = fork ();
  if (pid == 0)
    {
      PcallLauncher *launcher = launcher_new_engine (n_workers);
      PcallTask *task = launcher_task (launcher, symbol, 2);

      dup2 (told.write_fd, STDOUT_FILENO);
      pass_on (launcher, "PCALL_TEST_PID_FILE");
      pcall_task_set_max_children (task, n_workers);
      pcall_task_start (task, NULL);
      pcall_task_join (task, -1, NULL, NULL);
      _exit (0);
    }
  close (told.write_fd);
  *read_fd = told.read_fd;
  return pid;
}

static void
kill_parent (pid_t pid, int fd)
{
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  close (fd);
}

static gboolean
is_sleeping (gpointer directory)
{
  g_autofree char *path = g_build_filename (directory, "pid", NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_parent_killed (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *path = g_build_filename (directory, "pid", NULL);
  g_autofree char *text = NULL;
  int fd, pidfd;
  pid_t pid;

  g_setenv ("PCALL_TEST_PID_FILE", path, TRUE);
  pid = fork_parent ("write_pid", 1, &fd);
  g_assert_true (traces_wait_until (is_sleeping, directory));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  pidfd = traces_open_pidfd (atoi (text));
  g_assert_cmpint (pidfd, >=, 0);
  kill_parent (pid, fd);
  g_assert_true (traces_wait_for_end (pidfd, TEST_LIMIT));
  close (pidfd);
  if (is_slurm ())
    g_assert_true (traces_wait_until (has_no_job, NULL));
  launcher_remove_directory (directory);
}

/* More than there are processors of both nodes: the job waits, and is revoked. */
static void
test_parent_of_pending_killed (void)
{
  const char *options[] = { "--quiet", "--exclusive", "-N2", NULL };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new_slurm (2, options);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);
  int fd;
  pid_t pid;

  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 100',)"));
  support_start (task);
  g_assert_true (traces_wait_until (has_job, (gpointer) "R"));
  pid = fork_parent ("get_index", 100, &fd);
  g_assert_true (traces_wait_until (has_job, (gpointer) "PD"));
  kill_parent (pid, fd);
  pcall_task_terminate (task);
  g_error_free (support_join_failing (task));
  pcall_launcher_close (launcher);
  g_assert_true (traces_wait_until (has_no_job, NULL));
}

static void
add_tests (void)
{
  launcher_add ("/pcall/engines/results", test_results);
  launcher_add ("/pcall/engines/large", test_large);
  launcher_add ("/pcall/engines/crash", test_crash);
  launcher_add ("/pcall/engines/timeout", test_timeout);
  /* Slurm may kill what it is about to start. */
  launcher_add_killing ("/pcall/engines/terminate", test_terminate);
  launcher_add_killing ("/pcall/engines/killed", test_killed);
  if (g_str_equal (engine, "slurm-inside"))
    {
      launcher_add ("/pcall/engines/steps", test_steps);
      return;
    }

  launcher_add_killing ("/pcall/engines/parent-killed", test_parent_killed);
  if (g_str_equal (engine, "ssh"))
    launcher_add ("/pcall/engines/no-host", test_no_host);
  if (!is_slurm ())
    return;
  launcher_add ("/pcall/engines/many", test_many);
  launcher_add ("/pcall/engines/nodes", test_nodes);
  launcher_add ("/pcall/engines/no-partition", test_no_partition);
  launcher_add_killing ("/pcall/engines/parent-of-pending-killed", test_parent_of_pending_killed);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  engine = argc > 1 ? argv[1] : "";
  if (!g_str_equal (engine, "ssh") && !g_str_equal (engine, "mpirun") && !is_slurm ())
    {
      fprintf (stderr, "test-engines: ssh, slurm, slurm-inside or mpirun?\n");
      return 2;
    }
  add_tests ();
  return g_test_run ();
}
