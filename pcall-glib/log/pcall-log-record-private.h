/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A log record as bytes, to stand in a child's log file among what the child prints: for people
 * with `tail -f` a line that begins with the time, the level and the message, for the library
 * all that the record was.
 *
 *   RS key " " size " " time " " level ": " message { US " " name "=" value } US table RS LF
 *
 * RS and US are the separators of records and units of ASCII, which terminals do not show. The
 * key is the task's; the size is that of the whole, in eight digits. The table tells how long
 * everything is, so that names and values may be any bytes:
 *
 *   level ":" place ":" length { "," name-length length }
 *
 * The level is a number, of GLogLevelFlags. The first length is that of the message, and the
 * place is where among the fields it stood, counted from 1; 0 if there was none. A length is "-"
 * and a number for what ends with a zero byte, as GLogField has it, else "+" and a number. */

/* RS */
#define PCALL_LOG_RECORD_BEGIN '\x1e'

/* RS, key, blank, size, blank */
#define PCALL_LOG_HEADER_LENGTH (1 + PCALL_LOG_KEY_LENGTH + 1 + 8 + 1)

/* Digits of the key, which no other output has by chance. */
#define PCALL_LOG_KEY_LENGTH 16

/* Larger records are not decoded, nor are longer lines put together. */
#define PCALL_LOG_MAX_RECORD (16 * 1024 * 1024)

/* What has more of them is no record of ours. */
#define PCALL_LOG_MAX_FIELDS 4096

typedef struct
{
  char digits[PCALL_LOG_KEY_LENGTH + 1];
} PcallLogKey;

void pcall_log_key_init (PcallLogKey *self,
                         guint64      number);

/* Writes the record to @bytes if it is not longer than @capacity, and returns how long it is.
 * From any thread, in a child. */
gsize pcall_log_record_encode (const PcallLogKey *key,
                               GLogLevelFlags     level,
                               const GLogField   *fields,
                               gsize              n_fields,
                               char              *bytes,
                               gsize              capacity);

typedef enum
{
  PCALL_LOG_RECORD_NONE,  /* what stands there is no record */
  PCALL_LOG_RECORD_SHORT, /* it may be the beginning of one */
  PCALL_LOG_RECORD_WHOLE,
} PcallLogRecordState;

typedef struct
{
  gsize          size; /* how long it is in all; 0 where too little is there to tell */
  GLogLevelFlags level;
  GArray        *fields; /* GLogField, into the bytes; the caller's, emptied first */
} PcallLogRecord;

/* Looks for a record at the beginning of @bytes, of which there are @length. The bytes of one that
 * is whole are changed: a zero byte stands behind each name and each value. */
PcallLogRecordState pcall_log_record_decode (const PcallLogKey *key,
                                             char              *bytes,
                                             gsize              length,
                                             PcallLogRecord    *record);

G_END_DECLS
