/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Logs as they come, where there is not enough of something: descriptors, or what inotify needs.
 * It is said, or what calls wrote comes later; nothing is lost. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/resource.h>

#include "log-keeper.h"
#include "namespaces.h"
#include "task-support.h"
#include "traces.h"

#define N_LINES 200

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

static GVariant *
log_fields (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_log_structured ("Domain", G_LOG_LEVEL_INFO, "A_FIELD", "a value", "MESSAGE", "record");
  printf ("line\n");
  return g_variant_new_int32 (getpid ());
}

static void
limit_descriptors (guint n)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = n;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

/* With one descriptor more each time: an error that says what is missing, until it works. */
static void
start_with_few (gconstpointer data)
{
  g_autofree char *before = NULL;
  guint taken = support_count_descriptors ();
  gboolean told = FALSE;
  gboolean worked = FALSE;

  log_keeper_reset (NULL, NULL);
  before = traces_take ();
  for (guint more = 0; more < 40 && !worked; more++)
    {
      PcallTask *task = live_task (log_fields, NULL, 1);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) results = NULL;

      limit_descriptors (taken + more);
      results = pcall_task_run (task, NULL, &error);
      worked = results != NULL;
      limit_descriptors (1024);
      if (!worked)
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      told |= error != NULL && strstr (error->message, "inotify_init1") != NULL;
      g_assert_finalize_object (task);
      traces_assert_back (before);
    }
  g_assert_true (told);
  g_assert_true (worked);
  g_assert_cmpstr (log_keeper_get_text (), ==, "0: record\n0: line\n");
}

static void
test_few_descriptors (void)
{
  traces_in_subprocess (start_with_few, NULL);
}

/* More children at once than there are descriptors for to read all their files: what they wrote
 * comes later then, but it comes. They go on when for a while no more of them could begin. */

#define N_AT_ONCE 100

typedef struct
{
  SupportPipe pipe;
  guint n_started;
  guint n_before;
} Crowd;

static GVariant *
write_when_all_run (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  Crowd *self = user_data;

  support_pipe_get (&self->pipe);
  return write_pieces (args, kwargs, NULL, error);
}

static void
count_started (PcallTask *task, PcallCall *call, Crowd *self)
{
  self->n_started++;
}

static gboolean
let_go_if_no_more_begin (gpointer data)
{
  Crowd *self = data;

  if (self->n_started == 0 || self->n_started > self->n_before)
    {
      self->n_before = self->n_started;
      return G_SOURCE_CONTINUE;
    }

  g_test_message ("%u of %u at once", self->n_started, N_AT_ONCE);
  for (guint i = 0; i < N_AT_ONCE; i++)
    support_pipe_put (&self->pipe, 0);
  return G_SOURCE_REMOVE;
}

static void
run_many_with_few (gconstpointer data)
{
  Crowd self = { .n_started = 0 };
  PcallTask *task = live_task (write_when_all_run, &self, N_AT_ONCE);

  support_pipe_open (&self.pipe);
  g_signal_connect (task, "call-started", G_CALLBACK (count_started), &self);
  g_timeout_add (100, let_go_if_no_more_begin, &self);
  pcall_task_set_max_children (task, N_AT_ONCE);
  limit_descriptors (support_count_descriptors () + 2 * N_AT_ONCE + 20);
  log_keeper_reset (NULL, NULL);
  run_on_loop (task);
  for (guint i = 0; i < N_AT_ONCE; i++)
    assert_pieces (i);
  g_assert_finalize_object (task);
  support_pipe_close (&self.pipe);
}

static void
test_many_with_few_descriptors (void)
{
  traces_in_subprocess (run_many_with_few, NULL);
}

/* In a user namespace of its own, limits of inotify can be set. FALSE where there is none to be
 * had. */
static gboolean
set_inotify_limit (const char *name, const char *value)
{
  g_autofree char *map = g_strdup_printf ("0 %u 1", (guint) geteuid ());
  g_autofree char *path = g_strdup_printf ("/proc/sys/user/%s", name);
  int fd;
  gboolean set;

  if (unshare (CLONE_NEWUSER) < 0)
    return FALSE;
  fd = open ("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
  set = write (fd, map, strlen (map)) > 0;
  close (fd);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  set = set && write (fd, value, strlen (value)) > 0;
  close (fd);
  return set;
}

static void
run_without_instances (gconstpointer data)
{
  PcallTask *task = live_task (log_fields, NULL, 1);
  g_autofree char *before = traces_take ();
  g_autoptr (GError) error = NULL;

  if (set_inotify_limit ("max_inotify_instances", "0"))
    {
      g_assert_null (pcall_task_run (task, NULL, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
      g_assert_nonnull (strstr (error->message, "inotify_init1"));
      traces_assert_back (before);
    }
  else
    {
      g_printerr ("skipped: no user namespace\n");
    }
  g_assert_finalize_object (task);
}

static void
test_no_instances (void)
{
  if (!skip_without_namespace (CLONE_NEWUSER))
    traces_in_subprocess (run_without_instances, NULL);
}

/* No file can be watched: what calls wrote comes when they end. */
static void
run_without_watches (gconstpointer data)
{
  PcallTask *task = live_task (write_pieces, NULL, 5);

  if (!set_inotify_limit ("max_inotify_watches", "0"))
    g_printerr ("skipped: no user namespace\n");
  log_keeper_reset (NULL, NULL);
  support_run (task, NULL);
  for (guint i = 0; i < 5; i++)
    assert_pieces (i);
  g_assert_finalize_object (task);
}

static void
test_no_watches (void)
{
  if (!skip_without_namespace (CLONE_NEWUSER))
    traces_in_subprocess (run_without_watches, NULL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  log_keeper_begin ();

  g_test_add_func ("/pcall/log-live-limits/few-descriptors", test_few_descriptors);
  g_test_add_func ("/pcall/log-live-limits/many-with-few-descriptors", test_many_with_few_descriptors);
  g_test_add_func ("/pcall/log-live-limits/no-instances", test_no_instances);
  g_test_add_func ("/pcall/log-live-limits/no-watches", test_no_watches);

  return g_test_run ();
}
