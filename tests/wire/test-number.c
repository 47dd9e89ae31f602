/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which values are single numbers, and that each of them is the same number again: out of a value,
 * out of the bytes of a v, and back. */

#include <string.h>

#include <gio/gio.h>

#include <pcall-glib/wire/pcall-number-private.h>

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static GBytes *
box (GVariant *value)
{
  g_autoptr (GVariant) boxed = g_variant_ref_sink (g_variant_new_variant (value));

  return g_variant_get_data_as_bytes (boxed);
}

static const char *const numbers[] = {
  "byte 0",           "byte 255",
  "int16 -32768",     "int16 32767",
  "uint16 0",         "uint16 65535",
  "int32 0",          "int32 -2147483648",
  "uint32 4294967295", "handle 7",
  "int64 -9223372036854775808", "uint64 18446744073709551615",
  "-0.0",             "1.5",
};

static void
assert_bits (const PcallNumber *number, GVariant *value)
{
  guint8 expected[8] = { 0 };

  g_assert_cmpint (number->type, ==, g_variant_get_type_string (value)[0]);
  g_variant_store (value, expected);
  g_assert_cmpmem (&number->bits, 8, expected, 8);
}

static void
assert_back (const PcallNumber *number, GVariant *value)
{
  g_autoptr (GVariant) back = pcall_number_to_value (number);

  g_assert_false (g_variant_is_floating (back));
  g_assert_cmpvariant (back, value);
}

static void
test_numbers (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      g_autoptr (GVariant) value = parse (numbers[i]);
      g_autoptr (GBytes) boxed = box (value);
      gsize length;
      const guint8 *bytes = g_bytes_get_data (boxed, &length);
      PcallNumber from_value, from_box;

      memset (&from_value, 0xff, sizeof from_value);
      memset (&from_box, 0xff, sizeof from_box);
      g_assert_true (pcall_number_from_value (&from_value, value));
      g_assert_true (pcall_number_from_box (&from_box, bytes, length));
      assert_bits (&from_value, value);
      assert_bits (&from_box, value);
      assert_back (&from_value, value);
    }
}

/* A NaN is not equal to itself, but has its bits. */
static void
test_nan (void)
{
  guint64 bits = G_GUINT64_CONSTANT (0x7ff8000000001234);
  gdouble real;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) back = NULL;
  PcallNumber number;

  memcpy (&real, &bits, sizeof real);
  value = g_variant_ref_sink (g_variant_new_double (real));
  g_assert_true (pcall_number_from_value (&number, value));
  g_assert_cmpuint (number.bits, ==, bits);
  back = pcall_number_to_value (&number);
  g_assert_cmpmem (g_variant_get_data (back), 8, &bits, 8);
}

/* As a value of its own, and in a v. What was there before is as it was. */
static void
test_others (void)
{
  static const char *const others[] = {
    "true", "'a'", "''", "()", "(1,)", "[1]", "@ai []", "@ay [1]", "<1>", "@mi 1", "@mi nothing",
    "@mx 1", "objectpath '/'", "signature 'i'", "{1, 2}", "(byte 1, byte 2)",
  };

  for (gsize i = 0; i < G_N_ELEMENTS (others); i++)
    {
      g_autoptr (GVariant) value = parse (others[i]);
      g_autoptr (GBytes) boxed = box (value);
      gsize length;
      const guint8 *bytes = g_bytes_get_data (boxed, &length);
      PcallNumber number = { 42, 'x' };

      g_assert_false (pcall_number_from_value (&number, value));
      g_assert_false (pcall_number_from_box (&number, bytes, length));
      g_assert_cmpuint (number.bits, ==, 42);
      g_assert_cmpint (number.type, ==, 'x');
    }
}

/* Bytes that are no v with a number in it, however a child came by them. */
static void
test_bad_boxes (void)
{
  static const struct
  {
    const char *bytes;
    gsize length;
  } rows[] = {
    { "", 0 },
    { "y", 1 },
    { "\0y", 2 },
    { "1\1y", 3 },           /* no zero */
    { "12\0y", 4 },          /* a byte too many */
    { "1\0n", 3 },           /* one too few */
    { "1234\0x", 6 },
    { "12345678\0i", 10 },
    { "12345678\0d\0", 11 }, /* no type at the end */
    { "1234\0Z", 6 },
    { "12345678\0X", 10 },   /* not a type of GVariant */
    { "1\0b", 3 },
    { "1234\0(i)", 8 },
    { "1234\0\0", 6 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      /* Not a byte beside them is looked at: sanitizers would say so. */
      g_autofree guint8 *copy = g_memdup2 (rows[i].bytes, rows[i].length);
      PcallNumber number = { 42, 'x' };

      if (pcall_number_from_box (&number, copy, rows[i].length))
        g_error ("row %" G_GSIZE_FORMAT " is taken for a number", i);
      g_assert_cmpuint (number.bits, ==, 42);
      g_assert_cmpint (number.type, ==, 'x');
    }
}

/* Those of other languages are values that are told from GVariant's own. */
static void
test_foreign (void)
{
  static const gdouble half = 0.5;
  static const struct
  {
    char type;
    guint64 bits;
    const char *value;
  } rows[] = {
    { PCALL_NUMBER_INT, 5, "@mx 5" },
    { PCALL_NUMBER_INT, G_MAXUINT64, "@mx -1" },
    { PCALL_NUMBER_TRUTH, 0, "@mb false" },
    { PCALL_NUMBER_TRUTH, 1, "@mb true" },
    { PCALL_NUMBER_TRUTH, PCALL_NUMBER_NOTHING, "@mb nothing" },
  };
  PcallNumber real = { 0, PCALL_NUMBER_DOUBLE };
  g_autoptr (GVariant) expected = parse ("@md 0.5");

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      PcallNumber number = { rows[i].bits, rows[i].type };
      g_autoptr (GVariant) value = parse (rows[i].value);

      assert_back (&number, value);
    }
  memcpy (&real.bits, &half, sizeof half);
  assert_back (&real, expected);
}

static void
test_types (void)
{
  for (guint type = 0; type < 256; type++)
    {
      gboolean plain = type != '\0' && strchr ("ynqiuhxtd", type) != NULL;
      gboolean foreign = type != '\0' && strchr ("XDB", type) != NULL;

      g_assert_cmpint (pcall_number_is_known ((char) type), ==, plain || foreign);
      g_assert_cmpint (pcall_number_get_size ((char) type) > 0, ==, plain);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/number/numbers", test_numbers);
  g_test_add_func ("/pcall/number/nan", test_nan);
  g_test_add_func ("/pcall/number/others", test_others);
  g_test_add_func ("/pcall/number/bad-boxes", test_bad_boxes);
  g_test_add_func ("/pcall/number/foreign", test_foreign);
  g_test_add_func ("/pcall/number/types", test_types);

  return g_test_run ();
}
