/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls can end, and how that is told apart: errors keep their domains on their way. */

#include <signal.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

static const char *const ways[] = { "well", "error", "crash", "hang" };

static gboolean
end (guint i, GError **error)
{
  if (i == 1)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "there is no such thing");
  if (i == 2)
    raise (SIGKILL);
  while (i == 3)
    pause ();
  return i != 1;
}

static GVariant *
end_call (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint i = pcall_get_call_index ();

  return end (i, error) ? g_variant_new_string (ways[i]) : NULL;
}

static const char *
describe (const GError *error)
{
  if (error == NULL)
    return "succeeded";
  if (g_error_matches (error, PCALL_ERROR, PCALL_ERROR_CRASHED))
    return "crashed";
  if (g_error_matches (error, PCALL_ERROR, PCALL_ERROR_TIMED_OUT))
    return "timed out";
  return error->message;
}

int
main (void)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (end_call, NULL, NULL);
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_n_calls (task, G_N_ELEMENTS (ways));
  pcall_task_set_timeout (task, 2);
  results = pcall_task_run (task, NULL, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GError) error = pcall_call_dup_error (call);

      g_print ("%s: %s\n", ways[i], describe (error));
    }
  return 0;
}
