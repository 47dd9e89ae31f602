/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>

#include <pcall-glib/pcall-target.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/**
 * PcallBytesFunc:
 * @index: which call of its task this is, counted from 0
 * @value: (out) (optional) (nullable) (transfer full): return location for a result that is not
 *   bytes, %NULL before
 * @user_data: what was given with the function
 * @error: return location for an error
 *
 * A function that pcall calls in a child process, as [callback@Pcall.Func] is, but one that finds
 * its arguments by itself and whose result is, as a rule, bytes.
 *
 * Returns: (transfer full) (nullable): the result; %NULL without @value or @error set becomes the
 *   empty tuple `()`
 *
 * Since: 1.0
 */
typedef GBytes *(*PcallBytesFunc) (guint      index,
                                   GVariant **value,
                                   gpointer   user_data,
                                   GError   **error);

PCALL_AVAILABLE_IN_1_0
PcallTarget *pcall_target_new_for_bytes (const char     *name,
                                         PcallBytesFunc  func,
                                         gpointer        user_data,
                                         GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
