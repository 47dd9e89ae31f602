/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What calls return: of every type, of every size, floating or not, and nothing at all. */

#include <gio/gio.h>

#include "task-support.h"

static GVariant *
return_null (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return NULL;
}

static void
test_null_result (void)
{
  PcallTask *task = pcall_task_new_for_func (return_null, NULL, NULL);

  support_run (task, "[<()>]");

  g_assert_finalize_object (task);
}

static GVariant *
return_as_told (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gboolean floating;
  GVariant *result;

  g_variant_get (args, "(b)", &floating);
  result = g_variant_new_string (floating ? "floating" : "owned");
  return floating ? result : g_variant_ref_sink (result);
}

static void
test_floating_result (void)
{
  PcallTask *task = pcall_task_new_for_func (return_as_told, NULL, NULL);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(true,), (false,)]"));
  support_run (task, "[<'floating'>, <'owned'>]");

  g_assert_finalize_object (task);
}

/* One of its own arguments, which it does not own: "transfer full" wants a reference. */
static GVariant *
return_argument (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_get_child_value (args, 0);
}

static void
test_result_types (void)
{
  static const char types[]
      = "[<(true,)>, <(byte 0xff,)>, <(int16 -1,)>, <(uint64 18446744073709551615,)>,"
        " <(1.5,)>, <('ü',)>, <(objectpath '/a',)>, <(signature 'a{sv}',)>, <(just 'x',)>,"
        " <(@mi nothing,)>, <([<1>, <'a'>],)>, <({'a': <{'b': <@as []>}>},)>, <((),)>,"
        " <(b'bytes',)>, <(<<<'deep'>>>,)>, <([(1, 'a'), (2, 'b')],)>, <(-0.0,)>]";
  static const char results[]
      = "[<true>, <byte 0xff>, <int16 -1>, <uint64 18446744073709551615>, <1.5>, <'ü'>,"
        " <objectpath '/a'>, <signature 'a{sv}'>, <just 'x'>, <@mi nothing>, <[<1>, <'a'>]>,"
        " <{'a': <{'b': <@as []>}>}>, <()>, <b'bytes'>, <<<<'deep'>>>>, <[(1, 'a'), (2, 'b')]>,"
        " <-0.0>]";
  g_autoptr (GVariant) iargs = support_parse (types);
  PcallTask *task = pcall_task_new_for_func (return_argument, NULL, NULL);

  pcall_task_set_instance_args (task, iargs);
  support_run (task, results);

  g_assert_finalize_object (task);
}

static GVariant *
return_bytes (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint64 size;
  guint8 *bytes;

  g_variant_get (args, "(t)", &size);
  bytes = g_malloc (size);
  for (gsize i = 0; i < size; i++)
    bytes[i] = i * 2654435761u >> 24;
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free, bytes);
}

static void
assert_bytes (PcallTask *task, guint index, gsize expected_size)
{
  g_autoptr (PcallCall) call = pcall_task_dup_call (task, index);
  g_autoptr (GVariant) result = pcall_call_dup_result (call);
  gsize size;
  const guint8 *bytes;

  g_assert_nonnull (result);
  g_assert_cmpstr (g_variant_get_type_string (result), ==, "ay");
  bytes = g_variant_get_fixed_array (result, &size, 1);
  g_assert_cmpuint (size, ==, expected_size);
  for (gsize i = 0; i < size; i++)
    if (bytes[i] != (guint8) (i * 2654435761u >> 24))
      g_error ("byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " is wrong", i, size);
}

/* Around every size that means something: padding, a page, the reader's buffers, the frame's
 * 64 KiB, a socket's buffer. */
static void
test_result_sizes (void)
{
  static const gsize middles[] = { 8, 4096, 16384, 16384 - 40, 65536, 65536 - 40, 131072, 212992,
                                   262144, 425984, 1048576 };
  PcallTask *task = pcall_task_new_for_func (return_bytes, NULL, NULL);
  g_autoptr (GArray) sizes = g_array_new (FALSE, FALSE, sizeof (gsize));
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(t)"));
  for (gsize i = 0; i < G_N_ELEMENTS (middles); i++)
    for (gsize size = middles[i] - 4; size <= middles[i] + 4; size++)
      {
        g_array_append_val (sizes, size);
        g_variant_builder_add (&builder, "(t)", (guint64) size);
      }
  pcall_task_set_instance_args (task, g_variant_builder_end (&builder));
  pcall_task_set_max_children (task, 8);
  support_run (task, NULL);

  for (guint i = 0; i < sizes->len; i++)
    assert_bytes (task, i, g_array_index (sizes, gsize, i));

  g_assert_finalize_object (task);
}

#define BIG ((gsize) 100 * 1024 * 1024)

static void
test_big_results (void)
{
  PcallTask *task = pcall_task_new_for_func (return_bytes, NULL, NULL);

  pcall_task_set_instance_args (
      task, g_variant_new_parsed ("[(%t,), (10,), (%t,)]", (guint64) BIG, (guint64) BIG + 1));
  support_run (task, NULL);
  assert_bytes (task, 0, BIG);
  assert_bytes (task, 1, 10);
  assert_bytes (task, 2, BIG + 1);

  g_assert_finalize_object (task);
}

/* All results at once are what a builder makes of them, whatever size their offsets have. */
static GVariant *
return_mixed (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  switch (index % 5)
    {
    case 0:
      return g_variant_new_byte (index);
    case 1:
      return g_variant_new_double (index / 3.0);
    case 2:
      return g_variant_new_take_string (g_strnfill (index % 70, 'x'));
    case 3:
      return g_variant_new_maybe (G_VARIANT_TYPE_INT32, NULL);
    default:
      return g_variant_new ("(us)", index, "text");
    }
}

static GVariant *
build_by_hand (PcallTask *task)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_variant_builder_add (&builder, "v", result);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
test_all_results (void)
{
  static const guint counts[] = { 0, 1, 2, 12, 13, 14, 15, 16, 40, 3000, 4000, 10000 };

  for (gsize i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      PcallTask *task = pcall_task_new_for_func (return_mixed, NULL, NULL);
      g_autoptr (GVariant) results = NULL;
      g_autoptr (GVariant) untrusted = NULL;
      g_autoptr (GVariant) expected = NULL;
      g_autoptr (GBytes) bytes = NULL;

      pcall_task_set_n_calls (task, counts[i]);
      pcall_task_set_calls_per_child (task, 0);
      results = pcall_task_run (task, NULL, NULL);
      expected = build_by_hand (task);
      bytes = g_variant_get_data_as_bytes (results);
      untrusted =
          g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE ("av"), bytes, FALSE));
      g_assert_true (g_variant_is_normal_form (untrusted));
      g_assert_cmpvariant (untrusted, expected);
      g_assert_cmpmem (g_variant_get_data (results), g_variant_get_size (results),
                       g_variant_get_data (expected), g_variant_get_size (expected));
      g_assert_finalize_object (task);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/results/null", test_null_result);
  support_add ("/pcall/results/floating", test_floating_result);
  support_add ("/pcall/results/types", test_result_types);
  support_add ("/pcall/results/sizes", test_result_sizes);
  g_test_add_func ("/pcall/results/big", test_big_results);
  support_add ("/pcall/results/all", test_all_results);

  return g_test_run ();
}
