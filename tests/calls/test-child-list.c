/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The records of children: from the start of one to its end, what is known of that, whose log file
 * a child has, and the objects that show a record. */

#include <signal.h>
#include <sys/wait.h>

#include <pcall-glib/calls/pcall-child-private.h>
#include <pcall-glib/pcall-target.h>

#include "task-support.h"

#define N_CALLS 3
#define CORE_DUMPED 0x80

typedef struct
{
  PcallMonitor *monitor;
  PcallCallList *calls;
  PcallChildList *children;
} Fixture;

static GVariant *
never_called (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_assert_not_reached ();
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_object_unref);

  self->monitor = pcall_monitor_new ();
  g_ptr_array_add (targets, pcall_target_new (NULL, never_called, NULL, NULL));
  self->calls = pcall_call_list_new (self->monitor, arguments, targets, N_CALLS, &pcall_call_view);
  self->children = pcall_child_list_new (self->calls, &pcall_child_view);
  pcall_monitor_enter (self->monitor);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pcall_monitor_leave (self->monitor);
  pcall_child_list_unref (self->children);
  pcall_call_list_unref (self->calls);
  pcall_monitor_unref (self->monitor);
}

static void
test_add (Fixture *self, gconstpointer data)
{
  const PcallChildRecord *record;

  g_assert_true (pcall_child_list_get_monitor (self->children) == self->monitor);
  g_assert_cmpuint (pcall_child_list_get_n (self->children), ==, 0);
  g_assert_cmpuint (pcall_child_list_add (self->children, 40, 2), ==, 0);
  g_assert_cmpuint (pcall_child_list_add (self->children, 41, 0), ==, 1);
  g_assert_cmpuint (pcall_child_list_get_n (self->children), ==, 2);
  g_assert_false (pcall_child_list_has_objects (self->children));

  record = pcall_child_list_get_record (self->children, 0);
  g_assert_cmpint (record->pid, ==, 40);
  g_assert_cmpuint (record->index, ==, 2);
  g_assert_true (record->running);
  g_assert_cmpint (record->exit_status, ==, -1);
  g_assert_cmpint (record->term_signal, ==, 0);

  pcall_child_list_set_call (self->children, 0, 1);
  pcall_child_list_replace (self->children, 0, 50);
  record = pcall_child_list_get_record (self->children, 0);
  g_assert_cmpint (record->pid, ==, 50);
  g_assert_cmpuint (record->index, ==, 1);
  g_assert_true (record->running);
  g_assert_cmpint (pcall_child_list_get_record (self->children, 1)->pid, ==, 41);
}

/* How a child ended, as of waitpid(). What is not known is never 0. */
typedef struct
{
  const char *path;
  gboolean known;
  int status;
  int exit_status;
  int term_signal;
  gboolean core_dumped;
} Row;

static const Row rows[] = {
  { "/child-list/exit/success", TRUE, 0, 0, 0, FALSE },
  { "/child-list/exit/status", TRUE, 42 << 8, 42, 0, FALSE },
  { "/child-list/exit/status-255", TRUE, 255 << 8, 255, 0, FALSE },
  { "/child-list/exit/signal", TRUE, SIGKILL, -1, SIGKILL, FALSE },
  { "/child-list/exit/core", TRUE, SIGSEGV | CORE_DUMPED, -1, SIGSEGV, TRUE },
  { "/child-list/exit/unknown", FALSE, 0, -1, 0, FALSE },
  { "/child-list/exit/unknown-signal", FALSE, SIGKILL | CORE_DUMPED, -1, 0, FALSE },
};

static void
test_exit (gconstpointer data)
{
  const Row *row = data;
  const PcallExit exit = {
    .known = row->known,
    .status = row->status,
    .usage = { .ru_utime = { 1, 500000 }, .ru_stime = { 2, 250000 }, .ru_maxrss = 3 },
  };
  const PcallChildRecord *record;
  Fixture fixture;

  set_up (&fixture, NULL);
  pcall_child_list_add (fixture.children, 40, 0);
  pcall_child_list_set_exit (fixture.children, 0, &exit);
  record = pcall_child_list_get_record (fixture.children, 0);
  g_assert_false (record->running);
  g_assert_cmpint (record->exit_status, ==, row->exit_status);
  g_assert_cmpint (record->term_signal, ==, row->term_signal);
  g_assert_cmpint (record->core_dumped, ==, row->core_dumped);
  g_assert_cmpfloat (record->user_time, ==, 1.5);
  g_assert_cmpfloat (record->system_time, ==, 2.25);
  g_assert_cmpuint (record->max_rss, ==, 3 * 1024);
  tear_down (&fixture, NULL);
}

static void
count_notified (gpointer object, GParamSpec *pspec, guint *n)
{
  ++*n;
}

/* One object for a child, kept until that has ended. */
static void
test_objects (Fixture *self, gconstpointer data)
{
  const PcallExit exit = { .known = TRUE, .status = 3 << 8 };
  guint n_pids = 0, n_ends = 0;
  PcallChild *child, *again;

  pcall_child_list_add (self->children, 40, 0);
  pcall_child_list_add (self->children, 41, 1);
  child = pcall_child_list_get_child (self->children, 1);
  again = pcall_child_list_get_child (self->children, 1);
  g_assert_true (child == again);
  g_assert_cmpint (pcall_child_get_pid (child), ==, 41);
  g_signal_connect (child, "notify::pid", G_CALLBACK (count_notified), &n_pids);
  g_signal_connect (child, "notify::running", G_CALLBACK (count_notified), &n_ends);
  g_object_unref (again);
  g_object_unref (child);
  g_assert_true (pcall_child_list_has_objects (self->children));

  pcall_child_list_replace (self->children, 1, 42);
  g_assert_cmpuint (n_pids, ==, 0);
  pcall_child_list_notify_replaced (self->children, 1);
  pcall_child_list_notify_replaced (self->children, 0);
  g_assert_cmpuint (n_pids, ==, 1);
  pcall_child_list_set_exit (self->children, 1, &exit);
  g_assert_true (pcall_child_list_has_objects (self->children));
  pcall_child_list_notify_exited (self->children, 1);
  g_assert_cmpuint (n_ends, ==, 1);
  g_assert_false (pcall_child_list_has_objects (self->children));

  child = pcall_child_list_get_child (self->children, 1);
  g_assert_cmpint (pcall_child_get_exit_status (child), ==, 3);
  g_assert_finalize_object (child);
  g_assert_false (pcall_child_list_has_objects (self->children));
}

/* Those that run end as unknown, and are told so; others stay as they were. */
static void
test_abandon (Fixture *self, gconstpointer data)
{
  const PcallExit exit = { .known = TRUE, .status = 3 << 8 };
  g_autoptr (PcallChild) running = NULL;
  g_autoptr (PcallChild) ended = NULL;
  guint n_running = 0, n_ended = 0;

  pcall_child_list_add (self->children, 40, 0);
  pcall_child_list_add (self->children, 41, 1);
  pcall_child_list_set_exit (self->children, 1, &exit);
  running = pcall_child_list_get_child (self->children, 0);
  ended = pcall_child_list_get_child (self->children, 1);
  g_signal_connect (running, "notify::running", G_CALLBACK (count_notified), &n_running);
  g_signal_connect (ended, "notify::running", G_CALLBACK (count_notified), &n_ended);

  pcall_child_list_abandon (self->children);
  pcall_child_list_abandon (self->children);
  g_assert_cmpuint (n_running, ==, 1);
  g_assert_cmpuint (n_ended, ==, 0);
  g_assert_false (pcall_child_list_get_record (self->children, 0)->running);
  g_assert_cmpint (pcall_child_list_get_record (self->children, 0)->exit_status, ==, -1);
  g_assert_cmpint (pcall_child_list_get_record (self->children, 1)->exit_status, ==, 3);
}

/* A child has the log file of its call, while the call is in it. */
static void
test_log (Fixture *self, gconstpointer data)
{
  g_autofree char *place = g_dir_make_tmp ("pcall-list-XXXXXX", NULL);
  g_autoptr (PcallLogFiles) files = pcall_log_files_new (place, FALSE, 1, 7, NULL);
  g_autofree char *path = pcall_log_files_get_path (files, 1, 40);
  g_autoptr (PcallChild) first = NULL;
  g_autoptr (PcallChild) second = NULL;
  guint n_first = 0, n_second = 0;

  pcall_call_list_set_log (self->calls, files);
  pcall_child_list_add (self->children, 40, 1);
  pcall_child_list_add (self->children, 41, 2);
  g_assert_null (pcall_child_list_get_log_file (self->children, 0));
  pcall_call_list_begin (self->calls, 1, 40, 1);
  g_assert_cmpstr (pcall_child_list_get_log_file (self->children, 0), ==, path);
  pcall_call_list_begin (self->calls, 1, 43, 1);
  g_assert_null (pcall_child_list_get_log_file (self->children, 0));

  first = pcall_child_list_get_child (self->children, 0);
  second = pcall_child_list_get_child (self->children, 1);
  g_signal_connect (first, "notify::log-file", G_CALLBACK (count_notified), &n_first);
  g_signal_connect (second, "notify::log-file", G_CALLBACK (count_notified), &n_second);
  pcall_child_list_notify_log (self->children, 1);
  pcall_child_list_notify_log (self->children, 0);
  g_assert_cmpuint (n_first, ==, 1);
  g_assert_cmpuint (n_second, ==, 0);
  pcall_child_list_abandon (self->children);
  rmdir (place);
}

/* The last reference frees it, whoever had it. */
static void
test_references (Fixture *self, gconstpointer data)
{
  PcallChildList *again = pcall_child_list_ref (self->children);

  pcall_child_list_add (self->children, 40, 0);
  pcall_child_list_unref (again);
  g_assert_cmpuint (pcall_child_list_get_n (self->children), ==, 1);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/child-list/add", Fixture, NULL, set_up, test_add, tear_down);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_exit);
  g_test_add ("/child-list/objects", Fixture, NULL, set_up, test_objects, tear_down);
  g_test_add ("/child-list/abandon", Fixture, NULL, set_up, test_abandon, tear_down);
  g_test_add ("/child-list/log", Fixture, NULL, set_up, test_log, tear_down);
  g_test_add ("/child-list/references", Fixture, NULL, set_up, test_references, tear_down);

  return g_test_run ();
}
