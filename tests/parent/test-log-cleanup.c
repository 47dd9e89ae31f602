/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Opening the log of a call, and what becomes of its file: removed in steps where it is large, and
 * not at all where files are kept. */

#include "logs-support.h"

#define MIB (1024 * 1024)

static void
set_up (LogsFixture *self, gconstpointer data)
{
  logs_set_up (self, GPOINTER_TO_INT (data));
}

static void
tear_down (LogsFixture *self, gconstpointer data)
{
  logs_tear_down (self);
}

/* The section says whose it is, what went wrong, and what there is to be said. */
static void
test_open (LogsFixture *self, gconstpointer data)
{
  g_autoptr (PcallLogStream) stream = NULL;

  logs_begin (self, 1);
  logs_write (self, 1, "a line\n");
  pcall_call_list_set_log_note (self->calls, 1, "some was lost");
  logs_end (self, 1, TRUE, "broken");
  stream = pcall_logs_open (&self->logs, 1, logs_pid (1), TRUE);
  pcall_logs_finish (&self->logs, 1, stream);
  g_assert_true (pcall_log_stream_step (stream, LOGS_LATER));
  logs_assert (self, ">>>> Begin child log P1|a line|call 1 (target): some was lost|"
                     "call 1 (target): failed: broken|<<<< End child log P1|");
}

static void
test_open_unmarked (LogsFixture *self, gconstpointer data)
{
  g_autoptr (PcallLogStream) stream = NULL;

  logs_begin (self, 2);
  logs_write (self, 2, "a line\n");
  logs_end (self, 2, TRUE, NULL);
  stream = pcall_logs_open (&self->logs, 2, logs_pid (2), FALSE);
  pcall_logs_finish (&self->logs, 2, stream);
  g_assert_true (pcall_log_stream_step (stream, LOGS_LATER));
  logs_assert (self, "a line|");
}

static void
count_notified (gpointer object, GParamSpec *pspec, guint *n)
{
  ++*n;
}

/* Once; call and child no longer say that there is one. */
static void
test_remove (LogsFixture *self, gconstpointer data)
{
  gboolean keep = GPOINTER_TO_INT (data);
  g_autoptr (PcallCall) call = NULL;
  g_autoptr (PcallChild) child = NULL;
  guint n_calls = 0, n_children = 0;

  logs_begin (self, 0);
  logs_begin (self, 1);
  logs_end (self, 0, TRUE, NULL);
  call = pcall_call_list_get_call (self->calls, 0);
  child = pcall_child_list_get_child (self->children, 0);
  g_signal_connect (call, "notify::log-file", G_CALLBACK (count_notified), &n_calls);
  g_signal_connect (child, "notify::log-file", G_CALLBACK (count_notified), &n_children);

  pcall_logs_remove (&self->logs, 0);
  pcall_logs_remove (&self->logs, 0);
  g_assert_cmpint (logs_exists (self, 0), ==, keep);
  g_assert_cmpint (pcall_call_list_has_log (self->calls, 0), ==, keep);
  g_assert_cmpuint (n_calls, ==, keep ? 0 : 1);
  g_assert_cmpuint (n_children, ==, keep ? 0 : 1);
  g_assert_true (logs_exists (self, 1));
  pcall_child_list_abandon (self->children);
}

/* A call that has no file any more does not lose what has its name. */
static void
test_remove_none (LogsFixture *self, gconstpointer data)
{
  logs_begin (self, 0);
  logs_end (self, 0, FALSE, NULL);
  pcall_logs_remove (&self->logs, 0);
  g_assert_true (logs_exists (self, 0));
  g_assert_true (pcall_logs_shrink (&self->logs, 0, 0));
}

static void
test_remove_all (LogsFixture *self, gconstpointer data)
{
  gboolean keep = GPOINTER_TO_INT (data);

  for (guint i = 0; i < LOGS_N_CALLS; i++)
    logs_begin (self, i);
  pcall_logs_remove_all (&self->logs);
  for (guint i = 0; i < LOGS_N_CALLS; i++)
    g_assert_cmpint (logs_exists (self, i), ==, keep);
  pcall_child_list_abandon (self->children);
}

static goffset
get_size (const char *path)
{
  struct stat st;

  g_assert_no_errno (stat (path, &st));
  return st.st_size;
}

static void
fill (const char *path, gsize size)
{
  g_autofree char *bytes = g_malloc (size);

  memset (bytes, 'x', size);
  g_assert_true (g_file_set_contents (path, bytes, (gssize) size, NULL));
}

/* One step at the least, and then as many as there is time for. */
static void
test_shrink (LogsFixture *self, gconstpointer data)
{
  gboolean keep = GPOINTER_TO_INT (data);
  g_autofree char *path = logs_path (self, 0);
  goffset before, after;

  logs_begin (self, 0);
  fill (path, 40 * MIB);
  before = get_size (path);
  g_assert_cmpint (pcall_logs_shrink (&self->logs, 0, 0), ==, keep);
  after = get_size (path);
  if (keep)
    {
      g_assert_cmpint (after, ==, before);
      return;
    }

  g_assert_cmpint (after, <, before);
  g_assert_cmpint (after, >, MIB);
  g_assert_true (pcall_logs_shrink (&self->logs, 0, LOGS_LATER));
  g_assert_cmpint (get_size (path), <, after);
  g_assert_true (pcall_logs_shrink (&self->logs, 0, 0));
  pcall_child_list_abandon (self->children);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*test) (LogsFixture *, gconstpointer);
  } tests[] = {
    { "open", test_open },
    { "open-unmarked", test_open_unmarked },
    { "remove", test_remove },
    { "remove-none", test_remove_none },
    { "remove-all", test_remove_all },
    { "shrink", test_shrink },
  };

  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (logs_keep, NULL, NULL);

  for (int keep = 0; keep <= 1; keep++)
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path
            = g_strdup_printf ("/log-cleanup/%s%s", tests[i].name, keep ? "/kept" : "");

        g_test_add (path, LogsFixture, GINT_TO_POINTER (keep), set_up, tests[i].test, tear_down);
      }

  return g_test_run ();
}
