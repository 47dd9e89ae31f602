/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Commands that bring fewer agents than they should, or end before these, or say more than anybody
 * reads, and launchers that are closed meanwhile. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "launcher-support.h"

/* A command for @n_workers, with @directory as $0. */
static PcallLauncher *
launcher_new_in (const char *directory, const char *script, guint n_workers)
{
  const char *command[] = { "/bin/sh", "-c", script, directory, "{n}", NULL };

  return pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_CONNECT);
}

static char *
in_directory (const char *directory, const char *name)
{
  return g_build_filename (directory, name, NULL);
}

static gboolean
is_in (const char *directory, const char *name)
{
  g_autofree char *path = in_directory (directory, name);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
make_file (const char *directory, const char *name)
{
  g_autofree char *path = in_directory (directory, name);

  g_assert_true (g_file_set_contents (path, "", 0, NULL));
}

static gboolean
has_pid (gpointer directory)
{
  return is_in (directory, "pid");
}

static pid_t
wait_for_pid (const char *directory)
{
  g_autofree char *path = in_directory (directory, "pid");
  g_autofree char *text = NULL;

  g_assert_true (traces_wait_until (has_pid, (gpointer) directory));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return atoi (text);
}

/* Fewer than expected */

/* One of two comes, and is killed in the last call; the command ends after that. */
static void
test_other_never_comes (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = in_directory (directory, "once");
  g_autofree char *command = g_strdup_printf (
      "mkdir %s && kill -KILL $(ps -o ppid= -p $PPID) && sleep 60", once);
  g_autoptr (PcallLauncher) launcher = launcher_new_in (directory, "{agent}; sleep 0.3", 2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);

  pcall_task_set_instance_args (
      task, g_variant_new_parsed ("[('true',), (%s,)]", command));
  pcall_task_set_retries (task, 1);
  support_run (task, NULL);
  g_assert_cmpuint (count_children (task), ==, 2);
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* Those who are there in time go on. */
static void
test_others_too_late (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_in (
      directory,
      "if mkdir $0/once; then trap 'echo > $0/told' TERM; {agent}; wait; else sleep 60; fi", 3);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 3);
  g_autofree char *once = in_directory (directory, "once");

  pcall_launcher_set_start_timeout (launcher, 0.2);
  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 0.5',)"));
  support_run (task, "[<0>, <0>, <0>]");
  g_assert_cmpuint (count_children (task), ==, 1);
  g_assert_false (is_in (directory, "told"));
  pcall_launcher_close (launcher);
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* An agent that does not say by which command it came is one of those that are expected. */
static void
test_number_not_told (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_in (
      directory, "trap 'echo > $0/told' TERM; env -u PCALL_AGENT_LAUNCH {agent}; wait", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  pcall_launcher_set_start_timeout (launcher, 0.2);
  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 0.5',)"));
  support_run (task, "[<0>]");
  g_assert_false (is_in (directory, "told"));
  launcher_remove_directory (directory);
}

/* Words */

static gboolean
is_told (gpointer data)
{
  char bytes[4096];
  gssize n = read (GPOINTER_TO_INT (data), bytes, sizeof bytes);

  return n > 0 && g_strstr_len (bytes, n, "a word of the command") != NULL;
}

/* Nobody reads this program's errors for a while: its tasks go on. */
static void
test_errors_not_read (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *much = g_strnfill (4096, '.');
  g_autoptr (PcallLauncher) launcher = launcher_new_in (
      directory, "echo a word of the command >&2; sleep 0.1; exec {agent}", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 2);
  int before = dup (STDERR_FILENO);
  int fds[2];

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC | O_NONBLOCK));
  while (write (fds[1], much, 4096) > 0)
    ;
  /* As others have it, writing waits. */
  g_assert_no_errno (fcntl (fds[1], F_SETFL, 0));
  g_assert_no_errno (dup2 (fds[1], STDERR_FILENO));
  support_run (task, "[<uint32 0>, <uint32 1>]");
  g_assert_true (traces_wait_until (is_told, GINT_TO_POINTER (fds[0])));
  g_assert_no_errno (dup2 (before, STDERR_FILENO));
  close (before);
  close (fds[0]);
  close (fds[1]);
  launcher_remove_directory (directory);
}

/* Closed */

static void
close_it (PcallTask *task, PcallCall *call, PcallLauncher *launcher)
{
  pcall_launcher_close (launcher);
}

/* The command is not told to end before its agents have gone. */
static void
test_closed_under_long_call (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *script = g_strdup_printf (
      "trap 'echo > %s/told' TERM; eval $PCALL_AGENT; echo > %s/gone; wait", directory, directory);
  g_autoptr (PcallLauncher) launcher = launcher_new_shell (script, 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  /* One that is told to three times is killed. */
  pcall_task_set_common_args (task, g_variant_new ("(s)", g_test_slow () ? "sleep 10"
                                                                         : "sleep 3.5"));
  g_signal_connect (task, "call-started", G_CALLBACK (close_it), launcher);
  support_run (task, "[<0>]");
  while (!is_in (directory, "gone"))
    g_usleep (1000);
  g_assert_false (is_in (directory, "told"));
  launcher_remove_directory (directory);
}

/* A call that would be run again has nobody to run it either. */
static void
test_closed_before_loss (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "signal_parent", 1);

  pcall_task_set_common_args (task, g_variant_new ("(is)", SIGKILL, ""));
  pcall_task_set_retries (task, 1);
  g_signal_connect (task, "call-started", G_CALLBACK (close_it), launcher);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_START, "*the launcher was closed");
}

static gboolean
has_no_thread (gpointer data)
{
  g_autofree char *traces = traces_take ();

  return g_strstr_len (traces, -1, "thread") == g_strrstr (traces, "thread");
}

/* The command has ended before its agent, which is in no group with it: nothing is left to look
 * after. */
static void
test_closed_after_command (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *command = g_strdup_printf ("until test -e %s/go; do sleep 0.01; done", directory);
  g_autoptr (PcallLauncher) launcher = launcher_new_in (
      directory, "echo $$ > $0/p; mv $0/p $0/pid; setsid {agent} & until test -e $0/over;"
      " do sleep 0.01; done", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);
  pid_t pid;

  pcall_task_set_calls_per_child (task, 1);
  pcall_task_set_common_args (task, g_variant_new ("(s)", command));
  support_start (task);
  pid = wait_for_pid (directory);
  while (support_state (task, 0) != PCALL_CALL_STATE_RUNNING)
    pcall_task_join (task, 0.01, NULL, NULL);
  make_file (directory, "over");
  while (kill (pid, 0) == 0)
    pcall_task_join (task, 0.01, NULL, NULL);
  g_assert_true (traces_wait_until (has_no_thread, NULL));
  pcall_launcher_close (launcher);
  make_file (directory, "go");
  g_error_free (support_join_failing (task));
  g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_SUCCEEDED);
  launcher_assert_error (task, 1, PCALL_ERROR_START, "*the launcher was closed");
  launcher_remove_directory (directory);
}

static gboolean
is_refused (gpointer directory)
{
  return is_in (directory, "refused");
}

/* An agent that comes when the launcher is closed finds nobody. */
static void
test_closed_before_agent (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_in (
      directory, "trap '' TERM; echo $$ > $0/p; mv $0/p $0/pid; until test -e $0/go;"
      " do sleep 0.01; done; {agent} || echo > $0/refused", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  support_start (task);
  wait_for_pid (directory);
  pcall_launcher_close (launcher);
  make_file (directory, "go");
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_START, "*the launcher was closed");
  g_assert_true (traces_wait_until (is_refused, directory));
  launcher_remove_directory (directory);
}

/* Killed */

/* The command is the agent, which has somebody beside it that is to clean up when it is gone. */
#define BESIDE(then)                                                                               \
  "(" then "; : > $0/ready; while :; do sleep 0.01; done) &"                                       \
  " until test -e $0/ready; do sleep 0.01; done; exec {agent}"

static void
kill_command (const char *directory, const char *script)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_in (directory, script, 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "signal_parent", 1);

  pcall_task_set_common_args (task, g_variant_new ("(is)", SIGKILL, ""));
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, "*the connection was lost*");
}

static gboolean
is_clean (gpointer directory)
{
  return is_in (directory, "clean");
}

/* As srun has a process that ends the job when it was killed itself. */
static void
test_rest_cleans_up (void)
{
  g_autofree char *directory = launcher_make_directory ();

  kill_command (directory, BESIDE ("trap 'sleep 0.1; : > $0/clean; exit' TERM"));
  g_assert_true (traces_wait_until (is_clean, directory));
  launcher_remove_directory (directory);
}

/* One that does not end is killed, after a while. */
static void
test_rest_stays (void)
{
  g_autofree char *directory = launcher_make_directory ();
  int pidfd;

  kill_command (directory, BESIDE ("trap '' TERM; sh -c 'echo $PPID' > $0/pid"));
  pidfd = traces_open_pidfd (wait_for_pid (directory));
  g_assert_cmpint (pidfd, >=, 0);
  g_assert_true (traces_wait_for_end (pidfd, TEST_LIMIT));
  close (pidfd);
  launcher_remove_directory (directory);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  launcher_add_killing ("/pcall/commands/other-never-comes", test_other_never_comes);
  launcher_add ("/pcall/commands/others-too-late", test_others_too_late);
  launcher_add ("/pcall/commands/number-not-told", test_number_not_told);
  launcher_add ("/pcall/commands/errors-not-read", test_errors_not_read);
  launcher_add ("/pcall/commands/closed-under-long-call", test_closed_under_long_call);
  launcher_add_killing ("/pcall/commands/closed-before-loss", test_closed_before_loss);
  launcher_add ("/pcall/commands/closed-after-command", test_closed_after_command);
  launcher_add ("/pcall/commands/closed-before-agent", test_closed_before_agent);
  launcher_add_killing ("/pcall/commands/rest-cleans-up", test_rest_cleans_up);
  if (g_test_slow ()) /* it is waited for */
    launcher_add_killing ("/pcall/commands/rest-stays", test_rest_stays);

  return g_test_run ();
}
