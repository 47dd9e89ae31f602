/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <glib.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

PCALL_AVAILABLE_IN_1_0
GLogWriterOutput pcall_log_writer (GLogLevelFlags   log_level,
                                   const GLogField *fields,
                                   gsize            n_fields,
                                   gpointer         user_data);

G_END_DECLS
