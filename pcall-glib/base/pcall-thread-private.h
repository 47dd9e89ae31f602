/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Starts a thread of the library's own that nobody joins. It handles no signals: these are for the
 * threads of the program. */
gboolean pcall_thread_start (const char *name,
                             GThreadFunc func,
                             gpointer    data,
                             GError    **error);

G_END_DECLS
