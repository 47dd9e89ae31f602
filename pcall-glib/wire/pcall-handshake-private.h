/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include "wire/pcall-frame-private.h"

G_BEGIN_DECLS

/* How a parent and an agent on another machine come to trust each other: see pcall-handshake.c.
 * Bytes in, bytes out; nothing here touches a descriptor. */

/* The version of what parent and agent say to each other, beside frames of workers. */
#define PCALL_REMOTE_VERSION 4

#define PCALL_SECRET_SIZE 16
#define PCALL_SECRET_TEXT_SIZE (2 * PCALL_SECRET_SIZE + 1)
#define PCALL_RANDOM_SIZE 32
#define PCALL_PROOF_SIZE 32

/* The longest frame of a handshake, and so all that is kept of a stranger. */
#define PCALL_HANDSHAKE_FRAME_SIZE (PCALL_FRAME_HEADER_SIZE + 72)

/* How much may come before the first frame, where a shell speaks first. */
#define PCALL_HANDSHAKE_MAX_NOISE (64 * 1024)

/* What both know, and nobody else. */
typedef struct
{
  guint8 bytes[PCALL_SECRET_SIZE];
} PcallSecret;

/* As hexadecimal digits. */
void     pcall_secret_to_text   (const PcallSecret *self,
                                 char               text[PCALL_SECRET_TEXT_SIZE]);
/* FALSE if @text is anything else. */
gboolean pcall_secret_from_text (PcallSecret       *self,
                                 const char        *text);

typedef enum
{
  PCALL_ROLE_PARENT,
  PCALL_ROLE_AGENT,
} PcallRole;

typedef enum
{
  PCALL_HANDSHAKE_MORE,    /* more has to come */
  PCALL_HANDSHAKE_DONE,    /* the other side knows the secret: frames with the nonce follow */
  PCALL_HANDSHAKE_REFUSED, /* it is a stranger, or one that is not understood: error is set */
} PcallHandshakeStatus;

typedef struct
{
  PcallRole   role;
  PcallSecret secret;
  guint8      own[PCALL_RANDOM_SIZE];   /* random bytes: this side's, and the other's */
  guint8      other[PCALL_RANDOM_SIZE];
  guint8      incoming[PCALL_HANDSHAKE_FRAME_SIZE];
  gsize       filled;
  guint       n_received; /* whole frames */
  GString    *noise;      /* NULL: there is to be none */
  GByteArray *outgoing;   /* what is to be sent, for the caller to take */
  guint64     nonce;      /* of the connection, once it is done */
} PcallHandshake;

/* @random: PCALL_RANDOM_SIZE bytes that were never used. @noisy: something else than frames may
 * come first. The parent has something to send at once. */
void pcall_handshake_init  (PcallHandshake    *self,
                            PcallRole          role,
                            const PcallSecret *secret,
                            const guint8      *random,
                            gboolean           noisy);
/* The secret is wiped. */
void pcall_handshake_clear (PcallHandshake    *self);

/* Takes what came, and adds to @outgoing. Neither side sends anything behind its last frame before
 * it has heard the other's, so whatever follows a frame is refused. */
PcallHandshakeStatus pcall_handshake_take (PcallHandshake *self,
                                           const guint8   *bytes,
                                           gsize           size,
                                           GError        **error);

G_END_DECLS
