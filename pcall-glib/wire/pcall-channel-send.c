/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-channel-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"
#include "wire/pcall-memory-private.h"

/* Frames over a stream socket: sending them. For receiving see pcall-channel.c.
 *
 * A frame is written from where its value lies; nothing is copied but by the kernel. A large
 * payload is written into memory instead, which is attached to the frame's header, wherever such
 * memory can be had: where it cannot, because there is no descriptor left, no room, or a limit of
 * the size of files, its bytes follow as they would for any other. Where they go into a pipe, and
 * are in such memory already, the kernel passes its pages on.
 *
 * Bytes have one virtue that memory has not: a socket holds a few of them only, so whoever sends
 * more than is read has to wait. So a message goes as memory only when all before it has been read.
 * A result does not wait: its parent is to have it at any rate. */

#define MAX_FRAMES_SENT 2
#define IOVECS_PER_FRAME 5
#define IOVECS_PER_PAYLOAD 3

/* What a pipe or a local socket takes whole or not at all; the end of what is longer. */
#define UNDIVIDED_SIZE 2048
#define LAST_PIECE_SIZE 64

static const guint8 zeros[8];

PCALL_CHILD_CODE PcallOutgoing
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

static gsize
get_length (const PcallOutgoing *frame)
{
  return frame->size + (frame->boxed_type != NULL ? 1 + strlen (frame->boxed_type) : 0);
}

/* A v is its value, a zero byte and its type string: written as they are, nothing is copied. */
static guint
add_payload (const PcallOutgoing *frame,
             struct iovec        *iovecs)
{
  guint n = 0;

  iovecs[n++] = (struct iovec) { (gpointer) frame->data, frame->size };
  if (frame->boxed_type != NULL)
    iovecs[n++] = (struct iovec) { (gpointer) zeros, 1 };
  if (frame->boxed_type != NULL)
    iovecs[n++] = (struct iovec) { (gpointer) frame->boxed_type, strlen (frame->boxed_type) };
  return n;
}

static guint
count_handles (const PcallOutgoing *frame)
{
  return frame->handles != NULL ? (guint) g_unix_fd_list_get_length (frame->handles) : 0;
}

PCALL_CHILD_CODE static guint
add_frame (PcallChannel        *self,
           const PcallOutgoing *frame,
           gboolean             in_memory,
           guint8              *header,
           struct iovec        *iovecs)
{
  PcallFrameHeader fields = {
    .type = frame->type,
    .nonce = self->nonce,
    .sequence = self->next_sent++,
    .call_index = frame->call_index,
    .length = get_length (frame),
    .in_memory = in_memory,
    .n_handles = (guint8) count_handles (frame),
  };
  guint n = 0;

  pcall_frame_header_encode (&fields, header);
  iovecs[n++] = (struct iovec) { header, PCALL_FRAME_HEADER_SIZE };
  if (in_memory)
    return n;

  n += add_payload (frame, iovecs + n);
  iovecs[n++] = (struct iovec) { (gpointer) zeros,
                                 pcall_frame_padded_length (fields.length) - fields.length };
  return n;
}

PCALL_CHILD_CODE static void
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

/* TRUE where nothing was sent, and it is to be tried again. */
static gboolean
can_try_again (int fd)
{
  struct pollfd writable = { .fd = fd, .events = POLLOUT };

  if (errno != EAGAIN && errno != EWOULDBLOCK)
    return errno == EINTR;
  poll (&writable, 1, -1);
  return TRUE;
}

/* As writev(), of no more than @size bytes. */
static gssize
write_some (PcallChannel        *self,
            const struct msghdr *message,
            gsize                size)
{
  struct iovec iovecs[MAX_FRAMES_SENT * IOVECS_PER_FRAME];
  int n = 0;

  while (n < (int) message->msg_iovlen && size > 0)
    {
      iovecs[n] = message->msg_iov[n];
      iovecs[n].iov_len = MIN (iovecs[n].iov_len, size);
      size -= iovecs[n++].iov_len;
    }
  return writev (self->out_fd, iovecs, n);
}

static gboolean
write_piece (PcallChannel  *self,
             struct msghdr *message,
             gsize          size)
{
  while (size > 0)
    {
      gssize n = write_some (self, message, size);

      if (n < 0 && !can_try_again (self->out_fd))
        return FALSE;
      skip_sent (message, MAX (n, 0));
      size -= MAX (n, 0);
    }
  return TRUE;
}

static gsize
get_size (const struct msghdr *message)
{
  gsize size = 0;

  for (gsize i = 0; i < message->msg_iovlen; i++)
    size += message->msg_iov[i].iov_len;
  return size;
}

/* So that a frame that was cut off, as this process was killed, has its header, and wants more than
 * a seal. Apart, as no forked child has such a channel. */
G_GNUC_NO_INLINE static gboolean
write_all (PcallChannel  *self,
           struct msghdr *message)
{
  gsize size = get_size (message);

  if (size <= UNDIVIDED_SIZE)
    return write_piece (self, message, size);
  return write_piece (self, message, PCALL_FRAME_HEADER_SIZE) &&
         write_piece (self, message, size - PCALL_FRAME_HEADER_SIZE - LAST_PIECE_SIZE) &&
         write_piece (self, message, LAST_PIECE_SIZE);
}

PCALL_CHILD_CODE static gboolean
send_all (PcallChannel  *self,
          struct msghdr *message)
{
  if (self->out_fd > 0)
    return write_all (self, message);

  while (message->msg_iovlen > 0)
    {
      gssize n = sendmsg (self->fd, message, MSG_NOSIGNAL);

      /* What is attached went with the first byte. */
      if (n > 0)
        message->msg_controllen = 0;
      if (n < 0 && !can_try_again (self->fd))
        return FALSE;
      skip_sent (message, MAX (n, 0));
    }

  return TRUE;
}

/* With what is attached to @attached, which is only read: the message itself refers to what lies
 * here, and goes with it. The first frame's payload stands in attached memory if @in_memory. */
PCALL_CHILD_CODE static gboolean
send_frames (PcallChannel        *self,
             const PcallOutgoing *frames,
             guint                n_frames,
             gboolean             in_memory,
             const struct msghdr *attached)
{
  struct msghdr message = *attached;
  guint8 headers[MAX_FRAMES_SENT][PCALL_FRAME_HEADER_SIZE];
  struct iovec iovecs[MAX_FRAMES_SENT * IOVECS_PER_FRAME];

  g_assert (n_frames <= MAX_FRAMES_SENT);

  message.msg_iov = iovecs;
  for (guint i = 0; i < n_frames; i++)
    message.msg_iovlen += add_frame (self, &frames[i], in_memory && i == 0, headers[i],
                                     iovecs + message.msg_iovlen);

  return send_all (self, &message);
}

/* So much of the payload as goes into a pipe without being copied: nothing where that is none. */
static gsize
splice_memory (PcallChannel *self,
               int           memory,
               gsize         size)
{
  loff_t offset = 0;
  gssize n = 1;

  while ((gsize) offset < size && (n > 0 || (n < 0 && errno == EINTR)))
    n = splice (memory, &offset, self->out_fd, NULL, size - (gsize) offset, 0);
  return (gsize) offset;
}

/* What is left is written: where the other side is gone, that fails as well. In the same pieces as
 * what is written wholly. */
static gboolean
send_from_memory (PcallChannel        *self,
                  const PcallOutgoing *frame)
{
  guint8 header[PCALL_FRAME_HEADER_SIZE];
  struct iovec iovecs[IOVECS_PER_FRAME];
  struct msghdr message = { .msg_iov = iovecs };
  gsize size;

  message.msg_iovlen = add_frame (self, frame, FALSE, header, iovecs);
  if (!write_piece (self, &message, PCALL_FRAME_HEADER_SIZE))
    return FALSE;

  size = get_size (&message) - LAST_PIECE_SIZE;
  skip_sent (&message, splice_memory (self, frame->memory, size));
  return write_piece (self, &message, get_size (&message) - LAST_PIECE_SIZE) &&
         write_piece (self, &message, LAST_PIECE_SIZE);
}

/* Whether the other side of a pipe can have the pages of the payload. */
static gboolean
can_be_spliced (PcallChannel        *self,
                const PcallOutgoing *frames,
                guint                n_frames)
{
  return self->out_fd > 0 && n_frames == 1 && frames->memory != 0 && frames->boxed_type == NULL &&
         frames->size > LAST_PIECE_SIZE;
}

/* Nothing was sent then. */
static gboolean
is_about_attachments (int error_number)
{
  return error_number == ETOOMANYREFS || error_number == EBADF;
}

/* With @memory, if that is a descriptor, and with the handles of the first frame. Apart, for the
 * sake of the stack: what other frames do not touch is not copied in a forked child. */
G_GNUC_NO_INLINE static gboolean
send_attached (PcallChannel        *self,
               const PcallOutgoing *frames,
               guint                n_frames,
               int                  memory)
{
  guint32 sequence = self->next_sent;
  guint n_handles = count_handles (frames);
  int fds[PCALL_MAX_DESCRIPTORS];
  struct msghdr attached = { .msg_name = NULL };
  PcallControl control;
  guint n = 0;

  g_assert (n_handles <= PCALL_FRAME_MAX_HANDLES);

  if (memory >= 0)
    fds[n++] = memory;
  if (n_handles > 0)
    memcpy (fds + n, g_unix_fd_list_peek_fds (frames->handles, NULL), n_handles * sizeof *fds);
  pcall_control_attach (&control, &attached, fds, n + n_handles);
  if (send_frames (self, frames, n_frames, memory >= 0, &attached))
    return TRUE;

  if (is_about_attachments (errno))
    {
      self->next_sent = sequence;
      errno = ETOOMANYREFS;
    }
  return FALSE;
}

static gboolean
all_was_read (PcallChannel *self)
{
  int n = 0;

  return ioctl (self->fd, SIOCOUTQ, &n) == 0 && n == 0;
}

/* Large enough to go as memory, and of a kind that may. */
static gboolean
is_large (PcallChannel        *self,
          const PcallOutgoing *frame)
{
  if (get_length (frame) < PCALL_MEMORY_LEAST_SIZE)
    return FALSE;

  return frame->type == PCALL_FRAME_RESULT || frame->type == PCALL_FRAME_ERROR ||
         (frame->type == PCALL_FRAME_MESSAGE && all_was_read (self));
}

/* -1 where there is none to be had. */
static int
make_memory (const PcallOutgoing *frame)
{
  struct iovec parts[IOVECS_PER_PAYLOAD];
  guint n_parts = add_payload (frame, parts);

  return pcall_memory_new (parts, n_parts, get_length (frame));
}

static gboolean
send_large (PcallChannel        *self,
            const PcallOutgoing *frames,
            guint                n_frames)
{
  int made = frames->memory == 0 ? make_memory (frames) : -1;
  int memory = frames->memory != 0 ? frames->memory : made;
  gboolean sent = send_attached (self, frames, n_frames, memory);
  int saved_errno;

  if (!sent && errno == ETOOMANYREFS && memory >= 0)
    sent = send_attached (self, frames, n_frames, -1);

  saved_errno = errno;
  if (made >= 0)
    close (made);
  errno = saved_errno;
  return sent;
}

PCALL_CHILD_CODE gboolean
pcall_channel_send (PcallChannel        *self,
                    const PcallOutgoing *frames,
                    guint                n_frames)
{
  static const struct msghdr nothing;

  if (self->attaches && (frames->memory != 0 || is_large (self, frames)))
    return send_large (self, frames, n_frames);
  if (frames->handles != NULL)
    return send_attached (self, frames, n_frames, -1);
  if (can_be_spliced (self, frames, n_frames))
    return send_from_memory (self, frames);
  return send_frames (self, frames, n_frames, FALSE, &nothing);
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
  self->message.msg_iovlen = add_frame (channel, &frame, FALSE, self->header,
                                         self->iovecs);
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
        {
          self->n_posted += n;
          skip_sent (&parcel->message, n);
        }
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
