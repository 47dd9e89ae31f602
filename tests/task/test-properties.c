/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The properties of a task, each by a row: its default, another value, and that it notifies when it
 * changes and only then, whether it is set by name or by its function. */

#include <gio/gio.h>

#include "task-support.h"

typedef struct
{
  const char *name;
  const char *initial; /* as g_strdup_value_contents() tells */
  const char *other;
  void (*set_initial) (PcallTask *task);
  void (*set_other) (PcallTask *task);
} PropertyCase;

#define SETTERS(property, initial, other)                                                          \
  static void set_##property##_initial (PcallTask *task)                                           \
  {                                                                                                \
    pcall_task_set_##property (task, initial);                                                     \
  }                                                                                                \
  static void set_##property##_other (PcallTask *task)                                             \
  {                                                                                                \
    pcall_task_set_##property (task, other);                                                       \
  }

SETTERS (timeout, 0.0, 2.5)
SETTERS (deadline, 0.0, 1e6)
SETTERS (grace_period, 3.0, 0.0)
SETTERS (max_children, 0, 7)
SETTERS (calls_per_child, 1, 0)
SETTERS (n_calls, 1, 0)
SETTERS (start_method, PCALL_START_METHOD_AUTOMATIC, PCALL_START_METHOD_FORK)
SETTERS (failure_policy, PCALL_FAILURE_POLICY_CONTINUE, PCALL_FAILURE_POLICY_STOP)
SETTERS (log_mode, PCALL_LOG_MODE_SECTIONS, PCALL_LOG_MODE_INHERIT)
SETTERS (log_directory, NULL, "/some/where")
SETTERS (keep_logs, FALSE, 5)
SETTERS (priority, 130, -1)
SETTERS (max_log_size, 1 << 30, G_MAXUINT64)
SETTERS (output_mode, PCALL_OUTPUT_MODE_LOG, PCALL_OUTPUT_MODE_STREAMS)
SETTERS (show_progress, FALSE, TRUE)
SETTERS (child_name, NULL, "")
SETTERS (nice, 0, -39)
SETTERS (cpu_affinity, NULL, "0-3,8")
SETTERS (max_address_space, 0, G_MAXUINT64)
SETTERS (max_open_files, 0, 64)
SETTERS (own_cgroup, FALSE, TRUE)
SETTERS (working_directory, NULL, "/some/where")

static const char *const environment[] = { "A=1", "B=", NULL };

SETTERS (environment, NULL, environment)
SETTERS (retries, 0, 3)

#define CASE(name, property, initial, other)                                                       \
  {                                                                                                \
    name, initial, other, set_##property##_initial, set_##property##_other                         \
  }

static const PropertyCase cases[] = {
  CASE ("timeout", timeout, "0.000000", "2.500000"),
  CASE ("deadline", deadline, "0.000000", "1000000.000000"),
  CASE ("grace-period", grace_period, "3.000000", "0.000000"),
  CASE ("max-children", max_children, "0", "7"),
  CASE ("calls-per-child", calls_per_child, "1", "0"),
  CASE ("n-calls", n_calls, "1", "0"),
  CASE ("start-method", start_method, "((PcallStartMethod) PCALL_START_METHOD_AUTOMATIC)",
        "((PcallStartMethod) PCALL_START_METHOD_FORK)"),
  CASE ("failure-policy", failure_policy, "((PcallFailurePolicy) PCALL_FAILURE_POLICY_CONTINUE)",
        "((PcallFailurePolicy) PCALL_FAILURE_POLICY_STOP)"),
  CASE ("log-mode", log_mode, "((PcallLogMode) PCALL_LOG_MODE_SECTIONS)",
        "((PcallLogMode) PCALL_LOG_MODE_INHERIT)"),
  CASE ("log-directory", log_directory, "NULL", "\"/some/where\""),
  CASE ("keep-logs", keep_logs, "FALSE", "TRUE"),
  CASE ("priority", priority, "130", "-1"),
  CASE ("max-log-size", max_log_size, "1073741824", "18446744073709551615"),
  CASE ("output-mode", output_mode, "((PcallOutputMode) PCALL_OUTPUT_MODE_LOG)",
        "((PcallOutputMode) PCALL_OUTPUT_MODE_STREAMS)"),
  CASE ("show-progress", show_progress, "FALSE", "TRUE"),
  CASE ("child-name", child_name, "NULL", "\"\""),
  CASE ("nice", nice, "0", "-39"),
  CASE ("cpu-affinity", cpu_affinity, "NULL", "\"0-3,8\""),
  CASE ("max-address-space", max_address_space, "0", "18446744073709551615"),
  CASE ("max-open-files", max_open_files, "0", "64"),
  CASE ("working-directory", working_directory, "NULL", "\"/some/where\""),
  CASE ("own-cgroup", own_cgroup, "FALSE", "TRUE"),
  CASE ("environment", environment, "NULL", "[\"A=1\", \"B=\"]"),
  CASE ("retries", retries, "0", "3"),
};

static const char *const read_only[][2] = {
  { "n-finished", "0" }, { "n-failed", "0" }, { "fraction", "0.000000" }, { "running", "FALSE" },
};

static void
assert_value (PcallTask *task, const char *name, const char *expected)
{
  g_auto (GValue) value = G_VALUE_INIT;
  g_autofree char *text = NULL;

  g_object_get_property (G_OBJECT (task), name, &value);
  text = g_strdup_value_contents (&value);
  g_assert_cmpstr (text, ==, expected);
}

static void
count_notify (PcallTask *task, GParamSpec *pspec, GHashTable *counts)
{
  guint n = GPOINTER_TO_UINT (g_hash_table_lookup (counts, pspec->name));

  g_hash_table_insert (counts, (gpointer) pspec->name, GUINT_TO_POINTER (n + 1));
}

static void
assert_notified (GHashTable *counts, const char *name, guint expected)
{
  g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (counts, name)), ==, expected);
  g_assert_cmpuint (g_hash_table_size (counts), ==, expected > 0);
}

static void
test_property (gconstpointer data)
{
  const PropertyCase *row = data;
  PcallTask *task = support_task (support_index, 1);
  g_autoptr (GHashTable) counts = g_hash_table_new (g_str_hash, g_str_equal);
  g_auto (GValue) initial = G_VALUE_INIT;
  g_auto (GValue) other = G_VALUE_INIT;

  assert_value (task, row->name, row->initial);
  g_object_get_property (G_OBJECT (task), row->name, &initial);
  g_signal_connect (task, "notify", G_CALLBACK (count_notify), counts);

  row->set_initial (task);
  assert_notified (counts, row->name, 0);
  row->set_other (task);
  assert_value (task, row->name, row->other);
  assert_notified (counts, row->name, 1);
  row->set_other (task);
  assert_notified (counts, row->name, 1);

  g_object_get_property (G_OBJECT (task), row->name, &other);
  g_object_set_property (G_OBJECT (task), row->name, &other);
  assert_notified (counts, row->name, 1);
  g_object_set_property (G_OBJECT (task), row->name, &initial);
  assert_value (task, row->name, row->initial);
  assert_notified (counts, row->name, 2);

  g_assert_finalize_object (task);
}

/* "launcher" and "pool", whose values are objects: see test-launcher.c and test-pool.c. */
#define N_ELSEWHERE 2

/* All of them are in the tables, and those which only tell cannot be set. */
static void
test_all (void)
{
  PcallTask *task = support_task (support_index, 1);
  guint n = 0;
  G_GNUC_UNUSED g_autofree GParamSpec **pspecs
      = g_object_class_list_properties (G_OBJECT_GET_CLASS (task), &n);

  g_assert_cmpuint (n, ==, G_N_ELEMENTS (cases) + G_N_ELEMENTS (read_only) + N_ELSEWHERE);
  for (gsize i = 0; i < G_N_ELEMENTS (read_only); i++)
    {
      GParamSpec *pspec
          = g_object_class_find_property (G_OBJECT_GET_CLASS (task), read_only[i][0]);

      g_assert_nonnull (pspec);
      g_assert_false (pspec->flags & G_PARAM_WRITABLE);
      assert_value (task, read_only[i][0], read_only[i][1]);
    }
  g_assert_cmpfloat (pcall_task_get_timeout (task), ==, 0.0);
  g_assert_cmpfloat (pcall_task_get_deadline (task), ==, 0.0);
  g_assert_cmpfloat (pcall_task_get_grace_period (task), ==, 3.0);
  g_assert_cmpuint (pcall_task_get_max_children (task), ==, 0);
  g_assert_cmpuint (pcall_task_get_calls_per_child (task), ==, 1);
  g_assert_cmpint (pcall_task_get_failure_policy (task), ==, PCALL_FAILURE_POLICY_CONTINUE);
  g_assert_false (pcall_task_get_keep_logs (task));

  g_assert_finalize_object (task);
}

/* What a running task tells: one notification for each step, of one property at a time. */

typedef struct
{
  guint n_finished, n_failed, n_running;
  guint last_finished, last_failed;
} Told;

static void
tell_finished (PcallTask *task, GParamSpec *pspec, Told *self)
{
  self->n_finished++;
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, ++self->last_finished);
}

static void
tell_failed (PcallTask *task, GParamSpec *pspec, Told *self)
{
  self->n_failed++;
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, ++self->last_failed);
}

static void
tell_running (PcallTask *task, GParamSpec *pspec, Told *self)
{
  self->n_running++;
}

static GVariant *
fail_odd (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () % 2 == 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "odd");
  return NULL;
}

static void
test_running (void)
{
  PcallTask *task = support_task (fail_odd, 10);
  Told told = { 0 };

  g_signal_connect (task, "notify::n-finished", G_CALLBACK (tell_finished), &told);
  g_signal_connect (task, "notify::n-failed", G_CALLBACK (tell_failed), &told);
  g_signal_connect (task, "notify::running", G_CALLBACK (tell_running), &told);
  g_assert_null (pcall_task_run (task, NULL, NULL));
  g_assert_cmpuint (told.n_finished, ==, 10);
  g_assert_cmpuint (told.n_failed, ==, 5);
  g_assert_cmpuint (told.n_running, ==, 2);

  g_assert_finalize_object (task);
}

/* A property that another object is bound to */
static void
test_bound (void)
{
  PcallTask *task = support_task (support_index, 3);
  PcallTask *mirror = support_task (support_index, 1);

  g_object_bind_property (task, "n-finished", mirror, "max-children", G_BINDING_SYNC_CREATE);
  support_run (task, NULL);
  g_assert_cmpuint (pcall_task_get_max_children (mirror), ==, 3);

  g_assert_finalize_object (task);
  g_assert_finalize_object (mirror);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/properties/set/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_property);
    }
  g_test_add_func ("/pcall/properties/all", test_all);
  support_add ("/pcall/properties/running", test_running);
  support_add ("/pcall/properties/bound", test_bound);

  return g_test_run ();
}
