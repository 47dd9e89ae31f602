/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Time limits: of a call, of the task, of a join, and between SIGTERM and SIGKILL. Limits are short
 * and nothing is said about how exactly they are kept: only that they come, that they do not come
 * early, and that a call ends by the signal that it should. */

#include <gio/gio.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "first-task.h"
#include "task-support.h"

static gdouble
seconds_since (gint64 begun)
{
  return (g_get_monotonic_time () - begun) / (gdouble) G_USEC_PER_SEC;
}

static void
join_failing (PcallTask *task)
{
  G_GNUC_UNUSED g_autoptr (GError) error = support_join_failing (task);
}

static void
assert_timed_out (PcallTask *task, guint index, const char *reason)
{
  g_autoptr (GError) error = support_error (task, index);
  g_autofree char *message = g_strdup_printf ("call %u: %s", index, reason);

  g_assert_cmpint (support_state (task, index), ==, PCALL_CALL_STATE_TIMED_OUT);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, message);
}

static void
assert_term_signals (PcallTask *task, int signum)
{
  g_autoptr (GPtrArray) children = pcall_task_dup_children (task);

  g_assert_cmpuint (children->len, >, 0);
  for (guint i = 0; i < children->len; i++)
    g_assert_cmpint (pcall_child_get_term_signal (g_ptr_array_index (children, i)), ==, signum);
}

/* Even calls end at once, odd ones never. */
static GVariant *
sleep_if_odd (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () % 2 == 1)
    return support_sleep (args, kwargs, user_data, error);
  return NULL;
}

static void
test_timeout (void)
{
  PcallTask *task = support_task (sleep_if_odd, 4);
  gint64 begun = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, 1.0);
  pcall_task_set_grace_period (task, SUPPORT_LIMIT_S);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, "call 1: timed out after 1 s");
  g_assert_cmpfloat (seconds_since (begun), >=, 1.0);
  g_assert_cmpfloat (seconds_since (begun), <, SUPPORT_LIMIT_S / 2);

  support_assert_result (task, 0, "()");
  support_assert_result (task, 2, "()");
  assert_timed_out (task, 1, "timed out after 1 s");
  assert_timed_out (task, 3, "timed out after 1 s");
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2);

  g_assert_finalize_object (task);
}

/* Each call has its limit for itself, counted from its own start. */
static void
test_timeout_for_each (void)
{
  PcallTask *task = support_task (support_sleep, 4);
  gint64 begun = g_get_monotonic_time ();

  pcall_task_set_timeout (task, 0.1);
  pcall_task_set_max_children (task, 1);
  support_start (task);
  join_failing (task);
  g_assert_cmpfloat (seconds_since (begun), >=, 0.4);
  for (guint i = 0; i < 4; i++)
    assert_timed_out (task, i, "timed out after 0.1 s");
  assert_term_signals (task, SIGTERM);

  g_assert_finalize_object (task);
}

/* A limit that is not reached changes nothing. */
static void
test_timeout_unused (void)
{
  static const gdouble limits[] = { SUPPORT_LIMIT_S, 1e9, 1e300, G_MAXDOUBLE };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      PcallTask *task = support_task (support_index, 2);

      pcall_task_set_timeout (task, limits[i]);
      pcall_task_set_deadline (task, limits[i]);
      pcall_task_set_grace_period (task, limits[i]);
      support_run (task, "[<uint32 0>, <uint32 1>]");
      g_assert_finalize_object (task);
    }
}

static GVariant *
ignore_sigterm (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  signal (SIGTERM, SIG_IGN);
  pcall_send_message (g_variant_new_int32 (0));
  return support_sleep (args, kwargs, user_data, error);
}

static void
terminate_all (PcallTask *task, PcallCall *call, GVariant *message, guint *n_messages)
{
  if (++*n_messages == pcall_task_get_n_calls (task))
    pcall_task_terminate (task);
}

/* SIGTERM is of no use with them: SIGKILL comes when the grace period is over. */
static void
test_grace_period (void)
{
  PcallTask *task = support_task (ignore_sigterm, 3);
  guint n_messages = 0;
  gint64 begun = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;

  pcall_task_set_grace_period (task, 0.2);
  g_signal_connect (task, "call-message", G_CALLBACK (terminate_all), &n_messages);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_cmpfloat (seconds_since (begun), >=, 0.2);
  assert_term_signals (task, SIGKILL);

  g_assert_finalize_object (task);
}

/* Without any there is no SIGTERM, for well-behaved ones neither. */
static void
test_grace_period_of_zero (void)
{
  PcallTask *task = support_task (support_sleep, 2);

  pcall_task_set_grace_period (task, 0.0);
  pcall_task_set_timeout (task, 0.05);
  support_start (task);
  join_failing (task);
  assert_timed_out (task, 0, "timed out after 0.05 s");
  assert_term_signals (task, SIGKILL);

  g_assert_finalize_object (task);
}

/* The grace period is for the child's own end: what it returns then comes too late to count. */
static volatile sig_atomic_t told_to_end;

static void
note_sigterm (int signum)
{
  told_to_end = 1;
}

static GVariant *
return_on_sigterm (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  sigset_t term, before;

  sigemptyset (&term);
  sigaddset (&term, SIGTERM);
  sigprocmask (SIG_BLOCK, &term, &before);
  signal (SIGTERM, note_sigterm);
  pcall_send_message (g_variant_new_int32 (0));
  while (!told_to_end)
    sigsuspend (&before);
  puts ("goes in peace");
  return g_variant_new_string ("too late");
}

static void
test_grace_period_used (void)
{
  PcallTask *task = support_task (return_on_sigterm, 1);
  guint n_messages = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) children = NULL;

  pcall_task_set_grace_period (task, SUPPORT_LIMIT_S);
  g_signal_connect (task, "call-message", G_CALLBACK (terminate_all), &n_messages);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_cmpstr (error->message, ==, "call 0: terminated; last output: goes in peace");
  g_assert_cmpint (support_state (task, 0), ==, PCALL_CALL_STATE_CANCELLED);
  children = pcall_task_dup_children (task);
  g_assert_cmpint (pcall_child_get_exit_status (g_ptr_array_index (children, 0)), ==, 0);

  g_assert_finalize_object (task);
}

/* A result that was handed over in time counts, though the parent had not read it when it gave
 * up. */
static GVariant *
hand_over (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  return g_variant_new_string ("in time");
}

static void
wait_for_end_of (GPid pid)
{
  siginfo_t info;

  while (waitid (P_PID, pid, &info, WEXITED | WNOWAIT) < 0)
    g_assert_cmpint (errno, ==, EINTR);
}

static void
test_handed_over_in_time (void)
{
  SupportPipe pipe;
  PcallTask *task = pcall_task_new_for_func (hand_over, &pipe, NULL);
  g_autoptr (PcallCall) call = NULL;
  GPid pid;

  support_pipe_open (&pipe);
  pcall_task_set_n_calls (task, 1);
  support_start (task);
  call = pcall_task_dup_call (task, 0);
  /* Who asks for the pid reads what has happened, so that the call may not end before. */
  pid = pcall_call_get_pid (call);
  support_pipe_put (&pipe, 0);
  wait_for_end_of (pid);
  pcall_task_terminate (task);
  support_join (task);
  support_assert_result (task, 0, "'in time'");

  g_clear_object (&call);
  g_assert_finalize_object (task);
  support_pipe_close (&pipe);
}

static void
test_deadline (void)
{
  PcallTask *task = support_task (sleep_if_odd, 6);
  gint64 begun = g_get_monotonic_time ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) children = NULL;

  /* Call 1 takes one of the two places for ever, and then call 3 the other. */
  pcall_task_set_deadline (task, 1.0);
  pcall_task_set_max_children (task, 2);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, "call 1: the task's deadline of 1 s passed");
  g_assert_cmpfloat (seconds_since (begun), >=, 1.0);

  support_assert_result (task, 0, "()");
  support_assert_result (task, 2, "()");
  assert_timed_out (task, 1, "the task's deadline of 1 s passed");
  assert_timed_out (task, 3, "the task's deadline of 1 s passed");
  assert_timed_out (task, 4, "the task's deadline of 1 s passed");
  assert_timed_out (task, 5, "the task's deadline of 1 s passed");
  children = pcall_task_dup_children (task);
  g_assert_cmpuint (children->len, ==, 4);

  g_assert_finalize_object (task);
}

/* On the main loop, with nothing else that would wake it */
static void
test_deadline_on_loop (void)
{
  PcallTask *task = support_task (support_sleep, 3);

  pcall_task_set_deadline (task, 0.1);
  support_start (task);
  support_iterate_to_end (task);
  for (guint i = 0; i < 3; i++)
    assert_timed_out (task, i, "the task's deadline of 0.1 s passed");

  g_assert_finalize_object (task);
}

/* What was first is what counts. */
static void
test_timeout_then_terminate (void)
{
  PcallTask *task = support_task (ignore_sigterm, 1);

  pcall_task_set_timeout (task, 0.05);
  pcall_task_set_grace_period (task, 0.3);
  support_start (task);
  g_assert_false (pcall_task_join (task, 0.2, NULL, NULL));
  pcall_task_terminate (task);
  join_failing (task);
  assert_timed_out (task, 0, "timed out after 0.05 s");

  g_assert_finalize_object (task);
}

/* join() with a limit of its own */

static GVariant *
wait_for_byte (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  return NULL;
}

static void
assert_join_times_out (PcallTask *task, gdouble timeout, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (pcall_task_join (task, timeout, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_true (pcall_task_get_running (task));
}

/* The calls go on, and the task can be joined again. */
static void
test_join_timeout (void)
{
  SupportPipe pipe;
  PcallTask *task = pcall_task_new_for_func (wait_for_byte, &pipe, NULL);
  gint64 begun;

  support_pipe_open (&pipe);
  pcall_task_set_n_calls (task, 3);
  support_start (task);
  assert_join_times_out (task, 0, "3 of 3 calls had not ended after 0 s; they go on");
  begun = g_get_monotonic_time ();
  assert_join_times_out (task, 0.1, "3 of 3 calls had not ended after 0.1 s; they go on");
  g_assert_cmpfloat (seconds_since (begun), >=, 0.1);

  support_pipe_put (&pipe, 0);
  while (pcall_task_get_n_finished (task) == 0)
    g_main_context_iteration (NULL, TRUE);
  assert_join_times_out (task, 0.01, "2 of 3 calls had not ended after 0.01 s; they go on");

  support_pipe_put (&pipe, 0);
  support_pipe_put (&pipe, 0);
  support_join (task);
  g_assert_true (pcall_task_join (task, 0, NULL, NULL));

  support_pipe_close (&pipe);
  g_assert_finalize_object (task);
}

/* Looking is enough to get on: nobody dispatches the task otherwise. */
static void
test_join_by_looking (void)
{
  PcallTask *task = support_task (support_index, 5);
  gint64 begun = g_get_monotonic_time ();

  pcall_task_set_max_children (task, 1);
  support_start (task);
  while (!pcall_task_join (task, 0, NULL, NULL))
    {
      g_assert_cmpfloat (seconds_since (begun), <, SUPPORT_LIMIT_S);
      g_usleep (500);
    }
  support_assert_result (task, 4, "uint32 4");

  g_assert_finalize_object (task);
}

/* Infinity is without limit, as any negative number is. */
static void
test_join_endlessly (void)
{
  static const gdouble limits[] = { -1, -0.5, -HUGE_VAL, HUGE_VAL, 1e300 };

  for (gsize i = 0; i < G_N_ELEMENTS (limits); i++)
    {
      PcallTask *task = support_task (support_index, 2);

      support_start (task);
      g_assert_true (pcall_task_join (task, limits[i], NULL, NULL));
      g_assert_finalize_object (task);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  run_first_task ();

  support_add ("/pcall/timeouts/timeout/ends", test_timeout);
  support_add ("/pcall/timeouts/timeout/for-each", test_timeout_for_each);
  support_add ("/pcall/timeouts/timeout/unused", test_timeout_unused);
  support_add ("/pcall/timeouts/timeout/then-terminate", test_timeout_then_terminate);
  support_add ("/pcall/timeouts/grace-period/kills", test_grace_period);
  support_add ("/pcall/timeouts/grace-period/zero", test_grace_period_of_zero);
  support_add ("/pcall/timeouts/grace-period/used", test_grace_period_used);
  g_test_add_func ("/pcall/timeouts/handed-over-in-time", test_handed_over_in_time);
  support_add ("/pcall/timeouts/deadline/ends", test_deadline);
  support_add ("/pcall/timeouts/deadline/on-loop", test_deadline_on_loop);
  support_add ("/pcall/timeouts/join/again", test_join_timeout);
  support_add ("/pcall/timeouts/join/by-looking", test_join_by_looking);
  support_add ("/pcall/timeouts/join/endlessly", test_join_endlessly);

  return g_test_run ();
}
