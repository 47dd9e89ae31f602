/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-handshake-private.h"

#include <string.h>

#include "pcall-error.h"

/* A handshake between a parent and an agent:
 *
 *   parent → agent   CHALLENGE   version, 32 random bytes
 *   agent → parent   PROOF       version, 32 random bytes, HMAC ("pcall agent", …)
 *   parent → agent   PROOF       version, the parent's random bytes, HMAC ("pcall parent", …)
 *
 * The HMACs are SHA-256's, with the secret as their key, over that word, the agent's version and
 * both rows of random bytes. So the secret never crosses the wire; what was overheard proves
 * nothing in another connection, nor sent back in this one. Each side proves itself, as a worker
 * trusts the frames of its parent, and a parent what is said in its agent's name.
 *
 * From then on the frames of this connection have a nonce that is made of the same, and are
 * numbered from 0. Before, the nonce is 0.
 *
 * A stranger costs the buffer of one frame. A shell that speaks before the agent does is let speak,
 * for a while, and what it said is kept for people to read. */

#define MAGIC "PCL1"
#define MAGIC_SIZE (sizeof MAGIC - 1)

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Always FALSE, for its caller to return. */
static gboolean
refuse (GError    **error,
        const char *format,
        ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_propagate_error (error,
                     g_error_new_valist (PCALL_ERROR, PCALL_ERROR_PROTOCOL, format, arguments));
  va_end (arguments);
  return FALSE;
}

/* Secrets */

void
pcall_secret_to_text (const PcallSecret *self,
                      char               text[PCALL_SECRET_TEXT_SIZE])
{
  for (guint i = 0; i < PCALL_SECRET_SIZE; i++)
    g_snprintf (text + 2 * i, 3, "%02x", self->bytes[i]);
}

gboolean
pcall_secret_from_text (PcallSecret *self,
                        const char  *text)
{
  if (strlen (text) != PCALL_SECRET_TEXT_SIZE - 1)
    return FALSE;
  for (guint i = 0; i < PCALL_SECRET_TEXT_SIZE - 1; i++)
    if (!g_ascii_isxdigit (text[i]))
      return FALSE;

  for (guint i = 0; i < PCALL_SECRET_SIZE; i++)
    self->bytes[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) << 4 |
                               g_ascii_xdigit_value (text[2 * i + 1]));
  return TRUE;
}

/* Proofs */

static void
compute (const PcallHandshake *self,
         const char           *word,
         guint32               version,
         guint8                proof[PCALL_PROOF_SIZE])
{
  gboolean is_parent = self->role == PCALL_ROLE_PARENT;
  GHmac *hmac = g_hmac_new (G_CHECKSUM_SHA256, self->secret.bytes, PCALL_SECRET_SIZE);
  guint32 little = GUINT32_TO_LE (version);
  gsize size = PCALL_PROOF_SIZE;

  g_hmac_update (hmac, (const guchar *) word, strlen (word));
  g_hmac_update (hmac, (const guchar *) &little, sizeof little);
  g_hmac_update (hmac, is_parent ? self->own : self->other, PCALL_RANDOM_SIZE);
  g_hmac_update (hmac, is_parent ? self->other : self->own, PCALL_RANDOM_SIZE);
  g_hmac_get_digest (hmac, proof, &size);
  g_hmac_unref (hmac);
}

static const char *
get_word (PcallRole role)
{
  return role == PCALL_ROLE_PARENT ? "pcall parent" : "pcall agent";
}

/* How long it takes is not to tell how much was right. */
static gboolean
is_proof (const PcallHandshake *self,
          guint32               version,
          const guint8         *bytes)
{
  PcallRole other = self->role == PCALL_ROLE_PARENT ? PCALL_ROLE_AGENT : PCALL_ROLE_PARENT;
  guint8 expected[PCALL_PROOF_SIZE];
  guint8 difference = 0;

  compute (self, get_word (other), version, expected);
  for (guint i = 0; i < PCALL_PROOF_SIZE; i++)
    difference |= expected[i] ^ bytes[i];
  return difference == 0;
}

static void
make_nonce (PcallHandshake *self)
{
  guint8 bytes[PCALL_PROOF_SIZE];
  guint64 nonce;

  compute (self, "pcall nonce", PCALL_REMOTE_VERSION, bytes);
  memcpy (&nonce, bytes, sizeof nonce);
  self->nonce = GUINT64_FROM_BE (nonce);
}

/* Sending */

static void
send (PcallHandshake *self,
      PcallFrameType  type,
      guint32         sequence,
      GVariant       *value)
{
  static const guint8 zeros[8];
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  gsize length = g_variant_get_size (owned);
  PcallFrameHeader header = { .type = type, .sequence = sequence, .length = length };
  guint8 bytes[PCALL_FRAME_HEADER_SIZE];

  g_assert (PCALL_FRAME_HEADER_SIZE + pcall_frame_padded_length (length) <=
            PCALL_HANDSHAKE_FRAME_SIZE);
  pcall_frame_header_encode (&header, bytes);
  g_byte_array_append (self->outgoing, bytes, sizeof bytes);
  g_byte_array_append (self->outgoing, g_variant_get_data (owned), length);
  g_byte_array_append (self->outgoing, zeros, pcall_frame_padded_length (length) - length);
}

static GVariant *
make_bytes (const guint8 *bytes,
            gsize         size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

static void
send_challenge (PcallHandshake *self)
{
  send (self, PCALL_FRAME_CHALLENGE, 0,
        g_variant_new ("(u@ay)", PCALL_REMOTE_VERSION, make_bytes (self->own, PCALL_RANDOM_SIZE)));
}

static void
send_proof (PcallHandshake *self)
{
  guint8 proof[PCALL_PROOF_SIZE];

  compute (self, get_word (self->role), PCALL_REMOTE_VERSION, proof);
  send (self, PCALL_FRAME_PROOF, self->role == PCALL_ROLE_PARENT ? 1 : 0,
        g_variant_new ("(u@ay@ay)", PCALL_REMOTE_VERSION,
                       make_bytes (self->own, PCALL_RANDOM_SIZE),
                       make_bytes (proof, PCALL_PROOF_SIZE)));
}

/* Taking */

static gboolean
get_bytes (GVariant     *tuple,
           guint         position,
           gsize         size,
           guint8       *bytes)
{
  g_autoptr (GVariant) value = g_variant_get_child_value (tuple, position);
  gsize n;
  gconstpointer data = g_variant_get_fixed_array (value, &n, 1);

  if (n != size)
    return FALSE;
  memcpy (bytes, data, n);
  return TRUE;
}

static gboolean
check_version (guint32   version,
               PcallRole other,
               GError  **error)
{
  return version == PCALL_REMOTE_VERSION ||
         refuse (error, "the %s speaks version %u of the protocol between machines, not %u",
                 other == PCALL_ROLE_AGENT ? "agent" : "parent", version, PCALL_REMOTE_VERSION);
}

static gboolean
take_challenge (PcallHandshake *self,
                GVariant       *value,
                GError        **error)
{
  if (!get_bytes (value, 1, PCALL_RANDOM_SIZE, self->other))
    return refuse (error, "the challenge has not %d bytes", PCALL_RANDOM_SIZE);

  /* The parent is told this side's version, and says what is wrong with it. */
  send_proof (self);
  return TRUE;
}

static gboolean
take_proof (PcallHandshake *self,
            GVariant       *value,
            GError        **error)
{
  gboolean is_parent = self->role == PCALL_ROLE_PARENT;
  guint8 random[PCALL_RANDOM_SIZE];
  guint8 proof[PCALL_PROOF_SIZE];
  guint32 version;

  g_variant_get_child (value, 0, "u", &version);
  if (!check_version (version, is_parent ? PCALL_ROLE_AGENT : PCALL_ROLE_PARENT, error))
    return FALSE;
  if (!get_bytes (value, 1, sizeof random, random) || !get_bytes (value, 2, sizeof proof, proof))
    return refuse (error, "the proof has not the size of one");

  if (is_parent)
    memcpy (self->other, random, sizeof random);
  if (!is_proof (self, version, proof))
    return refuse (error, "the proof is wrong: the other side does not know the secret");

  make_nonce (self);
  if (is_parent)
    send_proof (self);
  return TRUE;
}

static GVariant *
decode (PcallHandshake         *self,
        const PcallFrameHeader *header,
        GError                **error)
{
  g_autoptr (GBytes) payload =
      g_bytes_new (self->incoming + PCALL_FRAME_HEADER_SIZE, header->length);

  return pcall_frame_decode_payload (header, payload, error);
}

/* The type of the frame that is to come. */
static PcallFrameType
get_expected (PcallHandshake *self)
{
  return self->role == PCALL_ROLE_AGENT && self->n_received == 0 ? PCALL_FRAME_CHALLENGE
                                                                  : PCALL_FRAME_PROOF;
}

static gboolean
take_frame (PcallHandshake         *self,
            const PcallFrameHeader *header,
            GError                **error)
{
  g_autoptr (GVariant) value = decode (self, header, error);

  if (value == NULL)
    return FALSE;

  self->n_received++;
  self->filled = 0;
  return header->type == PCALL_FRAME_CHALLENGE ? take_challenge (self, value, error)
                                               : take_proof (self, value, error);
}

static gboolean
check_header (PcallHandshake   *self,
              PcallFrameHeader *header,
              GError          **error)
{
  if (!pcall_frame_header_decode (self->incoming, 0, self->n_received, header, error))
    return FALSE;
  if (header->type != get_expected (self) || header->in_memory)
    return refuse (error, "it sent a frame of type %s before it was known",
                   pcall_frame_type_name (header->type));
  return header->length <= PCALL_HANDSHAKE_FRAME_SIZE - PCALL_FRAME_HEADER_SIZE ||
         refuse (error, "it sent %" G_GUINT64_FORMAT " bytes before it was known", header->length);
}

/* FALSE if it cannot be part of a frame. What precedes the first one is noise, where there may be
 * some. */
static gboolean
take_byte (PcallHandshake *self,
           guint8          byte,
           GError        **error)
{
  gboolean may_be_noise = self->noise != NULL && self->n_received == 0;

  if (may_be_noise && self->filled < MAGIC_SIZE && byte != MAGIC[self->filled])
    {
      g_string_append_len (self->noise, (const char *) self->incoming, self->filled);
      self->filled = 0;
      if (byte != MAGIC[0])
        g_string_append_c (self->noise, byte);
      if (self->noise->len > PCALL_HANDSHAKE_MAX_NOISE)
        return refuse (error, "it sent %d bytes of something else", PCALL_HANDSHAKE_MAX_NOISE);
      if (byte != MAGIC[0])
        return TRUE;
    }

  self->incoming[self->filled++] = byte;
  return TRUE;
}

/* Whether that was the last frame. */
static gboolean
is_done (PcallHandshake *self)
{
  return self->n_received == (self->role == PCALL_ROLE_PARENT ? 1 : 2);
}

static gboolean
is_whole (PcallHandshake         *self,
          const PcallFrameHeader *header)
{
  return self->filled >= PCALL_FRAME_HEADER_SIZE &&
         self->filled == PCALL_FRAME_HEADER_SIZE + pcall_frame_padded_length (header->length);
}

PcallHandshakeStatus
pcall_handshake_take (PcallHandshake *self,
                      const guint8   *bytes,
                      gsize           size,
                      GError        **error)
{
  PcallFrameHeader header = { .length = 0 };

  if (self->filled >= PCALL_FRAME_HEADER_SIZE && !check_header (self, &header, error))
    return PCALL_HANDSHAKE_REFUSED;

  for (gsize i = 0; i < size; i++)
    {
      if (!take_byte (self, bytes[i], error))
        return PCALL_HANDSHAKE_REFUSED;
      if (self->filled == PCALL_FRAME_HEADER_SIZE && !check_header (self, &header, error))
        return PCALL_HANDSHAKE_REFUSED;
      if (!is_whole (self, &header))
        continue;
      if (!take_frame (self, &header, error))
        return PCALL_HANDSHAKE_REFUSED;
      if (i + 1 < size)
        {
          refuse (error, "it sent more than it was asked for");
          return PCALL_HANDSHAKE_REFUSED;
        }
    }

  return is_done (self) ? PCALL_HANDSHAKE_DONE : PCALL_HANDSHAKE_MORE;
}

void
pcall_handshake_init (PcallHandshake    *self,
                      PcallRole          role,
                      const PcallSecret *secret,
                      const guint8      *random,
                      gboolean           noisy)
{
  *self = (PcallHandshake) { .role = role, .secret = *secret };
  memcpy (self->own, random, PCALL_RANDOM_SIZE);
  self->outgoing = g_byte_array_new ();
  if (noisy)
    self->noise = g_string_new (NULL);
  if (role == PCALL_ROLE_PARENT)
    send_challenge (self);
}

void
pcall_handshake_clear (PcallHandshake *self)
{
  g_clear_pointer (&self->outgoing, g_byte_array_unref);
  if (self->noise != NULL)
    g_string_free (g_steal_pointer (&self->noise), TRUE);
  explicit_bzero (&self->secret, sizeof self->secret);
}
