/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Looks over C sources with the compiler, all at once, and tells in one log, source by source, what
 * it said.
 *
 * Each source is a call. What the compiler prints in it goes to a file of that call, together with
 * what the call itself logs; when all have ended, the files are joined into the log of this
 * program. Nothing in here says so: it is what happens to output. */

#define G_LOG_DOMAIN "cccheck"

#include <pcall-glib/pcall.h>

static GVariant *
check_source (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const char *source;
  const char *command[] = { "cc", "-Wall", "-Wextra", "-fsyntax-only", NULL, NULL };
  gint64 begun = g_get_monotonic_time ();
  gint status;

  if (!pcall_parse_args (args, kwargs, error, "(^&ay)", &source, NULL))
    return NULL;
  command[4] = source;
  g_message ("%s: checking", source);

  if (!g_spawn_sync (NULL, (char **) command, NULL,
                     G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, NULL, NULL,
                     &status, error))
    return NULL;
  if (!g_spawn_check_wait_status (status, NULL))
    g_warning ("%s: does not compile", source);
  return g_variant_new_double ((g_get_monotonic_time () - begun) / (gdouble) G_USEC_PER_SEC);
}

static GVariant *
make_arguments (char **sources)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ay)"));
  for (; *sources != NULL; sources++)
    g_variant_builder_add (&builder, "(^ay)", *sources);
  return g_variant_builder_end (&builder);
}

int
main (int argc, char *argv[])
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (check_source, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  g_autoptr (GError) error = NULL;

  if (argc < 2)
    {
      g_printerr ("usage: %s SOURCE…\n", argv[0]);
      return 2;
    }

  pcall_task_set_instance_args (task, make_arguments (argv + 1));
  pcall_task_set_max_children (task, g_get_num_processors ());
  pcall_task_set_timeout (task, 60);
  results = pcall_task_run (task, NULL, &error);
  if (results != NULL)
    return 0;

  g_critical ("%s", error->message);
  return 1;
}
