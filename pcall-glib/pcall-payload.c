/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-payload-private.h"

#include <string.h>

/* The bytes of a value.
 *
 * One block of memory, received into and then kept, however large: a result is not copied after it
 * left the socket. References are counted atomically, since a GVariant that refers to the block
 * may go to any thread. */

G_STATIC_ASSERT (G_STRUCT_OFFSET (PcallPayload, bytes) % 8 == 0);

PcallPayload *
pcall_payload_resize (PcallPayload *self,
                      gsize         capacity)
{
  PcallPayload *resized = g_try_realloc (self, sizeof (PcallPayload) + capacity);

  if (resized != NULL && self == NULL)
    {
      g_atomic_ref_count_init (&resized->ref_count);
      resized->length = 0;
    }
  return resized;
}

PcallPayload *
pcall_payload_renew (PcallPayload *self,
                     gsize         length)
{
  if (self != NULL && self->length == length && g_atomic_ref_count_compare (&self->ref_count, 1))
    return self;

  g_clear_pointer (&self, pcall_payload_unref);
  self = pcall_payload_resize (NULL, length);
  if (self != NULL)
    self->length = length;
  return self;
}

PcallPayload *
pcall_payload_ref (PcallPayload *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_payload_unref (PcallPayload *self)
{
  if (g_atomic_ref_count_dec (&self->ref_count))
    g_free (self);
}

GBytes *
pcall_payload_get_bytes (PcallPayload *self)
{
  return g_bytes_new_with_free_func (self->bytes, self->length,
                                     (GDestroyNotify) pcall_payload_unref,
                                     pcall_payload_ref (self));
}

GVariant *
pcall_payload_get_value (PcallPayload       *self,
                         const GVariantType *type)
{
  g_autoptr (GBytes) bytes = pcall_payload_get_bytes (self);

  return g_variant_ref_sink (g_variant_new_from_bytes (type, bytes, TRUE));
}

const guint8 *
pcall_payload_peek_bytestring (PcallPayload *self,
                               gsize        *length)
{
  static const guint8 type[] = { '\0', 'a', 'y' };

  if (self->length < sizeof type ||
      memcmp (self->bytes + self->length - sizeof type, type, sizeof type) != 0)
    return NULL;

  *length = self->length - sizeof type;
  return self->bytes;
}

GVariant *
pcall_payload_unbox (PcallPayload *self)
{
  g_autoptr (GVariant) boxed = pcall_payload_get_value (self, G_VARIANT_TYPE_VARIANT);

  return g_variant_get_variant (boxed);
}
