/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The serialised bytes of one value, as they travel and as they are kept: a task may have a
 * million results, which need not be a million GVariant before somebody looks at them. */
typedef struct
{
  gatomicrefcount ref_count;
  guint32         mapped;  /* they lie in memory of their own, and its address here */
  gsize           length;
  /* GVariant needs its bytes aligned to 8, which on 32 bits what stands before does not do. */
  _Alignas (8) guint8 bytes[];
} PcallPayload;

/* Of @length bytes, which are anything, and not more than there is certainly memory for. */
PcallPayload *pcall_payload_new       (gsize         length);
/* Makes room for @capacity bytes in @self, or in a new payload if that is NULL. NULL if there is
 * no memory; then @self is as it was. */
PcallPayload *pcall_payload_resize    (PcallPayload *self,
                                       gsize         capacity);
/* One of @length bytes, which are anything: @self, where it has that length and nobody else has it;
 * else another, and @self is let go. NULL if there is no memory. */
PcallPayload *pcall_payload_renew     (PcallPayload *self,
                                       gsize         length);
/* Of the @length bytes of memory that @fd stands for, which stays the caller's. Nobody may be able
 * to change or shorten that. NULL where it cannot be mapped. */
PcallPayload *pcall_payload_new_mapped (int          fd,
                                        gsize        length);
PcallPayload *pcall_payload_ref       (PcallPayload *self);
void          pcall_payload_unref     (PcallPayload *self);

/* To be written to only by who made the payload, and if it is not mapped. */
static inline guint8 *
pcall_payload_get_data (PcallPayload *self)
{
  return self->mapped ? *(guint8 **) self->bytes : self->bytes;
}

/* The bytes, which refer to the payload. */
GBytes       *pcall_payload_get_bytes (PcallPayload *self);

/* The value, which refers to the payload; the bytes must be known to be in normal form. Full
 * references, not floating. */
GVariant     *pcall_payload_get_value (PcallPayload       *self,
                                       const GVariantType *type);
/* The bytes of an ay in the v, inside of the payload, or NULL where it is something else. */
const guint8 *pcall_payload_peek_bytestring (PcallPayload *self,
                                             gsize        *length);
/* Those of an ay or an (ay) in the v, for the caller alone, who may write to them; NULL where it is
 * something else, or there is no memory. Costs nothing before that, if they are mapped. */
GBytes       *pcall_payload_dup_bytestring  (PcallPayload *self);
/* What is in the v. */
GVariant     *pcall_payload_unbox     (PcallPayload       *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallPayload, pcall_payload_unref)

G_END_DECLS
