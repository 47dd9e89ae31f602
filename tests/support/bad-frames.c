/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Children that write into their channel by hand.
 *
 * Such a child must know which descriptor the channel is, and what a good frame would look like
 * now: the nonce and the sequence. It learns both by putting a socket of its own in the place of
 * each socket in turn, until a progress report comes out of it. The layout of a frame is written
 * down here once more, as a worker in another language would. */

#include "bad-children.h"
#include "bad-frames.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FD 4096
#define LARGE (8 << 20)

static gboolean
tap (Channel *self,
     int      fd)
{
  int saved = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  int ends[2];
  gboolean found;

  if (saved < 0 || socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 ||
      dup3 (ends[0], fd, O_CLOEXEC) < 0)
    _exit (88);

  pcall_report_progress (0.5, NULL);
  self->report_size = recv (ends[1], self->report, sizeof self->report, MSG_DONTWAIT);
  found = self->report_size > (gssize) sizeof self->due;
  memcpy (&self->due, self->report, sizeof self->due);

  dup3 (saved, fd, O_CLOEXEC);
  close (saved);
  close (ends[0]);
  close (ends[1]);
  self->fd = fd;
  return found;
}

Channel
bad_frames_find_channel (void)
{
  Channel self = { .fd = -1 };
  int type;
  socklen_t size = sizeof type;

  for (int fd = STDERR_FILENO + 1; fd < MAX_FD; fd++)
    if (getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
        tap (&self, fd))
      return self;
  _exit (88);
}

/* The parent may have closed its end by now: that is no concern of ours. */
static void
write_all (const Channel *channel,
           gconstpointer  data,
           gsize          size)
{
  while (size > 0)
    {
      ssize_t n = send (channel->fd, data, size, MSG_NOSIGNAL);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return;
      data = (const char *) data + n;
      size -= n;
    }
}

static void
write_padded (const Channel *channel,
              gconstpointer  payload,
              gsize          size)
{
  static const char zeros[8];

  write_all (channel, payload, size);
  write_all (channel, zeros, (8 - size % 8) % 8);
}

/* For a child that is going to send frames in the ordinary way. */
static void
write_report (const Channel *channel)
{
  write_all (channel, channel->report, channel->report_size);
}

/* As good a frame as there can be. */
static void
write_frame (Channel  *channel,
             guint8    type,
             GVariant *value)
{
  g_autoptr (GVariant) payload = g_variant_ref_sink (value);

  channel->due.type = type;
  channel->due.length = g_variant_get_size (payload);
  write_all (channel, &channel->due, sizeof channel->due);
  write_padded (channel, g_variant_get_data (payload), g_variant_get_size (payload));
  channel->due.sequence++;
}

static void
write_result (Channel *channel,
              int      number)
{
  write_frame (channel, TYPE_RESULT, g_variant_new_variant (g_variant_new_int32 (number)));
}

static void
write_result_of_bytes (Channel      *channel,
                       gconstpointer bytes,
                       gsize         size)
{
  channel->due.type = TYPE_RESULT;
  channel->due.length = size;
  write_all (channel, &channel->due, sizeof channel->due);
  write_padded (channel, bytes, size);
}

/* What is no frame at all */

BAD_CHILD (write_garbage)
{
  static const char garbage[] = "Hello, I am a program that writes to whatever is open.\n";
  Channel channel = bad_frames_find_channel ();

  for (int i = 0; i < 1000; i++)
    write_all (&channel, garbage, sizeof garbage);
  return NULL;
}

static GVariant *
write_length (guint64  length,
              gboolean exits)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.type = TYPE_RESULT;
  channel.due.length = length;
  write_all (&channel, &channel.due, sizeof channel.due);
  if (exits)
    _exit (0);
  return NULL;
}

BAD_CHILD (write_8_eib)
{
  return write_length (G_GUINT64_CONSTANT (1) << 63, FALSE);
}

BAD_CHILD (write_1_tib_and_exit)
{
  return write_length (G_GUINT64_CONSTANT (1) << 40, TRUE);
}

/* Half of a large frame. */
static Channel
write_half (void)
{
  g_autofree char *half = g_malloc0 (LARGE / 2);
  Channel channel = bad_frames_find_channel ();

  channel.due.type = TYPE_RESULT;
  channel.due.length = LARGE;
  write_all (&channel, &channel.due, sizeof channel.due);
  write_all (&channel, half, LARGE / 2);
  return channel;
}

BAD_CHILD (half_frame_and_exit)
{
  write_half ();
  _exit (0);
}

BAD_CHILD (half_frame_and_sleep)
{
  write_half ();
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (kill_itself_in_large_frame)
{
  write_half ();
  kill (getpid (), SIGKILL);
  return NULL;
}

BAD_CHILD (half_header_and_exit)
{
  Channel channel = bad_frames_find_channel ();

  write_all (&channel, &channel.due, sizeof channel.due / 2);
  _exit (0);
}

/* Headers with one thing wrong */

BAD_CHILD (wrong_magic)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.magic[0] = 'X';
  write_result (&channel, 1);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (wrong_version)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.version = 99;
  write_result (&channel, 1);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (wrong_order)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.order = '?';
  write_result (&channel, 1);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (wrong_nonce)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.nonce ^= 1;
  write_result (&channel, 1);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (wrong_sequence)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.sequence++;
  write_result (&channel, 1);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (wrong_call)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.call_index = 0;
  write_result (&channel, 666);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (unknown_type)
{
  Channel channel = bad_frames_find_channel ();

  write_frame (&channel, 99, g_variant_new_int32 (1));
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (type_0)
{
  Channel channel = bad_frames_find_channel ();

  write_frame (&channel, 0, g_variant_new_int32 (1));
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (handles_not_there)
{
  Channel channel = bad_frames_find_channel ();

  channel.due.n_handles = 1;
  write_result (&channel, 1);
  bad_child_sleep ();
  return NULL;
}

/* Payloads that are no value */

static GVariant *
write_bad_payload (gconstpointer bytes,
                   gsize         size)
{
  Channel channel = bad_frames_find_channel ();

  write_result_of_bytes (&channel, bytes, size);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (abnormal_boolean)
{
  return write_bad_payload ("\2\0b", 3);
}

BAD_CHILD (abnormal_string)
{
  return write_bad_payload ("\xff\xfe\0\0s", 5);
}

BAD_CHILD (bad_type_string)
{
  return write_bad_payload ("\1\0(i", 4);
}

BAD_CHILD (no_type_string)
{
  return write_bad_payload ("xxxxxxxx", 8);
}

BAD_CHILD (wrong_payload_type)
{
  Channel channel = bad_frames_find_channel ();

  write_frame (&channel, TYPE_ERROR, g_variant_new_string ("not what an error is"));
  bad_child_sleep ();
  return NULL;
}

/* More or other than one outcome and an end */

BAD_CHILD (two_results)
{
  Channel channel = bad_frames_find_channel ();

  write_result (&channel, 42);
  return g_variant_new_int32 (43);
}

BAD_CHILD (result_then_error)
{
  Channel channel = bad_frames_find_channel ();

  write_result (&channel, 42);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "second thoughts");
  return NULL;
}

BAD_CHILD (result_then_kill)
{
  Channel channel = bad_frames_find_channel ();

  write_result (&channel, 42);
  kill (getpid (), SIGKILL);
  return NULL;
}

BAD_CHILD (result_then_segv)
{
  Channel channel = bad_frames_find_channel ();

  write_result (&channel, 42);
  return bad_child_segv (args, kwargs, user_data, error);
}

BAD_CHILD (result_then_hang)
{
  Channel channel = bad_frames_find_channel ();

  write_result (&channel, 42);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (result_then_garbage)
{
  static const char garbage[100] = "and another thing";
  Channel channel = bad_frames_find_channel ();

  write_result (&channel, 42);
  write_all (&channel, garbage, sizeof garbage);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (final_then_kill)
{
  Channel channel = bad_frames_find_channel ();

  write_frame (&channel, TYPE_FINAL, g_variant_new ("(i)", 0));
  kill (getpid (), SIGKILL);
  return NULL;
}

/* What is said before anything has run, said when something has */
BAD_CHILD (again_late)
{
  Channel channel = bad_frames_find_channel ();

  write_report (&channel);
  channel.due.sequence++;
  write_frame (&channel, TYPE_AGAIN, g_variant_new_uint32 (3));
  bad_child_sleep ();
  return NULL;
}

/* What is done to the descriptor */

BAD_CHILD (shut_down_reading)
{
  Channel channel = bad_frames_find_channel ();

  write_report (&channel);
  shutdown (channel.fd, SHUT_RD);
  return g_variant_new_int32 (42);
}

BAD_CHILD (shut_down_writing)
{
  Channel channel = bad_frames_find_channel ();

  shutdown (channel.fd, SHUT_WR);
  return g_variant_new_int32 (42);
}

static void
close_all (void)
{
  for (int fd = 0; fd < MAX_FD; fd++)
    close (fd);
}

BAD_CHILD (close_all_and_return)
{
  close_all ();
  return g_variant_new_int32 (42);
}

BAD_CHILD (close_all_and_sleep)
{
  close_all ();
  bad_child_sleep ();
  return NULL;
}

/* With more to send than a socket takes at once. */
BAD_CHILD (nonblocking_channel)
{
  Channel channel = bad_frames_find_channel ();
  gpointer zeros = g_malloc0 (LARGE);

  write_report (&channel);
  fcntl (channel.fd, F_SETFL, fcntl (channel.fd, F_GETFL) | O_NONBLOCK);
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, zeros, LARGE, TRUE, g_free, zeros);
}

/* Its parent sends bytes when it gets the message. */
BAD_CHILD (leave_bytes_unread)
{
  Channel channel = bad_frames_find_channel ();
  struct pollfd readable = { .fd = channel.fd, .events = POLLIN };

  write_report (&channel);
  pcall_send_message (g_variant_new_int32 (0));
  while (poll (&readable, 1, -1) < 0)
    ;
  return g_variant_new_int32 (42);
}

/* Bytes from a seed, args[0]: nothing but chance; chance after the magic; a good frame with a byte
 * changed; a good header over chance. */
BAD_CHILD (random_bytes)
{
  guint8 bytes[4096];
  guint32 seed;
  gsize size;
  Channel channel = bad_frames_find_channel ();
  g_autoptr (GRand) random = NULL;
  g_autoptr (GVariant) good = g_variant_ref_sink (g_variant_new_parsed ("<('text', {'a': <1>})>"));

  g_variant_get (args, "(u)", &seed);
  random = g_rand_new_with_seed (seed);
  size = g_rand_int_range (random, 1, sizeof bytes);
  for (gsize i = 0; i < size; i++)
    bytes[i] = g_rand_int (random);

  channel.due.type = TYPE_RESULT;
  if (seed % 4 == 1)
    {
      memcpy (bytes, &channel.due, MIN (size, 4));
    }
  else if (seed % 4 == 2)
    {
      size = sizeof channel.due + g_variant_get_size (good);
      channel.due.length = g_variant_get_size (good);
      memcpy (bytes, &channel.due, sizeof channel.due);
      memcpy (bytes + sizeof channel.due, g_variant_get_data (good), g_variant_get_size (good));
      bytes[g_rand_int_range (random, 0, size)] ^= 1 << g_rand_int_range (random, 0, 8);
    }
  else if (seed % 4 == 3)
    {
      size = MAX (size, sizeof channel.due);
      channel.due.type = 1 + seed / 4 % 6;
      channel.due.length = size - sizeof channel.due;
      memcpy (bytes, &channel.due, sizeof channel.due);
    }

  write_padded (&channel, bytes, size);
  _exit (0);
}

BAD_CHILD (flood)
{
  for (int i = 0; i < BAD_CHILD_FLOOD; i++)
    {
      pcall_report_progress (i / (gdouble) BAD_CHILD_FLOOD, "on and on");
      pcall_send_message (g_variant_new_int32 (i));
    }
  return g_variant_new_int32 (BAD_CHILD_FLOOD);
}
