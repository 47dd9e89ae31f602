/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* No room for what children log: a full disk, and files that may not grow. It costs lines, each of
 * which is counted, and never a result. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "log-keeper.h"
#include "namespaces.h"
#include "task-support.h"
#include "traces.h"

static PcallTask *
new_task (PcallFunc func, gpointer data, guint n_calls)
{
  g_autoptr (PcallTarget) target = pcall_target_new ("name", func, data, NULL);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_grace_period (task, 1);
  return task;
}

static void
assert_all_succeeded (PcallTask *task)
{
  g_autoptr (GVariant) results = pcall_task_dup_results (task);

  g_assert_nonnull (results);
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autofree char *expected = g_strdup_printf ("uint32 %u", i);

      support_assert_result (task, i, expected);
    }
}

/* A mount namespace of our own, with a small file system at /mnt. FALSE where there is none to
 * be had. */
static gboolean
enter_namespace (const char *options)
{
  if (unshare (CLONE_NEWNS) == 0 && mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
      mount ("none", "/mnt", "tmpfs", 0, options) == 0)
    return TRUE;

  g_printerr ("skipped: no mount namespace: %s\n", g_strerror (errno));
  return FALSE;
}

#define N_RECORDS 500
#define RECORD_SIZE 1000

static void
log_numbered (guint number, const char *text)
{
  g_autofree char *digits = g_strdup_printf ("%u", number);

  g_log_structured ("Test", G_LOG_LEVEL_INFO, "NUMBER", digits, "MESSAGE", "%s", text);
}

static GVariant *
log_much (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *text = g_strnfill (RECORD_SIZE, 'x');

  for (guint i = 0; i < N_RECORDS; i++)
    log_numbered (i, text);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

typedef struct
{
  guint n_whole;
  guint n_lost;
  guint n_notes;
  const char *reason;
} Room;

static void
count_record (const LogKeeperRecord *record, gpointer data)
{
  Room *room = data;
  const char *number = log_keeper_find_field (record, "NUMBER");
  guint64 lost = 0;
  const char *note = strstr (record->message, "): ");

  if (number != NULL)
    {
      g_assert_cmpuint (record->length, ==, RECORD_SIZE);
      g_assert_cmpuint (strspn (record->message, "x"), ==, RECORD_SIZE);
      room->n_whole++;
      return;
    }
  if (!g_str_has_prefix (record->message, "call ") || note == NULL)
    return;

  lost = g_ascii_strtoull (note + 3, NULL, 10);
  g_assert_cmpint (record->level, ==, G_LOG_LEVEL_WARNING);
  g_assert_nonnull (strstr (record->message, " of its lines were lost: "));
  g_assert_nonnull (strstr (record->message, room->reason));
  room->n_lost += lost;
  room->n_notes++;
}

static void
assert_room (Room *room, guint n_calls)
{
  g_test_message ("%u records, %u lost, said %u times", room->n_whole, room->n_lost,
                  room->n_notes);
  g_assert_cmpuint (room->n_whole, >, 0);
  g_assert_cmpuint (room->n_lost, >, 0);
  g_assert_cmpuint (room->n_whole + room->n_lost, ==, n_calls * N_RECORDS);
  g_assert_cmpuint (room->n_notes, <=, n_calls);
}

static void
fill_disk (gconstpointer data)
{
  Room room = { .reason = "No space left on device" };
  PcallTask *task = new_task (log_much, NULL, 20);

  if (enter_namespace ("size=1m"))
    {
      pcall_task_set_log_directory (task, "/mnt/logs");
      log_keeper_reset (count_record, &room);
      support_run (task, NULL);
      assert_all_succeeded (task);
      assert_room (&room, 20);
    }
  g_assert_finalize_object (task);
  g_assert_false (g_file_test ("/mnt/logs", G_FILE_TEST_EXISTS));
}

static void
test_full_disk (void)
{
  if (!skip_without_namespace (CLONE_NEWNS))
    traces_in_subprocess (fill_disk, NULL);
}

static void
limit_file_size (gsize size)
{
  struct rlimit limit = { size, size };

  g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &limit));
}

static void
exceed_quota (gconstpointer data)
{
  Room room = { .reason = "File too large" };
  PcallTask *task = new_task (log_much, NULL, 5);

  log_keeper_reset (count_record, &room);
  limit_file_size (100000);
  support_run (task, NULL);
  assert_all_succeeded (task);
  assert_room (&room, 5);
  g_assert_cmpuint (room.n_notes, ==, 5);
  g_assert_finalize_object (task);
}

static void
test_quota (void)
{
  traces_in_subprocess (exceed_quota, NULL);
}

/* Threads of a child lose theirs at the same time, and none of these goes uncounted. */
static gpointer
log_much_in_thread (gpointer data)
{
  g_autofree char *text = g_strnfill (RECORD_SIZE, 'x');

  for (guint i = 0; i < N_RECORDS / 4; i++)
    log_numbered (i, text);
  return NULL;
}

static GVariant *
log_much_from_threads (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  GThread *threads[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("log", log_much_in_thread, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
exceed_quota_from_threads (gconstpointer data)
{
  Room room = { .reason = "File too large" };
  PcallTask *task = new_task (log_much_from_threads, NULL, 20);

  log_keeper_reset (count_record, &room);
  limit_file_size (20000);
  support_run (task, NULL);
  assert_all_succeeded (task);
  assert_room (&room, 20);
  g_assert_finalize_object (task);
}

static void
test_quota_of_threads (void)
{
  traces_in_subprocess (exceed_quota_from_threads, NULL);
}

/* Through the C library it can only be known that something was lost. */
static GVariant *
print_much (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (guint i = 0; i < 10000; i++)
    printf ("line %u\n", i);
  return g_variant_new_uint32 (pcall_get_call_index ());
}

static void
exceed_quota_by_print (gconstpointer data)
{
  PcallTask *task = new_task (print_much, NULL, 2);
  const char *text;

  log_keeper_reset (NULL, NULL);
  limit_file_size (20000);
  support_run (task, NULL);
  assert_all_succeeded (task);
  text = log_keeper_get_text ();
  g_assert_nonnull (strstr (text, "0: line 1000\n"));
  g_assert_null (strstr (text, "line 9999"));
  g_assert_nonnull (
      strstr (text, "0: call 0 (name): at least 1 of its lines were lost: File too large\n0: <<<<"));
  g_assert_nonnull (
      strstr (text, "1: call 1 (name): at least 1 of its lines were lost: File too large\n1: <<<<"));
  g_assert_finalize_object (task);
}

static void
test_quota_of_print (void)
{
  traces_in_subprocess (exceed_quota_by_print, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  g_test_add_func ("/pcall/log-room/full-disk", test_full_disk);
  g_test_add_func ("/pcall/log-room/quota", test_quota);
  g_test_add_func ("/pcall/log-room/quota-of-threads", test_quota_of_threads);
  g_test_add_func ("/pcall/log-room/quota-of-print", test_quota_of_print);

  return g_test_run ();
}
