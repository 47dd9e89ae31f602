/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A line on a terminal that shows how far a task is: see pcall-progress-bar.c. */
typedef struct _PcallProgressBar PcallProgressBar;

/* NULL where standard error is no terminal, or one that cannot go back in a line. */
PcallProgressBar *pcall_progress_bar_new    (void);
/* Takes the bar away, unless it has ended. Does nothing else in a fork of the process. */
void              pcall_progress_bar_free   (PcallProgressBar *self);

/* Whether it has been drawn so long ago that it is to be drawn anew. */
gboolean          pcall_progress_bar_is_due (PcallProgressBar *self);
/* @done: the sum of what the calls have done, each from 0 to 1. */
void              pcall_progress_bar_draw   (PcallProgressBar *self,
                                             gdouble           done,
                                             guint             n_finished,
                                             guint             n_calls);
/* Others are about to write there; takes it away until it is drawn again. */
void              pcall_progress_bar_hide   (PcallProgressBar *self);
/* What it shows now stays, and nothing is drawn any more. */
void              pcall_progress_bar_end    (PcallProgressBar *self);

G_END_DECLS
