/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Payloads in memory, and descriptors on a channel, in one process. What children do wrong with
 * them is in the tests of faults. */

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pcall-glib/wire/pcall-channel-private.h>
#include <pcall-glib/wire/pcall-memory-private.h>

#include "task-support.h"

#define NONCE 7

static guint
count_mappings (void)
{
  g_autofree char *maps = NULL;
  guint n = 0;

  g_assert_true (g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL));
  for (const char *at = maps; (at = strstr (at, "/memfd:pcall (deleted)")) != NULL; at++)
    n++;
  return n;
}

/* Memory */

static int
new_memory (const char *text)
{
  struct iovec parts[] = { { (gpointer) text, strlen (text) }, { (gpointer) "", 0 },
                           { (gpointer) "end", 3 } };

  return pcall_memory_new (parts, G_N_ELEMENTS (parts), strlen (text) + 3);
}

static void
assert_payload (PcallPayload *payload,
                const char   *text)
{
  g_assert_cmpmem (pcall_payload_get_data (payload), payload->length, text, strlen (text));
}

static void
test_round_trip (void)
{
  int fd = new_memory ("begin ");
  g_autoptr (GError) error = NULL;
  g_autoptr (PcallPayload) mapped = NULL;
  g_autoptr (PcallPayload) copied = NULL;
  g_autoptr (PcallPayload) other = NULL;
  char byte = 'x';

  g_assert_cmpint (fd, >, STDERR_FILENO);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  g_assert_cmpint (pwrite (fd, &byte, 1, 0), ==, -1);
  g_assert_cmpint (ftruncate (fd, 1), ==, -1);

  mapped = pcall_memory_receive (fd, 9, FALSE, &error);
  g_assert_no_error (error);
  copied = pcall_memory_receive (fd, 9, TRUE, &error);
  g_assert_no_error (error);
  g_assert_true (mapped->mapped);
  g_assert_false (copied->mapped);
  assert_payload (mapped, "begin end");
  assert_payload (copied, "begin end");

  other = pcall_memory_receive (fd, 8, FALSE, &error);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
  g_assert_null (other);
  close (fd);
}

/* A program keeps most of its mappings for itself: what comes then is copied. */
static void
test_many (void)
{
  const guint n = 20000;
  g_autoptr (GPtrArray) payloads =
      g_ptr_array_new_with_free_func ((GDestroyNotify) pcall_payload_unref);
  int fd = new_memory ("one of many, ");
  guint n_mapped = 0;

  for (guint i = 0; i < n; i++)
    {
      PcallPayload *payload = pcall_memory_receive (fd, 16, FALSE, NULL);

      g_assert_nonnull (payload);
      assert_payload (payload, "one of many, end");
      n_mapped += payload->mapped;
      g_ptr_array_add (payloads, payload);
    }
  g_assert_cmpuint (n_mapped, >, 1000);
  g_assert_cmpuint (n_mapped, <, n);

  g_ptr_array_set_size (payloads, 0);
  g_ptr_array_add (payloads, pcall_memory_receive (fd, 16, FALSE, NULL));
  g_assert_true (((PcallPayload *) payloads->pdata[0])->mapped);
  g_ptr_array_set_size (payloads, 0);
  g_assert_cmpuint (count_mappings (), ==, 0);
  close (fd);
}

/* It fails and raises no signal, at the limit and above it. */
static void
test_file_size (void)
{
  struct rlimit saved;

  g_assert_no_errno (getrlimit (RLIMIT_FSIZE, &saved));
  for (guint size = 8; size <= 10; size++)
    {
      struct rlimit small = { size, saved.rlim_max };
      int fd;

      g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &small));
      fd = new_memory ("begin ");
      g_assert_no_errno (setrlimit (RLIMIT_FSIZE, &saved));
      g_assert_cmpint (fd >= 0, ==, size >= 9);
      if (fd >= 0)
        close (fd);
    }
}

static void
test_no_descriptor (void)
{
  int next = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  struct rlimit saved;
  struct rlimit few;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &saved));
  few = (struct rlimit) { next, saved.rlim_max };
  close (next);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &few));
  g_assert_cmpint (new_memory (""), ==, -1);
  g_assert_cmpint (errno, ==, EMFILE);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &saved));
}

/* A part that cannot be read */
static void
test_bad_part (void)
{
  guint n = support_count_descriptors ();
  struct iovec part = { mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 4096 };

  g_assert_cmpint (pcall_memory_new (&part, 1, 4096), ==, -1);
  g_assert_cmpint (errno, ==, EFAULT);
  munmap (part.iov_base, 4096);
  g_assert_cmpuint (support_count_descriptors (), ==, n);
}

/* Channels */

typedef struct
{
  PcallChannel    sender;
  PcallChannel    receiver;
  PcallFrameQueue frames;
  GError         *error;
} Pair;

static void
pair_init (Pair *self)
{
  int fds[2];

  *self = (Pair) { .error = NULL };
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  pcall_channel_init (&self->sender, fds[0], NONCE);
  pcall_channel_init (&self->receiver, fds[1], NONCE);
  self->sender.attaches = TRUE;
}

static void
pair_clear (Pair *self)
{
  pcall_channel_clear (&self->sender);
  pcall_channel_clear (&self->receiver);
  pcall_frame_queue_clear (&self->frames);
  g_clear_error (&self->error);
}

static PcallChannelStatus
receive (Pair *self,
         gsize budget)
{
  return pcall_channel_receive (&self->receiver, budget, &self->frames, &self->error);
}

static void
send_text (Pair          *self,
           PcallFrameType type,
           gsize          size,
           guint          n_handles)
{
  g_autofree char *text = g_strnfill (size, 'x');
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_string (text));
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new ();
  PcallOutgoing frame = pcall_outgoing_new (type, 0, value);

  for (guint i = 0; i < n_handles; i++)
    g_assert_cmpint (g_unix_fd_list_append (list, self->sender.fd, NULL), >=, 0);
  if (n_handles > 0)
    frame.handles = list;
  g_assert_true (pcall_channel_send (&self->sender, &frame, 1));
}

static void
assert_frame (Pair *self,
              gsize size,
              guint n_handles,
              gboolean mapped)
{
  g_autoptr (PcallFrame) frame = pcall_frame_queue_pop (&self->frames);

  g_assert_nonnull (frame);
  g_assert_cmpuint (frame->payload->length, ==, size + 3); /* and its zero, another, and the type */
  g_assert_cmpint (frame->payload->mapped, ==, mapped);
  g_assert_cmpint (frame->handles != NULL, ==, n_handles > 0);
  if (n_handles > 0)
    g_assert_cmpint (g_unix_fd_list_get_length (frame->handles), ==, n_handles);
}

#define LARGE 100000

static const struct
{
  PcallFrameType type;
  gsize          size;
  guint          n_handles;
  gboolean       mapped;
} mixed[] = {
  { PCALL_FRAME_MESSAGE, 1, 0, FALSE },
  { PCALL_FRAME_MESSAGE, 1, 3, FALSE },
  { PCALL_FRAME_RESULT, LARGE, 0, TRUE },
  { PCALL_FRAME_RESULT, 450, 0, FALSE },
  { PCALL_FRAME_RESULT, LARGE, 5, TRUE },
  { PCALL_FRAME_MESSAGE, LARGE, 2, FALSE }, /* as there is something before it that was not read */
  { PCALL_FRAME_RESULT, 1, 252, FALSE },
  { PCALL_FRAME_RESULT, 5000, 1, FALSE },
  { PCALL_FRAME_RESULT, LARGE, 252, TRUE },
};

/* In pieces of whatever size: each frame comes with its own. */
static void
test_mixed (void)
{
  guint n = support_count_descriptors ();

  for (gsize budget = 1; budget <= 1 << 20; budget *= 4)
    {
      Pair pair;

      pair_init (&pair);
      for (gsize i = 0; i < G_N_ELEMENTS (mixed); i++)
        send_text (&pair, mixed[i].type, mixed[i].size, mixed[i].n_handles);
      while (pcall_channel_get_n_waiting (&pair.receiver) > 0)
        {
          PcallChannelStatus status = receive (&pair, budget);

          g_assert_no_error (pair.error);
          g_assert_cmpint (status, ==, PCALL_CHANNEL_OPEN);
        }
      for (gsize i = 0; i < G_N_ELEMENTS (mixed); i++)
        assert_frame (&pair, mixed[i].size, mixed[i].n_handles, mixed[i].mapped);
      g_assert_null (pcall_frame_queue_pop (&pair.frames));
      pair_clear (&pair);
    }
  g_assert_cmpuint (support_count_descriptors (), ==, n);
  g_assert_cmpuint (count_mappings (), ==, 0);
}

/* What came, and nobody took */
static void
test_not_taken (void)
{
  guint n = support_count_descriptors ();

  for (guint received = 0; received < 2; received++)
    {
      Pair pair;

      pair_init (&pair);
      send_text (&pair, PCALL_FRAME_RESULT, LARGE, 7);
      send_text (&pair, PCALL_FRAME_MESSAGE, 1, 7);
      if (received)
        g_assert_cmpint (receive (&pair, G_MAXSIZE), ==, PCALL_CHANNEL_OPEN);
      pair_clear (&pair);
    }
  g_assert_cmpuint (support_count_descriptors (), ==, n);
  g_assert_cmpuint (count_mappings (), ==, 0);
}

/* A message is memory where all before it was read, a result is in any case; and memory counts as
 * what was received. */
static void
test_budget (void)
{
  Pair pair;

  pair_init (&pair);
  send_text (&pair, PCALL_FRAME_MESSAGE, LARGE, 0);
  g_assert_cmpuint (pcall_channel_get_n_waiting (&pair.receiver), ==, PCALL_FRAME_HEADER_SIZE);
  for (guint i = 0; i < 5; i++)
    send_text (&pair, PCALL_FRAME_RESULT, LARGE, 0);
  g_assert_cmpuint (pcall_channel_get_n_waiting (&pair.receiver), ==, 6 * PCALL_FRAME_HEADER_SIZE);

  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpint (receive (&pair, LARGE + 1000), ==, PCALL_CHANNEL_OPEN);
      assert_frame (&pair, LARGE, 0, TRUE);
      assert_frame (&pair, LARGE, 0, TRUE);
      g_assert_null (pcall_frame_queue_pop (&pair.frames));
    }
  g_assert_cmpuint (pair.receiver.n_received, ==, 6 * PCALL_FRAME_HEADER_SIZE);
  pair_clear (&pair);
}

/* A channel to where nothing can be attached */
static void
test_bytes_alone (void)
{
  Pair pair;

  pair_init (&pair);
  pair.sender.attaches = FALSE;
  send_text (&pair, PCALL_FRAME_RESULT, LARGE, 0);
  g_assert_cmpint (receive (&pair, G_MAXSIZE), ==, PCALL_CHANNEL_OPEN);
  assert_frame (&pair, LARGE, 0, FALSE);
  pair_clear (&pair);
}

int
main (int   argc,
      char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/memory/round-trip", test_round_trip);
  g_test_add_func ("/pcall/memory/many", test_many);
  g_test_add_func ("/pcall/memory/file-size", test_file_size);
  g_test_add_func ("/pcall/memory/no-descriptor", test_no_descriptor);
  g_test_add_func ("/pcall/memory/bad-part", test_bad_part);
  g_test_add_func ("/pcall/memory/mixed", test_mixed);
  g_test_add_func ("/pcall/memory/not-taken", test_not_taken);
  g_test_add_func ("/pcall/memory/budget", test_budget);
  g_test_add_func ("/pcall/memory/bytes-alone", test_bytes_alone);

  return g_test_run ();
}
