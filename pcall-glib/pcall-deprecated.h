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

#include <pcall-glib/pcall-binding.h>
#include <pcall-glib/pcall-call.h>
#include <pcall-glib/pcall-task.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/* Former names of getters whose caller owns what they return. */
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_args)
GVariant    *pcall_call_get_args            (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_kwargs)
GVariant    *pcall_call_get_kwargs          (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_result)
GVariant    *pcall_call_get_result          (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_result_fd_list)
GUnixFDList *pcall_call_get_result_fd_list  (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_error)
GError      *pcall_call_get_error           (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_error_details)
GVariant    *pcall_call_get_error_details   (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_call_dup_output)
GBytes      *pcall_call_get_output          (PcallCall *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_results)
GVariant    *pcall_task_get_results         (PcallTask *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_call)
PcallCall   *pcall_task_get_call            (PcallTask *self,
                                             guint      index);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_first_failed)
PcallCall   *pcall_task_get_first_failed    (PcallTask *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_children)
GPtrArray   *pcall_task_get_children        (PcallTask *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_living_children)
GPtrArray   *pcall_task_get_living_children (PcallTask *self);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_result_numbers)
GBytes      *pcall_task_get_result_numbers  (PcallTask *self,
                                             guint      index,
                                             guint8    *type);
PCALL_DEPRECATED_IN_1_0_FOR (pcall_task_dup_result_pieces)
GBytes      *pcall_task_get_result_pieces   (PcallTask *self,
                                             guint      index);

G_END_DECLS
