/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is kept of argument lists, and for how long: until another is set, none is, or the last
 * reference goes. And that nothing is copied, however long a list is.
 *
 * That a list is not read, and so not copied, is shown by taking away the right to read its
 * memory. */

#include <sys/mman.h>
#include <unistd.h>

#include "arguments-support.h"

static void
test_replace (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();

  set_case (arguments, &everything, parse);

  assert_set (arguments, CARGS, g_variant_new_parsed ("['c']"));
  assert_set (arguments, IARGS, g_variant_new_parsed ("[(6,), (7,), (8,)]"));
  assert_set (arguments, CKWARGS, g_variant_new_parsed ("{'z': <9>}"));
  assert_set (arguments, IKWARGS,
              g_variant_new_parsed ("[<@a{sv} {}>, <{'z': <0>}>, <{'z': <1>}>]"));
  assert_length (arguments, 2);
  assert_set (arguments, set_x, g_variant_new_parsed ("('p', 'q', 'r', 's')"));
  assert_length (arguments, 3);

  assert_call (arguments, 0, "(('c', 6), {'z': <9>, 'x': <'p'>})");
  assert_call (arguments, 2, "(('c', 8), {'z': <1>, 'x': <'r'>})");
}

/* A keyword list keeps its place when it is replaced, and comes last after it was removed. */
static void
test_replace_keyword (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();

  assert_set_keyword (arguments, "x", g_variant_new_parsed ("[1]"));
  assert_set_keyword (arguments, "y", g_variant_new_parsed ("[2]"));
  assert_set_keyword (arguments, "z", g_variant_new_parsed ("[3]"));
  assert_set_keyword (arguments, "y", g_variant_new_parsed ("['b', 'c']"));
  assert_call (arguments, 0, "((), {'x': <1>, 'y': <'b'>, 'z': <3>})");

  assert_set_keyword (arguments, "x", NULL);
  assert_call (arguments, 0, "((), {'y': <'b'>, 'z': <3>})");

  assert_set_keyword (arguments, "x", g_variant_new_parsed ("[4]"));
  assert_call (arguments, 0, "((), {'y': <'b'>, 'z': <3>, 'x': <4>})");
}

static void
test_remove (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();

  set_case (arguments, &everything, parse);

  assert_set (arguments, CARGS, NULL);
  assert_call (arguments, 1, "((3,), {'a': <1>, 'b': <3>, 'x': <5>})");
  assert_set (arguments, CKWARGS, NULL);
  assert_call (arguments, 1, "((3,), {'b': <3>, 'x': <5>})");
  assert_set (arguments, IKWARGS, NULL);
  assert_call (arguments, 1, "((3,), {'x': <5>})");
  assert_length (arguments, 2);
  assert_set (arguments, set_x, NULL);
  assert_call (arguments, 1, "((3,), @a{sv} {})");
  assert_length (arguments, 2);
  assert_set (arguments, IARGS, NULL);
  assert_no_length (arguments);
  assert_call (arguments, 1, "((), @a{sv} {})");
}

static void
test_remove_absent (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();

  assert_set_keyword (arguments, "x", NULL);
  assert_no_length (arguments);
  assert_set_keyword (arguments, "y", g_variant_new_parsed ("[1]"));
  assert_set_keyword (arguments, "x", NULL);
  assert_call (arguments, 0, "((), {'y': <1>})");
}

static const struct
{
  Setter set;
  const char *value;
} good_values[] = {
  { CARGS, "(1,)" },
  { CARGS, "[1]" },
  { IARGS, "[[1]]" },
  { IARGS, "[<[1]>]" },
  { CKWARGS, "{'a': <1>}" },
  { IKWARGS, "[{'a': <1>}]" },
  { IKWARGS, "({'a': <1>},)" },
  { set_x, "[1]" },
};

/* What is set is kept until it is replaced or the arguments go, and is freed once. */
static void
test_floating (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (good_values); i++)
    {
      PcallArguments *arguments = pcall_arguments_new ();
      Watch first, second;

      assert_set (arguments, good_values[i].set, parse_watched (good_values[i].value, &first));
      g_assert_cmpuint (first.n_freed, ==, 0);
      assert_set (arguments, good_values[i].set, parse_watched (good_values[i].value, &second));
      g_assert_cmpuint (first.n_freed, ==, 1);
      g_assert_cmpuint (second.n_freed, ==, 0);

      pcall_arguments_unref (arguments);
      g_assert_cmpuint (first.n_freed, ==, 1);
      g_assert_cmpuint (second.n_freed, ==, 1);
    }
}

/* The caller's own reference stays the caller's. */
static void
test_not_floating (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (good_values); i++)
    {
      PcallArguments *arguments = pcall_arguments_new ();
      Watch watch;
      GVariant *value = g_variant_ref_sink (parse_watched (good_values[i].value, &watch));

      assert_set (arguments, good_values[i].set, value);
      assert_set (arguments, good_values[i].set, value);
      assert_set (arguments, good_values[i].set, NULL);
      g_assert_cmpuint (watch.n_freed, ==, 0);
      assert_set (arguments, good_values[i].set, value);
      pcall_arguments_unref (arguments);
      g_assert_cmpuint (watch.n_freed, ==, 0);

      g_variant_unref (value);
      g_assert_cmpuint (watch.n_freed, ==, 1);
    }
}

static void
test_references (void)
{
  PcallArguments *arguments = pcall_arguments_new ();
  g_autoptr (GVariant) call = NULL;
  g_autoptr (GVariant) expected = parse (everything.calls[0]);

  set_case (arguments, &everything, parse_serialised);
  g_assert_true (pcall_arguments_ref (arguments) == arguments);
  pcall_arguments_unref (arguments);
  call = build_call (arguments, 0);
  pcall_arguments_unref (arguments);

  g_assert_cmpvariant (call, expected);
}

/* What was overlaid is let go, and so is all that was built. */
static void
test_overlaid (void)
{
  PcallArguments *arguments = pcall_arguments_new ();
  Watch common, instance, keyword;

  assert_set (arguments, CKWARGS, parse_watched ("{'x': <1>, 'a': <2>, 'a': <3>}", &common));
  assert_set (arguments, IKWARGS, parse_watched ("[{'a': <4>, 'x': <5>}]", &instance));
  assert_set (arguments, set_x, parse_watched ("[6]", &keyword));
  assert_call (arguments, 0, "((), {'x': <6>, 'a': <4>})");
  pcall_arguments_unref (arguments);

  g_assert_cmpuint (common.n_freed, ==, 1);
  g_assert_cmpuint (instance.n_freed, ==, 1);
  g_assert_cmpuint (keyword.n_freed, ==, 1);
}

/* A tree stays a tree: the very values that were given come out, not copies of them. */
static void
test_no_copy_of_trees (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GVariant) iargs = parse ("[('a', 1), ('b', 2)]");
  g_autoptr (GVariant) ikwargs = parse ("[{'a': <'b'>}, {'c': <'d'>}]");
  g_autoptr (GVariant) given_args = g_variant_get_child_value (iargs, 1);
  g_autoptr (GVariant) given_kwargs = g_variant_get_child_value (ikwargs, 1);
  g_autoptr (GVariant) given_entry = g_variant_get_child_value (given_kwargs, 0);
  g_autoptr (GVariant) args = NULL;
  g_autoptr (GVariant) kwargs = NULL;
  g_autoptr (GVariant) entry = NULL;

  assert_set (arguments, IARGS, iargs);
  assert_set (arguments, IKWARGS, ikwargs);
  args = pcall_arguments_build_args (arguments, 1);
  kwargs = pcall_arguments_build_kwargs (arguments, 1);
  entry = g_variant_get_child_value (kwargs, 0);

  g_assert_true (args == given_args);
  g_assert_true (entry == given_entry);
}

static GVariant *
get_x (PcallArguments *arguments, guint index)
{
  g_autoptr (GVariant) kwargs = pcall_arguments_build_kwargs (arguments, index);
  GVariant *value = g_variant_lookup_value (kwargs, "x", NULL);

  g_assert_nonnull (value);
  return value;
}

/* Serialised bytes are referred to where they are. */
static void
test_no_copy_of_bytes (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autofree char *block = g_strnfill (64 * 1024, 'x');
  const char *blocks[] = { block, block, NULL };
  g_autoptr (GVariant) tree = g_variant_ref_sink (g_variant_new_bytestring_array (blocks, -1));
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (tree);
  const char *start = g_bytes_get_data (bytes, NULL);
  g_autoptr (GVariant) value = NULL;
  const char *data;

  assert_set (arguments, set_x,
              g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING_ARRAY, bytes, TRUE));
  value = get_x (arguments, 1);
  data = g_variant_get_data (value);

  g_assert_cmpuint (g_variant_get_size (value), ==, 64 * 1024 + 1);
  g_assert_true (data > start && data < start + g_bytes_get_size (bytes));
}

/* Memory full of 32-bit integers 0, 1, 2 … that cannot be read until it is shown. */
typedef struct
{
  gint32 *items;
  gsize size;
} Sealed;

static void
sealed_free (gpointer data)
{
  Sealed *sealed = data;

  g_assert_no_errno (munmap (sealed->items, sealed->size));
  g_free (sealed);
}

static Sealed *
sealed_new (gsize n)
{
  Sealed *sealed = g_new0 (Sealed, 1);

  sealed->size = n * sizeof (gint32);
  sealed->items
      = mmap (NULL, sealed->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  g_assert_true (sealed->items != MAP_FAILED);
  for (gsize i = 0; i < n; i++)
    sealed->items[i] = i;
  g_assert_no_errno (mprotect (sealed->items, sealed->size, PROT_NONE));
  return sealed;
}

static GVariant *
sealed_to_variant (Sealed *sealed, const char *type)
{
  return g_variant_new_from_data (G_VARIANT_TYPE (type), sealed->items, sealed->size, TRUE,
                                  sealed_free, sealed);
}

/* Shows the page that holds an item. */
static void
sealed_show (Sealed *sealed, gsize item)
{
  gsize page = sysconf (_SC_PAGESIZE);
  gsize offset = item * sizeof (gint32) / page * page;

  g_assert_no_errno (mprotect ((char *) sealed->items + offset, page, PROT_READ));
}

/* If anything but the one element were read, the test would die of SIGSEGV. */
static void
test_million_keyword (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  Sealed *sealed = sealed_new (1000000);

  assert_set (arguments, set_x, sealed_to_variant (sealed, "ai"));
  assert_length (arguments, 1000000);

  sealed_show (sealed, 567890);
  assert_call (arguments, 567890, "((), {'x': <567890>})");
}

static void
test_million_instance_args (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  Sealed *sealed = sealed_new (2000000);

  assert_set (arguments, CARGS, g_variant_new_parsed ("('a',)"));
  assert_set (arguments, IARGS, sealed_to_variant (sealed, "a(ii)"));
  assert_length (arguments, 1000000);

  sealed_show (sealed, 1999998);
  assert_call (arguments, 999999, "(('a', 1999998, 1999999), @a{sv} {})");
}

/* Many names: each once, in the order in which they were first seen. */
static void
test_many_names (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GVariant) kwargs = NULL;
  GVariantBuilder common, instance;

  g_variant_builder_init (&common, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_init (&instance, G_VARIANT_TYPE_VARDICT);
  for (int i = 0; i < 3000; i++)
    {
      g_autofree char *name = g_strdup_printf ("name-%d", i);
      g_autofree char *mirrored = g_strdup_printf ("name-%d", 3999 - i);

      g_variant_builder_add (&common, "{sv}", name, g_variant_new_int32 (i));
      g_variant_builder_add (&instance, "{sv}", mirrored, g_variant_new_int32 (i - 3999));
    }
  assert_set (arguments, CKWARGS, g_variant_builder_end (&common));
  assert_set (arguments, IKWARGS, g_variant_new ("(@*)", g_variant_builder_end (&instance)));
  kwargs = pcall_arguments_build_kwargs (arguments, 0);

  g_assert_cmpuint (g_variant_n_children (kwargs), ==, 4000);
  for (int i = 0; i < 4000; i++)
    {
      int number = i < 3000 ? i : 6999 - i;
      g_autofree char *expected_name = g_strdup_printf ("name-%d", number);
      g_autoptr (GVariant) value = NULL;
      const char *name;

      g_variant_get_child (kwargs, i, "{&sv}", &name, &value);
      g_assert_cmpstr (name, ==, expected_name);
      g_assert_cmpint (g_variant_get_int32 (value), ==, number < 1000 ? number : -number);
    }
}

#if GLIB_SIZEOF_SIZE_T > 4
static void
unmap_4_gib (gpointer data)
{
  g_assert_no_errno (munmap (data, (gsize) G_MAXUINT + 1));
}

/* As many bytes as calls have numbers, and then one too many. No memory is taken for them. */
static void
test_too_long (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  gsize size = (gsize) G_MAXUINT + 1;
  gpointer data = mmap (NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GBytes) shorter = NULL;

  if (data == MAP_FAILED)
    {
      g_test_skip ("no 4 GiB of addresses");
      return;
    }

  bytes = g_bytes_new_with_free_func (data, size, unmap_4_gib, data);
  shorter = g_bytes_new_from_bytes (bytes, 0, G_MAXUINT);
  assert_refused (arguments, set_x,
                  g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE),
                  "keyword list 'x' has 4294967296 elements; at most 4294967295 are possible");
  assert_no_length (arguments);

  assert_set (arguments, set_x,
              g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, shorter, TRUE));
  assert_length (arguments, G_MAXUINT);
  assert_call (arguments, G_MAXUINT - 1, "((), {'x': <byte 0x00>})");
}
#endif

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/arguments/replace/all", test_replace);
  g_test_add_func ("/pcall/arguments/replace/keyword", test_replace_keyword);
  g_test_add_func ("/pcall/arguments/remove/all", test_remove);
  g_test_add_func ("/pcall/arguments/remove/absent", test_remove_absent);
  g_test_add_func ("/pcall/arguments/references/floating", test_floating);
  g_test_add_func ("/pcall/arguments/references/not-floating", test_not_floating);
  g_test_add_func ("/pcall/arguments/references/own", test_references);
  g_test_add_func ("/pcall/arguments/references/overlaid", test_overlaid);
  g_test_add_func ("/pcall/arguments/no-copy/trees", test_no_copy_of_trees);
  g_test_add_func ("/pcall/arguments/no-copy/bytes", test_no_copy_of_bytes);
  g_test_add_func ("/pcall/arguments/million/keyword", test_million_keyword);
  g_test_add_func ("/pcall/arguments/million/instance-args", test_million_instance_args);
  g_test_add_func ("/pcall/arguments/many-names", test_many_names);
#if GLIB_SIZEOF_SIZE_T > 4
  g_test_add_func ("/pcall/arguments/too-long", test_too_long);
#endif

  return g_test_run ();
}
