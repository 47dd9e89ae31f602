/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include <pcall-glib/pcall-child.h>
#include <pcall-glib/pcall-enums.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

#define PCALL_TYPE_CALL (pcall_call_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallCall, pcall_call, PCALL, CALL, GObject)

PCALL_AVAILABLE_IN_1_0
guint           pcall_call_get_index          (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
const char     *pcall_call_get_target_name    (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GVariant       *pcall_call_dup_args           (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GVariant       *pcall_call_dup_kwargs         (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
PcallCallState  pcall_call_get_state          (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GVariant       *pcall_call_dup_result         (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GUnixFDList    *pcall_call_dup_result_fd_list (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GBytes         *pcall_call_dup_result_bytes   (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GError         *pcall_call_dup_error          (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GVariant       *pcall_call_dup_error_details  (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
gint            pcall_call_get_pid            (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
const char     *pcall_call_get_host           (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
gdouble         pcall_call_get_progress       (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
const char     *pcall_call_get_progress_text  (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
gdouble         pcall_call_get_elapsed        (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
const char     *pcall_call_get_log_file       (PcallCall *self);
PCALL_AVAILABLE_IN_1_0
GBytes         *pcall_call_dup_output         (PcallCall *self);

PCALL_AVAILABLE_IN_1_0
PcallChild     *pcall_call_dup_child          (PcallCall *self) G_GNUC_WARN_UNUSED_RESULT;

PCALL_AVAILABLE_IN_1_0
void            pcall_call_terminate          (PcallCall *self);

G_END_DECLS
