/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The controlling terminal, which is the parent's alone. */

/* Whether this process may have one. */
gboolean pcall_terminal_is_there (void);

/* In a child, once it is in its own process group: it has none any more, nor will what it starts.
 * Async-signal-safe, and may run in the parent's memory before exec. */
void     pcall_terminal_leave    (void);

G_END_DECLS
