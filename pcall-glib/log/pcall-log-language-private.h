/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The log of the language that this program is written in, where its binding has told of one. */

gboolean pcall_log_language_is_there (void);
/* Logs there what call @index has logged; @data as in PcallRecordFunc. Calls user code. */
void     pcall_log_language_log      (guint          index,
                                      GLogLevelFlags level,
                                      const char    *message,
                                      GBytes        *data);

G_END_DECLS
