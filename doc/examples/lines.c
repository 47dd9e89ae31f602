/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lines and words of files, as `wc -lw` counts them. One that cannot be read costs no other its
 * count.
 *
 * usage: lines FILE… */

#include <pcall-glib/pcall.h>

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

static GVariant *
count (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const char *path;
  g_autofree char *text = NULL;
  gsize length;

  if (!pcall_parse_args (args, kwargs, error, "(^&ay)", &path, NULL) ||
      !g_file_get_contents (path, &text, &length, error))
    return NULL;
  return g_variant_new_take_string (count_text (text, length));
}

int
main (int argc, char *argv[])
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (count, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  GVariantBuilder arguments;
  int status = 0;

  g_variant_builder_init (&arguments, G_VARIANT_TYPE ("a(ay)"));
  for (int i = 1; i < argc; i++)
    g_variant_builder_add (&arguments, "(^ay)", argv[i]);
  pcall_task_set_instance_args (task, g_variant_builder_end (&arguments));
  pcall_task_set_calls_per_child (task, 0); /* as many children as there are processors */
  results = pcall_task_run (task, NULL, NULL);
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i - 1);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);
      g_autoptr (GError) error = pcall_call_dup_error (call);

      if (error == NULL)
        g_print ("%s %s\n", g_variant_get_string (result, NULL), argv[i]);
      else
        g_printerr ("lines: %s\n", error->message);
      status |= error != NULL;
    }
  return status;
}
