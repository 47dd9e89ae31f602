/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Writes bytes to standard output or error of this process, behind what the C library holds for
 * it. How many were written, which may be fewer, and 0 where it takes none for now; -1 with errno
 * set. Waits for a stream that is slow until the time has come, and no longer than a moment. */
gssize pcall_log_pass (int         fd,
                       const char *bytes,
                       gsize       length,
                       gint64      until);

G_END_DECLS
