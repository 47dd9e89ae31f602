/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include "wire/pcall-descriptors-private.h"
#include "wire/pcall-payload-private.h"
#include "wire/pcall-frame-private.h"

G_BEGIN_DECLS

/* A connected stream socket that carries frames. The parent's side receives, and posts, without
 * ever blocking; the child's side sends and may block. An agent may have two pipes in its place. */
typedef struct
{
  int              fd;
  int              out_fd; /* what is written to, where that is another; else 0 */
  guint64          nonce;
  guint32          next_sent;
  guint32          next_received;
  guint8           header[PCALL_FRAME_HEADER_SIZE];
  gsize            header_filled;
  PcallFrameHeader incoming; /* once the header is whole */
  PcallPayload    *payload;
  gsize            payload_filled;
  gsize            payload_capacity;
  gint64           since;       /* when it began to come, if it is large; 0: it is not */
  PcallDescriptors descriptors; /* that came with the beginning of the next header */
  GUnixFDList     *handles;     /* of the incoming frame */
  guint64          n_received;  /* bytes, in all */
  guint64          n_posted;    /* bytes, in all */
  gsize            memory_received; /* bytes beside these, since it was looked at */
  gboolean         unread; /* the other side is gone, and had not read all that it was sent */
  gboolean         complete; /* it is gone, and all that it sent has come */
  gboolean         sealed;   /* so it is said behind that, which is true of any way here */
  gboolean         trusts; /* the other side, which is our parent, to send values in normal form */
  gboolean         attaches; /* large payloads as memory, to what it sends */
  gboolean         keeps_memory; /* in which payloads come, for who passes them on */
  int              memory;   /* such of the incoming frame; 0: none */
} PcallChannel;

/* A frame that came. */
typedef struct _PcallFrame PcallFrame;

struct _PcallFrame
{
  PcallFrame    *next;
  PcallFrameType type;
  guint32        call_index;
  PcallPayload  *payload; /* in normal form, of the type that the frame type tells */
  GUnixFDList   *handles; /* NULL if there are none */
  gint64         since;   /* when it began to come, by the monotonic clock; 0: it is small */
  int            memory;  /* that holds the payload, too, where that is kept; 0: none */
};

void pcall_frame_free (PcallFrame *frame);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallFrame, pcall_frame_free)

typedef struct
{
  PcallFrame *head;
  PcallFrame *tail;
} PcallFrameQueue;

/* NULL if the queue is empty. */
PcallFrame *pcall_frame_queue_pop   (PcallFrameQueue *self);
void        pcall_frame_queue_clear (PcallFrameQueue *self);

/* A frame to be sent: bytes, and, for a v that holds them, their type. */
typedef struct
{
  PcallFrameType type;
  guint32        call_index;
  gconstpointer  data;
  gsize          size;
  const char    *boxed_type; /* NULL if the frame has no v, or the data has it all */
  GUnixFDList   *handles;    /* NULL for none */
  int            memory;     /* that holds the whole payload, too; 0 for none */
} PcallOutgoing;

/* Whether it can only go over a socket. */
static inline gboolean
pcall_outgoing_is_attached (const PcallOutgoing *frame)
{
  return frame->handles != NULL || frame->memory != 0;
}

/* What holds of @value, which must stay as long as the frame. */
PcallOutgoing pcall_outgoing_new (PcallFrameType type,
                                  guint32        call_index,
                                  GVariant      *value);

typedef enum
{
  PCALL_CHANNEL_OPEN,   /* nothing more to read now, or enough for once */
  PCALL_CHANNEL_CLOSED, /* the other side has closed */
  PCALL_CHANNEL_BROKEN, /* what came is not a frame of this task: error is set */
} PcallChannelStatus;

/* Takes @fd. */
void pcall_channel_init  (PcallChannel *self,
                          int           fd,
                          guint64       nonce);
/* Takes two descriptors of any kind: one to read from, one to write to. Writing to a pipe that
 * nobody reads must not be deadly. */
void pcall_channel_init_pipes (PcallChannel *self,
                               int           in_fd,
                               int           out_fd,
                               guint64       nonce);
/* Closes the socket and forgets what came of an unfinished frame. */
void pcall_channel_clear (PcallChannel *self);

/* Reads what there is, @budget bytes at the most, those of attached memory included once they came,
 * and appends each frame that became whole to @frames. */
PcallChannelStatus pcall_channel_receive (PcallChannel    *self,
                                          gsize            budget,
                                          PcallFrameQueue *frames,
                                          GError         **error);

/* What is written behind all that a sender has sent, when it is gone, whole or not. No payload can
 * look like it, and it completes no frame that was being sent over @out_fd. */
#define PCALL_CHANNEL_SEAL_SIZE 16
void pcall_channel_make_seal (const PcallChannel *self,
                              guint8              seal[PCALL_CHANNEL_SEAL_SIZE]);

/* The number of bytes that lie in the socket. */
gsize pcall_channel_get_n_waiting (PcallChannel *self);

/* A frame on its way, as far as it has been sent. */
typedef struct _PcallParcel PcallParcel;

/* Sinks @value. Parcels are to be posted in the order in which they were made. */
PcallParcel *pcall_parcel_new  (PcallChannel  *channel,
                                PcallFrameType type,
                                guint32        call_index,
                                GVariant      *value);
void         pcall_parcel_free (PcallParcel   *self);

typedef enum
{
  PCALL_POST_DONE,
  PCALL_POST_MORE,   /* the rest can be sent when the socket is writable again */
  PCALL_POST_CLOSED, /* the other side is gone */
} PcallPostStatus;

/* Sends what can be sent of a parcel without blocking. */
PcallPostStatus pcall_channel_post (PcallChannel *self,
                                    PcallParcel  *parcel);

/* The process at the other side is gone: looks whether it has not read all. */
void pcall_channel_check_unread (PcallChannel *self);

/* Sends frames in one go, blocking as long as needed. Handles go with the first one only. FALSE
 * with errno set where the other side is gone; ETOOMANYREFS where it is not, but handles cannot be
 * sent, and nothing was. */
gboolean pcall_channel_send (PcallChannel        *self,
                             const PcallOutgoing *frames,
                             guint                n_frames);

G_END_DECLS
