/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Logs as they come: while the child runs, whole lines, in its order, without keeping the main loop
 * from anything else, and nothing left whatever becomes of the task. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "log-keeper.h"
#include "task-support.h"
#include "ticks.h"
#include "traces.h"

static PcallTask *
live_task (PcallFunc func, gpointer data, guint n_calls)
{
  g_autoptr (PcallTarget) target = pcall_target_new ("name", func, data, NULL);
  PcallTask *task = pcall_task_new (target);

  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_LIVE);
  pcall_task_set_grace_period (task, 1);
  return task;
}

/* Runs on the main loop. */
static void
run_on_loop (PcallTask *task)
{
  support_start (task);
  support_iterate_to_end (task);
}

static void
write_text (int fd, const char *text)
{
  gsize length = strlen (text);

  g_assert_cmpint (write (fd, text, length), ==, (gssize) length);
}

/* While it runs */

/* The child goes on when its parent has the line. */
static GVariant *
print_and_wait (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipe = user_data;

  printf ("line\n");
  support_pipe_get (pipe);
  g_info ("record");
  support_pipe_get (pipe);
  write_text (STDERR_FILENO, "raw\n");
  support_pipe_get (pipe);
  printf ("last");
  return NULL;
}

static void
answer (const LogKeeperRecord *record, gpointer data)
{
  log_keeper_keep (record);
  if (strcmp (record->message, "last") != 0)
    support_pipe_put (data, 0);
}

static void
test_arrives (void)
{
  SupportPipe pipe;
  PcallTask *task = live_task (print_and_wait, &pipe, 1);

  support_pipe_open (&pipe);
  log_keeper_reset (answer, &pipe);
  run_on_loop (task);
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: line\n0: record\n0: raw\n0: last\n");

  g_assert_finalize_object (task);
  support_pipe_close (&pipe);
}

static void
test_arrives_in_join (void)
{
  SupportPipe pipe;
  PcallTask *task = live_task (print_and_wait, &pipe, 1);

  support_pipe_open (&pipe);
  log_keeper_reset (answer, &pipe);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: line\n0: record\n0: raw\n0: last\n");

  g_assert_finalize_object (task);
  support_pipe_close (&pipe);
}

/* Whose it is, and what it was */
static GVariant *
log_fields (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_log_structured ("Domain", G_LOG_LEVEL_INFO, "A_FIELD", "a value", "MESSAGE", "record");
  printf ("line\n");
  return g_variant_new_int32 (getpid ());
}

static void
check_fields (const LogKeeperRecord *record, gpointer data)
{
  gboolean is_record = strcmp (record->message, "record") == 0;

  log_keeper_keep (record);
  g_assert_cmpstr (log_keeper_find_field (record, "PCALL_CALL"), ==, "0");
  g_assert_cmpstr (log_keeper_find_field (record, "PCALL_TARGET"), ==, "name");
  g_assert_cmpint (atoi (log_keeper_find_field (record, "PCALL_PID")), >, 1);
  g_assert_cmpstr (log_keeper_find_field (record, "A_FIELD"), ==, is_record ? "a value" : NULL);
  g_assert_cmpstr (log_keeper_find_field (record, "GLIB_DOMAIN"), ==,
                   is_record ? "Domain" : "Pcall");
  g_assert_cmpint (record->level, ==, is_record ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_MESSAGE);
}

static void
test_fields (void)
{
  PcallTask *task = live_task (log_fields, NULL, 1);

  log_keeper_reset (check_fields, NULL);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: record\n0: line\n");
  g_assert_finalize_object (task);
}

/* Whole lines, in order */

#define N_WRITERS 50
#define N_LINES 200

/* In three pieces each */
static GVariant *
write_pieces (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint call = pcall_get_call_index ();
  g_autofree char *fill = g_strnfill (50 + call, 'a' + call % 26);

  for (guint i = 0; i < N_LINES; i++)
    {
      g_autofree char *begin = g_strdup_printf ("%u %u ", call, i);

      write_text (STDOUT_FILENO, begin);
      if (i % 16 == 0)
        sched_yield ();
      write_text (STDERR_FILENO, fill);
      write_text (STDOUT_FILENO, "\n");
    }
  return NULL;
}

static void
assert_pieces (guint call)
{
  g_autofree char *fill = g_strnfill (50 + call, 'a' + call % 26);
  GString *expected = g_string_new (NULL);

  for (guint i = 0; i < N_LINES; i++)
    g_string_append_printf (expected, "%u %u %s\n", call, i, fill);
  g_assert_cmpstr (log_keeper_get_lines (call)->str, ==, expected->str);
  g_string_free (expected, TRUE);
}

static void
test_whole_lines (void)
{
  PcallTask *task = live_task (write_pieces, NULL, N_WRITERS);

  log_keeper_reset (NULL, NULL);
  run_on_loop (task);
  for (guint i = 0; i < N_WRITERS; i++)
    assert_pieces (i);
  g_assert_finalize_object (task);
}

/* The end of a call is told when all that it wrote has been passed on, if that is little. */
static GVariant *
print_and_fail (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("words");
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  return NULL;
}

static void
assert_said (PcallTask *task, PcallCall *call, guint *n)
{
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: words\n0: call 0 (name): failed: busy\n");
  (*n)++;
}

static void
test_end (void)
{
  PcallTask *task = live_task (print_and_fail, NULL, 1);
  g_autoptr (GError) error = NULL;
  guint n = 0;

  log_keeper_reset (NULL, NULL);
  g_signal_connect (task, "call-finished", G_CALLBACK (assert_said), &n);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpuint (n, ==, 1);
  g_assert_finalize_object (task);
}

static GVariant *
say_nothing (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  return NULL;
}

static void
test_silent (void)
{
  PcallTask *task = live_task (say_nothing, NULL, 2);
  g_autoptr (GError) error = NULL;

  log_keeper_reset (NULL, NULL);
  support_start (task);
  error = support_join_failing (task);
  g_assert_cmpstr (log_keeper_get_text (), ==, "");
  g_assert_finalize_object (task);
}

/* Much */

typedef struct
{
  guint64 n_bytes;
  guint64 n_lines;
} Amount;

static void
count (const LogKeeperRecord *record, gpointer data)
{
  Amount *amount = data;

  amount->n_bytes += record->length + 1;
  amount->n_lines++;
}

static GVariant *
write_much (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint64 size = *(guint64 *) user_data;
  g_autofree char *block = g_strnfill (100000, 'x');

  for (gsize i = 99; i < 100000; i += 100)
    block[i] = '\n';
  for (guint64 written = 0; written < size; written += 100000)
    g_assert_cmpint (write (STDOUT_FILENO, block, 100000), ==, 100000);
  return NULL;
}

static gsize
get_max_rss (void)
{
  struct rusage usage;

  g_assert_no_errno (getrusage (RUSAGE_SELF, &usage));
  return (gsize) usage.ru_maxrss * 1024;
}

/* What the loop may be kept from everything else: by far more than the few milliseconds that it
 * should be, and by far less than all of this takes. */
#define LONGEST_US 100000

static void
run_much (guint n_calls, guint64 size)
{
  PcallTask *task = live_task (write_much, &size, n_calls);
  gsize rss = get_max_rss ();
  Amount amount = { 0, 0 };
  Ticks ticks;
  gint64 begun = g_get_monotonic_time ();

  log_keeper_reset (count, &amount);
  support_start (task);
  ticks_begin (&ticks);
  support_iterate_to_end (task);
  ticks_end (&ticks);

  g_test_message ("%u calls, %.0f MB each: %.2f s, longest stall %.1f ms, %u ticks", n_calls,
                  size / 1e6, (g_get_monotonic_time () - begun) / 1e6, ticks.longest / 1e3,
                  ticks.n);
  g_assert_cmpuint (amount.n_bytes, ==, size * n_calls);
  g_assert_cmpuint (amount.n_lines, ==, size * n_calls / 100);
  g_assert_cmpint (ticks.longest, <, LONGEST_US);
  g_assert_cmpuint (get_max_rss () - rss, <, 16 << 20);
  g_assert_finalize_object (task);
}

/* In a process of its own, for the memory that others have had */
static void
flood (gconstpointer data)
{
  run_much (1, traces_rounds (100, 1000) * G_GUINT64_CONSTANT (1000000));
}

static void
test_flood (void)
{
  traces_in_subprocess (flood, NULL);
}

static void
floods (gconstpointer data)
{
  run_much (40, traces_rounds (2, 20) * G_GUINT64_CONSTANT (1000000));
}

static void
test_floods (void)
{
  traces_in_subprocess (floods, NULL);
}

/* Called from within */

typedef struct
{
  PcallTask *task;
  SupportPipe pipe;
  guint n_joins;
} Within;

static GVariant *
print_three_and_fail (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Within *self = user_data;

  printf ("one\n");
  support_pipe_get (&self->pipe);
  printf ("two\n");
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  return NULL;
}

/* At its first line, the child waits for us. What comes meanwhile, its end too, is seen to
 * later. */
static void
join_within (const LogKeeperRecord *record, gpointer data)
{
  Within *self = data;
  g_autoptr (GError) error = NULL;

  log_keeper_keep (record);
  if (self->n_joins++ > 0)
    return;

  support_pipe_put (&self->pipe, 0);
  g_assert_false (pcall_task_join (self->task, SUPPORT_LIMIT_S, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_BUSY);
}

static void
test_join_within (void)
{
  Within self = { .n_joins = 0 };
  g_autoptr (GError) error = NULL;

  self.task = live_task (print_three_and_fail, &self, 1);
  support_pipe_open (&self.pipe);
  log_keeper_reset (join_within, &self);
  support_start (self.task);
  error = support_join_failing (self.task);
  g_assert_cmpstr (log_keeper_get_text (), ==,
                   "0: one\n0: two\n0: call 0 (name): failed: busy\n");
  g_assert_false (pcall_task_get_running (self.task));

  g_assert_finalize_object (self.task);
  support_pipe_close (&self.pipe);
}

static GVariant *
print_and_sleep (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("asleep\n");
  for (;;)
    pause ();
  return NULL;
}

static void
terminate_within (const LogKeeperRecord *record, gpointer data)
{
  log_keeper_keep (record);
  if (strcmp (record->message, "asleep") == 0)
    pcall_task_terminate (data);
}

static void
test_terminate_within (void)
{
  PcallTask *task = live_task (print_and_sleep, NULL, 1);
  g_autoptr (GError) error = NULL;

  log_keeper_reset (terminate_within, task);
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: asleep\n0: call 0 (name): terminated\n");
  g_assert_finalize_object (task);
}

/* The last reference of the application goes at the first line. */
static void
drop_within (const LogKeeperRecord *record, gpointer data)
{
  PcallTask **task = data;

  log_keeper_keep (record);
  g_clear_object (task);
}

static gboolean
is_dropped (gpointer data)
{
  g_main_context_iteration (NULL, FALSE);
  return *(PcallTask **) data == NULL;
}

static void
test_drop_within (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = live_task (print_and_sleep, NULL, 3);
  gpointer weak = task;

  g_object_add_weak_pointer (G_OBJECT (task), &weak);
  log_keeper_reset (drop_within, &task);
  support_start (task);
  g_assert_true (traces_wait_until (is_dropped, &task));
  g_assert_null (weak);
  g_assert_nonnull (strstr (log_keeper_get_text (), "asleep"));
  traces_assert_back (before);
}

/* Ends */

static GVariant *
write_for_ever (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  for (;;)
    write_text (STDOUT_FILENO, "on and on\n");
  return NULL;
}

static void
count_lines (const LogKeeperRecord *record, gpointer data)
{
  (*(guint *) data)++;
}

static gboolean
has_lines (gpointer data)
{
  g_main_context_iteration (NULL, FALSE);
  return *(guint *) data >= 1000;
}

static void
test_dropped (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = live_task (write_for_ever, NULL, 4);
  guint n = 0;
  guint then;

  log_keeper_reset (count_lines, &n);
  support_start (task);
  g_assert_true (traces_wait_until (has_lines, &n));
  g_assert_finalize_object (task);
  then = n;
  traces_assert_back (before);
  g_assert_cmpuint (n, ==, then);
}

static void
test_terminated (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = live_task (write_for_ever, NULL, 4);
  g_autoptr (GError) error = NULL;
  guint n = 0;

  log_keeper_reset (count_lines, &n);
  support_start (task);
  g_assert_true (traces_wait_until (has_lines, &n));
  pcall_task_terminate (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_traces (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = live_task (write_pieces, NULL, 10);

  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
test_keep_logs (void)
{
  PcallTask *task = live_task (write_pieces, NULL, 3);

  pcall_task_set_keep_logs (task, TRUE);
  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autofree char *text = NULL;

      assert_pieces (i);
      g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
      g_assert_cmpstr (text, ==, log_keeper_get_lines (i)->str);
      g_assert_no_errno (g_unlink (pcall_call_get_log_file (call)));
    }
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  support_add ("/pcall/log-live/arrives/loop", test_arrives);
  support_add ("/pcall/log-live/arrives/join", test_arrives_in_join);
  support_add ("/pcall/log-live/fields", test_fields);
  support_add ("/pcall/log-live/whole-lines", test_whole_lines);
  support_add ("/pcall/log-live/end", test_end);
  support_add ("/pcall/log-live/silent", test_silent);
  g_test_add_func ("/pcall/log-live/flood", test_flood);
  g_test_add_func ("/pcall/log-live/floods", test_floods);
  support_add ("/pcall/log-live/within/join", test_join_within);
  support_add ("/pcall/log-live/within/terminate", test_terminate_within);
  support_add ("/pcall/log-live/within/drop", test_drop_within);
  support_add ("/pcall/log-live/dropped", test_dropped);
  support_add ("/pcall/log-live/terminated", test_terminated);
  support_add ("/pcall/log-live/traces", test_traces);
  support_add ("/pcall/log-live/keep-logs", test_keep_logs);

  return g_test_run ();
}
