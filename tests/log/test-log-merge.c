/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Sections of the main log: what they say, in which order, and when; how much time and memory that
 * takes; and what may happen meanwhile. */

#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "log-keeper.h"
#include "task-support.h"
#include "ticks.h"
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

/* What sections say */

static GVariant *
end_all_ways (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  switch (pcall_get_call_index ())
    {
    case 0:
      break;
    case 1:
      printf ("fine\n");
      break;
    case 2:
      printf ("before the crash\n");
      raise (SIGTERM);
      break;
    case 3:
      printf ("before the error");
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
      break;
    case 4:
      printf ("before the timeout\n");
      for (;;)
        pause ();
    case 5:
      printf ("before the exit\n");
      fflush (stdout);
      _exit (3);
    default:
      raise (SIGTERM);
    }
  return NULL;
}

static void
test_ends (void)
{
  PcallTask *task = new_task (end_all_ways, NULL, 7);
  g_autoptr (GError) error = NULL;

  pcall_task_set_timeout (task, 0.5);
  log_keeper_reset (NULL, NULL);
  support_start (task);
  error = support_join_failing (task);
  g_assert_cmpstr (log_keeper_get_text (), ==,
                   "1: >>>>\n1: fine\n1: <<<<\n"
                   "2: >>>>\n2: before the crash\n"
                   "2: call 2 (name): killed by signal 15 (Terminated)\n2: <<<<\n"
                   "3: >>>>\n3: before the error\n3: call 3 (name): failed: busy\n3: <<<<\n"
                   "4: >>>>\n4: before the timeout\n"
                   "4: call 4 (name): timed out after 0.5 s\n4: <<<<\n"
                   "5: >>>>\n5: before the exit\n"
                   "5: call 5 (name): exited with status 3 without handing over a result\n"
                   "5: <<<<\n");
  g_assert_finalize_object (task);
}

/* The marks name the file, the second the same one. */
static void
check_mark (const LogKeeperRecord *record, gpointer data)
{
  GPtrArray *paths = data;
  const char *path = strchr (record->message, '/');

  if (g_str_has_prefix (record->message, ">>>> Begin child log ") ||
      g_str_has_prefix (record->message, "<<<< End child log "))
    {
      g_autofree char *name = g_strdup_printf ("-call-%u-pid-%s.log", record->call,
                                               log_keeper_find_field (record, "PCALL_PID"));

      g_assert_true (g_str_has_suffix (path, name));
      g_assert_cmpint (record->level, ==, G_LOG_LEVEL_MESSAGE);
      g_ptr_array_add (paths, g_strdup (path));
    }
}

static GVariant *
print_index (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("%u\n", pcall_get_call_index ());
  return NULL;
}

static void
test_marks (void)
{
  PcallTask *task = new_task (print_index, NULL, 3);
  g_autoptr (GPtrArray) paths = g_ptr_array_new_with_free_func (g_free);

  log_keeper_reset (check_mark, paths);
  support_run (task, NULL);
  g_assert_cmpuint (paths->len, ==, 6);
  for (guint i = 0; i < 6; i += 2)
    g_assert_cmpstr (paths->pdata[i], ==, paths->pdata[i + 1]);
  g_assert_finalize_object (task);
}

/* No byte lost or mixed */

#define N_CHILDREN 200
#define N_ITEMS 24

enum
{
  ITEM_PRINTF,
  ITEM_RAW_OUT,
  ITEM_RAW_ERR,
  ITEM_LOG,
  ITEM_STRUCTURED,
  ITEM_ARRAY,
  N_ITEM_KINDS,
};

/* What is written as item @i, without the end of the line: text, or any bytes where that can be */
static GString *
make_item (GRand *random, guint call, guint i, guint *kind)
{
  GString *item = g_string_new (NULL);
  gsize length = g_rand_int_range (random, 0, g_rand_int_range (random, 0, 8) == 0 ? 20000 : 100);

  *kind = g_rand_int_range (random, 0, N_ITEM_KINDS);
  g_string_printf (item, "%u.%u ", call, i);
  for (gsize n = 0; n < length; n++)
    {
      guint byte = g_rand_int_range (random, 0, 256);
      gboolean is_log = *kind == ITEM_STRUCTURED || *kind == ITEM_ARRAY;

      if (*kind == ITEM_PRINTF || *kind == ITEM_LOG)
        byte = 32 + byte % 95;
      if ((byte == '\n' && !is_log) || (byte == 0 && *kind != ITEM_ARRAY && *kind != ITEM_RAW_OUT))
        byte = '_';
      g_string_append_c (item, byte);
    }
  return item;
}

static void
write_raw (int fd, GString *item)
{
  g_string_append_c (item, '\n');
  g_assert_cmpint (write (fd, item->str, item->len), ==, (gssize) item->len);
}

static void
write_item (guint kind, GString *item)
{
  GLogField fields[] = { { "MESSAGE", item->str, item->len }, { "OTHER", "1", -1 } };

  switch (kind)
    {
    case ITEM_PRINTF:
      printf ("%s\n", item->str);
      break;
    case ITEM_RAW_OUT:
    case ITEM_RAW_ERR:
      write_raw (kind == ITEM_RAW_OUT ? STDOUT_FILENO : STDERR_FILENO, item);
      break;
    case ITEM_LOG:
      g_info ("%s", item->str);
      break;
    case ITEM_STRUCTURED:
      g_log_structured ("Domain", G_LOG_LEVEL_INFO, "MESSAGE", "%s", item->str);
      break;
    case ITEM_ARRAY:
      g_log_structured_array (G_LOG_LEVEL_MESSAGE, fields, G_N_ELEMENTS (fields));
      break;
    default:
      g_assert_not_reached ();
    }
}

static guint32
seed_of (guint32 round, guint call)
{
  return round * 7919 + call;
}

static GVariant *
write_items (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint call = pcall_get_call_index ();
  GRand *random = g_rand_new_with_seed (seed_of (*(guint32 *) user_data, call));

  for (guint i = 0; i < N_ITEMS; i++)
    {
      guint kind;
      GString *item = make_item (random, call, i, &kind);

      write_item (kind, item);
      g_string_free (item, TRUE);
    }
  g_rand_free (random);
  if (call % 10 == 0)
    g_assert_cmpint (system ("echo from a program"), ==, 0);
  return NULL;
}

static void
assert_items (guint32 round, guint call)
{
  GRand *random = g_rand_new_with_seed (seed_of (round, call));
  const GString *lines = log_keeper_get_lines (call);
  GString *expected = g_string_new (NULL);
  guint kind;

  for (guint i = 0; i < N_ITEMS; i++)
    {
      GString *item = make_item (random, call, i, &kind);

      g_string_append_len (expected, item->str, item->len);
      g_string_append_c (expected, '\n');
      g_string_free (item, TRUE);
    }
  if (call % 10 == 0)
    g_string_append (expected, "from a program\n");
  g_assert_cmpmem (lines->str, lines->len, expected->str, expected->len);
  g_string_free (expected, TRUE);
  g_rand_free (random);
}

static void
test_nothing_lost (gconstpointer data)
{
  guint32 n_rounds = traces_rounds (3, 100);
  g_autofree char *before = traces_take ();

  for (guint32 round = 0; round < n_rounds; round++)
    {
      PcallTask *task = new_task (write_items, &round, N_CHILDREN);

      pcall_task_set_log_mode (task, GPOINTER_TO_INT (data));
      log_keeper_reset (NULL, NULL);
      support_run (task, NULL);
      for (guint i = 0; i < N_CHILDREN; i++)
        assert_items (round, i);
      g_assert_finalize_object (task);
    }
  traces_assert_back (before);
}

/* Much */

static GVariant *
write_much (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  const gsize size = 128 * 1024;
  g_autofree char *block = g_strnfill (size, 'x');

  for (gsize i = 127; i < size; i += 128)
    block[i] = '\n';
  for (guint64 written = 0; written < *(guint64 *) user_data; written += size)
    g_assert_cmpint (write (STDOUT_FILENO, block, size), ==, (gssize) size);
  return NULL;
}

typedef struct
{
  guint64 n_lines;
  gboolean finished;
} Progress;

static void
count_line (const LogKeeperRecord *record, gpointer data)
{
  Progress *progress = data;

  progress->n_lines++;
  g_assert_false (progress->finished);
}

static void
set_finished (PcallTask *task, Progress *progress)
{
  progress->finished = TRUE;
}

static gsize
get_max_rss (void)
{
  struct rusage usage;

  g_assert_no_errno (getrusage (RUSAGE_SELF, &usage));
  return (gsize) usage.ru_maxrss * 1024;
}

/* By far more than the few milliseconds that it should be, and by far less than all of it takes. */
#define LONGEST_US 100000

static void
merge_much (gconstpointer data)
{
  guint64 size = traces_rounds (256, 1024) * (guint64) (1 << 20);
  PcallTask *task = new_task (write_much, &size, 1);
  Progress progress = { 0, FALSE };
  gsize rss = get_max_rss ();
  gint64 begun = g_get_monotonic_time ();
  Ticks ticks;

  log_keeper_reset (count_line, &progress);
  g_signal_connect (task, "finished", G_CALLBACK (set_finished), &progress);
  support_start (task);
  ticks_begin (&ticks);
  support_iterate_to_end (task);
  ticks_end (&ticks);

  g_test_message ("%.2f s, longest stall %.1f ms, %u ticks", (g_get_monotonic_time () - begun) / 1e6, ticks.longest / 1e3,
                  ticks.n);
  g_assert_true (progress.finished);
  g_assert_cmpuint (progress.n_lines, ==, size / 128 + 2);
  g_assert_cmpint (ticks.longest, <, LONGEST_US);
  g_assert_cmpuint (get_max_rss () - rss, <, 8 << 20);
  g_assert_finalize_object (task);
}

/* In a process of its own, for the memory that others have had */
static void
test_much (void)
{
  traces_in_subprocess (merge_much, NULL);
}

/* While it is being merged */

static guint64 some = 32 << 20;
#define N_SOME ((32 << 20) / 128)

static void
test_join_times_out (void)
{
  PcallTask *task = new_task (write_much, &some, 1);
  Progress progress = { 0, FALSE };
  guint n_timeouts = 0;
  guint n_while_merging = 0;

  log_keeper_reset (count_line, &progress);
  support_start (task);
  for (;;)
    {
      g_autoptr (GError) error = NULL;
      guint64 before = progress.n_lines;

      if (pcall_task_join (task, 0.001, NULL, &error))
        break;
      g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
      n_while_merging += before > 0;
      if (progress.n_lines > 0)
        g_assert_nonnull (strstr (error->message, "log"));
      n_timeouts++;
    }
  g_assert_cmpuint (n_while_merging, >, 0);
  g_assert_cmpuint (n_timeouts, >=, n_while_merging);
  g_assert_cmpuint (progress.n_lines, ==, N_SOME + 2);
  g_assert_false (pcall_task_get_running (task));
  g_assert_finalize_object (task);
}

static gboolean
has_begun (gpointer data)
{
  g_main_context_iteration (NULL, FALSE);
  return ((Progress *) data)->n_lines > 0;
}

static void
test_dropped (void)
{
  g_autofree char *before = traces_take ();
  PcallTask *task = new_task (write_much, &some, 2);
  Progress progress = { 0, FALSE };
  guint64 then;

  log_keeper_reset (count_line, &progress);
  support_start (task);
  g_assert_true (traces_wait_until (has_begun, &progress));
  g_assert_cmpuint (progress.n_lines, <, N_SOME);
  then = progress.n_lines;
  g_assert_finalize_object (task);
  traces_assert_back (before);
  g_assert_cmpuint (progress.n_lines, ==, then);
}

/* All calls have ended: there is nothing to terminate. */
static void
test_terminated (void)
{
  PcallTask *task = new_task (write_much, &some, 1);
  Progress progress = { 0, FALSE };

  log_keeper_reset (count_line, &progress);
  support_start (task);
  g_assert_true (traces_wait_until (has_begun, &progress));
  pcall_task_terminate (task);
  support_join (task);
  g_assert_cmpuint (progress.n_lines, ==, N_SOME + 2);
  g_assert_finalize_object (task);
}

/* From within the writer */

typedef struct
{
  PcallTask *task;
  void (*call) (PcallTask **task);
  guint n;
} Within;

static void
call_within (const LogKeeperRecord *record, gpointer data)
{
  Within *self = data;

  log_keeper_keep (record);
  self->n++;
  if (self->task != NULL)
    self->call (&self->task);
}

static void
join_within (PcallTask **task)
{
  support_join (*task);
}

static void
look_within (PcallTask **task)
{
  g_autoptr (GVariant) results = pcall_task_dup_results (*task);
  g_autoptr (PcallCall) call = pcall_task_dup_call (*task, 0);

  g_assert_nonnull (results);
  g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_SUCCEEDED);
  g_assert_true (pcall_task_get_running (*task));
  g_assert_cmpuint (pcall_task_get_n_finished (*task), ==, 3);
}

static void
terminate_within (PcallTask **task)
{
  pcall_task_terminate (*task);
}

static void
dispatch_within (PcallTask **task)
{
  g_assert_true (pcall_task_dispatch (*task));
}

static void
iterate_within (PcallTask **task)
{
  g_main_context_iteration (NULL, FALSE);
}

typedef struct
{
  const char *name;
  void (*call) (PcallTask **task);
} WithinRow;

static const WithinRow calls_within[] = {
  { "join", join_within },         { "look", look_within },       { "terminate", terminate_within },
  { "dispatch", dispatch_within }, { "iterate", iterate_within },
};

static void
test_within (gconstpointer data)
{
  const WithinRow *row = data;
  Within self = { .task = new_task (print_index, NULL, 3), .call = row->call };

  log_keeper_reset (call_within, &self);
  support_start (self.task);
  support_join (self.task);
  g_assert_cmpuint (self.n, ==, 9);
  g_assert_cmpstr (log_keeper_get_text (), ==,
                   "0: >>>>\n0: 0\n0: <<<<\n1: >>>>\n1: 1\n1: <<<<\n2: >>>>\n2: 2\n2: <<<<\n");
  g_assert_false (pcall_task_get_running (self.task));
  g_assert_finalize_object (self.task);
}

/* The last reference of the application: nothing more comes, and nothing is left. */
static void
drop_within (PcallTask **task)
{
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
  Within self = { .task = new_task (print_index, NULL, 3), .call = drop_within };
  gpointer weak = self.task;

  g_object_add_weak_pointer (G_OBJECT (self.task), &weak);
  log_keeper_reset (call_within, &self);
  support_start (self.task);
  g_assert_true (traces_wait_until (is_dropped, &self.task));
  g_assert_null (weak);
  traces_assert_back (before);
}

/* Files */

/* Somebody reads along, by the name that the call tells, while it runs. */
static GVariant *
print_and_wait (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipes = user_data;

  g_info ("a record");
  printf ("a line\n");
  support_pipe_put (&pipes[0], 0);
  support_pipe_get (&pipes[1]);
  return NULL;
}

static void
read_along (PcallTask *task, PcallCall *call, SupportPipe *pipes)
{
  g_autofree char *text = NULL;

  support_pipe_get (&pipes[0]);
  g_assert_nonnull (pcall_call_get_log_file (call));
  g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
  g_assert_nonnull (strstr (text, " INFO: a record\x1f "));
  g_assert_true (g_str_has_suffix (text, "\x1e\na line\n"));
  support_pipe_put (&pipes[1], 0);
}

static void
test_read_along (void)
{
  SupportPipe pipes[2];
  PcallTask *task = new_task (print_and_wait, pipes, 1);
  g_autoptr (PcallCall) call = NULL;

  support_pipe_open (&pipes[0]);
  support_pipe_open (&pipes[1]);
  log_keeper_reset (NULL, NULL);
  g_signal_connect (task, "call-started", G_CALLBACK (read_along), pipes);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: >>>>\n0: a record\n0: a line\n0: <<<<\n");
  call = pcall_task_dup_call (task, 0);
  g_assert_null (pcall_call_get_log_file (call));

  g_clear_object (&call);
  g_assert_finalize_object (task);
  support_pipe_close (&pipes[0]);
  support_pipe_close (&pipes[1]);
}

static GVariant *
log_and_print (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_info ("a record");
  printf ("a line\n");
  return NULL;
}

static void
test_keep_logs (void)
{
  PcallTask *task = new_task (log_and_print, NULL, 2);
  g_autoptr (PcallCall) call = NULL;

  pcall_task_set_keep_logs (task, TRUE);
  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  g_assert_cmpstr (log_keeper_get_text (), ==,
                   "0: >>>>\n0: a record\n0: a line\n0: <<<<\n"
                   "1: >>>>\n1: a record\n1: a line\n1: <<<<\n");
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *text = NULL;

      g_clear_object (&call);
      call = pcall_task_dup_call (task, i);
      g_assert_true (g_file_get_contents (pcall_call_get_log_file (call), &text, NULL, NULL));
      g_assert_true (g_str_has_suffix (text, "\x1e\na line\n"));
      g_assert_no_errno (g_unlink (pcall_call_get_log_file (call)));
    }
  g_assert_finalize_object (task);
}

static void
add_within (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (calls_within); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-merge/within/", calls_within[i].name, NULL);

      g_test_add_data_func (path, &calls_within[i], test_within);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  support_add ("/pcall/log-merge/ends", test_ends);
  support_add ("/pcall/log-merge/marks", test_marks);
  g_test_add_data_func ("/pcall/log-merge/nothing-lost/sections",
                        GINT_TO_POINTER (PCALL_LOG_MODE_SECTIONS), test_nothing_lost);
  g_test_add_data_func ("/pcall/log-merge/nothing-lost/live",
                        GINT_TO_POINTER (PCALL_LOG_MODE_LIVE), test_nothing_lost);
  g_test_add_func ("/pcall/log-merge/much", test_much);
  support_add ("/pcall/log-merge/join-times-out", test_join_times_out);
  support_add ("/pcall/log-merge/dropped", test_dropped);
  support_add ("/pcall/log-merge/terminated", test_terminated);
  add_within ();
  g_test_add_func ("/pcall/log-merge/within/drop", test_drop_within);
  support_add ("/pcall/log-merge/read-along", test_read_along);
  support_add ("/pcall/log-merge/keep-logs", test_keep_logs);

  return g_test_run ();
}
