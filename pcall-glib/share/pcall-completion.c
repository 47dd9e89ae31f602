/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-completion-private.h"

#include <string.h>

#include "share/pcall-result-block-private.h"
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
  return sizeof (PcallCompletion) + (guint32) ((length + 7) & ~(gsize) 7);
}

gboolean
pcall_completion_set_outcome (PcallCompletion     *completion,
                              const PcallRing     *ring,
                              const PcallOutgoing *outcome)
{
  gsize length =
      outcome->size + (outcome->boxed_type != NULL ? 1 + strlen (outcome->boxed_type) : 0);
  gboolean fits =
      length <= ring->size / LARGEST_PART && !pcall_outgoing_is_attached (outcome);

  completion->type = fits ? outcome->type : 0;
  completion->length = fits ? length : 0;
  return fits;
}

/* A v is its value, a zero byte and its type string. */
static void
put_payload (const PcallRing       *ring,
             const PcallCompletion *completion,
             const PcallOutgoing   *outcome)
{
  guint32 at = sizeof *completion;
  guint32 size = outcome->size;

  if (size > 0)
    pcall_ring_put (ring, at, outcome->data, size);
  if (outcome->boxed_type == NULL)
    return;
  pcall_ring_put (ring, at + size, "", 1);
  pcall_ring_put (ring, at + size + 1, outcome->boxed_type, completion->length - size - 1);
}

gboolean
pcall_completion_put (const PcallRing       *ring,
                      const PcallCompletion *completion,
                      const PcallOutgoing   *outcome)
{
  guint32 size = padded (completion->length);

  if (pcall_ring_get_room (ring) < size)
    return FALSE;

  pcall_ring_put (ring, 0, completion, sizeof *completion);
  if (completion->type != 0)
    put_payload (ring, completion, outcome);
  pcall_ring_publish (ring, size);
  return TRUE;
}

gboolean
pcall_completion_put_block (const PcallRing              *ring,
                            PcallCompletion              *completion,
                            const PcallResultBlockPieces *block)
{
  guint32 cells_at = sizeof *completion + sizeof block->head;
  guint32 bytes_at = cells_at + block->head.n * sizeof (guint64);
  guint32 size;

  completion->type = PCALL_COMPLETION_BLOCK;
  completion->length = bytes_at + block->n_bytes - sizeof *completion;
  size = padded (completion->length);
  if (pcall_ring_get_room (ring) < size)
    return FALSE;

  pcall_ring_put (ring, 0, completion, sizeof *completion);
  pcall_ring_put (ring, sizeof *completion, &block->head, sizeof block->head);
  pcall_ring_put (ring, cells_at, block->cells, bytes_at - cells_at);
  if (block->n_bytes > 0)
    pcall_ring_put (ring, bytes_at, block->bytes, block->n_bytes);
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

  if (type == PCALL_COMPLETION_BLOCK)
    return pcall_result_block_is_valid ((PcallResultBlock *) payload->bytes, payload->length,
                                        G_MAXUINT16) ||
           broken ("are results that make no sense", error);
  if (pcall_frame_is_plain (type, pcall_payload_get_data (payload), payload->length))
    return TRUE;

  bytes = pcall_payload_get_bytes (payload);
  value = pcall_frame_decode_payload (&header, bytes, error);
  return value != NULL;
}

static gboolean
take_payload (const PcallRing       *ring,
              const PcallCompletion *completion,
              PcallPayload         **payload,
              GError               **error)
{
  *payload = pcall_payload_renew (*payload, completion->length);
  if (*payload == NULL)
    return broken ("is a result that there is no memory for", error);

  pcall_ring_peek (ring, sizeof *completion, (*payload)->bytes, completion->length);
  return check_payload (completion->type, *payload, error);
}

static gboolean
check (const PcallRing       *ring,
       const PcallCompletion *completion,
       guint32                filled,
       GError               **error)
{
  if (completion->length > ring->size || padded (completion->length) > filled)
    return broken ("is a length that cannot be", error);
  if (completion->type != 0 && completion->type != PCALL_FRAME_RESULT &&
      completion->type != PCALL_FRAME_ERROR && completion->type != PCALL_COMPLETION_BLOCK)
    return broken ("is an outcome of no known type", error);
  return TRUE;
}

PcallCompletionStatus
pcall_completion_peek (const PcallRing *ring,
                       const guint32   *n_frames,
                       PcallCompletion *completion,
                       GError         **error)
{
  guint32 filled = pcall_ring_get_filled (ring);

  if (filled == 0)
    return PCALL_COMPLETION_NONE;
  if (filled > ring->size || filled < sizeof *completion)
    {
      broken ("are positions that cannot be", error);
      return PCALL_COMPLETION_BROKEN;
    }

  pcall_ring_peek (ring, 0, completion, sizeof *completion);
  completion->took = CLAMP (completion->took, 0, g_get_monotonic_time ());
  if (n_frames != NULL && (gint32) (completion->n_frames - *n_frames) > 0)
    return PCALL_COMPLETION_NONE;
  return check (ring, completion, filled, error) ? PCALL_COMPLETION_THERE : PCALL_COMPLETION_BROKEN;
}

gboolean
pcall_completion_take (const PcallRing       *ring,
                       const PcallCompletion *completion,
                       PcallPayload         **payload,
                       GError               **error)
{
  if (completion->type == 0)
    g_clear_pointer (payload, pcall_payload_unref);
  else if (!take_payload (ring, completion, payload, error))
    return FALSE;

  pcall_ring_skip (ring, padded (completion->length));
  return TRUE;
}
