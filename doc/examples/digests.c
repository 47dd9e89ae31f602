/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SHA-256 of files, as sha256sum prints it. One that cannot be read costs no other its digest.
 *
 * usage: digests FILE… */

#include <pcall-glib/pcall.h>

static GVariant *
digest (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const char *path;
  g_autofree char *text = NULL;
  gsize length;

  if (!pcall_parse_args (args, kwargs, error, "(^&ay)", &path, NULL) ||
      !g_file_get_contents (path, &text, &length, error))
    return NULL;
  return g_variant_new_take_string (
      g_compute_checksum_for_data (G_CHECKSUM_SHA256, (guchar *) text, length));
}

int
main (int argc, char *argv[])
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (digest, NULL, NULL);
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
        g_print ("%s  %s\n", g_variant_get_string (result, NULL), argv[i]);
      else
        g_printerr ("digests: %s\n", error->message);
      status |= error != NULL;
    }
  return status;
}
