/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A task in GLib's main loop, beside what else there is: a window that is drawn, and sources that
 * are always ready. What is held against each other are counts, and the time that this thread has
 * worked: on a busy machine others are not to blame on us. */

#include "task-support.h"

#include <gio/gio.h>

#include "ticks.h"

#define FRAME_MS 16
#define REDRAW_PRIORITY (G_PRIORITY_HIGH_IDLE + 20)

/* What is called */

typedef struct
{
  const char *path;
  guint n_calls;
  guint max_children;
  guint calls_per_child;
  guint n_reports;
  guint n_lines;
  PcallLogMode log_mode;
} Case;

static GVariant *
work (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  static const char line[] = "a line of the log that says no more than any other does\n";
  const Case *self = user_data;

  for (guint i = 0; i < self->n_reports; i++)
    pcall_report_progress ((i + 1.0) / self->n_reports, "at work");
  for (guint i = 0; i < self->n_lines; i++)
    g_assert_cmpint (write (STDOUT_FILENO, line, strlen (line)), ==, strlen (line));
  return NULL;
}

static PcallTask *
new_task (const Case *self)
{
  PcallTask *task = pcall_task_new_for_func (work, (gpointer) self, NULL);

  pcall_task_set_n_calls (task, self->n_calls);
  pcall_task_set_max_children (task, self->max_children);
  pcall_task_set_calls_per_child (task, self->calls_per_child);
  pcall_task_set_log_mode (task, self->log_mode);
  return task;
}

/* What children write is taken, and thrown away. */
static GLogWriterOutput
swallow_messages (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_MASK) >= G_LOG_LEVEL_MESSAGE)
    return G_LOG_WRITER_HANDLED;
  return g_log_writer_default (level, fields, n_fields, data);
}

static gboolean
start_in_loop (gpointer task)
{
  support_start (task);
  return G_SOURCE_REMOVE;
}

static void
start_before_all_else (PcallTask *task)
{
  g_idle_add_full (G_PRIORITY_HIGH, start_in_loop, g_object_ref (task), g_object_unref);
}

/* As the clock of GTK's frames, which asks for a redraw. */

typedef struct
{
  guint n_asked;
  guint n_drawn;
} Frames;

static gboolean
draw (gpointer data)
{
  Frames *self = data;

  self->n_drawn++;
  return G_SOURCE_REMOVE;
}

static gboolean
ask_for_redraw (gpointer data)
{
  Frames *self = data;

  self->n_asked++;
  g_idle_remove_by_data (self);
  g_idle_add_full (REDRAW_PRIORITY, draw, self, NULL);
  return G_SOURCE_CONTINUE;
}

static void
test_redraw (gconstpointer data)
{
  const Case *self = data;
  g_autoptr (PcallTask) task = new_task (self);
  Frames frames = { 0, 0 };
  guint clock = g_timeout_add (FRAME_MS, ask_for_redraw, &frames);
  gint64 begun = ticks_get_work_time ();
  gdouble seconds;

  start_before_all_else (task);
  support_iterate_to_end (task);
  seconds = (ticks_get_work_time () - begun) / (gdouble) G_USEC_PER_SEC;
  g_source_remove (clock);
  g_idle_remove_by_data (&frames);

  g_test_message ("%u of %u frames in %.3f s of work", frames.n_drawn, frames.n_asked, seconds);
  g_assert_cmpuint (2 * (frames.n_drawn + 1), >=, frames.n_asked);
  g_assert_cmpfloat (frames.n_drawn + 1, >=, 30 * seconds);
}

/* A loop that is never idle */

#define N_ROUNDS 5
#define SOON_US 10000

typedef struct
{
  gint64 last;
  guint n_soon; /* after the one before */
} Ends;

static gboolean
spin (gpointer data)
{
  gint64 until = g_get_monotonic_time () + 20;

  while (g_get_monotonic_time () < until)
    ;
  return G_SOURCE_CONTINUE;
}

static void
call_finished (PcallTask *task, PcallCall *call, Ends *ends)
{
  gint64 now = g_get_monotonic_time ();

  ends->n_soon += now - ends->last < SOON_US;
  ends->last = now;
}

static guint
count_soon (const Case *self, gint priority)
{
  g_autoptr (PcallTask) task = new_task (self);
  Ends ends = { g_get_monotonic_time (), 0 };

  pcall_task_set_priority (task, priority);
  g_signal_connect (task, "call-finished", G_CALLBACK (call_finished), &ends);
  start_before_all_else (task);
  support_iterate_to_end (task);
  g_test_message ("at %d, %u of %u ended soon after another", priority, ends.n_soon, self->n_calls);
  return ends.n_soon;
}

/* A task that is less urgent gets there, and not with one thing each time that it has waited for its
 * turn: most calls end soon after another in one round of several. A machine on which not nearly all
 * do so where the task is as urgent as the rest is too busy to tell. */
static void
test_never_idle (void)
{
  static const Case one_by_one = { .n_calls = 100, .max_children = 1, .calls_per_child = 1 };
  const guint n_most = one_by_one.n_calls * 3 / 4, n_nearly_all = one_by_one.n_calls * 19 / 20;
  guint idle = g_idle_add_full (G_PRIORITY_DEFAULT, spin, NULL, NULL);
  guint n_quiet = 0;
  gboolean most = FALSE;

  for (guint i = 0; i < N_ROUNDS && !most; i++)
    {
      most = count_soon (&one_by_one, PCALL_PRIORITY_DEFAULT) >= n_most;
      n_quiet += count_soon (&one_by_one, G_PRIORITY_DEFAULT) >= n_nearly_all;
    }
  g_source_remove (idle);

#ifndef __SANITIZE_ADDRESS__ /* one child takes as long there as a turn lasts */
  g_assert_true (most || n_quiet < N_ROUNDS);
#endif
}

/* The handlers of an application come before the first turn of its loop. */

#define CROWD 500

static void
activate (GApplication *application, PcallTask *task)
{
  g_autoptr (GPtrArray) living = NULL;

  support_start (task);
  living = pcall_task_dup_living_children (task);
  g_test_message ("%u of %u children", living->len, CROWD);
  g_assert_cmpuint (living->len, >, 0);
  g_assert_cmpuint (living->len, <, CROWD);
  pcall_task_terminate (task);
}

static void
test_application (void)
{
  g_autoptr (GApplication) application
      = g_application_new (NULL, G_APPLICATION_NON_UNIQUE);
  g_autoptr (PcallTask) task = support_task (support_sleep, CROWD);
  g_autoptr (GError) error = NULL;

  g_signal_connect (application, "activate", G_CALLBACK (activate), task);
  g_assert_cmpint (g_application_run (application, 0, NULL), ==, 0);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
}

/* The calls, how many children, how many of the calls in each; what they report and write */
static const Case cases[] = {
  { "/pcall/loop/redraw/few-children", 300, 2, 1, 0, 0, PCALL_LOG_MODE_INHERIT },
  { "/pcall/loop/redraw/many-children", 1000, 0, 1, 0, 0, PCALL_LOG_MODE_INHERIT },
  { "/pcall/loop/redraw/calls-in-a-row", 400000, 2, 0, 0, 0, PCALL_LOG_MODE_INHERIT },
  { "/pcall/loop/redraw/reports", 300, 0, 1, 400, 0, PCALL_LOG_MODE_INHERIT },
  { "/pcall/loop/redraw/sections", 300, 0, 1, 0, 1000, PCALL_LOG_MODE_SECTIONS },
  { "/pcall/loop/redraw/live-logs", 300, 0, 1, 0, 1000, PCALL_LOG_MODE_LIVE },
};

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (swallow_messages, NULL, NULL);
  /* Nobody is asked whether the application runs elsewhere. */
  g_setenv ("DBUS_SESSION_BUS_ADDRESS", "disabled:", TRUE);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].path, &cases[i], test_redraw);
  g_test_add_func ("/pcall/loop/never-idle", test_never_idle);
  g_test_add_func ("/pcall/loop/application", test_application);
  return g_test_run ();
}
