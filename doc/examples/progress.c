/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that tell how far they are. */

#include <pcall-glib/pcall.h>

static const struct
{
  const char *name;
  int n_layers;
} cakes[] = { { "cake", 3 }, { "bread", 1 }, { "tart", 2 } };

static GVariant *
bake (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  for (int i = 1; i <= cakes[index].n_layers; i++)
    {
      g_autofree char *text = g_strdup_printf ("layer %d of %s", i, cakes[index].name);

      pcall_report_progress ((double) i / cakes[index].n_layers, text);
    }
  return g_variant_new_take_string (g_ascii_strup (cakes[index].name, -1));
}

static void
tell (PcallTask *task, PcallCall *call, gdouble fraction, const char *text, char **told)
{
  guint index = pcall_call_get_index (call);

  g_free (told[index]);
  told[index] = g_strdup_printf ("%3.0f %%: %s", 100 * fraction, text);
}

int
main (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (bake, NULL, NULL);
  char *told[G_N_ELEMENTS (cakes)] = { NULL };
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  pcall_task_set_n_calls (task, G_N_ELEMENTS (cakes));
  g_signal_connect (task, "call-progress", G_CALLBACK (tell), told);
  results = pcall_task_run (task, NULL, &error);
  if (results == NULL)
    {
      g_printerr ("progress: %s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < G_N_ELEMENTS (cakes); i++)
    {
      g_autoptr (GVariant) result = NULL;

      g_variant_get_child (results, i, "v", &result);
      g_print ("%s, %s\n", told[i], g_variant_get_string (result, NULL));
      g_free (told[i]);
    }
  return 0;
}
