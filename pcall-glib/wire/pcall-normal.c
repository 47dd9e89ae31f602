/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-normal-private.h"

#include <string.h>

#include "base/pcall-child-code-private.h"
#include "wire/pcall-number-private.h"

/* Whether bytes are a GVariant in normal form, for what comes in large: arrays of numbers, truth
 * values and tuples of these, strings, arrays of strings, and arrays of arrays of all the first.
 *
 * GLib looks at each element by itself, some fifty nanoseconds for a byte, while the main loop of a
 * parent waits. An element of fixed size is described by what each of its bytes may be, so that a
 * loop over bytes is all that is left. What is not described here is left to GLib. */

#define MAX_FIXED 64

/* What a byte may be. */
enum
{
  ANYTHING,
  TRUTH, /* 0 or 1 */
  ZERO,  /* padding, and the unit type */
};

typedef struct
{
  guint8 bytes[MAX_FIXED];
  guint  size;
  guint  alignment;
  gboolean is_free; /* its bytes may be anything */
} Fixed;

static gboolean
add_bytes (Fixed *self,
           guint  n,
           guint8 kind)
{
  if (self->size + n > MAX_FIXED)
    return FALSE;

  memset (self->bytes + self->size, kind, n);
  self->size += n;
  self->is_free &= n == 0 || kind == ANYTHING;
  return TRUE;
}

static gboolean
pad (Fixed *self,
     guint  alignment)
{
  self->alignment = MAX (self->alignment, alignment);
  return add_bytes (self, -self->size & (alignment - 1), ZERO);
}

static gboolean append_type (Fixed       *self,
                             const char **type);

static gboolean
append_members (Fixed       *self,
                const char **type,
                char         end)
{
  Fixed inner = { .alignment = 1, .is_free = TRUE };

  while (**type != end)
    if (**type == '\0' || !append_type (&inner, type))
      return FALSE;
  (*type)++;
  if (!pad (&inner, inner.alignment) || (inner.size == 0 && !add_bytes (&inner, 1, ZERO)) ||
      !pad (self, inner.alignment) || self->size + inner.size > MAX_FIXED)
    return FALSE;

  memcpy (self->bytes + self->size, inner.bytes, inner.size);
  self->size += inner.size;
  self->is_free &= inner.is_free;
  return TRUE;
}

/* One type of fixed size from @type, which moves on; FALSE for any other. */
static gboolean
append_type (Fixed       *self,
             const char **type)
{
  char first = *(*type)++;
  guint size = pcall_number_get_size (first);

  if (size > 0)
    return pad (self, size) && add_bytes (self, size, ANYTHING);
  if (first == 'b')
    return add_bytes (self, 1, TRUTH);
  if (first == '(' || first == '{')
    return append_members (self, type, first == '(' ? ')' : '}');
  return FALSE;
}

static gboolean
describe (Fixed      *self,
          const char *type)
{
  *self = (Fixed) { .alignment = 1, .is_free = TRUE };
  return append_type (self, &type) && *type == '\0';
}

/* Elements */

/* All bytes of a kind are looked at together, so that the compiler makes few instructions of it. */
static gboolean
are_below (const guint8 *data,
           gsize         length,
           guint8        limit)
{
  guint8 seen = 0;

  for (gsize i = 0; i < length; i++)
    seen |= data[i];
  return seen < limit;
}

static gboolean
are_fixed (const Fixed  *element,
           const guint8 *data,
           gsize         length)
{
  if (length % element->size != 0)
    return FALSE;
  if (element->is_free)
    return TRUE;
  if (element->size == 1)
    return are_below (data, length, element->bytes[0] == TRUTH ? 2 : 1);

  for (gsize at = 0; at < length; at += element->size)
    for (guint i = 0; i < element->size; i++)
      if ((element->bytes[i] == TRUTH && data[at + i] > 1) ||
          (element->bytes[i] == ZERO && data[at + i] != 0))
        return FALSE;
  return TRUE;
}

static gboolean
is_string (const guint8 *data,
           gsize         length)
{
  return length > 0 && data[length - 1] == '\0' &&
         (length == 1 || g_utf8_validate_len ((const char *) data, length - 1, NULL));
}

/* Arrays of elements of any size: the elements, and then where each of them ends. */

static gsize
get_offset_size (gsize length)
{
  if (length > G_MAXUINT32)
    return 8;
  if (length > G_MAXUINT16)
    return 4;
  return length > G_MAXUINT8 ? 2 : length > 0;
}

static gsize
read_offset (const guint8 *at,
             gsize         size)
{
  guint64 offset = 0;
  guint32 small;

  if (size == sizeof small)
    {
      memcpy (&small, at, sizeof small);
      return GUINT32_FROM_LE (small);
    }
  memcpy (&offset, at, size);
  return GUINT64_FROM_LE (offset);
}

/* An element is a string where @fixed is NULL, else an array of these. */
static gboolean
are_elements (const Fixed  *fixed,
              const guint8 *data,
              gsize         length)
{
  gsize size = get_offset_size (length);
  gsize alignment = fixed != NULL ? fixed->alignment : 1;
  gsize end_of_data = length > 0 ? read_offset (data + length - size, size) : 0;
  gsize at = 0;

  if (end_of_data > length || (length > 0 && (length - end_of_data) % size != 0) ||
      (length > 0 && end_of_data == length))
    return FALSE;
  for (gsize offset = end_of_data; offset < length; offset += size)
    {
      gsize end = read_offset (data + offset, size);

      if (end < at || end > end_of_data)
        return FALSE;
      for (; at % alignment != 0; at++)
        if (at >= end || data[at] != 0)
          return FALSE;
      if (fixed != NULL ? !are_fixed (fixed, data + at, end - at)
                        : !is_string (data + at, end - at))
        return FALSE;
      at = end;
    }
  return at == end_of_data;
}

/* Not more bytes for each offset than the length calls for, as one that begins with fewer would. */
static gboolean
is_shortest (gsize length,
             gsize end_of_data)
{
  gsize size = get_offset_size (length);
  gsize n = size > 0 ? (length - end_of_data) / size : 0;

  for (gsize smaller = size / 2; smaller > 0; smaller /= 2)
    if (get_offset_size (end_of_data + n * smaller) <= smaller)
      return FALSE;
  return TRUE;
}

static gboolean
is_array_of_any_size (const char   *type,
                      const guint8 *data,
                      gsize         length)
{
  gsize size = get_offset_size (length);
  Fixed fixed;

  if (length > 0 && !is_shortest (length, MIN (read_offset (data + length - size, size), length)))
    return FALSE;
  if (strcmp (type, "s") == 0)
    return are_elements (NULL, data, length);
  return *type == 'a' && describe (&fixed, type + 1) && are_elements (&fixed, data, length);
}

gboolean
pcall_normal_is_surely (const guint8 *data,
                        gsize         length)
{
  const guint8 *zero = length > 0 ? memrchr (data, '\0', length) : NULL;
  gsize size = zero != NULL ? zero - data : 0;
  char type[MAX_FIXED] = { 0 };
  Fixed fixed;

  if (zero == NULL || length - size > sizeof type)
    return FALSE;
  memcpy (type, zero + 1, length - size - 1);
  if (!g_variant_type_string_is_valid (type))
    return FALSE;

  if (strcmp (type, "s") == 0)
    return is_string (data, size);
  if (describe (&fixed, type))
    return size == fixed.size && are_fixed (&fixed, data, size);
  if (type[0] != 'a')
    return FALSE;
  if (describe (&fixed, type + 1))
    return are_fixed (&fixed, data, size);
  return is_array_of_any_size (type + 1, data, size);
}

/* Without variants, all elements of an array are nested as the first one is. */
static gboolean
is_deeper (GVariant *value,
           guint     limit)
{
  gsize n;

  if (!g_variant_is_container (value))
    return FALSE;

  n = g_variant_n_children (value);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_ARRAY) &&
      strchr (g_variant_get_type_string (value), 'v') == NULL)
    n = MIN (n, 1);
  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

      if (limit == 0 || is_deeper (child, limit - 1))
        return TRUE;
    }
  return FALSE;
}

PCALL_CHILD_CODE gboolean
pcall_normal_is_too_deep (GVariant *value)
{
  const char *type = g_variant_get_type_string (value);

  /* Each level has a letter of the type, but those within a variant. */
  return (strlen (type) > PCALL_NORMAL_MAX_DEPTH || strchr (type, 'v') != NULL) &&
         is_deeper (value, PCALL_NORMAL_MAX_DEPTH);
}
