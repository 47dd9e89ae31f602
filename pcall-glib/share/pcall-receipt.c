/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-receipt-private.h"

#include <string.h>

#include "share/pcall-batch-private.h"
#include "pcall-error.h"

/* What a child tells of a call that has ended: a header, and the payload as it would stand in a
 * frame, then nothing to a multiple of 8.
 *
 * What lies in shared memory may change while it is looked at. So a receipt is copied first, once,
 * and the copy is checked, as bytes from a socket are. */

/* A ring has room for several. What is larger goes over the socket. */
#define LARGEST_PART 4

static guint32
padded (gsize length)
{
  return sizeof (PcallReceipt) + (guint32) ((length + 7) & ~(gsize) 7);
}

gboolean
pcall_receipt_set_outcome (PcallReceipt        *receipt,
                           const PcallRing     *ring,
                           const PcallOutgoing *outcome)
{
  gsize length =
      outcome->size + (outcome->boxed_type != NULL ? 1 + strlen (outcome->boxed_type) : 0);
  gboolean fits =
      length <= ring->size / LARGEST_PART && !pcall_outgoing_is_attached (outcome);

  receipt->type = fits ? outcome->type : 0;
  receipt->length = fits ? length : 0;
  return fits;
}

/* A v is its value, a zero byte and its type string. */
static void
put_payload (const PcallRing     *ring,
             const PcallReceipt  *receipt,
             const PcallOutgoing *outcome)
{
  guint32 at = sizeof *receipt;
  guint32 size = outcome->size;

  if (size > 0)
    pcall_ring_put (ring, at, outcome->data, size);
  if (outcome->boxed_type == NULL)
    return;
  pcall_ring_put (ring, at + size, "", 1);
  pcall_ring_put (ring, at + size + 1, outcome->boxed_type, receipt->length - size - 1);
}

gboolean
pcall_receipt_put (const PcallRing     *ring,
                   const PcallReceipt  *receipt,
                   const PcallOutgoing *outcome)
{
  guint32 size = padded (receipt->length);

  if (pcall_ring_get_room (ring) < size)
    return FALSE;

  pcall_ring_put (ring, 0, receipt, sizeof *receipt);
  if (receipt->type != 0)
    put_payload (ring, receipt, outcome);
  pcall_ring_publish (ring, size);
  return TRUE;
}

gboolean
pcall_receipt_put_column (const PcallRing         *ring,
                          PcallReceipt            *receipt,
                          const PcallColumnPieces *column)
{
  guint32 cells_at = sizeof *receipt + sizeof column->head;
  guint32 bytes_at = cells_at + column->head.n * sizeof (guint64);
  guint32 size;

  receipt->type = PCALL_RECEIPT_COLUMN;
  receipt->length = bytes_at + column->n_bytes - sizeof *receipt;
  size = padded (receipt->length);
  if (pcall_ring_get_room (ring) < size)
    return FALSE;

  pcall_ring_put (ring, 0, receipt, sizeof *receipt);
  pcall_ring_put (ring, sizeof *receipt, &column->head, sizeof column->head);
  pcall_ring_put (ring, cells_at, column->cells, bytes_at - cells_at);
  if (column->n_bytes > 0)
    pcall_ring_put (ring, bytes_at, column->bytes, column->n_bytes);
  pcall_ring_publish (ring, size);
  return TRUE;
}

static gboolean
broken (const char  *complaint,
        GError     **error)
{
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
               "in the memory that it shares with its parent %s", complaint);
  return FALSE;
}

static gboolean
check_payload (guint          type,
               PcallPayload  *payload,
               GError       **error)
{
  PcallFrameHeader header = { .type = type, .length = payload->length };
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) value = NULL;

  if (type == PCALL_RECEIPT_COLUMN)
    return pcall_column_is_valid ((PcallColumn *) payload->bytes, payload->length, G_MAXUINT16) ||
           broken ("are results that make no sense", error);
  if (pcall_frame_is_plain (type, pcall_payload_get_data (payload), payload->length))
    return TRUE;

  bytes = pcall_payload_get_bytes (payload);
  value = pcall_frame_decode_payload (&header, bytes, error);
  return value != NULL;
}

static gboolean
take_payload (const PcallRing     *ring,
              const PcallReceipt  *receipt,
              PcallPayload       **payload,
              GError             **error)
{
  *payload = pcall_payload_renew (*payload, receipt->length);
  if (*payload == NULL)
    return broken ("is a result that there is no memory for", error);

  pcall_ring_peek (ring, sizeof *receipt, (*payload)->bytes, receipt->length);
  return check_payload (receipt->type, *payload, error);
}

static gboolean
check (const PcallRing     *ring,
       const PcallReceipt  *receipt,
       guint32              filled,
       GError             **error)
{
  if (receipt->length > ring->size || padded (receipt->length) > filled)
    return broken ("is a length that cannot be", error);
  if (receipt->type != 0 && receipt->type != PCALL_FRAME_RESULT &&
      receipt->type != PCALL_FRAME_ERROR && receipt->type != PCALL_RECEIPT_COLUMN)
    return broken ("is an outcome of no known type", error);
  return TRUE;
}

PcallReceiptStatus
pcall_receipt_peek (const PcallRing  *ring,
                    const guint32    *n_frames,
                    PcallReceipt     *receipt,
                    GError          **error)
{
  guint32 filled = pcall_ring_get_filled (ring);

  if (filled == 0)
    return PCALL_RECEIPT_NONE;
  if (filled > ring->size || filled < sizeof *receipt)
    {
      broken ("are positions that cannot be", error);
      return PCALL_RECEIPT_BROKEN;
    }

  pcall_ring_peek (ring, 0, receipt, sizeof *receipt);
  if (n_frames != NULL && (gint32) (receipt->n_frames - *n_frames) > 0)
    return PCALL_RECEIPT_NONE;
  return check (ring, receipt, filled, error) ? PCALL_RECEIPT_THERE : PCALL_RECEIPT_BROKEN;
}

gboolean
pcall_receipt_take (const PcallRing     *ring,
                    const PcallReceipt  *receipt,
                    PcallPayload       **payload,
                    GError             **error)
{
  if (receipt->type == 0)
    g_clear_pointer (payload, pcall_payload_unref);
  else if (!take_payload (ring, receipt, payload, error))
    return FALSE;

  pcall_ring_skip (ring, padded (receipt->length));
  return TRUE;
}
