/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Reads what the trial would read from files anew in each child; once in a process. From any
 * thread. */
void     pcall_lock_trial_prepare    (void);

/* Takes each of GLib's locks that user code is about to need, and kills this process where one of
 * them stays locked, or, in the first attempts, where the default main context cannot be run. Where
 * it comes back, every process of this family can know what @mark stands for: memory in which all
 * is as it should be. */
void     pcall_lock_trial            (guint   attempt,
                                      guint64 mark);

/* Whether a trial has come back in memory that @mark stands for. */
gboolean pcall_lock_trial_has_passed (guint64 mark);

G_END_DECLS
