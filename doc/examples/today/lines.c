/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lines and words of files, as in ../lines.c, with GTask. */

#include <gio/gio.h>

static char *
count_text (const char *text, gsize length)
{
  guint n_lines = 0, n_words = 0;
  gboolean within = FALSE;

  for (gsize i = 0; i < length; i++)
    {
      gboolean is_space = g_ascii_isspace (text[i]);

      n_lines += text[i] == '\n';
      n_words += within && is_space;
      within = !is_space;
    }
  return g_strdup_printf ("%u %u", n_lines, n_words + within);
}

typedef struct
{
  guint n_pending;
  char **texts;
  GError **errors;
} Results;

static void
work (GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
  g_autofree char *text = NULL;
  gsize length;
  GError *error = NULL;

  if (g_file_get_contents (data, &text, &length, &error))
    g_task_return_pointer (task, count_text (text, length), g_free);
  else
    g_task_return_error (task, error);
}

static void
keep (GObject *source, GAsyncResult *result, gpointer data)
{
  Results *results = data;
  guint index = GPOINTER_TO_UINT (g_object_get_data (G_OBJECT (result), "index"));

  results->texts[index] = g_task_propagate_pointer (G_TASK (result), &results->errors[index]);
  results->n_pending--;
}

int
main (int argc, char *argv[])
{
  g_autofree char **texts = g_new0 (char *, argc);
  g_autofree GError **errors = g_new0 (GError *, argc);
  Results results = { argc - 1, texts, errors };
  int status = 0;

  for (int i = 1; i < argc; i++)
    {
      g_autoptr (GTask) task = g_task_new (NULL, NULL, keep, &results);

      g_object_set_data (G_OBJECT (task), "index", GINT_TO_POINTER (i));
      g_task_set_task_data (task, argv[i], NULL);
      g_task_run_in_thread (task, work);
    }
  while (results.n_pending > 0)
    g_main_context_iteration (NULL, TRUE);
  for (int i = 1; i < argc; i++)
    {
      if (errors[i] == NULL)
        g_print ("%s %s\n", texts[i], argv[i]);
      else
        g_printerr ("lines: %s\n", errors[i]->message);
      status |= errors[i] != NULL;
      g_clear_error (&errors[i]);
      g_clear_pointer (&texts[i], g_free);
    }
  return status;
}
