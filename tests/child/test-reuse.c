/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Forked children that run more than one call: each call is what it is in a child of its own. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "tally.h"
#include "task-support.h"

static PcallTask *
new_task (PcallFunc func,
          gpointer  data,
          guint     n_calls,
          guint     calls_per_child)
{
  PcallTask *task = (pcall_task_new_for_func) (func, data, NULL);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_calls_per_child (task, calls_per_child);
  return task;
}

static guint
count_children (PcallTask *task)
{
  g_autoptr (GPtrArray) children = pcall_task_dup_children (task);

  return children->len;
}

static void
assert_index (PcallTask *task,
              guint      index)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);

  g_assert_no_error (error);
  g_assert_cmpuint (g_variant_get_uint32 (result), ==, index);
}

/* Joins a task in which calls may fail. */
static void
run (PcallTask *task,
     Tally     *tally)
{
  support_start (task);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  tally_assert_complete (tally);
}

/* How many */

static void
test_counts (void)
{
  static const struct
  {
    guint n_calls;
    guint calls_per_child;
    guint max_children;
    guint n_children; /* 0: as it comes */
  } rows[] = {
    { 0, 0, 0, 0 },   { 1, 0, 0, 1 },    { 1, 5, 0, 1 },   { 7, 0, 1, 1 },      { 7, 7, 1, 1 },
    { 7, 6, 1, 2 },   { 10, 2, 1, 5 },   { 9, 2, 1, 5 },   { 30, 1, 3, 30 },    { 500, 7, 3, 0 },
    { 20000, 0, 2, 0 }, { 20000, 999, 3, 0 }, { 5, 0, 100, 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PcallTask *task =
          new_task (support_index, NULL, rows[i].n_calls, rows[i].calls_per_child);
      guint n;

      pcall_task_set_max_children (task, rows[i].max_children);
      support_start (task);
      support_join (task);
      for (guint k = 0; k < rows[i].n_calls; k++)
        assert_index (task, k);
      n = count_children (task);
      if (rows[i].n_children > 0)
        g_assert_cmpuint (n, ==, rows[i].n_children);
      if (rows[i].calls_per_child > 0)
        g_assert_cmpuint (n * rows[i].calls_per_child, >=, rows[i].n_calls);
      g_assert_finalize_object (task);
    }
}

/* All children are there at once, and as many as there are processors. */
static GVariant *
tell_pid (GVariant *args,
          GVariant *kwargs,
          gpointer  user_data,
          GError  **error)
{
  g_usleep (1000);
  return g_variant_new_int32 (getpid ());
}

static void
test_pids (void)
{
  PcallTask *task = new_task (tell_pid, NULL, 20 * g_get_num_processors (), 0);

  support_start (task);
  support_join (task);
  g_assert_cmpuint (count_children (task), ==, g_get_num_processors ());
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_assert_cmpint (pcall_call_get_pid (call), ==, g_variant_get_int32 (result));
      g_assert_cmpfloat (pcall_call_get_elapsed (call), >=, 0.001);
      g_assert_cmpfloat (pcall_call_get_elapsed (call), <, SUPPORT_LIMIT_S);
    }
  g_assert_finalize_object (task);
}

/* Arguments, and several targets */

static GVariant *
add (GVariant *args,
     GVariant *kwargs,
     gpointer  user_data,
     GError  **error)
{
  gint32 x, y, z;

  g_variant_get (args, "(ii)", &x, &y);
  g_assert_true (g_variant_lookup (kwargs, "z", "i", &z));
  return g_variant_new_int32 (x + y + z + GPOINTER_TO_INT (user_data));
}

static void
test_arguments (void)
{
  PcallTask *task = new_task (add, NULL, 1, 0);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(1,)"));
  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1,), (2,), (3,), (4,)]"));
  pcall_task_set_argument (task, "z", g_variant_new_parsed ("[100, 200, 300]"));
  support_run (task, "[<102>, <203>, <304>]");
  g_assert_finalize_object (task);
}

static void
test_targets (void)
{
  PcallTask *task = new_task (add, NULL, 1, 0);

  for (int i = 1; i < 4; i++)
    {
      g_autoptr (PcallTarget) target = pcall_target_new (NULL, add, GINT_TO_POINTER (i), NULL);

      pcall_task_add_target (task, target);
    }
  pcall_task_set_max_children (task, 1);
  pcall_task_set_common_args (task, g_variant_new_parsed ("(1, 2)"));
  pcall_task_set_common_kwargs (task, g_variant_new_parsed ("{'z': <10>}"));
  support_run (task, "[<13>, <14>, <15>, <16>]");
  g_assert_cmpuint (count_children (task), ==, 1);
  g_assert_finalize_object (task);
}

/* Results of all sizes: in the ring, more than the ring holds, and beside it. */
static GVariant *
tell_bytes (GVariant *args,
            GVariant *kwargs,
            gpointer  user_data,
            GError  **error)
{
  guint index = pcall_get_call_index ();
  gsize size = index % 10 == 9 ? 300000 : index % 3 == 0 ? 20000 : index % 100;
  guint8 *bytes = g_malloc (size + 1);

  memset (bytes, (int) index, size);
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

static void
test_sizes (void)
{
  PcallTask *task = new_task (tell_bytes, NULL, 500, 0);

  support_start (task);
  support_join (task);
  for (guint i = 0; i < 500; i++)
    {
      gsize size = i % 10 == 9 ? 300000 : i % 3 == 0 ? 20000 : i % 100;
      gsize length;
      const guint8 *bytes = pcall_task_get_result_data (task, i, &length);

      g_assert_cmpuint (length, ==, size);
      for (gsize k = 0; k < length; k++)
        g_assert_cmpuint (bytes[k], ==, (guint8) i);
    }
  g_assert_finalize_object (task);
}

/* A parent that does not look: children wait for room, and go on. */
static void
test_full (void)
{
  PcallTask *task = new_task (tell_bytes, NULL, 1000, 0);

  support_start (task);
  g_usleep (100000);
  support_join (task);
  g_assert_finalize_object (task);
}

/* Failing */

static GVariant *
misbehave (GVariant *args,
           GVariant *kwargs,
           gpointer  user_data,
           GError  **error)
{
  guint index = pcall_get_call_index ();

  switch (index % 7)
    {
    case 1:
      raise (SIGKILL);
      break;
    case 3:
      _exit (42);
    case 4:
      pcall_set_error_details (g_variant_new_parsed ("{'type': <'odd'>, 'n': <%u>}", index));
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy %u", index);
      return NULL;
    case 5:
      exit (0);
    default:
      break;
    }
  return g_variant_new_uint32 (index);
}

static void
assert_failure (PcallTask *task,
                guint      index,
                GQuark     domain,
                int        code,
                const char *words)
{
  g_autoptr (GError) failure = support_error (task, index);

  g_assert_error (failure, domain, code);
  g_assert_nonnull (strstr (failure->message, words));
}

static void
assert_misbehaviour (PcallTask *task,
                     guint      index)
{
  g_autofree char *busy = g_strdup_printf ("busy %u", index);
  g_autofree char *name = g_strdup_printf ("call %u:", index);

  switch (index % 7)
    {
    case 1:
      g_assert_cmpint (support_state (task, index), ==, PCALL_CALL_STATE_CRASHED);
      assert_failure (task, index, PCALL_ERROR, PCALL_ERROR_CRASHED, name);
      break;
    case 3:
      assert_failure (task, index, PCALL_ERROR, PCALL_ERROR_EXITED, "status 42");
      break;
    case 4:
      assert_failure (task, index, G_IO_ERROR, G_IO_ERROR_BUSY, busy);
      break;
    case 5:
      assert_failure (task, index, PCALL_ERROR, PCALL_ERROR_EXITED, "exited with");
      break;
    default:
      assert_index (task, index);
    }
}

static void
test_failures (void)
{
  PcallTask *task = new_task (misbehave, NULL, 100, 0);
  Tally *tally = tally_new (task);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) details = NULL;

  run (task, tally);
  for (guint i = 0; i < 100; i++)
    assert_misbehaviour (task, i);
  call = pcall_task_dup_call (task, 11);
  g_object_get (call, "error-details", &details, NULL);
  support_assert_variant (details, "{'type': <'odd'>, 'n': <uint32 11>}");

  g_clear_object (&call);
  tally_free (tally);
  g_assert_finalize_object (task);
}

static void
test_stop (void)
{
  PcallTask *task = new_task (misbehave, NULL, 100000, 0);
  Tally *tally = tally_new (task);
  g_autoptr (GError) error = NULL;

  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  support_start (task);
  error = support_join_failing (task);
  g_assert_false (g_error_matches (error, PCALL_ERROR, PCALL_ERROR_CANCELLED));
  tally_assert_complete (tally);
  g_assert_cmpint (support_state (task, 99999), ==, PCALL_CALL_STATE_CANCELLED);

  tally_free (tally);
  g_assert_finalize_object (task);
}

/* Time */

static GVariant *
sleep_sometimes (GVariant *args,
                 GVariant *kwargs,
                 gpointer  user_data,
                 GError  **error)
{
  if (pcall_get_call_index () % 10 == 5)
    support_sleep (args, kwargs, user_data, error);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
test_timeout (void)
{
  PcallTask *task = new_task (sleep_sometimes, NULL, 60, 0);
  Tally *tally = tally_new (task);
  gint64 begun = g_get_monotonic_time ();

  pcall_task_set_timeout (task, 0.2);
  run (task, tally);
  for (guint i = 0; i < 60; i++)
    if (i % 10 == 5)
      {
        g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);

        g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_TIMED_OUT);
        g_assert_cmpfloat (pcall_call_get_elapsed (call), >=, 0.2);
      }
    else
      {
        assert_index (task, i);
      }
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 20 * G_USEC_PER_SEC);

  tally_free (tally);
  g_assert_finalize_object (task);
}

/* Many calls, each shorter than the timeout, in a child that lives longer. */
static void
test_timeout_is_of_a_call (void)
{
  PcallTask *task = new_task (tell_pid, NULL, 1600, 0);
  gint64 begun = g_get_monotonic_time ();

  pcall_task_set_timeout (task, 1.5);
  pcall_task_set_max_children (task, 1);
  support_start (task);
  support_join (task);
  g_assert_cmpint (g_get_monotonic_time () - begun, >, 1.5 * G_USEC_PER_SEC);
  g_assert_cmpuint (count_children (task), ==, 1);
  g_assert_finalize_object (task);
}

static void
assert_ended_as (PcallTask      *task,
                 Tally          *tally,
                 PcallCallState  state)
{
  guint n = 0;

  tally_assert_complete (tally);
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    if (support_state (task, i) == state)
      n++;
    else
      assert_index (task, i);
  g_assert_cmpuint (n, >, 0);
}

static void
test_deadline (void)
{
  PcallTask *task = new_task (sleep_sometimes, NULL, 1000, 0);
  Tally *tally = tally_new (task);

  pcall_task_set_deadline (task, 0.2);
  run (task, tally);
  assert_ended_as (task, tally, PCALL_CALL_STATE_TIMED_OUT);
  tally_free (tally);
  g_assert_finalize_object (task);
}

static void
terminate_at_once (PcallTask *task,
                   PcallCall *call)
{
  if (pcall_call_get_index (call) == 50)
    pcall_task_terminate (task);
}

static void
test_terminate (void)
{
  PcallTask *task = new_task (support_index, NULL, 300000, 0);
  Tally *tally = tally_new (task);

  g_signal_connect (task, "call-finished", G_CALLBACK (terminate_at_once), NULL);
  run (task, tally);
  assert_ended_as (task, tally, PCALL_CALL_STATE_CANCELLED);
  tally_free (tally);
  g_assert_finalize_object (task);
}

/* One who is told joins, and one drops what it can. */
static void
join_further_in (PcallTask *task,
                 PcallCall *call,
                 guint     *depth)
{
  if (++*depth < 20)
    pcall_task_join (task, pcall_call_get_index (call) % 2 == 0 ? 0.001 : -1, NULL, NULL);
}

static void
test_join_further_in (void)
{
  PcallTask *task = new_task (misbehave, NULL, 140, 0);
  Tally *tally = tally_new (task);
  guint started = 0, finished = 0;

  g_signal_connect (task, "call-started", G_CALLBACK (join_further_in), &started);
  g_signal_connect (task, "call-finished", G_CALLBACK (join_further_in), &finished);
  run (task, tally);
  tally_free (tally);
  g_assert_finalize_object (task);
}

static void
test_dropped (void)
{
  for (guint i = 0; i < 20; i++)
    {
      PcallTask *task = new_task (i % 2 == 0 ? sleep_sometimes : support_index, NULL, 100000, 0);

      support_start (task);
      pcall_task_join (task, i * 0.001, NULL, NULL);
      g_assert_finalize_object (task);
    }
}

/* While it runs */

typedef struct
{
  PcallTask  *task;
  SupportPipe go;
  guint       n_running;
  guint       n_messages;
} Watched;

static GVariant *
wait_and_tell (GVariant *args,
               GVariant *kwargs,
               gpointer  user_data,
               GError  **error)
{
  Watched *self = user_data;
  guint index = pcall_get_call_index ();

  if (index % 100 != 99)
    return g_variant_new_uint32 (index);

  printf ("output of %u\n", index);
  pcall_report_progress (0.5, "half");
  pcall_send_message (g_variant_new_uint32 (index));
  support_pipe_get (&self->go);
  return g_variant_new_uint32 (index);
}

/* Calls have long been over, or have not begun, when one of them waits: it is seen to run. */
static void
on_message (PcallTask *task,
            PcallCall *call,
            GVariant  *message,
            Watched   *self)
{
  g_autofree char *text = NULL;
  guint index = g_variant_get_uint32 (message);

  g_assert_cmpuint (pcall_call_get_index (call), ==, index);
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpfloat (pcall_call_get_progress (call), ==, 0.5);
  g_assert_cmpstr (pcall_call_get_progress_text (call), ==, "half");
  g_assert_cmpint (pcall_call_get_pid (call), >, 0);
  g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
  self->n_messages++;
  support_pipe_put (&self->go, 'x');
}

static void
test_messages (void)
{
  Watched self = { .n_messages = 0 };
  Tally *tally;

  support_pipe_open (&self.go);
  self.task = new_task (wait_and_tell, &self, 2000, 0);
  tally = tally_new (self.task);
  g_signal_connect (self.task, "call-message", G_CALLBACK (on_message), &self);
  run (self.task, tally);
  for (guint i = 0; i < 2000; i++)
    assert_index (self.task, i);
  g_assert_cmpuint (self.n_messages, ==, 20);
  tally_free (tally);
  g_assert_finalize_object (self.task);
  support_pipe_close (&self.go);
}

static GVariant *
wait_for_go (GVariant *args,
             GVariant *kwargs,
             gpointer  user_data,
             GError  **error)
{
  if (pcall_get_call_index () % 50 == 49)
    support_pipe_get (user_data);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
count_running (PcallCall  *call,
               GParamSpec *pspec,
               Watched    *self)
{
  if (pcall_call_get_state (call) != PCALL_CALL_STATE_RUNNING)
    return;
  self->n_running++;
  support_pipe_put (&self->go, 'x');
}

/* A call that says nothing is seen to run all the same, on the main loop too. */
static void
test_running (void)
{
  Watched self = { .n_running = 0 };

  support_pipe_open (&self.go);
  self.task = new_task (wait_for_go, &self.go, 500, 0);
  support_start (self.task);
  for (guint i = 49; i < 500; i += 50)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (self.task, i);

      g_signal_connect (call, "notify::state", G_CALLBACK (count_running), &self);
    }
  support_iterate_to_end (self.task);
  g_assert_cmpuint (self.n_running, ==, 10);
  for (guint i = 0; i < 500; i++)
    assert_index (self.task, i);
  g_assert_finalize_object (self.task);
  support_pipe_close (&self.go);
}

/* Processes */

static GVariant *
fork_and_return (GVariant *args,
                 GVariant *kwargs,
                 gpointer  user_data,
                 GError  **error)
{
  pid_t pid = fork ();

  if (pid > 0)
    waitpid (pid, NULL, 0);
  return g_variant_new_uint32 (pid > 0 ? pcall_get_call_index () : 12345);
}

/* Both come back from the call, and one of them has nothing to say. */
static void
test_fork_in_call (void)
{
  PcallTask *task = new_task (fork_and_return, NULL, 50, 0);

  support_start (task);
  support_join (task);
  for (guint i = 0; i < 50; i++)
    assert_index (task, i);
  g_assert_finalize_object (task);
}

static GVariant *
run_nested (GVariant *args,
            GVariant *kwargs,
            gpointer  user_data,
            GError  **error)
{
  g_autoptr (PcallTask) task = new_task (support_index, NULL, 100, 0);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, error);

  return results != NULL ? g_variant_new_uint32 (g_variant_n_children (results)) : NULL;
}

static void
test_nested (void)
{
  PcallTask *task = new_task (run_nested, NULL, 6, 0);

  support_run (task, "[<@u 100>, <@u 100>, <@u 100>, <@u 100>, <@u 100>, <@u 100>]");
  g_assert_finalize_object (task);
}

static GVariant *
drop_task (GVariant *args,
           GVariant *kwargs,
           gpointer  user_data,
           GError  **error)
{
  g_clear_object ((PcallTask **) user_data);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

/* A child that drops the task that it is a child of, and goes on. */
static void
test_child_drops_task (void)
{
  PcallTask *task = NULL;
  PcallTask *keep;

  keep = task = new_task (drop_task, &task, 40, 0);
  support_start (task);
  support_join (task);
  for (guint i = 0; i < 40; i++)
    assert_index (keep, i);
  g_assert_finalize_object (keep);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/reuse/counts", test_counts);
  support_add ("/pcall/reuse/pids", test_pids);
  support_add ("/pcall/reuse/arguments", test_arguments);
  support_add ("/pcall/reuse/targets", test_targets);
  support_add ("/pcall/reuse/sizes", test_sizes);
  support_add ("/pcall/reuse/full", test_full);
  support_add ("/pcall/reuse/failures", test_failures);
  support_add ("/pcall/reuse/stop", test_stop);
  support_add ("/pcall/reuse/timeout", test_timeout);
  support_add ("/pcall/reuse/timeout-is-of-a-call", test_timeout_is_of_a_call);
  support_add ("/pcall/reuse/deadline", test_deadline);
  support_add ("/pcall/reuse/terminate", test_terminate);
  support_add ("/pcall/reuse/join-further-in", test_join_further_in);
  support_add ("/pcall/reuse/dropped", test_dropped);
  support_add ("/pcall/reuse/messages", test_messages);
  support_add ("/pcall/reuse/running", test_running);
  support_add ("/pcall/reuse/fork-in-call", test_fork_in_call);
  support_add ("/pcall/reuse/nested", test_nested);
  support_add ("/pcall/reuse/child-drops-task", test_child_drops_task);

  return g_test_run ();
}
