/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What the tests of arguments share: lists as GVariant text, and the calls that come of them. */

#pragma once

#include <glib.h>

#include <pcall-glib/calls/pcall-arguments-private.h>
#include <pcall-glib/pcall-error.h>

typedef gboolean (*Setter) (PcallArguments *arguments, GVariant *value, GError **error);

#define CARGS pcall_arguments_set_common_args
#define IARGS pcall_arguments_set_instance_args
#define CKWARGS pcall_arguments_set_common_kwargs
#define IKWARGS pcall_arguments_set_instance_kwargs

static inline gboolean
set_x (PcallArguments *arguments, GVariant *values, GError **error)
{
  return pcall_arguments_set_keyword (arguments, "x", values, error);
}

static inline GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static inline GVariant *
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

static inline void
watch_freed (gpointer data)
{
  Watch *watch = data;

  g_clear_pointer (&watch->data, g_free);
  watch->n_freed++;
}

/* A floating value that tells when it is gone. */
static inline GVariant *
parse_watched (const char *text, Watch *watch)
{
  g_autoptr (GVariant) value = parse (text);
  gsize size = g_variant_get_size (value);

  *watch = (Watch){ .data = g_malloc0 (MAX (size, 8)) };
  g_variant_store (value, watch->data);
  return g_variant_new_from_data (g_variant_get_type (value), watch->data, size, TRUE, watch_freed,
                                  watch);
}

static inline void
assert_set (PcallArguments *arguments, Setter set, GVariant *value)
{
  g_autoptr (GError) error = NULL;
  gboolean accepted = set (arguments, value, &error);

  g_assert_no_error (error);
  g_assert_true (accepted);
}

static inline void
assert_set_keyword (PcallArguments *arguments, const char *name, GVariant *values)
{
  g_autoptr (GError) error = NULL;
  gboolean accepted = pcall_arguments_set_keyword (arguments, name, values, &error);

  g_assert_no_error (error);
  g_assert_true (accepted);
}

static inline void
assert_length (PcallArguments *arguments, guint expected)
{
  guint length = G_MAXUINT - 1;

  g_assert_true (pcall_arguments_get_length (arguments, &length));
  g_assert_cmpuint (length, ==, expected);
}

/* In two parts, which are the same when they are put together. */
static inline void
assert_joined (PcallArguments *arguments, guint index, GVariant *args, GVariant *kwargs)
{
  GVariant *common = pcall_arguments_get_common (arguments);
  GVariant *joined_args = pcall_arguments_build_own_args (arguments, index);
  GVariant *joined_kwargs = pcall_arguments_build_own_kwargs (arguments, index);

  g_assert_true (common == pcall_arguments_get_common (arguments));
  if (common != NULL)
    pcall_arguments_join (common, &joined_args, &joined_kwargs);
  g_assert_cmpvariant (joined_args, args);
  g_assert_cmpvariant (joined_kwargs, kwargs);
  g_assert_false (g_variant_is_floating (joined_args) || g_variant_is_floating (joined_kwargs));
  g_variant_unref (joined_args);
  g_variant_unref (joined_kwargs);
}

static inline void
assert_no_length (PcallArguments *arguments)
{
  guint length = 123;

  g_assert_false (pcall_arguments_get_length (arguments, &length));
  g_assert_cmpuint (length, ==, 123);
}

static inline GVariant *
build_call (PcallArguments *arguments, guint index)
{
  g_autoptr (GVariant) args = pcall_arguments_build_args (arguments, index);
  g_autoptr (GVariant) kwargs = pcall_arguments_build_kwargs (arguments, index);

  g_assert_false (g_variant_is_floating (args));
  g_assert_false (g_variant_is_floating (kwargs));
  g_assert_true (g_variant_is_of_type (args, G_VARIANT_TYPE_TUPLE));
  g_assert_true (g_variant_is_of_type (kwargs, G_VARIANT_TYPE_VARDICT));
  assert_joined (arguments, index, args, kwargs);
  return g_variant_ref_sink (g_variant_new ("(@*@*)", args, kwargs));
}

static inline void
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

static inline void
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

static inline void
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

/* clang-format off */
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

static inline void
assert_refused (PcallArguments *arguments, Setter set, GVariant *value, const char *message)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (set (arguments, value, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS);
  g_assert_cmpstr (error->message, ==, message);
}
