/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a thread sees of its own task: who only looks at it makes progress, all that may run at once
 * runs when start() has returned, and nothing is told before that. */

#include <stdio.h>

#include "tally.h"
#include "task-support.h"
#include "traces.h"

/* Two pipes */
static GVariant *
tell_and_wait (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipes = user_data;

  support_pipe_put (&pipes[0], 0);
  support_pipe_get (&pipes[1]);
  return NULL;
}

/* Looking */

/* Also waiting calls have their turn. */
static void
test_look (void)
{
  PcallTask *task = support_task (support_index, 20);
  Tally *tally = tally_new (task);
  guint last = 0;

  pcall_task_set_max_children (task, 2);
  support_start (task);
  for (;;)
    {
      g_autoptr (GPtrArray) living = pcall_task_dup_living_children (task);
      guint n = pcall_task_get_n_finished (task);

      g_assert_cmpuint (n, >=, last);
      last = n;
      if (living->len == 0 && n == 20)
        break;
      g_thread_yield ();
    }
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpint (support_state (task, 19), ==, PCALL_CALL_STATE_SUCCEEDED);

  /* Nothing was told yet. */
  support_join (task);
  tally_assert_complete (tally);
  tally_free (tally);
  g_assert_finalize_object (task);
}

/* What only looked sees the log of all calls, in the end. */
static GVariant *
say (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("said\n");
  return NULL;
}

static guint n_said;

static GLogWriterOutput
count_said (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0 && strcmp (fields[i].value, "said") == 0)
      n_said++;
  return level <= G_LOG_LEVEL_WARNING ? g_log_writer_default (level, fields, n_fields, data)
                                      : G_LOG_WRITER_HANDLED;
}

static void
look_and_drop (gconstpointer data)
{
  PcallTask *task = support_task (say, 2);

  support_start (task);
  while (pcall_task_get_running (task))
    g_thread_yield ();
  g_assert_cmpuint (n_said, ==, 0);
  g_object_unref (task);
  g_assert_cmpuint (n_said, ==, 2);
}

static void
test_look_and_drop (void)
{
  traces_in_subprocess (look_and_drop, NULL);
}

/* Starting */

typedef struct
{
  gboolean returned;
  guint n_told;
} Starting;

static void
told (PcallTask *task, gpointer what, Starting *self)
{
  g_assert_true (self->returned);
  self->n_told++;
}

static GVariant *
exit_at_once (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  _exit (3);
}

/* In a process of its own, whose first task this is. */
static void
first_task_dies (gconstpointer data)
{
  PcallTask *task = support_task (exit_at_once, 1);
  Starting self = { FALSE, 0 };

  g_signal_connect (task, "call-started", G_CALLBACK (told), &self);
  g_signal_connect (task, "call-failed", G_CALLBACK (told), &self);
  g_signal_connect (task, "call-finished", G_CALLBACK (told), &self);
  g_signal_connect (task, "child-exited", G_CALLBACK (told), &self);
  support_start (task);
  self.returned = TRUE;
  support_iterate_to_end (task);
  g_assert_cmpuint (self.n_told, >=, 3);
  g_assert_finalize_object (task);
}

static void
test_first_task_dies (void)
{
  /* In the process itself, only its first task is the first. */
  guint n_rounds = g_test_subprocess () ? 1 : traces_rounds (20, 1000);

  for (guint i = 0; i < n_rounds; i++)
    traces_in_subprocess (first_task_dies, NULL);
}

static gpointer
wait_for_quit (gpointer data)
{
  g_main_loop_run (data);
  return NULL;
}

/* All that may run at once run when start() has returned, whatever else the process has. */
static void
begin_all (void)
{
  enum { N = 20 };
  SupportPipe pipes[2];
  PcallTask *task;
  g_autoptr (GPtrArray) children = NULL;

  support_pipe_open (&pipes[0]);
  support_pipe_open (&pipes[1]);
  task = pcall_task_new_for_func (tell_and_wait, pipes, NULL);
  pcall_task_set_n_calls (task, N);
  support_start (task);
  children = pcall_task_dup_living_children (task);
  g_assert_cmpuint (children->len, ==, N);
  /* Nobody looks at the task meanwhile. */
  for (guint i = 0; i < N; i++)
    support_pipe_get (&pipes[0]);
  for (guint i = 0; i < N; i++)
    support_pipe_put (&pipes[1], 0);
  support_join (task);
  g_assert_finalize_object (task);
  support_pipe_close (&pipes[0]);
  support_pipe_close (&pipes[1]);
}

static void
test_begins_all (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  GThread *thread;

  begin_all ();
  thread = g_thread_new ("second", wait_for_quit, loop);
  begin_all ();
  while (!g_main_loop_is_running (loop))
    g_thread_yield ();
  g_main_loop_quit (loop);
  g_thread_join (thread);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  g_log_set_writer_func (count_said, NULL, NULL);

  g_test_add_func ("/pcall/owner-alone/look", test_look);
  g_test_add_func ("/pcall/owner-alone/look-and-drop", test_look_and_drop);
  g_test_add_func ("/pcall/owner-alone/first-task-dies", test_first_task_dies);
  g_test_add_func ("/pcall/owner-alone/begins-all", test_begins_all);

  return g_test_run ();
}
