/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Times as users give them. */

#include <math.h>

#include <pcall-glib/base/pcall-seconds-private.h>

#include "task-support.h"

static void
test_check (void)
{
  static const gdouble good[] = { 0.0, -0.0, 1e-9, 1.5, 1e300, G_MAXDOUBLE };
  const gdouble bad[] = { -1e-9, -1.0, INFINITY, -INFINITY, NAN };

  for (gsize i = 0; i < G_N_ELEMENTS (good); i++)
    g_assert_true (pcall_seconds_check (good[i], "timeout"));
  for (gsize i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      support_expect_log ();
      g_assert_false (pcall_seconds_check (bad[i], "timeout"));
      support_assert_logged ("CRITICAL: timeout is *; expected a number of seconds, 0 for none");
    }
}

/* No limit is made longer by rounding to none, and what is longer than life is none. */
static void
test_to_microseconds (void)
{
  g_assert_cmpint (pcall_seconds_to_microseconds (0.0), ==, 0);
  g_assert_cmpint (pcall_seconds_to_microseconds (1e-9), ==, 1);
  g_assert_cmpint (pcall_seconds_to_microseconds (0.25), ==, 250000);
  g_assert_cmpint (pcall_seconds_to_microseconds (PCALL_MAX_SECONDS), ==,
                   G_GINT64_CONSTANT (10000000000000000));
  g_assert_cmpint (pcall_seconds_to_microseconds (2 * PCALL_MAX_SECONDS), ==, 0);
  g_assert_cmpint (pcall_seconds_to_microseconds (G_MAXDOUBLE), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();
  g_test_add_func ("/pcall/seconds/check", test_check);
  g_test_add_func ("/pcall/seconds/to-microseconds", test_to_microseconds);
  return g_test_run ();
}
