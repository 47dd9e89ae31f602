/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Bytes that nobody can guess, also in a process that was just forked. FALSE with errno set where
 * the system has none. */
gboolean pcall_random_fill (gpointer bytes,
                            gsize    size);

G_END_DECLS
