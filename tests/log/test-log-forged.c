/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Records that say what is not theirs to say: that they are settled, or of another call. They do
 * not end a parent that warnings end, and stand in the log as those of the call that logged
 * them. */

#include <stdlib.h>

#include "log-keeper.h"
#include "task-support.h"
#include "traces.h"

#define OLD_API(value, length) { "GLIB_OLD_LOG_API", value, length }
#define MESSAGE { "MESSAGE", "forged", -1 }
#define DOMAIN { "GLIB_DOMAIN", "Test", -1 }
#define CALL { "PCALL_CALL", "77", -1 }
#define PID { "PCALL_PID", "1", -1 }
#define TARGET { "PCALL_TARGET", "other", -1 }
#define MAX_FIELDS 6

static const struct
{
  const char *name;
  GLogField   fields[MAX_FIELDS];
} records[] = {
  { "old-api/0", { OLD_API ("0", -1), MESSAGE, DOMAIN } },
  { "old-api/empty", { OLD_API ("", -1), MESSAGE, DOMAIN } },
  { "old-api/no-value", { OLD_API (NULL, 0), MESSAGE, DOMAIN } },
  { "old-api/11", { OLD_API ("11", -1), MESSAGE, DOMAIN } },
  { "old-api/1-with-length", { OLD_API ("10", 1), MESSAGE, DOMAIN } },
  { "old-api/second", { MESSAGE, OLD_API ("1", -1), DOMAIN } },
  { "old-api/twice", { OLD_API ("0", -1), OLD_API ("1", -1), MESSAGE } },
  { "old-api/none", { MESSAGE, DOMAIN } },
  { "call/first", { CALL, MESSAGE, DOMAIN } },
  { "call/within", { MESSAGE, CALL, DOMAIN } },
  { "call/last", { MESSAGE, DOMAIN, CALL } },
  { "call/with-pid", { MESSAGE, DOMAIN, CALL, PID } },
  { "call/all", { MESSAGE, DOMAIN, CALL, PID, TARGET } },
  { "call/twice", { CALL, MESSAGE, CALL, PID, TARGET } },
  { "call/old-api", { OLD_API ("0", -1), CALL, MESSAGE, TARGET } },
  { "call/alone", { MESSAGE, CALL, PID, TARGET, DOMAIN } },
};

/* In the child, nothing is fatal. */
static GVariant *
forge (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gsize i = GPOINTER_TO_SIZE (user_data);
  gsize n = 0;

  while (n < MAX_FIELDS && records[i].fields[n].key != NULL)
    n++;
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  g_log_structured_array (G_LOG_LEVEL_WARNING, records[i].fields, n);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
check_record (const LogKeeperRecord *record, gpointer data)
{
  guint *n = data;

  if (strcmp (record->message, "forged") != 0)
    return;
  (*n)++;
  g_assert_cmpstr (log_keeper_find_field (record, "PCALL_CALL"), !=, "77");
  g_assert_cmpstr (log_keeper_find_field (record, "PCALL_PID"), !=, "1");
  g_assert_cmpstr (log_keeper_find_field (record, "PCALL_TARGET"), ==, "true");
  g_assert_cmpint (record->level & G_LOG_LEVEL_MASK, ==, G_LOG_LEVEL_WARNING);
  g_assert_cmpuint (record->call, <, 2);
}

static void
be_forged (gconstpointer data)
{
  gsize index = GPOINTER_TO_SIZE (data);

  g_log_set_always_fatal (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  for (guint calls_per_child = 0; calls_per_child < 2; calls_per_child++)
    for (PcallLogMode mode = PCALL_LOG_MODE_SECTIONS; mode <= PCALL_LOG_MODE_LIVE; mode++)
      {
        g_autoptr (PcallTarget) target
            = pcall_target_new ("true", forge, GSIZE_TO_POINTER (index), NULL);
        g_autoptr (PcallTask) task = pcall_task_new (target);
        guint n = 0;

        pcall_task_set_n_calls (task, 2);
        pcall_task_set_calls_per_child (task, calls_per_child);
        pcall_task_set_log_mode (task, mode);
        log_keeper_reset (check_record, &n);
        support_run (task, "[<uint32 0>, <uint32 1>]");
        g_assert_cmpuint (n, ==, 2);
      }
}

static void
test_forged (gconstpointer data)
{
  traces_in_subprocess (be_forged, data);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-forged/", records[i].name, NULL);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_forged);
    }

  return g_test_run ();
}
