/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Cancel, exit, timeout and deadline at the same time.
 *
 * All of them are set to happen within the same milliseconds, at random. Whichever comes first:
 * each call ends once, and its error, or its result, belongs to its state. */

#include <unistd.h>

#include "tally.h"
#include "traces.h"

#define N_CALLS 4
#define SPAN_US 3000

/* As long as args[0] says, in microseconds. */
static GVariant *
spin (GVariant *args,
      GVariant *kwargs,
      gpointer  user_data,
      GError  **error)
{
  gint64 begun = g_get_monotonic_time ();
  guint32 length;

  g_variant_get (args, "(u)", &length);
  while (g_get_monotonic_time () < begun + length)
    ;
  if (length % 5 == 0)
    _exit (42);
  return g_variant_new_uint32 (length);
}

static PcallTask *
new_task (void)
{
  PcallTask *task = pcall_task_new_for_func (spin, NULL, NULL);
  GVariantBuilder lengths;

  g_variant_builder_init (&lengths, G_VARIANT_TYPE ("a(u)"));
  for (guint i = 0; i < N_CALLS; i++)
    g_variant_builder_add (&lengths, "(u)", g_test_rand_int_range (0, SPAN_US));
  pcall_task_set_instance_args (task, g_variant_builder_end (&lengths));
  pcall_task_set_timeout (task, g_test_rand_int_range (1, SPAN_US) / 1e6);
  if (g_test_rand_bit ())
    pcall_task_set_deadline (task, g_test_rand_int_range (1, 2 * SPAN_US) / 1e6);
  if (g_test_rand_bit ())
    pcall_task_set_max_children (task, 2);
  if (g_test_rand_bit ())
    pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  pcall_task_set_grace_period (task, g_test_rand_bit () ? 0 : 5);
  return task;
}

static gboolean
has_error (const GError *error,
           gint          code)
{
  return g_error_matches (error, PCALL_ERROR, code);
}

static void
assert_call (PcallCall *call)
{
  g_autoptr (GVariant) args = pcall_call_dup_args (call);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  guint32 length;

  g_variant_get (args, "(u)", &length);
  switch (pcall_call_get_state (call))
    {
    case PCALL_CALL_STATE_SUCCEEDED:
      g_assert_cmpuint (g_variant_get_uint32 (result), ==, length);
      g_assert_cmpuint (length % 5, !=, 0);
      break;
    case PCALL_CALL_STATE_FAILED:
      g_assert_true (has_error (error, PCALL_ERROR_EXITED));
      g_assert_cmpuint (length % 5, ==, 0);
      break;
    case PCALL_CALL_STATE_TIMED_OUT:
      g_assert_true (has_error (error, PCALL_ERROR_TIMED_OUT));
      break;
    case PCALL_CALL_STATE_CANCELLED:
      g_assert_true (has_error (error, PCALL_ERROR_CANCELLED));
      break;
    case PCALL_CALL_STATE_PENDING:
    case PCALL_CALL_STATE_RUNNING:
    case PCALL_CALL_STATE_CRASHED:
    default:
      g_error ("call ended in state %d: %s", pcall_call_get_state (call),
               error != NULL ? error->message : "no error");
    }
}

static guint n_ends[PCALL_CALL_STATE_CANCELLED + 1];

static void
assert_ended (PcallTask *task,
              Tally     *tally)
{
  tally_assert_complete (tally);
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);

      assert_call (call);
      n_ends[pcall_call_get_state (call)]++;
    }
}

/* Ways to cancel */

static gboolean
cancel_on_loop (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

static gboolean
terminate_on_loop (gpointer data)
{
  pcall_task_terminate (data);
  return G_SOURCE_REMOVE;
}

static void
note_end (GObject      *task,
          GAsyncResult *result,
          gpointer      data)
{
  g_autoptr (GError) error = NULL;

  pcall_task_join_finish (PCALL_TASK (task), result, &error);
  g_main_loop_quit (data);
}

static void
race_on_loop (PcallTask *task)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  gboolean terminates = g_test_rand_bit ();
  g_autoptr (GSource) source = g_timeout_source_new (g_test_rand_int_range (0, SPAN_US / 1000 + 1));

  g_source_set_callback (source, terminates ? terminate_on_loop : cancel_on_loop,
                         terminates ? (gpointer) task : (gpointer) cancellable, NULL);
  g_source_attach (source, NULL);
  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join_async (task, cancellable, note_end, loop);
  g_main_loop_run (loop);
  g_source_destroy (source);
}

typedef struct
{
  PcallTask    *task;
  GCancellable *cancellable;
  gint64        at;
} Canceller;

static gpointer
cancel_in_thread (gpointer data)
{
  Canceller *self = data;

  while (g_get_monotonic_time () < self->at)
    g_thread_yield ();
  if (self->at % 2 == 0)
    g_cancellable_cancel (self->cancellable);
  else
    pcall_task_terminate (self->task);
  return NULL;
}

static void
race_with_thread (PcallTask *task)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Canceller canceller = { task, cancellable, 0 };
  GThread *thread;

  g_assert_true (pcall_task_start (task, NULL));
  canceller.at = g_get_monotonic_time () + g_test_rand_int_range (0, SPAN_US);
  thread = g_thread_new ("canceller", cancel_in_thread, &canceller);
  pcall_task_join (task, TEST_LIMIT, cancellable, NULL);
  g_thread_join (thread);
}

static void
race (void (*run) (PcallTask *task),
      guint n_rounds)
{
  g_autofree char *before = traces_take ();

  for (guint i = 0; i < n_rounds; i++)
    {
      PcallTask *task = new_task ();
      Tally *tally = tally_new (task);

      run (task);
      assert_ended (task, tally);
      tally_free (tally);
      g_assert_finalize_object (task);
    }
  g_test_message ("%u succeeded, %u failed, %u timed out, %u cancelled",
                  n_ends[PCALL_CALL_STATE_SUCCEEDED], n_ends[PCALL_CALL_STATE_FAILED],
                  n_ends[PCALL_CALL_STATE_TIMED_OUT], n_ends[PCALL_CALL_STATE_CANCELLED]);
  traces_assert_back (before);
}

static void
test_on_loop (void)
{
  race (race_on_loop, traces_rounds (200, 70000));
}

static void
test_with_thread (void)
{
  race (race_with_thread, traces_rounds (100, 30000));
}

/* The last reference goes at any moment; what is looked at by then ends as cancelled. */
static void
test_dropped (void)
{
  g_autofree char *before = traces_take ();
  guint n_rounds = traces_rounds (100, 10000);

  for (guint i = 0; i < n_rounds; i++)
    {
      PcallTask *task = new_task ();
      g_autoptr (PcallCall) call = NULL;
      gint64 until = g_get_monotonic_time () + g_test_rand_int_range (0, 2 * SPAN_US);

      g_assert_true (pcall_task_start (task, NULL));
      call = pcall_task_dup_call (task, 0);
      while (g_get_monotonic_time () < until)
        pcall_task_dispatch (task);
      g_assert_finalize_object (task);
      g_assert_cmpint (pcall_call_get_state (call), >, PCALL_CALL_STATE_RUNNING);
    }
  traces_assert_back (before);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();
  g_type_class_unref (g_type_class_ref (G_TYPE_TASK)); /* GLib makes two threads for it, once */

  g_test_add_func ("/races/on-loop", test_on_loop);
  g_test_add_func ("/races/with-thread", test_with_thread);
  g_test_add_func ("/races/dropped", test_dropped);

  return g_test_run ();
}
