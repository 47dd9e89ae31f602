/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* One call of many is ended, or one child, and the others go on: while it runs, while it waits, when
 * it is over, with a child for each call, with children that take calls, and with workers. */

#include <signal.h>

#include <gio/gio.h>

#include "spawn-support.h"
#include "task-support.h"

/* A call waits for a byte, if it is one of those that do. */
typedef struct
{
  SupportPipe go;
  guint first, n; /* of those that wait */
} Gate;

static gboolean
waits (const Gate *gate, guint index)
{
  return index >= gate->first && index - gate->first < gate->n;
}

static GVariant *
pass (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Gate *gate = user_data;

  if (waits (gate, pcall_get_call_index ()))
    support_pipe_get (&gate->go);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static PcallTask *
start (Gate *gate, guint n_calls, guint max_children, guint calls_per_child)
{
  PcallTask *task = pcall_task_new_for_func (pass, gate, NULL);

  support_pipe_open (&gate->go);
  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, max_children);
  pcall_task_set_calls_per_child (task, calls_per_child);
  support_start (task);
  return task;
}

static void
terminate_call (PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);

  pcall_call_terminate (call);
}

static void
wait_for_state (PcallTask *task, guint index, PcallCallState state)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  while (pcall_call_get_state (call) != state)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      pcall_task_join (task, 0.01, NULL, NULL);
    }
}

static void
assert_call (PcallTask *task, guint index, gboolean terminated)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autofree char *message = g_strdup_printf ("call %u", index);

  if (!terminated)
    {
      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_get_uint32 (result), ==, index);
      return;
    }
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_CANCELLED);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_true (g_str_has_prefix (error->message, message));
  g_assert_true (g_str_has_suffix (error->message, ": terminated"));
  g_assert_null (result);
}

/* Of all calls, those that are in @terminated, a list that ends with -1. */
static void
finish (PcallTask *task, Gate *gate, const int *terminated)
{
  guint n = pcall_task_get_n_calls (task);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < gate->n; i++)
    support_pipe_put (&gate->go, 0);
  g_assert_cmpint (pcall_task_join (task, SUPPORT_LIMIT_S, NULL, &error), ==, *terminated < 0);
  if (*terminated >= 0)
    g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  for (guint i = 0; i < n; i++)
    {
      assert_call (task, i, (int) i == *terminated);
      terminated += (int) i == *terminated;
    }
  g_assert_finalize_object (task);
  support_pipe_close (&gate->go);
}

static void
test_running (gconstpointer calls_per_child)
{
  Gate gate = { .n = 4 };
  PcallTask *task = start (&gate, 4, 4, GPOINTER_TO_UINT (calls_per_child));
  const int terminated[] = { 1, 2, -1 };

  for (guint i = 0; i < 4; i++)
    wait_for_state (task, i, PCALL_CALL_STATE_RUNNING);
  terminate_call (task, 2);
  terminate_call (task, 1);
  terminate_call (task, 1);
  wait_for_state (task, 2, PCALL_CALL_STATE_CANCELLED);
  wait_for_state (task, 1, PCALL_CALL_STATE_CANCELLED);
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, 2);
  finish (task, &gate, terminated);
}

static PcallChild *
find_child (PcallTask *task, guint index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  PcallChild *child = pcall_call_dup_child (call);

  g_assert_cmpint (pcall_child_get_pid (child), ==, pcall_call_get_pid (call));
  return child;
}

static void
test_child (gconstpointer calls_per_child)
{
  Gate gate = { .n = 4 };
  PcallTask *task = start (&gate, 4, 4, GPOINTER_TO_UINT (calls_per_child));
  const int terminated[] = { 1, -1 };
  g_autoptr (PcallChild) child = NULL;

  for (guint i = 0; i < 4; i++)
    wait_for_state (task, i, PCALL_CALL_STATE_RUNNING);
  child = find_child (task, 1);
  pcall_child_terminate (child);
  pcall_child_terminate (child);
  wait_for_state (task, 1, PCALL_CALL_STATE_CANCELLED);
  g_assert_false (pcall_child_get_running (child));
  pcall_child_kill (child);
  finish (task, &gate, terminated);
  pcall_child_kill (child);
}

static GVariant *
persist (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  signal (SIGTERM, SIG_IGN);
  pcall_report_progress (0.5, NULL);
  return pass (args, kwargs, user_data, error);
}

/* One that ignores SIGTERM is killed long before its grace period has passed. */
static void
test_kill (gconstpointer calls_per_child)
{
  Gate gate = { .n = 1 };
  PcallTask *task = pcall_task_new_for_func (persist, &gate, NULL);
  const int terminated[] = { 0, -1 };
  g_autoptr (PcallChild) child = NULL;
  g_autoptr (PcallCall) call = NULL;

  support_pipe_open (&gate.go);
  pcall_task_set_n_calls (task, 1);
  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (calls_per_child));
  pcall_task_set_grace_period (task, 1000 * SUPPORT_LIMIT_S);
  support_start (task);
  call = pcall_task_dup_call (task, 0);
  while (pcall_call_get_progress (call) < 0.5)
    pcall_task_join (task, 0.01, NULL, NULL);

  child = find_child (task, 0);
  pcall_child_terminate (child);
  g_assert_false (pcall_task_join (task, 0.05, NULL, NULL));
  g_assert_true (pcall_child_get_running (child));
  pcall_child_kill (child);
  finish (task, &gate, terminated);
  g_assert_cmpint (pcall_child_get_term_signal (child), ==, SIGKILL);
}

/* The first, the last, and some in between; each has ended when terminate() has returned. */
static void
test_waiting (gconstpointer calls_per_child)
{
  Gate gate = { .n = 1 };
  PcallTask *task = start (&gate, 10, 1, GPOINTER_TO_UINT (calls_per_child));
  const int order[] = { 5, 9, 4, 8, 1, 5 };
  const int terminated[] = { 1, 4, 5, 8, 9, -1 };

  wait_for_state (task, 0, PCALL_CALL_STATE_RUNNING);
  for (guint i = 0; i < G_N_ELEMENTS (order); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, order[i]);

      pcall_call_terminate (call);
      g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_CANCELLED);
      g_assert_cmpint (pcall_call_get_pid (call), ==, 0);
    }
  finish (task, &gate, terminated);
}

/* All that wait, and then the one that runs: nothing is left to do. */
static void
test_all (gconstpointer calls_per_child)
{
  Gate gate = { .n = 1 };
  PcallTask *task = start (&gate, 5, 1, GPOINTER_TO_UINT (calls_per_child));
  const int terminated[] = { 0, 1, 2, 3, 4, -1 };

  wait_for_state (task, 0, PCALL_CALL_STATE_RUNNING);
  for (guint i = 5; i-- > 0;)
    terminate_call (task, i);
  finish (task, &gate, terminated);
}

/* One that takes long is in a child's hands, behind many that take no time. */
static void
test_in_the_middle (gconstpointer calls_per_child)
{
  for (guint i = 0; i < 20; i++)
    {
      Gate gate = { .first = 100, .n = 1 };
      PcallTask *task = start (&gate, 200, 2, GPOINTER_TO_UINT (calls_per_child));
      const int terminated[] = { 100, -1 };

      terminate_call (task, 100);
      wait_for_state (task, 100, PCALL_CALL_STATE_CANCELLED);
      finish (task, &gate, terminated);
    }
}

static void
test_over (void)
{
  Gate gate = { .first = 2, .n = 1 };
  PcallTask *task = start (&gate, 3, 3, 1);
  const int none[] = { -1 };

  wait_for_state (task, 0, PCALL_CALL_STATE_SUCCEEDED);
  terminate_call (task, 0);
  finish (task, &gate, none);
}

static void
test_dropped (void)
{
  Gate gate = { .n = 1 };
  PcallTask *task = start (&gate, 1, 1, 1);
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, 0);

  g_assert_finalize_object (task);
  pcall_call_terminate (call);
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_CANCELLED);
  support_pipe_close (&gate.go);
}

/* To the others it has failed. */
static void
test_policy (void)
{
  Gate gate = { .n = 3 };
  PcallTask *task = pcall_task_new_for_func (pass, &gate, NULL);
  g_autoptr (GError) error = NULL;

  support_pipe_open (&gate.go);
  pcall_task_set_n_calls (task, 3);
  pcall_task_set_max_children (task, 2);
  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  support_start (task);
  terminate_call (task, 2);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 3);
  g_assert_finalize_object (task);
  support_pipe_close (&gate.go);
}

/* Who is told of one ends another, which may have begun or not. */
static GVariant *
stay_if_odd (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () % 2 == 1)
    return support_sleep (args, kwargs, user_data, error);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
terminate_next (PcallTask *task, PcallCall *call, gpointer data)
{
  if (pcall_call_get_index (call) % 2 == 0)
    terminate_call (task, pcall_call_get_index (call) + 1);
}

static void
test_handler (gconstpointer calls_per_child)
{
  PcallTask *task = support_task (stay_if_odd, 8);
  g_autoptr (GError) error = NULL;

  pcall_task_set_max_children (task, 1);
  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (calls_per_child));
  g_signal_connect (task, "call-started", G_CALLBACK (terminate_next), NULL);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  for (guint i = 0; i < 8; i++)
    assert_call (task, i, i % 2 == 1);
  g_assert_finalize_object (task);
}

/* Who is told that a call has begun ends it when its child is in the next one already: the one has
 * its result, and the other goes on. */
typedef struct
{
  SupportPipe go[2], begun;
} Steps;

static GVariant *
go_step_by_step (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Steps *steps = user_data;
  guint index = pcall_get_call_index ();

  if (index == 1)
    support_pipe_put (&steps->begun, 0);
  support_pipe_get (&steps->go[index]);
  return g_variant_new_uint32 (index);
}

static void
terminate_late (PcallTask *task, PcallCall *call, Steps *steps)
{
  if (pcall_call_get_index (call) != 0)
    return;

  support_pipe_put (&steps->go[0], 0);
  support_pipe_get (&steps->begun);
  pcall_call_terminate (call);
  support_pipe_put (&steps->go[1], 0);
}

static void
test_late (gconstpointer calls_per_child)
{
  Steps steps;
  PcallTask *task = pcall_task_new_for_func (go_step_by_step, &steps, NULL);

  support_pipe_open (&steps.go[0]);
  support_pipe_open (&steps.go[1]);
  support_pipe_open (&steps.begun);
  pcall_task_set_n_calls (task, 2);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (calls_per_child));
  g_signal_connect (task, "call-started", G_CALLBACK (terminate_late), &steps);
  support_run (task, "[<uint32 0>, <uint32 1>]");
  g_assert_finalize_object (task);
  support_pipe_close (&steps.go[0]);
  support_pipe_close (&steps.go[1]);
  support_pipe_close (&steps.begun);
}

static gpointer
terminate_in_thread (gpointer call)
{
  pcall_call_terminate (call);
  return NULL;
}

/* This thread waits in join() meanwhile, and is told. */
static void
test_thread (void)
{
  Gate gate = { .n = 1 };
  PcallTask *task = start (&gate, 1, 1, 1);
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, 0);
  GThread *thread = g_thread_new ("terminate", terminate_in_thread, call);
  g_autoptr (GError) error = support_join_failing (task);

  g_thread_join (thread);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_finalize_object (task);
  support_pipe_close (&gate.go);
}

/* A worker that was to run other calls has another in its place. */
static void
test_workers (void)
{
  PcallTask *task = symbol_task ("sleep_if_odd", 5);
  g_autoptr (GError) error = NULL;

  pcall_task_set_max_children (task, 1);
  pcall_task_set_calls_per_child (task, 0);
  support_start (task);
  wait_for_state (task, 1, PCALL_CALL_STATE_RUNNING);
  terminate_call (task, 3);
  terminate_call (task, 1);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2);
  g_assert_finalize_object (task);
}

static void
add (const char *name, void (*test) (gconstpointer calls_per_child))
{
  g_autofree char *alone = g_strdup_printf ("/pcall/terminate/%s/child-per-call", name);
  g_autofree char *few = g_strdup_printf ("/pcall/terminate/%s/two-per-child", name);
  g_autofree char *shared = g_strdup_printf ("/pcall/terminate/%s/reuse", name);

  g_test_add_data_func (alone, GUINT_TO_POINTER (1), test);
  g_test_add_data_func (few, GUINT_TO_POINTER (2), test);
  g_test_add_data_func (shared, GUINT_TO_POINTER (0), test);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add ("running", test_running);
  add ("waiting", test_waiting);
  add ("all", test_all);
  add ("in-the-middle", test_in_the_middle);
  add ("handler", test_handler);
  add ("child", test_child);
  add ("kill", test_kill);
  g_test_add_data_func ("/pcall/terminate/late/two-per-child", GUINT_TO_POINTER (2), test_late);
  g_test_add_data_func ("/pcall/terminate/late/reuse", GUINT_TO_POINTER (0), test_late);
  support_add ("/pcall/terminate/over", test_over);
  support_add ("/pcall/terminate/dropped", test_dropped);
  support_add ("/pcall/terminate/policy", test_policy);
  support_add ("/pcall/terminate/thread", test_thread);
  support_add ("/pcall/terminate/workers", test_workers);

  return g_test_run ();
}
