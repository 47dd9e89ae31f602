/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-window-private.h"

/* A worker that ends a call has the next one at once if that waits beside it. While word of an end
 * goes to the parent and a call comes back, a worker runs as many as take that long together: so
 * many have to wait there, and one more. Word of an end that has a large result takes as long as
 * that. Where calls take much longer than the way, nothing is to be won, and whoever waits behind a
 * long call could have run elsewhere. */

/* Calls take much longer than the round trip when it is less than this part of them. */
#define LITTLE 0.1

#define MAX_AHEAD 255

/* How much of what is known one more measurement changes. */
#define SHARE_OF_CALL 0.125
#define SHARE_OF_ROUND_TRIP 0.25
#define SHARE_OF_TRANSFER 0.25

void
pcall_window_note_round_trip (PcallWindow *self,
                              gint64       took)
{
  gdouble difference = (gdouble) (MAX (took, 1) - self->round_trip);

  self->round_trip += self->round_trip > 0 ? (gint64) (difference * SHARE_OF_ROUND_TRIP)
                                           : (gint64) difference;
}

void
pcall_window_note_call (PcallWindow *self,
                        gint64       took)
{
  gdouble difference = (gdouble) MAX (took, 1) - self->mean;

  self->mean += self->measured ? difference * SHARE_OF_CALL : difference;
  self->measured = TRUE;
}

void
pcall_window_note_transfer (PcallWindow *self,
                            gint64       took)
{
  self->transfer += ((gdouble) took - self->transfer) * SHARE_OF_TRANSFER;
}

guint
pcall_window_get_n_ahead (const PcallWindow *self)
{
  gboolean known = self->measured && self->round_trip > 0;
  gdouble n = known ? ((gdouble) self->round_trip + self->transfer) / self->mean : 0;

  return n < LITTLE ? 0 : (guint) MIN (n + 1, MAX_AHEAD);
}
