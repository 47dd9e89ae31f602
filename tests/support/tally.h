/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <pcall-glib/pcall.h>

/* Counts what a task tells about each of its calls. */
typedef struct _Tally Tally;

/* To be called when it is known how many calls there are, before the task is started. */
Tally *tally_new             (PcallTask *task);
void   tally_free            (Tally     *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Tally, tally_free)

/* How the call's child ended, -1 and 0 where it did not begin or exit, or was not killed. */
int    tally_get_exit_status (Tally     *self,
                              guint      index);
int    tally_get_term_signal (Tally     *self,
                              guint      index);
gboolean tally_get_core_dumped (Tally   *self,
                              guint      index);

/* The task is over: each call is in one terminal state, of which was told once, in the right
 * words, and has either a result or an error. */
void   tally_assert_complete (Tally     *self);

/* Removes what the calls tell as their log files: while they are not joined into the application's
 * log, those with something in them are the application's. */
void   tally_remove_logs     (Tally     *self);
