/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The zip builder, by tables of what goes in and what comes out, as GVariant text.
 *
 * GVariant holds a value as a tree or as serialised bytes, and callers bring both, so each row
 * runs with both. That a list is not read, and so not copied, is shown by taking away the right
 * to read its memory. */

#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>

#include <pcall-glib/calls/pcall-arguments-private.h>
#include <pcall-glib/pcall-error.h>

typedef gboolean (*Setter) (PcallArguments *arguments, GVariant *value, GError **error);

static gboolean
set_x (PcallArguments *arguments, GVariant *values, GError **error)
{
  return pcall_arguments_set_keyword (arguments, "x", values, error);
}

static gboolean
set_nameless (PcallArguments *arguments, GVariant *values, GError **error)
{
  return pcall_arguments_set_keyword (arguments, NULL, values, error);
}

static gboolean
set_empty_name (PcallArguments *arguments, GVariant *values, GError **error)
{
  return pcall_arguments_set_keyword (arguments, "", values, error);
}

static gboolean
set_latin_1_name (PcallArguments *arguments, GVariant *values, GError **error)
{
  return pcall_arguments_set_keyword (arguments, "na\xefve", values, error);
}

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static GVariant *
parse_serialised (const char *text)
{
  g_autoptr (GVariant) tree = parse (text);
  g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (tree);

  return g_variant_ref_sink (g_variant_new_from_bytes (g_variant_get_type (tree), bytes, TRUE));
}

typedef struct
{
  gpointer data;
  guint n_freed;
} Watch;

static void
watch_freed (gpointer data)
{
  Watch *watch = data;

  g_clear_pointer (&watch->data, g_free);
  watch->n_freed++;
}

/* A floating value that tells when it is gone. */
static GVariant *
parse_watched (const char *text, Watch *watch)
{
  g_autoptr (GVariant) value = parse (text);
  gsize size = g_variant_get_size (value);

  *watch = (Watch){ .data = g_malloc0 (MAX (size, 8)) };
  g_variant_store (value, watch->data);
  return g_variant_new_from_data (g_variant_get_type (value), watch->data, size, TRUE, watch_freed,
                                  watch);
}

static void
assert_set (PcallArguments *arguments, Setter set, GVariant *value)
{
  g_autoptr (GError) error = NULL;
  gboolean accepted = set (arguments, value, &error);

  g_assert_no_error (error);
  g_assert_true (accepted);
}

static void
assert_set_keyword (PcallArguments *arguments, const char *name, GVariant *values)
{
  g_autoptr (GError) error = NULL;
  gboolean accepted = pcall_arguments_set_keyword (arguments, name, values, &error);

  g_assert_no_error (error);
  g_assert_true (accepted);
}

static void
assert_length (PcallArguments *arguments, guint expected)
{
  guint length = G_MAXUINT - 1;

  g_assert_true (pcall_arguments_get_length (arguments, &length));
  g_assert_cmpuint (length, ==, expected);
}

static void
assert_no_length (PcallArguments *arguments)
{
  guint length = 123;

  g_assert_false (pcall_arguments_get_length (arguments, &length));
  g_assert_cmpuint (length, ==, 123);
}

static GVariant *
build_call (PcallArguments *arguments, guint index)
{
  g_autoptr (GVariant) args = pcall_arguments_build_args (arguments, index);
  g_autoptr (GVariant) kwargs = pcall_arguments_build_kwargs (arguments, index);

  g_assert_false (g_variant_is_floating (args));
  g_assert_false (g_variant_is_floating (kwargs));
  g_assert_true (g_variant_is_of_type (args, G_VARIANT_TYPE_TUPLE));
  g_assert_true (g_variant_is_of_type (kwargs, G_VARIANT_TYPE_VARDICT));
  return g_variant_ref_sink (g_variant_new ("(@*@*)", args, kwargs));
}

static void
assert_call (PcallArguments *arguments, guint index, const char *expected_text)
{
  g_autoptr (GVariant) call = build_call (arguments, index);
  g_autoptr (GVariant) expected = parse (expected_text);

  g_assert_cmpvariant (call, expected);
}

/* What was given, and the (args, kwargs) of each call. */
typedef struct
{
  const char *name;
  const char *cargs;
  const char *iargs;
  const char *ckwargs;
  const char *ikwargs;
  const char *keywords[8]; /* name, values, name, values … */
  const char *calls[8];
  gboolean endless; /* no list is given: every index has calls[0] */
} Case;

/* clang-format off */
static const Case cases[] = {
  /* The rows of the seed. */
  {
    .name = "seed/simple",
    .keywords = { "x", "(1, 2, 3)", "y", "(4, 5, 6)" },
    .calls = { "((), {'x': <1>, 'y': <4>})", "((), {'x': <2>, 'y': <5>})",
               "((), {'x': <3>, 'y': <6>})" },
  },
  {
    .name = "seed/positional",
    .cargs = "(1, 2, 3)",
    .iargs = "((4,), (5,), (6,))",
    .calls = { "((1, 2, 3, 4), @a{sv} {})", "((1, 2, 3, 5), @a{sv} {})",
               "((1, 2, 3, 6), @a{sv} {})" },
  },
  {
    .name = "seed/keyword",
    .ckwargs = "{'a': <1>, 'b': <2>}",
    .ikwargs = "[{'c': <3>}, {'c': <4>}, {'c': <5>}]",
    .calls = { "((), {'a': <1>, 'b': <2>, 'c': <3>})", "((), {'a': <1>, 'b': <2>, 'c': <4>})",
               "((), {'a': <1>, 'b': <2>, 'c': <5>})" },
  },
  {
    .name = "seed/variable-keyword",
    .keywords = { "x", "(1, 2, 3)", "y", "(4, 5, 6)", "z", "(7, 8, 9)" },
    .calls = { "((), {'x': <1>, 'y': <4>, 'z': <7>})", "((), {'x': <2>, 'y': <5>, 'z': <8>})",
               "((), {'x': <3>, 'y': <6>, 'z': <9>})" },
  },
  {
    .name = "seed/combo",
    .cargs = "(1, 2, 3)",
    .iargs = "((6, 7), (8, 9))",
    .ckwargs = "{'a': <1>, 'b': <2>}",
    .ikwargs = "({'c': <3>}, {'c': <4>})",
    .keywords = { "x", "(10, 20)", "y", "(100, 200)" },
    .calls = { "((1, 2, 3, 6, 7), {'a': <1>, 'b': <2>, 'c': <3>, 'x': <10>, 'y': <100>})",
               "((1, 2, 3, 8, 9), {'a': <1>, 'b': <2>, 'c': <4>, 'x': <20>, 'y': <200>})" },
  },
  {
    .name = "seed/iterations-must-match",
    .iargs = "((1, 2), (3, 4), (5, 6))",
    .ikwargs = "({'a': <1>}, {'a': <2>})",
    .calls = { "((1, 2), {'a': <1>})", "((3, 4), {'a': <2>})" },
  },
  {
    .name = "seed/arrays",
    .cargs = "[1, 2, 3]",
    .iargs = "[[4, 5, 6], [7, 8, 9], [9, 10, 11]]",
    .calls = { "((1, 2, 3, 4, 5, 6), @a{sv} {})", "((1, 2, 3, 7, 8, 9), @a{sv} {})",
               "((1, 2, 3, 9, 10, 11), @a{sv} {})" },
  },

  /* How long the list of calls is. */
  { .name = "none-given", .endless = TRUE, .calls = { "((), @a{sv} {})" } },
  {
    .name = "only-common",
    .cargs = "(1, 'a')",
    .ckwargs = "{'b': <2>}",
    .endless = TRUE,
    .calls = { "((1, 'a'), {'b': <2>})" },
  },
  {
    .name = "empty-common",
    .cargs = "@ai []",
    .ckwargs = "@a{sv} {}",
    .endless = TRUE,
    .calls = { "((), @a{sv} {})" },
  },
  { .name = "empty/instance-args-av", .iargs = "@av []" },
  { .name = "empty/instance-args-as", .iargs = "@as []" },
  { .name = "empty/instance-args-tuple", .iargs = "()" },
  { .name = "empty/instance-args-aa{sv}", .iargs = "@aa{sv} []" },
  { .name = "empty/instance-kwargs-av", .ikwargs = "@av []" },
  { .name = "empty/instance-kwargs-as", .ikwargs = "@as []" },
  { .name = "empty/instance-kwargs-tuple", .ikwargs = "()" },
  { .name = "empty/instance-kwargs-aa{sv}", .ikwargs = "@aa{sv} []" },
  { .name = "empty/keyword-av", .keywords = { "x", "@av []" } },
  { .name = "empty/keyword-as", .keywords = { "x", "@as []" } },
  { .name = "empty/keyword-tuple", .keywords = { "x", "()" } },
  {
    .name = "empty/one-of-many",
    .cargs = "(1,)",
    .iargs = "[[1], [2]]",
    .ikwargs = "[{'a': <1>}]",
    .keywords = { "x", "[1, 2, 3]", "y", "@as []" },
  },
  {
    .name = "empty/elements",
    .iargs = "(@as [], (), @av [], (1,))",
    .ikwargs = "(@a{sv} {}, {'a': <1>}, @a{sv} {}, @a{sv} {})",
    .calls = { "((), @a{sv} {})", "((), {'a': <1>})", "((), @a{sv} {})", "((1,), @a{sv} {})" },
  },
  {
    .name = "zip-shortest/instance-args",
    .iargs = "[[1], [2]]",
    .ikwargs = "[{'a': <1>}, {'a': <2>}, {'a': <3>}]",
    .keywords = { "x", "[1, 2, 3, 4]" },
    .calls = { "((1,), {'a': <1>, 'x': <1>})", "((2,), {'a': <2>, 'x': <2>})" },
  },
  {
    .name = "zip-shortest/instance-kwargs",
    .iargs = "[[1], [2]]",
    .ikwargs = "[{'a': <1>}]",
    .keywords = { "x", "[1, 2, 3, 4]" },
    .calls = { "((1,), {'a': <1>, 'x': <1>})" },
  },
  {
    .name = "zip-shortest/first-keyword",
    .iargs = "[[1], [2]]",
    .keywords = { "x", "[1]", "y", "[1, 2, 3]" },
    .calls = { "((1,), {'x': <1>, 'y': <1>})" },
  },
  {
    .name = "zip-shortest/last-keyword",
    .iargs = "[[1], [2]]",
    .keywords = { "x", "[1, 2, 3]", "y", "[1]" },
    .calls = { "((1,), {'x': <1>, 'y': <1>})" },
  },

  /* Positional arguments: of what types, and what is unwrapped. */
  {
    .name = "args/mixed-types",
    .cargs = "(1, 'a', [1.5], ('b', true))",
    .iargs = "(([<1>, <'c'>],), ['d', 'e'], [2.5, 3.5], @ay [0x01])",
    .calls = { "((1, 'a', [1.5], ('b', true), [<1>, <'c'>]), @a{sv} {})",
               "((1, 'a', [1.5], ('b', true), 'd', 'e'), @a{sv} {})",
               "((1, 'a', [1.5], ('b', true), 2.5, 3.5), @a{sv} {})",
               "((1, 'a', [1.5], ('b', true), byte 0x01), @a{sv} {})" },
  },
  {
    .name = "args/common-array",
    .cargs = "['a', 'b']",
    .endless = TRUE,
    .calls = { "(('a', 'b'), @a{sv} {})" },
  },
  {
    .name = "args/common-array-and-empty-instance",
    .cargs = "['a', 'b']",
    .iargs = "((), @ai [])",
    .calls = { "(('a', 'b'), @a{sv} {})", "(('a', 'b'), @a{sv} {})" },
  },
  {
    .name = "args/empty-common-and-instance",
    .cargs = "@av []",
    .iargs = "(('a', 1), [1, 2])",
    .calls = { "(('a', 1), @a{sv} {})", "((1, 2), @a{sv} {})" },
  },
  {
    .name = "args/dictionary-as-an-argument",
    .cargs = "({'a': <1>},)",
    .iargs = "[[{'b': <2>}]]",
    .calls = { "(({'a': <1>}, {'b': <2>}), @a{sv} {})" },
  },
  {
    .name = "unwrap/common-args",
    .cargs = "[<1>, <'a'>]",
    .endless = TRUE,
    .calls = { "((1, 'a'), @a{sv} {})" },
  },
  {
    .name = "unwrap/common-args-once",
    .cargs = "[<<1>>, <[<2>]>]",
    .endless = TRUE,
    .calls = { "((<1>, [<2>]), @a{sv} {})" },
  },
  {
    .name = "unwrap/common-args-tuple-not",
    .cargs = "(<1>, 2)",
    .iargs = "((<3>,),)",
    .calls = { "((<1>, 2, <3>), @a{sv} {})" },
  },
  {
    .name = "unwrap/instance-args-av-of-lists",
    .iargs = "[<(1, 'a')>, <[2, 3]>, <(<4>,)>]",
    .calls = { "((1, 'a'), @a{sv} {})", "((2, 3), @a{sv} {})", "((<4>,), @a{sv} {})" },
  },
  {
    .name = "unwrap/instance-args-aav",
    .iargs = "[[<1>, <'a'>], [<<2>>]]",
    .calls = { "((1, 'a'), @a{sv} {})", "((<2>,), @a{sv} {})" },
  },
  {
    .name = "unwrap/instance-args-av-of-av",
    .iargs = "[<[<1>, <'a'>]>, <[<<2>>]>]",
    .calls = { "((1, 'a'), @a{sv} {})", "((<2>,), @a{sv} {})" },
  },
  {
    .name = "unwrap/instance-kwargs",
    .ikwargs = "[<{'a': <1>}>, <{'a': <<2>>}>]",
    .calls = { "((), {'a': <1>})", "((), {'a': <<2>>})" },
  },
  {
    .name = "unwrap/keyword",
    .keywords = { "x", "[<1>, <'a'>, <[<2>]>]" },
    .calls = { "((), {'x': <1>})", "((), {'x': <'a'>})", "((), {'x': <[<2>]>})" },
  },
  {
    .name = "unwrap/keyword-once",
    .keywords = { "x", "[<<1>>]" },
    .calls = { "((), {'x': <<1>>})" },
  },
  {
    .name = "unwrap/keyword-tuple-not",
    .keywords = { "x", "(<1>, 2)" },
    .calls = { "((), {'x': <<1>>})", "((), {'x': <2>})" },
  },
  {
    .name = "keyword/types",
    .keywords = { "x", "['a', 'b']", "y", "(1, 'c')", "z", "[{'k': <1>}, {'k': <2>}]", "t",
                  "[(1, 'd'), (2, 'e')]" },
    .calls = { "((), {'x': <'a'>, 'y': <1>, 'z': <{'k': <1>}>, 't': <(1, 'd')>})",
               "((), {'x': <'b'>, 'y': <'c'>, 'z': <{'k': <2>}>, 't': <(2, 'e')>})" },
  },

  /* Which value of a name holds, and where the name stands. */
  {
    .name = "precedence/instance-over-common",
    .ckwargs = "{'a': <1>, 'b': <2>}",
    .ikwargs = "[{'c': <3>, 'a': <4>}, {'b': <5>}]",
    .calls = { "((), {'a': <4>, 'b': <2>, 'c': <3>})", "((), {'a': <1>, 'b': <5>})" },
  },
  {
    .name = "precedence/keyword-over-common",
    .ckwargs = "{'a': <1>, 'b': <2>}",
    .keywords = { "b", "['x', 'y']" },
    .calls = { "((), {'a': <1>, 'b': <'x'>})", "((), {'a': <1>, 'b': <'y'>})" },
  },
  {
    .name = "precedence/keyword-over-both",
    .ckwargs = "{'a': <1>, 'b': <1>}",
    .ikwargs = "[{'c': <2>, 'b': <2>, 'a': <2>}]",
    .keywords = { "d", "[3]", "c", "[3]", "a", "[3]" },
    .calls = { "((), {'a': <3>, 'b': <2>, 'c': <3>, 'd': <3>})" },
  },
  {
    .name = "precedence/last-duplicate",
    .ckwargs = "{'a': <1>, 'b': <2>, 'a': <3>}",
    .endless = TRUE,
    .calls = { "((), {'a': <3>, 'b': <2>})" },
  },
  {
    .name = "precedence/last-duplicate-of-instance",
    .ckwargs = "{'z': <0>}",
    .ikwargs = "[{'a': <1>, 'b': <2>, 'a': <3>, 'z': <4>, 'z': <5>}]",
    .calls = { "((), {'z': <5>, 'a': <3>, 'b': <2>})" },
  },
};
/* clang-format on */

static void
set_case (PcallArguments *arguments, const Case *row, GVariant *(*read) (const char *text))
{
  const struct
  {
    Setter set;
    const char *text;
  } given[] = {
    { pcall_arguments_set_common_args, row->cargs },
    { pcall_arguments_set_instance_args, row->iargs },
    { pcall_arguments_set_common_kwargs, row->ckwargs },
    { pcall_arguments_set_instance_kwargs, row->ikwargs },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (given); i++)
    {
      g_autoptr (GVariant) value = given[i].text != NULL ? read (given[i].text) : NULL;

      assert_set (arguments, given[i].set, value);
    }

  for (gsize i = 0; i < G_N_ELEMENTS (row->keywords) && row->keywords[i] != NULL; i += 2)
    {
      g_autoptr (GVariant) values = read (row->keywords[i + 1]);

      assert_set_keyword (arguments, row->keywords[i], values);
    }
}

static void
assert_case (PcallArguments *arguments, const Case *row)
{
  guint n = 0;

  if (row->endless)
    {
      assert_no_length (arguments);
      assert_call (arguments, 0, row->calls[0]);
      assert_call (arguments, 1, row->calls[0]);
      assert_call (arguments, G_MAXUINT, row->calls[0]);
      return;
    }

  while (row->calls[n] != NULL)
    n++;
  assert_length (arguments, n);

  /* Backwards, and then again: a call's arguments depend on its index and on nothing else. */
  for (guint i = 2 * n; i > 0; i--)
    assert_call (arguments, (i - 1) % n, row->calls[(i - 1) % n]);
}

static void
test_case (gconstpointer data)
{
  const Case *row = data;
  g_autoptr (PcallArguments) of_trees = pcall_arguments_new ();
  g_autoptr (PcallArguments) of_bytes = pcall_arguments_new ();

  g_test_message ("as trees");
  set_case (of_trees, row, parse);
  assert_case (of_trees, row);

  g_test_message ("as serialised bytes");
  set_case (of_bytes, row, parse_serialised);
  assert_case (of_bytes, row);
}

typedef struct
{
  const char *name;
  Setter set;
  const char *value;
  const char *message;
} BadCase;

#define CARGS pcall_arguments_set_common_args
#define IARGS pcall_arguments_set_instance_args
#define CKWARGS pcall_arguments_set_common_kwargs
#define IKWARGS pcall_arguments_set_instance_kwargs

#define EXPECTED_ARGS "; expected a tuple or an array"
#define EXPECTED_LISTS "; expected an array or a tuple of argument lists, one for each call"
#define EXPECTED_ONE_EACH "; expected an array or a tuple, one element for each call"

/* clang-format off */
static const BadCase bad_cases[] = {
  { "common-args/int", CARGS, "1",
    "common-args is of type 'i'" EXPECTED_ARGS },
  { "common-args/string", CARGS, "'abc'",
    "common-args is of type 's'" EXPECTED_ARGS },
  { "common-args/variant", CARGS, "<(1, 2)>",
    "common-args is of type 'v'" EXPECTED_ARGS },
  { "common-args/maybe", CARGS, "@mai [1]",
    "common-args is of type 'mai'" EXPECTED_ARGS },
  { "common-args/dictionary", CARGS, "{'a': <1>}",
    "common-args is a dictionary of type 'a{sv}'" EXPECTED_ARGS },
  { "common-args/empty-dictionary", CARGS, "@a{is} {}",
    "common-args is a dictionary of type 'a{is}'" EXPECTED_ARGS },

  { "instance-args/int", IARGS, "1",
    "instance-args is of type 'i'" EXPECTED_LISTS },
  { "instance-args/array-of-int", IARGS, "[1, 2]",
    "instance-args is of type 'ai'" EXPECTED_LISTS },
  { "instance-args/bytes", IARGS, "b'abc'",
    "instance-args is of type 'ay'" EXPECTED_LISTS },
  { "instance-args/dictionary", IARGS, "{'a': <(1, 2)>}",
    "instance-args is a dictionary of type 'a{sv}'" EXPECTED_LISTS },
  { "instance-args/array-of-dictionaries", IARGS, "[{'a': <1>}]",
    "instance-args is of type 'aa{sv}'" EXPECTED_LISTS },
  { "instance-args/fourth-of-tuple", IARGS, "([1], (2,), @as [], 4)",
    "instance-args[3] is of type 'i'" EXPECTED_ARGS },
  { "instance-args/fourth-of-av", IARGS, "[<[1]>, <(2,)>, <@as []>, <4>]",
    "instance-args[3] is of type 'i'" EXPECTED_ARGS },
  { "instance-args/first-of-many", IARGS, "('a', 'b', 3)",
    "instance-args[0] is of type 's'" EXPECTED_ARGS },
  { "instance-args/unwrapped-once", IARGS, "[<<(1, 2)>>]",
    "instance-args[0] is of type 'v'" EXPECTED_ARGS },
  { "instance-args/tuple-not-unwrapped", IARGS, "((1, 2), <(1, 2)>)",
    "instance-args[1] is of type 'v'" EXPECTED_ARGS },
  { "instance-args/dictionary-in-tuple", IARGS, "((1,), {'a': <1>})",
    "instance-args[1] is a dictionary of type 'a{sv}'" EXPECTED_ARGS },
  { "instance-args/dictionary-in-av", IARGS, "[<{'a': <1>}>]",
    "instance-args[0] is a dictionary of type 'a{sv}'" EXPECTED_ARGS },

  { "common-kwargs/int", CKWARGS, "1", "common-kwargs is of type 'i'; expected a{sv}" },
  { "common-kwargs/strings", CKWARGS, "['a']", "common-kwargs is of type 'as'; expected a{sv}" },
  { "common-kwargs/empty-tuple", CKWARGS, "()", "common-kwargs is of type '()'; expected a{sv}" },
  { "common-kwargs/empty-array", CKWARGS, "@av []",
    "common-kwargs is of type 'av'; expected a{sv}" },
  { "common-kwargs/other-dictionary", CKWARGS, "{'a': 'b'}",
    "common-kwargs is a dictionary of type 'a{ss}'; expected a{sv}" },
  { "common-kwargs/list", CKWARGS, "[{'a': <1>}]",
    "common-kwargs is of type 'aa{sv}'; expected a{sv}" },

  { "instance-kwargs/int", IKWARGS, "1",
    "instance-kwargs is of type 'i'; expected an array of a{sv}" },
  { "instance-kwargs/strings", IKWARGS, "['a']",
    "instance-kwargs is of type 'as'; expected an array of a{sv}" },
  { "instance-kwargs/dictionary", IKWARGS, "{'a': <1>}",
    "instance-kwargs is a dictionary of type 'a{sv}'; expected an array of a{sv}" },
  { "instance-kwargs/other-dictionaries", IKWARGS, "[{'a': 'b'}]",
    "instance-kwargs is of type 'aa{ss}'; expected an array of a{sv}" },
  { "instance-kwargs/second-of-tuple", IKWARGS, "({'a': <1>}, 'b')",
    "instance-kwargs[1] is of type 's'; expected a{sv}" },
  { "instance-kwargs/second-of-av", IKWARGS, "[<{'a': <1>}>, <'b'>]",
    "instance-kwargs[1] is of type 's'; expected a{sv}" },
  { "instance-kwargs/other-in-av", IKWARGS, "[<{'a': 1}>]",
    "instance-kwargs[0] is a dictionary of type 'a{si}'; expected a{sv}" },
  { "instance-kwargs/unwrapped-once", IKWARGS, "[<<{'a': <1>}>>]",
    "instance-kwargs[0] is of type 'v'; expected a{sv}" },
  { "instance-kwargs/tuple-not-unwrapped", IKWARGS, "(<{'a': <1>}>,)",
    "instance-kwargs[0] is of type 'v'; expected a{sv}" },

  { "keyword/string", set_x, "'abc'",
    "keyword list 'x' is of type 's'" EXPECTED_ONE_EACH },
  { "keyword/variant", set_x, "<[1, 2]>",
    "keyword list 'x' is of type 'v'" EXPECTED_ONE_EACH },
  { "keyword/dictionary", set_x, "{'a': <1>}",
    "keyword list 'x' is a dictionary of type 'a{sv}'" EXPECTED_ONE_EACH },
  { "keyword/no-name", set_nameless, "[1]", "a keyword list needs a name" },
  { "keyword/empty-name", set_empty_name, "[1]", "a keyword list needs a name" },
  { "keyword/name-not-utf8", set_latin_1_name, "[1]",
    "the name of a keyword list is not valid UTF-8" },
  { "keyword/no-name-no-values", set_nameless, NULL, "a keyword list needs a name" },

  { "long-type", CKWARGS,
    "(0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,"
    "0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9)",
    "common-kwargs is of type '(iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii…'; "
    "expected a{sv}" },
  { "long-type-shown-whole", CKWARGS,
    "(0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,"
    "0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7)",
    "common-kwargs is of type '(iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii)'; "
    "expected a{sv}" },
};

/* One of everything, to see that a failure leaves it alone. */
static const Case everything = {
  .name = "everything",
  .cargs = "(1,)",
  .iargs = "[[2], [3]]",
  .ckwargs = "{'a': <1>}",
  .ikwargs = "[{'b': <2>}, {'b': <3>}]",
  .keywords = { "x", "[4, 5]" },
  .calls = { "((1, 2), {'a': <1>, 'b': <2>, 'x': <4>})",
             "((1, 3), {'a': <1>, 'b': <3>, 'x': <5>})" },
};
/* clang-format on */

static void
assert_refused (PcallArguments *arguments, const BadCase *row, GVariant *value)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (row->set (arguments, value, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==, row->message);
}

static void
test_bad_case (gconstpointer data)
{
  const BadCase *row = data;
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GVariant) value = row->value != NULL ? parse (row->value) : NULL;
  Watch watch;

  set_case (arguments, &everything, parse);
  assert_refused (arguments, row, value);
  g_assert_false (row->set (arguments, value, NULL));

  if (row->value != NULL)
    {
      assert_refused (arguments, row, parse_watched (row->value, &watch));
      g_assert_cmpuint (watch.n_freed, ==, 1);
    }

  assert_case (arguments, &everything);
}

/* A list that fails to be set for the first time is not there, not even as a name. */
static void
test_refused_keyword_is_absent (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  const BadCase row = { "", set_x, "1", "keyword list 'x' is of type 'i'" EXPECTED_ONE_EACH };
  g_autoptr (GVariant) value = parse (row.value);

  assert_refused (arguments, &row, value);
  assert_no_length (arguments);

  assert_set_keyword (arguments, "y", g_variant_new_parsed ("[1]"));
  assert_set_keyword (arguments, "x", g_variant_new_parsed ("[2]"));
  assert_call (arguments, 0, "((), {'y': <1>, 'x': <2>})");
}

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
  const BadCase row
      = { "", set_x, NULL,
          "keyword list 'x' has 4294967296 elements; at most 4294967295 are possible" };
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
  assert_refused (arguments, &row,
                  g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE));
  assert_no_length (arguments);

  assert_set (arguments, set_x,
              g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, shorter, TRUE));
  assert_length (arguments, G_MAXUINT);
  assert_call (arguments, G_MAXUINT - 1, "((), {'x': <byte 0x00>})");
}
#endif

static void
add_tables (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/arguments/", cases[i].name, NULL);

      g_test_add_data_func (path, &cases[i], test_case);
    }

  for (gsize i = 0; i < G_N_ELEMENTS (bad_cases); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/arguments/bad/", bad_cases[i].name, NULL);

      g_test_add_data_func (path, &bad_cases[i], test_bad_case);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  add_tables ();
  g_test_add_func ("/pcall/arguments/refused-keyword-is-absent", test_refused_keyword_is_absent);
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
