/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a call prints by the C library's streams, in its own process, where that is captured. */

/* Standard output and error go into a log file from now on: what is printed is there when the line
 * ends. Async-signal-safe, but for what is in the buffers. */
void pcall_stdio_prepare (void);

/* Writes what stands in the buffers, save of a stream that another thread holds; FALSE if something
 * that was printed since pcall_stdio_prepare() could not be written. */
gboolean pcall_stdio_flush (void);

/* All that the call printed and logged is in its file before its end is told; tells the parent what
 * is not. */
void pcall_stdio_complete (void);

/* Tells the parent that the call has what calls from @first on may have written. */
void pcall_stdio_note_shared (guint first);

/* Tells the parent that there is no file. */
void pcall_stdio_note_no_file (int error_number);

G_END_DECLS
