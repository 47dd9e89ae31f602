/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A small picture of the Mandelbrot set, a call for each row. */

#include <complex.h>

#include <pcall-glib/pcall.h>

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

static GVariant *
draw (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_take_string (draw_row (pcall_get_call_index ()));
}

int
main (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (draw, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;
  GVariantIter iter;
  GVariant *row = NULL;

  pcall_task_set_n_calls (task, HEIGHT);
  results = pcall_task_run (task, NULL, &error);
  if (results == NULL)
    {
      g_printerr ("mandelbrot: %s\n", error->message);
      return 1;
    }
  g_variant_iter_init (&iter, results);
  while (g_variant_iter_loop (&iter, "v", &row))
    g_print ("%s\n", g_variant_get_string (row, NULL));
  return 0;
}
