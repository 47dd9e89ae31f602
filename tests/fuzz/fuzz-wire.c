/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A libFuzzer target: a frame from a liar, header and payload. Any of them is decoded or refused
 * with PCALL_ERROR_PROTOCOL, and GLib must be of the same opinion. To run it, from the top of the
 * source tree, with a build directory that has made pcall-version.h:
 *
 *   clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -DPCALL_COMPILATION -D_GNU_SOURCE \
 *     -I. -Ibuild -Ibuild/pcall-glib -Ipcall-glib tests/fuzz/fuzz-wire.c \
 *     pcall-glib/wire/pcall-frame.c pcall-glib/wire/pcall-normal.c \
 *     pcall-glib/wire/pcall-number.c pcall-glib/base/pcall-error.c \
 *     $(pkg-config --cflags --libs gio-2.0) -o fuzz-wire
 *   mkdir -p corpus && G_SLICE=always-malloc ./fuzz-wire -max_total_time=300 corpus
 *
 * It finds the more if GLib itself is built with -fsanitize=fuzzer-no-link,address,undefined and
 * linked statically, as then it sees the branches and the bounds of GVariant too. */

#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>

#include <pcall-glib/base/pcall-error-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-frame-private.h>

#define MAX_PAYLOAD 65536

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

/* Copies the payload to the end of a page that no readable page follows: GLib, too, must not read
 * past it, also where no sanitizer looks over its shoulder. Alignment may leave up to 7 bytes. */
static GBytes *
guard (const guint8 *payload, gsize length)
{
  static guint8 *end;
  guint8 *start;

  if (end == NULL)
    {
      start = mmap (NULL, 2 * MAX_PAYLOAD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                    0);
      g_assert (start != MAP_FAILED);
      end = start + MAX_PAYLOAD;
      g_assert (mprotect (end, MAX_PAYLOAD, PROT_NONE) == 0);
    }

  start = end - pcall_frame_padded_length (length);
  memcpy (start, payload, length);
  return g_bytes_new_static (start, length);
}

static void
check_error (GError *error)
{
  g_assert (error != NULL && error->domain == PCALL_ERROR && error->code == PCALL_ERROR_PROTOCOL);
  g_assert (g_utf8_validate (error->message, -1, NULL));
}

/* What a header holds, and what is written of it, are the same. */
static void
fuzz_header (const guint8 *bytes)
{
  PcallFrameHeader header = { 0 };
  PcallFrameHeader again = { 0 };
  g_autoptr (GError) error = NULL;
  guint8 encoded[PCALL_FRAME_HEADER_SIZE];

  if (!pcall_frame_header_decode (bytes, 0, 0, &header, &error))
    {
      check_error (error);
      return;
    }

  g_assert (header.length <= PCALL_FRAME_MAX_LENGTH);
  g_assert (pcall_frame_payload_type (header.type) != NULL);

  pcall_frame_header_encode (&header, encoded);
  g_assert (header.swapped || memcmp (encoded, bytes, sizeof encoded) == 0);
  g_assert (pcall_frame_header_decode (encoded, 0, 0, &again, NULL));
  again.swapped = header.swapped;
  g_assert (memcmp (&header, &again, sizeof header) == 0);
}

static void
use_value (GVariant *value)
{
  g_autofree char *text = g_variant_print (value, TRUE);

  g_assert (text != NULL);

  if (g_variant_is_of_type (value, PCALL_ERROR_VARIANT_TYPE))
    {
      g_autoptr (GVariant) details = NULL;
      g_autoptr (GError) error = pcall_error_from_variant (value, &details);
      g_autoptr (GVariant) back = pcall_error_to_variant (error, details);

      g_assert (g_variant_is_normal_form (back));
    }
}

static void
fuzz_payload (PcallFrameType type, gboolean swapped, GBytes *payload)
{
  PcallFrameHeader header = { .type = type, .swapped = swapped };
  g_autoptr (GVariant) judged = g_variant_ref_sink (
      g_variant_new_from_bytes (pcall_frame_payload_type (type), payload, FALSE));
  g_autoptr (GVariant) expected = NULL;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GError) error = NULL;

  header.length = g_bytes_get_size (payload);
  value = pcall_frame_decode_payload (&header, payload, &error);
  g_assert ((value != NULL) == g_variant_is_normal_form (judged));

  if (value == NULL)
    {
      check_error (error);
      return;
    }

  expected = swapped ? g_variant_byteswap (judged) : g_variant_ref (judged);
  g_assert (g_variant_get_size (value) == g_variant_get_size (expected));
  g_assert (
      memcmp (g_variant_get_data (value), g_variant_get_data (expected), g_variant_get_size (value))
      == 0);
  use_value (value);
}

int
LLVMFuzzerInitialize (int *argc G_GNUC_UNUSED, char ***argv G_GNUC_UNUSED)
{
  g_log_set_always_fatal (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_FATAL_MASK);
  return 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (GBytes) payload = NULL;
  PcallFrameType type;

  if (size < PCALL_FRAME_HEADER_SIZE || size - PCALL_FRAME_HEADER_SIZE > MAX_PAYLOAD)
    return 0;

  fuzz_header (data);

  /* Of each header, also of a bad one, take the type and the byte order: there is more to find in
   * a payload than in whether a nonce was guessed. */
  type = PCALL_FRAME_READY + (data[6] + PCALL_FRAME_LAST - PCALL_FRAME_READY) % PCALL_FRAME_LAST;
  payload = guard (data + PCALL_FRAME_HEADER_SIZE, size - PCALL_FRAME_HEADER_SIZE);
  fuzz_payload (type, data[5] == 'B', payload);
  return 0;
}
