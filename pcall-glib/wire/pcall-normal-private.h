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

/* No value is read back that is nested 128 levels deep or more. A frame takes some of these. */
#define PCALL_NORMAL_MAX_DEPTH 124
#define PCALL_NORMAL_TOO_DEEP \
  "nested more than " G_STRINGIFY (PCALL_NORMAL_MAX_DEPTH) " levels deep"

/* Whether @value has more levels than that: it can be made, and not be sent. */
gboolean pcall_normal_is_too_deep (GVariant *value);

G_END_DECLS
