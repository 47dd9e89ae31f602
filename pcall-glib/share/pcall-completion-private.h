/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-result-block-private.h"
#include "wire/pcall-channel-private.h"
#include "wire/pcall-payload-private.h"
#include "share/pcall-ring-private.h"
#include "wire/pcall-frame-private.h"

G_BEGIN_DECLS

/* Of several calls, from the index on, whose results are a PcallResultBlock. */
#define PCALL_COMPLETION_BLOCK 256

/* What a child tells of a call that has ended, in the ring of its slot. */
typedef struct
{
  guint32 length; /* of the payload that follows */
  guint32 index;
  guint32 n_frames; /* which it sent before, in all: they are to be heard first */
  guint16 type;     /* PCALL_FRAME_RESULT, PCALL_FRAME_ERROR or PCALL_COMPLETION_BLOCK; 0 where that
                       was sent as a frame */
  guint16 has_log;
  gint64  took; /* microseconds */
} PcallCompletion;

/* Sets what holds of @outcome. FALSE where that cannot go this way at all: then the receipt is
 * of one sent as a frame. */
gboolean pcall_completion_set_outcome (PcallCompletion     *completion,
                                       const PcallRing     *ring,
                                       const PcallOutgoing *outcome);
/* FALSE if there is no room for it now. */
gboolean pcall_completion_put         (const PcallRing       *ring,
                                       const PcallCompletion *completion,
                                       const PcallOutgoing   *outcome);

/* Of the calls in the column. */
gboolean pcall_completion_put_block  (const PcallRing              *ring,
                                      PcallCompletion              *completion,
                                      const PcallResultBlockPieces *block);

typedef enum
{
  PCALL_COMPLETION_NONE,
  PCALL_COMPLETION_THERE,
  PCALL_COMPLETION_BROKEN, /* error is set */
} PcallCompletionStatus;

/* Looks at the next one, unless it is to wait for frames after the first @n_frames; checked, but
 * for whose call it is. */
PcallCompletionStatus pcall_completion_peek (const PcallRing *ring,
                                             const guint32   *n_frames,
                                             PcallCompletion *completion,
                                             GError         **error);
/* Takes that one, into @payload where there is one already that nobody else has. It is NULL
 * where the type is 0. FALSE with @error set where it is none. */
gboolean           pcall_completion_take (const PcallRing       *ring,
                                          const PcallCompletion *completion,
                                          PcallPayload         **payload,
                                          GError               **error);

G_END_DECLS
