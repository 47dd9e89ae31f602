/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that fail by themselves, and tasks that cannot be started: each error comes with what the
 * caller needs to know, and costs no other call its result. How processes die is not here. */

#include <errno.h>
#include <gio/gio.h>
#include <signal.h>
#include <sys/wait.h>

#include "task-support.h"

/* Errors of calls */

typedef struct
{
  const char *name;
  const char *domain;
  int code;
  const char *message;
  const char *details; /* NULL for none */
} ErrorCase;

static const ErrorCase error_cases[] = {
  { "gio", "g-io-error-quark", G_IO_ERROR_NOT_FOUND, "no such thing", NULL },
  { "pcall", "pcall-error-quark", PCALL_ERROR_TIMED_OUT, "not really", NULL },
  { "unknown-domain", "a-domain-that-the-parent-never-saw", -2147483647, "", NULL },
  { "details", "g-io-error-quark", G_IO_ERROR_FAILED, "Straße → ☃ 100 %s %n",
    "{'type': <'ValueError'>, 'message': <'bad'>, 'traceback': <'line 1\\nline 2'>}" },
};

static const ErrorCase *current_case;

static GVariant *
fail_as_told (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const ErrorCase *row = user_data;

  if (row->details != NULL)
    pcall_set_error_details (support_parse (row->details));
  g_set_error_literal (error, g_quark_from_string (row->domain), row->code, row->message);
  return NULL;
}

static void
assert_error_as_told (const GError *error, const ErrorCase *row)
{
  g_assert_nonnull (error);
  g_assert_cmpstr (g_quark_to_string (error->domain), ==, row->domain);
  g_assert_cmpint (error->code, ==, row->code);
  g_assert_cmpstr (error->message, ==, row->message);
}

static void
assert_signal_as_told (PcallTask *task, PcallCall *call, const GError *error, guint *n_failed)
{
  assert_error_as_told (error, current_case);
  (*n_failed)++;
}

static void
test_error_crosses (gconstpointer data)
{
  const ErrorCase *row = current_case = data;
  PcallTask *task = pcall_task_new_for_func (fail_as_told, (gpointer) row, NULL);
  guint n_failed = 0;
  g_autoptr (GError) joined = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (GVariant) details = NULL;

  g_signal_connect (task, "call-failed", G_CALLBACK (assert_signal_as_told), &n_failed);
  g_assert_null (pcall_task_run (task, NULL, &joined));
  assert_error_as_told (joined, row);
  g_assert_cmpuint (n_failed, ==, 1);

  call = pcall_task_dup_call (task, 0);
  error = pcall_call_dup_error (call);
  assert_error_as_told (error, row);
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_FAILED);
  g_assert_null (pcall_call_dup_result (call));
  details = pcall_call_dup_error_details (call);
  if (row->details != NULL)
    support_assert_variant (details, row->details);
  else
    g_assert_null (details);

  g_clear_object (&call);
  g_assert_finalize_object (task);
}

static GVariant *
set_details_and_return (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_set_error_details (g_variant_new_parsed ("{'type': <'x'>}"));
  return NULL;
}

static GVariant *
set_details_then_none (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_set_error_details (g_variant_new_parsed ("{'type': <'x'>}"));
  pcall_set_error_details (g_variant_new_parsed ("{'type': <'y'>}"));
  pcall_set_error_details (NULL);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
  return NULL;
}

static GVariant *
set_details_twice (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_set_error_details (g_variant_new_parsed ("{'line': <7>, 'type': <'x'>}"));
  pcall_set_error_details (g_variant_new_parsed ("{'type': <'y'>}"));
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
  return NULL;
}

/* A binding that tells of an exception leaves what the function has said. */
static void
test_details_added (void)
{
  PcallTask *task = support_task (set_details_twice, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) details = NULL;
  g_autoptr (PcallCall) call = NULL;
  const char *type = NULL;
  gint line = 0;

  g_assert_null (pcall_task_run (task, NULL, &error));
  call = pcall_task_dup_call (task, 0);
  details = pcall_call_dup_error_details (call);
  g_assert_cmpuint (g_variant_n_children (details), ==, 2);
  g_assert_true (g_variant_lookup (details, "line", "i", &line));
  g_assert_true (g_variant_lookup (details, "type", "&s", &type));
  g_assert_cmpint (line, ==, 7);
  g_assert_cmpstr (type, ==, "y");
  g_clear_object (&call);
  g_assert_finalize_object (task);
}

/* Details belong to an error: without one they go nowhere, and they can be taken back. */
static void
test_details_unused (void)
{
  PcallTask *task = support_task (set_details_and_return, 1);
  PcallTask *failing = support_task (set_details_then_none, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallCall) call = NULL;

  support_run (task, "[<()>]");
  call = pcall_task_dup_call (task, 0);
  g_assert_null (pcall_call_dup_error_details (call));
  g_clear_object (&call);

  g_assert_null (pcall_task_run (failing, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  call = pcall_task_dup_call (failing, 0);
  g_assert_null (pcall_call_dup_error_details (call));
  g_clear_object (&call);

  g_assert_finalize_object (task);
  g_assert_finalize_object (failing);
}

/* A result beside an error is dropped. */
static GVariant *
fail_with_result (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "failed");
  return g_variant_new_int32 (1);
}

static void
test_error_beats_result (void)
{
  PcallTask *task = support_task (fail_with_result, 1);
  g_autoptr (GError) error = NULL;

  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);

  g_assert_finalize_object (task);
}

/* Calls 2 and 5 fail, 5 before 2. */

typedef struct
{
  SupportPipe second_may_fail;
} Some;

static GVariant *
fail_some (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Some *self = user_data;
  guint index = pcall_get_call_index ();

  if (index == 2)
    support_pipe_get (&self->second_may_fail);
  if (index == 2 || index == 5)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "call %u failed", index);
      return NULL;
    }
  return g_variant_new_uint32 (index);
}

static void
let_second_fail (PcallTask *task, PcallCall *call, Some *self)
{
  if (pcall_call_get_index (call) != 5)
    return;

  g_assert_cmpuint (support_first_failed (task), ==, 5);
  support_pipe_put (&self->second_may_fail, 0);
}

static void
test_lowest_index (void)
{
  Some self;
  PcallTask *task = pcall_task_new_for_func (fail_some, &self, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;

  support_pipe_open (&self.second_may_fail);
  pcall_task_set_n_calls (task, 8);
  g_signal_connect (task, "call-finished", G_CALLBACK (let_second_fail), &self);
  g_assert_cmpuint (support_first_failed (task), ==, G_MAXUINT);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "call 2 failed");

  g_assert_cmpuint (support_first_failed (task), ==, 2);

  /* Nothing is lost: the other results are there, and joining again tells the same. */
  g_assert_null (pcall_task_dup_results (task));
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, 8);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 2);
  support_assert_result (task, 0, "uint32 0");
  support_assert_result (task, 3, "uint32 3");
  support_assert_result (task, 7, "uint32 7");
  again = support_join_failing (task);
  g_assert_cmpstr (again->message, ==, "call 2 failed");

  support_pipe_close (&self.second_may_fail);
  g_assert_finalize_object (task);
}

/* join() without a place for the error */
static void
test_error_not_wanted (void)
{
  PcallTask *task = support_task (fail_with_result, 3);

  g_assert_null (pcall_task_run (task, NULL, NULL));
  g_assert_false (pcall_task_join (task, -1, NULL, NULL));

  g_assert_finalize_object (task);
}

/* Failure policy: call 0 runs for ever, call 1 fails once call 0 runs, calls 2 and on wait. */

static GVariant *
fail_when_first_runs (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Some *self = user_data;
  guint index = pcall_get_call_index ();

  if (index == 0)
    support_pipe_put (&self->second_may_fail, 0);
  else
    support_pipe_get (&self->second_may_fail);
  if (index == 0)
    return support_sleep (args, kwargs, user_data, error);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "call %u failed", index);
  return NULL;
}

static void
assert_cancelled (PcallTask *task, guint index)
{
  g_autoptr (GError) error = support_error (task, index);
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autofree char *message =
      g_strdup_printf ("call %u (%s): cancelled, because another call failed", index,
                       pcall_call_get_target_name (call));

  g_assert_cmpint (support_state (task, index), ==, PCALL_CALL_STATE_CANCELLED);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_cmpstr (error->message, ==, message);
}

static void
assert_child_terminated (PcallTask *task, guint index)
{
  g_autoptr (GPtrArray) children = pcall_task_dup_children (task);
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  PcallChild *child = NULL;

  for (guint i = 0; i < children->len && child == NULL; i++)
    if (pcall_child_get_pid (children->pdata[i]) == pcall_call_get_pid (call))
      child = children->pdata[i];

  g_assert_nonnull (child);
  g_assert_false (pcall_child_get_running (child));
  g_assert_cmpint (pcall_child_get_term_signal (child), ==, SIGTERM);
  g_assert_cmpint (pcall_child_get_exit_status (child), ==, -1);
}

static void
test_policy_stop (void)
{
  Some self;
  PcallTask *task = pcall_task_new_for_func (fail_when_first_runs, &self, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) children = NULL;

  support_pipe_open (&self.second_may_fail);
  pcall_task_set_n_calls (task, 6);
  pcall_task_set_max_children (task, 2);
  pcall_task_set_grace_period (task, SUPPORT_LIMIT_S);
  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  support_start (task);
  error = support_join_failing (task);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  g_assert_cmpstr (error->message, ==, "call 1 failed");
  g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_FAILED);
  g_assert_cmpuint (support_first_failed (task), ==, 1);
  assert_cancelled (task, 0);
  for (guint i = 2; i < 6; i++)
    assert_cancelled (task, i);
  children = pcall_task_dup_children (task);
  g_assert_cmpuint (children->len, ==, 2);
  assert_child_terminated (task, 0);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 6);

  support_pipe_close (&self.second_may_fail);
  g_assert_finalize_object (task);
}

/* Calls that have succeeded by then keep what they have. */
static GVariant *
fail_third (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  if (index == 2)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "call %u failed", index);
  return index == 2 ? NULL : g_variant_new_uint32 (index);
}

static void
test_policy_stop_keeps (void)
{
  PcallTask *task = pcall_task_new_for_func (fail_third, NULL, NULL);
  g_autoptr (GError) error = NULL;

  pcall_task_set_n_calls (task, 5);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
  support_start (task);
  error = support_join_failing (task);

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_FAILED);
  support_assert_result (task, 0, "uint32 0");
  support_assert_result (task, 1, "uint32 1");
  assert_cancelled (task, 3);
  assert_cancelled (task, 4);

  g_assert_finalize_object (task);
}

static void
test_policy_continue (void)
{
  PcallTask *task = support_task (fail_third, 5);
  g_autoptr (GError) error = NULL;

  pcall_task_set_max_children (task, 1);
  support_start (task);
  error = support_join_failing (task);
  support_assert_result (task, 3, "uint32 3");
  support_assert_result (task, 4, "uint32 4");

  g_assert_finalize_object (task);
}

/* Tasks that cannot be started */

static void
test_restart (void)
{
  PcallTask *task = support_task (support_index, 2);
  g_autoptr (GError) running = NULL;
  g_autoptr (GError) finished = NULL;

  support_start (task);
  g_assert_false (pcall_task_start (task, &running));
  g_assert_error (running, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (running->message, "started before"));

  support_join (task);
  g_assert_null (pcall_task_run (task, NULL, &finished));
  g_assert_error (finished, PCALL_ERROR, PCALL_ERROR_START);
  support_assert_result (task, 1, "uint32 1");

  g_assert_finalize_object (task);
}

static void
test_join_before_start (void)
{
  PcallTask *task = support_task (support_index, 2);
  g_autoptr (GError) error = NULL;

  g_assert_false (pcall_task_join (task, -1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);
  g_assert_nonnull (strstr (error->message, "not started"));
  g_assert_nonnull (strstr (error->message, "pcall_task_start"));

  support_run (task, "[<uint32 0>, <uint32 1>]");
  g_assert_finalize_object (task);
}

static void
test_no_target (void)
{
  PcallTask *task = g_object_new (PCALL_TYPE_TASK, NULL);
  g_autoptr (PcallTarget) target = pcall_target_new (NULL, support_index, NULL, NULL);
  g_autoptr (GError) error = NULL;

  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_nonnull (strstr (error->message, "target"));

  pcall_task_add_target (task, target);
  support_run (task, "[<uint32 0>]");
  g_assert_finalize_object (task);
}

static void
test_spawn (void)
{
  PcallTask *task = support_task (support_index, 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_start_method (task, PCALL_START_METHOD_SPAWN);
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_TARGET);
  g_assert_nonnull (strstr (error->message, "spawn"));

  pcall_task_set_start_method (task, PCALL_START_METHOD_FORK);
  support_run (task, "[<uint32 0>]");
  g_assert_finalize_object (task);
}

/* A fork function that fails as told. Beside a thread its calls cannot be counted: a child that
 * fails its lock trial is forked again. */

typedef struct
{
  guint n_called;
  guint fail_from, fail_before; /* which calls of it fail */
  int error_number;
} Forks;

static gint
fork_or_fail (gpointer data)
{
  Forks *self = data;
  guint n = self->n_called++;

  if (n < self->fail_from || n >= self->fail_before)
    return fork ();
  errno = self->error_number;
  return -1;
}

static void
forget_forks (gpointer data)
{
  *(Forks *) data = (Forks){ .n_called = 0 };
}

static void
test_fork_func (void)
{
  Forks forks = { .fail_from = G_MAXUINT };
  PcallTask *task = support_task (support_index, 3);

  pcall_set_fork_func (fork_or_fail, &forks, forget_forks);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>]");
  g_assert_cmpuint (forks.n_called, ==, 3);

  pcall_set_fork_func (NULL, NULL, NULL);
  g_assert_cmpuint (forks.n_called, ==, 0);
  g_assert_finalize_object (task);

  task = support_task (support_index, 1);
  support_run (task, "[<uint32 0>]");
  g_assert_cmpuint (forks.n_called, ==, 0);
  g_assert_finalize_object (task);
}

/* The first child cannot be made: start() says why, nothing is left, and it can be tried again. */
static void
test_fork_fails (void)
{
  static const int numbers[] = { EAGAIN, ENOMEM, EPERM, ENOSYS };
  GMainContext *context = g_main_context_default ();
  guint before = support_count_descriptors ();

  g_assert_nonnull (context); /* it has a descriptor, for ever */
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Forks forks = { .fail_before = 1, .error_number = numbers[i] };
      g_autofree char *message = g_strdup_printf ("call 0: fork: %s", g_strerror (numbers[i]));
      PcallTask *task = support_task (support_index, 3);
      g_autoptr (GPtrArray) children = NULL;
      g_autoptr (GError) error = NULL;

      pcall_set_fork_func (fork_or_fail, &forks, NULL);
      g_assert_false (pcall_task_start (task, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_cmpstr (error->message, ==, message);

      g_assert_cmpuint (support_count_descriptors (), ==, before);
      g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
      g_assert_cmpint (errno, ==, ECHILD);
      g_assert_false (pcall_task_get_running (task));
      g_assert_cmpint (pcall_task_get_fd (task), ==, -1);
      children = pcall_task_dup_children (task);
      g_assert_cmpuint (children->len, ==, 0);
      g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (task)), ==, 0);

      pcall_task_set_n_calls (task, 2);
      support_run (task, "[<uint32 0>, <uint32 1>]");
      g_assert_cmpuint (forks.n_called, ==, 3);
      g_assert_cmpuint (support_count_descriptors (), ==, before);

      pcall_set_fork_func (NULL, NULL, NULL);
      g_assert_finalize_object (task);
    }
}

/* Later children cannot be made for want of room: they wait until there is some. */
static void
test_fork_waits_for_room (void)
{
  static const int numbers[] = { EAGAIN, ENOMEM };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      Forks forks = { .fail_from = 1, .fail_before = 2, .error_number = numbers[i] };
      PcallTask *task = support_task (support_index, 4);

      pcall_set_fork_func (fork_or_fail, &forks, NULL);
      support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>]");
      g_assert_cmpuint (forks.n_called, ==, 5);

      pcall_set_fork_func (NULL, NULL, NULL);
      g_assert_finalize_object (task);
    }
}

/* For another reason, or with nothing to wait for, the call fails, and the others go on. */
static void
test_fork_fails_later (void)
{
  Forks forks = { .fail_from = 1, .fail_before = 2, .error_number = EPERM };
  PcallTask *task = support_task (support_index, 3);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) children = NULL;

  pcall_set_fork_func (fork_or_fail, &forks, NULL);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpstr (error->message, ==, "call 1: fork: Operation not permitted");
  g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_FAILED);
  support_assert_result (task, 0, "uint32 0");
  support_assert_result (task, 2, "uint32 2");
  children = pcall_task_dup_children (task);
  g_assert_cmpuint (children->len, ==, 2);

  pcall_set_fork_func (NULL, NULL, NULL);
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (error_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/failure/crosses/", error_cases[i].name, NULL);

      g_test_add_data_func (path, &error_cases[i], test_error_crosses);
    }
  support_add ("/pcall/failure/details-unused", test_details_unused);
  support_add ("/pcall/failure/details-added", test_details_added);
  support_add ("/pcall/failure/beats-result", test_error_beats_result);
  support_add ("/pcall/failure/lowest-index", test_lowest_index);
  support_add ("/pcall/failure/not-wanted", test_error_not_wanted);
  support_add ("/pcall/failure/policy/stop", test_policy_stop);
  support_add ("/pcall/failure/policy/stop-keeps-results", test_policy_stop_keeps);
  support_add ("/pcall/failure/policy/continue", test_policy_continue);
  support_add ("/pcall/failure/start/again", test_restart);
  support_add ("/pcall/failure/start/join-before", test_join_before_start);
  support_add ("/pcall/failure/start/no-target", test_no_target);
  support_add ("/pcall/failure/start/spawn", test_spawn);
  g_test_add_func ("/pcall/failure/fork-func/counts", test_fork_func);
  g_test_add_func ("/pcall/failure/fork-func/fails", test_fork_fails);
  g_test_add_func ("/pcall/failure/fork-func/waits-for-room", test_fork_waits_for_room);
  g_test_add_func ("/pcall/failure/fork-func/fails-later", test_fork_fails_later);

  return g_test_run ();
}
