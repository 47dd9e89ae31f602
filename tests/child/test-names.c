/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What children are called where processes are listed: they read it themselves. */

#include <gio/gio.h>
#include <sys/prctl.h>

#include "task-support.h"

static char *
read_own (const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/%s", name);
  char *text;
  gsize length;

  g_assert_true (g_file_get_contents (path, &text, &length, NULL));
  /* Arguments end with a zero each, and names with a new line. */
  for (gsize i = 0; i + 1 < length; i++)
    if (text[i] == '\0')
      text[i] = ' ';
  return g_strchomp (text);
}

static GVariant *
tell_names (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *comm = read_own ("comm");
  g_autofree char *line = read_own ("cmdline");

  return g_variant_new ("(ss)", comm, line);
}

/* Without support for checkpoints, the command line is as it was. */
static gboolean
can_set_line (void)
{
  guint size;

  return prctl (PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0) == 0;
}

typedef struct
{
  const char *target;
  const char *child_name;
  const char *comm; /* NULL: the parent's */
  const char *line; /* behind the program's name; NULL: the parent's */
} NameCase;

static const NameCase names[] = {
  { "square", NULL, "square:2", ": call 2 (square)" },
  { "a_function_of_a_long_name", NULL, "a_function_of:2",
    ": call 2 (a_function_of_a_long_name)" },
  { "square", "crew", "crew:2", ": call 2 (crew)" },
  { "square", "", NULL, NULL },
  /* Not in the middle of a letter */
  { "ööööööö", NULL, "öööööö:2", ": call 2 (ööööööö)" },
  { "odd)name (\n", NULL, "odd)name (\n:2", ": call 2 (odd)name (\n)" },
};

static void
test_name (gconstpointer data)
{
  const NameCase *row = data;
  PcallTask *task = pcall_task_new_for_named_func (row->target, tell_names, NULL, NULL);
  g_autofree char *own_comm = read_own ("comm");
  g_autofree char *own_line = read_own ("cmdline");
  g_autofree char *line = row->line != NULL && can_set_line ()
                              ? g_strconcat (g_get_prgname (), row->line, NULL)
                              : g_strdup (own_line);
  g_autofree char *after = NULL;
  g_autoptr (GVariant) expected
      = g_variant_ref_sink (g_variant_new ("(ss)", row->comm != NULL ? row->comm : own_comm, line));
  g_autofree char *text = g_variant_print (expected, TRUE);

  pcall_task_set_child_name (task, row->child_name);
  pcall_task_set_n_calls (task, 3);
  support_run (task, NULL);
  support_assert_result (task, 2, text);
  after = read_own ("cmdline");
  g_assert_cmpstr (after, ==, own_line);

  g_assert_finalize_object (task);
}

/* A function without a name is called as the program. */
static void
test_no_name (void)
{
  PcallTask *task = support_task (tell_names, 1);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, NULL);
  g_autoptr (GVariant) boxed = g_variant_get_child_value (results, 0);
  g_autoptr (GVariant) result = g_variant_get_variant (boxed);
  const char *comm, *line;

  g_variant_get (result, "(&s&s)", &comm, &line);
  g_assert_true (g_str_has_suffix (comm, ":0"));
  g_assert_cmpint (strncmp (program_invocation_short_name, comm, strlen (comm) - 2), ==, 0);
  if (can_set_line ())
    g_assert_true (g_str_has_suffix (line, ": call 0"));

  g_assert_finalize_object (task);
}

/* One child has all of the calls. */
static void
test_names_of_many_calls (void)
{
  const guint n_calls = 120;
  PcallTask *task = pcall_task_new_for_named_func ("look", tell_names, NULL, NULL);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_calls_per_child (task, 0);
  pcall_task_set_max_children (task, 1);
  support_run (task, NULL);
  for (guint i = 0; i < n_calls; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);
      g_autofree char *suffix = g_strdup_printf (": call %u (look)", i);
      const char *comm, *line;

      g_variant_get (result, "(&s&s)", &comm, &line);
      g_assert_cmpstr (comm, ==, "look");
      if (can_set_line () && !g_str_has_suffix (line, suffix))
        g_error ("\"%s\" does not end with \"%s\"", line, suffix);
    }

  g_assert_finalize_object (task);
}

/* What main() was given is there for calls to use. */
static char **main_argv;

static GVariant *
tell_argv (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_string (main_argv[0]);
}

static void
test_argv_stays (void)
{
  PcallTask *task = support_task (tell_argv, 1);
  g_autofree char *expected = g_strdup_printf ("[<'%s'>]", main_argv[0]);

  support_run (task, expected);

  g_assert_finalize_object (task);
}

/* A child of a child has a name of its own, and its parent keeps the one that it had. */
static GVariant *
nest_names (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  PcallTask *task = pcall_task_new_for_named_func ("inner", tell_names, NULL, NULL);
  GVariant *results = pcall_task_run (task, NULL, error);

  g_object_unref (task);
  if (results == NULL)
    return NULL;
  return g_variant_new ("(@(ss)@av)", tell_names (args, kwargs, NULL, error), results);
}

static void
test_nested_names (void)
{
  PcallTask *task = pcall_task_new_for_named_func ("outer", nest_names, NULL, NULL);
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, NULL);
  g_autofree char *text = g_variant_print (results, FALSE);

  g_assert_nonnull (strstr (text, "'outer:0'"));
  g_assert_nonnull (strstr (text, "'inner:0'"));
  if (can_set_line ())
    {
      g_assert_nonnull (strstr (text, ": call 0 (outer)'"));
      g_assert_nonnull (strstr (text, ": call 0 (inner)'"));
    }

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  main_argv = argv;
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/names/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (path, &names[i], test_name);
    }
  support_add ("/pcall/names/no-name", test_no_name);
  support_add ("/pcall/names/many-calls", test_names_of_many_calls);
  support_add ("/pcall/names/argv-stays", test_argv_stays);
  support_add ("/pcall/names/nested", test_nested_names);

  return g_test_run ();
}
