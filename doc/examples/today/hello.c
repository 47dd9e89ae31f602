/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The squares of three numbers, as in ../hello.c, with GTask. */

#include <gio/gio.h>

typedef struct
{
  guint n_pending;
  gint squares[3];
} Results;

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  gint n = GPOINTER_TO_INT (data) + 2;

  g_task_return_int (task, n * n);
}

static void
keep (GObject *source, GAsyncResult *result, gpointer data)
{
  Results *results = data;
  guint index = GPOINTER_TO_UINT (g_task_get_task_data (G_TASK (result)));

  results->squares[index] = g_task_propagate_int (G_TASK (result), NULL);
  results->n_pending--;
}

static void
start (guint index, Results *results)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, keep, results);

  g_task_set_task_data (task, GUINT_TO_POINTER (index), NULL);
  g_task_run_in_thread (task, work);
}

int
main (void)
{
  Results results = { .n_pending = 3 };

  for (guint i = 0; i < 3; i++)
    start (i, &results);
  while (results.n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  g_print ("[<%d>, <%d>, <%d>]\n", results.squares[0], results.squares[1], results.squares[2]);
  return 0;
}
