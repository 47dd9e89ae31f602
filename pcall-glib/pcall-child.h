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

#define PCALL_TYPE_CHILD (pcall_child_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallChild, pcall_child, PCALL, CHILD, GObject)

PCALL_AVAILABLE_IN_1_0
gint        pcall_child_get_pid         (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
gboolean    pcall_child_get_running     (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
gint        pcall_child_get_exit_status (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
gint        pcall_child_get_term_signal (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
gboolean    pcall_child_get_core_dumped (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
gdouble     pcall_child_get_user_time   (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
gdouble     pcall_child_get_system_time (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
guint64     pcall_child_get_max_rss     (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
const char *pcall_child_get_log_file    (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
const char *pcall_child_get_host        (PcallChild *self);

PCALL_AVAILABLE_IN_1_0
void        pcall_child_terminate       (PcallChild *self);
PCALL_AVAILABLE_IN_1_0
void        pcall_child_kill            (PcallChild *self);

G_END_DECLS
