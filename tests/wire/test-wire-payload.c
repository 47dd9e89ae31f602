/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Payloads of frames: what a call returned, in either byte order, and what a liar says it did.
 *
 * GLib is the judge: whatever bytes come, pcall_frame_decode_payload() takes them exactly when
 * g_variant_is_normal_form() does, and what it makes of them is what GLib makes of them, in either
 * byte order. assert_agrees() says so, and most tests are a way to come by bytes for it. */

#include <gio/gio.h>
#include <string.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-frame-private.h>

static const struct
{
  PcallFrameType type;
  const char *text;
} samples[] = {
  { PCALL_FRAME_READY, "()" },
  { PCALL_FRAME_RESULT, "<()>" },
  { PCALL_FRAME_RESULT, "<true>" },
  { PCALL_FRAME_RESULT, "<int16 -2>" },
  { PCALL_FRAME_RESULT, "<1.5>" },
  { PCALL_FRAME_RESULT, "<'text'>" },
  { PCALL_FRAME_RESULT, "<<<handle 3>>>" },
  { PCALL_FRAME_RESULT, "<(byte 1, 'a', [int64 3], <int32 4>, @mn 5, @mas nothing)>" },
  { PCALL_FRAME_RESULT, "<{'a': <[1, 2]>, 'bc': <{uint16 1: 'x', 2: 'y'}>}>" },
  { PCALL_FRAME_RESULT, "<[(true, 'a'), (false, 'bc')]>" },
  { PCALL_FRAME_RESULT, "<[<1>, <'2'>, <3.0>]>" },
  { PCALL_FRAME_RESULT, "<[true, false]>" },
  { PCALL_FRAME_RESULT, "<['a', '', 'c']>" },
  { PCALL_FRAME_RESULT, "<@ay []>" },
  { PCALL_FRAME_RESULT, "<@ad []>" },
  { PCALL_FRAME_RESULT, "<[byte 1, 0, 255]>" },
  { PCALL_FRAME_RESULT, "<[int16 -1, 2, 3]>" },
  { PCALL_FRAME_RESULT, "<[uint16 1, 2, 3]>" },
  { PCALL_FRAME_RESULT, "<[int32 -1, 2, 3]>" },
  { PCALL_FRAME_RESULT, "<[uint32 1, 2, 3]>" },
  { PCALL_FRAME_RESULT, "<[int64 -1, 2]>" },
  { PCALL_FRAME_RESULT, "<[uint64 1, 2]>" },
  { PCALL_FRAME_RESULT, "<[handle 1, 2]>" },
  { PCALL_FRAME_RESULT, "<[1.0, -0.0]>" },
  { PCALL_FRAME_RESULT, "<[[1, 2], [], [3]]>" },
  { PCALL_FRAME_ERROR, "('dom', -4, 'message', @a{sv} {})" },
  { PCALL_FRAME_ERROR, "('dom', 4, '', {'type': <'E'>, 'line': <uint64 5>})" },
  { PCALL_FRAME_PROGRESS, "(0.25, 'a quarter')" },
  { PCALL_FRAME_MESSAGE, "<('key', uint32 77)>" },
  { PCALL_FRAME_AGAIN, "uint32 3" },
  { PCALL_FRAME_NOTE, "'two lines were lost'" },
  { PCALL_FRAME_FINAL, "42" },
  { PCALL_FRAME_HELLO, "(1, 4711, @a{sv} {})" },
  { PCALL_FRAME_HELLO, "(1, -1, {'host': <'elsewhere'>})" },
  { PCALL_FRAME_CALL, "('lib.so:add', <(1, 'x', 2.5)>, {'unit': <'ms'>}, '', '')" },
  { PCALL_FRAME_CALL, "('', <()>, @a{sv} {}, '/run/log', '00ff')" },
  { PCALL_FRAME_STOP, "()" },
  { PCALL_FRAME_WAKE, "()" },
  { PCALL_FRAME_WITHDRAW, "int64 -1" },
  { PCALL_FRAME_RETURNED, "()" },
  { PCALL_FRAME_COMMON, "(<(1, 'x', 2.5)>, {'unit': <'ms'>})" },
  { PCALL_FRAME_COMMON, "(<()>, @a{sv} {})" },
  { PCALL_FRAME_JOURNAL, "b'0,5'" },
};

static GVariant *
parse_sample (gsize i)
{
  const GVariantType *type = pcall_frame_payload_type (samples[i].type);
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (type, samples[i].text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static GVariant *
decode (PcallFrameType type, gboolean swapped, GBytes *bytes, GError **error)
{
  PcallFrameHeader header = { .type = type, .swapped = swapped };

  header.length = g_bytes_get_size (bytes);
  return pcall_frame_decode_payload (&header, bytes, error);
}

/* Not g_assert_cmpvariant(): a NaN is not equal to itself. */
static void
assert_same_bytes (GVariant *a, GVariant *b)
{
  g_assert_cmpstr (g_variant_get_type_string (a), ==, g_variant_get_type_string (b));
  g_assert_cmpmem (g_variant_get_data (a), g_variant_get_size (a), g_variant_get_data (b),
                   g_variant_get_size (b));
}

static void
assert_agrees (PcallFrameType type, GBytes *bytes)
{
  gsize length = g_bytes_get_size (bytes);
  g_autofree guint8 *before = g_memdup2 (g_bytes_get_data (bytes, NULL), length);
  g_autoptr (GVariant) judged = g_variant_ref_sink (
      g_variant_new_from_bytes (pcall_frame_payload_type (type), bytes, FALSE));
  gboolean normal = g_variant_is_normal_form (judged);

  for (guint swapped = 0; swapped < 2; swapped++)
    {
      g_autoptr (GVariant) expected
          = swapped ? g_variant_byteswap (judged) : g_variant_ref (judged);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = decode (type, swapped, bytes, &error);

      if (normal)
        {
          g_assert_no_error (error);
          g_assert_false (g_variant_is_floating (value));
          assert_same_bytes (value, expected);
        }
      else
        {
          g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
          g_assert_null (value);
        }
    }

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), length, before, length);
}

static void
assert_agrees_data (PcallFrameType type, gconstpointer data, gsize length)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, length);

  assert_agrees (type, bytes);
}

static void
test_round_trip (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      g_autoptr (GVariant) before = parse_sample (i);
      g_autoptr (GBytes) bytes = g_variant_get_data_as_bytes (before);
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) after = decode (samples[i].type, FALSE, bytes, &error);

      g_assert_no_error (error);
      g_assert_cmpvariant (after, before);
      assert_agrees (samples[i].type, bytes);
    }
}

static const struct
{
  PcallFrameType type;
  const char *data;
  gsize length;
  const char *message;
} bad_payloads[] = {
#define BYTES(string) (string), sizeof (string) - 1
  { PCALL_FRAME_READY, BYTES (""),
    "ready frame's payload is not in normal form: 0 bytes of type \"()\"" },
  { PCALL_FRAME_READY, BYTES ("\1"),
    "ready frame's payload is not in normal form: 1 bytes of type \"()\"" },
  { PCALL_FRAME_FINAL, BYTES ("\1\0\0"),
    "final frame's payload is not in normal form: 3 bytes of type \"i\"" },
  { PCALL_FRAME_PROGRESS, BYTES ("\0\0\0\0\0\0\0\0\xff\0"),
    "progress frame's payload is not in normal form: 10 bytes of type \"(ds)\"" },
  { PCALL_FRAME_ERROR, BYTES ("\0\0\0"),
    "error frame's payload is not in normal form: 3 bytes of type \"(sisa{sv})\"" },
  { PCALL_FRAME_RESULT, BYTES (""), "result frame's payload of 0 bytes has no type string" },
  { PCALL_FRAME_RESULT, BYTES ("iii"), "result frame's payload of 3 bytes has no type string" },
  { PCALL_FRAME_MESSAGE, BYTES ("\0"), "message frame's payload has the bad type string \"\"" },
  { PCALL_FRAME_RESULT, BYTES ("\0ii"), "result frame's payload has the bad type string \"ii\"" },
  { PCALL_FRAME_RESULT, BYTES ("\0a*"), "result frame's payload has the bad type string \"a*\"" },
  { PCALL_FRAME_RESULT, BYTES ("\1\0\n\xff"),
    "result frame's payload has the bad type string \"\\n\\377\"" },
  { PCALL_FRAME_RESULT, BYTES ("\1\2\3\0i"),
    "result frame's payload is not in normal form: 3 bytes of type \"i\"" },
  { PCALL_FRAME_RESULT, BYTES ("\1\2\3\0ai"),
    "result frame's payload is not in normal form: 3 bytes of type \"ai\"" },
  { PCALL_FRAME_RESULT, BYTES ("\2\0b"),
    "result frame's payload is not in normal form: 1 bytes of type \"b\"" },
  { PCALL_FRAME_RESULT, BYTES ("\1\1\0\0\1\0\0\0\0(yi)"),
    "result frame's payload is not in normal form: 8 bytes of type \"(yi)\"" },
  { PCALL_FRAME_RESULT, BYTES ("\xc0\x80\0\0s"),
    "result frame's payload is not in normal form: 3 bytes of type \"s\"" },
  { PCALL_FRAME_RESULT, BYTES ("a\0\3\2\0as"),
    "result frame's payload is not in normal form: 4 bytes of type \"as\"" },
#undef BYTES
};

static void
test_bad_payloads (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_payloads); i++)
    {
      g_autoptr (GBytes) bytes = g_bytes_new (bad_payloads[i].data, bad_payloads[i].length);
      g_autoptr (GError) error = NULL;

      g_assert_null (decode (bad_payloads[i].type, FALSE, bytes, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
      g_assert_cmpstr (error->message, ==, bad_payloads[i].message);
      assert_agrees (bad_payloads[i].type, bytes);
    }
}

static void
test_bad_length (void)
{
  g_autoptr (GBytes) bytes = g_bytes_new ("\1\0y", 3);
  PcallFrameHeader header = { .type = PCALL_FRAME_RESULT, .length = 4 };
  g_autoptr (GError) error = NULL;

  g_assert_null (pcall_frame_decode_payload (&header, bytes, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  g_assert_cmpstr (error->message, ==, "frame payload has 3 bytes, not the 4 that its header says");
}

/* Every type string of up to three of these characters (four in thorough mode), and bodies of
 * several sizes before it. */
static void
test_type_strings (void)
{
  static const char alphabet[] = "ybiusdhvam(){}*?r\xff";
  const guint n = sizeof alphabet - 1;
  const guint last = n + n * n + n * n * n + (g_test_thorough () ? n * n * n * n : 0);

  for (guint number = 0; number <= last; number++)
    {
      guint8 data[16 + 5] = { 0 };
      guint8 *type = data + 16;
      gsize length = 1;

      for (guint rest = number; rest > 0; rest = (rest - 1) / n)
        type[length++] = (guint8) alphabet[(rest - 1) % n];

      for (gsize body = 0; body <= 16; body = body * 2 + (body < 2))
        assert_agrees_data (PCALL_FRAME_RESULT, type - body, body + length);
    }
}

/* As deep as GLib goes, and deeper: in types, and in values. */
static void
test_nesting (void)
{
  for (guint depth = 0; depth < 300; depth++)
    {
      g_autoptr (GString) type = g_string_new_len ("\0", 1);
      g_autoptr (GString) tuple = g_string_new_len ("\1\0", 2);
      g_autoptr (GString) value = g_string_new_len ("\1\0y", 3);

      for (guint i = 0; i < depth; i++)
        {
          g_string_append_c (type, 'a');
          g_string_append_c (tuple, '(');
          g_string_append_len (value, "\0v", 2);
        }

      g_string_append_c (type, 'i');
      g_string_append_c (tuple, 'y');
      for (guint i = 0; i < depth; i++)
        g_string_append_c (tuple, ')');

      assert_agrees_data (PCALL_FRAME_RESULT, type->str, type->len);
      assert_agrees_data (PCALL_FRAME_MESSAGE, tuple->str, tuple->len);
      assert_agrees_data (PCALL_FRAME_RESULT, value->str, value->len);
    }
}

static void
test_long_type_strings (void)
{
  static const char fillers[] = "(ay{m*i\xff";
  const gsize length = 1 << 18;

  for (gsize i = 0; i < sizeof fillers - 1; i++)
    {
      g_autofree char *data = g_strnfill (length, fillers[i]);

      assert_agrees_data (PCALL_FRAME_RESULT, data, length);
      data[0] = '\0';
      assert_agrees_data (PCALL_FRAME_RESULT, data, length);
      data[1] = '(';
      data[length - 1] = ')';
      assert_agrees_data (PCALL_FRAME_RESULT, data, length);
    }
}

/* The error shows only the beginning of it. */
static void
test_long_message (void)
{
  g_autofree char *data = g_strnfill (1 << 20, '\xff');
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  data[0] = '\0';
  bytes = g_bytes_new (data, 1 << 20);
  g_assert_null (decode (PCALL_FRAME_RESULT, FALSE, bytes, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  g_assert_cmpuint (strlen (error->message), <, 400);
}

static void
test_truncations (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      g_autoptr (GVariant) value = parse_sample (i);
      const guint8 *data = g_variant_get_data (value);
      gsize length = g_variant_get_size (value);

      for (gsize from = 0; from <= length; from++)
        {
          assert_agrees_data (samples[i].type, data, from);
          assert_agrees_data (samples[i].type, data + from, length - from);
        }
    }
}

/* Every byte, to every value in thorough mode, else by every bit. */
static void
test_flips (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    {
      g_autoptr (GVariant) value = parse_sample (i);
      gsize length = g_variant_get_size (value);
      g_autofree guint8 *data = g_memdup2 (g_variant_get_data (value), length);

      for (gsize at = 0; at < length; at++)
        for (guint flip = 1; flip < 256; g_test_thorough () ? flip++ : (flip *= 2))
          {
            data[at] ^= flip;
            assert_agrees_data (samples[i].type, data, length);
            data[at] ^= flip;
          }
    }
}

/* A payload may lie anywhere in a buffer, and what is behind it does not matter. */
static void
test_unaligned (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    for (gsize offset = 0; offset < 16; offset++)
      {
        g_autoptr (GVariant) before = parse_sample (i);
        gsize length = g_variant_get_size (before);
        g_autofree guint8 *buffer = g_malloc (offset + length + 8);
        g_autoptr (GBytes) payload = NULL;
        g_autoptr (GVariant) after = NULL;
        g_autoptr (GError) error = NULL;

        memcpy (buffer + offset, g_variant_get_data (before), length);
        memset (buffer + offset + length, 0xa5, 8);
        payload = g_bytes_new_static (buffer + offset, length);
        after = decode (samples[i].type, FALSE, payload, &error);
        g_assert_no_error (error);
        g_assert_cmpvariant (after, before);
        g_assert_true ((g_variant_get_data (after) == buffer + offset) == (offset % 8 == 0));
      }
}

/* Bytes that are mostly small, as offsets are, and often end in a type. */
static void
test_random_payloads (void)
{
  static const char *const types[] = { "ay", "ax", "as", "a{sv}", "v", "(yxs)", "aas", "m(ns)" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (20260103);

  for (guint round = 0; round < 100000; round++)
    {
      PcallFrameType type = g_rand_int_range (rand, PCALL_FRAME_READY, PCALL_FRAME_LAST + 1);
      gsize length = g_rand_int_range (rand, 0, 64);
      guint8 data[64 + 8];

      for (gsize i = 0; i < length; i++)
        data[i] = (guint8) (g_rand_int (rand) >> g_rand_int_range (rand, 24, 32));

      if (g_rand_boolean (rand))
        {
          const char *end = types[g_rand_int_range (rand, 0, G_N_ELEMENTS (types))];

          data[length++] = '\0';
          memcpy (data + length, end, strlen (end));
          length += strlen (end);
        }

      assert_agrees_data (type, data, length);
    }
}

static double
time_decode (gboolean swapped, GBytes *bytes)
{
  double best = G_MAXDOUBLE;

  for (guint i = 0; i < 3; i++)
    {
      gint64 start = g_get_monotonic_time ();
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) value = decode (PCALL_FRAME_RESULT, swapped, bytes, &error);

      g_assert_no_error (error);
      g_assert_nonnull (value);
      best = MIN (best, g_get_monotonic_time () - start);
    }

  return best;
}

/* An array of numbers costs no look at each of them, however large it is, and of the other byte
 * order it costs less than GLib's look. */
static void
test_large_numbers (void)
{
  const gsize length = 16 << 20;
  guint8 *data = g_malloc (length + 3);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) judged = NULL;
  double elapsed = 0;

  memset (data, 0xa5, length);
  memcpy (data + length, "\0ay", 3);
  bytes = g_bytes_new_take (data, length + 3);
  judged = g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE_VARIANT, bytes, FALSE));

  elapsed = g_get_monotonic_time ();
  g_assert_true (g_variant_is_normal_form (judged));
  elapsed = g_get_monotonic_time () - elapsed;

  g_assert_cmpfloat (time_decode (FALSE, bytes), <, elapsed / 10);
  g_assert_cmpfloat (time_decode (TRUE, bytes), <, elapsed);
}

static GBytes *
make_pairs (guint n)
{
  GVariantBuilder builder;
  g_autoptr (GVariant) value = NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(si)"));
  for (guint i = 0; i < n; i++)
    g_variant_builder_add (&builder, "(si)", "x", i);

  value = g_variant_ref_sink (g_variant_new_variant (g_variant_builder_end (&builder)));
  return g_variant_get_data_as_bytes (value);
}

/* Ten times as many take ten times as long, where g_variant_byteswap() takes a hundred. */
static void
test_linear_swap (void)
{
  g_autoptr (GBytes) few = make_pairs (10000);
  g_autoptr (GBytes) many = make_pairs (100000);

  g_assert_cmpfloat (time_decode (TRUE, many), <, 40 * time_decode (TRUE, few));
}

/* AddressSanitizer would rather end the program than let malloc() fail. */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "allocator_may_return_null=1";
}

/* More than there are addresses for: nothing of it is read. */
static void
test_no_memory (void)
{
  const gsize size = (gsize) 3 << (sizeof size == 8 ? 46 : 30);
  g_autoptr (GBytes) bytes = g_bytes_new_static ("", size);
  g_autofree char *expected = g_strdup_printf (
      "frame payload of %" G_GSIZE_FORMAT " bytes needs more memory than there is", size);
  g_autoptr (GError) error = NULL;

  g_assert_null (decode (PCALL_FRAME_RESULT, TRUE, bytes, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  g_assert_cmpstr (error->message, ==, expected);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/wire/payload-round-trip", test_round_trip);
  g_test_add_func ("/pcall/wire/bad-payloads", test_bad_payloads);
  g_test_add_func ("/pcall/wire/bad-payload-length", test_bad_length);
  g_test_add_func ("/pcall/wire/type-strings", test_type_strings);
  g_test_add_func ("/pcall/wire/nesting", test_nesting);
  g_test_add_func ("/pcall/wire/long-type-strings", test_long_type_strings);
  g_test_add_func ("/pcall/wire/long-message", test_long_message);
  g_test_add_func ("/pcall/wire/truncations", test_truncations);
  g_test_add_func ("/pcall/wire/flips", test_flips);
  g_test_add_func ("/pcall/wire/unaligned", test_unaligned);
  g_test_add_func ("/pcall/wire/random-payloads", test_random_payloads);
  g_test_add_func ("/pcall/wire/large-numbers", test_large_numbers);
  g_test_add_func ("/pcall/wire/linear-swap", test_linear_swap);
  g_test_add_func ("/pcall/wire/no-memory", test_no_memory);

  return g_test_run ();
}
