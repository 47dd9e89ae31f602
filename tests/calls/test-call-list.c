/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The records of calls: what was heard and what shows, the one step into a terminal state, sums,
 * results as values and in bulk, and the objects that show a record. */

#include <stdint.h>
#include <string.h>

#include <pcall-glib/calls/pcall-call-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/pcall-target.h>

#include "task-support.h"

#define N_CALLS 6

typedef struct
{
  PcallMonitor *monitor;
  PcallCallList *calls;
} Fixture;

static GVariant *
never_called (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_assert_not_reached ();
}

static PcallCallList *
make_list (PcallMonitor *monitor, guint n_targets, guint n_calls)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_object_unref);

  for (guint i = 0; i < n_targets; i++)
    {
      g_autofree char *name = n_targets > 1 ? g_strdup_printf ("target-%u", i) : NULL;

      g_ptr_array_add (targets, pcall_target_new (name, never_called, NULL, NULL));
    }
  g_assert_true (
      pcall_arguments_set_common_args (arguments, g_variant_new_parsed ("(7, 'a')"), NULL));
  g_assert_true (
      pcall_arguments_set_common_kwargs (arguments, g_variant_new_parsed ("{'k': <1>}"), NULL));
  return pcall_call_list_new (monitor, arguments, targets, n_calls, &pcall_call_view);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->monitor = pcall_monitor_new ();
  self->calls = make_list (self->monitor, 1, N_CALLS);
  pcall_monitor_enter (self->monitor);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pcall_monitor_leave (self->monitor);
  pcall_call_list_unref (self->calls);
  pcall_monitor_unref (self->monitor);
}

/* A result, as it is in a v. */
static PcallPayload *
make_payload (const char *text)
{
  g_autoptr (GVariant) boxed
      = g_variant_ref_sink (g_variant_new_variant (g_variant_new_parsed (text)));
  PcallPayload *payload = pcall_payload_new (g_variant_get_size (boxed));

  g_variant_store (boxed, pcall_payload_get_data (payload));
  return payload;
}

/* As it is done for calls: heard first, and then shown. */
static void
finish (PcallCallList *calls, guint index, PcallCallState state, const char *result)
{
  const PcallCallEnd end = { state, 100 + (pid_t) index, 250000, FALSE };
  g_auto (PcallOutcome) outcome = { 0 };

  if (result != NULL)
    outcome.result = make_payload (result);
  else
    pcall_outcome_set_error (&outcome, g_error_new (PCALL_ERROR, PCALL_ERROR_FAILED, "%u", index));
  g_assert_true (pcall_call_list_expect_end (calls, index));
  pcall_call_list_finish (calls, index, &end, &outcome);
}

static void
succeed (PcallCallList *calls, guint index, const char *result)
{
  finish (calls, index, PCALL_CALL_STATE_SUCCEEDED, result);
}

static void
fail (PcallCallList *calls, guint index, PcallCallState state)
{
  finish (calls, index, state, NULL);
}

static void
test_new (Fixture *self, gconstpointer data)
{
  g_autoptr (GVariant) args = pcall_call_list_get_args (self->calls, 1);
  g_autoptr (GVariant) kwargs = pcall_call_list_get_kwargs (self->calls, 1);
  guint first;

  g_assert_true (pcall_call_list_get_monitor (self->calls) == self->monitor);
  g_assert_cmpuint (pcall_call_list_get_n_calls (self->calls), ==, N_CALLS);
  g_assert_cmpuint (pcall_call_list_get_n_finished (self->calls), ==, 0);
  g_assert_cmpuint (pcall_call_list_get_n_failed (self->calls), ==, 0);
  g_assert_cmpfloat (pcall_call_list_get_done (self->calls), ==, 0.0);
  g_assert_false (pcall_call_list_find_first_failed (self->calls, &first));
  g_assert_false (pcall_call_list_has_objects (self->calls));
  support_assert_variant (args, "(7, 'a')");
  support_assert_variant (kwargs, "{'k': <1>}");
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_assert_cmpint (pcall_call_list_get_state (self->calls, i), ==, PCALL_CALL_STATE_PENDING);
      g_assert_true (pcall_call_list_is_untouched (self->calls, i));
      g_assert_false (pcall_call_list_has_ended (self->calls, i));
      g_assert_null (pcall_call_list_get_result (self->calls, i));
      g_assert_null (pcall_call_list_get_error (self->calls, i));
      g_assert_null (pcall_call_list_get_error_details (self->calls, i));
      g_assert_null (pcall_call_list_get_handles (self->calls, i));
      g_assert_null (pcall_call_list_get_progress_text (self->calls, i));
      g_assert_null (pcall_call_list_get_log_file (self->calls, i));
      g_assert_null (pcall_call_list_get_log_note (self->calls, i));
      g_assert_false (pcall_call_list_has_log (self->calls, i));
      g_assert_cmpint (pcall_call_list_get_pid (self->calls, i), ==, 0);
      g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, i), ==, 0.0);
      g_assert_cmpfloat (pcall_call_list_get_progress (self->calls, i), ==, 0.0);
    }
}

/* There is no memory for so many: an answer, and no abort. */
static void
test_too_many (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  g_autoptr (PcallCallList) none = make_list (monitor, 1, 0);

  g_assert_nonnull (none);
  if (sizeof (gpointer) == 4)
    g_assert_null (make_list (monitor, 1, G_MAXUINT));
}

static void
test_names (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  g_autoptr (PcallCallList) one = make_list (monitor, 1, 3);
  g_autoptr (PcallCallList) many = make_list (monitor, 3, 3);
  g_autofree char *nameless = pcall_call_list_describe (one, 2);
  g_autofree char *named = pcall_call_list_describe (many, 2);

  g_assert_cmpstr (nameless, ==, "call 2");
  g_assert_cmpstr (named, ==, "call 2 (target-2)");
  g_assert_null (pcall_call_list_get_target_name (one, 2));
  g_assert_cmpstr (pcall_call_list_get_target_name (many, 0), ==, "target-0");
}

/* What was heard is heard once, and does not show. */
static void
test_heard (Fixture *self, gconstpointer data)
{
  g_assert_true (pcall_call_list_expect_begin (self->calls, 1));
  g_assert_false (pcall_call_list_expect_begin (self->calls, 1));
  g_assert_false (pcall_call_list_is_untouched (self->calls, 1));
  g_assert_false (pcall_call_list_has_ended (self->calls, 1));
  g_assert_true (pcall_call_list_expect_end (self->calls, 1));
  g_assert_false (pcall_call_list_expect_end (self->calls, 1));
  g_assert_false (pcall_call_list_expect_begin (self->calls, 1));
  g_assert_true (pcall_call_list_has_ended (self->calls, 1));
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 1), ==, PCALL_CALL_STATE_PENDING);

  /* It ends without having begun. */
  g_assert_true (pcall_call_list_expect_end (self->calls, 3));
  g_assert_false (pcall_call_list_is_untouched (self->calls, 3));

  g_assert_cmpuint (pcall_call_list_count_pending (self->calls, 0, N_CALLS), ==, 1);
  g_assert_cmpuint (pcall_call_list_count_pending (self->calls, 1, N_CALLS), ==, 0);
  g_assert_cmpuint (pcall_call_list_count_pending (self->calls, 2, N_CALLS), ==, 1);
  g_assert_cmpuint (pcall_call_list_count_pending (self->calls, 4, 1), ==, 1);
  g_assert_cmpuint (pcall_call_list_count_pending (self->calls, 4, G_MAXUINT), ==, 2);
  /* What has more to it than a number is not booked together with others. */
  pcall_call_list_set_log_note (self->calls, 5, "a note");
  g_assert_cmpuint (pcall_call_list_count_pending (self->calls, 4, 2), ==, 1);
}

static void
test_begin (Fixture *self, gconstpointer data)
{
  gint64 now = g_get_monotonic_time ();

  pcall_call_list_begin (self->calls, 0, 7, now - 2 * G_USEC_PER_SEC);
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 0), ==, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpint (pcall_call_list_get_pid (self->calls, 0), ==, 7);
  g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, 0), >=, 2.0);

  /* Again, in another child */
  pcall_call_list_begin (self->calls, 0, 8, now);
  g_assert_cmpint (pcall_call_list_get_pid (self->calls, 0), ==, 8);
  g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, 0), <, SUPPORT_LIMIT_S);

  /* But not when it has ended */
  succeed (self->calls, 0, "1");
  pcall_call_list_begin (self->calls, 0, 9, now);
  pcall_call_list_set_progress (self->calls, 0, 0.5, "late");
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 0), ==, PCALL_CALL_STATE_SUCCEEDED);
  g_assert_cmpint (pcall_call_list_get_pid (self->calls, 0), ==, 100);
  g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, 0), ==, 0.25);
  g_assert_cmpfloat (pcall_call_list_get_progress (self->calls, 0), ==, 1.0);
  g_assert_null (pcall_call_list_get_progress_text (self->calls, 0));
}

/* How long it took where nobody measured: since it began, or no time. */
static void
test_elapsed (Fixture *self, gconstpointer data)
{
  const PcallCallEnd end = { PCALL_CALL_STATE_CANCELLED, 0, -1, FALSE };
  gint64 began = g_get_monotonic_time () - 3 * G_USEC_PER_SEC;
  gdouble elapsed;

  for (guint i = 0; i < 2; i++)
    {
      g_auto (PcallOutcome) outcome = { 0 };

      pcall_outcome_set_error (&outcome, g_error_new (PCALL_ERROR, PCALL_ERROR_CANCELLED, "c"));
      if (i == 0)
        pcall_call_list_begin (self->calls, i, 7, began);
      pcall_call_list_finish (self->calls, i, &end, &outcome);
      g_assert_null (outcome.error);
    }
  elapsed = pcall_call_list_get_elapsed (self->calls, 0);
  g_assert_cmpfloat (elapsed, >=, 3.0);
  g_assert_cmpfloat (elapsed, <, 3.0 + SUPPORT_LIMIT_S);
  g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, 0), ==, elapsed);
  g_assert_cmpint (pcall_call_list_get_pid (self->calls, 0), ==, 7);
  g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, 1), ==, 0.0);
}

/* The sum of what is done follows each step. */
static void
test_progress (Fixture *self, gconstpointer data)
{
  pcall_call_list_set_progress (self->calls, 0, 0.5, "half");
  pcall_call_list_set_progress (self->calls, 1, 0.25, "");
  g_assert_cmpfloat (pcall_call_list_get_done (self->calls), ==, 0.75);
  g_assert_cmpstr (pcall_call_list_get_progress_text (self->calls, 0), ==, "half");
  g_assert_cmpstr (pcall_call_list_get_progress_text (self->calls, 1), ==, "");

  pcall_call_list_set_progress (self->calls, 0, 0.25, "back");
  g_assert_cmpfloat (pcall_call_list_get_progress (self->calls, 0), ==, 0.25);
  g_assert_cmpfloat (pcall_call_list_get_done (self->calls), ==, 0.5);
  g_assert_cmpstr (pcall_call_list_get_progress_text (self->calls, 0), ==, "back");

  succeed (self->calls, 0, "1");
  fail (self->calls, 2, PCALL_CALL_STATE_CRASHED);
  g_assert_cmpfloat (pcall_call_list_get_done (self->calls), ==, 2.25);
  g_assert_cmpfloat (pcall_call_list_get_progress (self->calls, 0), ==, 1.0);
  g_assert_cmpfloat (pcall_call_list_get_progress (self->calls, 2), ==, 1.0);
}

typedef struct
{
  const char *path;
  const char *states; /* of calls: . pending, s succeeded, f failed, x crashed, t timed out,
                         c cancelled */
  int first_failed;
  guint n_finished;
  guint n_failed;
} Row;

static const Row rows[] = {
  { "/call-list/first-failed/none", "s.ss", -1, 3, 0 },
  { "/call-list/first-failed/one", "s.f.", 2, 2, 1 },
  { "/call-list/first-failed/lowest", "sxft", 1, 4, 3 },
  { "/call-list/first-failed/cancelled-last", "ccxc", 2, 4, 4 },
  { "/call-list/first-failed/timed-out-after-cancelled", "c.st", 3, 3, 2 },
  { "/call-list/first-failed/only-cancelled", ".scc", 2, 3, 2 },
};

static void
test_first_failed (gconstpointer data)
{
  const Row *row = data;
  Fixture fixture;
  guint first = 77;

  set_up (&fixture, NULL);
  for (guint i = 0; row->states[i] != '\0'; i++)
    {
      static const char letters[] = "..sfxtc";
      PcallCallState state = (PcallCallState) (strchr (letters + 1, row->states[i]) - letters);

      if (row->states[i] == 's')
        succeed (fixture.calls, i, "1");
      else if (row->states[i] != '.')
        fail (fixture.calls, i, state);
    }
  g_assert_cmpint (pcall_call_list_find_first_failed (fixture.calls, &first), ==,
                   row->first_failed >= 0);
  g_assert_cmpuint (first, ==, row->first_failed >= 0 ? (guint) row->first_failed : 77);
  g_assert_cmpuint (pcall_call_list_get_n_finished (fixture.calls), ==, row->n_finished);
  g_assert_cmpuint (pcall_call_list_get_n_failed (fixture.calls), ==, row->n_failed);
  g_assert_null (pcall_call_list_get_results (fixture.calls));
  tear_down (&fixture, NULL);
}

static void
test_error (Fixture *self, gconstpointer data)
{
  const PcallCallEnd end = { PCALL_CALL_STATE_FAILED, 5, 1, FALSE };
  g_auto (PcallOutcome) outcome = { 0 };

  pcall_outcome_set_error (&outcome, g_error_new (G_IO_ERROR, G_IO_ERROR_BUSY, "busy"));
  outcome.details = g_variant_ref_sink (g_variant_new_parsed ("{'type': <'E'>}"));
  pcall_call_list_finish (self->calls, 0, &end, &outcome);
  g_assert_false (pcall_outcome_is_set (&outcome));
  g_assert_null (outcome.details);
  g_assert_error (pcall_call_list_get_error (self->calls, 0), G_IO_ERROR, G_IO_ERROR_BUSY);
  support_assert_variant (pcall_call_list_get_error_details (self->calls, 0), "{'type': <'E'>}");
  g_assert_null (pcall_call_list_get_result (self->calls, 0));
}

static void
assert_result (PcallCallList *calls, guint index, const char *expected)
{
  g_autoptr (GVariant) result = pcall_call_list_get_result (calls, index);

  support_assert_variant (result, expected);
}

/* Numbers that come in bulk, a payload, and one call after the other: it is the same list. */
static void
test_results (Fixture *self, gconstpointer data)
{
  static const guint64 numbers[] = { 11, 12 };
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();
  g_autoptr (GBytes) pieces = NULL;
  g_autoptr (GBytes) copy = NULL;
  const guint64 *head;
  const guint8 *bytes;
  guint64 found[N_CALLS] = { 0 };
  gsize length;
  char type;

  pcall_call_list_book (self->calls, 1, 2, 9, 500000, 'u', numbers);
  pcall_call_list_book_payload (self->calls, 3, 9, 500000, make_payload ("b'xyz'"));
  pcall_call_list_book_payload (self->calls, 4, 9, 500000, make_payload ("b'q'"));
  succeed (self->calls, 0, "'text'");
  g_assert_cmpuint (pcall_call_list_get_n_finished (self->calls), ==, 5);
  g_assert_null (pcall_call_list_get_results (self->calls));
  succeed (self->calls, 5, "int32 -3");
  pcall_call_list_set_handles (self->calls, 5, handles);

  results = pcall_call_list_get_results (self->calls);
  support_assert_variant (results, "[<'text'>, <uint32 11>, <uint32 12>, <b'xyz'>, <b'q'>, <-3>]");
  g_assert_true (g_variant_is_normal_form (results));
  g_assert_false (g_variant_is_floating (results));
  assert_result (self->calls, 0, "'text'");
  assert_result (self->calls, 2, "uint32 12");
  assert_result (self->calls, 4, "b'q'");
  assert_result (self->calls, 5, "-3");
  g_assert_true (pcall_call_list_has_ended (self->calls, 2));
  g_assert_cmpint (pcall_call_list_get_pid (self->calls, 2), ==, 9);
  g_assert_cmpfloat (pcall_call_list_get_elapsed (self->calls, 3), ==, 0.5);
  g_assert_true (pcall_call_list_get_handles (self->calls, 5) == handles);
  g_assert_null (pcall_call_list_get_handles (self->calls, 4));

  g_assert_cmpuint (pcall_call_list_get_numbers (self->calls, 0, &type, NULL), ==, 0);
  g_assert_cmpuint (pcall_call_list_get_numbers (self->calls, 1, &type, found), ==, 2);
  g_assert_cmpint (type, ==, 'u');
  g_assert_cmpuint (found[1], ==, 12);
  g_assert_cmpuint (pcall_call_list_get_numbers (self->calls, 2, &type, NULL), ==, 1);
  g_assert_cmpuint (pcall_call_list_get_numbers (self->calls, 5, &type, NULL), ==, 1);
  g_assert_cmpint (type, ==, 'i');

  g_assert_null (pcall_call_list_join_results (self->calls, 1));
  pieces = pcall_call_list_join_results (self->calls, 3);
  head = g_bytes_get_data (pieces, &length);
  g_assert_cmpuint (head[0], ==, 2);
  g_assert_cmpuint (head[2] + 3 * sizeof (guint64), ==, length);
  bytes = pcall_call_list_peek_result_data (self->calls, 3, &length);
  g_assert_cmpmem (bytes, length, "xyz", 4);
  g_assert_null (pcall_call_list_peek_result_data (self->calls, 1, &length));
  copy = pcall_call_list_dup_result_bytes (self->calls, 4);
  g_assert_cmpuint (g_bytes_get_size (copy), ==, 2);
  g_assert_null (pcall_call_list_dup_result_bytes (self->calls, 5));
}

static void
count_notified (gpointer object, GParamSpec *pspec, guint *n)
{
  ++*n;
}

/* One object for a call, kept until that has ended. */
static void
test_objects (Fixture *self, gconstpointer data)
{
  PcallCall *call = pcall_call_list_get_call (self->calls, 2);
  PcallCall *again = pcall_call_list_get_call (self->calls, 2);
  guint n_started = 0, n_finished = 0;

  g_assert_true (call == again);
  g_assert_true (pcall_call_get_list (call) == self->calls);
  g_assert_cmpuint (pcall_call_get_index (call), ==, 2);
  g_object_unref (again);
  g_signal_connect (call, "notify::pid", G_CALLBACK (count_notified), &n_started);
  g_signal_connect (call, "notify::result", G_CALLBACK (count_notified), &n_finished);
  g_object_unref (call);
  g_assert_true (pcall_call_list_has_objects (self->calls));

  pcall_call_list_begin (self->calls, 2, 7, 1);
  g_assert_cmpuint (n_started, ==, 0);
  pcall_call_list_notify_started (self->calls, 2);
  pcall_call_list_notify_started (self->calls, 3);
  g_assert_cmpuint (n_started, ==, 1);
  succeed (self->calls, 2, "1");
  g_assert_true (pcall_call_list_has_objects (self->calls));
  pcall_call_list_notify_finished (self->calls, 2);
  g_assert_cmpuint (n_finished, ==, 1);
  g_assert_false (pcall_call_list_has_objects (self->calls));

  call = pcall_call_list_get_call (self->calls, 2);
  g_assert_finalize_object (call);
  g_assert_false (pcall_call_list_has_objects (self->calls));
}

/* Only calls that somebody looks at are ended, and those that have are left alone. */
static void
test_abandon (Fixture *self, gconstpointer data)
{
  G_GNUC_UNUSED g_autoptr (PcallCall) pending = pcall_call_list_get_call (self->calls, 0);
  G_GNUC_UNUSED g_autoptr (PcallCall) running = pcall_call_list_get_call (self->calls, 1);
  G_GNUC_UNUSED g_autoptr (PcallCall) ended = pcall_call_list_get_call (self->calls, 2);

  pcall_call_list_begin (self->calls, 1, 7, 1);
  succeed (self->calls, 2, "1");
  pcall_call_list_notify_finished (self->calls, 2);
  pcall_call_list_abandon (self->calls, "dropped");
  pcall_call_list_abandon (self->calls, "dropped again");

  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *message = g_strdup_printf ("call %u: dropped", i);

      g_assert_cmpint (pcall_call_list_get_state (self->calls, i), ==, PCALL_CALL_STATE_CANCELLED);
      g_assert_error (pcall_call_list_get_error (self->calls, i), PCALL_ERROR,
                      PCALL_ERROR_CANCELLED);
      g_assert_cmpstr (pcall_call_list_get_error (self->calls, i)->message, ==, message);
    }
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 2), ==, PCALL_CALL_STATE_SUCCEEDED);
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 3), ==, PCALL_CALL_STATE_PENDING);
  g_assert_cmpuint (pcall_call_list_get_n_finished (self->calls), ==, 3);
}

/* Its file is named after call and process, and is the call's until it is dropped. */
static void
test_log (Fixture *self, gconstpointer data)
{
  const PcallCallEnd end = { PCALL_CALL_STATE_SUCCEEDED, 8, 1, TRUE };
  g_autofree char *place = g_dir_make_tmp ("pcall-list-XXXXXX", NULL);
  g_autoptr (PcallLogFiles) files = pcall_log_files_new (place, FALSE, 1, 7, NULL);
  g_autofree char *first = pcall_log_files_get_path (files, 0, 7);
  g_autofree char *second = pcall_log_files_get_path (files, 0, 8);
  g_auto (PcallOutcome) outcome = { .result = make_payload ("1") };
  g_autoptr (PcallCall) call = pcall_call_list_get_call (self->calls, 0);
  guint n = 0;

  pcall_call_list_set_log (self->calls, files);
  g_assert_null (pcall_call_list_get_log_file (self->calls, 0));
  pcall_call_list_begin (self->calls, 0, 7, 1);
  g_assert_cmpstr (pcall_call_list_get_log_file (self->calls, 0), ==, first);
  pcall_call_list_finish (self->calls, 0, &end, &outcome);
  g_assert_cmpstr (pcall_call_list_get_log_file (self->calls, 0), ==, second);
  g_assert_true (pcall_call_list_has_log (self->calls, 0));

  g_signal_connect (call, "notify::log-file", G_CALLBACK (count_notified), &n);
  pcall_call_list_drop_log (self->calls, 0);
  pcall_call_list_drop_log (self->calls, 0);
  g_assert_cmpuint (n, ==, 1);
  g_assert_null (pcall_call_list_get_log_file (self->calls, 0));
  pcall_call_list_notify_finished (self->calls, 0);
  pcall_call_list_set_log_note (self->calls, 0, "first");
  pcall_call_list_set_log_note (self->calls, 0, "second");
  g_assert_cmpstr (pcall_call_list_get_log_note (self->calls, 0), ==, "second");
  rmdir (place);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *path;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "/call-list/new", test_new },           { "/call-list/heard", test_heard },
    { "/call-list/begin", test_begin },       { "/call-list/elapsed", test_elapsed },
    { "/call-list/progress", test_progress }, { "/call-list/error", test_error },
    { "/call-list/results", test_results },   { "/call-list/objects", test_objects },
    { "/call-list/abandon", test_abandon },   { "/call-list/log", test_log },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].test, tear_down);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_first_failed);
  g_test_add_func ("/call-list/too-many", test_too_many);
  g_test_add_func ("/call-list/names", test_names);

  return g_test_run ();
}
