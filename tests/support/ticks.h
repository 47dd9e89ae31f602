/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How long the main loop was kept from everything else: a source that is always ready looks at
 * the clock each time it gets its turn. The clock is that of this thread's work, for on a busy
 * machine the others that have the processor meanwhile are not to blame on us. */

#pragma once

#include <time.h>

#include <glib.h>

typedef struct
{
  GSource *source;
  gint64 last;
  gint64 longest; /* between two turns, in microseconds */
  guint n;
} Ticks;

static inline gint64
ticks_get_work_time (void)
{
  struct timespec now;

  g_assert_no_errno (clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now));
  return now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static inline gboolean
ticks_count (gpointer data)
{
  Ticks *self = data;
  gint64 now = ticks_get_work_time ();

  self->longest = MAX (self->longest, now - self->last);
  self->last = now;
  self->n++;
  return G_SOURCE_CONTINUE;
}

static inline void
ticks_begin (Ticks *self)
{
  *self = (Ticks){ .source = g_idle_source_new (), .last = ticks_get_work_time () };
  g_source_set_priority (self->source, G_PRIORITY_DEFAULT);
  g_source_set_callback (self->source, ticks_count, self, NULL);
  g_source_attach (self->source, g_main_context_get_thread_default ());
}

static inline void
ticks_end (Ticks *self)
{
  g_source_destroy (self->source);
  g_source_unref (self->source);
}
