/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that tell how far they are, as in ../progress.c, with GTask. */

#include <gio/gio.h>

static const struct
{
  const char *name;
  int n_layers;
} cakes[] = { { "cake", 3 }, { "bread", 1 }, { "tart", 2 } };

typedef struct
{
  guint n_pending;
  char *told[G_N_ELEMENTS (cakes)];
  char *results[G_N_ELEMENTS (cakes)];
} Results;

typedef struct
{
  Results *results;
  guint index;
  gdouble fraction;
  char *text;
} Report;

static gboolean
tell (gpointer data)
{
  Report *report = data;
  char **told = &report->results->told[report->index];

  g_free (*told);
  *told = g_strdup_printf ("%3.0f %%: %s", 100 * report->fraction, report->text);
  return G_SOURCE_REMOVE;
}

static void
report_free (gpointer data)
{
  g_free (((Report *) data)->text);
  g_free (data);
}

static void
bake (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  guint index = GPOINTER_TO_UINT (data);
  Results *results = g_object_get_data (G_OBJECT (task), "results");

  for (int i = 1; i <= cakes[index].n_layers; i++)
    {
      Report *report = g_new (Report, 1);

      *report = (Report) { results, index, (double) i / cakes[index].n_layers,
                           g_strdup_printf ("layer %d of %s", i, cakes[index].name) };
      g_main_context_invoke_full (NULL, G_PRIORITY_DEFAULT, tell, report, report_free);
    }
  g_task_return_pointer (task, g_ascii_strup (cakes[index].name, -1), g_free);
}

static void
keep (GObject *source, GAsyncResult *result, gpointer data)
{
  Results *results = data;
  guint index = GPOINTER_TO_UINT (g_task_get_task_data (G_TASK (result)));

  results->results[index] = g_task_propagate_pointer (G_TASK (result), NULL);
  results->n_pending--;
}

int
main (void)
{
  Results results = { .n_pending = G_N_ELEMENTS (cakes) };

  for (guint i = 0; i < G_N_ELEMENTS (cakes); i++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, keep, &results);

      g_task_set_task_data (task, GUINT_TO_POINTER (i), NULL);
      g_object_set_data (G_OBJECT (task), "results", &results);
      g_task_run_in_thread (task, bake);
    }
  while (results.n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS (cakes); i++)
    {
      g_print ("%s, %s\n", results.told[i], results.results[i]);
      g_free (results.told[i]);
      g_free (results.results[i]);
    }
  return 0;
}
