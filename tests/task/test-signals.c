/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a task tells, and in which order: signals, notifications, the list model. */

#include <gio/gio.h>
#include <poll.h>
#include <signal.h>

#include "task-support.h"

/* Everything that a task emits is written down, a letter each, for each call and for the whole. */

#define N_TOLD 4

typedef struct
{
  GString *calls[N_TOLD];
  GString *task;
  GHashTable *pids; /* of children, to the index of the call */
} Record;

static void
note (Record *self, guint index, char letter)
{
  g_string_append_c (self->calls[index], letter);
  g_string_append_c (self->task, letter);
}

static void
note_started (PcallTask *task, PcallCall *call, Record *self)
{
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpint (pcall_call_get_pid (call), >, 0);
  g_hash_table_insert (self->pids, GINT_TO_POINTER (pcall_call_get_pid (call)),
                       GUINT_TO_POINTER (pcall_call_get_index (call)));
  note (self, pcall_call_get_index (call), 's');
}

static void
note_progress (PcallTask *task, PcallCall *call, gdouble fraction, const char *text, Record *self)
{
  g_assert_cmpfloat (fraction, ==, pcall_call_get_progress (call));
  g_assert_cmpstr (text, ==, pcall_call_get_progress_text (call));
  note (self, pcall_call_get_index (call), 'p');
}

static void
note_message (PcallTask *task, PcallCall *call, GVariant *message, Record *self)
{
  support_assert_variant (message, "('a message', 1)");
  g_assert_false (g_variant_is_floating (message));
  note (self, pcall_call_get_index (call), 'm');
}

static void
note_failed (PcallTask *task, PcallCall *call, GError *error, Record *self)
{
  g_autoptr (GError) own = pcall_call_dup_error (call);

  g_assert_cmpstr (error->message, ==, own->message);
  note (self, pcall_call_get_index (call), 'f');
}

static void
note_timed_out (PcallTask *task, PcallCall *call, Record *self)
{
  note (self, pcall_call_get_index (call), 't');
}

static void
note_finished_call (PcallTask *task, PcallCall *call, Record *self)
{
  g_assert_cmpint (pcall_call_get_state (call), >, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpfloat (pcall_call_get_progress (call), ==, 1.0);
  note (self, pcall_call_get_index (call), 'e');
}

static void
note_child (PcallTask *task, PcallChild *child, Record *self)
{
  gpointer index;

  g_assert_false (pcall_child_get_running (child));
  g_assert_true (g_hash_table_lookup_extended (
      self->pids, GINT_TO_POINTER (pcall_child_get_pid (child)), NULL, &index));
  note (self, GPOINTER_TO_UINT (index), 'c');
}

static void
note_finished (PcallTask *task, Record *self)
{
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, N_TOLD);
  g_string_append_c (self->task, 'E');
}

static void
record_init (Record *self, PcallTask *task)
{
  for (guint i = 0; i < N_TOLD; i++)
    self->calls[i] = g_string_new (NULL);
  self->task = g_string_new (NULL);
  self->pids = g_hash_table_new (NULL, NULL);

  g_signal_connect (task, "call-started", G_CALLBACK (note_started), self);
  g_signal_connect (task, "call-progress", G_CALLBACK (note_progress), self);
  g_signal_connect (task, "call-message", G_CALLBACK (note_message), self);
  g_signal_connect (task, "call-failed", G_CALLBACK (note_failed), self);
  g_signal_connect (task, "call-timed-out", G_CALLBACK (note_timed_out), self);
  g_signal_connect (task, "call-finished", G_CALLBACK (note_finished_call), self);
  g_signal_connect (task, "child-exited", G_CALLBACK (note_child), self);
  g_signal_connect (task, "finished", G_CALLBACK (note_finished), self);
}

static void
record_clear (Record *self)
{
  for (guint i = 0; i < N_TOLD; i++)
    g_string_free (self->calls[i], TRUE);
  g_string_free (self->task, TRUE);
  g_hash_table_unref (self->pids);
}

/* Call 0 tells much and succeeds, 1 tells and fails, 2 crashes, 3 never ends. */
static GVariant *
tell (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  if (index == 2)
    raise (SIGKILL);

  pcall_report_progress (0.25, "first");
  pcall_send_message (g_variant_new ("(si)", "a message", 1));
  pcall_report_progress (0.5, "second");
  if (index == 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
  if (index == 3)
    return support_sleep (args, kwargs, user_data, error);
  return index == 1 ? NULL : g_variant_new_int32 (0);
}

static void
stop_after_message (PcallTask *task, PcallCall *call, gdouble fraction, const char *text)
{
  if (pcall_call_get_index (call) == 3 && fraction == 0.5)
    pcall_task_terminate (task);
}

static void
test_order (void)
{
  PcallTask *task = support_task (tell, N_TOLD);
  Record record;

  record_init (&record, task);
  g_signal_connect (task, "call-progress", G_CALLBACK (stop_after_message), NULL);
  pcall_task_set_max_children (task, 1);
  g_assert_null (pcall_task_run (task, NULL, NULL));

  g_assert_cmpstr (record.calls[0]->str, ==, "spmpce");
  g_assert_cmpstr (record.calls[1]->str, ==, "spmpcfe");
  g_assert_cmpstr (record.calls[2]->str, ==, "scfe");
  g_assert_cmpstr (record.calls[3]->str, ==, "spmpce");
  g_assert_cmpstr (record.task->str, ==, "spmpcespmpcfescfespmpceE");
  g_assert_cmpint (support_state (task, 2), ==, PCALL_CALL_STATE_CRASHED);
  g_assert_cmpint (support_state (task, 3), ==, PCALL_CALL_STATE_CANCELLED);

  record_clear (&record);
  g_assert_finalize_object (task);
}

/* On the main loop, and all at once */
static void
test_order_at_once (void)
{
  PcallTask *task = support_task (support_sleep, N_TOLD);
  Record record;

  record_init (&record, task);
  pcall_task_set_timeout (task, 0.1);
  support_start (task);
  support_iterate_to_end (task);

  for (guint i = 0; i < N_TOLD; i++)
    {
      g_assert_cmpstr (record.calls[i]->str, ==, "scte");
      g_assert_cmpint (support_state (task, i), ==, PCALL_CALL_STATE_TIMED_OUT);
    }
  g_assert_cmpint (record.task->str[record.task->len - 1], ==, 'E');

  record_clear (&record);
  g_assert_finalize_object (task);
}

/* Calls that were never begun end all the same, once, and fail nothing. */
static void
test_order_of_unbegun (void)
{
  PcallTask *task = support_task (support_sleep, N_TOLD);
  Record record;

  record_init (&record, task);
  pcall_task_set_max_children (task, 1);
  support_start (task);
  pcall_task_terminate (task);
  g_assert_false (pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL));

  g_assert_cmpint (record.calls[0]->str[record.calls[0]->len - 1], ==, 'e');
  for (guint i = 1; i < N_TOLD; i++)
    g_assert_cmpstr (record.calls[i]->str, ==, "e");
  g_assert_cmpint (record.task->str[record.task->len - 1], ==, 'E');

  record_clear (&record);
  g_assert_finalize_object (task);
}

/* Progress and messages */

typedef struct
{
  GString *text;
  gdouble fraction;
  guint n_notified;
} Progress;

static GVariant *
report (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_report_progress (-1.0, "below");
  pcall_report_progress (0.25, NULL);
  pcall_report_progress (0.5, "not \xff UTF-8");
  pcall_report_progress (2.0, "above");
  pcall_report_progress (0.125, "back");
  return NULL;
}

static void
add_progress (PcallTask *task, PcallCall *call, gdouble fraction, const char *text, Progress *self)
{
  g_string_append_printf (self->text, "%g %s|", fraction, text);
  g_assert_cmpfloat (pcall_task_get_fraction (task), ==, fraction);
}

static void
test_progress (void)
{
  PcallTask *task = support_task (report, 1);
  Progress self = { .text = g_string_new (NULL) };

  g_signal_connect (task, "call-progress", G_CALLBACK (add_progress), &self);
  support_run (task, NULL);
  g_assert_cmpstr (self.text->str, ==,
                   "0 below|0.25 |0.5 not \xef\xbf\xbd UTF-8|1 above|0.125 back|");
  g_assert_cmpfloat (pcall_task_get_fraction (task), ==, 1.0);

  g_string_free (self.text, TRUE);
  g_assert_finalize_object (task);
}

static GVariant *
report_half (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_report_progress (0.5, "half");
  return NULL;
}

static void
check_fraction (PcallTask *task, GParamSpec *pspec, Progress *self)
{
  gdouble fraction = pcall_task_get_fraction (task);

  g_assert_cmpfloat (fraction, >=, self->fraction);
  g_assert_cmpfloat (fraction, <=, 1.0);
  self->fraction = fraction;
  self->n_notified++;
}

/* It never goes back while calls do not: also not when one ends that had told of its progress. */
static void
test_fraction (void)
{
  PcallTask *task = support_task (report_half, 10);
  Progress self = { .fraction = 0.0 };

  g_assert_cmpfloat (pcall_task_get_fraction (task), ==, 0.0);
  g_signal_connect (task, "notify::fraction", G_CALLBACK (check_fraction), &self);
  support_run (task, NULL);
  g_assert_cmpuint (self.n_notified, ==, 20);
  g_assert_cmpfloat (self.fraction, ==, 1.0);

  g_assert_finalize_object (task);
}

#define N_MESSAGES 20000

static GVariant *
send_many (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (guint i = 0; i < N_MESSAGES; i++)
    pcall_send_message (g_variant_new_uint32 (i));
  return g_variant_new_uint32 (N_MESSAGES);
}

static void
check_message (PcallTask *task, PcallCall *call, GVariant *message, guint *n_messages)
{
  g_assert_cmpuint (g_variant_get_uint32 (message), ==, (*n_messages)++);
}

/* More than a socket holds, in order and before the result */
static void
test_many_messages (void)
{
  PcallTask *task = support_task (send_many, 1);
  guint n_messages = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (check_message), &n_messages);
  support_run (task, "[<uint32 20000>]");
  g_assert_cmpuint (n_messages, ==, N_MESSAGES);

  g_assert_finalize_object (task);
}

static GVariant *
send_big (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *bytes = g_malloc0 (10000000);
  g_autoptr (GVariant) owned = NULL;

  owned = g_variant_ref_sink (
      g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, 10000000, 1));
  pcall_send_message (owned);
  pcall_send_message (owned);
  return g_variant_new_uint32 (g_variant_get_size (owned));
}

static void
count_size (PcallTask *task, PcallCall *call, GVariant *message, gsize *size)
{
  *size += g_variant_get_size (message);
}

static void
test_big_messages (void)
{
  PcallTask *task = support_task (send_big, 2);
  gsize size = 0;

  g_signal_connect (task, "call-message", G_CALLBACK (count_size), &size);
  support_run (task, "[<uint32 10000000>, <uint32 10000000>]");
  g_assert_cmpuint (size, ==, 40000000);

  g_assert_finalize_object (task);
}

/* The list model */

typedef struct
{
  guint n_changed, n_started, n_running_told;
} Model;

static void
note_changed (GListModel *model, guint position, guint removed, guint added, Model *self)
{
  g_assert_cmpuint (position, ==, 0);
  g_assert_cmpuint (removed, ==, 0);
  g_assert_cmpuint (added, ==, 3);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 3);
  self->n_changed++;
}

/* A view must have heard of the items before it hears what happens to them. */
static void
note_model_started (PcallTask *task, PcallCall *call, Model *self)
{
  g_assert_cmpuint (self->n_changed, ==, 1);
  self->n_started++;
}

static void
note_running (PcallTask *task, GParamSpec *pspec, Model *self)
{
  g_assert_true (pcall_task_get_running (task) == (self->n_running_told++ == 0));
}

static void
test_model (void)
{
  PcallTask *task = support_task (support_index, 3);
  GListModel *model = G_LIST_MODEL (task);
  Model self = { 0 };

  g_signal_connect (task, "items-changed", G_CALLBACK (note_changed), &self);
  g_signal_connect (task, "call-started", G_CALLBACK (note_model_started), &self);
  g_signal_connect (task, "notify::running", G_CALLBACK (note_running), &self);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 0);
  g_assert_null (g_list_model_get_item (model, 0));
  g_assert_true (g_list_model_get_item_type (model) == PCALL_TYPE_CALL);

  support_run (task, NULL);
  g_assert_cmpuint (self.n_changed, ==, 1);
  g_assert_cmpuint (self.n_started, ==, 3);
  g_assert_cmpuint (self.n_running_told, ==, 2);
  g_assert_cmpuint (g_list_model_get_n_items (model), ==, 3);
  g_assert_null (g_list_model_get_item (model, 3));

  g_assert_finalize_object (task);
}

/* One object for a call as long as it is held, and it outlives the task. */
static void
test_model_identity (void)
{
  PcallTask *task = support_task (support_index, 3);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (PcallCall) item = NULL;
  g_autoptr (PcallCall) other = NULL;
  g_autoptr (GVariant) result = NULL;

  support_start (task);
  call = pcall_task_dup_call (task, 1);
  item = g_list_model_get_item (G_LIST_MODEL (task), 1);
  other = pcall_task_dup_call (task, 2);
  g_assert_true (call == item);
  g_assert_true (call != other);
  support_join (task);
  g_clear_object (&item);
  item = g_list_model_get_item (G_LIST_MODEL (task), 1);
  g_assert_true (call == item);
  g_clear_object (&item);
  g_clear_object (&other);

  g_assert_finalize_object (task);
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_SUCCEEDED);
  result = pcall_call_dup_result (call);
  support_assert_variant (result, "uint32 1");
  g_assert_finalize_object (g_steal_pointer (&call));
}

/* Notifications of a call that is held */

typedef struct
{
  GString *states, *progress, *texts;
} Notified;

static void
note_state (PcallCall *call, GParamSpec *pspec, Notified *self)
{
  g_assert_cmpint (pcall_call_get_pid (call), >, 0);
  g_string_append_printf (self->states, "%d ", pcall_call_get_state (call));
}

static void
note_call_progress (PcallCall *call, GParamSpec *pspec, Notified *self)
{
  g_string_append_printf (self->progress, "%g ", pcall_call_get_progress (call));
}

static void
note_text (PcallCall *call, GParamSpec *pspec, Notified *self)
{
  g_string_append_printf (self->texts, "%s ", pcall_call_get_progress_text (call));
}

static GVariant *
wait_then_report (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  return report_half (args, kwargs, user_data, error);
}

static void
test_call_notifies (void)
{
  SupportPipe go;
  PcallTask *task = pcall_task_new_for_func (wait_then_report, &go, NULL);
  g_autoptr (GString) states = g_string_new (NULL);
  g_autoptr (GString) progress = g_string_new (NULL);
  g_autoptr (GString) texts = g_string_new (NULL);
  Notified notified = { states, progress, texts };
  g_autoptr (PcallCall) call = NULL;

  support_pipe_open (&go);
  pcall_task_set_n_calls (task, 2);
  pcall_task_set_max_children (task, 1);
  support_start (task);
  call = pcall_task_dup_call (task, 1);
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_PENDING);
  g_assert_cmpint (pcall_call_get_pid (call), ==, 0);
  g_assert_cmpfloat (pcall_call_get_elapsed (call), ==, 0.0);
  g_assert_cmpfloat (pcall_call_get_progress (call), ==, 0.0);
  g_assert_null (pcall_call_get_progress_text (call));
  g_signal_connect (call, "notify::state", G_CALLBACK (note_state), &notified);
  g_signal_connect (call, "notify::progress", G_CALLBACK (note_call_progress), &notified);
  g_signal_connect (call, "notify::progress-text", G_CALLBACK (note_text), &notified);

  support_pipe_put (&go, 0);
  support_pipe_put (&go, 0);
  support_join (task);
  g_assert_cmpstr (states->str, ==, "1 2 ");
  g_assert_cmpstr (progress->str, ==, "0.5 1 ");
  g_assert_cmpstr (texts->str, ==, "half ");
  g_assert_cmpfloat (pcall_call_get_elapsed (call), >, 0.0);

  support_pipe_close (&go);
  g_clear_object (&call);
  g_assert_finalize_object (task);
}

/* All properties of a call, by name */
static void
test_call_properties (void)
{
  g_autoptr (PcallTarget) target = pcall_target_new ("half", report_half, NULL, NULL);
  PcallTask *task = pcall_task_new (target);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) args = NULL, kwargs = NULL, result = NULL, details = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *name = NULL, *text = NULL, *log_file = NULL;
  guint index;
  PcallCallState state;
  gint pid;
  gdouble progress, elapsed;

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[('a',), ('b',)]"));
  pcall_task_set_argument (task, "k", g_variant_new_parsed ("[1, 2]"));
  support_run (task, NULL);
  call = pcall_task_dup_call (task, 1);
  g_object_get (call, "index", &index, "target-name", &name, "args", &args, "kwargs", &kwargs,
                "state", &state, "result", &result, "error", &error, "error-details", &details,
                "pid", &pid, "progress", &progress, "progress-text", &text, "elapsed", &elapsed,
                "log-file", &log_file, NULL);

  g_assert_cmpuint (index, ==, 1);
  g_assert_cmpstr (name, ==, "half");
  support_assert_variant (args, "('b',)");
  support_assert_variant (kwargs, "{'k': <2>}");
  g_assert_cmpint (state, ==, PCALL_CALL_STATE_SUCCEEDED);
  support_assert_variant (result, "()");
  g_assert_no_error (error);
  g_assert_null (details);
  g_assert_cmpint (pid, >, 0);
  g_assert_cmpfloat (progress, ==, 1.0);
  g_assert_cmpstr (text, ==, "half");
  g_assert_cmpfloat (elapsed, >, 0.0);
  g_assert_null (log_file);

  g_clear_object (&call);
  g_assert_finalize_object (task);
}

static GVariant *
wait_or_tell (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipes = user_data;
  guint index = pcall_get_call_index ();

  if (index == 0)
    support_pipe_get (&pipes[0]);
  if (index == 99)
    support_pipe_put (&pipes[1], 0);
  return g_variant_new_uint32 (index);
}

static void
count_end (PcallCall *call, GParamSpec *pspec, guint *n_ends)
{
  *n_ends += pcall_call_get_state (call) > PCALL_CALL_STATE_RUNNING;
}

/* Who holds a call is told of its end also when the task is dropped, with results that nobody has
 * looked at: the other end is that the call is gone with its last reference. */
static void
test_held_call_of_dropped (gconstpointer calls_per_child)
{
  SupportPipe pipes[2];
  PcallTask *task = pcall_task_new_for_func (wait_or_tell, pipes, NULL);
  struct pollfd ready = { .events = POLLIN };
  PcallCall *call;
  guint n_ends = 0;

  for (guint i = 0; i < 2; i++)
    support_pipe_open (&pipes[i]);
  pcall_task_set_n_calls (task, 100);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_calls_per_child (task, GPOINTER_TO_UINT (calls_per_child));
  support_start (task);
  call = pcall_task_dup_call (task, 50);
  g_signal_connect (call, "notify::state", G_CALLBACK (count_end), &n_ends);
  ready.fd = pcall_task_get_fd (task);

  support_pipe_put (&pipes[0], 0);
  if (calls_per_child != GUINT_TO_POINTER (1))
    support_pipe_get (&pipes[1]);
  g_assert_cmpint (poll (&ready, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  g_assert_finalize_object (task);
  g_assert_cmpint (pcall_call_get_state (call), >, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpint (n_ends, ==, 1);
  g_assert_finalize_object (call);
  for (guint i = 0; i < 2; i++)
    support_pipe_close (&pipes[i]);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/signals/order/one-by-one", test_order);
  support_add ("/pcall/signals/order/at-once", test_order_at_once);
  support_add ("/pcall/signals/order/unbegun", test_order_of_unbegun);
  support_add ("/pcall/signals/progress", test_progress);
  support_add ("/pcall/signals/fraction", test_fraction);
  support_add ("/pcall/signals/messages/many", test_many_messages);
  support_add ("/pcall/signals/messages/big", test_big_messages);
  support_add ("/pcall/signals/model/changes", test_model);
  support_add ("/pcall/signals/model/identity", test_model_identity);
  support_add ("/pcall/signals/call/notifies", test_call_notifies);
  support_add ("/pcall/signals/call/properties", test_call_properties);
  g_test_add_data_func ("/pcall/signals/call/dropped/child-per-call", GUINT_TO_POINTER (1),
                        test_held_call_of_dropped);
  g_test_add_data_func ("/pcall/signals/call/dropped/reuse", GUINT_TO_POINTER (0),
                        test_held_call_of_dropped);

  return g_test_run ();
}
