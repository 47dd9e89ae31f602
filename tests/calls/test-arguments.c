/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The zip builder, by tables of what goes in and what comes out, as GVariant text.
 *
 * GVariant holds a value as a tree or as serialised bytes, and callers bring both, so each row
 * runs with both. */

#include "arguments-support.h"

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

typedef struct
{
  const char *name;
  Setter set;
  const char *value;
  const char *message;
} BadCase;

#define EXPECTED_ARGS "; expected a tuple or an array"
#define EXPECTED_LISTS "; expected an array or a tuple of argument lists, one for each call"
#define EXPECTED_ONE_EACH "; expected an array or a tuple, one element for each call; " \
                          "what is the same for all belongs into common-kwargs"

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
    "instance-args is of type 'ai'" EXPECTED_LISTS "; did you mean [(1,), (2,)]?" },
  { "instance-args/bytes", IARGS, "b'abc'",
    "instance-args is of type 'ay'" EXPECTED_LISTS },
  { "instance-args/dictionary", IARGS, "{'a': <(1, 2)>}",
    "instance-args is a dictionary of type 'a{sv}'" EXPECTED_LISTS },
  { "instance-args/array-of-dictionaries", IARGS, "[{'a': <1>}]",
    "instance-args is of type 'aa{sv}'" EXPECTED_LISTS },
  { "instance-args/fourth-of-tuple", IARGS, "([1], (2,), @as [], 4)",
    "instance-args[3] is of type 'i'" EXPECTED_ARGS "; did you mean ([1], (2,), [], (4,))?" },
  { "instance-args/fourth-of-av", IARGS, "[<[1]>, <(2,)>, <@as []>, <4>]",
    "instance-args[3] is of type 'i'" EXPECTED_ARGS "; did you mean [[1], (2,), [], (4,)]?" },
  { "instance-args/first-of-many", IARGS, "('a', 'b', 3)",
    "instance-args[0] is of type 's'" EXPECTED_ARGS "; did you mean (('a',), ('b',), (3,))?" },
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
/* clang-format on */

static void
test_bad_case (gconstpointer data)
{
  const BadCase *row = data;
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GVariant) value = row->value != NULL ? parse (row->value) : NULL;
  Watch watch;

  set_case (arguments, &everything, parse);
  assert_refused (arguments, row->set, value, row->message);
  g_assert_false (row->set (arguments, value, NULL));

  if (row->value != NULL)
    {
      assert_refused (arguments, row->set, parse_watched (row->value, &watch), row->message);
      g_assert_cmpuint (watch.n_freed, ==, 1);
    }

  assert_case (arguments, &everything);
}

/* A list that fails to be set for the first time is not there, not even as a name. */
static void
test_refused_keyword_is_absent (void)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();

  assert_refused (arguments, set_x, g_variant_new_int32 (1),
                  "keyword list 'x' is of type 'i'" EXPECTED_ONE_EACH);
  assert_no_length (arguments);

  assert_set_keyword (arguments, "y", g_variant_new_parsed ("[1]"));
  assert_set_keyword (arguments, "x", g_variant_new_parsed ("[2]"));
  assert_call (arguments, 0, "((), {'y': <1>, 'x': <2>})");
}

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

  return g_test_run ();
}
