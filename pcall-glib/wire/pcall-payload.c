/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-payload-private.h"

#include <string.h>
#include <sys/mman.h>

/* The bytes of a value.
 *
 * One block of memory, received into and then kept: a result is not copied after it left the
 * socket. Where the child sent memory instead of bytes, that is mapped, and the block tells where.
 * References are counted atomically, since a GVariant that refers to the block may go to any
 * thread.
 *
 * A process has a limited number of mappings, 65,530 unless it was changed, and cannot even start a
 * thread when it has used them up. So payloads use no more than a part of them. */

#define MAX_MAPPED 16384

G_STATIC_ASSERT (G_STRUCT_OFFSET (PcallPayload, bytes) % 8 == 0);

static gint n_mapped; /* atomic */

static void
init (PcallPayload *self,
      gsize         length)
{
  g_atomic_ref_count_init (&self->ref_count);
  self->mapped = FALSE;
  self->length = length;
}

PcallPayload *
pcall_payload_resize (PcallPayload *self,
                      gsize         capacity)
{
  PcallPayload *resized = g_try_realloc (self, sizeof (PcallPayload) + capacity);

  if (resized != NULL && self == NULL)
    init (resized, 0);
  return resized;
}

PcallPayload *
pcall_payload_new (gsize length)
{
  PcallPayload *self = g_malloc (sizeof (PcallPayload) + length);

  init (self, length);
  return self;
}

/* Private, so that it could be made writable without anybody else's seeing what is written. */
static gpointer
map (int   fd,
     gsize length)
{
  if (g_atomic_int_add (&n_mapped, 1) < MAX_MAPPED)
    {
      gpointer mapping = mmap (NULL, length, PROT_READ, MAP_PRIVATE, fd, 0);

      if (mapping != MAP_FAILED)
        return mapping;
    }

  g_atomic_int_add (&n_mapped, -1);
  return NULL;
}

static void
unmap (gpointer mapping,
       gsize    length)
{
  munmap (mapping, length);
  g_atomic_int_add (&n_mapped, -1);
}

PcallPayload *
pcall_payload_new_mapped (int   fd,
                          gsize length)
{
  gpointer mapping = map (fd, length);
  PcallPayload *self = mapping != NULL ? pcall_payload_resize (NULL, sizeof mapping) : NULL;

  if (self != NULL)
    {
      self->mapped = TRUE;
      self->length = length;
      memcpy (self->bytes, &mapping, sizeof mapping);
    }
  else if (mapping != NULL)
    {
      unmap (mapping, length);
    }
  return self;
}

PcallPayload *
pcall_payload_renew (PcallPayload *self,
                     gsize         length)
{
  if (self != NULL && !self->mapped && self->length == length &&
      g_atomic_ref_count_compare (&self->ref_count, 1))
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
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  if (self->mapped)
    unmap (pcall_payload_get_data (self), self->length);
  g_free (self);
}

GBytes *
pcall_payload_get_bytes (PcallPayload *self)
{
  return g_bytes_new_with_free_func (pcall_payload_get_data (self), self->length,
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

/* Whether the v holds a value of @type, of which all bytes belong to one ay. */
static gboolean
holds (PcallPayload *self,
       const char   *type,
       gsize        *length)
{
  gsize size = strlen (type) + 1;
  const guint8 *data = pcall_payload_get_data (self);

  if (self->length < size || data[self->length - size] != '\0' ||
      memcmp (data + self->length - size + 1, type, size - 1) != 0)
    return FALSE;

  *length = self->length - size;
  return TRUE;
}

const guint8 *
pcall_payload_peek_bytestring (PcallPayload *self,
                               gsize        *length)
{
  return holds (self, "ay", length) ? pcall_payload_get_data (self) : NULL;
}

typedef struct
{
  gpointer mapping;
  gsize    length;
} Duplicate;

static void
duplicate_free (gpointer data)
{
  Duplicate *self = data;

  unmap (self->mapping, self->length);
  g_free (self);
}

/* The same memory mapped once more, without its descriptor, which is closed: the kernel lets the
 * old mapping be when it moves one that way, to where it likes. What is written to the new one is
 * copied page by page. NULL before Linux 5.13, and when there are too many. */
static GBytes *
duplicate (PcallPayload *self,
           gsize         length)
{
  gpointer mapping = MAP_FAILED;
  Duplicate *copy;

  if (g_atomic_int_add (&n_mapped, 1) < MAX_MAPPED)
    mapping = mremap (pcall_payload_get_data (self), self->length, self->length,
                      MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
  if (mapping != MAP_FAILED && mprotect (mapping, self->length, PROT_READ | PROT_WRITE) < 0)
    {
      munmap (mapping, self->length);
      mapping = MAP_FAILED;
    }
  if (mapping == MAP_FAILED)
    {
      g_atomic_int_add (&n_mapped, -1);
      return NULL;
    }

  copy = g_new (Duplicate, 1);
  *copy = (Duplicate) { mapping, self->length };
  return g_bytes_new_with_free_func (mapping, length, duplicate_free, copy);
}

GBytes *
pcall_payload_dup_bytestring (PcallPayload *self)
{
  GBytes *bytes;
  gsize length;
  gpointer copy;

  if (!holds (self, "ay", &length) && !holds (self, "(ay)", &length))
    return NULL;

  bytes = self->mapped ? duplicate (self, length) : NULL;
  if (bytes != NULL)
    return bytes;

  copy = g_try_malloc (MAX (length, 1));
  if (copy != NULL)
    memcpy (copy, pcall_payload_get_data (self), length);
  return copy != NULL ? g_bytes_new_take (copy, length) : NULL;
}

GVariant *
pcall_payload_unbox (PcallPayload *self)
{
  g_autoptr (GVariant) boxed = pcall_payload_get_value (self, G_VARIANT_TYPE_VARIANT);

  return g_variant_get_variant (boxed);
}
