/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A bar that shows how far a task is. Standard error is a terminal of the test's own, or a pipe, and
 * what came there is looked at. */

#include <gio/gio.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "task-support.h"

#include <pcall-glib/pcall-binding.h>

typedef struct
{
  int      ours;
  int      before; /* standard error */
  GThread *thread;
  GString *text;
} Screen;

/* A terminal that is closed gives EIO. */
static gpointer
read_screen (gpointer data)
{
  Screen *self = data;
  char buffer[1024];
  gssize n;

  while ((n = read (self->ours, buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR))
    g_string_append_len (self->text, buffer, MAX (n, 0));
  return NULL;
}

/* @n_columns: of a terminal; 0: a pipe. */
static void
open_screen (Screen *self, guint n_columns)
{
  struct winsize size = { 25, (gushort) n_columns, 0, 0 };
  struct termios raw;
  int theirs, fds[2];

  if (n_columns > 0)
    {
      cfmakeraw (&raw);
      raw.c_cflag = CS8 | CREAD;
      g_assert_no_errno (openpty (&self->ours, &theirs, NULL, &raw, &size));
    }
  else
    {
      g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
      self->ours = fds[0];
      theirs = fds[1];
    }
  self->before = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  g_assert_no_errno (self->before);
  g_assert_no_errno (dup2 (theirs, STDERR_FILENO));
  close (theirs);
  self->text = g_string_new (NULL);
  self->thread = g_thread_new ("screen", read_screen, self);
}

static char *
close_screen (Screen *self)
{
  g_assert_no_errno (dup2 (self->before, STDERR_FILENO));
  close (self->before);
  g_thread_join (self->thread);
  close (self->ours);
  return g_string_free (self->text, FALSE);
}

/* A task whose end is told last, so that what comes of it is certain. */
static char *
show (PcallTask *task, guint n_columns)
{
  Screen screen = { 0 };

  open_screen (&screen, n_columns);
  pcall_task_set_show_progress (task, TRUE);
  g_variant_unref (pcall_task_run (task, NULL, NULL));
  return close_screen (&screen);
}

typedef struct
{
  guint       n_columns;
  guint       n_calls;
  const char *expected; /* the last of it */
} BarCase;

static const BarCase bars[] = {
  { 80, 3, "\r[##############################] 3/3\033[K\n" },
  { 80, 12, "\r[##############################] 12/12\033[K\n" },
  /* No wider than the terminal, of which the last column stays free */
  { 20, 3, "\r[#############] 3/3\033[K\n" },
  { 6, 3, "\r3/3\033[K\n" },
  { 80, 0, "\r[##############################] 0/0\033[K\n" },
  { 0, 3, "" },
};

static void
test_bar (gconstpointer data)
{
  const BarCase *row = data;
  PcallTask *task = support_task (support_index, row->n_calls);
  g_autofree char *text = show (task, row->n_columns);

  if (row->n_columns == 0)
    g_assert_cmpstr (text, ==, "");
  if (!g_str_has_suffix (text, row->expected))
    g_error ("\"%s\" does not end with \"%s\"", text, row->expected);

  g_assert_finalize_object (task);
}

/* A call that tells how far it is: the bar begins with that. */
static GVariant *
report (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pcall_report_progress (0.5, "");
  return NULL;
}

static void
test_report (void)
{
  PcallTask *task = support_task (report, 1);
  g_autofree char *text = show (task, 80);

  g_assert_true (g_str_has_prefix (text, "\r[###############...............] 0/1\033[K\r"));

  g_assert_finalize_object (task);
}

static GVariant *
print (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  report (args, kwargs, user_data, error);
  g_printerr ("printed\n");
  return NULL;
}

/* What calls write begins in a line without a bar: below the last one, or where one was taken
 * away. */
static void
test_logs (void)
{
  static const PcallLogMode modes[] = { PCALL_LOG_MODE_SECTIONS, PCALL_LOG_MODE_LIVE };

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    {
      PcallTask *task = support_task (print, 4);
      g_autofree char *text = NULL;
      g_auto (GStrv) lines = NULL;
      guint n_printed = 0;

      pcall_task_set_log_mode (task, modes[i]);
      text = show (task, 80);
      lines = g_strsplit (text, "\n", -1);
      for (gsize j = 0; lines[j] != NULL; j++)
        if (strstr (lines[j], "printed") != NULL)
          {
            const char *bar = strrchr (lines[j], '#');

            n_printed++;
            g_assert_true (bar == NULL || strstr (bar, "\r\033[K") != NULL);
          }
      g_assert_cmpuint (n_printed, ==, 4);
      g_assert_finalize_object (task);
    }
}

static GVariant *
report_and_sleep (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  report (args, kwargs, user_data, error);
  return support_sleep (args, kwargs, user_data, error);
}

/* Whatever becomes of a task, what follows begins in an empty line. */
static void
test_dropped (void)
{
  Screen screen = { 0 };
  PcallTask *task = support_task (report_and_sleep, 2);
  g_autofree char *text = NULL;

  open_screen (&screen, 80);
  pcall_task_set_show_progress (task, TRUE);
  g_signal_connect_swapped (task, "call-progress", G_CALLBACK (pcall_task_terminate), task);
  g_assert_null (pcall_task_run (task, NULL, NULL));
  g_assert_finalize_object (task);
  task = support_task (support_sleep, 1);
  pcall_task_set_show_progress (task, TRUE);
  support_start (task);
  g_assert_finalize_object (task);
  text = close_screen (&screen);
  g_assert_true (g_str_has_suffix (text, "\033[K\n"));
}

static void
test_format (void)
{
  static const struct
  {
    guint64     n_finished, n_calls;
    const char *expected;
  } rows[] = {
    { 0, 7, "[..............................] 0/7" },
    { 1, 2, "[###############...............] 1/2" },
    { 12, 36, "[##########....................] 12/36" },
    { 7, 7, "[##############################] 7/7" },
    { 9, 7, "[##############################] 9/7" },
    { 0, 0, "[##############################] 0/0" },
    { G_MAXUINT64, G_MAXUINT64, "[##############################] "
                                "18446744073709551615/18446744073709551615" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = pcall_format_progress (rows[i].n_finished, rows[i].n_calls);

      g_assert_cmpstr (text, ==, rows[i].expected);
    }
}

int
main (int argc, char *argv[])
{
  g_setenv ("TERM", "xterm", TRUE);
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (bars); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/progress-bar/bar/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (path, &bars[i], test_bar);
    }
  support_add ("/pcall/progress-bar/report", test_report);
  support_add ("/pcall/progress-bar/logs", test_logs);
  support_add ("/pcall/progress-bar/dropped", test_dropped);
  g_test_add_func ("/pcall/progress-bar/format", test_format);

  return g_test_run ();
}
