/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>

#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/**
 * PcallFunc:
 * @args: the positional arguments of this call, a tuple
 * @kwargs: the keyword arguments of this call, an `a{sv}`
 * @user_data: what was given with the function
 * @error: return location for an error
 *
 * A function that pcall calls in a child process.
 *
 * It runs in the child's only thread, with a thread-default [struct@GLib.MainContext]
 * of its own and nothing of the parent's in the default one, and sees everything that the parent
 * had at the time of the fork; what it changes stays in the child. Only what it returns, sends with
 * [func@Pcall.send_message] or writes comes back.
 *
 * In a worker it runs in the main thread, in the default main context, and sees
 * what calls before it in the same process have left.
 *
 * Returns: (transfer full) (nullable): the result, which may be floating. %NULL
 *   without @error set means "no value" and becomes the empty tuple `()`
 *
 * Since: 1.0
 */
typedef GVariant *(*PcallFunc) (GVariant *args,
                                GVariant *kwargs,
                                gpointer  user_data,
                                GError  **error);

PCALL_AVAILABLE_IN_1_0
gboolean            pcall_parse_args             (GVariant           *args,
                                                  GVariant           *kwargs,
                                                  GError            **error,
                                                  const char         *format,
                                                  ...) G_GNUC_NULL_TERMINATED;

#define PCALL_TYPE_TARGET (pcall_target_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallTarget, pcall_target, PCALL, TARGET, GObject)

PCALL_AVAILABLE_IN_1_0
G_GNUC_WARN_UNUSED_RESULT
PcallTarget        *pcall_target_new             (const char         *name,
                                                  PcallFunc           func,
                                                  gpointer            user_data,
                                                  GDestroyNotify      destroy);
PCALL_AVAILABLE_IN_1_0
G_GNUC_WARN_UNUSED_RESULT
PcallTarget        *pcall_target_new_symbol      (const char         *module,
                                                  const char         *symbol);
PCALL_AVAILABLE_IN_1_0
G_GNUC_WARN_UNUSED_RESULT
PcallTarget        *pcall_target_new_worker      (const char * const *worker_argv,
                                                  const char         *name);
PCALL_AVAILABLE_IN_1_0
const char         *pcall_target_get_name        (PcallTarget        *self);
PCALL_AVAILABLE_IN_1_0
const char         *pcall_target_get_module      (PcallTarget        *self);
PCALL_AVAILABLE_IN_1_0
const char * const *pcall_target_get_worker_argv (PcallTarget        *self);

G_END_DECLS
