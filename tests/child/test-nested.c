/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Tasks in children of tasks. */

#include <gio/gio.h>

#include "task-support.h"

static GVariant *
nest (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autoptr (PcallTask) task = NULL;
  g_autoptr (GVariant) results = NULL;
  guint depth;

  g_variant_get (args, "(u)", &depth);
  if (depth == 0)
    return g_variant_new_uint32 (0);

  task = pcall_task_new_for_func (nest, NULL, NULL);
  pcall_task_set_common_args (task, g_variant_new ("(u)", depth - 1));
  results = pcall_task_run (task, NULL, error);
  if (results == NULL)
    return NULL;
  g_variant_get_child (results, 0, "v", &args);
  depth = g_variant_get_uint32 (args) + 1;
  g_variant_unref (args);
  return g_variant_new_uint32 (depth);
}

static void
test_nested (void)
{
  PcallTask *task = pcall_task_new_for_func (nest, NULL, NULL);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(uint32 10,), (3,), (0,)]"));
  support_run (task, "[<uint32 10>, <uint32 3>, <uint32 0>]");

  g_assert_finalize_object (task);
}

/* An inner error comes out of as many processes as it happened in. */
static GVariant *
nest_failure (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autoptr (PcallTask) task = NULL;
  guint depth;

  g_variant_get (args, "(u)", &depth);
  if (depth == 0)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE, "from deep inside");
      return NULL;
    }

  task = pcall_task_new_for_func (nest_failure, NULL, NULL);
  pcall_task_set_common_args (task, g_variant_new ("(u)", depth - 1));
  return pcall_task_run (task, NULL, error);
}

static void
test_nested_failure (void)
{
  PcallTask *task = pcall_task_new_for_func (nest_failure, NULL, NULL);
  g_autoptr (GError) error = NULL;

  pcall_task_set_common_args (task, g_variant_new ("(u)", 3));
  g_assert_null (pcall_task_run (task, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);
  g_assert_cmpstr (error->message, ==, "from deep inside");

  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/nested/results", test_nested);
  support_add ("/pcall/nested/failure", test_nested_failure);

  return g_test_run ();
}
