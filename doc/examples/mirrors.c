/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who answers first wins, and the others are ended: mirrors that are asked at the same time. */

#include <unistd.h>

#include <pcall-glib/pcall.h>

static const char *const mirrors[] = { "north", "east", "south", "west" };

static const char *
ask (guint i)
{
  while (i != 1) /* the others never answer */
    pause ();
  return mirrors[i];
}

static GVariant *
ask_mirror (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_string (ask (pcall_get_call_index ()));
}

static void
print_first (PcallTask *task, PcallCall *call)
{
  g_autoptr (GVariant) result = pcall_call_dup_result (call);

  if (result == NULL)
    return;
  g_print ("%s\n", g_variant_get_string (result, NULL));
  pcall_task_terminate (task);
}

int
main (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (ask_mirror, NULL, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_n_calls (task, G_N_ELEMENTS (mirrors));
  g_signal_connect (task, "call-finished", G_CALLBACK (print_first), NULL);
  results = pcall_task_run (task, NULL, NULL);
  return results == NULL ? 0 : 1; /* as the others were ended */
}
