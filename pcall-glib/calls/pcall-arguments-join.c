/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-arguments-parts-private.h"

#include "base/pcall-child-code-private.h"

/* How lists and dictionaries become the arguments of one call: one behind the other, and one over
 * the other. Where a call goes to another process, what all calls have in common may be there
 * already, and it is put together there. */

#define TYPE_VARIANT_ARRAY ((const GVariantType *) "av")

/* An `av` is how to say "array of anything", so its variants are only wrapping. A tuple needs no
 * such wrapping: its variants were meant, and stay. */
GVariant *
pcall_list_get_element (GVariant *list, gsize index)
{
  g_autoptr (GVariant) child = NULL;

  g_assert (index < g_variant_n_children (list));

  child = g_variant_get_child_value (list, index);
  if (g_variant_is_of_type (list, TYPE_VARIANT_ARRAY))
    return g_variant_get_variant (child);

  return g_steal_pointer (&child);
}

static void
add_elements (GVariantBuilder *builder, GVariant *list)
{
  gsize n = g_variant_n_children (list);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) element = pcall_list_get_element (list, i);

      g_variant_builder_add_value (builder, element);
    }
}

static gboolean
is_tuple_alone (GVariant *list, GVariant *other)
{
  return list != NULL && g_variant_is_of_type (list, G_VARIANT_TYPE_TUPLE)
         && (other == NULL || g_variant_n_children (other) == 0);
}

PCALL_CHILD_CODE GVariant *
pcall_list_concatenate (GVariant *common, GVariant *instance)
{
  GVariantBuilder builder;

  if (is_tuple_alone (common, instance))
    return g_variant_ref (common);
  if (is_tuple_alone (instance, common))
    return g_variant_ref (instance);

  g_variant_builder_init (&builder, G_VARIANT_TYPE_TUPLE);
  add_elements (&builder, common);
  if (instance != NULL)
    add_elements (&builder, instance);
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

void
pcall_overlay_add_entry (PcallOverlay *overlay, GVariant *entry)
{
  g_autoptr (GVariant) name = g_variant_get_child_value (entry, 0);
  gpointer position;

  if (g_hash_table_lookup_extended (overlay->positions, name, NULL, &position))
    {
      gpointer *slot = &g_ptr_array_index (overlay->entries, GPOINTER_TO_UINT (position));

      g_variant_unref (*slot);
      *slot = g_variant_ref (entry);
      return;
    }

  g_hash_table_insert (overlay->positions, g_steal_pointer (&name),
                       GUINT_TO_POINTER (overlay->entries->len));
  g_ptr_array_add (overlay->entries, g_variant_ref (entry));
}

void
pcall_overlay_add_dictionary (PcallOverlay *overlay, GVariant *dictionary)
{
  gsize n = g_variant_n_children (dictionary);

  for (gsize i = 0; i < n; i++)
    {
      g_autoptr (GVariant) entry = g_variant_get_child_value (dictionary, i);

      pcall_overlay_add_entry (overlay, entry);
    }
}

void
pcall_overlay_init (PcallOverlay *overlay)
{
  overlay->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  overlay->positions = g_hash_table_new_full (g_variant_hash, g_variant_equal,
                                              (GDestroyNotify) g_variant_unref, NULL);
}

GVariant *
pcall_overlay_end (PcallOverlay *overlay)
{
  GVariant *dictionary
      = g_variant_new_array (G_VARIANT_TYPE ("{sv}"), (GVariant **) overlay->entries->pdata,
                             overlay->entries->len);

  g_variant_ref_sink (dictionary);
  g_ptr_array_unref (overlay->entries);
  g_hash_table_unref (overlay->positions);
  return dictionary;
}

void
pcall_arguments_join (GVariant *common, GVariant **args, GVariant **kwargs)
{
  g_autoptr (GVariant) own_args = g_steal_pointer (args);
  g_autoptr (GVariant) own_kwargs = g_steal_pointer (kwargs);
  g_autoptr (GVariant) common_args = NULL;
  g_autoptr (GVariant) common_kwargs = NULL;
  PcallOverlay overlay;

  g_variant_get (common, "(v@a{sv})", &common_args, &common_kwargs);
  *args = pcall_list_concatenate (common_args, own_args);
  pcall_overlay_init (&overlay);
  pcall_overlay_add_dictionary (&overlay, common_kwargs);
  pcall_overlay_add_dictionary (&overlay, own_kwargs);
  *kwargs = pcall_overlay_end (&overlay);
}
