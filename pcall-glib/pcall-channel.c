/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-channel-private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pcall-error.h"

/* Frames over a stream socket.
 *
 * Receiving: bytes go through a buffer on the stack, so that many small frames cost one system
 * call; once a frame is known to be longer than that buffer, they go where they belong. The buffer
 * of a payload grows with what has arrived, at most doubling: a length costs nothing before its
 * bytes are there.
 *
 * A stream and not SEQPACKET: when the other side dies with bytes unread, a SEQPACKET socket
 * reports the reset before the frames that it sent, a stream after them.
 *
 * MSG_DONTWAIT and not O_NONBLOCK: the socket's flags belong to the open file description, and are
 * nobody's to change for the sake of one call. */

#define SCRATCH_SIZE 512
#define FIRST_CAPACITY 65536
#define MAX_FRAMES_SENT 2
#define IOVECS_PER_FRAME 5

static const guint8 zeros[8];

void
pcall_frame_free (PcallFrame *frame)
{
  pcall_payload_unref (frame->payload);
  g_free (frame);
}

static void
queue_push (PcallFrameQueue *self,
            PcallFrame      *frame)
{
  frame->next = NULL;
  if (self->tail != NULL)
    self->tail->next = frame;
  else
    self->head = frame;
  self->tail = frame;
}

PcallFrame *
pcall_frame_queue_pop (PcallFrameQueue *self)
{
  PcallFrame *frame = self->head;

  if (frame == NULL)
    return NULL;

  self->head = frame->next;
  if (self->head == NULL)
    self->tail = NULL;
  return frame;
}

void
pcall_frame_queue_clear (PcallFrameQueue *self)
{
  PcallFrame *frame;

  while ((frame = pcall_frame_queue_pop (self)) != NULL)
    pcall_frame_free (frame);
}

void
pcall_channel_init (PcallChannel *self,
                    int           fd,
                    guint64       nonce)
{
  *self = (PcallChannel) { .fd = fd, .nonce = nonce };
}

void
pcall_channel_clear (PcallChannel *self)
{
  g_clear_pointer (&self->payload, pcall_payload_unref);
  if (self->fd >= 0)
    close (self->fd);
  self->fd = -1;
}

static gboolean
header_is_whole (PcallChannel *self)
{
  return self->header_filled == PCALL_FRAME_HEADER_SIZE;
}

static gboolean
reserve_payload (PcallChannel *self,
                 GError      **error)
{
  gsize wanted = MAX (self->payload_capacity * 2, FIRST_CAPACITY);
  PcallPayload *larger;

  if (self->payload != NULL &&
      (self->payload_filled < self->payload_capacity ||
       self->payload_filled == pcall_frame_padded_length (self->incoming.length)))
    return TRUE;

  wanted = MIN (wanted, pcall_frame_padded_length (self->incoming.length));
  larger = pcall_payload_resize (self->payload, wanted);
  if (larger == NULL)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                   "no memory for %" G_GSIZE_FORMAT " bytes of a frame of %" G_GUINT64_FORMAT,
                   wanted, self->incoming.length);
      return FALSE;
    }

  self->payload = larger;
  self->payload_capacity = wanted;
  return TRUE;
}

/* What is kept is in this machine's byte order. */
static gboolean
check_payload (PcallChannel *self,
               GError      **error)
{
  PcallPayload *payload = self->payload;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) value = NULL;

  if (!self->incoming.swapped &&
      (self->trusts ||
       pcall_frame_is_plain (self->incoming.type, payload->bytes, payload->length)))
    return TRUE;

  bytes = pcall_payload_get_bytes (payload);
  value = pcall_frame_decode_payload (&self->incoming, bytes, error);
  if (value == NULL)
    return FALSE;

  if (self->incoming.swapped)
    {
      g_assert (g_variant_get_size (value) == payload->length);
      memmove (payload->bytes, g_variant_get_data (value), payload->length);
    }
  return TRUE;
}

static gboolean
finish_frame (PcallChannel    *self,
              PcallFrameQueue *frames,
              GError         **error)
{
  PcallFrame *frame;

  self->header_filled = self->payload_filled = self->payload_capacity = 0;
  self->payload->length = self->incoming.length;
  if (!check_payload (self, error))
    return FALSE;

  frame = g_new (PcallFrame, 1);
  frame->type = self->incoming.type;
  frame->call_index = self->incoming.call_index;
  frame->payload = g_steal_pointer (&self->payload);
  queue_push (frames, frame);
  return TRUE;
}

/* Where the next bytes belong, and how many of them. */
static guint8 *
next_place (PcallChannel *self,
            gsize        *size)
{
  if (!header_is_whole (self))
    {
      *size = PCALL_FRAME_HEADER_SIZE - self->header_filled;
      return self->header + self->header_filled;
    }

  *size = self->payload_capacity - self->payload_filled;
  return self->payload->bytes + self->payload_filled;
}

/* @size bytes have been put where next_place() told. */
static gboolean
advance (PcallChannel    *self,
         gsize            size,
         PcallFrameQueue *frames,
         GError         **error)
{
  if (!header_is_whole (self))
    {
      self->header_filled += size;
      if (!header_is_whole (self))
        return TRUE;
      if (!pcall_frame_header_decode (self->header, self->nonce, self->next_received,
                                      &self->incoming, error))
        return FALSE;
      self->next_received++;
    }
  else
    {
      self->payload_filled += size;
    }

  if (!reserve_payload (self, error))
    return FALSE;
  if (self->payload_filled == pcall_frame_padded_length (self->incoming.length))
    return finish_frame (self, frames, error);
  return TRUE;
}

static gboolean
take_bytes (PcallChannel    *self,
            const guint8    *bytes,
            gsize            size,
            PcallFrameQueue *frames,
            GError         **error)
{
  while (size > 0)
    {
      gsize room;
      guint8 *place = next_place (self, &room);
      gsize n = MIN (room, size);

      memcpy (place, bytes, n);
      if (!advance (self, n, frames, error))
        return FALSE;
      bytes += n;
      size -= n;
    }

  return TRUE;
}

/* As recv(); G_MINSSIZE with @error set for what is no frame. @asked is how much there was room
 * for. */
static gssize
receive_some (PcallChannel    *self,
              gsize           *asked,
              PcallFrameQueue *frames,
              GError         **error)
{
  guint8 scratch[SCRATCH_SIZE];
  gsize room = 0;
  guint8 *place = next_place (self, &room);
  gboolean direct = header_is_whole (self) && room >= SCRATCH_SIZE;
  gssize n;

  *asked = direct ? room : SCRATCH_SIZE;
  do
    n = recv (self->fd, direct ? place : scratch, *asked, MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);

  if (n <= 0)
    return n;
  if (direct ? !advance (self, n, frames, error) : !take_bytes (self, scratch, n, frames, error))
    return G_MINSSIZE;
  return n;
}

PcallChannelStatus
pcall_channel_receive (PcallChannel    *self,
                       gsize            budget,
                       PcallFrameQueue *frames,
                       GError         **error)
{
  gsize total = 0;

  while (total < budget)
    {
      gsize asked;
      gssize n = receive_some (self, &asked, frames, error);

      if (n == G_MINSSIZE)
        return PCALL_CHANNEL_BROKEN;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return PCALL_CHANNEL_OPEN;
      /* A reset comes after all that was sent before: it is an end like any other. */
      if (n < 0)
        self->unread = errno == ECONNRESET;
      if (n <= 0)
        return PCALL_CHANNEL_CLOSED;
      total += n;
    }

  return PCALL_CHANNEL_OPEN;
}

gsize
pcall_channel_get_n_waiting (PcallChannel *self)
{
  int n = 0;

  if (self->fd < 0 || ioctl (self->fd, FIONREAD, &n) < 0)
    return 0;
  return n;
}

PcallOutgoing
pcall_outgoing_new (PcallFrameType type,
                    guint32        call_index,
                    GVariant      *value)
{
  gboolean boxed = *g_variant_type_peek_string (pcall_frame_payload_type (type)) == 'v';

  return (PcallOutgoing) {
    .type = type,
    .call_index = call_index,
    .data = g_variant_get_data (value),
    .size = g_variant_get_size (value),
    .boxed_type = boxed ? g_variant_get_type_string (value) : NULL,
  };
}

/* A v is its value, a zero byte and its type string: written as they are, nothing is copied. */
static guint
add_frame (PcallChannel        *self,
           const PcallOutgoing *frame,
           guint8              *header,
           struct iovec        *iovecs)
{
  gsize type_size = frame->boxed_type != NULL ? strlen (frame->boxed_type) : 0;
  PcallFrameHeader fields = {
    .type = frame->type,
    .nonce = self->nonce,
    .sequence = self->next_sent++,
    .call_index = frame->call_index,
    .length = frame->size + (frame->boxed_type != NULL ? 1 + type_size : 0),
  };
  guint n = 0;

  pcall_frame_header_encode (&fields, header);
  iovecs[n++] = (struct iovec) { header, PCALL_FRAME_HEADER_SIZE };
  iovecs[n++] = (struct iovec) { (gpointer) frame->data, frame->size };
  if (frame->boxed_type != NULL)
    iovecs[n++] = (struct iovec) { (gpointer) zeros, 1 };
  if (frame->boxed_type != NULL)
    iovecs[n++] = (struct iovec) { (gpointer) frame->boxed_type, type_size };
  iovecs[n++] = (struct iovec) { (gpointer) zeros,
                                 pcall_frame_padded_length (fields.length) - fields.length };
  return n;
}

static void
skip_sent (struct msghdr *message,
           gsize          sent)
{
  while (message->msg_iovlen > 0 && sent >= message->msg_iov->iov_len)
    {
      sent -= message->msg_iov->iov_len;
      message->msg_iov++;
      message->msg_iovlen--;
    }

  if (message->msg_iovlen > 0)
    {
      message->msg_iov->iov_base = (guint8 *) message->msg_iov->iov_base + sent;
      message->msg_iov->iov_len -= sent;
    }
}

static gboolean
send_all (int            fd,
          struct msghdr *message)
{
  struct pollfd writable = { .fd = fd, .events = POLLOUT };

  while (message->msg_iovlen > 0)
    {
      gssize n = sendmsg (fd, message, MSG_NOSIGNAL);

      if (n >= 0)
        skip_sent (message, n);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        poll (&writable, 1, -1);
      else if (errno != EINTR)
        return FALSE;
    }

  return TRUE;
}

gboolean
pcall_channel_send (PcallChannel        *self,
                    const PcallOutgoing *frames,
                    guint                n_frames)
{
  guint8 headers[MAX_FRAMES_SENT][PCALL_FRAME_HEADER_SIZE];
  struct iovec iovecs[MAX_FRAMES_SENT * IOVECS_PER_FRAME];
  struct msghdr message = { .msg_iov = iovecs };

  g_assert (n_frames <= MAX_FRAMES_SENT);

  for (guint i = 0; i < n_frames; i++)
    message.msg_iovlen += add_frame (self, &frames[i], headers[i], iovecs + message.msg_iovlen);

  return send_all (self->fd, &message);
}

/* Where the parent sends. A parcel owns the value, so that nothing is copied but by the kernel. */
struct _PcallParcel
{
  GVariant     *value;
  guint8        header[PCALL_FRAME_HEADER_SIZE];
  struct iovec  iovecs[IOVECS_PER_FRAME];
  struct msghdr message; /* refers to all of these */
};

PcallParcel *
pcall_parcel_new (PcallChannel  *channel,
                  PcallFrameType type,
                  guint32        call_index,
                  GVariant      *value)
{
  PcallParcel *self = g_new0 (PcallParcel, 1);
  PcallOutgoing frame;

  self->value = g_variant_ref_sink (value);
  frame = pcall_outgoing_new (type, call_index, self->value);
  self->message.msg_iov = self->iovecs;
  self->message.msg_iovlen = add_frame (channel, &frame, self->header, self->iovecs);
  return self;
}

void
pcall_parcel_free (PcallParcel *self)
{
  g_variant_unref (self->value);
  g_free (self);
}

PcallPostStatus
pcall_channel_post (PcallChannel *self,
                    PcallParcel  *parcel)
{
  while (parcel->message.msg_iovlen > 0)
    {
      gssize n = sendmsg (self->fd, &parcel->message, MSG_NOSIGNAL | MSG_DONTWAIT);

      if (n >= 0)
        skip_sent (&parcel->message, n);
      else if (errno == EAGAIN || errno == EWOULDBLOCK)
        return PCALL_POST_MORE;
      else if (errno != EINTR)
        {
          self->unread = TRUE;
          return PCALL_POST_CLOSED;
        }
    }

  return PCALL_POST_DONE;
}

void
pcall_channel_check_unread (PcallChannel *self)
{
  int error = 0;
  socklen_t size = sizeof error;

  if (self->fd >= 0 && getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 &&
      error == ECONNRESET)
    self->unread = TRUE;
}
