/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Frames: what a child and its parent say to each other, as bytes. No descriptor, no pointer and
 * no undeclared byte order is in them, so that a worker on another machine can speak the same. What
 * a transport can attach besides, it attaches to the first byte of a frame; where it cannot, all
 * payloads follow, and there are no handles.
 *
 *   offset size
 *        0    4  magic "PCL1"
 *        4    1  version (1)
 *        5    1  byte order of what follows, of header and payload: 'l' or 'B', as in D-Bus
 *        6    1  type, a PcallFrameType; plus 128 where the payload does not follow, but is the
 *                memory that is attached to the frame: one GVariant without any padding
 *        7    1  number of handles, which are attached to the frame, after that memory
 *        8    8  nonce of the task: frames of anything else are refused
 *       16    4  sequence: 0, 1, 2 … in each direction, wrapping
 *       20    4  index of the call that the frame is about
 *       24    8  length of the payload, without its padding
 *       32       payload: one GVariant, of the type that the frame type tells; then zeros to a
 *                multiple of 8, so that each header and each payload is aligned as GVariant needs
 */
#define PCALL_FRAME_HEADER_SIZE 32

/* The version, in every header, and in what a worker says of itself. */
#define PCALL_FRAME_VERSION 1

/* A payload cannot be longer than this. It bounds arithmetic, not memory: memory is taken as
 * bytes arrive, never on the word of a header. */
#define PCALL_FRAME_MAX_LENGTH (G_GUINT64_CONSTANT (1) << 40)

/* How many handles a frame has at the most: one less than the kernel attaches to a message. */
#define PCALL_FRAME_MAX_HANDLES 252

typedef enum
{
  PCALL_FRAME_READY = 1, /* (): the child may be told to go; nothing of the user's ran yet */
  PCALL_FRAME_RESULT,    /* v: the call returned this */
  PCALL_FRAME_ERROR,     /* (sisa{sv}): the call failed, see pcall_error_to_variant() */
  PCALL_FRAME_PROGRESS,  /* (ds): fraction and text */
  PCALL_FRAME_MESSAGE,   /* v: what the call sent with pcall_send_message() */
  PCALL_FRAME_FINAL,     /* i: no frame follows, and the child ends with this exit status */
  PCALL_FRAME_AGAIN,     /* u: make another child for the call, by this PcallLogRoute;
                            nothing ran */
  PCALL_FRAME_NOTE,      /* s: what is to be said of the call's log */
  PCALL_FRAME_HELLO,     /* (uia{sv}): a worker is there: its version, its pid, what it knows */
  PCALL_FRAME_CALL,      /* (sva{sv}ss): to a worker: run this name with these arguments (a tuple)
                            and keyword arguments, and write into this log file, if not empty,
                            with this key */
  PCALL_FRAME_STOP,      /* (): to a worker: there are no more calls */
  PCALL_FRAME_WAKE,      /* (): there is something in the memory that child and parent share */

  /* Between a parent and an agent on another machine, which starts workers there and passes their
   * frames on; see pcall-remote-private.h. */
  PCALL_FRAME_CHALLENGE, /* (uay): to an agent: prove that you know the secret */
  PCALL_FRAME_PROOF,     /* (uayay): each to the other: version, random bytes, proof */
  PCALL_FRAME_LAUNCH,    /* (aayaaya{sv}): to an agent: start a worker: command line (none: pcall's
                            own program), what its environment has besides, conditions */
  PCALL_FRAME_TERMINATE, /* x: to an agent: end the worker, with so many microseconds of grace */
  PCALL_FRAME_BEGUN,     /* (): the worker is handed the call */
  PCALL_FRAME_LOG,       /* ay: what the call has written since the last of these */
  PCALL_FRAME_OUT,       /* ay: the same of its standard output, where that is to be apart */
  PCALL_FRAME_CLOSED,    /* (): the worker has closed its channel, and may go on */
  PCALL_FRAME_UNABLE,    /* s: no worker could be started, and why */
  PCALL_FRAME_EXIT,      /* (bixttts): the worker has ended, see PcallRemoteExit */
  PCALL_FRAME_PING,      /* (): are you there? */
  PCALL_FRAME_PONG,      /* (): I am */
  PCALL_FRAME_LEAVING,   /* (): the agent has been told to end, and takes no more calls */
  PCALL_FRAME_WITHDRAW,  /* x: to an agent: send the call back if it has not begun; else end it,
                            with so many microseconds of grace, if that is not negative */
  PCALL_FRAME_RETURNED,  /* (): the call has not begun, and will not begin there */

  PCALL_FRAME_COMMON,    /* (va{sv}): to a worker that has said that it knows them: arguments and
                            keyword arguments that all calls from now on have besides their own */
  PCALL_FRAME_JOURNAL,   /* ay: what the worker has in its journal, when the call is over */
  PCALL_FRAME_LAST = PCALL_FRAME_JOURNAL,
} PcallFrameType;

typedef struct
{
  PcallFrameType type;
  gboolean       swapped; /* decoded only: the payload has the other byte order than this machine */
  guint64        nonce;
  guint32        sequence;
  guint32        call_index;
  guint64        length;
  gboolean       in_memory; /* the payload is attached */
  guint8         n_handles; /* that are attached */
} PcallFrameHeader;

/* The length with padding. @length is at most PCALL_FRAME_MAX_LENGTH. */
static inline guint64
pcall_frame_padded_length (guint64 length)
{
  return (length + 7) & ~G_GUINT64_CONSTANT (7);
}

/* The type of the payload of a frame of type @type; NULL if there is no such frame. */
const GVariantType *pcall_frame_payload_type (PcallFrameType type);

/* What such a frame is called in messages; the type must be one of those above. */
const char *pcall_frame_type_name (PcallFrameType type);

/* Writes @header, in this machine's byte order. */
void pcall_frame_header_encode (const PcallFrameHeader *header,
                                guint8                  bytes[PCALL_FRAME_HEADER_SIZE]);

/* Reads a header and checks magic, version, byte order, type, the number of handles, which results
 * and messages alone may have, @nonce, @sequence and that the length is at most
 * PCALL_FRAME_MAX_LENGTH; PCALL_ERROR_PROTOCOL says which of them is wrong.
 * @header is untouched on failure. */
gboolean pcall_frame_header_decode (const guint8      bytes[PCALL_FRAME_HEADER_SIZE],
                                    guint64           nonce,
                                    guint32           sequence,
                                    PcallFrameHeader *header,
                                    GError          **error);

/* Whether a payload of @length bytes for a frame of @type is known at a glance to be of the right
 * type and in normal form, in either byte order, as numbers, arrays of numbers, and the tuple of an
 * array of bytes are. */
gboolean pcall_frame_is_plain (PcallFrameType type,
                               const guint8  *bytes,
                               gsize          length);

/* The value that @payload, header->length bytes, holds: of the type that the frame type tells, in
 * normal form and in this machine's byte order. A full reference, not floating. It refers to
 * @payload's memory if that is 8-aligned and of this byte order, else to a copy. Anything else, and
 * no memory for that copy, is PCALL_ERROR_PROTOCOL. It takes time linear in the length. */
GVariant *pcall_frame_decode_payload (const PcallFrameHeader *header,
                                      GBytes                 *payload,
                                      GError                **error);

G_END_DECLS
