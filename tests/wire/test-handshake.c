/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The handshake of a parent and an agent, as bytes: between those who know the secret, and with
 * strangers, liars and shells. */

#include <gio/gio.h>
#include <string.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-handshake-private.h>

#define PROOF_PAYLOAD 69
#define VERSION_AT PCALL_FRAME_HEADER_SIZE

typedef struct
{
  PcallHandshake parent;
  PcallHandshake agent;
} Pair;

static void
start (PcallHandshake *self, PcallRole role, guint8 secret, guint8 random, gboolean noisy)
{
  PcallSecret bytes;
  guint8 own[PCALL_RANDOM_SIZE];

  memset (bytes.bytes, secret, sizeof bytes.bytes);
  memset (own, random, sizeof own);
  pcall_handshake_init (self, role, &bytes, own, noisy);
}

static void
pair_init (Pair *self, guint8 parents_secret, guint8 agents_secret)
{
  start (&self->parent, PCALL_ROLE_PARENT, parents_secret, 3, FALSE);
  start (&self->agent, PCALL_ROLE_AGENT, agents_secret, 4, FALSE);
}

static void
pair_clear (Pair *self)
{
  pcall_handshake_clear (&self->parent);
  pcall_handshake_clear (&self->agent);
}

/* What it has to send. */
static GByteArray *
take_outgoing (PcallHandshake *self)
{
  GByteArray *bytes = self->outgoing;

  self->outgoing = g_byte_array_new ();
  return bytes;
}

static PcallHandshakeStatus
take (PcallHandshake *self, const guint8 *bytes, gsize size, gsize piece)
{
  g_autoptr (GError) error = NULL;
  PcallHandshakeStatus status = PCALL_HANDSHAKE_MORE;

  for (gsize at = 0; at < size; at += piece)
    {
      g_assert_cmpint (status, ==, PCALL_HANDSHAKE_MORE);
      status = pcall_handshake_take (self, bytes + at, MIN (piece, size - at), &error);
      g_assert_no_error (error);
    }
  return status;
}

static PcallHandshakeStatus
pass (PcallHandshake *from, PcallHandshake *to, gsize piece)
{
  g_autoptr (GByteArray) bytes = take_outgoing (from);

  g_assert_cmpuint (bytes->len, >, 0);
  return take (to, bytes->data, bytes->len, piece);
}

static void
assert_refused (PcallHandshake *self, const guint8 *bytes, gsize size, const char *pattern)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (pcall_handshake_take (self, bytes, size, &error), ==, PCALL_HANDSHAKE_REFUSED);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  if (!g_pattern_match_simple (pattern, error->message))
    g_error ("'%s' is not %s", error->message, pattern);
}

static void
refuse_all (PcallHandshake *from, PcallHandshake *to, const char *pattern)
{
  g_autoptr (GByteArray) bytes = take_outgoing (from);

  assert_refused (to, bytes->data, bytes->len, pattern);
}

/* The agent's proof, which the parent is to take next. */
static GByteArray *
get_proof (Pair *pair)
{
  g_assert_cmpint (pass (&pair->parent, &pair->agent, G_MAXINT), ==, PCALL_HANDSHAKE_MORE);
  return take_outgoing (&pair->agent);
}

static guint64
shake (guint8 secret, guint8 random, gsize piece)
{
  Pair pair;
  guint64 nonce;

  start (&pair.parent, PCALL_ROLE_PARENT, secret, random, FALSE);
  start (&pair.agent, PCALL_ROLE_AGENT, secret, 4, FALSE);
  g_assert_cmpint (pass (&pair.parent, &pair.agent, piece), ==, PCALL_HANDSHAKE_MORE);
  g_assert_cmpint (pass (&pair.agent, &pair.parent, piece), ==, PCALL_HANDSHAKE_DONE);
  g_assert_cmpint (pass (&pair.parent, &pair.agent, piece), ==, PCALL_HANDSHAKE_DONE);
  g_assert_cmpuint (pair.agent.outgoing->len, ==, 0);
  g_assert_cmpuint (pair.parent.nonce, ==, pair.agent.nonce);
  nonce = pair.parent.nonce;
  pair_clear (&pair);
  return nonce;
}

/* Whatever the pieces in which it comes; and each connection has a nonce of its own. */
static void
test_friends (void)
{
  for (gsize piece = 1; piece < 120; piece++)
    g_assert_cmpuint (shake (1, 3, piece), ==, shake (1, 3, G_MAXINT));
  g_assert_cmpuint (shake (1, 5, 7), !=, shake (1, 3, 7));
  g_assert_cmpuint (shake (2, 3, 7), !=, shake (1, 3, 7));
}

static void
test_wrong_agent (void)
{
  Pair pair;

  pair_init (&pair, 1, 2);
  g_assert_cmpint (pass (&pair.parent, &pair.agent, 1), ==, PCALL_HANDSHAKE_MORE);
  refuse_all (&pair.agent, &pair.parent, "the proof is wrong: *");
  g_assert_cmpuint (pair.parent.outgoing->len, ==, 0);
  g_assert_cmpuint (pair.parent.nonce, ==, 0);
  pair_clear (&pair);
}

/* A parent that takes any proof for right has to have one of its own. */
static void
test_wrong_parent (void)
{
  Pair pair, other;
  g_autoptr (GByteArray) proof = NULL;

  pair_init (&pair, 1, 1);
  pair_init (&other, 2, 2);
  proof = get_proof (&pair);
  g_byte_array_unref (get_proof (&other));
  g_assert_cmpint (take (&pair.parent, proof->data, proof->len, 9), ==, PCALL_HANDSHAKE_DONE);
  refuse_all (&pair.parent, &other.agent, "the proof is wrong: *");
  pair_clear (&pair);
  pair_clear (&other);
}

static void
test_replayed (void)
{
  Pair pair;
  PcallHandshake later;
  g_autoptr (GByteArray) proof = NULL;

  pair_init (&pair, 1, 1);
  proof = get_proof (&pair);
  start (&later, PCALL_ROLE_PARENT, 1, 9, FALSE);
  assert_refused (&later, proof->data, proof->len, "the proof is wrong: *");
  pcall_handshake_clear (&later);
  pair_clear (&pair);
}

/* What one said is no proof of the other. */
static void
test_reflected (void)
{
  Pair pair;
  PcallHandshake other;
  g_autoptr (GByteArray) proof = NULL;
  g_autoptr (GByteArray) answer = NULL;

  pair_init (&pair, 1, 1);
  proof = get_proof (&pair);
  proof->data[16] = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 1 : 0; /* the sequence of a parent's */
  proof->data[19] = G_BYTE_ORDER == G_LITTLE_ENDIAN ? 0 : 1;
  assert_refused (&pair.agent, proof->data, proof->len, "the proof is wrong: *");
  pair_clear (&pair);

  pair_init (&pair, 1, 1);
  g_byte_array_unref (take_outgoing (&pair.parent));
  start (&other, PCALL_ROLE_PARENT, 1, 3, FALSE);
  answer = take_outgoing (&other);
  assert_refused (&pair.parent, answer->data, answer->len, "*of type challenge before*");
  pcall_handshake_clear (&other);
  pair_clear (&pair);
}

static void
test_other_version (void)
{
  Pair pair;
  g_autoptr (GByteArray) proof = NULL;
  guint32 version = 77;

  pair_init (&pair, 1, 1);
  proof = get_proof (&pair);
  memcpy (proof->data + VERSION_AT, &version, sizeof version);
  assert_refused (&pair.parent, proof->data, proof->len, "the agent speaks version 77 *, not 4");
  pair_clear (&pair);
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

/* As the same frame is written on a machine of the other byte order. */
static void
make_foreign (GByteArray *frame)
{
  frame->data[5] = frame->data[5] == 'l' ? 'B' : 'l';
  reverse (frame->data + 8, 8);
  reverse (frame->data + 16, 4);
  reverse (frame->data + 20, 4);
  reverse (frame->data + 24, 8);
  reverse (frame->data + VERSION_AT, 4);
}

static void
test_other_byte_order (void)
{
  Pair pair;
  g_autoptr (GByteArray) challenge = NULL;
  g_autoptr (GByteArray) proof = NULL;
  g_autoptr (GByteArray) answer = NULL;

  pair_init (&pair, 1, 1);
  challenge = take_outgoing (&pair.parent);
  make_foreign (challenge);
  g_assert_cmpint (take (&pair.agent, challenge->data, challenge->len, 5), ==,
                   PCALL_HANDSHAKE_MORE);
  proof = take_outgoing (&pair.agent);
  make_foreign (proof);
  g_assert_cmpint (take (&pair.parent, proof->data, proof->len, 5), ==, PCALL_HANDSHAKE_DONE);
  answer = take_outgoing (&pair.parent);
  make_foreign (answer);
  g_assert_cmpint (take (&pair.agent, answer->data, answer->len, 5), ==, PCALL_HANDSHAKE_DONE);
  g_assert_cmpuint (pair.parent.nonce, ==, pair.agent.nonce);
  pair_clear (&pair);
}

/* The index of a call says nothing here, nor does the padding; all else does. */
static void
test_flips (void)
{
  for (guint at = 0; at < PCALL_FRAME_HEADER_SIZE + PROOF_PAYLOAD; at++)
    for (guint bit = 0; bit < 8; bit++)
      {
        Pair pair;
        g_autoptr (GByteArray) proof = NULL;
        g_autoptr (GError) error = NULL;
        PcallHandshakeStatus status;

        pair_init (&pair, 1, 1);
        proof = get_proof (&pair);
        proof->data[at] ^= 1 << bit;
        status = pcall_handshake_take (&pair.parent, proof->data, proof->len, &error);
        g_assert_cmpint (status == PCALL_HANDSHAKE_DONE, ==, at >= 20 && at < 24);
        if (status == PCALL_HANDSHAKE_REFUSED)
          g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
        pair_clear (&pair);
      }
}

static void
test_cut_off (void)
{
  Pair pair;
  g_autoptr (GByteArray) proof = NULL;

  pair_init (&pair, 1, 1);
  proof = get_proof (&pair);
  g_assert_cmpint (take (&pair.parent, proof->data, proof->len - 1, 10), ==, PCALL_HANDSHAKE_MORE);
  g_assert_cmpuint (pair.parent.outgoing->len, ==, 0);
  g_assert_cmpint (take (&pair.parent, proof->data + proof->len - 1, 1, 1), ==,
                   PCALL_HANDSHAKE_DONE);
  pair_clear (&pair);
}

static void
test_eager (void)
{
  Pair pair;
  g_autoptr (GByteArray) proof = NULL;

  pair_init (&pair, 1, 1);
  proof = get_proof (&pair);
  g_byte_array_append (proof, (const guint8 *) "P", 1);
  assert_refused (&pair.parent, proof->data, proof->len, "it sent more than it was asked for");
  pair_clear (&pair);
}

/* Headers of what a stranger may not send. */
static const struct
{
  PcallFrameType type;
  guint64 length;
  gboolean in_memory;
  const char *message;
} bad_frames[] = {
  { PCALL_FRAME_HELLO, 16, FALSE, "it sent a frame of type hello before it was known" },
  { PCALL_FRAME_CHALLENGE, 36, FALSE, "it sent a frame of type challenge before it was known" },
  { PCALL_FRAME_RESULT, 16, FALSE, "it sent a frame of type result before it was known" },
  { PCALL_FRAME_PROOF, PROOF_PAYLOAD, TRUE, "it sent a frame of type proof before it was known" },
  { PCALL_FRAME_PROOF, 73, FALSE, "it sent 73 bytes before it was known" },
  { PCALL_FRAME_PROOF, 4096, FALSE, "it sent 4096 bytes before it was known" },
  { PCALL_FRAME_PROOF, PCALL_FRAME_MAX_LENGTH, FALSE, "it sent * bytes before it was known" },
  { PCALL_FRAME_PROOF, PCALL_FRAME_MAX_LENGTH + 1, FALSE, "frame length * is over the limit *" },
};

static void
test_bad_frames (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_frames); i++)
    {
      PcallFrameHeader header = { .type = bad_frames[i].type,
                                  .length = bad_frames[i].length,
                                  .in_memory = bad_frames[i].in_memory };
      guint8 bytes[PCALL_FRAME_HEADER_SIZE];
      PcallHandshake parent;

      pcall_frame_header_encode (&header, bytes);
      start (&parent, PCALL_ROLE_PARENT, 1, 3, FALSE);
      assert_refused (&parent, bytes, sizeof bytes, bad_frames[i].message);
      pcall_handshake_clear (&parent);
    }
}

static const char * const noises[] = {
  "", "Welcome to node1\n", "P", "PC", "PCL", "PPCLPCPCL", "PCLPCL",
  "PCL2\n", "\xff\xfe", "xP", "last login: PCL\n",
};

static void
test_noise (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (noises); i++)
    for (gsize piece = 1; piece < 12; piece++)
      {
        Pair pair;
        g_autoptr (GByteArray) proof = NULL;

        start (&pair.parent, PCALL_ROLE_PARENT, 1, 3, TRUE);
        start (&pair.agent, PCALL_ROLE_AGENT, 1, 4, FALSE);
        proof = get_proof (&pair);
        g_byte_array_prepend (proof, (const guint8 *) noises[i], strlen (noises[i]));
        g_assert_cmpint (take (&pair.parent, proof->data, proof->len, piece), ==,
                         PCALL_HANDSHAKE_DONE);
        g_assert_cmpstr (pair.parent.noise->str, ==, noises[i]);
        pair_clear (&pair);
      }
}

static void
test_noise_without_end (void)
{
  g_autofree guint8 *noise = g_malloc (PCALL_HANDSHAKE_MAX_NOISE + 1);
  PcallHandshake parent;

  memset (noise, 'x', PCALL_HANDSHAKE_MAX_NOISE + 1);
  start (&parent, PCALL_ROLE_PARENT, 1, 3, TRUE);
  g_assert_cmpint (take (&parent, noise, PCALL_HANDSHAKE_MAX_NOISE, 4096), ==,
                   PCALL_HANDSHAKE_MORE);
  assert_refused (&parent, noise, 1, "it sent 65536 bytes of something else");
  pcall_handshake_clear (&parent);

  /* Where nobody else speaks it is none at all. */
  start (&parent, PCALL_ROLE_PARENT, 1, 3, FALSE);
  assert_refused (&parent, noise, PCALL_FRAME_HEADER_SIZE, "frame magic is *");
  pcall_handshake_clear (&parent);
}

static const char * const bad_secrets[] = {
  "",
  "0011",
  "00112233445566778899aabbccddeef",
  "00112233445566778899aabbccddeeff0",
  "00112233445566778899aabbccddeefg",
  "00112233445566778899aabbccddee f",
};

static void
test_secrets (void)
{
  const char *text = "00112233445566778899aabbccddeeff";
  char again[PCALL_SECRET_TEXT_SIZE];
  PcallSecret secret = { { 0 } };

  g_assert_true (pcall_secret_from_text (&secret, text));
  g_assert_cmpuint (secret.bytes[0], ==, 0);
  g_assert_cmpuint (secret.bytes[15], ==, 255);
  pcall_secret_to_text (&secret, again);
  g_assert_cmpstr (again, ==, text);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_secrets); i++)
    g_assert_false (pcall_secret_from_text (&secret, bad_secrets[i]));
}

/* It never crosses the wire. */
static void
test_secret_is_kept (void)
{
  Pair pair;
  g_autoptr (GByteArray) challenge = NULL;
  g_autoptr (GByteArray) proof = NULL;
  guint8 secret[PCALL_SECRET_SIZE];

  memset (secret, 1, sizeof secret);
  pair_init (&pair, 1, 1);
  challenge = take_outgoing (&pair.parent);
  g_assert_cmpint (take (&pair.agent, challenge->data, challenge->len, 50), ==,
                   PCALL_HANDSHAKE_MORE);
  proof = take_outgoing (&pair.agent);
  g_assert_null (memmem (challenge->data, challenge->len, secret, sizeof secret));
  g_assert_null (memmem (proof->data, proof->len, secret, sizeof secret));
  pair_clear (&pair);
  memset (secret, 0, sizeof secret);
  g_assert_cmpmem (&pair.parent.secret, sizeof secret, secret, sizeof secret);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/handshake/friends", test_friends);
  g_test_add_func ("/pcall/handshake/wrong-agent", test_wrong_agent);
  g_test_add_func ("/pcall/handshake/wrong-parent", test_wrong_parent);
  g_test_add_func ("/pcall/handshake/replayed", test_replayed);
  g_test_add_func ("/pcall/handshake/reflected", test_reflected);
  g_test_add_func ("/pcall/handshake/other-version", test_other_version);
  g_test_add_func ("/pcall/handshake/other-byte-order", test_other_byte_order);
  g_test_add_func ("/pcall/handshake/flips", test_flips);
  g_test_add_func ("/pcall/handshake/cut-off", test_cut_off);
  g_test_add_func ("/pcall/handshake/eager", test_eager);
  g_test_add_func ("/pcall/handshake/bad-frames", test_bad_frames);
  g_test_add_func ("/pcall/handshake/noise", test_noise);
  g_test_add_func ("/pcall/handshake/noise-without-end", test_noise_without_end);
  g_test_add_func ("/pcall/handshake/secrets", test_secrets);
  g_test_add_func ("/pcall/handshake/secret-is-kept", test_secret_is_kept);

  return g_test_run ();
}
