/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* How many calls are to be on their way to a worker, besides the one that it has. Pure.
 * Zero-initialise it; times are in microseconds. */
typedef struct
{
  gint64  round_trip; /* to the worker's agent and back; 0: it was not measured yet */
  gdouble transfer;   /* how long results were on their way from their first byte to the last */
  gdouble mean;       /* of how long calls took, of which the last count most; as above */
  gboolean measured;  /* how long one took, too */
} PcallWindow;

/* It took so long until a call that met no other was known to have begun. */
void  pcall_window_note_round_trip (PcallWindow *self,
                                    gint64       took);
/* A call took so long. */
void  pcall_window_note_call       (PcallWindow *self,
                                    gint64       took);
/* Its result took so long to come, from the first byte to the last. */
void  pcall_window_note_transfer   (PcallWindow *self,
                                    gint64       took);
/* So many calls may wait at the worker's agent. */
guint pcall_window_get_n_ahead     (const PcallWindow *self);

G_END_DECLS
