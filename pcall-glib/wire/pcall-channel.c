/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-channel-private.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"
#include "pcall-error.h"
#include "wire/pcall-memory-private.h"

/* Frames over a stream socket: receiving them. For sending see pcall-channel-send.c.
 *
 * Bytes go through a buffer on the stack, so that many small frames cost one system call; once a
 * frame is known to be longer than that buffer, they go where they belong. The buffer of a payload
 * grows with what has arrived, at most doubling: a length costs nothing before its bytes are there.
 *
 * A stream and not SEQPACKET: when the other side dies with bytes unread, a SEQPACKET socket
 * reports the reset before the frames that it sent, a stream after them.
 *
 * A large payload comes as sealed memory that is attached to its header, and is mapped. So it costs
 * the sender one copy, and the receiver none. Descriptors that no frame asks for are refused.
 *
 * MSG_DONTWAIT and not O_NONBLOCK: the socket's flags belong to the open file description, and are
 * nobody's to change for the sake of one call. */

#define SEAL_MAGIC "PCL seal"
#define SCRATCH_SIZE 512
#define FIRST_CAPACITY 65536

void
pcall_frame_free (PcallFrame *frame)
{
  pcall_payload_unref (frame->payload);
  g_clear_object (&frame->handles);
  if (frame->memory > 0)
    close (frame->memory);
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

PCALL_CHILD_CODE void
pcall_channel_init (PcallChannel *self,
                    int           fd,
                    guint64       nonce)
{
  *self = (PcallChannel) { .fd = fd, .nonce = nonce };
}

void
pcall_channel_init_pipes (PcallChannel *self,
                          int           in_fd,
                          int           out_fd,
                          guint64       nonce)
{
  pcall_channel_init (self, in_fd, nonce);
  self->out_fd = out_fd;
}

void
pcall_channel_clear (PcallChannel *self)
{
  g_clear_pointer (&self->payload, pcall_payload_unref);
  g_clear_object (&self->handles);
  pcall_descriptors_clear (&self->descriptors);
  if (self->memory > 0)
    close (self->memory);
  self->memory = 0;
  if (self->fd >= 0)
    close (self->fd);
  if (self->out_fd > 0)
    close (self->out_fd);
  self->fd = -1;
  self->out_fd = 0;
}

static gboolean
header_is_whole (PcallChannel *self)
{
  return self->header_filled == PCALL_FRAME_HEADER_SIZE;
}

/* The nonce is nobody's but of the two sides. */
void
pcall_channel_make_seal (const PcallChannel *self,
                         guint8              seal[PCALL_CHANNEL_SEAL_SIZE])
{
  guint64 nonce = GUINT64_TO_BE (self->nonce);

  G_STATIC_ASSERT (sizeof SEAL_MAGIC - 1 + sizeof nonce == PCALL_CHANNEL_SEAL_SIZE);
  memcpy (seal, SEAL_MAGIC, sizeof SEAL_MAGIC - 1);
  memcpy (seal + sizeof SEAL_MAGIC - 1, &nonce, sizeof nonce);
}

/* It stands where the next frame would, or in one that was cut off. */
static gboolean
has_seal (PcallChannel *self)
{
  gboolean in_header = !header_is_whole (self);
  const guint8 *bytes = in_header ? self->header : self->payload->bytes;
  gsize filled = in_header ? self->header_filled : self->payload_filled;
  guint8 seal[PCALL_CHANNEL_SEAL_SIZE];

  pcall_channel_make_seal (self, seal);
  return filled >= sizeof seal && memcmp (bytes + filled - sizeof seal, seal, sizeof seal) == 0;
}

static gboolean
reserve_payload (PcallChannel *self,
                 GError      **error)
{
  guint64 wanted = MAX ((guint64) self->payload_capacity * 2, FIRST_CAPACITY);
  PcallPayload *larger;

  if (self->payload != NULL &&
      (self->payload_filled < self->payload_capacity ||
       self->payload_filled == pcall_frame_padded_length (self->incoming.length)))
    return TRUE;

  wanted = MIN (wanted, pcall_frame_padded_length (self->incoming.length));
  larger = wanted <= G_MAXSSIZE ? pcall_payload_resize (self->payload, wanted) : NULL;
  if (larger == NULL)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                   "no memory for %" G_GUINT64_FORMAT " bytes of a frame of %" G_GUINT64_FORMAT,
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
       pcall_frame_is_plain (self->incoming.type, pcall_payload_get_data (payload),
                             payload->length)))
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
  frame->handles = g_steal_pointer (&self->handles);
  frame->since = self->since;
  frame->memory = self->memory;
  self->memory = 0;
  queue_push (frames, frame);
  return TRUE;
}

/* What has the other byte order is swapped in its place, so that has to be ours. */
static gboolean
take_memory (PcallChannel *self,
             GError      **error)
{
  int fd = pcall_descriptors_pop (&self->descriptors);

  self->payload =
      pcall_memory_receive (fd, self->incoming.length, self->incoming.swapped, error);
  if (self->payload != NULL && self->keeps_memory && !self->incoming.swapped && fd > 0)
    self->memory = fd;
  else
    close (fd);
  if (self->payload == NULL)
    return FALSE;

  self->payload_filled = pcall_frame_padded_length (self->incoming.length);
  self->memory_received += self->incoming.length;
  return TRUE;
}

/* What the header says to be attached. */
static gboolean
take_attachments (PcallChannel *self,
                  GError      **error)
{
  guint n_handles = self->incoming.n_handles;
  guint n = n_handles + (self->incoming.in_memory ? 1 : 0);

  if (n == 0)
    return TRUE;
  if (self->descriptors.n_first != n)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                   "%s frame should have come with %u descriptors, and came with %u",
                   pcall_frame_type_name (self->incoming.type), n, self->descriptors.n_first);
      return FALSE;
    }

  if (self->incoming.in_memory && !take_memory (self, error))
    return FALSE;
  if (n_handles > 0)
    self->handles = pcall_descriptors_pop_list (&self->descriptors, n_handles);
  return TRUE;
}

/* All that came is read: descriptors that are left belong to one header that is not whole. */
static gboolean
check_unclaimed (PcallChannel *self,
                 GError      **error)
{
  gboolean in_header = self->header_filled > 0 && !header_is_whole (self);

  if (self->descriptors.n == (in_header ? self->descriptors.n_first : 0))
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                       "descriptors came that no frame has asked for");
  return FALSE;
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
      self->since = self->incoming.length >= FIRST_CAPACITY ? g_get_monotonic_time () : 0;
      if (!take_attachments (self, error))
        return FALSE;
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

/* As recv(), with what is attached; G_MINSSIZE with @error set where that did not all come. */
static gssize
receive_message (PcallChannel *self,
                 guint8       *bytes,
                 GError      **error)
{
  PcallControl control;
  struct iovec iovec = { bytes, SCRATCH_SIZE };
  struct msghdr message = {
    .msg_iov = &iovec,
    .msg_iovlen = 1,
    .msg_control = control.bytes,
    .msg_controllen = sizeof control.bytes,
  };
  gssize n = recvmsg (self->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  if (n > 0 && !pcall_descriptors_receive (&self->descriptors, &message, error))
    return G_MINSSIZE;
  return n;
}

/* As recv() with MSG_DONTWAIT. The pipe is not this process's alone, and stays as it is: so it is
 * asked first. */
static gssize
read_pipe (PcallChannel *self,
           guint8       *bytes,
           gsize         size)
{
  struct pollfd readable = { .fd = self->fd, .events = POLLIN };

  if (poll (&readable, 1, 0) > 0)
    return read (self->fd, bytes, size);
  errno = EAGAIN;
  return -1;
}

static gssize
receive_bytes (PcallChannel *self,
               guint8       *bytes,
               gsize         size)
{
  return self->out_fd > 0 ? read_pipe (self, bytes, size)
                          : recv (self->fd, bytes, size, MSG_DONTWAIT);
}

/* As recv(); G_MINSSIZE with @error set for what is no frame. Nothing can be attached in the middle
 * of a payload: the kernel drops it. */
static gssize
receive_some (PcallChannel    *self,
              PcallFrameQueue *frames,
              GError         **error)
{
  guint8 scratch[SCRATCH_SIZE];
  gsize room = 0;
  guint8 *place = next_place (self, &room);
  gboolean direct = header_is_whole (self) && room >= SCRATCH_SIZE;
  gssize n;

  do
    n = direct             ? receive_bytes (self, place, room)
        : self->out_fd > 0 ? read_pipe (self, scratch, SCRATCH_SIZE)
                           : receive_message (self, scratch, error);
  while (n < 0 && n != G_MINSSIZE && errno == EINTR);

  if (n <= 0)
    return n;
  if (direct ? !advance (self, n, frames, error)
             : !take_bytes (self, scratch, n, frames, error) || !check_unclaimed (self, error))
    return G_MINSSIZE;
  self->n_received += n;
  return n;
}

/* It may not be asked what there is, and would stay so for ever. */
static PcallChannelStatus
refuse (GError **error)
{
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL, "receiving: recvmsg, recv or read: %s",
               g_strerror (errno));
  return PCALL_CHANNEL_BROKEN;
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
      gssize n = receive_some (self, frames, error);

      if (n == G_MINSSIZE)
        return PCALL_CHANNEL_BROKEN;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return PCALL_CHANNEL_OPEN;
      if (n < 0 && pcall_fd_is_refusal (errno))
        return refuse (error);
      /* A reset comes after all that was sent before: it is an end like any other. */
      if (n < 0)
        self->unread = errno == ECONNRESET;
      /* A frame that is not whole was being sent when the other side ended: it did nothing more. */
      if (n == 0)
        self->complete = TRUE;
      if (n <= 0)
        {
          self->sealed = has_seal (self);
          return PCALL_CHANNEL_CLOSED;
        }
      total += n + self->memory_received;
      self->memory_received = 0;
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

/* The socket is reset when nobody holds its other end. A process that another thread is just making
 * may hold it, too, until it has become its program: so it is asked for what lies there. That is
 * first, for a reset takes it away. */
void
pcall_channel_check_unread (PcallChannel *self)
{
  int n = 0, error = 0;
  socklen_t size = sizeof error;

  if (self->fd < 0)
    return;

  if (ioctl (self->fd, SIOCOUTQ, &n) == 0 && n > 0)
    self->unread = TRUE;
  else if (getsockopt (self->fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNRESET)
    self->unread = TRUE;
}
