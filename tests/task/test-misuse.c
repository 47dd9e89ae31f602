/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Mistakes in a program that uses the library. Each is told of in words that name the argument and
 * what was expected of it; nothing is started by it, and what was set before is still there.
 *
 * Checks of GLib's kind (g_return_if_fail) go through g_test_expect_message(); what is more to say
 * goes through structured logging, which task-support.h watches. */

#include <gio/gio.h>
#include <math.h>

#include "misuse-support.h"

/* NULL where a task, a target or a name must be */

static void
expect_assertion (const char *function, const char *expression)
{
  g_autofree char *pattern
      = g_strdup_printf ("%s: assertion '%s' failed", function, expression);

  g_test_expect_message ("Pcall", G_LOG_LEVEL_CRITICAL, pattern);
}

static void
test_no_target (void)
{
  PcallTask *task = full_task ();

  expect_assertion ("pcall_task_new", "PCALL_IS_TARGET (target)");
  g_assert_null (pcall_task_new (NULL));
  expect_assertion ("pcall_task_new_for_func", "func != NULL");
  g_assert_null ((pcall_task_new_for_func) (NULL, NULL, NULL));
  expect_assertion ("pcall_task_new_for_named_func", "func != NULL");
  g_assert_null (pcall_task_new_for_func (NULL, NULL, NULL));
  expect_assertion ("pcall_target_new", "func != NULL");
  g_assert_null (pcall_target_new ("name", NULL, NULL, NULL));
  expect_assertion ("pcall_task_add_target", "PCALL_IS_TARGET (target)");
  pcall_task_add_target (task, NULL);
  expect_assertion ("pcall_task_add_target", "PCALL_IS_TARGET (target)");
  pcall_task_add_target (task, (PcallTarget *) task);
  expect_assertion ("pcall_task_set_argument", "name != NULL");
  pcall_task_set_argument (task, NULL, NULL);
  g_test_assert_expected_messages ();
  support_run (task, full_results);

  g_assert_finalize_object (task);
}

static void
test_no_task (void)
{
  g_autoptr (GError) error = NULL;

  expect_assertion ("pcall_task_start", "PCALL_IS_TASK (self)");
  g_assert_false (pcall_task_start (NULL, &error));
  expect_assertion ("pcall_task_join", "PCALL_IS_TASK (self)");
  g_assert_false (pcall_task_join (NULL, -1, NULL, &error));
  expect_assertion ("pcall_task_run", "PCALL_IS_TASK (self)");
  g_assert_null (pcall_task_run (NULL, NULL, &error));
  expect_assertion ("pcall_task_terminate", "PCALL_IS_TASK (self)");
  pcall_task_terminate (NULL);
  expect_assertion ("pcall_task_dup_results", "PCALL_IS_TASK (self)");
  g_assert_null (pcall_task_dup_results (NULL));
  expect_assertion ("pcall_task_dup_first_failed", "PCALL_IS_TASK (self)");
  g_assert_null (pcall_task_dup_first_failed (NULL));
  expect_assertion ("pcall_task_dispatch", "PCALL_IS_TASK (self)");
  g_assert_false (pcall_task_dispatch (NULL));
  expect_assertion ("pcall_task_get_fd", "PCALL_IS_TASK (self)");
  g_assert_cmpint (pcall_task_get_fd (NULL), ==, -1);
  expect_assertion ("pcall_call_get_state", "PCALL_IS_CALL (self)");
  pcall_call_get_state (NULL);
  expect_assertion ("pcall_child_get_running", "PCALL_IS_CHILD (self)");
  pcall_child_get_running (NULL);
  g_test_assert_expected_messages ();
  g_assert_no_error (error);
}

/* Numbers that make no sense */

typedef struct
{
  const char *name;
  void (*set) (PcallTask *task, gdouble seconds);
  gdouble (*get) (PcallTask *task);
} Seconds;

static const Seconds seconds[] = {
  { "timeout", pcall_task_set_timeout, pcall_task_get_timeout },
  { "deadline", pcall_task_set_deadline, pcall_task_get_deadline },
  { "grace-period", pcall_task_set_grace_period, pcall_task_get_grace_period },
};

static void
test_seconds (void)
{
  static const gdouble values[] = { -1.0, -0.001, -HUGE_VAL, HUGE_VAL, NAN };

  for (gsize i = 0; i < G_N_ELEMENTS (seconds); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (values); j++)
      {
        PcallTask *task = full_task ();
        g_autofree char *pattern
            = g_strdup_printf ("CRITICAL: *%s is %g; expected a number of seconds, 0 for none",
                               seconds[i].name, values[j]);

        seconds[i].set (task, 30.0);
        support_expect_log ();
        seconds[i].set (task, values[j]);
        support_assert_logged (pattern);
        g_assert_cmpfloat (seconds[i].get (task), ==, 30.0);
        g_assert_finalize_object (task);
      }
}

static void
keep_message (const char    *domain,
              GLogLevelFlags level,
              const char    *message,
              gpointer       data)
{
  char **kept = data;

  g_assert_null (*kept);
  *kept = g_strdup (message);
}

static void
test_seconds_by_name (void)
{
  g_autofree char *message = NULL;
  /* GLib says it by a warning or, in later versions, by a critical. */
  guint handler = g_log_set_handler ("GLib-GObject", G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL,
                                     keep_message, &message);
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);

  for (gsize i = 0; i < G_N_ELEMENTS (seconds); i++)
    {
      PcallTask *task = full_task ();
      g_autofree char *pattern = g_strdup_printf ("*out of range for property '%s'*",
                                                  seconds[i].name);

      seconds[i].set (task, 30.0);
      g_object_set (task, seconds[i].name, -1.0, NULL);
      g_assert_true (message != NULL && g_pattern_match_simple (pattern, message));
      g_clear_pointer (&message, g_free);
      g_assert_cmpfloat (seconds[i].get (task), ==, 30.0);
      g_assert_finalize_object (task);
    }
  g_log_remove_handler ("GLib-GObject", handler);
  g_log_set_always_fatal (fatal);
}

/* Changes after the start */

static void
set_common_args (PcallTask *task)
{
  pcall_task_set_common_args (task, g_variant_new_parsed ("(9,)"));
}

static void
set_instance_args (PcallTask *task)
{
  pcall_task_set_instance_args (task, NULL);
}

static void
set_common_kwargs (PcallTask *task)
{
  pcall_task_set_common_kwargs (task, g_variant_new_parsed ("{'k': <9>}"));
}

static void
set_instance_kwargs (PcallTask *task)
{
  pcall_task_set_instance_kwargs (task, g_variant_new_parsed ("@aa{sv} []"));
}

static void
set_argument (PcallTask *task)
{
  pcall_task_set_argument (task, "x", g_variant_new_parsed ("[9]"));
}

static void
add_target (PcallTask *task)
{
  g_autoptr (PcallTarget) target = pcall_target_new (NULL, echo, NULL, NULL);

  pcall_task_add_target (task, target);
}

static void
set_timeout (PcallTask *task)
{
  pcall_task_set_timeout (task, 0.001);
}

static void
set_deadline (PcallTask *task)
{
  pcall_task_set_deadline (task, 0.001);
}

static void
set_grace_period (PcallTask *task)
{
  pcall_task_set_grace_period (task, 9);
}

static void
set_max_children (PcallTask *task)
{
  pcall_task_set_max_children (task, 9);
}

static void
set_n_calls (PcallTask *task)
{
  pcall_task_set_n_calls (task, 9);
}

static void
set_start_method (PcallTask *task)
{
  pcall_task_set_start_method (task, PCALL_START_METHOD_SPAWN);
}

static void
set_failure_policy (PcallTask *task)
{
  pcall_task_set_failure_policy (task, PCALL_FAILURE_POLICY_STOP);
}

static void
set_log_mode (PcallTask *task)
{
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
}

static void
set_log_directory (PcallTask *task)
{
  pcall_task_set_log_directory (task, "/nowhere");
}

static void
set_keep_logs (PcallTask *task)
{
  pcall_task_set_keep_logs (task, TRUE);
}

static void
set_max_log_size (PcallTask *task)
{
  pcall_task_set_max_log_size (task, 9);
}

static void
set_output_mode (PcallTask *task)
{
  pcall_task_set_output_mode (task, PCALL_OUTPUT_MODE_STREAMS);
}

static const struct
{
  const char *name;
  void (*set) (PcallTask *task);
} setters[] = {
  { "set_common_args", set_common_args },
  { "set_instance_args", set_instance_args },
  { "set_common_kwargs", set_common_kwargs },
  { "set_instance_kwargs", set_instance_kwargs },
  { "set_argument", set_argument },
  { "add_target", add_target },
  { "set_timeout", set_timeout },
  { "set_deadline", set_deadline },
  { "set_grace_period", set_grace_period },
  { "set_max_children", set_max_children },
  { "set_n_calls", set_n_calls },
  { "set_start_method", set_start_method },
  { "set_failure_policy", set_failure_policy },
  { "set_log_mode", set_log_mode },
  { "set_log_directory", set_log_directory },
  { "set_keep_logs", set_keep_logs },
  { "set_max_log_size", set_max_log_size },
  { "set_output_mode", set_output_mode },
};

static void
assert_all_refused (PcallTask *task)
{
  for (gsize i = 0; i < G_N_ELEMENTS (setters); i++)
    {
      g_autofree char *pattern = g_strdup_printf (
          "CRITICAL: pcall_task_%s: the task was started; it cannot be changed any more",
          setters[i].name);

      support_expect_log ();
      setters[i].set (task);
      support_assert_logged (pattern);
    }
}

static void
fail_if_notified (PcallTask *task, GParamSpec *pspec)
{
  if (pspec->flags & G_PARAM_WRITABLE)
    g_error ("'%s' has changed", pspec->name);
}

static void
test_changes_after_start (void)
{
  PcallTask *task = full_task ();
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_max_children (task, 1);
  g_signal_connect (task, "notify", G_CALLBACK (fail_if_notified), NULL);
  support_start (task);
  assert_all_refused (task);
  support_join (task);
  assert_all_refused (task);

  results = pcall_task_dup_results (task);
  support_assert_variant (results, full_results);
  g_assert_cmpuint (pcall_task_get_max_children (task), ==, 1);
  g_assert_cmpint (pcall_task_get_start_method (task), ==, PCALL_START_METHOD_AUTOMATIC);
  g_assert_null (pcall_task_get_log_directory (task));
  g_assert_finalize_object (task);
}

/* Asynchronous results that do not belong here */

static void
keep_result (GObject *source, GAsyncResult *result, gpointer data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

static void
test_wrong_finish (void)
{
  PcallTask *task = full_task ();
  PcallTask *other = full_task ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  pcall_task_run_async (task, NULL, keep_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);

  expect_assertion ("pcall_task_join_finish", "g_async_result_is_tagged *");
  g_assert_false (pcall_task_join_finish (task, result, &error));
  expect_assertion ("pcall_task_run_finish", "g_task_is_valid *");
  g_assert_null (pcall_task_run_finish (other, result, &error));
  g_test_assert_expected_messages ();
  results = pcall_task_run_finish (task, result, &error);
  g_assert_no_error (error);
  support_assert_variant (results, full_results);

  g_clear_object (&result);
  g_assert_finalize_object (task);
  g_assert_finalize_object (other);
}

static void
test_error_set_before (void)
{
  PcallTask *task = full_task ();
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "before");

  expect_assertion ("pcall_task_start", "error == NULL || *error == NULL");
  g_assert_false (pcall_task_start (task, &error));
  expect_assertion ("pcall_task_run", "error == NULL || *error == NULL");
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_test_assert_expected_messages ();
  g_assert_cmpstr (error->message, ==, "before");
  g_assert_false (pcall_task_get_running (task));
  support_run (task, full_results);

  g_assert_finalize_object (task);
}

/* Inside a child: it warns there, and the call goes on. */
static GVariant *
misuse_inside (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  expect_assertion ("pcall_send_message", "message != NULL");
  pcall_send_message (NULL);
  expect_assertion ("pcall_set_error_details", "details == NULL *");
  pcall_set_error_details (g_variant_new_int32 (1));
  g_test_assert_expected_messages ();
  return g_variant_new_string ("went on");
}

static void
test_inside (void)
{
  PcallTask *task = support_task (misuse_inside, 1);

  support_run (task, "[<'went on'>]");

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  g_test_add_func ("/pcall/misuse/null/target", test_no_target);
  g_test_add_func ("/pcall/misuse/null/task", test_no_task);
  g_test_add_func ("/pcall/misuse/seconds/setters", test_seconds);
  g_test_add_func ("/pcall/misuse/seconds/by-name", test_seconds_by_name);
  g_test_add_func ("/pcall/misuse/changes-after-start", test_changes_after_start);
  g_test_add_func ("/pcall/misuse/wrong-finish", test_wrong_finish);
  g_test_add_func ("/pcall/misuse/error-set-before", test_error_set_before);
  g_test_add_func ("/pcall/misuse/inside", test_inside);

  return g_test_run ();
}
