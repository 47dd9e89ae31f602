/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>

#include "wire/pcall-number-private.h"
#include "wire/pcall-payload-private.h"

G_BEGIN_DECLS

/* Calls that follow one another: @first, and those before @end. */
typedef struct
{
  guint first;
  guint end;
} PcallSpan;

static inline guint
pcall_span_get_length (PcallSpan span)
{
  return span.end > span.first ? span.end - span.first : 0;
}

/* What came of the calls of a batch so far, in memory that a child and its parent share. The layout
 * is what bindings are told of, see pcall_get_batch_memory(). */
typedef struct
{
  guint64 n_ended; /* calls; those whose results stand here */
  guint64 type;    /* of all of these results, a character: a number's, or PCALL_BLOCK_BYTES */
  guint64 wrote;   /* whether it is certain that only the last of these has written anything */
  guint64 gap[5];
  guint64 cells[]; /* a number, or where the result ends in the bytes, which are behind the cells */
} PcallOpenBlock;

#define PCALL_BLOCK_BYTES 'p'

/* Each side sees the results before it sees that there are so many. */
static inline void
pcall_open_block_set_ended (PcallOpenBlock *self,
                            guint           n)
{
  __atomic_store_n (&self->n_ended, n, __ATOMIC_SEQ_CST);
}

/* How large a batch may be. */
typedef struct
{
  guint n_calls;
  guint n_bytes;
} PcallBlockLimits;

/* Where the bytes are. */
static inline guint8 *
pcall_open_block_get_bytes (PcallOpenBlock         *self,
                            const PcallBlockLimits *limits)
{
  return (guint8 *) (self->cells + limits->n_calls);
}

/* The same, copied, as it travels from the child and is taken apart by the parent. */
typedef struct
{
  guint32 n;
  guint32 type;
  guint64 base;    /* where the bytes of the first result begin */
  guint64 cells[]; /* then the bytes */
} PcallResultBlock;

/* The same up to the cells. */
typedef struct
{
  guint32 n;
  guint32 type;
  guint64 base;
} PcallResultBlockHead;

G_STATIC_ASSERT (sizeof (PcallResultBlockHead) == G_STRUCT_OFFSET (PcallResultBlock, cells));

/* What it consists of, where it is to be written by pieces. */
typedef struct
{
  PcallResultBlockHead head;
  const guint64  *cells;
  const guint8   *bytes;
  gsize           n_bytes;
} PcallResultBlockPieces;

/* Of the calls from @from to @n_ended. The memory may be anything: FALSE where it cannot be
 * that. */
gboolean      pcall_open_block_get_pieces (PcallOpenBlock         *self,
                                           const PcallBlockLimits *limits,
                                           guint                   from,
                                           guint                   n_ended,
                                           PcallResultBlockPieces *pieces);

/* A copy of what there is of the calls from @from to @n_ended, a column. The memory may be
 * anything: NULL where it cannot be that, or there is no memory for the copy. */
PcallPayload *pcall_open_block_read (PcallOpenBlock         *self,
                                     const PcallBlockLimits *limits,
                                     guint                   from,
                                     guint                   n_ended);

/* Whether @length bytes that came are a column, of @n_calls at the most. */
gboolean      pcall_result_block_is_valid    (const PcallResultBlock *self,
                                              gsize                   length,
                                              guint                   n_calls);
/* Whether results are numbers; else they are bytes. */
gboolean      pcall_result_block_has_numbers (const PcallResultBlock *self);
/* The bytes that the call at @position returned, an ay in a v. */
PcallPayload *pcall_result_block_get_payload (const PcallResultBlock *self,
                                              guint                   position);
/* What that call returned. A full reference, not floating. */
GVariant     *pcall_result_block_build_value (const PcallResultBlock *self,
                                              guint                   position);

G_END_DECLS
