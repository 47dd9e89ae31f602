/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* GTK's expressions, filters and sorters follow the calls of a running task, as doc/loops.md says
 * how. None of them needs a display. */

#include <gtk/gtk.h>

#include "task-support.h"

#define N_CALLS 60

/* Every third one fails. */
static GVariant *
work (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  pcall_report_progress (0.5, "half");
  if (index % 3 != 0)
    return g_variant_new_uint32 (index);
  g_set_error_literal (error, G_FILE_ERROR, G_FILE_ERROR_IO, "every third");
  return NULL;
}

static GtkExpression *
get_property (const char *name)
{
  return gtk_property_expression_new (PCALL_TYPE_CALL, NULL, name);
}

/* The one line that a program needs: filters and sorters look at that call anew. Those of GTK keep
 * what they have seen, also where they are told that they have changed. */
static void
call_changed (PcallTask *task, PcallCall *call, gpointer data)
{
  g_list_model_items_changed (G_LIST_MODEL (task), pcall_call_get_index (call), 1, 1);
}

static void
set_flag (PcallTask *task, gboolean *flag)
{
  *flag = TRUE;
}

static void
iterate_until_over (PcallTask *task)
{
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  gboolean finished = FALSE;

  g_signal_connect (task, "finished", G_CALLBACK (set_flag), &finished);
  while (!finished)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      g_main_context_iteration (NULL, TRUE);
    }
}

static gboolean
is_failed (PcallCall *call, PcallCallState state, gpointer data)
{
  return state > PCALL_CALL_STATE_SUCCEEDED;
}

static GtkFilter *
make_filter (void)
{
  GtkExpression *state = get_property ("state");
  GtkExpression *failed =
      gtk_cclosure_expression_new (G_TYPE_BOOLEAN, NULL, 1, &state, G_CALLBACK (is_failed), NULL,
                                   NULL);

  return GTK_FILTER (gtk_bool_filter_new (failed));
}

static void
assert_sorted (GListModel *sorted)
{
  gdouble last = 0;

  for (guint i = 0; i < g_list_model_get_n_items (sorted); i++)
    {
      g_autoptr (PcallCall) call = g_list_model_get_item (sorted, i);

      g_assert_cmpfloat (pcall_call_get_elapsed (call), >=, last);
      last = pcall_call_get_elapsed (call);
    }
}

static void
test_lists (void)
{
  PcallTask *task = support_task (work, N_CALLS);
  GtkFilterListModel *failed =
      gtk_filter_list_model_new (G_LIST_MODEL (g_object_ref (task)), make_filter ());
  GtkSorter *by_time = GTK_SORTER (gtk_numeric_sorter_new (get_property ("elapsed")));
  GtkSortListModel *sorted =
      gtk_sort_list_model_new (G_LIST_MODEL (g_object_ref (task)), by_time);

  pcall_task_set_max_children (task, 4);
  g_signal_connect (task, "call-started", G_CALLBACK (call_changed), NULL);
  g_signal_connect (task, "call-finished", G_CALLBACK (call_changed), NULL);
  support_start (task);
  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (sorted)), ==, N_CALLS);
  iterate_until_over (task);

  g_assert_cmpuint (g_list_model_get_n_items (G_LIST_MODEL (failed)), ==, N_CALLS / 3);
  for (guint i = 0; i < N_CALLS / 3; i++)
    {
      g_autoptr (PcallCall) call = g_list_model_get_item (G_LIST_MODEL (failed), i);

      g_assert_cmpuint (pcall_call_get_index (call), ==, 3 * i);
    }
  assert_sorted (G_LIST_MODEL (sorted));

  g_object_unref (failed);
  g_object_unref (sorted);
  g_assert_finalize_object (task);
}

/* What is selected stays so. */
static void
test_selection (void)
{
  PcallTask *task = support_task (work, N_CALLS);
  GtkSingleSelection *one = gtk_single_selection_new (G_LIST_MODEL (g_object_ref (task)));
  GtkMultiSelection *some = gtk_multi_selection_new (G_LIST_MODEL (g_object_ref (task)));

  g_signal_connect (task, "call-started", G_CALLBACK (call_changed), NULL);
  g_signal_connect (task, "call-finished", G_CALLBACK (call_changed), NULL);
  pcall_task_set_max_children (task, 2);
  support_start (task);
  gtk_single_selection_set_selected (one, 7);
  gtk_selection_model_select_range (GTK_SELECTION_MODEL (some), 20, 3, TRUE);
  iterate_until_over (task);

  g_assert_cmpuint (gtk_single_selection_get_selected (one), ==, 7);
  for (guint i = 0; i < N_CALLS; i++)
    g_assert_cmpint (gtk_selection_model_is_selected (GTK_SELECTION_MODEL (some), i), ==,
                     i >= 20 && i < 23);
  g_object_unref (one);
  g_object_unref (some);
  g_assert_finalize_object (task);
}

/* Watches */

typedef struct
{
  GtkExpressionWatch *watch;
  GArray *seen; /* of guint: what it was */
} Watched;

static void
take_value (gpointer data)
{
  Watched *self = data;
  g_auto (GValue) value = G_VALUE_INIT;
  guint state;

  /* The call is gone, as nobody else has it. */
  if (!gtk_expression_watch_evaluate (self->watch, &value))
    return;
  state = (guint) g_value_get_enum (&value);
  g_array_append_val (self->seen, state);
}

/* Nobody but the watch knows of the call, which the task keeps until it has told of its end. */
static void
watch_call (PcallTask *task, guint index, Watched *self)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GtkExpression) state = get_property ("state");

  self->seen = g_array_new (FALSE, FALSE, sizeof (guint));
  self->watch = gtk_expression_watch (state, call, take_value, self, NULL);
  gtk_expression_watch_ref (self->watch);
}

static void
assert_seen (Watched *self, PcallCallState end)
{
  const guint *seen = (guint *) self->seen->data;

  g_assert_cmpuint (self->seen->len, ==, 2);
  g_assert_cmpuint (seen[0], ==, PCALL_CALL_STATE_RUNNING);
  g_assert_cmpuint (seen[1], ==, end);
  gtk_expression_watch_unref (self->watch);
  g_array_unref (self->seen);
}

static void
test_watch (void)
{
  PcallTask *task = support_task (work, 12);
  Watched succeeded, failed;

  pcall_task_set_max_children (task, 1);
  support_start (task);
  watch_call (task, 10, &succeeded);
  watch_call (task, 9, &failed);
  iterate_until_over (task);
  assert_seen (&succeeded, PCALL_CALL_STATE_SUCCEEDED);
  assert_seen (&failed, PCALL_CALL_STATE_FAILED);
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/gtk/lists", test_lists);
  support_add ("/pcall/gtk/selection", test_selection);
  support_add ("/pcall/gtk/watch", test_watch);

  return g_test_run ();
}
