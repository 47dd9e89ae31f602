/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The smallest use of pcall: one function, three calls, three child processes at once. README.md
 * shows what stands between the two marks, and a test keeps the two the same. */

#include <pcall-glib/pcall.h>

/* README: begin */
static GVariant *
square (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint n;

  if (!pcall_parse_args (args, kwargs, error, "(i)", &n, NULL))
    return NULL;
  return g_variant_new_int32 (n * n);
}

static GVariant *
squares (GError **error)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (square, NULL, NULL);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(2,), (3,), (4,)]"));
  return pcall_task_run (task, NULL, error);
}
/* README: end */

int
main (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = squares (&error);
  g_autofree char *text = NULL;

  if (results == NULL)
    {
      g_printerr ("hello: %s\n", error->message);
      return 1;
    }

  text = g_variant_print (results, FALSE);
  g_print ("%s\n", text);
  return 0;
}
