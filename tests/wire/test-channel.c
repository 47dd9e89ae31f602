/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Frames over a socket, however the bytes come: one by one, all at once, cut anywhere, interrupted,
 * reset, or none of them a frame. What a frame holds is for the tests of the wire. */

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <pcall-glib/wire/pcall-channel-private.h>

#include "task-support.h"

#define NONCE G_GUINT64_CONSTANT (0x1122334455667788)
#define NO_LIMIT G_MAXSIZE

/* Two ends of one socket, and what came */

typedef struct
{
  PcallChannel sender;
  PcallChannel receiver;
  PcallFrameQueue frames;
  GError *error;
} Pair;

static void
pair_init (Pair *self)
{
  int fds[2];

  *self = (Pair){ .error = NULL };
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  pcall_channel_init (&self->sender, fds[0], NONCE);
  pcall_channel_init (&self->receiver, fds[1], NONCE);
}

static void
pair_clear (Pair *self)
{
  pcall_channel_clear (&self->sender);
  pcall_channel_clear (&self->receiver);
  pcall_channel_clear (&self->receiver);
  pcall_frame_queue_clear (&self->frames);
  g_clear_error (&self->error);
}

static PcallChannelStatus
receive (Pair *self)
{
  return pcall_channel_receive (&self->receiver, NO_LIMIT, &self->frames, &self->error);
}

static guint
count_frames (Pair *self)
{
  guint n = 0;

  for (PcallFrame *frame = self->frames.head; frame != NULL; frame = frame->next)
    n++;
  return n;
}

static gboolean
send_value (PcallChannel *channel, PcallFrameType type, guint index, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing frame = pcall_outgoing_new (type, index, owned);

  return pcall_channel_send (channel, &frame, 1);
}

static void
send_text (PcallChannel *channel, guint index, const char *text)
{
  g_assert_true (send_value (channel, PCALL_FRAME_MESSAGE, index, g_variant_new_string (text)));
}

static void
assert_text (Pair *self, guint index, const char *expected)
{
  g_autoptr (PcallFrame) frame = pcall_frame_queue_pop (&self->frames);
  g_autoptr (GVariant) value = NULL;

  g_assert_nonnull (frame);
  g_assert_cmpint (frame->type, ==, PCALL_FRAME_MESSAGE);
  g_assert_cmpuint (frame->call_index, ==, index);
  value = pcall_payload_unbox (frame->payload);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, expected);
}

static void
assert_empty (Pair *self)
{
  g_assert_null (pcall_frame_queue_pop (&self->frames));
}

static void
put_bytes (Pair *self, gconstpointer bytes, gsize size)
{
  g_assert_cmpint (write (self->sender.fd, bytes, size), ==, size);
}

/* The bytes of three frames, as a sender writes them */
static GByteArray *
encode_three (void)
{
  GByteArray *bytes = g_byte_array_new ();
  guint8 buffer[4096];
  gssize n;
  Pair pair;

  pair_init (&pair);
  send_text (&pair.sender, 1, "first");
  send_text (&pair.sender, 2, "");
  send_text (&pair.sender, 3, "the third, which is somewhat longer than the first two of them");
  while ((n = recv (pair.receiver.fd, buffer, sizeof buffer, MSG_DONTWAIT)) > 0)
    g_byte_array_append (bytes, buffer, n);
  pair_clear (&pair);
  g_assert_cmpuint (bytes->len % 8, ==, 0);
  return bytes;
}

static void
assert_three (Pair *self)
{
  assert_text (self, 1, "first");
  assert_text (self, 2, "");
  assert_text (self, 3, "the third, which is somewhat longer than the first two of them");
  assert_empty (self);
}

/* Whole frames */

static void
test_types (void)
{
  static const struct
  {
    PcallFrameType type;
    const char *value;
    const char *received;
  } rows[] = {
    { PCALL_FRAME_READY, "()", "()" },
    { PCALL_FRAME_RESULT, "(1, 'a')", "<(1, 'a')>" },
    { PCALL_FRAME_RESULT, "<'boxed'>", "<<'boxed'>>" },
    { PCALL_FRAME_ERROR, "('domain', 5, 'message', {'a': <1>})",
      "('domain', 5, 'message', {'a': <1>})" },
    { PCALL_FRAME_PROGRESS, "(0.5, 'half')", "(0.5, 'half')" },
    { PCALL_FRAME_MESSAGE, "()", "<()>" },
    { PCALL_FRAME_AGAIN, "uint32 2", "uint32 2" },
    { PCALL_FRAME_NOTE, "'lost'", "'lost'" },
    { PCALL_FRAME_FINAL, "7", "7" },
  };
  Pair pair;

  pair_init (&pair);
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (GVariant) value = support_parse (rows[i].value);

      g_assert_true (send_value (&pair.sender, rows[i].type, i, value));
    }
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallFrame) frame = pcall_frame_queue_pop (&pair.frames);
      g_autoptr (GVariant) value = NULL;

      g_assert_nonnull (frame);
      g_assert_cmpint (frame->type, ==, rows[i].type);
      g_assert_cmpuint (frame->call_index, ==, i);
      value = pcall_payload_get_value (frame->payload, pcall_frame_payload_type (frame->type));
      support_assert_variant (value, rows[i].received);
    }
  assert_empty (&pair);
  pair_clear (&pair);
}

/* Two in one go, as a child sends its end */
static void
test_two_sent (void)
{
  g_autoptr (GVariant) result = g_variant_ref_sink (g_variant_new_string ("result"));
  g_autoptr (GVariant) status = g_variant_ref_sink (g_variant_new_int32 (0));
  PcallOutgoing frames[2];
  Pair pair;

  pair_init (&pair);
  frames[0] = pcall_outgoing_new (PCALL_FRAME_RESULT, 5, result);
  frames[1] = pcall_outgoing_new (PCALL_FRAME_FINAL, 5, status);
  g_assert_true (pcall_channel_send (&pair.sender, frames, 2));
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  g_assert_cmpuint (count_frames (&pair), ==, 2);
  g_assert_cmpint (pair.frames.head->type, ==, PCALL_FRAME_RESULT);
  g_assert_cmpint (pair.frames.tail->type, ==, PCALL_FRAME_FINAL);
  pair_clear (&pair);
}

/* Cut into pieces */

static void
test_byte_by_byte (void)
{
  g_autoptr (GByteArray) bytes = encode_three ();
  Pair pair;

  pair_init (&pair);
  for (guint i = 0; i < bytes->len; i++)
    {
      g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
      put_bytes (&pair, bytes->data + i, 1);
      g_assert_cmpuint (count_frames (&pair), <, 3);
    }
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  assert_three (&pair);
  pair_clear (&pair);
}

static void
test_cut_anywhere (void)
{
  g_autoptr (GByteArray) bytes = encode_three ();

  for (guint cut = 0; cut <= bytes->len; cut++)
    {
      Pair pair;

      pair_init (&pair);
      put_bytes (&pair, bytes->data, cut);
      g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
      put_bytes (&pair, bytes->data + cut, bytes->len - cut);
      g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
      assert_three (&pair);
      pair_clear (&pair);
    }
}

static void
test_at_once (void)
{
  g_autofree char *text = g_strnfill (50, 'x');
  Pair pair;

  pair_init (&pair);
  for (guint i = 0; i < 100; i++)
    send_text (&pair.sender, i, text);
  g_assert_cmpuint (pcall_channel_get_n_waiting (&pair.receiver), >, 100 * 80);
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  g_assert_cmpuint (pcall_channel_get_n_waiting (&pair.receiver), ==, 0);
  for (guint i = 0; i < 100; i++)
    assert_text (&pair, i, text);
  assert_empty (&pair);
  pair_clear (&pair);
}

/* A budget is kept, roughly: what is left comes the next time. */
static void
test_budget (void)
{
  g_autofree char *text = g_strnfill (1000, 'x');
  guint n_rounds = 0;
  Pair pair;

  pair_init (&pair);
  for (guint i = 0; i < 60; i++)
    send_text (&pair.sender, i, text);
  while (count_frames (&pair) < 60)
    {
      guint before = count_frames (&pair);

      g_assert_cmpint (pcall_channel_receive (&pair.receiver, 1, &pair.frames, &pair.error), ==,
                       PCALL_CHANNEL_OPEN);
      g_assert_cmpuint (count_frames (&pair), <, before + 40);
      n_rounds++;
    }
  g_assert_cmpuint (n_rounds, >, 3);
  pair_clear (&pair);
}

/* Large frames, from another thread */

typedef struct
{
  PcallChannel *channel;
  gsize size;
  guint n;
} Flood;

static void
fill (guint8 *bytes, gsize size)
{
  for (gsize i = 0; i < size; i++)
    bytes[i] = i * 2654435761u >> 24;
}

static gpointer
flood (gpointer data)
{
  Flood *self = data;
  g_autofree guint8 *bytes = g_malloc (self->size);

  fill (bytes, self->size);
  for (guint i = 0; i < self->n; i++)
    g_assert_true (send_value (
        self->channel, PCALL_FRAME_RESULT, i,
        g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, self->size, 1)));
  g_assert_no_errno (shutdown (self->channel->fd, SHUT_WR));
  return NULL;
}

static void
assert_flooded (Pair *self, const Flood *flood_sent)
{
  g_autofree guint8 *expected = g_malloc (flood_sent->size);

  fill (expected, flood_sent->size);
  for (guint i = 0; i < flood_sent->n; i++)
    {
      g_autoptr (PcallFrame) frame = pcall_frame_queue_pop (&self->frames);
      g_autoptr (GVariant) value = NULL;
      gconstpointer bytes;
      gsize size;

      g_assert_nonnull (frame);
      g_assert_cmpuint (frame->call_index, ==, i);
      value = pcall_payload_unbox (frame->payload);
      bytes = g_variant_get_fixed_array (value, &size, 1);
      g_assert_cmpmem (bytes, size, expected, flood_sent->size);
    }
  assert_empty (self);
}

/* Receives until the other side has closed. */
static void
receive_flood (Pair *self)
{
  struct pollfd ready = { .fd = self->receiver.fd, .events = POLLIN };
  PcallChannelStatus status = PCALL_CHANNEL_OPEN;

  while (status == PCALL_CHANNEL_OPEN)
    {
      int n = poll (&ready, 1, SUPPORT_LIMIT_S * 1000);

      g_assert_true (n == 1 || (n < 0 && errno == EINTR));
      status = pcall_channel_receive (&self->receiver, 100000, &self->frames, &self->error);
    }
  g_assert_no_error (self->error);
  g_assert_cmpint (status, ==, PCALL_CHANNEL_CLOSED);
}

static void
run_flood (Pair *pair, gsize size, guint n)
{
  Flood sent = { &pair->sender, size, n };
  GThread *thread = g_thread_new ("sender", flood, &sent);

  receive_flood (pair);
  g_thread_join (thread);
  assert_flooded (pair, &sent);
}

static void
test_large (void)
{
  static const gsize sizes[] = { 65535, 65536, 65537, 131072, 1000003, 20000000 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      Pair pair;

      pair_init (&pair);
      run_flood (&pair, sizes[i], 3);
      pair_clear (&pair);
    }
}

static void
set_tiny_buffer (Pair *pair)
{
  int size = 1;

  g_assert_no_errno (
      setsockopt (pair->sender.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
}

/* Each write is short. */
static void
test_short_writes (void)
{
  Pair pair;

  pair_init (&pair);
  set_tiny_buffer (&pair);
  run_flood (&pair, 200001, 3);
  pair_clear (&pair);
}

/* A socket that somebody made non-blocking: the sender waits all the same. */
static void
test_nonblocking_sender (void)
{
  Pair pair;

  pair_init (&pair);
  set_tiny_buffer (&pair);
  g_assert_no_errno (fcntl (pair.sender.fd, F_SETFL, O_NONBLOCK));
  run_flood (&pair, 200001, 3);
  pair_clear (&pair);
}

static gint n_interrupts;

static void
interrupt (int signum)
{
  g_atomic_int_inc (&n_interrupts);
}

/* Signals all the time, whose handler does not ask for calls to be begun again */
static void
test_interrupted (void)
{
  struct sigaction action = { .sa_handler = interrupt };
  struct itimerval often = { { 0, 200 }, { 0, 200 } };
  struct itimerval never = { { 0, 0 }, { 0, 0 } };
  struct sigaction before;
  Pair pair;

  pair_init (&pair);
  set_tiny_buffer (&pair);
  g_assert_no_errno (sigaction (SIGALRM, &action, &before));
  g_assert_no_errno (setitimer (ITIMER_REAL, &often, NULL));
  run_flood (&pair, 5000001, 3);
  g_assert_no_errno (setitimer (ITIMER_REAL, &never, NULL));
  g_assert_no_errno (sigaction (SIGALRM, &before, NULL));
  g_assert_cmpint (n_interrupts, >, 0);
  pair_clear (&pair);
}

/* Ends */

static void
test_closed (void)
{
  Pair pair;

  pair_init (&pair);
  send_text (&pair.sender, 0, "last");
  pcall_channel_clear (&pair.sender);
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_CLOSED);
  assert_text (&pair, 0, "last");
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_CLOSED);
  g_assert_no_error (pair.error);
  pair_clear (&pair);
}

/* Bytes that the other side never read make its end a reset; its frames come first all the same. */
static void
test_reset (void)
{
  Pair pair;

  pair_init (&pair);
  g_assert_cmpint (write (pair.receiver.fd, "unread", 6), ==, 6);
  send_text (&pair.sender, 0, "one");
  send_text (&pair.sender, 1, "two");
  pcall_channel_clear (&pair.sender);
  while (receive (&pair) == PCALL_CHANNEL_OPEN)
    ;
  g_assert_no_error (pair.error);
  assert_text (&pair, 0, "one");
  assert_text (&pair, 1, "two");
  pair_clear (&pair);
}

/* Half a frame is none, wherever it was cut off. */
/* The process is gone, and somebody else may hold its end still. */
static void
test_unread (void)
{
  for (guint row = 0; row < 4; row++)
    {
      gboolean is_read = row & 1, is_held = row & 2;
      Pair pair;
      int copy;

      pair_init (&pair);
      copy = is_held ? fcntl (pair.receiver.fd, F_DUPFD_CLOEXEC, 3) : -1;
      send_text (&pair.sender, 0, "a call");
      if (is_read)
        receive (&pair);
      pcall_channel_clear (&pair.receiver);
      pcall_channel_check_unread (&pair.sender);
      g_assert_cmpint (pair.sender.unread, ==, !is_read);
      if (is_held)
        g_assert_no_errno (close (copy));
      pair_clear (&pair);
    }
}

static void
test_half_a_frame (void)
{
  g_autoptr (GByteArray) bytes = encode_three ();

  for (guint length = 1; length < bytes->len; length++)
    {
      Pair pair;
      guint n;

      pair_init (&pair);
      put_bytes (&pair, bytes->data, length);
      pcall_channel_clear (&pair.sender);
      g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_CLOSED);
      g_assert_no_error (pair.error);
      n = count_frames (&pair);
      g_assert_cmpuint (n, <, 3);
      if (n > 0)
        assert_text (&pair, 1, "first");
      pair_clear (&pair);
    }
}

static void
test_send_to_nobody (void)
{
  Pair pair;

  pair_init (&pair);
  pcall_channel_clear (&pair.receiver);
  g_assert_false (
      send_value (&pair.sender, PCALL_FRAME_MESSAGE, 0, g_variant_new_string ("unheard")));
  g_assert_cmpint (errno, ==, EPIPE);
  g_assert_cmpuint (pcall_channel_get_n_waiting (&pair.receiver), ==, 0);
  pair_clear (&pair);
}

/* What is no frame */

static void
assert_broken (Pair *self)
{
  g_assert_cmpint (receive (self), ==, PCALL_CHANNEL_BROKEN);
  g_assert_error (self->error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
}

static void
test_garbage (void)
{
  for (guint i = 0; i < 1000; i++)
    {
      guint8 bytes[200];
      Pair pair;

      pair_init (&pair);
      for (gsize b = 0; b < sizeof bytes; b++)
        bytes[b] = g_test_rand_int ();
      send_text (&pair.sender, 0, "good");
      put_bytes (&pair, bytes, sizeof bytes);
      assert_broken (&pair);
      assert_text (&pair, 0, "good");
      assert_empty (&pair);
      pair_clear (&pair);
    }
}

static void
put_header (Pair *self, guint64 nonce, guint32 sequence, guint64 length)
{
  PcallFrameHeader header = { .type = PCALL_FRAME_MESSAGE,
                              .nonce = nonce,
                              .sequence = sequence,
                              .length = length };
  guint8 bytes[PCALL_FRAME_HEADER_SIZE];

  pcall_frame_header_encode (&header, bytes);
  put_bytes (self, bytes, sizeof bytes);
}

/* Frames of another task, frames said twice, frames left out, one that is too long */
static void
test_wrong_header (void)
{
  static const struct
  {
    guint64 nonce;
    guint32 sequence;
    guint64 length;
  } rows[] = {
    { NONCE + 1, 1, 8 }, { 0, 1, 8 }, { NONCE, 0, 8 }, { NONCE, 2, 8 },
    { NONCE, 1, PCALL_FRAME_MAX_LENGTH + 1 }, { NONCE, 1, G_MAXUINT64 },
    { NONCE, 1, G_GUINT64_CONSTANT (1) << 63 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      Pair pair;

      pair_init (&pair);
      send_text (&pair.sender, 0, "good");
      put_header (&pair, rows[i].nonce, rows[i].sequence, rows[i].length);
      assert_broken (&pair);
      assert_text (&pair, 0, "good");
      assert_empty (&pair);
      pair_clear (&pair);
    }
}

static void
test_wrong_payload (void)
{
  Pair pair;

  pair_init (&pair);
  put_header (&pair, NONCE, 0, 8);
  put_bytes (&pair, "nothing!", 8);
  assert_broken (&pair);
  assert_empty (&pair);
  pair_clear (&pair);
}

/* A length is a word, and bytes are deeds: memory is taken for what has come. */
static void
test_lie (void)
{
  guint8 some[1000] = { 0 };
  Pair pair;

  pair_init (&pair);
  put_header (&pair, NONCE, 0, G_GUINT64_CONSTANT (1) << 39);

  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  g_assert_cmpuint (pair.receiver.payload_capacity, <=, 1 << 20);
  for (guint i = 0; i < 200; i++)
    {
      put_bytes (&pair, some, sizeof some);
      g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
    }
  g_assert_cmpuint (pair.receiver.payload_filled, ==, 200000);
  g_assert_cmpuint (pair.receiver.payload_capacity, <=, 1 << 20);
  pcall_channel_clear (&pair.sender);
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_CLOSED);
  assert_empty (&pair);
  pair_clear (&pair);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/channel/types", test_types);
  g_test_add_func ("/pcall/channel/two-sent", test_two_sent);
  g_test_add_func ("/pcall/channel/pieces/byte-by-byte", test_byte_by_byte);
  g_test_add_func ("/pcall/channel/pieces/cut-anywhere", test_cut_anywhere);
  g_test_add_func ("/pcall/channel/pieces/at-once", test_at_once);
  g_test_add_func ("/pcall/channel/pieces/budget", test_budget);
  g_test_add_func ("/pcall/channel/large", test_large);
  g_test_add_func ("/pcall/channel/short-writes", test_short_writes);
  g_test_add_func ("/pcall/channel/nonblocking-sender", test_nonblocking_sender);
  g_test_add_func ("/pcall/channel/interrupted", test_interrupted);
  g_test_add_func ("/pcall/channel/end/closed", test_closed);
  g_test_add_func ("/pcall/channel/end/reset", test_reset);
  g_test_add_func ("/pcall/channel/end/unread", test_unread);
  g_test_add_func ("/pcall/channel/end/half-a-frame", test_half_a_frame);
  g_test_add_func ("/pcall/channel/end/send-to-nobody", test_send_to_nobody);
  g_test_add_func ("/pcall/channel/broken/garbage", test_garbage);
  g_test_add_func ("/pcall/channel/broken/header", test_wrong_header);
  g_test_add_func ("/pcall/channel/broken/payload", test_wrong_payload);
  g_test_add_func ("/pcall/channel/broken/lie", test_lie);

  return g_test_run ();
}
