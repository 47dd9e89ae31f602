/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is said to be in normal form is so for GLib, too: values of each type, and the same with any
 * byte changed, left out or added. And large ones are told of fast. */

#include <string.h>

#include "wire/pcall-normal-private.h"

static const char *const values[] = {
  "@ab []",
  "[true, false, true]",
  "true",
  "'text'",
  "''",
  "'\xc3\xa9'",
  "@as []",
  "['a']",
  "['', 'b', 'long enough to be more than a few bytes']",
  "@aay []",
  "[b'x', b'', b'yz']",
  "[@ay []]",
  "[(1, true)]",
  "[(byte 1, 2), (byte 3, 4)]",
  "[(byte 1, int64 2, byte 3)]",
  "@a() [(), ()]",
  "()",
  "(true, byte 3, 1.5)",
  "[((byte 1, true), 3)]",
  "[[1, 2], [3]]",
  "[@ai [], [1]]",
  "[[true], [false]]",
  "[{1, true}]",
  "[[(byte 1, int64 2)], [(byte 3, int64 4), (byte 5, int64 6)]]",
  "[[1.5], [2.5, 3.5]]",
  "[@ab [], [true]]",
  "(1, 'x')",
  "[<1>]",
  "{'k': <1>}",
  "@mi 1",
  "[@ms 'x']",
  "objectpath '/a'",
  "[1, 2]",
  "[(), ()]",
  "[[(), ()]]",
  "(byte 1, (int16 2, ()))",
};

static gboolean
is_normal (const guint8 *data, gsize length)
{
  g_autofree guint64 *aligned = g_malloc0 (length + 8);
  g_autoptr (GVariant) value = NULL;

  memcpy (aligned, data, length);
  value = g_variant_ref_sink (
      g_variant_new_from_data (G_VARIANT_TYPE_VARIANT, aligned, length, FALSE, NULL, NULL));
  return g_variant_is_normal_form (value);
}

static gboolean
is_surely (const guint8 *data, gsize length)
{
  /* Not a byte behind the end is looked at: sanitizers would say so. */
  g_autofree guint8 *copy = g_memdup2 (data, length);

  return pcall_normal_is_surely (copy, length);
}

static void
check (const guint8 *data, gsize length, guint *n_sure)
{
  if (!is_surely (data, length))
    return;
  (*n_sure)++;
  if (!is_normal (data, length))
    {
      for (gsize i = 0; i < length; i++)
        g_printerr ("%02x ", data[i]);
      g_error ("is not in normal form");
    }
}

static GBytes *
box (const char *text)
{
  g_autoptr (GVariant) value = g_variant_parse (NULL, text, NULL, NULL, NULL);
  g_autoptr (GVariant) boxed = g_variant_ref_sink (g_variant_new_variant (value));

  return g_variant_get_data_as_bytes (boxed);
}

static void
test_changes (void)
{
  guint n_sure = 0;

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GBytes) bytes = box (values[i]);
      gsize length;
      const guint8 *data = g_bytes_get_data (bytes, &length);
      g_autofree guint8 *copy = g_malloc0 (length + 1);

      for (gsize at = 0; at < length; at++)
        for (guint byte = 0; byte < 256; byte++)
          {
            memcpy (copy, data, length);
            copy[at] = (guint8) byte;
            check (copy, length, &n_sure);
          }
      for (gsize at = 0; at <= length; at++)
        for (guint byte = 0; byte < 256; byte++)
          {
            memcpy (copy, data, at);
            copy[at] = (guint8) byte;
            memcpy (copy + at + 1, data + at, length - at);
            check (copy, length + 1, &n_sure);
          }
      for (gsize at = 0; at < length; at++)
        {
          memcpy (copy, data, at);
          memcpy (copy + at, data + at + 1, length - at - 1);
          check (copy, length - 1, &n_sure);
        }
    }
  g_assert_cmpuint (n_sure, >, 1000);
}

static void
test_random (void)
{
  static const char *const types[]
      = { "as", "aay", "ab", "a(by)", "aa(yx)", "aab", "a()", "s", "aad" };
  guint n_sure = 0;

  for (guint round = 0; round < 200000; round++)
    {
      const char *type = types[g_test_rand_int_range (0, G_N_ELEMENTS (types))];
      gsize size = g_test_rand_int_range (0, 24);
      guint8 data[64];

      for (gsize i = 0; i < size; i++)
        data[i] = (guint8) g_test_rand_int_range (0, 1 + size);
      data[size] = '\0';
      memcpy (data + size + 1, type, strlen (type));
      check (data, size + 1 + strlen (type), &n_sure);
    }
  g_assert_cmpuint (n_sure, >, 1000);
}

/* Those that it is there for are recognized, with offsets of all sizes. */
static void
test_recognized (void)
{
  static const guint lengths[]
      = { 0, 1, 2, 80, 100, 126, 127, 128, 129, 300, 21000, 21845, 21846, 70000 };

  for (gsize i = 0; i < 28; i++)
    {
      g_autoptr (GBytes) bytes = box (values[i]);
      gsize length;
      const guint8 *data = g_bytes_get_data (bytes, &length);

      if (g_strv_contains ((const char *const[]) { "(1, 'x')", "[<1>]", NULL }, values[i]))
        continue;
      if (!is_surely (data, length))
        g_error ("%s is not recognized", values[i]);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      GVariantBuilder builder;
      g_autoptr (GVariant) boxed = NULL;

      g_variant_builder_init (&builder, G_VARIANT_TYPE ("as"));
      for (guint k = 0; k < lengths[i]; k++)
        g_variant_builder_add (&builder, "s", "x");
      boxed = g_variant_ref_sink (g_variant_new_variant (g_variant_builder_end (&builder)));
      g_assert_true (is_surely (g_variant_get_data (boxed), g_variant_get_size (boxed)));
    }
}

#define LARGE (16 << 20)

static void
test_fast (void)
{
  g_autofree guint8 *data = g_malloc0 (LARGE + 3);
  gint64 begun = g_get_monotonic_time ();
  gint64 took;

  memcpy (data + LARGE + 1, "ab", 2);
  g_assert_true (pcall_normal_is_surely (data, LARGE + 3));
  took = g_get_monotonic_time () - begun;
  g_test_message ("%d MiB of truth values: %.1f ms", LARGE >> 20, took / 1000.0);
  g_assert_cmpint (took, <, G_USEC_PER_SEC / 2);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/normal/changes", test_changes);
  g_test_add_func ("/pcall/normal/random", test_random);
  g_test_add_func ("/pcall/normal/recognized", test_recognized);
  g_test_add_func ("/pcall/normal/fast", test_fast);

  return g_test_run ();
}
