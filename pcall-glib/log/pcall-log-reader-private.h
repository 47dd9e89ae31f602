/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "log/pcall-log-record-private.h"

G_BEGIN_DECLS

/* Reads a child's log file: lines that it printed, and records of its GLib log. It takes as much
 * memory as the longest of them, whatever the length of the file. */
typedef struct _PcallLogReader PcallLogReader;

/* What was read; it refers to memory of the reader until the next call. */
typedef struct
{
  const char      *line; /* without its end, zero-terminated; or raw; NULL for a record */
  gsize            length;
  GLogLevelFlags   level;
  const GLogField *fields;
  gsize            n_fields;
} PcallLogEntry;

/* Takes @fd. */
PcallLogReader *pcall_log_reader_new  (int                fd,
                                       const PcallLogKey *key);
void            pcall_log_reader_free (PcallLogReader    *self);

/* What was printed is given as bytes and not as lines, several in one piece or parts of one: all of
 * them, as they are, with nothing behind them. Before anything is read. */
void            pcall_log_reader_set_raw (PcallLogReader   *self);

/* What is in the file now is all that is read, though it may grow; and what stands at its end is
 * taken as it is, a line without an end or a part of a record. */
void            pcall_log_reader_finish (PcallLogReader *self);

/* FALSE if there is nothing more, for now or, after pcall_log_reader_finish(), at all. */
gboolean        pcall_log_reader_next (PcallLogReader *self,
                                       PcallLogEntry  *entry);

/* Passes over all that is there now, and gives how many bytes that was. */
guint64         pcall_log_reader_skip (PcallLogReader *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallLogReader, pcall_log_reader_free)

G_END_DECLS
