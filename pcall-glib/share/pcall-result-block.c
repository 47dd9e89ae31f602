/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-result-block-private.h"

#include <string.h>

/* Results of many small calls, on their way.
 *
 * A child that runs calls in batches puts each result into memory that it shares with its parent
 * before it begins the next call: so none is lost when it dies. When the batch is over all of it is
 * sent as one column. The parent trusts nothing that it finds: it copies first, and then checks the
 * copy. */

static gboolean
is_bytes (guint64 type)
{
  return type == PCALL_BLOCK_BYTES;
}

/* Where the bytes of the call at that position begin. */
static guint64
get_start (const guint64 *cells,
           guint          position)
{
  return position > 0 ? cells[position - 1] : 0;
}

gboolean
pcall_open_block_get_pieces (PcallOpenBlock         *self,
                             const PcallBlockLimits *limits,
                             guint                   from,
                             guint                   n_ended,
                             PcallResultBlockPieces *pieces)
{
  guint64 type = self->type;
  guint64 start = is_bytes (type) ? get_start (self->cells, from) : 0;
  guint64 end = is_bytes (type) ? get_start (self->cells, n_ended) : 0;

  if (start > end || end > limits->n_bytes || type > G_MAXINT8)
    return FALSE;

  *pieces = (PcallResultBlockPieces) { { n_ended - from, type, start }, self->cells + from,
                                  pcall_open_block_get_bytes (self, limits) + start, end - start };
  return TRUE;
}

PcallPayload *
pcall_open_block_read (PcallOpenBlock         *self,
                       const PcallBlockLimits *limits,
                       guint                   from,
                       guint                   n_ended)
{
  gsize cells_size = (n_ended - from) * sizeof (guint64);
  PcallResultBlockPieces pieces;
  PcallPayload *payload;
  guint8 *at;

  if (!pcall_open_block_get_pieces (self, limits, from, n_ended, &pieces))
    return NULL;
  payload = pcall_payload_renew (NULL, sizeof pieces.head + cells_size + pieces.n_bytes);
  if (payload == NULL)
    return NULL;

  at = payload->bytes;
  memcpy (at, &pieces.head, sizeof pieces.head);
  memcpy (at + sizeof pieces.head, pieces.cells, cells_size);
  memcpy (at + sizeof pieces.head + cells_size, pieces.bytes, pieces.n_bytes);
  return payload;
}

static gboolean
are_truths (const PcallResultBlock *self)
{
  for (guint i = 0; i < self->n; i++)
    if (self->cells[i] > PCALL_NUMBER_NOTHING)
      return FALSE;
  return TRUE;
}

static gboolean
are_ends_valid (const PcallResultBlock *self,
                gsize                   n_bytes)
{
  guint64 last = self->base;

  for (guint i = 0; i < self->n; i++)
    {
      if (self->cells[i] < last || self->cells[i] - self->base > n_bytes)
        return FALSE;
      last = self->cells[i];
    }
  return last - self->base == n_bytes;
}

gboolean
pcall_result_block_is_valid (const PcallResultBlock *self,
                             gsize                   length,
                             guint                   n_calls)
{
  gsize fixed;

  if (length < sizeof *self || self->n == 0 || self->n > n_calls)
    return FALSE;
  fixed = sizeof *self + (gsize) self->n * sizeof (guint64);
  if (length < fixed)
    return FALSE;
  if (is_bytes (self->type))
    return are_ends_valid (self, length - fixed);
  return length == fixed && self->type <= G_MAXINT8 && pcall_number_is_known (self->type) &&
         (self->type != PCALL_NUMBER_TRUTH || are_truths (self));
}

gboolean
pcall_result_block_has_numbers (const PcallResultBlock *self)
{
  return !is_bytes (self->type);
}

/* An ay in a v. */
PcallPayload *
pcall_result_block_get_payload (const PcallResultBlock *self,
                                guint                   position)
{
  static const char type[] = { '\0', 'a', 'y' };
  guint64 start = position > 0 ? self->cells[position - 1] : self->base;
  gsize length = self->cells[position] - start;
  PcallPayload *payload = pcall_payload_new (length + sizeof type);

  memcpy (payload->bytes, (const guint8 *) (self->cells + self->n) + (start - self->base), length);
  memcpy (payload->bytes + length, type, sizeof type);
  return payload;
}

GVariant *
pcall_result_block_build_value (const PcallResultBlock *self,
                                guint                   position)
{
  const PcallNumber number = { self->cells[position], self->type };
  g_autoptr (PcallPayload) payload = NULL;

  if (pcall_result_block_has_numbers (self))
    return pcall_number_to_value (&number);

  payload = pcall_result_block_get_payload (self, position);
  return pcall_payload_unbox (payload);
}
