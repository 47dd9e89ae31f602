/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Frames over two pipes, as an agent has them for its standard streams. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gio/gio.h>
#include <pcall-glib/wire/pcall-channel-private.h>

#define NONCE 77
#define LARGE (3 * 1024 * 1024)

typedef struct
{
  PcallChannel here; /* reads what there writes, and the other way round */
  PcallChannel there;
  PcallFrameQueue frames;
} Pair;

static void
pair_init (Pair *self)
{
  int in[2], out[2];

  *self = (Pair) { .frames.head = NULL };
  g_assert_no_errno (pipe2 (in, O_CLOEXEC));
  g_assert_no_errno (pipe2 (out, O_CLOEXEC));
  pcall_channel_init_pipes (&self->here, in[0], out[1], NONCE);
  pcall_channel_init_pipes (&self->there, out[0], in[1], NONCE);
}

static void
pair_clear (Pair *self)
{
  pcall_channel_clear (&self->here);
  pcall_channel_clear (&self->there);
  pcall_frame_queue_clear (&self->frames);
}

static gboolean
send_log (PcallChannel *channel, guint index, gconstpointer data, gsize size)
{
  PcallOutgoing frame = {
    .type = PCALL_FRAME_LOG, .call_index = index, .data = data, .size = size
  };

  return pcall_channel_send (channel, &frame, 1);
}

static PcallChannelStatus
receive (Pair *self)
{
  g_autoptr (GError) error = NULL;
  PcallChannelStatus status =
      pcall_channel_receive (&self->here, G_MAXSSIZE, &self->frames, &error);

  g_assert_no_error (error);
  return status;
}

static void
assert_frame (Pair *self, guint index, gconstpointer data, gsize size)
{
  g_autoptr (PcallFrame) frame = pcall_frame_queue_pop (&self->frames);

  g_assert_nonnull (frame);
  g_assert_cmpuint (frame->call_index, ==, index);
  g_assert_cmpmem (pcall_payload_get_data (frame->payload), frame->payload->length, data, size);
}

/* Where nothing lies there, it does not wait, though the pipe would. */
static void
test_both_ways (void)
{
  Pair pair;

  pair_init (&pair);
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  g_assert_true (send_log (&pair.there, 1, "one", 3));
  g_assert_true (send_log (&pair.there, 2, "", 0));
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  assert_frame (&pair, 1, "one", 3);
  assert_frame (&pair, 2, "", 0);
  g_assert_true (send_log (&pair.here, 3, "back", 4));
  g_assert_cmpint (fcntl (pair.here.fd, F_GETFL) & O_NONBLOCK, ==, 0);
  pair_clear (&pair);
}

static gpointer
send_large (gpointer data)
{
  Pair *pair = data;
  g_autofree guint8 *bytes = g_malloc (LARGE);

  memset (bytes, 'x', LARGE);
  return GINT_TO_POINTER (send_log (&pair->there, 5, bytes, LARGE));
}

static void
test_large (void)
{
  g_autofree guint8 *bytes = g_malloc (LARGE);
  GThread *thread;
  Pair pair;

  memset (bytes, 'x', LARGE);
  pair_init (&pair);
  thread = g_thread_new ("sender", send_large, &pair);
  while (pair.frames.head == NULL)
    g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_OPEN);
  assert_frame (&pair, 5, bytes, LARGE);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
  pair_clear (&pair);
}

/* Memory that came is passed on */

/* A frame with memory of LARGE bytes, "x" all of them. */
static PcallFrame *
receive_memory (void)
{
  g_autofree guint8 *bytes = g_malloc (LARGE);
  g_autoptr (GVariant) value = NULL;
  PcallFrameQueue frames = { .head = NULL };
  PcallChannel sender, receiver;
  PcallOutgoing frame;
  int fds[2];

  memset (bytes, 'x', LARGE);
  value = g_variant_ref_sink (
      g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, LARGE, 1));
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  pcall_channel_init (&sender, fds[0], NONCE);
  pcall_channel_init (&receiver, fds[1], NONCE);
  sender.attaches = receiver.keeps_memory = TRUE;
  frame = pcall_outgoing_new (PCALL_FRAME_RESULT, 5, value);
  g_assert_true (pcall_channel_send (&sender, &frame, 1));
  g_assert_cmpint (pcall_channel_receive (&receiver, G_MAXSSIZE, &frames, NULL), ==,
                   PCALL_CHANNEL_OPEN);
  pcall_channel_clear (&sender);
  pcall_channel_clear (&receiver);
  return pcall_frame_queue_pop (&frames);
}

typedef struct
{
  PcallChannel *channel;
  const PcallFrame *frame;
  guint8 *bytes;
} PassingOn;

/* What is told to lie in that memory does not, so that it shows what was sent. */
static gpointer
pass_on (gpointer data)
{
  PassingOn *self = data;
  PcallOutgoing frame = {
    .type = PCALL_FRAME_RESULT,
    .call_index = 6,
    .data = self->bytes,
    .size = self->frame->payload->length,
    .memory = self->frame->memory,
  };

  return GINT_TO_POINTER (pcall_channel_send (self->channel, &frame, 1));
}

/* How many bytes of the memory came. */
static gsize
count_passed_on (Pair *pair)
{
  g_autoptr (PcallFrame) frame = receive_memory ();
  gsize size = frame->payload->length;
  g_autofree guint8 *bytes = g_malloc (size);
  PassingOn passing_on = { &pair->there, frame, bytes };
  g_autoptr (PcallFrame) passed = NULL;
  const guint8 *came;
  gsize n = 0;
  GThread *thread;

  g_assert_cmpint (frame->memory, >, 0);
  memset (bytes, 'y', LARGE);
  memcpy (bytes + LARGE, "\0ay", 3);
  thread = g_thread_new ("sender", pass_on, &passing_on);
  while (pair->frames.head == NULL)
    g_assert_cmpint (receive (pair), ==, PCALL_CHANNEL_OPEN);
  g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
  passed = pcall_frame_queue_pop (&pair->frames);
  g_assert_cmpuint (passed->call_index, ==, 6);
  g_assert_cmpuint (passed->payload->length, ==, size);
  came = pcall_payload_get_data (passed->payload);
  for (gsize i = 0; i < LARGE; i++)
    n += came[i] == 'x';
  g_assert_cmpint (memcmp (came + LARGE, "\0ay", 3), ==, 0);
  return n;
}

/* The kernel passes on all but the end, which is written. */
static void
test_memory (void)
{
  Pair pair;

  pair_init (&pair);
  g_assert_cmpuint (count_passed_on (&pair), >, LARGE - 100);
  pair_clear (&pair);
}

static void
test_memory_to_nonblocking (void)
{
  Pair pair;

  pair_init (&pair);
  g_assert_no_errno (fcntl (pair.there.out_fd, F_SETFL, O_NONBLOCK));
  g_assert_cmpuint (count_passed_on (&pair), >, 0);
  pair_clear (&pair);
}

/* Streams that are sockets get the bytes. */
static void
test_memory_to_socket (void)
{
  Pair pair;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  pair = (Pair) { .frames.head = NULL };
  pcall_channel_init (&pair.here, fds[0], NONCE);
  pcall_channel_init_pipes (&pair.there, fcntl (fds[1], F_DUPFD_CLOEXEC, 3), fds[1], NONCE);
  g_assert_cmpuint (count_passed_on (&pair), ==, 0);
  pair_clear (&pair);
}

static void
test_memory_to_nobody (void)
{
  g_autoptr (PcallFrame) frame = receive_memory ();
  Pair pair;
  PassingOn passing_on = { &pair.there, frame, pcall_payload_get_data (frame->payload) };

  pair_init (&pair);
  pcall_channel_clear (&pair.here);
  g_assert_false (GPOINTER_TO_INT (pass_on (&passing_on)));
  g_assert_cmpint (errno, ==, EPIPE);
  pair_clear (&pair);
}

static void
test_closed (void)
{
  Pair pair;

  pair_init (&pair);
  g_assert_true (send_log (&pair.there, 1, "last", 4));
  pcall_channel_clear (&pair.there);
  g_assert_cmpint (receive (&pair), ==, PCALL_CHANNEL_CLOSED);
  assert_frame (&pair, 1, "last", 4);
  g_assert_false (send_log (&pair.here, 1, "to nobody", 9));
  g_assert_cmpint (errno, ==, EPIPE);
  pair_clear (&pair);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN);

  g_test_add_func ("/pcall/channel-pipes/both-ways", test_both_ways);
  g_test_add_func ("/pcall/channel-pipes/large", test_large);
  g_test_add_func ("/pcall/channel-pipes/memory", test_memory);
  g_test_add_func ("/pcall/channel-pipes/memory-to-nonblocking", test_memory_to_nonblocking);
  g_test_add_func ("/pcall/channel-pipes/memory-to-socket", test_memory_to_socket);
  g_test_add_func ("/pcall/channel-pipes/memory-to-nobody", test_memory_to_nobody);
  g_test_add_func ("/pcall/channel-pipes/closed", test_closed);

  return g_test_run ();
}
