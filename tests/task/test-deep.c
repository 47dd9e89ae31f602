/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Values that are nested so deeply that nobody can read them back: GLib makes such, and reads
 * something else. What cannot be sent is an error of its call, and of no other. */

#include <pcall-glib/pcall.h>

#include "spawn-support.h"

/* Levels of variants around a number: so many can be sent, at the most. */
#define MOST 124

typedef enum
{
  RESULT,
  MESSAGE,
  DETAILS,
} Which;

typedef struct
{
  const char *path;
  guint       calls_per_child;
  guint       levels;
  Which       which;
  gboolean    arrives;
} Row;

static const Row rows[] = {
  { "/deep/once/result", 1, MOST, RESULT, TRUE },
  { "/deep/once/result-too-deep", 1, MOST + 1, RESULT, FALSE },
  { "/deep/once/message", 1, MOST, MESSAGE, TRUE },
  { "/deep/once/message-too-deep", 1, MOST + 1, MESSAGE, FALSE },
  { "/deep/once/details", 1, MOST - 3, DETAILS, TRUE }, /* in a dictionary */
  { "/deep/once/details-too-deep", 1, MOST, DETAILS, FALSE },
  { "/deep/reuse/result", 0, MOST, RESULT, TRUE },
  { "/deep/reuse/result-too-deep", 0, MOST + 1, RESULT, FALSE },
  { "/deep/reuse/message-too-deep", 0, MOST + 1, MESSAGE, FALSE },
  { "/deep/reuse/details", 0, MOST - 3, DETAILS, TRUE },
  { "/deep/reuse/details-too-deep", 0, MOST, DETAILS, FALSE },
};

static GVariant *
nest (guint levels)
{
  GVariant *value = g_variant_new_uint32 (42);

  for (guint i = 0; i < levels; i++)
    value = g_variant_new_variant (value);
  return value;
}

static gboolean
is_nested (GVariant *value,
           guint     levels)
{
  g_autoptr (GVariant) at = g_variant_ref (value);

  for (guint i = 0; i < levels; i++)
    {
      g_autoptr (GVariant) outer = g_steal_pointer (&at);

      if (!g_variant_is_of_type (outer, G_VARIANT_TYPE_VARIANT))
        return FALSE;
      at = g_variant_get_variant (outer);
    }
  return g_variant_is_of_type (at, G_VARIANT_TYPE_UINT32) && g_variant_get_uint32 (at) == 42;
}

/* The second call of three. What it cannot send is a mistake, which is logged. */
static GVariant *
send_nested (GVariant  *args,
             GVariant  *kwargs,
             gpointer   user_data,
             GError   **error)
{
  const Row *row = user_data;
  GVariantDict details = G_VARIANT_DICT_INIT (NULL);

  if (pcall_get_call_index () != 1)
    return g_variant_new_uint32 (pcall_get_call_index ());
  if (row->which == RESULT)
    return nest (row->levels);

  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  if (row->which == MESSAGE)
    pcall_send_message (nest (row->levels));
  if (row->which == MESSAGE)
    return g_variant_new_uint32 (1);

  g_variant_dict_insert_value (&details, "deep", nest (row->levels));
  pcall_set_error_details (g_variant_dict_end (&details));
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not found");
  return NULL;
}

typedef struct
{
  const Row *row;
  guint      n_messages;
} Heard;

static void
on_message (PcallTask *task,
            PcallCall *call,
            GVariant  *message,
            Heard     *heard)
{
  g_assert_true (is_nested (message, heard->row->levels));
  heard->n_messages++;
}

static void
check_second (PcallCall *call,
              const Row *row)
{
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  g_autoptr (GError) error = pcall_call_dup_error (call);
  g_autoptr (GVariant) details = pcall_call_dup_error_details (call);
  g_autoptr (GVariant) deep = NULL;

  if (row->which == MESSAGE || (row->which == RESULT && row->arrives))
    {
      g_assert_no_error (error);
      g_assert_true (row->which == MESSAGE || is_nested (result, row->levels));
      return;
    }
  if (row->which == RESULT)
    {
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_FAILED);
      g_assert_nonnull (strstr (error->message, "call 1: its result could not be sent"));
      return;
    }

  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  deep = details != NULL ? g_variant_lookup_value (details, "deep", NULL) : NULL;
  g_assert_true (row->arrives ? is_nested (deep, row->levels) : deep == NULL);
}

static void
test_forked (gconstpointer data)
{
  const Row *row = data;
  g_autoptr (PcallTask) task = pcall_task_new_for_func (send_nested, (gpointer) row, NULL);
  Heard heard = { row, 0 };

  pcall_task_set_n_calls (task, 3);
  pcall_task_set_calls_per_child (task, row->calls_per_child);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  g_signal_connect (task, "call-message", G_CALLBACK (on_message), &heard);
  support_start (task);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);

  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      if (i == 1)
        check_second (call, row);
      else
        g_assert_cmpuint (g_variant_get_uint32 (result), ==, i);
    }
  g_assert_cmpuint (heard.n_messages, ==, row->which == MESSAGE && row->arrives);
}

static GVariant *
new_arguments (guint levels)
{
  GVariant *values[] = { g_variant_new_variant (g_variant_new_uint32 (1)),
                         g_variant_new_variant (nest (levels)) };

  return g_variant_new_array (G_VARIANT_TYPE_VARIANT, values, G_N_ELEMENTS (values));
}

/* Arguments of a worker have a way to go, too. */
static void
test_arguments (void)
{
  g_autoptr (PcallTarget) target = spawn_target ("nothing");
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (PcallCall) shallow = NULL;
  g_autoptr (PcallCall) deep = NULL;
  g_autoptr (GError) error = NULL;

  pcall_task_set_argument (task, "x", new_arguments (MOST + 10));
  support_start (task);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);

  shallow = pcall_task_dup_call (task, 0);
  deep = pcall_task_dup_call (task, 1);
  g_assert_cmpint (pcall_call_get_state (shallow), ==, PCALL_CALL_STATE_SUCCEEDED);
  error = pcall_call_dup_error (deep);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==,
                   "call 1: its arguments are nested more than 124 levels deep");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_forked);
  g_test_add_func ("/deep/worker/arguments", test_arguments);

  return g_test_run ();
}
