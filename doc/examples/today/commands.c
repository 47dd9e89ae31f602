/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Commands of the shell at the same time, as in ../commands.c, with GSubprocess. */

#include <gio/gio.h>

typedef struct
{
  guint n_pending;
  char **outputs;
} Results;

static void
keep (GObject *source, GAsyncResult *result, gpointer data)
{
  GSubprocess *process = G_SUBPROCESS (source);
  Results *results = data;
  guint index = GPOINTER_TO_UINT (g_object_get_data (source, "index"));
  g_autofree char *output = NULL;

  if (g_subprocess_communicate_utf8_finish (process, result, &output, NULL, NULL) &&
      g_subprocess_get_successful (process))
    results->outputs[index] = g_steal_pointer (&output);
  results->n_pending--;
}

static gboolean
start (guint index, const char *command, Results *results)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GSubprocess) process =
      g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error, "sh", "-c", command, NULL);

  if (process == NULL)
    {
      g_printerr ("commands: %s\n", error->message);
      return FALSE;
    }
  g_object_set_data (G_OBJECT (process), "index", GUINT_TO_POINTER (index));
  g_subprocess_communicate_utf8_async (process, NULL, NULL, keep, results);
  return TRUE;
}

int
main (int argc, char *argv[])
{
  g_autofree char **outputs = g_new0 (char *, argc);
  Results results = { 0, outputs };
  int status = 0;

  for (int i = 1; i < argc; i++)
    results.n_pending += start (i, argv[i], &results);
  while (results.n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  for (int i = 1; i < argc; i++)
    {
      g_print ("%s: %s", argv[i], outputs[i] != NULL ? outputs[i] : "failed\n");
      status |= outputs[i] == NULL;
      g_free (outputs[i]);
    }
  return status;
}
