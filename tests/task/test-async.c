/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Waiting without blocking, and ending early: the main contexts of GLib, a loop that is not GLib's,
 * asynchronous pairs, terminate and cancel, from here, from a signal and from another thread. */

#include <gio/gio.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>

#include "task-support.h"

/* What an asynchronous operation gave */

typedef struct
{
  gboolean done;
  gboolean joined;
  GVariant *results;
  GError *error;
  GThread *thread;
} Outcome;

static void
outcome_clear (Outcome *self)
{
  g_clear_pointer (&self->results, g_variant_unref);
  g_clear_error (&self->error);
}

static void
run_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Outcome *self = data;

  self->results = pcall_task_run_finish (PCALL_TASK (source), result, &self->error);
  self->thread = g_thread_self ();
  self->done = TRUE;
}

static void
join_done (GObject *source, GAsyncResult *result, gpointer data)
{
  Outcome *self = data;

  self->joined = pcall_task_join_finish (PCALL_TASK (source), result, &self->error);
  self->thread = g_thread_self ();
  self->done = TRUE;
}

static GVariant *
fail (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  return NULL;
}

static void
test_run_async (void)
{
  PcallTask *task = support_task (support_index, 3);
  Outcome outcome = { 0 };

  pcall_task_run_async (task, NULL, run_done, &outcome);
  support_iterate_until (&outcome.done);
  g_assert_no_error (outcome.error);
  support_assert_variant (outcome.results, "[<uint32 0>, <uint32 1>, <uint32 2>]");

  outcome_clear (&outcome);
  g_assert_finalize_object (task);
}

static void
test_run_async_fails (void)
{
  PcallTask *task = support_task (fail, 2);
  Outcome outcome = { 0 };
  Outcome again = { 0 };

  pcall_task_run_async (task, NULL, run_done, &outcome);
  support_iterate_until (&outcome.done);
  g_assert_null (outcome.results);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_BUSY);

  pcall_task_run_async (task, NULL, run_done, &again);
  g_assert_false (again.done);
  support_iterate_until (&again.done);
  g_assert_error (again.error, PCALL_ERROR, PCALL_ERROR_START);

  outcome_clear (&outcome);
  outcome_clear (&again);
  g_assert_finalize_object (task);
}

/* The caller needs no reference while an operation is pending. */
static void
test_run_async_keeps (void)
{
  PcallTask *task = support_task (support_index, 2);
  Outcome outcome = { 0 };
  gpointer weak = task;

  g_object_add_weak_pointer (G_OBJECT (task), &weak);
  pcall_task_run_async (task, NULL, run_done, &outcome);
  g_object_unref (task);
  support_iterate_until (&outcome.done);
  support_assert_variant (outcome.results, "[<uint32 0>, <uint32 1>]");
  g_assert_null (weak);

  outcome_clear (&outcome);
}

/* Two at once, one of them after the end */
static void
test_join_async_twice (void)
{
  PcallTask *task = support_task (fail, 2);
  Outcome outcomes[3] = { 0 };

  support_start (task);
  pcall_task_join_async (task, NULL, join_done, &outcomes[0]);
  pcall_task_join_async (task, NULL, join_done, &outcomes[1]);
  support_iterate_until (&outcomes[0].done);
  support_iterate_until (&outcomes[1].done);

  pcall_task_join_async (task, NULL, join_done, &outcomes[2]);
  g_assert_false (outcomes[2].done);
  support_iterate_until (&outcomes[2].done);
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    {
      g_assert_false (outcomes[i].joined);
      g_assert_error (outcomes[i].error, G_IO_ERROR, G_IO_ERROR_BUSY);
      outcome_clear (&outcomes[i]);
    }

  g_assert_finalize_object (task);
}

/* join() while an asynchronous one waits: both end. */
static void
test_join_both_ways (void)
{
  PcallTask *task = support_task (support_index, 2);
  Outcome outcome = { 0 };

  support_start (task);
  pcall_task_join_async (task, NULL, join_done, &outcome);
  support_join (task);
  support_iterate_until (&outcome.done);
  g_assert_no_error (outcome.error);
  g_assert_true (outcome.joined);

  g_assert_finalize_object (task);
}

static void
test_join_async_before_start (void)
{
  PcallTask *task = support_task (support_index, 1);
  Outcome outcome = { 0 };

  pcall_task_join_async (task, NULL, join_done, &outcome);
  g_assert_false (outcome.done);
  support_iterate_until (&outcome.done);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);

  outcome_clear (&outcome);
  support_run (task, "[<uint32 0>]");
  g_assert_finalize_object (task);
}

/* Main contexts */

static gboolean
fail_if_called (gpointer data)
{
  g_assert_not_reached ();
  return G_SOURCE_REMOVE;
}

/* The task runs in the thread-default context that it was started in, and in no other. */
static void
test_pushed_context (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  PcallTask *task = support_task (support_index, 3);
  Outcome outcome = { 0 };
  guint id = g_idle_add (fail_if_called, NULL);

  g_main_context_push_thread_default (context);
  pcall_task_run_async (task, NULL, run_done, &outcome);
  support_iterate_until (&outcome.done);
  g_main_context_pop_thread_default (context);
  support_assert_variant (outcome.results, "[<uint32 0>, <uint32 1>, <uint32 2>]");

  g_source_remove (id);
  outcome_clear (&outcome);
  g_assert_finalize_object (task);
}

/* Started in one context and waited for in another: each callback comes where it belongs. */
static void
test_two_contexts (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  PcallTask *task = support_task (support_index, 3);
  Outcome outcome = { 0 };

  g_main_context_push_thread_default (context);
  support_start (task);
  g_main_context_pop_thread_default (context);
  pcall_task_join_async (task, NULL, join_done, &outcome);

  g_main_context_push_thread_default (context);
  support_iterate_to_end (task);
  g_main_context_pop_thread_default (context);
  g_assert_false (outcome.done);
  support_iterate_until (&outcome.done);
  g_assert_true (outcome.joined);

  g_assert_finalize_object (task);
}

/* join() leaves the caller's main context alone. */
static void
test_join_iterates_nothing (void)
{
  PcallTask *task = support_task (support_index, 10);
  guint id = g_idle_add (fail_if_called, NULL);

  support_run (task, NULL);

  g_source_remove (id);
  g_assert_finalize_object (task);
}

static gpointer
run_in_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  PcallTask *task = support_task (support_index, 20);
  Outcome outcome = { 0 };

  g_main_context_push_thread_default (context);
  pcall_task_run_async (task, NULL, run_done, &outcome);
  support_iterate_until (&outcome.done);
  g_main_context_pop_thread_default (context);

  g_assert_no_error (outcome.error);
  g_assert_true (outcome.thread == g_thread_self ());
  support_assert_result (task, 19, "uint32 19");
  outcome_clear (&outcome);
  g_assert_finalize_object (task);
  return NULL;
}

/* Tasks of several threads, each on its own context, at the same time */
static void
test_threads (void)
{
  GThread *threads[4];

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("runner", run_in_thread, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* A task that is dropped while it runs takes its source along. */
static void
test_dropped (void)
{
  PcallTask *task = support_task (support_sleep, 3);
  gint64 begun = g_get_monotonic_time ();

  pcall_task_set_grace_period (task, 0);
  support_start (task);
  g_assert_finalize_object (task);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpint (g_get_monotonic_time () - begun, <, 30 * G_USEC_PER_SEC);
}

/* Another event loop */

static void
test_foreign_loop (void)
{
  PcallTask *task = support_task (support_index, 20);
  g_autoptr (GVariant) results = NULL;
  struct pollfd ready = { .events = POLLIN };
  gboolean goes_on = TRUE;

  g_assert_cmpint (pcall_task_get_fd (task), ==, -1);
  g_assert_false (pcall_task_dispatch (task));
  pcall_task_set_max_children (task, 3);
  support_start (task);
  ready.fd = pcall_task_get_fd (task);
  g_assert_cmpint (ready.fd, >, 2);

  while (goes_on)
    {
      g_assert_cmpint (poll (&ready, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
      goes_on = pcall_task_dispatch (task);
    }

  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpint (pcall_task_get_fd (task), ==, ready.fd);
  g_assert_false (pcall_task_dispatch (task));
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, 20);
  results = pcall_task_dup_results (task);
  g_assert_nonnull (results);

  g_assert_finalize_object (task);
}

/* Timeouts make the descriptor readable too, and so does an empty list. */
static void
test_foreign_loop_timeout (void)
{
  PcallTask *task = support_task (support_sleep, 2);
  PcallTask *empty = support_task (support_sleep, 0);
  struct pollfd ready = { .events = POLLIN };

  pcall_task_set_timeout (task, 0.1);
  support_start (task);
  ready.fd = pcall_task_get_fd (task);
  do
    g_assert_cmpint (poll (&ready, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  while (pcall_task_dispatch (task));
  g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_TIMED_OUT);

  support_start (empty);
  ready.fd = pcall_task_get_fd (empty);
  g_assert_cmpint (poll (&ready, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  g_assert_false (pcall_task_dispatch (empty));

  g_assert_finalize_object (task);
  g_assert_finalize_object (empty);
}

/* A descriptor that was never asked for is gone with the end. */
static void
test_fd_after_end (void)
{
  PcallTask *task = support_task (support_index, 1);

  support_run (task, NULL);
  g_assert_cmpint (pcall_task_get_fd (task), ==, -1);

  g_assert_finalize_object (task);
}

/* Ending early. The calls run for ever: what ends them is what is tested. */

static void
assert_all_cancelled (PcallTask *task, const char *why)
{
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autoptr (GError) error = support_error (task, i);
      g_autofree char *message = g_strdup_printf ("call %u: %s", i, why);

      g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_CANCELLED);
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
      g_assert_cmpstr (error->message, ==, message);
    }
}

static PcallTask *
endless_task (void)
{
  PcallTask *task = support_task (support_sleep, 5);

  pcall_task_set_max_children (task, 3);
  return task;
}

static void
test_terminate (void)
{
  PcallTask *task = endless_task ();
  g_autoptr (GError) error = NULL;

  pcall_task_terminate (task); /* nothing to end yet */
  support_start (task);
  pcall_task_terminate (task);
  pcall_task_terminate (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  assert_all_cancelled (task, "terminated");
  pcall_task_terminate (task);
  g_assert_false (pcall_task_join (task, 0, NULL, NULL));

  g_assert_finalize_object (task);
}

/* On the main loop: a timeout source in place of a user's click */
static gboolean
terminate_it (gpointer data)
{
  pcall_task_terminate (data);
  return G_SOURCE_REMOVE;
}

static void
test_terminate_on_loop (void)
{
  PcallTask *task = endless_task ();

  support_start (task);
  g_timeout_add (1, terminate_it, task);
  support_iterate_to_end (task);
  assert_all_cancelled (task, "terminated");

  g_assert_finalize_object (task);
}

static gboolean
terminate_for_signal (gpointer data)
{
  pcall_task_terminate (data);
  return G_SOURCE_REMOVE;
}

static void
raise_signal (PcallTask *task, PcallCall *call, gpointer data)
{
  if (pcall_call_get_index (call) == 0)
    raise (SIGUSR1);
}

/* From the callback of a Unix signal */
static void
test_terminate_for_signal (void)
{
  PcallTask *task = endless_task ();

  g_unix_signal_add (SIGUSR1, terminate_for_signal, task);
  g_signal_connect (task, "call-started", G_CALLBACK (raise_signal), NULL);
  support_start (task);
  support_iterate_to_end (task);
  assert_all_cancelled (task, "terminated");

  g_assert_finalize_object (task);
}

/* Another thread that acts when the first call has started */

typedef struct
{
  PcallTask *task;
  GCancellable *cancellable;
  SupportPipe started;
  GThread *thread;
} Other;

static gpointer
act_in_thread (gpointer data)
{
  Other *self = data;

  support_pipe_get (&self->started);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  else
    pcall_task_terminate (self->task);
  return NULL;
}

static void
tell_thread (PcallTask *task, PcallCall *call, Other *self)
{
  if (pcall_call_get_index (call) == 0)
    support_pipe_put (&self->started, 0);
}

static void
other_begin (Other *self, PcallTask *task, GCancellable *cancellable)
{
  self->task = task;
  self->cancellable = cancellable;
  support_pipe_open (&self->started);
  g_signal_connect (task, "call-started", G_CALLBACK (tell_thread), self);
  self->thread = g_thread_new ("other", act_in_thread, self);
}

static void
other_end (Other *self)
{
  g_thread_join (self->thread);
  support_pipe_close (&self->started);
}

static void
test_terminate_from_thread (void)
{
  PcallTask *task = endless_task ();
  g_autoptr (GError) error = NULL;
  Other other;

  other_begin (&other, task, NULL);
  support_start (task);
  error = support_join_failing (task);
  other_end (&other);
  assert_all_cancelled (task, "terminated");

  g_assert_finalize_object (task);
}

static void
test_cancel_from_thread (void)
{
  PcallTask *task = endless_task ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Other other;

  other_begin (&other, task, cancellable);
  g_assert_null (pcall_task_run (task, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  other_end (&other);
  assert_all_cancelled (task, "cancelled");

  g_assert_finalize_object (task);
}

static void
test_cancelled_before_start (void)
{
  PcallTask *task = support_task (support_index, 2);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;
  Outcome outcome = { 0 };

  g_cancellable_cancel (cancellable);
  g_assert_null (pcall_task_run (task, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  pcall_task_run_async (task, cancellable, run_done, &outcome);
  support_iterate_until (&outcome.done);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  /* It was not started, so it can be. */
  support_run (task, "[<uint32 0>, <uint32 1>]");
  outcome_clear (&outcome);
  g_assert_finalize_object (task);
}

static void
test_cancelled_before_join (void)
{
  PcallTask *task = endless_task ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  support_start (task);
  g_cancellable_cancel (cancellable);
  g_assert_false (pcall_task_join (task, -1, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  assert_all_cancelled (task, "cancelled");

  g_assert_finalize_object (task);
}

/* What has succeeded before it was cancelled has succeeded. */
static void
test_cancelled_after_end (void)
{
  PcallTask *task = support_task (support_index, 2);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  support_start (task);
  support_join (task);
  g_cancellable_cancel (cancellable);
  g_assert_true (pcall_task_join (task, -1, cancellable, &error));
  g_assert_no_error (error);

  g_assert_finalize_object (task);
}

static gboolean
cancel_it (gpointer data)
{
  g_cancellable_cancel (data);
  return G_SOURCE_REMOVE;
}

/* One of two waiters is cancelled: that ends the task, for both. */
static void
test_cancel_async (void)
{
  PcallTask *task = endless_task ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  Outcome with = { 0 };
  Outcome without = { 0 };

  pcall_task_run_async (task, cancellable, run_done, &with);
  pcall_task_join_async (task, NULL, join_done, &without);
  g_timeout_add (1, cancel_it, cancellable);
  support_iterate_until (&with.done);
  support_iterate_until (&without.done);
  g_assert_error (with.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_error (without.error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  assert_all_cancelled (task, "cancelled");

  outcome_clear (&with);
  outcome_clear (&without);
  g_assert_finalize_object (task);
}

/* Cancelled by a handler of the task itself, and never used again afterwards */
static void
cancel_in_handler (PcallTask *task, PcallCall *call, GCancellable *cancellable)
{
  g_cancellable_cancel (cancellable);
}

static void
test_cancel_in_handler (void)
{
  PcallTask *task = endless_task ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError) error = NULL;

  g_signal_connect (task, "call-started", G_CALLBACK (cancel_in_handler), cancellable);
  g_assert_null (pcall_task_run (task, cancellable, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);

  g_assert_finalize_object (task);
  g_assert_finalize_object (g_steal_pointer (&cancellable));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/async/run", test_run_async);
  support_add ("/pcall/async/run-fails", test_run_async_fails);
  support_add ("/pcall/async/run-keeps", test_run_async_keeps);
  support_add ("/pcall/async/join-twice", test_join_async_twice);
  support_add ("/pcall/async/join-both-ways", test_join_both_ways);
  support_add ("/pcall/async/join-before-start", test_join_async_before_start);
  support_add ("/pcall/async/context/pushed", test_pushed_context);
  support_add ("/pcall/async/context/two", test_two_contexts);
  support_add ("/pcall/async/context/join-iterates-nothing", test_join_iterates_nothing);
  g_test_add_func ("/pcall/async/context/threads", test_threads);
  support_add ("/pcall/async/context/dropped", test_dropped);
  support_add ("/pcall/async/fd/loop", test_foreign_loop);
  support_add ("/pcall/async/fd/timeout", test_foreign_loop_timeout);
  support_add ("/pcall/async/fd/after-end", test_fd_after_end);
  support_add ("/pcall/async/terminate/here", test_terminate);
  support_add ("/pcall/async/terminate/on-loop", test_terminate_on_loop);
  g_test_add_func ("/pcall/async/terminate/from-thread", test_terminate_from_thread);
  g_test_add_func ("/pcall/async/cancel/from-thread", test_cancel_from_thread);
  support_add ("/pcall/async/cancel/before-start", test_cancelled_before_start);
  support_add ("/pcall/async/cancel/before-join", test_cancelled_before_join);
  support_add ("/pcall/async/cancel/after-end", test_cancelled_after_end);
  support_add ("/pcall/async/cancel/async", test_cancel_async);
  support_add ("/pcall/async/cancel/in-handler", test_cancel_in_handler);
  /* GLib's worker thread stays from here on. */
  g_test_add_func ("/pcall/async/terminate/for-signal", test_terminate_for_signal);

  return g_test_run ();
}
