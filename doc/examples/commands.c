/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs commands of the shell at the same time, and prints what each has written, in order.
 *
 * usage: commands COMMAND… */

#include <pcall-glib/pcall.h>

static GVariant *
run (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const char *argv[] = { "sh", "-c", NULL, NULL };
  g_autofree char *output = NULL;
  int status;

  if (!pcall_parse_args (args, kwargs, error, "(^&ay)", &argv[2], NULL) ||
      !g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, NULL,
                     &status, error) ||
      !g_spawn_check_wait_status (status, error))
    return NULL;
  return g_variant_new_bytestring (output);
}

int
main (int argc, char *argv[])
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (run, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  GVariantBuilder arguments;
  int status = 0;

  g_variant_builder_init (&arguments, G_VARIANT_TYPE ("a(ay)"));
  for (int i = 1; i < argc; i++)
    g_variant_builder_add (&arguments, "(^ay)", argv[i]);
  pcall_task_set_instance_args (task, g_variant_builder_end (&arguments));
  results = pcall_task_run (task, NULL, NULL);
  for (int i = 1; i < argc; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i - 1);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);
      g_autoptr (GError) error = pcall_call_dup_error (call);

      g_print ("%s: %s", argv[i], error == NULL ? g_variant_get_bytestring (result) : "failed\n");
      status |= error != NULL;
    }
  return status;
}
