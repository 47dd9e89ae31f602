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

#define PCALL_TYPE_POOL (pcall_pool_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallPool, pcall_pool, PCALL, POOL, GObject)

PCALL_AVAILABLE_IN_1_0
PcallPool *pcall_pool_new              (void) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
void       pcall_pool_set_max_children (PcallPool *self,
                                        guint      max_children);
PCALL_AVAILABLE_IN_1_0
guint      pcall_pool_get_max_children (PcallPool *self);
PCALL_AVAILABLE_IN_1_0
void       pcall_pool_set_idle_timeout (PcallPool *self,
                                        gdouble    idle_timeout);
PCALL_AVAILABLE_IN_1_0
gdouble    pcall_pool_get_idle_timeout (PcallPool *self);
PCALL_AVAILABLE_IN_1_0
guint      pcall_pool_get_n_idle       (PcallPool *self);
PCALL_AVAILABLE_IN_1_0
void       pcall_pool_close            (PcallPool *self);

G_END_DECLS
