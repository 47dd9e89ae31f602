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

#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

PCALL_AVAILABLE_IN_1_0
guint    pcall_get_call_index            (void);
PCALL_AVAILABLE_IN_1_0
void     pcall_report_progress           (gdouble       fraction,
                                          const char   *text);
PCALL_AVAILABLE_IN_1_0
void     pcall_send_message              (GVariant     *message);
PCALL_AVAILABLE_IN_1_0
gboolean pcall_send_message_with_fd_list (GVariant     *message,
                                          GUnixFDList  *fd_list,
                                          GError      **error);
PCALL_AVAILABLE_IN_1_0
void     pcall_set_result_fd_list        (GUnixFDList  *fd_list);
PCALL_AVAILABLE_IN_1_0
void     pcall_set_error_details         (GVariant     *details);

G_END_DECLS
