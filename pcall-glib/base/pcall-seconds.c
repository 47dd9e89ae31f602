/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-seconds-private.h"

#include <math.h>

gboolean
pcall_seconds_check (gdouble     seconds,
                     const char *name)
{
  if (isfinite (seconds) && seconds >= 0.0)
    return TRUE;

  g_critical ("%s is %g; expected a number of seconds, 0 for none", name, seconds);
  return FALSE;
}

gint64
pcall_seconds_to_microseconds (gdouble seconds)
{
  return seconds > PCALL_MAX_SECONDS ? 0 : (gint64) ceil (seconds * G_USEC_PER_SEC);
}
