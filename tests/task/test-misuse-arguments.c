/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Arguments of the wrong kind: start() tells of them in words that name the list and what was
 * expected of it; nothing is started, and what was set before is still there. */

#include "misuse-support.h"

typedef struct
{
  const char *name;
  const char *value; /* as GVariant text */
  const char *message;
} ArgumentCase;

static const ArgumentCase argument_cases[] = {
  { "common-args", "5",
    "common-args is of type 'i'; expected a tuple or an "
    "array" },
  { "common-args", "'text'",
    "common-args is of type 's'; expected a tuple or an "
    "array" },
  { "common-args", "<(1, 2)>",
    "common-args is of type 'v'; expected a tuple or an "
    "array" },
  { "common-args", "@ms nothing",
    "common-args is of type 'ms'; expected a tuple or an "
    "array" },
  { "common-args", "{'a': 1}",
    "common-args is a dictionary of type 'a{si}'; expected a "
    "tuple or an array" },
  { "instance-args", "[1, 2]",
    "instance-args is of type 'ai'; expected an array or a "
    "tuple of argument lists, one for each call; did you mean "
    "[(1,), (2,)]?" },
  { "instance-args", "[<(1,)>, <2>]",
    "instance-args[1] is of type 'i'; expected a tuple or "
    "an array; did you mean [(1,), (2,)]?" },
  { "instance-args", "1.5",
    "instance-args is of type 'd'; expected an array or a "
    "tuple of argument lists, one for each call" },
  { "common-kwargs", "[1, 2]",
    "common-kwargs is of type 'ai'; expected a{sv}" },
  { "common-kwargs", "{'a': 1}",
    "common-kwargs is a dictionary of type 'a{si}'; "
    "expected a{sv}" },
  { "instance-kwargs", "{'a': <1>}",
    "instance-kwargs is a dictionary of type 'a{sv}'; "
    "expected an array of a{sv}" },
  { "instance-kwargs", "true",
    "instance-kwargs is of type 'b'; expected an array of "
    "a{sv}" },
  { "x", "3", "keyword list 'x' is of type 'i'; expected an "
              "array or a tuple, one element for each call; what is "
              "the same for all belongs into common-kwargs" },
  { "x", "'abc'", "keyword list 'x' is of type 's'; expected an "
                  "array or a tuple, one element for each call; what is "
              "the same for all belongs into common-kwargs" },
  { "", "[1]", "a keyword list needs a name" },
  { "\xff", "[1]",
    "the name of a keyword list is not valid UTF-8" },
};

static void
set_by_name (PcallTask *task, const char *name, GVariant *value)
{
  if (strcmp (name, "common-args") == 0)
    pcall_task_set_common_args (task, value);
  else if (strcmp (name, "instance-args") == 0)
    pcall_task_set_instance_args (task, value);
  else if (strcmp (name, "common-kwargs") == 0)
    pcall_task_set_common_kwargs (task, value);
  else if (strcmp (name, "instance-kwargs") == 0)
    pcall_task_set_instance_kwargs (task, value);
  else
    pcall_task_set_argument (task, name, value);
}

static void
assert_not_started (PcallTask *task, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) children = NULL;

  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==, message);
  g_assert_false (pcall_task_get_running (task));
  g_assert_null (pcall_task_dup_results (task));
  children = pcall_task_dup_children (task);
  g_assert_cmpuint (children->len, ==, 0);
}

/* A list that is bad is told of by start(), however often, and nothing is started. What was set
 * before is still there, and what is said anew about the list is what counts. */
static void
test_argument (gconstpointer data)
{
  const ArgumentCase *row = data;
  PcallTask *task = full_task ();
  g_autoptr (GVariant) value = support_parse (row->value);

  set_by_name (task, row->name, value);
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpuint (pcall_task_get_n_calls (task), ==, 2);
  assert_not_started (task, row->message);
  assert_not_started (task, row->message);

  g_assert_finalize_object (task);
}

static void
test_argument_alone (gconstpointer data)
{
  const ArgumentCase *row = data;
  PcallTask *task = support_task (echo, 3);
  g_autoptr (GVariant) value = support_parse (row->value);

  set_by_name (task, row->name, value);
  assert_not_started (task, row->message);

  g_assert_finalize_object (task);
}

static void
test_argument_mended (void)
{
  static const struct
  {
    const char *name;
    const char *good;
  } lists[] = {
    { "common-args", "(1,)" },
    { "instance-args", "[('a',), ('b',)]" },
    { "common-kwargs", "{'k': <2>}" },
    { "instance-kwargs", "[{'i': <3>}, {'i': <4>}]" },
    { "x", "[5, 6]" },
  };
  PcallTask *task = full_task ();

  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    set_by_name (task, lists[i].name, g_variant_new_int32 (7));
  for (gsize i = 0; i < G_N_ELEMENTS (lists); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (pcall_task_start (task, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
      g_assert_nonnull (strstr (error->message, lists[i].name));
      set_by_name (task, lists[i].name, g_variant_new_parsed (lists[i].good));
    }
  support_run (task, full_results);

  g_assert_finalize_object (task);
}

/* As with a list that is taken back. */
static void
test_argument_withdrawn (void)
{
  PcallTask *task = support_task (echo, 1);

  pcall_task_set_instance_args (task, g_variant_new_int32 (7));
  pcall_task_set_instance_args (task, NULL);
  pcall_task_set_argument (task, "x", g_variant_new_int32 (7));
  pcall_task_set_argument (task, "x", NULL);
  support_run (task, "[<(<()>, @a{sv} {})>]");

  g_assert_finalize_object (task);
}

static void
store_outcome (GObject *source, GAsyncResult *result, gpointer data)
{
  g_autoptr (GVariant) results = pcall_task_run_finish (PCALL_TASK (source), result, data);

  g_assert_null (results);
}

static void
test_argument_run_async (void)
{
  PcallTask *task = support_task (echo, 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[1, 2]"));
  pcall_task_run_async (task, NULL, store_outcome, &error);
  while (error == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);

  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_finalize_object (task);
}

/* A floating value is taken also where it is refused. */
static void
test_refused_is_freed (void)
{
  PcallTask *task = full_task ();
  GVariant *value = g_variant_new_int32 (1);

  g_variant_ref (value);
  g_assert_true (g_variant_is_floating (value));
  pcall_task_set_common_args (task, value);
  g_assert_false (g_variant_is_floating (value));
  g_variant_unref (value);

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  for (gsize i = 0; i < G_N_ELEMENTS (argument_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/misuse/argument/%" G_GSIZE_FORMAT, i);
      g_autofree char *alone = g_strconcat (path, "/alone", NULL);

      g_test_add_data_func (path, &argument_cases[i], test_argument);
      g_test_add_data_func (alone, &argument_cases[i], test_argument_alone);
    }
  g_test_add_func ("/pcall/misuse/argument/mended", test_argument_mended);
  g_test_add_func ("/pcall/misuse/argument/withdrawn", test_argument_withdrawn);
  g_test_add_func ("/pcall/misuse/argument/run-async", test_argument_run_async);
  g_test_add_func ("/pcall/misuse/refused-is-freed", test_refused_is_freed);

  return g_test_run ();
}
