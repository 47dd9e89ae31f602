/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-number-private.h"

#include <string.h>

/* A result that is a number needs no memory of its own, and no lock of GVariant's to be looked at.
 * Numbers are those types of which every bit pattern is normal, which a boolean's is not. */

gsize
pcall_number_get_size (char type)
{
  switch (type)
    {
    case 'y':
      return 1;
    case 'n':
    case 'q':
      return 2;
    case 'i':
    case 'u':
    case 'h':
      return 4;
    case 'x':
    case 't':
    case 'd':
      return 8;
    default:
      return 0;
    }
}

gboolean
pcall_number_is_known (char type)
{
  return type == PCALL_NUMBER_INT || type == PCALL_NUMBER_DOUBLE || type == PCALL_NUMBER_TRUTH ||
         pcall_number_get_size (type) > 0;
}

/* A v is its value, a zero byte and its type string. */
gboolean
pcall_number_from_box (PcallNumber  *self,
                       const guint8 *bytes,
                       gsize         length)
{
  gsize size = length > 2 ? pcall_number_get_size (bytes[length - 1]) : 0;

  if (size == 0 || size != length - 2 || bytes[size] != '\0')
    return FALSE;

  *self = (PcallNumber) { 0, bytes[length - 1] };
  memcpy (&self->bits, bytes, size);
  return TRUE;
}

gboolean
pcall_number_from_value (PcallNumber *self,
                         GVariant    *value)
{
  const char *type = g_variant_get_type_string (value);

  if (type[1] != '\0' || pcall_number_get_size (type[0]) == 0)
    return FALSE;

  *self = (PcallNumber) { 0, type[0] };
  g_variant_store (value, &self->bits);
  return TRUE;
}

/* Of another language. NULL for GVariant's own. */
static GVariant *
new_foreign (const PcallNumber *self)
{
  gdouble real;

  switch (self->type)
    {
    case PCALL_NUMBER_INT:
      return g_variant_new_maybe (NULL, g_variant_new_int64 ((gint64) self->bits));
    case PCALL_NUMBER_DOUBLE:
      memcpy (&real, &self->bits, sizeof real);
      return g_variant_new_maybe (NULL, g_variant_new_double (real));
    case PCALL_NUMBER_TRUTH:
      return g_variant_new_maybe (G_VARIANT_TYPE_BOOLEAN,
                                  self->bits == PCALL_NUMBER_NOTHING
                                      ? NULL
                                      : g_variant_new_boolean (self->bits != 0));
    default:
      return NULL;
    }
}

static GVariant *
new_plain (const PcallNumber *self)
{
  const char type[] = { self->type, '\0' };
  gsize size = pcall_number_get_size (self->type);
  g_autoptr (GBytes) bytes = g_bytes_new (&self->bits, size);

  return g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, TRUE);
}

GVariant *
pcall_number_to_value (const PcallNumber *self)
{
  GVariant *value = new_foreign (self);

  return g_variant_ref_sink (value != NULL ? value : new_plain (self));
}
