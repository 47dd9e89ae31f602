/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "calls/pcall-arguments-private.h"

G_BEGIN_DECLS

/* Element @index of a list. */
GVariant *pcall_list_get_element (GVariant *list,
                                  gsize     index);
/* The elements of @common, and then those of @instance, which may be NULL: a tuple. */
GVariant *pcall_list_concatenate (GVariant *common,
                                  GVariant *instance);

/* The entries of a dictionary in the making. A name keeps the place where it was first seen. */
typedef struct
{
  GPtrArray  *entries;   /* of {sv} */
  GHashTable *positions; /* from a name, as a variant, to its index in entries */
} PcallOverlay;

void      pcall_overlay_init           (PcallOverlay *self);
void      pcall_overlay_add_entry      (PcallOverlay *self,
                                        GVariant     *entry);
void      pcall_overlay_add_dictionary (PcallOverlay *self,
                                        GVariant     *dictionary);
/* The dictionary, a full reference; nothing is left of @self. */
GVariant *pcall_overlay_end            (PcallOverlay *self);

G_END_DECLS
