/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-progress-bar-private.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "pcall-binding.h"

/* A bar on standard error, drawn over itself: `[##########....................] 12/36`.
 *
 * It is drawn by who drives the task, at most ten times a second and when there is something new.
 * It is one line, and no wider than the terminal. What else is written there by the same thread, as
 * the logs of calls, finds an empty line. */

#define WIDTH 30
#define PAUSE_US 100000
#define ERASE "\r\033[K"
#define DEFAULT_COLUMNS 80

struct _PcallProgressBar
{
  pid_t    owner;
  gint64   drawn; /* when, by the monotonic clock */
  gboolean visible;
  gboolean ended;
};

/* Where that does not work, there is nobody to see it. */
static void
show (const char *text)
{
  pcall_fd_write_all (STDERR_FILENO, text, strlen (text));
}

PcallProgressBar *
pcall_progress_bar_new (void)
{
  PcallProgressBar *self;

  if (!isatty (STDERR_FILENO) || g_strcmp0 (g_getenv ("TERM"), "dumb") == 0)
    return NULL;

  self = g_new0 (PcallProgressBar, 1);
  self->owner = getpid ();
  return self;
}

void
pcall_progress_bar_free (PcallProgressBar *self)
{
  if (self->owner == getpid ())
    pcall_progress_bar_hide (self);
  g_free (self);
}

gboolean
pcall_progress_bar_is_due (PcallProgressBar *self)
{
  return !self->ended && g_get_monotonic_time () - self->drawn >= PAUSE_US;
}

static guint
get_n_columns (void)
{
  struct winsize size;

  return ioctl (STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                          : DEFAULT_COLUMNS;
}

/* As much of a bar as leaves room for the numbers, in less than @n_columns. */
static char *
format (gdouble done,
        guint64 n_finished,
        guint64 n_calls,
        guint   n_columns)
{
  g_autofree char *numbers =
      g_strdup_printf ("%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT, n_finished, n_calls);
  int room = (int) n_columns - (int) strlen ("[] ") - (int) strlen (numbers) - 1;
  int width = MIN (room, WIDTH);
  int full = n_calls > 0 ? (int) (width * CLAMP (done / (gdouble) n_calls, 0.0, 1.0)) : width;

  if (width < 1)
    return g_steal_pointer (&numbers);
  return g_strdup_printf ("[%.*s%.*s] %s", full, "##############################", width - full,
                          "..............................", numbers);
}

/**
 * pcall_format_progress:
 * @n_finished: how many calls have ended
 * @n_calls: how many there are
 *
 * Makes the text of a progress bar, as a task draws it that shows its progress. For a binding that
 * draws one for what is no single task.
 *
 * Returns: (transfer full): `[##########....................] 12/36`
 *
 * Since: 1.0
 */
char *
pcall_format_progress (guint64 n_finished,
                       guint64 n_calls)
{
  return format ((gdouble) n_finished, n_finished, n_calls, DEFAULT_COLUMNS);
}

void
pcall_progress_bar_draw (PcallProgressBar *self,
                         gdouble           done,
                         guint             n_finished,
                         guint             n_calls)
{
  g_autofree char *bar = NULL;
  g_autofree char *text = NULL;

  if (self->ended)
    return;

  bar = format (done, n_finished, n_calls, get_n_columns ());
  text = g_strconcat ("\r", bar, "\033[K", NULL);
  show (text);
  self->visible = TRUE;
  self->drawn = g_get_monotonic_time ();
}

void
pcall_progress_bar_hide (PcallProgressBar *self)
{
  if (!self->visible || self->ended)
    return;

  show (ERASE);
  self->visible = FALSE;
}

void
pcall_progress_bar_end (PcallProgressBar *self)
{
  if (self->visible && !self->ended)
    show ("\n");
  self->ended = TRUE;
}
