/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A value that is a single number, of a type that is a single character. */
typedef struct
{
  guint64 bits; /* as the value has it in its first bytes; the others are zero */
  char    type; /* of GVariant; '\0': there is none */
} PcallNumber;

/* How many bytes a number of that type has; 0 if there are no such numbers. */
gsize     pcall_number_get_size  (char          type);
/* The number that a v, serialised in @length bytes, holds. FALSE if it is something else. */
gboolean  pcall_number_from_box  (PcallNumber  *self,
                                  const guint8 *bytes,
                                  gsize         length);
/* The number that is @value. FALSE if it is something else. */
gboolean  pcall_number_from_value (PcallNumber *self,
                                   GVariant    *value);
/* A full reference, not floating. */
GVariant *pcall_number_to_value  (const PcallNumber *self);

G_END_DECLS
