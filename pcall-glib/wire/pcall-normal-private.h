/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether the @length bytes at @data, a `v`, are in normal form, told fast for types that can be
 * large: FALSE where they are not, and where it takes GLib to say. */
gboolean pcall_normal_is_surely (const guint8 *data,
                                 gsize         length);

G_END_DECLS
