/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* In a program that runs JavaScript its collector is to come to an end before a callback that says
 * that a task has ended: else the callback may be dropped. The engine here is a mock, which has what
 * the library looks for: a class and a collector. */

#include <glib-object.h>

#include "task-support.h"

/* What the library finds by name in a program with GJS */

gpointer gjs_context_get_current (void);
void     gjs_context_gc          (gpointer context);

static gboolean has_context;
static guint n_collections;

gpointer
gjs_context_get_current (void)
{
  return has_context ? &n_collections : NULL;
}

void
gjs_context_gc (gpointer context)
{
  g_assert_true (context == &n_collections);
  n_collections++;
}

/* How many there were when the callback came; -1: it has not come. */
static void
note_collections (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_task_join_finish (PCALL_TASK (source), result, &error));
  g_assert_no_error (error);
  *(int *) user_data = n_collections;
}

static int
run_in_loop (GMainContext *context)
{
  g_autoptr (PcallTask) task = support_task (support_index, 1);
  int noted = -1;

  n_collections = 0;
  support_start (task);
  pcall_task_join_async (task, NULL, note_collections, &noted);
  while (noted < 0)
    g_main_context_iteration (context, TRUE);
  return noted;
}

static void
test_collected_before (void)
{
  g_assert_cmpint (run_in_loop (NULL), ==, 1);
}

static void
test_no_context (void)
{
  /* Whether a fork can collect is found out by the first. */
  run_in_loop (NULL);
  has_context = FALSE;
  g_assert_cmpint (run_in_loop (NULL), ==, 0);
  has_context = TRUE;
}

static gboolean
run_nested (gpointer noted)
{
  *(int *) noted = run_in_loop (NULL);
  return G_SOURCE_REMOVE;
}

/* What the collector drops may run a loop, and the engine aborts where it is asked again. */
static void
test_nested_loop (void)
{
  int noted = -1;

  g_idle_add (run_nested, &noted);
  while (noted < 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (noted, ==, 0);
}

static gpointer
run_in_thread (gpointer data)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  int noted;

  g_main_context_push_thread_default (context);
  noted = run_in_loop (context);
  g_main_context_pop_thread_default (context);
  return GINT_TO_POINTER (noted);
}

static void
test_other_thread (void)
{
  GThread *thread = g_thread_new ("other", run_in_thread, NULL);

  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, 0);
}

static void
test_no_javascript (void)
{
  g_assert_cmpint (run_in_loop (NULL), ==, 0);
}

static const struct
{
  const char *path;
  void (*run) (void);
} cases[] = {
  { "/pcall/collector/collected-before", test_collected_before },
  { "/pcall/collector/no-context", test_no_context },
  { "/pcall/collector/nested-loop", test_nested_loop },
  { "/pcall/collector/other-thread", test_other_thread },
};

static void
run_with_javascript (gconstpointer data)
{
  if (g_type_from_name ("GjsContext") == 0)
    g_type_register_static_simple (G_TYPE_OBJECT, "GjsContext", sizeof (GObjectClass), NULL,
                                   sizeof (GObject), NULL, 0);
  has_context = TRUE;
  cases[GPOINTER_TO_UINT (data)].run ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/collector/no-javascript", test_no_javascript);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, GUINT_TO_POINTER (i), run_with_javascript);
  return g_test_run ();
}
