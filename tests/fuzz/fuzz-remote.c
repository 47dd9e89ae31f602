/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A libFuzzer target: a stranger at the port where agents are awaited, or in place of a parent; and
 * an agent that is known and lies. No stranger is taken for a friend, what is kept of one is small,
 * and whatever is said is refused with PCALL_ERROR_PROTOCOL, or understood as something. To run it,
 * from the top of the source tree, with a build directory that has made pcall-version.h:
 *
 *   clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -DPCALL_COMPILATION -D_GNU_SOURCE \
 *     -I. -Ibuild -Ipcall-glib tests/fuzz/fuzz-remote.c pcall-glib/wire/pcall-handshake.c \
 *     pcall-glib/wire/pcall-remote.c pcall-glib/wire/pcall-frame.c pcall-glib/wire/pcall-normal.c \
 *     pcall-glib/wire/pcall-number.c pcall-glib/base/pcall-error.c \
 *     pcall-glib/base/pcall-conditions.c \
 *     $(pkg-config --cflags --libs gio-2.0) -o fuzz-remote
 *   mkdir -p corpus && G_SLICE=always-malloc ./fuzz-remote -max_total_time=300 corpus */

#include <gio/gio.h>
#include <string.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-handshake-private.h>
#include <pcall-glib/wire/pcall-remote-private.h>

int LLVMFuzzerInitialize (int *argc, char ***argv);
int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static void
check_error (GError *error)
{
  g_assert (error != NULL && error->domain == PCALL_ERROR && error->code == PCALL_ERROR_PROTOCOL);
  g_assert (g_utf8_validate (error->message, -1, NULL));
}

/* The first byte says whom the stranger meets, and in which pieces it speaks. */
static void
fuzz_handshake (guint8 way, const guint8 *data, gsize size)
{
  static const PcallSecret secret = { "not to be found" };
  static const guint8 random[PCALL_RANDOM_SIZE] = "nor is this to be foretold";
  gsize piece = 1 + (way >> 2);
  PcallHandshakeStatus status = PCALL_HANDSHAKE_MORE;
  PcallHandshake shake;
  g_autoptr (GError) error = NULL;

  pcall_handshake_init (&shake, way & 1 ? PCALL_ROLE_AGENT : PCALL_ROLE_PARENT, &secret, random,
                        (way & 2) != 0);
  for (gsize at = 0; at < size && status == PCALL_HANDSHAKE_MORE; at += piece)
    status = pcall_handshake_take (&shake, data + at, MIN (piece, size - at), &error);

  g_assert (status != PCALL_HANDSHAKE_DONE);
  g_assert (shake.nonce == 0);
  g_assert (shake.outgoing->len <= PCALL_HANDSHAKE_FRAME_SIZE);
  g_assert (shake.noise == NULL || shake.noise->len <= PCALL_HANDSHAKE_MAX_NOISE + 4);
  if (status == PCALL_HANDSHAKE_REFUSED)
    check_error (error);
  pcall_handshake_clear (&shake);
}

static void
use_value (PcallFrameType type, GVariant *value)
{
  PcallRemoteHello hello;
  PcallRemoteLaunch launch;
  PcallRemoteExit told;

  if (type == PCALL_FRAME_HELLO)
    {
      pcall_remote_hello_from_variant (&hello, value);
      g_assert (hello.pid >= 0 && hello.host != NULL);
      pcall_remote_hello_clear (&hello);
    }
  else if (type == PCALL_FRAME_LAUNCH)
    {
      pcall_remote_launch_from_variant (&launch, value);
      g_assert (launch.argv != NULL && launch.environment != NULL && launch.conditions != NULL);
      pcall_remote_launch_clear (&launch);
    }
  else
    {
      pcall_remote_exit_from_variant (&told, value);
      g_assert (told.complaint == NULL || *told.complaint != '\0');
      g_assert (told.exit.usage.ru_maxrss >= 0);
      pcall_remote_exit_clear (&told);
    }
}

static void
fuzz_payload (guint8 way, const guint8 *data, gsize size)
{
  static const PcallFrameType types[] = { PCALL_FRAME_HELLO, PCALL_FRAME_LAUNCH, PCALL_FRAME_EXIT };
  PcallFrameHeader header = { .type = types[way % G_N_ELEMENTS (types)], .length = size };
  g_autoptr (GBytes) payload = g_bytes_new (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value = NULL;

  header.swapped = (way & 128) != 0;
  value = pcall_frame_decode_payload (&header, payload, &error);
  if (value != NULL)
    use_value (header.type, value);
  else
    check_error (error);
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
  if (size < 2)
    return 0;

  if (data[0] & 1)
    fuzz_handshake (data[1], data + 2, size - 2);
  else
    fuzz_payload (data[1], data + 2, size - 2);
  return 0;
}
