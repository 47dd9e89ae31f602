/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What an error is after it has crossed from one process to another. */

#include <gio/gio.h>
#include <string.h>

#include <pcall-glib/base/pcall-error-private.h>
#include <pcall-glib/pcall-error.h>

static void
test_quark (void)
{
  g_assert_cmpstr (g_quark_to_string (PCALL_ERROR), ==, "pcall-error-quark");
}

static void
test_round_trip (void)
{
  static const struct
  {
    int code;
    const char *message;
  } cases[] = {
    { 0, "" },
    { G_IO_ERROR_NOT_FOUND, "no such file" },
    { -1, "two\nlines" },
    { G_MAXINT32, "\xc3\xa4\xe2\x82\xac" },
    { G_MININT32, "%s%n" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) before = NULL;
      g_autoptr (GError) after = NULL;
      g_autoptr (GVariant) variant = NULL;
      g_autoptr (GVariant) details = NULL;

      before = g_error_new_literal (G_IO_ERROR, cases[i].code, cases[i].message);
      variant = pcall_error_to_variant (before, NULL);
      g_assert_true (g_variant_is_of_type (variant, PCALL_ERROR_VARIANT_TYPE));
      g_assert_false (g_variant_is_floating (variant));

      after = pcall_error_from_variant (variant, &details);
      g_assert_error (after, G_IO_ERROR, cases[i].code);
      g_assert_cmpstr (after->message, ==, cases[i].message);
      g_assert_null (details);
    }
}

/* The details may be floating or not, and the caller may not want them. */
static void
test_details (void)
{
  const char *text = "{'type': <'ValueError'>, 'line': <uint32 12>, 'nested': <{'a': <[1, 2]>}>}";
  g_autoptr (GError) before = g_error_new_literal (PCALL_ERROR, PCALL_ERROR_FAILED, "failed");
  g_autoptr (GVariant) given = g_variant_ref_sink (g_variant_new_parsed (text));

  for (guint floating = 0; floating < 2; floating++)
    {
      g_autoptr (GVariant) variant
          = pcall_error_to_variant (before, floating ? g_variant_new_parsed (text) : given);
      g_autoptr (GVariant) details = NULL;
      g_autoptr (GError) with = pcall_error_from_variant (variant, &details);
      g_autoptr (GError) without = pcall_error_from_variant (variant, NULL);

      g_assert_cmpvariant (details, given);
      g_assert_false (g_variant_is_floating (details));
      g_assert_error (with, PCALL_ERROR, PCALL_ERROR_FAILED);
      g_assert_error (without, PCALL_ERROR, PCALL_ERROR_FAILED);
    }
}

static void
test_not_utf8 (void)
{
  g_autoptr (GError) before = NULL;
  g_autoptr (GError) after = NULL;
  g_autoptr (GVariant) variant = NULL;

  before = g_error_new_literal (g_quark_from_string ("dom\xff"), 7, "caf\xe9 \xff\xfe end");
  variant = pcall_error_to_variant (before, NULL);
  g_assert_true (g_variant_is_normal_form (variant));

  after = pcall_error_from_variant (variant, NULL);
  g_assert_error (after, g_quark_from_string ("dom\xef\xbf\xbd"), 7);
  g_assert_cmpstr (after->message, ==, "caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd end");
}

/* A GError made by hand can be as empty as this. */
static void
test_blank (void)
{
  GError blank = { 0, 5, NULL };
  g_autoptr (GVariant) variant = pcall_error_to_variant (&blank, NULL);
  g_autoptr (GError) after = pcall_error_from_variant (variant, NULL);

  g_assert_error (after, PCALL_ERROR, PCALL_ERROR_FAILED);
  g_assert_cmpstr (after->message, ==, "");
}

static void
test_unknown_domain (void)
{
  g_autofree char *name = g_strdup_printf ("test-unknown-%08x-quark", g_test_rand_int ());
  g_autoptr (GError) after = NULL;
  g_autoptr (GVariant) variant = NULL;

  g_assert_cmpuint (g_quark_try_string (name), ==, 0);

  variant = g_variant_ref_sink (g_variant_new ("(sisa{sv})", name, 3, "odd", NULL));
  after = pcall_error_from_variant (variant, NULL);

  g_assert_cmpstr (g_quark_to_string (after->domain), ==, name);
  g_assert_cmpint (after->code, ==, 3);
  g_assert_cmpstr (after->message, ==, "odd");
}

/* A domain too long to be one must leave no quark behind. */
static void
test_domain_length (void)
{
  static const gsize lengths[] = { 0, 1, 255, 256, 1 << 20 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *name = g_strnfill (lengths[i], 'q');
      g_autoptr (GVariant) variant = NULL;
      g_autoptr (GError) after = NULL;
      gboolean plausible = lengths[i] > 0 && lengths[i] <= 255;

      variant = g_variant_ref_sink (g_variant_new ("(sisa{sv})", name, 3, "why", NULL));
      after = pcall_error_from_variant (variant, NULL);

      if (plausible)
        g_assert_error (after, g_quark_from_string (name), 3);
      else
        g_assert_error (after, PCALL_ERROR, PCALL_ERROR_FAILED);

      g_assert_cmpstr (after->message, ==, "why");
      g_assert_true (plausible == (g_quark_try_string (name) != 0));
    }
}

/* Values that were never checked are no reason to crash either. */
static void
test_not_normal (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20260101);

  for (guint round = 0; round < 10000; round++)
    {
      guint8 data[48];
      gsize length = g_rand_int_range (rand, 0, sizeof data + 1);
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GVariant) variant = NULL;
      g_autoptr (GVariant) details = NULL;
      g_autoptr (GError) error = NULL;

      for (gsize i = 0; i < length; i++)
        data[i] = (g_rand_int (rand) >> 20) & 0x37;

      bytes = g_bytes_new (data, length);
      variant
          = g_variant_ref_sink (g_variant_new_from_bytes (PCALL_ERROR_VARIANT_TYPE, bytes, FALSE));
      error = pcall_error_from_variant (variant, &details);
      g_assert_nonnull (error);
      g_assert_cmpuint (error->domain, !=, 0);
      g_assert_nonnull (error->message);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/error/quark", test_quark);
  g_test_add_func ("/pcall/error/round-trip", test_round_trip);
  g_test_add_func ("/pcall/error/details", test_details);
  g_test_add_func ("/pcall/error/not-utf8", test_not_utf8);
  g_test_add_func ("/pcall/error/blank", test_blank);
  g_test_add_func ("/pcall/error/unknown-domain", test_unknown_domain);
  g_test_add_func ("/pcall/error/domain-length", test_domain_length);
  g_test_add_func ("/pcall/error/not-normal", test_not_normal);

  return g_test_run ();
}
