/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that are sent to an agent before it has ended those that it has: that they are, and that
 * nothing else about them is otherwise. */

#include <signal.h>
#include <unistd.h>

#include "launcher-support.h"

/* As many as a mock waits for. */
#define N_AHEAD 4

/* How many calls there are before one that something happens in: so agents have been measured, and
 * others are there ahead of it. */
#define N_BEFORE 20
#define N_BEHIND 30
#define N_ALL (N_BEFORE + 1 + N_BEHIND)

/* Agents that are far away */

/* Tiny calls, then one that runs @symbol, and tiny ones again. */
static PcallTask *
far_task (PcallLauncher *launcher, const char *symbol)
{
  PcallTask *task = launcher_task (launcher, "get_index", 1);

  for (guint i = 1; i < N_ALL; i++)
    add_symbol (task, i == N_BEFORE ? symbol : "get_index");
  return task;
}

static void
assert_others_succeeded (PcallTask *task)
{
  for (guint i = 0; i < N_ALL; i++)
    {
      g_autofree char *expected = g_strdup_printf ("uint32 %u", i);

      if (i != N_BEFORE)
        support_assert_result (task, i, expected);
    }
}

/* One call runs at once in each worker, and what is called running does run. */
static void
look_at_others (PcallTask *task, PcallCall *started, guint *n)
{
  guint n_running = 0;

  for (guint i = 0; i < N_ALL; i++)
    n_running += support_state (task, i) == PCALL_CALL_STATE_RUNNING;
  g_assert_cmpuint (n_running, <=, 1);
  (*n)++;
}

/* Some of its calls do not succeed, and all are told of, once. */
static void
fail_completely (PcallTask *task, Tally *tally)
{
  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
}

static void
test_begin_one_by_one (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "get_pid");
  guint n = 0;

  g_signal_connect (task, "call-started", G_CALLBACK (look_at_others), &n);
  support_run (task, NULL);
  g_assert_cmpuint (n, ==, N_ALL);
  assert_others_succeeded (task);
}

/* A call that was sent with others has its time for itself. */
static void
test_timeout (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "sleep_long");
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_timeout (task, 3.0);
  tally = tally_new (task);
  fail_completely (task, tally);
  launcher_assert_error (task, N_BEFORE, PCALL_ERROR_TIMED_OUT, "*timed out after 3 s");
  assert_others_succeeded (task);
}

static void
test_crash (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "exit_99");
  g_autoptr (Tally) tally = tally_new (task);

  fail_completely (task, tally);
  launcher_assert_error (task, N_BEFORE, PCALL_ERROR_EXITED, "*exited with status 99 *");
  assert_others_succeeded (task);
}

/* However often the calls behind come back, they are none the worse for it. */
static void
test_many_crashes (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "crash_sometimes", 140);
  g_autoptr (Tally) tally = tally_new (task);

  fail_completely (task, tally);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 20);
  for (guint i = 0; i < 140; i++)
    g_assert_cmpint (support_state (task, i), ==,
                     i % 7 == 6 ? PCALL_CALL_STATE_CRASHED : PCALL_CALL_STATE_SUCCEEDED);
}

/* Ending them */

static gboolean
is_running (gpointer data)
{
  return pcall_call_get_state (data) == PCALL_CALL_STATE_RUNNING;
}

static gboolean
is_cancelled (gpointer data)
{
  return pcall_call_get_state (data) == PCALL_CALL_STATE_CANCELLED;
}

/* The call that was sent ahead ends while the one before it runs. */
static void
test_terminate_behind (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "sleep_long");
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (PcallCall) running = NULL;
  g_autoptr (PcallCall) behind = NULL;

  support_start (task);
  running = pcall_task_dup_call (task, N_BEFORE);
  behind = pcall_task_dup_call (task, N_BEFORE + 5);
  g_assert_true (traces_wait_until (is_running, running));
  pcall_call_terminate (behind);
  g_assert_true (traces_wait_until (is_cancelled, behind));
  g_assert_true (is_running (running));
  pcall_call_terminate (running);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < N_ALL; i++)
    g_assert_cmpint (support_state (task, i), ==,
                     i == N_BEFORE || i == N_BEFORE + 5 ? PCALL_CALL_STATE_CANCELLED
                                                        : PCALL_CALL_STATE_SUCCEEDED);
}

static void
terminate_child (PcallTask *task, PcallCall *running, GVariant *message, gpointer data)
{
  g_autoptr (PcallChild) child = pcall_call_dup_child (running);

  pcall_child_terminate (child);
}

/* What the child had not begun is for another. */
static void
test_terminate_child (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "sleep_long");
  g_autoptr (Tally) tally = tally_new (task);

  g_signal_connect (task, "call-message", G_CALLBACK (terminate_child), NULL);
  fail_completely (task, tally);
  g_assert_cmpint (support_state (task, N_BEFORE), ==, PCALL_CALL_STATE_CANCELLED);
  assert_others_succeeded (task);
  g_assert_cmpuint (count_children (task), ==, 2);
}

static void
terminate_all (PcallTask *task, PcallCall *running, GVariant *message, gpointer data)
{
  pcall_task_terminate (task);
}

static void
assert_rest_cancelled (PcallTask *task, guint first)
{
  for (guint i = first; i < N_ALL; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
}

static void
test_terminate (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "sleep_long");
  g_autoptr (Tally) tally = tally_new (task);

  g_signal_connect (task, "call-message", G_CALLBACK (terminate_all), NULL);
  fail_completely (task, tally);
  assert_rest_cancelled (task, N_BEFORE);
}

static void
test_deadline (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "sleep_long");
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_deadline (task, 3.0);
  tally = tally_new (task);
  fail_completely (task, tally);
  for (guint i = N_BEFORE; i < N_ALL; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_TIMED_OUT);
}

/* The call that ended at the first failure's end is the last that could have begun. */
static void
test_stop (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = far_task (launcher, "exit_99");
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  tally = tally_new (task);
  fail_completely (task, tally);
  launcher_assert_error (task, N_BEFORE, PCALL_ERROR_EXITED, "*exited with status 99 *");
  assert_rest_cancelled (task, N_BEFORE + 1);
}

/* Others */

static gboolean
have_others_ended (gpointer data)
{
  return pcall_task_get_n_finished (data) == N_ALL - 1;
}

/* A worker that has nothing to do is given what waits behind a call that takes long. */
static void
test_no_hoard (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (2);
  g_autoptr (PcallTask) task = far_task (launcher, "sleep_long");
  g_autoptr (Tally) tally = tally_new (task);
  g_autoptr (PcallCall) running = NULL;

  support_start (task);
  running = pcall_task_dup_call (task, N_BEFORE);
  g_assert_true (traces_wait_until (have_others_ended, task));
  pcall_call_terminate (running);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  g_assert_cmpint (support_state (task, N_BEFORE), ==, PCALL_CALL_STATE_CANCELLED);
  assert_others_succeeded (task);
}

/* Agents of another kind, which see what is sent */

static PcallLauncher *
launcher_new_mock (const char *mode, const char *path)
{
  g_autofree char *program =
      g_test_build_filename (G_TEST_DIST, "launcher", "mock-ahead.py", NULL);
  const char *command[] = {
    "/usr/bin/python3", program, mode, path, "{n}", "--for={agent}", NULL
  };

  return pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
}

static const char * const good_mocks[] = { "run", "returned", "early" };

static void
test_sent_ahead (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good_mocks); i++)
    {
      g_autoptr (PcallLauncher) launcher = launcher_new_mock (good_mocks[i], "");
      g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 30);
      g_autoptr (Tally) tally = tally_new (task);

      support_run (task, NULL);
      tally_assert_complete (tally);
      for (guint j = 0; j < 30; j++)
        {
          g_autofree char *expected = g_strdup_printf ("uint32 %u", j);

          support_assert_result (task, j, expected);
        }
    }
}

/* A call that ends just before its worker would end with it: it has timed out, and the worker goes
 * on with what follows. */
static void
test_ended_in_time (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_mock ("withdrawn", "");
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 30);
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_timeout (task, 0.3);
  tally = tally_new (task);
  fail_completely (task, tally);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 1);
  launcher_assert_error (task, 1, PCALL_ERROR_TIMED_OUT, "*timed out after 0.3 s");
  g_assert_cmpuint (count_children (task), ==, 1);
}

static void
terminate_when_second (PcallTask *task, PcallCall *started, gpointer data)
{
  if (pcall_call_get_index (started) == 1)
    pcall_task_terminate (task);
}

/* Whatever has begun when the order comes is as cancelled as what was seen to run. */
static void
test_begun_before_end (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_mock ("terminated", "");
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 30);
  g_autoptr (Tally) tally = tally_new (task);

  g_signal_connect (task, "call-started", G_CALLBACK (terminate_when_second), NULL);
  fail_completely (task, tally);
  g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_SUCCEEDED);
  for (guint i = 1; i < 30; i++)
    g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
}

/* What calls have in common crosses once. */
static void
test_common_arguments (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_mock ("common", "");
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 20);
  gsize size = 100000;
  guint8 *bytes = g_malloc0 (size);
  GVariant *value = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free,
                                             bytes);

  pcall_task_set_common_args (task, g_variant_new_tuple (&value, 1));
  support_run (task, NULL);
  support_assert_result (task, 19, "uint32 19");
}

/* An agent is lost that has begun one call, and had been sent others. */
static guint
count_lost (const char *mode, const char *address, guint retries)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *path = g_build_filename (directory, "once", NULL);
  g_autoptr (PcallLauncher) launcher = launcher_new_mock (mode, path);
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 30);
  g_autoptr (Tally) tally = NULL;
  guint n_lost = 0;

  pcall_launcher_set_address (launcher, address);
  pcall_task_set_retries (task, retries);
  tally = tally_new (task);
  support_start (task);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  tally_assert_complete (tally);
  for (guint i = 0; i < 30; i++)
    if (support_state (task, i) != PCALL_CALL_STATE_SUCCEEDED)
      {
        launcher_assert_error (task, i, PCALL_ERROR_LOST, "call *the connection *was lost: *");
        n_lost++;
      }
  launcher_remove_directory (directory);
  return n_lost;
}

/* Where nobody is between, it is known that the others had not begun. */
static void
test_lost (void)
{
  g_assert_cmpuint (count_lost ("lost", NULL, 0), ==, 1);
}

/* What it had not sent whole it was about to do, and nothing behind that. */
static void
test_lost_in_frame (void)
{
  g_assert_cmpuint (count_lost ("lost-in-frame", NULL, 0), ==, 1);
}

/* The one that had begun while the result of another was on its way is lost, too. */
static void
test_lost_early (void)
{
  g_assert_cmpuint (count_lost ("lost-early", NULL, 0), ==, 2);
}

static void
test_lost_behind_tunnel (void)
{
  g_assert_cmpuint (count_lost ("lost", "127.0.0.1", 0), >=, N_AHEAD);
}

static void
test_lost_and_retried (void)
{
  g_assert_cmpuint (count_lost ("lost", NULL, 1), ==, 0);
  g_assert_cmpuint (count_lost ("lost", "127.0.0.1", 1), ==, 0);
}

/* Agents that are killed */

#define N_MANY 3000
#define MAX_DELAY_US 30000

typedef struct
{
  pid_t pid;
  gint  delay_us;
} Killing;

static gpointer
kill_soon (gpointer data)
{
  const Killing *killing = data;

  g_usleep (killing->delay_us);
  kill (killing->pid, SIGKILL);
  return NULL;
}

static PcallLauncher *
launcher_new_streams (guint n_workers)
{
  return launcher_new_shell ("eval exec \"$PCALL_AGENT\"", n_workers);
}

/* One of two, at any moment of a task whose calls go there many at a time. Its last words come here,
 * whatever it has not read: all are told of, once, and only the call that it had begun is lost. */
static void
kill_at_random (PcallLauncher *two, gboolean with_group, guint retries)
{
  g_autoptr (PcallLauncher) launcher = two;
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", N_MANY);
  g_autoptr (Tally) tally = NULL;
  pid_t agent = launcher_find_agent (launcher);
  Killing killing = { with_group ? -getpgid (agent) : agent,
                      g_test_rand_int_range (0, MAX_DELAY_US) };
  guint n_lost = 0;
  GThread *killer;

  pcall_task_set_retries (task, retries);
  tally = tally_new (task);
  support_start (task);
  killer = g_thread_new ("killer", kill_soon, &killing);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  g_thread_join (killer);
  tally_assert_complete (tally);
  for (guint i = 0; i < N_MANY; i++)
    if (support_state (task, i) != PCALL_CALL_STATE_SUCCEEDED)
      {
        launcher_assert_error (task, i, PCALL_ERROR_LOST, "call *the connection *was lost: *");
        n_lost++;
      }
  g_test_message ("killed %d after %d us: %u lost", killing.pid, killing.delay_us, n_lost);
  g_assert_cmpuint (n_lost, <=, (retries > 0 ? 0 : 1));
}

static void
test_killed (void)
{
  kill_at_random (launcher_new_connect (2), FALSE, 0);
}

static void
test_killed_and_retried (void)
{
  kill_at_random (launcher_new_connect (2), FALSE, 1);
}

/* With the command that it is from */
static void
test_killed_with_group (void)
{
  kill_at_random (launcher_new_connect (2), TRUE, 0);
}

static void
test_killed_on_streams (void)
{
  kill_at_random (launcher_new_streams (2), FALSE, 0);
}

/* What it has said is still on the way. */
static void
test_killed_far_away (void)
{
  kill_at_random (launcher_new_far (2), FALSE, 0);
}

/* Where that dies by which it speaks, there may have been more. */
static void
test_way_killed (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_far (1);
  g_autoptr (PcallTask) task = NULL;
  g_autoptr (PcallCall) running = NULL;
  pid_t way = launcher_get_parent (launcher_find_agent (launcher));

  task = far_task (launcher, "sleep_long");
  support_start (task);
  running = pcall_task_dup_call (task, N_BEFORE);
  g_assert_true (traces_wait_until (is_running, running));
  g_assert_no_errno (kill (way, SIGKILL));
  g_error_free (support_join_failing (task));
  g_assert_cmpuint (pcall_task_get_n_failed (task), >, N_AHEAD);
  for (guint i = 0; i < N_ALL; i++)
    if (support_state (task, i) != PCALL_CALL_STATE_SUCCEEDED)
      launcher_assert_error (task, i, PCALL_ERROR_LOST, "call *the connection *was lost: *");
}

/* What an agent leaves to end its connection. The environment tells whose it is. */
static gboolean
is_heir (const char *pid)
{
  g_autofree char *comm_path = g_strdup_printf ("/proc/%s/comm", pid);
  g_autofree char *path = g_strdup_printf ("/proc/%s/environ", pid);
  g_autofree char *comm = NULL;
  g_autofree char *environment = NULL;
  const char *directory = g_get_user_runtime_dir ();
  gsize size = 0;

  return g_file_get_contents (comm_path, &comm, NULL, NULL) &&
         g_str_equal (comm, "pcall-heir\n") &&
         g_file_get_contents (path, &environment, &size, NULL) &&
         memmem (environment, size, directory, strlen (directory)) != NULL;
}

/* It has the connection and its agent's pidfd, and no stream that somebody waits for. */
static void
assert_has_two_descriptors (const char *pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%s/fd", pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  guint n = 0;

  g_assert_nonnull (dir);
  while (g_dir_read_name (dir) != NULL)
    n++;
  g_assert_cmpuint (n, ==, 2);
}

static guint
look_at_heirs (void (*func) (const char *pid))
{
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    if (is_heir (name))
      {
        if (func != NULL)
          func (name);
        n++;
      }
  return n;
}

static gboolean
has_heirs (gpointer n)
{
  return look_at_heirs (NULL) == GPOINTER_TO_UINT (n);
}

/* It is gone with its agent, however that ends. */
static void
look_at_heir (PcallLauncher *one)
{
  g_autoptr (PcallLauncher) launcher = one;
  pid_t agent = launcher_find_agent (launcher);
  gint64 killed;

  g_assert_true (traces_wait_until (has_heirs, GUINT_TO_POINTER (1)));
  g_assert_cmpuint (look_at_heirs (assert_has_two_descriptors), ==, 1);
  killed = g_get_monotonic_time ();
  g_assert_no_errno (kill (agent, SIGKILL));
  g_assert_true (traces_wait_until (has_heirs, GUINT_TO_POINTER (0)));
  g_test_message ("gone after %.1f ms", (g_get_monotonic_time () - killed) / 1000.0);
  launcher_find_agent (launcher);
  g_assert_true (traces_wait_until (has_heirs, GUINT_TO_POINTER (1)));
  pcall_launcher_close (launcher);
  g_assert_true (traces_wait_until (has_heirs, GUINT_TO_POINTER (0)));
}

static void
test_heir (void)
{
  look_at_heir (launcher_new_connect (1));
}

static void
test_heir_on_streams (void)
{
  look_at_heir (launcher_new_streams (1));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  launcher_add ("/pcall/ahead/begin-one-by-one", test_begin_one_by_one);
  launcher_add ("/pcall/ahead/timeout", test_timeout);
  launcher_add ("/pcall/ahead/crash", test_crash);
  launcher_add ("/pcall/ahead/many-crashes", test_many_crashes);
  launcher_add ("/pcall/ahead/terminate-behind", test_terminate_behind);
  launcher_add ("/pcall/ahead/terminate-child", test_terminate_child);
  launcher_add ("/pcall/ahead/terminate", test_terminate);
  launcher_add ("/pcall/ahead/deadline", test_deadline);
  launcher_add ("/pcall/ahead/stop", test_stop);
  launcher_add ("/pcall/ahead/no-hoard", test_no_hoard);
  launcher_add ("/pcall/ahead/sent-ahead", test_sent_ahead);
  launcher_add ("/pcall/ahead/ended-in-time", test_ended_in_time);
  launcher_add ("/pcall/ahead/begun-before-end", test_begun_before_end);
  launcher_add ("/pcall/ahead/common-arguments", test_common_arguments);
  launcher_add ("/pcall/ahead/lost", test_lost);
  launcher_add ("/pcall/ahead/lost-in-frame", test_lost_in_frame);
  launcher_add ("/pcall/ahead/lost-early", test_lost_early);
  launcher_add ("/pcall/ahead/lost-behind-tunnel", test_lost_behind_tunnel);
  launcher_add_any ("/pcall/ahead/killed", test_killed, TRUE, traces_rounds (10, 100));
  launcher_add_any ("/pcall/ahead/killed-and-retried", test_killed_and_retried, TRUE,
                    traces_rounds (2, 100));
  launcher_add_any ("/pcall/ahead/killed-with-group", test_killed_with_group, TRUE,
                    traces_rounds (1, 100));
  launcher_add_any ("/pcall/ahead/killed-on-streams", test_killed_on_streams, TRUE,
                    traces_rounds (10, 500));
  launcher_add_any ("/pcall/ahead/killed-far-away", test_killed_far_away, TRUE,
                    traces_rounds (1, 100));
  launcher_add_any ("/pcall/ahead/way-killed", test_way_killed, TRUE, traces_rounds (1, 20));
  launcher_add_any ("/pcall/ahead/heir", test_heir, TRUE, 1);
  launcher_add_any ("/pcall/ahead/heir-on-streams", test_heir_on_streams, TRUE, 1);
  if (g_test_slow ())
    launcher_add ("/pcall/ahead/lost-and-retried", test_lost_and_retried);

  return g_test_run ();
}
