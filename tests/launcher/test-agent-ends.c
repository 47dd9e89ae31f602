/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What becomes of calls, and of all that was started, when one of the parts ends: the worker, the
 * agent, the command, the parent, the connection. */

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "launcher-support.h"

/* Calls whose agent gets a signal while they run: the first one of all, or each. */
static PcallTask *
signal_task (PcallLauncher *launcher, int signum, const char *once, guint n_calls)
{
  PcallTask *task = launcher_task (launcher, "signal_parent", n_calls);

  pcall_task_set_common_args (task, g_variant_new ("(is)", signum, once));
  return task;
}

/* Nobody knows whether it ran, so it is not run again; the others are, elsewhere. */
static void
test_agent_killed (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = signal_task (launcher, SIGKILL, once, 4);
  g_autoptr (Tally) tally = tally_new (task);
  g_autofree char *pattern =
      g_strdup_printf ("call 0 (*) on %s: the connection was lost: *", g_get_host_name ());

  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, pattern);
  g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_FAILED);
  for (guint i = 1; i < 4; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_SUCCEEDED);
  launcher_remove_directory (directory);
}

static void
test_retries (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = signal_task (launcher, SIGKILL, once, 4);
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_retries (task, 1);
  tally = tally_new (task);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>]");
  tally_assert_complete (tally);
  launcher_remove_directory (directory);
}

/* One that is lost each time ends when it has been run as often as it may. */
static void
test_retries_run_out (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = signal_task (launcher, SIGKILL, "", 1);
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_retries (task, 1);
  tally = tally_new (task);
  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, "*the connection was lost*");
  g_assert_cmpuint (count_children (task), ==, 2);
}

/* It does not answer, though its connection is there. */
static void
test_agent_frozen (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = signal_task (launcher, SIGSTOP, "", 1);

  pcall_launcher_set_heartbeat (launcher, 0.2);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, "*it did not answer for 0.2 s");
}

static gboolean
is_alone (gpointer launcher)
{
  return pcall_launcher_get_n_connected (launcher) == 0;
}

/* No call is lost by what happens to one that has none. */
static void
signal_idle (int signum)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 2);
  pid_t agent;

  pcall_launcher_set_heartbeat (launcher, 0.2);
  agent = launcher_find_agent (launcher);
  g_assert_no_errno (kill (agent, signum));
  g_assert_true (traces_wait_until (is_alone, launcher));
  support_run (task, "[<uint32 0>, <uint32 1>]");
  g_assert_cmpint (launcher_find_agent (launcher), !=, agent);
}

static void
test_agent_killed_while_idle (void)
{
  signal_idle (SIGKILL);
}

static void
test_agent_frozen_while_idle (void)
{
  signal_idle (SIGSTOP);
}

static gboolean
has_agent (gpointer launcher)
{
  return pcall_launcher_get_n_connected (launcher) == 1;
}

/* One that comes when nobody has a call for it any more, as where an engine starts many, leaves no
 * file behind, however it ends. */
static void
test_agent_killed_without_call (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *go = g_build_filename (directory, "go", NULL);
  g_autofree char *pid = g_build_filename (directory, "pid", NULL);
  g_autofree char *script = g_strdup_printf ("until test -e %s; do sleep 0.01; done; echo $$ > %s;"
                                             " eval exec \"$PCALL_AGENT\"", go, pid);
  g_autofree char *text = NULL;
  g_autoptr (PcallLauncher) launcher = launcher_new_shell (script, 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  support_start (task);
  pcall_task_terminate (task);
  g_error_free (support_join_failing (task));
  g_assert_true (g_file_set_contents (go, "", 0, NULL));
  g_assert_true (traces_wait_until (has_agent, launcher));
  g_assert_true (g_file_get_contents (pid, &text, NULL, NULL));
  g_assert_no_errno (kill (atoi (text), SIGKILL));
  g_assert_true (traces_wait_until (is_alone, launcher));
  launcher_remove_directory (directory);
}

static void
kill_worker (PcallTask *task, PcallCall *call, GVariant *message, gint64 *killed)
{
  *killed = g_get_monotonic_time ();
  g_assert_no_errno (kill (g_variant_get_int32 (message), SIGKILL));
}

static void
test_worker_killed (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "sleep_long", 2);
  g_autoptr (Tally) tally = tally_new (task);
  g_autofree char *pattern =
      g_strdup_printf ("call 1 (*) on %s: killed by signal 9 *", g_get_host_name ());
  gint64 killed = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (kill_worker), &killed);
  support_start (task);
  g_error_free (support_join_failing (task));
  g_test_message ("told after %.1f ms", (g_get_monotonic_time () - killed) / 1000.0);
  tally_assert_complete (tally);
  launcher_assert_error (task, 1, PCALL_ERROR_CRASHED, pattern);
  g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_CRASHED);
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 1);
}

/* One that is busy with large things is not taken for such. */
static void
test_heartbeat_of_busy (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  pcall_launcher_set_heartbeat (launcher, 0.2);
  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 1',)"));
  support_run (task, "[<0>]");
}

static void
test_timeout_of_frozen (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = signal_task (launcher, SIGSTOP, "", 1);

  pcall_task_set_timeout (task, 0.2);
  pcall_task_set_grace_period (task, 0.1);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_TIMED_OUT, "*timed out after 0.2 s");
  g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_TIMED_OUT);
}

/* As for a time limit: the call that runs may end, and the next ones go elsewhere. */
static void
test_agent_told_to_end (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = signal_task (launcher, SIGTERM, once, 3);

  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>]");
  g_assert_cmpuint (count_children (task), ==, 2);
  launcher_remove_directory (directory);
}

/* An agent that waits for its call to end does nothing meanwhile. */
static void
test_told_to_end_twice (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  pcall_task_set_common_args (
      task, g_variant_new ("(s)", "a=$(($(ps -o ppid= -p $PPID)));"
                                  " kill -TERM $a; sleep 0.1; kill -TERM $a; sleep 0.8;"
                                  " test $(($(cut -d ' ' -f 14,15 --output-delimiter=+ /proc/$a/stat)))"
                                  " -lt 10"));
  support_run (task, "[<0>]");
}

/* An engine signals all that it has started, in some order: then the worker's death is its doing. */
static const char * const orders[] = {
  "kill -TERM $a; sleep 0.3; kill -TERM $PPID",
  /* The group of the worker is killed with it. */
  "setsid kill -TERM $PPID $a",
  "setsid kill -KILL $PPID $a",
};

static void
tell_all_to_end (gconstpointer order)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);
  g_autofree char *command =
      g_strdup_printf ("if mkdir %s; then a=$(ps -o ppid= -p $PPID); %s; sleep 60; fi", once,
                       (const char *) order);

  pcall_task_set_common_args (task, g_variant_new ("(s)", command));
  pcall_task_set_retries (task, 1);
  support_run (task, "[<0>]");
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* The call is over, and there is another; only its worker does not end. */
static void
test_told_to_end_with_stuck_worker (void)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  const char *argv[] = { program, "stay", NULL };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "have-agent-told");
  g_autoptr (PcallTask) task = pcall_task_new (target);

  pcall_task_set_launcher (task, launcher);
  pcall_task_set_n_calls (task, 2);
  support_run (task, "[<uint32 0>, <uint32 1>]");
  g_assert_cmpuint (count_children (task), ==, 2);
}

typedef struct
{
  const char *script;
  const char *pattern;
} BadCommand;

static const BadCommand bad_commands[] = {
  { "echo for this reason >&2; exit 3",
    "call * launcher \"*exited with status 3 before an agent came; last output: for this *" },
  { "kill -9 $$", "*killed by signal 9*" },
  { "exit 0", "*exited with status 0 before an agent came" },
  { "exec nonesuch-agent", "*exited with status 127 *last output: *nonesuch-agent*" },
  { "exec cat", "*it sent a frame of type challenge before it was known*" },
  { "yes", "*it sent 65536 bytes of something else*" },
  { "exec >&- <&-; exec sleep 60", "*before an agent came*" },
  /* An agent that was told something else */
  { "read secret; (echo 00112233445566778899aabbccddeeff; exec cat) | eval exec $PCALL_AGENT",
    "*the proof is wrong: the other side does not know the secret*" },
  { "echo this is no secret of thirty-two digits | eval exec $PCALL_AGENT", 
    "*last output: *it does not begin with a secret*" },
};

/* Whoever waits is told, all at once, and no call is left in a queue. */
static void
try_bad_command (gconstpointer data)
{
  const BadCommand *bad = data;
  g_autoptr (PcallLauncher) launcher = launcher_new_shell (bad->script, 2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 5);
  g_autoptr (Tally) tally = tally_new (task);

  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < 5; i++)
    launcher_assert_error (task, i, PCALL_ERROR_START, bad->pattern);
}

/* Words of a shell's own come before the agent's. */
static void
test_noise (void)
{
  g_autoptr (PcallLauncher) launcher =
      launcher_new_shell ("echo Welcome to this machine; echo PCL; eval exec $PCALL_AGENT", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 2);

  support_run (task, "[<uint32 0>, <uint32 1>]");
}

static void
test_too_late (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_shell ("exec sleep 60", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 2);

  pcall_launcher_set_start_timeout (launcher, 0.2);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 1, PCALL_ERROR_START, "*no agent came within 0.2 s*");
}

/* Where some come, calls go to these. */
static void
test_some_come (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *script =
      g_strdup_printf ("mkdir %s/once && eval exec $PCALL_AGENT; exit 7", directory);
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_shell (script, 3);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 10);

  support_run (task, NULL);
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* A worker that does not keep to the protocol is the agent's to end, and costs its call. */
typedef struct
{
  const char *mode;
  PcallError code;
  const char *pattern;
} BadWorker;

static const BadWorker bad_workers[] = {
  { "exit-3", PCALL_ERROR_START, "*worker program *exited with status 3 before it said hello" },
  { "crash", PCALL_ERROR_START, "*before it said hello" },
  { "rubbish", PCALL_ERROR_START, "*worker program *frame magic *" },
  { "other-frames", PCALL_ERROR_START, "*frame version *" },
  { "other-version", PCALL_ERROR_START, "*it speaks version *" },
  { "other-cookie", PCALL_ERROR_START, "*frame nonce *" },
  { "result-first", PCALL_ERROR_START, "*" },
  { "hello-twice", PCALL_ERROR_PROTOCOL, "*a frame of type hello, *" },
  { "wrong-call", PCALL_ERROR_PROTOCOL, "*a frame about call *" },
  { "final", PCALL_ERROR_PROTOCOL, "*a frame of type final, *" },
  { "send-call", PCALL_ERROR_PROTOCOL, "*a frame of type call, *" },
  { "close-in-call", PCALL_ERROR_PROTOCOL, "*closed its channel*" },
};

static void
try_bad_worker (gconstpointer data)
{
  const BadWorker *bad = data;
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "odd-worker", NULL);
  const char *argv[] = { program, bad->mode, NULL };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "x");
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (PcallTask) next = launcher_task (launcher, "get_index", 1);

  pcall_task_set_launcher (task, launcher);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, bad->code, bad->pattern);
  support_run (next, "[<uint32 0>]");
}

static void
test_no_worker (void)
{
  const char *argv[] = { "nonesuch-worker", NULL };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "x");
  g_autoptr (PcallTask) task = pcall_task_new (target);

  pcall_task_set_launcher (task, launcher);
  pcall_task_set_n_calls (task, 2);
  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < 2; i++)
    launcher_assert_error (task, i, PCALL_ERROR_START,
                           "*worker program nonesuch-worker: not found in PATH*");
}

static void
test_no_directory (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  pcall_launcher_set_working_directory (launcher, "/nonesuch/directory");
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_START,
                         "*working-directory*/nonesuch/directory*: No such file or directory");
}

static void
add_tables (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (orders); i++)
    {
      g_autofree char *path =
          g_strdup_printf ("/pcall/agent-ends/all-told-to-end/%" G_GSIZE_FORMAT, i);

      /* Who tells them all should not be kept waiting in between. */
      launcher_add_end_row (path, tell_all_to_end, orders[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad_commands); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/agent-ends/command/%" G_GSIZE_FORMAT, i);

      launcher_add_waiting_row (path, try_bad_command, &bad_commands[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad_workers); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/agent-ends/worker/", bad_workers[i].mode, NULL);

      launcher_add_waiting_row (path, try_bad_worker, &bad_workers[i]);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  launcher_add_waiting ("/pcall/agent-ends/killed", test_agent_killed);
  launcher_add_end ("/pcall/agent-ends/killed-while-idle", test_agent_killed_while_idle);
  launcher_add_waiting ("/pcall/agent-ends/frozen-while-idle", test_agent_frozen_while_idle);
  launcher_add ("/pcall/agent-ends/killed-without-call", test_agent_killed_without_call);
  launcher_add_end ("/pcall/agent-ends/worker-killed", test_worker_killed);
  launcher_add_end ("/pcall/agent-ends/retries", test_retries);
  launcher_add_waiting ("/pcall/agent-ends/retries-run-out", test_retries_run_out);
  launcher_add_waiting ("/pcall/agent-ends/frozen", test_agent_frozen);
  launcher_add ("/pcall/agent-ends/heartbeat-of-busy", test_heartbeat_of_busy);
  if (g_test_slow ()) /* these wait for as long as an agent, or a worker, may take to obey */
    {
      launcher_add_waiting ("/pcall/agent-ends/timeout-of-frozen", test_timeout_of_frozen);
      launcher_add_waiting ("/pcall/agent-ends/told-to-end-with-stuck-worker",
                            test_told_to_end_with_stuck_worker);
    }
  launcher_add_waiting ("/pcall/agent-ends/told-to-end", test_agent_told_to_end);
  launcher_add ("/pcall/agent-ends/told-to-end-twice", test_told_to_end_twice);
  launcher_add ("/pcall/agent-ends/noise", test_noise);
  launcher_add_waiting ("/pcall/agent-ends/too-late", test_too_late);
  launcher_add ("/pcall/agent-ends/some-come", test_some_come);
  launcher_add ("/pcall/agent-ends/no-worker", test_no_worker);
  launcher_add ("/pcall/agent-ends/no-directory", test_no_directory);
  add_tables ();

  return g_test_run ();
}
