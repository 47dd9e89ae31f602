/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* No trace: after a task, however it ended, this process has the same descriptors, children,
 * threads and files as before. */

#include <signal.h>
#include <unistd.h>

#include "tally.h"
#include "traces.h"

static GVariant *
succeed (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static GVariant *
sleep_long (GVariant *args,
            GVariant *kwargs,
            gpointer  user_data,
            GError  **error)
{
  sleep (300);
  return NULL;
}

static GVariant *
ignore_sigterm (GVariant *args,
                GVariant *kwargs,
                gpointer  user_data,
                GError  **error)
{
  signal (SIGTERM, SIG_IGN);
  pcall_send_message (g_variant_new_boolean (TRUE));
  return sleep_long (args, kwargs, user_data, error);
}

static GVariant *
write_and_succeed (GVariant *args,
                   GVariant *kwargs,
                   gpointer  user_data,
                   GError  **error)
{
  g_print ("call %u\n", pcall_get_call_index ());
  return NULL;
}

static GVariant *
fail_by_turns (GVariant *args,
               GVariant *kwargs,
               gpointer  user_data,
               GError  **error)
{
  switch (pcall_get_call_index () % 4)
    {
    case 0:
      _exit (42);
    case 1:
      kill (getpid (), SIGKILL);
      return NULL;
    case 2:
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "no");
      return NULL;
    default:
      return succeed (args, kwargs, user_data, error);
    }
}

static PcallTask *
new_task (PcallFunc func,
          guint     n_calls)
{
  PcallTask *task = (pcall_task_new_for_func) (func, NULL, NULL);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_grace_period (task, 0.1);
  return task;
}

static void
join (PcallTask    *task,
      GCancellable *cancellable)
{
  g_autoptr (GError) error = NULL;

  if (!pcall_task_join (task, TEST_LIMIT, cancellable, &error))
    g_assert_false (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT));
}

/* Each of these leaves nothing. */

static void
run_to_the_end (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 20);

  g_assert_true (pcall_task_start (task, NULL));
  join (task, NULL);
}

static void
run_out_of_time (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);

  pcall_task_set_timeout (task, 0.05);
  g_assert_true (pcall_task_start (task, NULL));
  join (task, NULL);
}

static void
pass_deadline (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 20);

  pcall_task_set_max_children (task, 4);
  pcall_task_set_deadline (task, 0.05);
  g_assert_true (pcall_task_start (task, NULL));
  join (task, NULL);
}

static void
terminate (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);

  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_terminate (task);
  join (task, NULL);
}

static void
cancel (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  g_assert_true (pcall_task_start (task, NULL));
  g_cancellable_cancel (cancellable);
  join (task, cancellable);
}

static void
drop (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);

  g_assert_true (pcall_task_start (task, NULL));
}

/* Where children take their time to die, a thread sees to them. */
static void
count_message (PcallTask *task,
               PcallCall *call,
               GVariant  *message,
               guint     *n)
{
  ++*n;
}

static void
drop_when_all_run (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);
  guint n = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (count_message), &n);
  g_assert_true (pcall_task_start (task, NULL));
  while (n < 5)
    pcall_task_join (task, 0.01, NULL, NULL);
}

static void
stop_at_failure (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 20);

  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  g_assert_true (pcall_task_start (task, NULL));
  join (task, NULL);
}

static void
inherit_output (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);

  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  g_assert_true (pcall_task_start (task, NULL));
  join (task, NULL);
}

static void
take_descriptor (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);

  g_assert_true (pcall_task_start (task, NULL));
  g_assert_cmpint (pcall_task_get_fd (task), >=, 0);
  join (task, NULL);
}

static void
never_start (PcallFunc func)
{
  g_autoptr (PcallTask) task = new_task (func, 5);

  g_assert_false (pcall_task_get_running (task));
}

typedef struct
{
  const char *path;
  void (*run) (PcallFunc func);
  PcallFunc   func;
} Row;

static const Row rows[] = {
  { "/leaks/success", run_to_the_end, succeed },
  { "/leaks/output", run_to_the_end, write_and_succeed },
  { "/leaks/failures", run_to_the_end, fail_by_turns },
  { "/leaks/failure-stops", stop_at_failure, fail_by_turns },
  { "/leaks/inherited-output", inherit_output, succeed },
  { "/leaks/descriptor-given", take_descriptor, succeed },
  { "/leaks/timeout", run_out_of_time, sleep_long },
  { "/leaks/timeout-ignored", run_out_of_time, ignore_sigterm },
  { "/leaks/deadline", pass_deadline, sleep_long },
  { "/leaks/deadline-ignored", pass_deadline, ignore_sigterm },
  { "/leaks/terminated", terminate, sleep_long },
  { "/leaks/termination-ignored", terminate, ignore_sigterm },
  { "/leaks/cancelled", cancel, sleep_long },
  { "/leaks/cancel-ignored", cancel, ignore_sigterm },
  { "/leaks/dropped", drop, sleep_long },
  { "/leaks/dropped-at-end", drop, succeed },
  { "/leaks/dropped-with-output", drop, write_and_succeed },
  { "/leaks/dropped-ignored", drop_when_all_run, ignore_sigterm },
  { "/leaks/never-started", never_start, succeed },
};

/* The first task of a process is no exception, nor is one after it. */
static void
leave_no_trace (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *before = traces_take ();

  for (guint i = 0; i < 3; i++)
    {
      row->run (row->func);
      traces_assert_back (before);
    }
}

static void
test_row (gconstpointer data)
{
  traces_in_subprocess (leave_no_trace, data);
}

/* Many children at once, time and again. */
static void
test_many (void)
{
  guint n_calls = traces_rounds (100, 1000);
  guint n_rounds = traces_rounds (3, 10);
  g_autofree char *before = traces_take ();

  for (guint i = 0; i < n_rounds; i++)
    {
      PcallTask *task = new_task (succeed, n_calls);
      g_autoptr (Tally) tally = tally_new (task);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = pcall_task_run (task, NULL, &error);

      g_assert_no_error (error);
      g_assert_cmpuint (g_variant_n_children (results), ==, n_calls);
      tally_assert_complete (tally);
      g_clear_pointer (&tally, tally_free);
      g_assert_finalize_object (task);
      traces_assert_back (before);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_row);
  g_test_add_func ("/leaks/many", test_many);

  return g_test_run ();
}
