/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is written behind all that a sender has sent when it was killed: whoever reads it knows that
 * all has come, and takes nothing of it for a part of a frame, wherever that was cut off. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/wire/pcall-channel-private.h>

#include "task-support.h"

#define NONCE G_GUINT64_CONSTANT (0x1122334455667788)
#define OTHER_NONCE (NONCE + 1)

#define CAPACITY 4096
#define SMALL 100

/* What does not fit in at once is cut by the kernel, here such that few bytes are left. */
#define N_CHUNKS 4
#define N_LEFT 8

typedef struct
{
  int read_fd;
  int write_fd;
  gsize large; /* in bytes of a payload */
} Way;

static gsize
get_large (gsize chunk)
{
  return N_CHUNKS * chunk + N_LEFT - PCALL_FRAME_HEADER_SIZE - strlen ("ay") - 1;
}

static Way
open_pipe (void)
{
  int fds[2];

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  g_assert_no_errno (fcntl (fds[1], F_SETPIPE_SZ, CAPACITY));
  return (Way) { fds[0], fds[1], get_large (CAPACITY) };
}

static Way
open_socket (void)
{
  int size = CAPACITY;
  socklen_t length = sizeof size;
  int fds[2];

  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  g_assert_no_errno (setsockopt (fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
  g_assert_no_errno (getsockopt (fds[1], SOL_SOCKET, SO_SNDBUF, &size, &length));
  return (Way) { fds[0], fds[1], get_large ((gsize) size / 2 - 64) };
}

static gboolean
send_frame (PcallChannel *channel, gsize size)
{
  g_autofree guint8 *bytes = g_malloc0 (size);
  g_autoptr (GVariant) value =
      g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1));
  PcallOutgoing frame = pcall_outgoing_new (PCALL_FRAME_RESULT, 7, value);

  return pcall_channel_send (channel, &frame, 1);
}

/* As an agent sends them; the second one not if it is 0. */
static gboolean
send_frames (int fd, gsize first, gsize second)
{
  PcallChannel channel;

  pcall_channel_init_pipes (&channel, -1, fd, NONCE);
  return send_frame (&channel, first) && (second == 0 || send_frame (&channel, second));
}

static void
append_waiting (GByteArray *bytes, int fd, gsize size, int limit_ms)
{
  struct pollfd readable = { .fd = fd, .events = POLLIN };
  guint8 buffer[CAPACITY];
  gssize n = 1;

  while (size > 0 && n > 0 && poll (&readable, 1, limit_ms) > 0)
    {
      n = read (fd, buffer, MIN (size, sizeof buffer));
      g_assert_no_errno (n);
      g_byte_array_append (bytes, buffer, n);
      size -= n;
    }
}

static GByteArray *
encode (gsize first, gsize second)
{
  GByteArray *bytes = g_byte_array_new ();
  int fds[2];

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  g_assert_true (send_frames (fds[1], first, second));
  append_waiting (bytes, fds[0], G_MAXSIZE, 0);
  close (fds[0]);
  close (fds[1]);
  return bytes;
}

static void
append_seal (GByteArray *bytes, guint64 nonce)
{
  const PcallChannel channel = { .nonce = nonce };
  guint8 seal[PCALL_CHANNEL_SEAL_SIZE];

  pcall_channel_make_seal (&channel, seal);
  g_byte_array_append (bytes, seal, sizeof seal);
}

/* How many frames came, and whether they are known to be all. */
static guint
receive (const GByteArray *bytes, gboolean *sealed)
{
  PcallFrameQueue frames = { NULL, NULL };
  g_autoptr (GError) error = NULL;
  PcallChannelStatus status;
  PcallChannel channel;
  PcallFrame *frame;
  guint n = 0;
  int fds[2];

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  g_assert_no_errno (fcntl (fds[1], F_SETPIPE_SZ, 8 * CAPACITY));
  g_assert_cmpint (write (fds[1], bytes->data, bytes->len), ==, bytes->len);
  close (fds[1]);
  pcall_channel_init_pipes (&channel, fds[0], fcntl (fds[0], F_DUPFD_CLOEXEC, 3), NONCE);
  status = pcall_channel_receive (&channel, G_MAXSSIZE, &frames, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, PCALL_CHANNEL_CLOSED);
  *sealed = channel.sealed;
  pcall_channel_clear (&channel);
  for (; (frame = pcall_frame_queue_pop (&frames)) != NULL; n++)
    pcall_frame_free (frame);
  return n;
}

static void
assert_received (const GByteArray *bytes, guint n, gboolean sealed)
{
  gboolean was_sealed;

  g_assert_cmpuint (receive (bytes, &was_sealed), ==, n);
  g_assert_cmpint (was_sealed, ==, sealed);
}

static void
test_behind_frame (void)
{
  g_autoptr (GByteArray) bytes = encode (SMALL, 0);

  assert_received (bytes, 1, FALSE);
  append_seal (bytes, NONCE);
  assert_received (bytes, 1, TRUE);
}

static void
test_alone (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  assert_received (bytes, 0, FALSE);
  append_seal (bytes, NONCE);
  assert_received (bytes, 0, TRUE);
}

/* Of another connection, or with something behind it, or not whole */
static void
test_no_seal (void)
{
  g_autoptr (GByteArray) other = encode (SMALL, 0);
  g_autoptr (GByteArray) more = encode (SMALL, 0);
  g_autoptr (GByteArray) half = encode (SMALL, 0);

  append_seal (other, OTHER_NONCE);
  assert_received (other, 1, FALSE);
  append_seal (more, NONCE);
  g_byte_array_append (more, (const guint8 *) "P", 1);
  assert_received (more, 1, FALSE);
  append_seal (half, NONCE);
  g_byte_array_set_size (half, half->len - 1);
  assert_received (half, 1, FALSE);
}

/* Wherever a sender may be killed. */
static void
test_cut_off (void)
{
  g_autoptr (GByteArray) whole = encode (200, 0);

  for (guint cut = PCALL_FRAME_HEADER_SIZE; cut + PCALL_CHANNEL_SEAL_SIZE < whole->len; cut++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      g_byte_array_append (bytes, whole->data, cut);
      assert_received (bytes, 0, FALSE);
      append_seal (bytes, NONCE);
      assert_received (bytes, 0, TRUE);
    }
}

static pid_t
fork_sender (Way way)
{
  pid_t pid = fork ();

  g_assert_no_errno (pid);
  if (pid == 0)
    _exit (send_frames (way.write_fd, SMALL, way.large) ? 0 : 1);
  return pid;
}

/* One that waits for a reader, who has read so much by then. What was sent is whole frames, and not
 * one that the seal has made whole. */
static void
kill_sender (Way way, gsize n_read, guint n_small, guint n_all)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  pid_t pid = fork_sender (way);
  guint n_whole;

  append_waiting (bytes, way.read_fd, n_read, -1);
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  append_waiting (bytes, way.read_fd, G_MAXSIZE, 0);
  close (way.read_fd);
  close (way.write_fd);

  n_whole = (bytes->len >= n_small) + (bytes->len == n_all);
  append_seal (bytes, NONCE);
  assert_received (bytes, n_whole, TRUE);
}

static void
run_killed (Way (*open_way) (void))
{
  g_autoptr (GByteArray) small = encode (SMALL, 0);
  Way way = open_way ();
  g_autoptr (GByteArray) all = encode (SMALL, way.large);

  for (gsize n = 0; n < all->len; n += n < all->len - 300 ? 97 : 1)
    {
      kill_sender (way, n, small->len, all->len);
      way = open_way ();
    }
  close (way.read_fd);
  close (way.write_fd);
}

static void
test_killed_at_pipe (void)
{
  run_killed (open_pipe);
}

static void
test_killed_at_socket (void)
{
  run_killed (open_socket);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/seal/behind-frame", test_behind_frame);
  g_test_add_func ("/pcall/seal/alone", test_alone);
  g_test_add_func ("/pcall/seal/no-seal", test_no_seal);
  g_test_add_func ("/pcall/seal/cut-off", test_cut_off);
  g_test_add_func ("/pcall/seal/killed-at-pipe", test_killed_at_pipe);
  g_test_add_func ("/pcall/seal/killed-at-socket", test_killed_at_socket);

  return g_test_run ();
}
