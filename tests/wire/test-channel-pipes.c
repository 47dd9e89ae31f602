/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Frames over two pipes, as an agent has them for its standard streams. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
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
  g_test_add_func ("/pcall/channel-pipes/closed", test_closed);

  return g_test_run ();
}
