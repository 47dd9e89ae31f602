/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-batch-private.h"
#include "wire/pcall-channel-private.h"
#include "wire/pcall-payload-private.h"
#include "share/pcall-ring-private.h"
#include "wire/pcall-wire-private.h"

G_BEGIN_DECLS

/* Of several calls, from the index on, whose results are a PcallColumn. */
#define PCALL_RECEIPT_COLUMN 256

/* What a child tells of a call that has ended, in the ring of its slot. */
typedef struct
{
  guint32 length; /* of the payload that follows */
  guint32 index;
  guint32 n_frames; /* which it sent before, in all: they are to be heard first */
  guint16 type;     /* PCALL_FRAME_RESULT, PCALL_FRAME_ERROR or PCALL_RECEIPT_COLUMN; 0 where that was
                       sent as a frame */
  guint16 has_log;
  gint64  took; /* microseconds */
} PcallReceipt;

/* Sets what holds of @outcome. FALSE where that cannot go this way at all: then the receipt is
 * of one sent as a frame. */
gboolean pcall_receipt_set_outcome (PcallReceipt        *receipt,
                                    const PcallRing     *ring,
                                    const PcallOutgoing *outcome);
/* FALSE if there is no room for it now. */
gboolean pcall_receipt_put         (const PcallRing     *ring,
                                    const PcallReceipt  *receipt,
                                    const PcallOutgoing *outcome);

/* Of the calls in the column. */
gboolean pcall_receipt_put_column  (const PcallRing         *ring,
                                    PcallReceipt            *receipt,
                                    const PcallColumnPieces *column);

typedef enum
{
  PCALL_RECEIPT_NONE,
  PCALL_RECEIPT_THERE,
  PCALL_RECEIPT_BROKEN, /* error is set */
} PcallReceiptStatus;

/* Looks at the next one, unless it is to wait for frames after the first @n_frames; checked, but
 * for whose call it is. */
PcallReceiptStatus pcall_receipt_peek (const PcallRing     *ring,
                                       const guint32       *n_frames,
                                       PcallReceipt        *receipt,
                                       GError             **error);
/* Takes that one, into @payload where there is one already that nobody else has. It is NULL
 * where the type is 0. FALSE with @error set where it is none. */
gboolean           pcall_receipt_take (const PcallRing     *ring,
                                       const PcallReceipt  *receipt,
                                       PcallPayload       **payload,
                                       GError             **error);

G_END_DECLS
