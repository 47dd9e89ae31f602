/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is found when the time is over, of some things that are looked for. */

#include <unistd.h>

#include <pcall-glib/pcall.h>

static const char *const things[] = { "keys", "time", "glasses", "peace" };

static const char *
look_for (guint i)
{
  while (i % 2 == 1) /* for ever */
    pause ();
  return things[i];
}

static GVariant *
look (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_string (look_for (pcall_get_call_index ()));
}

int
main (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (look, NULL, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_n_calls (task, G_N_ELEMENTS (things));
  pcall_task_set_deadline (task, 3);
  results = pcall_task_run (task, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (things); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      if (result != NULL)
        g_print ("%s\n", g_variant_get_string (result, NULL));
    }
  return 0;
}
