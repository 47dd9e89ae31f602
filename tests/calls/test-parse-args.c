/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Taking arguments apart: what is as expected is stored, and of anything else nothing is. */

#include <gio/gio.h>

#include "task-support.h"

/* Every kind of place that a format can have, between two keywords that are looked for. */
static void
test_places (void)
{
  g_autoptr (GVariant) args = support_parse (
      "(1, 'text', ['a', 'b'], @mi 5, @ms nothing, @m(is) (6, 'in'), {'k': <7>}, (true, <8>), "
      "b'bytes', @mai [9], {'d', 10.0})");
  g_autoptr (GVariant) kwargs = support_parse ("{'before': <11>, 'after': <'end'>}");
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) dictionary = NULL, value = NULL;
  g_autofree const char **strings = NULL;
  g_autofree char *text = NULL;
  g_autoptr (GVariantIter) numbers = NULL;
  const char *borrowed = "x", *bytes = NULL, *inner = NULL, *end = NULL, *key = NULL;
  gint first = 0, maybe = 0, in_maybe = 0, before = 0;
  gboolean just = FALSE, just_tuple = FALSE, flag = FALSE;
  gdouble number = 0.0;

  g_assert_true (pcall_parse_args (
      args, kwargs, &error, "(is^a&smim&sm(i&s)@a{sv}(bv)^&aymai{&sd})", &first, &text, &strings,
      &just, &maybe, &borrowed, &just_tuple, &in_maybe, &inner, &dictionary, &flag, &value, &bytes,
      &numbers, &key, &number, "before", "i", &before, "after", "&s", &end, NULL));
  g_assert_no_error (error);
  g_assert_cmpint (first, ==, 1);
  g_assert_cmpstr (text, ==, "text");
  g_assert_cmpstr (strings[1], ==, "b");
  g_assert_true (just && just_tuple && flag);
  g_assert_cmpint (maybe, ==, 5);
  g_assert_null (borrowed);
  g_assert_cmpint (in_maybe, ==, 6);
  g_assert_cmpstr (inner, ==, "in");
  support_assert_variant (dictionary, "{'k': <7>}");
  support_assert_variant (value, "8");
  g_assert_cmpstr (bytes, ==, "bytes");
  g_assert_cmpuint (g_variant_iter_n_children (numbers), ==, 1);
  g_assert_cmpstr (key, ==, "d");
  g_assert_cmpfloat (number, ==, 10.0);
  g_assert_cmpint (before, ==, 11);
  g_assert_cmpstr (end, ==, "end");
}

/* A keyword that is not there is stepped over, with all of its places. */
static void
test_absent_keywords (void)
{
  g_autoptr (GVariant) args = support_parse ("()");
  g_autoptr (GVariant) kwargs = support_parse ("{'last': <3>}");
  g_autoptr (GError) error = NULL;
  gint a = 1, b = 2, last = 0;
  gboolean just = TRUE;

  g_assert_true (pcall_parse_args (args, kwargs, &error, "()", "pair", "(ii)", &a, &b, "maybe",
                                   "mi", &just, &a, "last", "i", &last, NULL));
  g_assert_no_error (error);
  g_assert_cmpint (a, ==, 1);
  g_assert_cmpint (b, ==, 2);
  g_assert_true (just);
  g_assert_cmpint (last, ==, 3);
}

static void
test_no_kwargs (void)
{
  g_autoptr (GVariant) args = support_parse ("(1, 2)");
  g_autoptr (GError) error = NULL;
  gint a = 0, b = 0, c = 5;

  g_assert_true (pcall_parse_args (args, NULL, &error, "(ii)", &a, &b, "c", "i", &c, NULL));
  g_assert_no_error (error);
  g_assert_cmpint (a + b + c, ==, 8);
  g_assert_true (pcall_parse_args (args, NULL, &error, "(ii)", NULL, NULL, NULL));
}

typedef struct
{
  const char *args;
  const char *kwargs;
  const char *message; /* NULL: they are right */
} Case;

static const Case cases[] = {
  { "(1, 'x')", "{}", NULL },
  { "(1, 'x')", "{'k': <2.5>}", NULL },
  { "(1, 'x')", "{'k': <2.5>, 'l': <'m'>}", NULL },
  { "('x', 1)", "{}", "the arguments are of type '(si)'; expected '(is)'" },
  { "(1,)", "{}", "the arguments are of type '(i)'; expected '(is)'" },
  { "(1, 'x', 3)", "{}", "the arguments are of type '(isi)'; expected '(is)'" },
  { "()", "{}", "the arguments are of type '()'; expected '(is)'" },
  { "(int64 1, 'x')", "{}", "the arguments are of type '(xs)'; expected '(is)'" },
  { "[1, 2]", "{}", "the arguments are of type 'ai'; expected '(is)'" },
  { "(1, 'x')", "{'k': <2>}", "argument 'k' is of type 'i'; expected 'd'" },
  { "(1, 'x')", "{'k': <2.5>, 'l': <3>}", "argument 'l' is of type 'i'; expected 's'" },
  { "(1, 'x')", "{'j': <2.5>}", "there is no argument 'j'; expected 'k', 'l'" },
  { "(1, 'x')", "{'k': <2.5>, 'j': <2.5>}", "there is no argument 'j'; expected 'k', 'l'" },
};

static void
test_case (gconstpointer data)
{
  const Case *row = data;
  g_autoptr (GVariant) args = support_parse (row->args);
  g_autofree char *typed = g_strconcat ("@a{sv} ", row->kwargs, NULL);
  g_autoptr (GVariant) kwargs = support_parse (typed);
  g_autoptr (GError) error = NULL;
  gint number = -1;
  g_autofree char *text = NULL;
  gdouble k = -1;
  g_autofree char *l = NULL;
  gboolean valid = pcall_parse_args (args, kwargs, &error, "(is)", &number, &text, "k", "d", &k,
                                     "l", "s", &l, NULL);

  g_assert_cmpint (valid, ==, row->message == NULL);
  if (valid)
    {
      g_assert_no_error (error);
      g_assert_cmpstr (text, ==, "x");
      return;
    }
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==, row->message);
  g_assert_cmpint (number, ==, -1);
  g_assert_null (text);
  g_assert_cmpfloat (k, ==, -1);
  g_assert_null (l);
  g_assert_false (pcall_parse_args (args, kwargs, NULL, "(is)", &number, &text, "k", "d", &k, "l",
                                    "s", &l, NULL));
}

static GVariant *
square (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint n;

  if (!pcall_parse_args (args, kwargs, error, "(i)", &n, NULL))
    return NULL;
  return g_variant_new_int32 (n * n);
}

/* In a child: the call has failed, and says what it was given. */
static void
test_in_a_call (void)
{
  g_autoptr (PcallTask) task = support_task (square, 1);
  g_autoptr (GError) error = NULL;

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[<(3,)>, <('three',)>]"));
  support_start (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==, "the arguments are of type '(s)'; expected '(i)'");
  g_assert_cmpint (support_state (task, 1), ==, PCALL_CALL_STATE_FAILED);
  support_assert_result (task, 0, "9");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/parse-args/places", test_places);
  g_test_add_func ("/pcall/parse-args/absent-keywords", test_absent_keywords);
  g_test_add_func ("/pcall/parse-args/no-kwargs", test_no_kwargs);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/parse-args/case/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (path, &cases[i], test_case);
    }
  g_test_add_func ("/pcall/parse-args/in-a-call", test_in_a_call);

  return g_test_run ();
}
