/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Headers of frames: from this machine, from one of the other byte order, and from a liar. */

#include <gio/gio.h>
#include <string.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-frame-private.h>

#define NONCE G_GUINT64_CONSTANT (0x0123456789abcdef)
#define SEQUENCE 7

static void
test_payload_types (void)
{
  for (guint type = PCALL_FRAME_READY; type <= PCALL_FRAME_LAST; type++)
    g_assert_nonnull (pcall_frame_payload_type (type));

  g_assert_null (pcall_frame_payload_type (0));
  g_assert_null (pcall_frame_payload_type (PCALL_FRAME_LAST + 1));
  g_assert_null (pcall_frame_payload_type (G_MAXUINT));
}

static void
test_padded_length (void)
{
  g_assert_cmpuint (pcall_frame_padded_length (0), ==, 0);
  g_assert_cmpuint (pcall_frame_padded_length (1), ==, 8);
  g_assert_cmpuint (pcall_frame_padded_length (8), ==, 8);
  g_assert_cmpuint (pcall_frame_padded_length (9), ==, 16);
  g_assert_cmpuint (pcall_frame_padded_length (PCALL_FRAME_MAX_LENGTH - 1), ==,
                    PCALL_FRAME_MAX_LENGTH);
}

static void
encode_good_header (guint8 bytes[PCALL_FRAME_HEADER_SIZE])
{
  PcallFrameHeader header
      = { PCALL_FRAME_RESULT, FALSE, NONCE, SEQUENCE, 5, PCALL_FRAME_MAX_LENGTH, FALSE, 0 };

  pcall_frame_header_encode (&header, bytes);
}

static void
reverse (guint8 *bytes, guint size)
{
  for (guint i = 0; i < size / 2; i++)
    {
      guint8 byte = bytes[i];

      bytes[i] = bytes[size - 1 - i];
      bytes[size - 1 - i] = byte;
    }
}

static void
make_foreign (guint8 bytes[PCALL_FRAME_HEADER_SIZE])
{
  bytes[5] = bytes[5] == 'l' ? 'B' : 'l';
  reverse (bytes + 8, 8);
  reverse (bytes + 16, 4);
  reverse (bytes + 20, 4);
  reverse (bytes + 24, 8);
}

static gboolean
may_have_handles (PcallFrameType type)
{
  return type == PCALL_FRAME_RESULT || type == PCALL_FRAME_MESSAGE;
}

static void
test_header_round_trip (void)
{
  for (guint type = PCALL_FRAME_READY; type <= PCALL_FRAME_LAST; type++)
    for (guint variety = 0; variety < 8; variety++)
      {
        gboolean foreign = variety & 1;
        PcallFrameHeader header = {
          type, FALSE, NONCE, SEQUENCE, type << 24 | 5, 1 << 20, (variety & 2) != 0,
          variety & 4 && may_have_handles (type) ? PCALL_FRAME_MAX_HANDLES : 0
        };
        PcallFrameHeader seen = { 0 };
        g_autoptr (GError) error = NULL;
        guint8 bytes[PCALL_FRAME_HEADER_SIZE];

        pcall_frame_header_encode (&header, bytes);
        if (foreign)
          make_foreign (bytes);

        g_assert_true (pcall_frame_header_decode (bytes, NONCE, SEQUENCE, &seen, &error));
        g_assert_no_error (error);
        g_assert_cmpint (seen.type, ==, header.type);
        g_assert_cmpint (seen.swapped, ==, foreign);
        g_assert_cmpuint (seen.nonce, ==, NONCE);
        g_assert_cmpuint (seen.sequence, ==, SEQUENCE);
        g_assert_cmpuint (seen.call_index, ==, header.call_index);
        g_assert_cmpuint (seen.length, ==, header.length);
        g_assert_cmpint (seen.in_memory, ==, header.in_memory);
        g_assert_cmpuint (seen.n_handles, ==, header.n_handles);
      }
}

/* Frames by hand, so that the format cannot change unseen: the same ones of both byte orders. */
static void
test_golden (void)
{
  static const guint8 little[]
      = "PCL1\1l\2\0\xef\xcd\xab\x89\x67\x45\x23\1\7\0\0\0\3\2\1\0\40\0\0\0\0\0\0\0"
        "\2\1x\0\0\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0i\20\4\0(qsaxv)";
  static const guint8 big[]
      = "PCL1\1B\2\0\1\x23\x45\x67\x89\xab\xcd\xef\0\0\0\7\0\1\2\3\0\0\0\0\0\0\0\40"
        "\1\2x\0\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0\4\0i\20\4\0(qsaxv)";
  const guint8 *own = G_BYTE_ORDER == G_LITTLE_ENDIAN ? little : big;
  g_autoptr (GVariant) expected
      = g_variant_ref_sink (g_variant_new_parsed ("<(uint16 258, 'x', [int64 3], <int32 4>)>"));
  guint8 encoded[PCALL_FRAME_HEADER_SIZE];

  for (const guint8 *frame = little; frame != NULL; frame = frame == little ? big : NULL)
    {
      PcallFrameHeader header = { 0 };
      g_autoptr (GError) error = NULL;
      g_autoptr (GBytes) bytes = g_bytes_new (frame + PCALL_FRAME_HEADER_SIZE, 32);
      g_autoptr (GVariant) value = NULL;

      g_assert_true (pcall_frame_header_decode (frame, NONCE, SEQUENCE, &header, &error));
      g_assert_no_error (error);
      g_assert_cmpint (header.type, ==, PCALL_FRAME_RESULT);
      g_assert_cmpint (header.swapped, ==, frame != own);
      g_assert_cmphex (header.nonce, ==, NONCE);
      g_assert_cmpuint (header.call_index, ==, 0x10203);
      g_assert_cmpuint (header.length, ==, 32);

      value = pcall_frame_decode_payload (&header, bytes, &error);
      g_assert_no_error (error);
      g_assert_cmpvariant (value, expected);

      pcall_frame_header_encode (&header, encoded);
      g_assert_cmpmem (encoded, sizeof encoded, own, PCALL_FRAME_HEADER_SIZE);
    }
}

typedef struct
{
  const char *path;
  guint offset;
  guint size;
  guint64 number;
  const char *message;
} BadHeader;

static const BadHeader bad_headers[] = {
  { "bad-magic", 0, 4, 0x41414141, "frame magic is 41414141 (\"AAAA\")" },
  { "bad-version", 4, 1, 2, "frame version is 2, not 1" },
  { "bad-byte-order", 5, 1, 'L', "frame byte order is 4c, neither 'l' nor 'B'" },
  { "bad-type/zero", 6, 1, 0, "frame type is 0, which is none" },
  { "bad-type/next", 6, 1, PCALL_FRAME_LAST + 1, "frame type is 30, which is none" },
  { "bad-type/255", 6, 1, 255, "frame type is 255, which is none" },
  { "bad-handles/limit-and-1", 7, 1, 253, "frame has 253 handles, over the limit of 252" },
  { "bad-handles/255", 7, 1, 255, "frame has 255 handles, over the limit of 252" },
  { "bad-nonce", 8, 8, 0xfe, "frame nonce is 00000000000000fe, not that of the task" },
  { "bad-sequence/behind", 16, 4, 6, "frame sequence is 6, not 7" },
  { "bad-sequence/ahead", 16, 4, G_MAXUINT32, "frame sequence is 4294967295, not 7" },
  { "bad-length/limit-and-1", 24, 8, PCALL_FRAME_MAX_LENGTH + 1,
    "frame length 1099511627777 is over the limit of 1099511627776" },
  { "bad-length/2^63", 24, 8, G_GUINT64_CONSTANT (1) << 63,
    "frame length 9223372036854775808 is over the limit of 1099511627776" },
  { "bad-length/2^64-1", 24, 8, G_MAXUINT64,
    "frame length 18446744073709551615 is over the limit of 1099511627776" },
};

static void
put_number (guint8 *bytes, guint size, guint64 number)
{
  guint8 one = (guint8) number;
  guint32 four = (guint32) number;

  memcpy (bytes, size == 1 ? &one : size == 4 ? (gpointer) &four : (gpointer) &number, size);
}

static void
test_bad_header (gconstpointer data)
{
  const BadHeader *bad = data;

  for (guint foreign = 0; foreign < 2; foreign++)
    {
      PcallFrameHeader header = { 0 };
      PcallFrameHeader untouched = { 0 };
      g_autoptr (GError) error = NULL;
      guint8 bytes[PCALL_FRAME_HEADER_SIZE];

      encode_good_header (bytes);
      if (foreign)
        make_foreign (bytes);
      g_assert_true (pcall_frame_header_decode (bytes, NONCE, SEQUENCE, &header, NULL));
      g_assert_cmpuint (header.length, ==, PCALL_FRAME_MAX_LENGTH);

      put_number (bytes + bad->offset, bad->size, bad->number);
      if (foreign && bad->offset >= 8)
        reverse (bytes + bad->offset, bad->size);

      memset (&header, 0xa5, sizeof header);
      memset (&untouched, 0xa5, sizeof untouched);
      g_assert_false (pcall_frame_header_decode (bytes, NONCE, SEQUENCE, &header, &error));
      g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
      g_assert_cmpstr (error->message, ==, bad->message);
      g_assert_cmpmem (&header, sizeof header, &untouched, sizeof untouched);
    }
}

/* Whose frame cannot have any */
static void
test_handles_of_others (void)
{
  for (guint type = PCALL_FRAME_READY; type <= PCALL_FRAME_LAST; type++)
    {
      PcallFrameHeader header = { 0 };
      g_autoptr (GError) error = NULL;
      guint8 bytes[PCALL_FRAME_HEADER_SIZE];

      encode_good_header (bytes);
      bytes[6] = (guint8) type;
      bytes[7] = 1;
      g_assert_cmpint (pcall_frame_header_decode (bytes, NONCE, SEQUENCE, &header, &error), ==,
                       may_have_handles (type));
      if (may_have_handles (type))
        g_assert_cmpuint (header.n_handles, ==, 1);
      else
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
    }
}

/* Only the call index can be anything, and the number of handles almost. */
static void
test_header_flips (void)
{
  guint8 good[PCALL_FRAME_HEADER_SIZE];
  guint8 bytes[PCALL_FRAME_HEADER_SIZE];

  encode_good_header (good);

  for (guint at = 0; at < sizeof bytes; at++)
    for (guint flip = 1; flip < 256; flip++)
      {
        PcallFrameHeader header = { 0 };
        g_autoptr (GError) error = NULL;

        memcpy (bytes, good, sizeof bytes);
        bytes[at] ^= flip;

        if (pcall_frame_header_decode (bytes, NONCE, SEQUENCE, &header, &error))
          {
            g_assert_cmpuint (header.length, <=, PCALL_FRAME_MAX_LENGTH);
            g_assert_true (at == 6 || at == 7 || (at >= 20 && at < 32));
          }
        else
          {
            g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
            g_assert_true (at < 20 || at >= 24);
          }
      }
}

static void
test_random_headers (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20260102);
  guint good = 0;

  for (guint round = 0; round < 100000; round++)
    {
      PcallFrameHeader header = { 0 };
      g_autoptr (GError) error = NULL;
      guint8 bytes[PCALL_FRAME_HEADER_SIZE];

      encode_good_header (bytes);
      for (gsize i = round % 3 == 0 ? 0 : g_rand_int_range (rand, 0, 32); i < sizeof bytes; i++)
        bytes[i] = (guint8) g_rand_int (rand);

      if (pcall_frame_header_decode (bytes, NONCE, SEQUENCE, &header, &error))
        good++;
      else
        g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
    }

  g_assert_cmpuint (good, >, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/wire/payload-types", test_payload_types);
  g_test_add_func ("/pcall/wire/padded-length", test_padded_length);
  g_test_add_func ("/pcall/wire/header-round-trip", test_header_round_trip);
  g_test_add_func ("/pcall/wire/golden", test_golden);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_headers); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/wire/", bad_headers[i].path, NULL);

      g_test_add_data_func (path, &bad_headers[i], test_bad_header);
    }
  g_test_add_func ("/pcall/wire/handles-of-others", test_handles_of_others);
  g_test_add_func ("/pcall/wire/header-flips", test_header_flips);
  g_test_add_func ("/pcall/wire/random-headers", test_random_headers);

  return g_test_run ();
}
