/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A value that is a single number.
 *
 * Its type is that of a GVariant, a single character, or one of those for what is a number in
 * another language, which a GVariant holds in a maybe, so as to tell it from one that was a
 * GVariant before. */
typedef struct
{
  guint64 bits; /* as the value has it in its first bytes; the others are zero */
  char    type; /* '\0': there is none */
} PcallNumber;

#define PCALL_NUMBER_INT    'X' /* mx */
#define PCALL_NUMBER_DOUBLE 'D' /* md */
#define PCALL_NUMBER_TRUTH  'B' /* mb: 0, 1, or PCALL_NUMBER_NOTHING */

#define PCALL_NUMBER_NOTHING 2

/* How many bytes a number of that type of GVariant has; 0 if there are no such numbers. */
gsize     pcall_number_get_size  (char          type);
/* Whether there are such numbers, of GVariant or of another language. */
gboolean  pcall_number_is_known  (char          type);
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
