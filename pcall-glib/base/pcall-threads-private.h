/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What the other threads of this process do. */

/* Whether there are any. TRUE where that cannot be known. */
gboolean pcall_threads_exist      (void);

/* A number for the memory of this process as other threads have left it: the same as the last one
 * where no other thread is known to have run since that was new. 0 where that cannot be known. It
 * means something to the thread that asked for it only. */
guint64  pcall_threads_mark       (void);

/* Whether @mark is the last one of this thread and not known to be over, without a look. FALSE for
 * 0. */
gboolean pcall_threads_is_marked  (guint64 mark);

/* Whether no other thread has run since this thread was given @mark, its last one, for the first
 * time. If it is not sure, that mark is never given again. */
gboolean pcall_threads_have_slept (guint64 mark);

G_END_DECLS
