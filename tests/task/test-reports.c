/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who is told of what calls report: a handler of each report, in order; who looks at a property, of
 * the newest; and a handler that was connected late, of what is heard from then on. */

#include "task-support.h"

#define N_REPORTS 100

/* A call sends when it is told to, so that whoever is to hear it is connected; and it says that all
 * is sent, so that all of it waits when the parent looks. */
static SupportPipe sent, go_on;

static void
send_reports (void)
{
  for (guint i = 1; i <= N_REPORTS; i++)
    {
      g_autofree char *text = g_strdup_printf ("%u", i);

      pcall_report_progress (i / (2.0 * N_REPORTS), text);
    }
  support_pipe_put (&sent, 1);
  support_pipe_get (&go_on);
}

static GVariant *
report (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (&go_on);
  send_reports ();
  return NULL;
}

static PcallTask *
start (PcallFunc func)
{
  PcallTask *task = (pcall_task_new_for_func) (func, NULL, NULL);

  support_pipe_open (&sent);
  support_pipe_open (&go_on);
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  support_start (task);
  return task;
}

static void
have_sent (void)
{
  support_pipe_put (&go_on, 1);
  support_pipe_get (&sent);
}

/* It may take more than one turn: each is cut short on a busy machine. */
static void
dispatch_until_told (PcallTask *task, const GString *told)
{
  while (told->len == 0)
    g_assert_true (pcall_task_dispatch (task));
}

static void
end (PcallTask *task)
{
  support_pipe_put (&go_on, 1);
  support_join (task);
  g_assert_finalize_object (task);
  support_pipe_close (&sent);
  support_pipe_close (&go_on);
}

static void
note_fraction (PcallCall *call, GParamSpec *pspec, GString *told)
{
  g_string_append_printf (told, "%g ", pcall_call_get_progress (call));
}

static void
note_report (PcallTask *task, PcallCall *call, gdouble fraction, const char *text, GString *told)
{
  g_string_append_printf (told, "%s ", text);
  g_assert_cmpfloat (fraction, ==, g_ascii_strtod (text, NULL) / (2.0 * N_REPORTS));
}

/* A progress bar that is bound to the property is drawn once, and not a hundred times. */
static void
test_newest (void)
{
  g_autoptr (GString) told = g_string_new (NULL);
  PcallTask *task = start (report);
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, 0);

  g_signal_connect (call, "notify::progress", G_CALLBACK (note_fraction), told);
  have_sent ();
  dispatch_until_told (task, told);
  g_assert_cmpstr (told->str, ==, "0.5 ");
  g_assert_cmpstr (pcall_call_get_progress_text (call), ==, "100");
  g_signal_handlers_disconnect_by_data (call, told);
  g_clear_object (&call);
  end (task);
}

/* Who only looks sees it, and what comes then. */
static void
test_newest_polled (void)
{
  PcallTask *task = start (report);

  have_sent ();
  g_assert_cmpfloat (pcall_task_get_fraction (task), ==, 0.5);
  g_assert_cmpfloat (pcall_task_get_fraction (task), ==, 0.5);
  end (task);
}

static void
test_each (void)
{
  g_autoptr (GString) expected = g_string_new (NULL);
  g_autoptr (GString) told = g_string_new (NULL);
  PcallTask *task = start (report);

  for (guint i = 1; i <= N_REPORTS; i++)
    g_string_append_printf (expected, "%u ", i);
  g_signal_connect (task, "call-progress", G_CALLBACK (note_report), told);
  have_sent ();
  /* It may have been looked at before it is driven. */
  g_assert_cmpfloat (pcall_task_get_fraction (task), ==, 0.5);
  dispatch_until_told (task, told);
  g_assert_cmpstr (told->str, ==, expected->str);
  end (task);
}

static GVariant *
send_when_told (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (&go_on);
  pcall_send_message (g_variant_new_int32 (6));
  support_pipe_put (&sent, 1);
  support_pipe_get (&go_on);
  pcall_send_message (g_variant_new_int32 (7));
  send_reports ();
  return NULL;
}

static void
note_message (PcallTask *task, PcallCall *call, GVariant *message, GString *told)
{
  g_string_append_printf (told, "%d ", g_variant_get_int32 (message));
}

/* Handlers that are connected when the task has been looked at, and something was heard that nobody
 * listened to */
static void
test_connected_late (void)
{
  g_autoptr (GString) messages = g_string_new (NULL);
  g_autoptr (GString) reports = g_string_new (NULL);
  PcallTask *task = start (send_when_told);

  have_sent ();
  g_assert_true (pcall_task_get_running (task));
  g_signal_connect (task, "call-message", G_CALLBACK (note_message), messages);
  g_signal_connect (task, "call-progress", G_CALLBACK (note_report), reports);
  have_sent ();
  g_assert_true (pcall_task_get_running (task));
  dispatch_until_told (task, reports);
  g_assert_cmpstr (messages->str, ==, "7 ");
  g_assert_true (g_str_has_prefix (reports->str, "1 2 3 "));
  end (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/reports/newest", test_newest);
  g_test_add_func ("/pcall/reports/newest/polled", test_newest_polled);
  g_test_add_func ("/pcall/reports/each", test_each);
  g_test_add_func ("/pcall/reports/connected-late", test_connected_late);

  return g_test_run ();
}
