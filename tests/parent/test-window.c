/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many calls are sent ahead, by what was measured. */

#include <pcall-glib/parent/pcall-window-private.h>

typedef struct
{
  gint64 round_trip; /* microseconds; -1: was not measured */
  gint64 call;
  guint n_ahead;
} Row;

static const Row rows[] = {
  /* What is not known */
  { -1, -1, 0 },
  { 40000, -1, 0 },
  { -1, 1000, 0 },
  /* While the way is gone, the worker has something to do. */
  { 40000, 1000, 41 },
  { 40000, 30000, 2 },
  { 40000, 40000, 2 },
  { 40000, 50000, 1 },
  /* Nothing is to be won. */
  { 40000, 399000, 1 },
  { 40000, 401000, 0 },
  { 200, 1000000, 0 },
  /* However short calls are, and however long the way */
  { 40000, 100, 255 },
  { 40000, 0, 255 },
  { G_GINT64_CONSTANT (3600000000), 1, 255 },
  /* A clock that is not as fine */
  { 0, 0, 2 },
};

static void
test_rows (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PcallWindow window = { .round_trip = 0 };

      if (rows[i].round_trip >= 0)
        pcall_window_note_round_trip (&window, rows[i].round_trip);
      if (rows[i].call >= 0)
        pcall_window_note_call (&window, rows[i].call);
      g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, rows[i].n_ahead);
    }
}

/* Calls become long: it is not long until none is sent ahead any more; and back. */
static void
test_changes (void)
{
  PcallWindow window = { .round_trip = 0 };
  guint n = 0;

  pcall_window_note_round_trip (&window, 1000);
  for (guint i = 0; i < 1000; i++)
    pcall_window_note_call (&window, 100);
  g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, 11);

  pcall_window_note_call (&window, 1000000);
  g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, 0);
  for (n = 0; pcall_window_get_n_ahead (&window) < 10; n++)
    pcall_window_note_call (&window, 100);
  g_assert_cmpuint (n, <, 100);
  for (guint i = 0; i < 1000; i++)
    pcall_window_note_call (&window, 100);

  for (n = 0; pcall_window_get_n_ahead (&window) < 20; n++)
    pcall_window_note_round_trip (&window, 2000);
  g_assert_cmpuint (n, <, 30);
}

/* While a large result comes, the worker has something to do. */
static void
test_transfer (void)
{
  PcallWindow window = { .round_trip = 0 };

  pcall_window_note_transfer (&window, 250000);
  pcall_window_note_call (&window, 350000);
  g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, 0);
  pcall_window_note_round_trip (&window, 1000);
  g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, 1);
  for (guint i = 0; i < 100; i++)
    pcall_window_note_call (&window, 100000);
  for (guint i = 0; i < 100; i++)
    pcall_window_note_transfer (&window, 250000);
  g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, 3);
  for (guint i = 0; i < 100; i++)
    pcall_window_note_transfer (&window, 0);
  g_assert_cmpuint (pcall_window_get_n_ahead (&window), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/window/rows", test_rows);
  g_test_add_func ("/pcall/window/changes", test_changes);
  g_test_add_func ("/pcall/window/transfer", test_transfer);

  return g_test_run ();
}
