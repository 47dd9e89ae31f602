/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A picture of the Mandelbrot set, as in ../mandelbrot.c, with GTask. */

#include <complex.h>

#include <gio/gio.h>

#define WIDTH 21
#define HEIGHT 9

static gboolean
is_inside (double complex c)
{
  double complex z = 0;

  for (int i = 0; i < 200 && cabs (z) <= 2; i++)
    z = z * z + c;
  return cabs (z) <= 2;
}

static char *
draw_row (guint y)
{
  char row[WIDTH + 1] = "";

  for (int x = 0; x < WIDTH; x++)
    row[x] = is_inside (x / 8.0 - 2 + (y / 4.0 - 1) * I) ? '#' : '.';
  return g_strdup (row);
}

typedef struct
{
  guint n_pending;
  char *rows[HEIGHT];
} Results;

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_task_return_pointer (task, draw_row (GPOINTER_TO_UINT (data)), g_free);
}

static void
keep (GObject *source, GAsyncResult *result, gpointer data)
{
  Results *results = data;
  guint index = GPOINTER_TO_UINT (g_task_get_task_data (G_TASK (result)));

  results->rows[index] = g_task_propagate_pointer (G_TASK (result), NULL);
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
  Results results = { .n_pending = HEIGHT };

  for (guint i = 0; i < HEIGHT; i++)
    start (i, &results);
  while (results.n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < HEIGHT; i++)
    {
      g_print ("%s\n", results.rows[i]);
      g_free (results.rows[i]);
    }
  return 0;
}
