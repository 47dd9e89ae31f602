/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-batch-private.h"

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
  return type == PCALL_BATCH_BYTES;
}

/* Where the bytes of the call at that position begin. */
static guint64
get_start (const guint64 *cells,
           guint          position)
{
  return position > 0 ? cells[position - 1] : 0;
}

PcallPayload *
pcall_batch_read (PcallBatch             *self,
                  const PcallBatchLimits *limits,
                  guint                   from,
                  guint                   n_ended)
{
  guint64 type = self->type;
  guint64 start = is_bytes (type) ? get_start (self->cells, from) : 0;
  guint64 end = is_bytes (type) ? get_start (self->cells, n_ended) : 0;
  gsize cells_size = (n_ended - from) * sizeof (guint64);
  PcallPayload *payload;
  PcallColumn *column;

  if (start > end || end > limits->n_bytes || type > G_MAXINT8)
    return NULL;
  payload = pcall_payload_renew (NULL, sizeof *column + cells_size + (end - start));
  if (payload == NULL)
    return NULL;

  column = (PcallColumn *) payload->bytes;
  column->n = n_ended - from;
  column->type = type;
  memcpy (column->cells, self->cells + from, cells_size);
  for (guint i = 0; start > 0 && i < column->n; i++)
    column->cells[i] -= start;
  memcpy (column->cells + column->n, pcall_batch_get_bytes (self, limits) + start, end - start);
  return payload;
}

static gboolean
are_truths (const PcallColumn *self)
{
  for (guint i = 0; i < self->n; i++)
    if (self->cells[i] > PCALL_NUMBER_NOTHING)
      return FALSE;
  return TRUE;
}

static gboolean
are_ends_valid (const PcallColumn *self,
                gsize              n_bytes)
{
  guint64 last = 0;

  for (guint i = 0; i < self->n; i++)
    {
      if (self->cells[i] < last || self->cells[i] > n_bytes)
        return FALSE;
      last = self->cells[i];
    }
  return last == n_bytes;
}

gboolean
pcall_column_is_valid (const PcallColumn *self,
                       gsize              length,
                       guint              n_calls)
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
pcall_column_has_numbers (const PcallColumn *self)
{
  return !is_bytes (self->type);
}

/* An ay in a v. */
PcallPayload *
pcall_column_get_payload (const PcallColumn *self,
                          guint              position)
{
  static const char type[] = { '\0', 'a', 'y' };
  guint64 start = get_start (self->cells, position);
  gsize length = self->cells[position] - start;
  PcallPayload *payload = pcall_payload_renew (NULL, length + sizeof type);

  if (payload == NULL)
    return NULL;

  memcpy (payload->bytes, (const guint8 *) (self->cells + self->n) + start, length);
  memcpy (payload->bytes + length, type, sizeof type);
  return payload;
}

GVariant *
pcall_column_build_value (const PcallColumn *self,
                          guint              position)
{
  const PcallNumber number = { self->cells[position], self->type };
  g_autoptr (PcallPayload) payload = NULL;

  if (pcall_column_has_numbers (self))
    return pcall_number_to_value (&number);

  payload = pcall_column_get_payload (self, position);
  return payload != NULL ? pcall_payload_unbox (payload) : NULL;
}
