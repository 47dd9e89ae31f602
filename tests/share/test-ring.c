/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A stream of bytes in shared memory: pieces of all sizes wherever they begin, also where the count
 * of bytes wraps; a writer that waits for room; and positions that cannot be true. */

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/share/pcall-ring-private.h>

#include "task-support.h"

#define SIZE 32
#define GUARD 16
#define UNTOUCHED 0xee

/* A ring with bytes beside it that nobody is to touch. */
typedef struct
{
  PcallRingPositions positions;
  guint8 memory[GUARD + SIZE + GUARD];
  PcallRing ring;
} Guarded;

static void
guarded_init (Guarded *self, guint32 position)
{
  memset (self, 0, sizeof *self);
  memset (self->memory, UNTOUCHED, sizeof self->memory);
  self->positions.head = self->positions.tail = position;
  self->ring = (PcallRing) { &self->positions, self->memory + GUARD, SIZE };
}

static void
assert_guards (const Guarded *self)
{
  for (guint i = 0; i < GUARD; i++)
    {
      g_assert_cmphex (self->memory[i], ==, UNTOUCHED);
      g_assert_cmphex (self->memory[GUARD + SIZE + i], ==, UNTOUCHED);
    }
}

/* Where the stream has come to, around the ring's end and the end of the count */
static const guint32 positions[] = {
  0, 1, 7, SIZE - 1, SIZE, SIZE + 5, G_MAXINT32, G_MAXUINT32 - SIZE, G_MAXUINT32 - 9, G_MAXUINT32,
};

static void
fill (guint8 *bytes, guint32 n, guint8 first)
{
  for (guint32 i = 0; i < n; i++)
    bytes[i] = (guint8) (first + i);
}

static void
assert_peek (const PcallRing *ring, guint32 offset, const guint8 *expected, guint32 size)
{
  guint8 read[SIZE + 1];

  memset (read, UNTOUCHED, sizeof read);
  pcall_ring_peek (ring, offset, read, size);
  g_assert_cmpmem (read, size, expected, size);
  g_assert_cmphex (read[size], ==, UNTOUCHED);
}

/* Published at once, though put in two pieces; read in two, and whole. */
static void
pass_through (guint32 position, guint32 size, guint32 first)
{
  Guarded self;
  guint8 bytes[SIZE];

  guarded_init (&self, position);
  fill (bytes, size, 1);
  g_assert_cmpuint (pcall_ring_get_room (&self.ring), ==, SIZE);
  pcall_ring_put (&self.ring, 0, bytes, first);
  pcall_ring_put (&self.ring, first, bytes + first, size - first);
  g_assert_cmpuint (pcall_ring_get_filled (&self.ring), ==, 0);
  g_assert_cmpuint (pcall_ring_get_head (&self.ring), ==, position);

  pcall_ring_publish (&self.ring, size);
  g_assert_cmpuint (pcall_ring_get_filled (&self.ring), ==, size);
  g_assert_cmpuint (pcall_ring_get_room (&self.ring), ==, SIZE - size);
  g_assert_cmpuint (pcall_ring_get_head (&self.ring), ==, position + size);
  g_assert_cmpuint (pcall_ring_get_tail (&self.ring), ==, position);
  assert_peek (&self.ring, 0, bytes, size);
  assert_peek (&self.ring, first, bytes + first, size - first);

  pcall_ring_skip (&self.ring, first);
  g_assert_cmpuint (pcall_ring_get_tail (&self.ring), ==, position + first);
  g_assert_cmpuint (pcall_ring_get_filled (&self.ring), ==, size - first);
  g_assert_cmpuint (pcall_ring_get_room (&self.ring), ==, SIZE - size + first);
  assert_peek (&self.ring, 0, bytes + first, size - first);
  assert_guards (&self);
}

static void
test_pieces (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (positions); i++)
    for (guint32 size = 0; size <= SIZE; size++)
      for (guint32 first = 0; first <= size; first++)
        pass_through (positions[i], size, first);
}

/* What is put leaves alone what is not read yet. */
static void
test_stream (void)
{
  Guarded self;
  guint8 written = 0, read = 0;

  guarded_init (&self, G_MAXUINT32 - 5000);
  for (guint round = 0; round < 20000; round++)
    {
      guint8 bytes[SIZE];
      guint32 n = g_test_rand_int_range (0, pcall_ring_get_room (&self.ring) + 1);

      fill (bytes, n, written);
      written += n;
      pcall_ring_put (&self.ring, 0, bytes, n);
      pcall_ring_publish (&self.ring, n);

      n = g_test_rand_int_range (0, pcall_ring_get_filled (&self.ring) + 1);
      fill (bytes, n, read);
      read += n;
      assert_peek (&self.ring, 0, bytes, n);
      pcall_ring_skip (&self.ring, n);
    }
  assert_guards (&self);
}

/* A writer gone wild may say that it wrote anything. */
static void
test_lies (void)
{
  static const struct
  {
    guint32 ahead; /* of the tail, which the reader alone writes */
    guint32 filled;
  } rows[] = {
    { 0, 0 },
    { 1, 1 },
    { SIZE - 1, SIZE - 1 },
    { SIZE, SIZE },
    { SIZE + 1, G_MAXUINT32 },
    { 2 * SIZE, G_MAXUINT32 },
    { G_MAXINT32, G_MAXUINT32 },
    { G_MAXUINT32, G_MAXUINT32 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (positions); i++)
    for (gsize j = 0; j < G_N_ELEMENTS (rows); j++)
      {
        Guarded self;

        guarded_init (&self, positions[i]);
        self.positions.head = positions[i] + rows[j].ahead;
        g_assert_cmpuint (pcall_ring_get_filled (&self.ring), ==, rows[j].filled);
      }
}

/* Waiting */

static void
test_room_already (void)
{
  for (guint32 filled = 0; filled <= SIZE; filled++)
    {
      Guarded self;

      guarded_init (&self, G_MAXUINT32 - 3);
      pcall_ring_publish (&self.ring, filled);
      /* With an alarm: to wait here is to wait for ever. */
      alarm (SUPPORT_LIMIT_S);
      pcall_ring_wait (&self.ring, SIZE - filled);
      alarm (0);
      g_assert_cmpuint (self.positions.waiting, ==, FALSE);
      g_assert_cmpuint (pcall_ring_get_filled (&self.ring), ==, filled);
    }
}

/* In memory that a forked child shares. */
static void
shared_init (PcallRing *self)
{
  guint8 *page = support_share ();

  *self = (PcallRing) { (PcallRingPositions *) page, page + sizeof (PcallRingPositions), SIZE };
  self->positions->head = self->positions->tail = G_MAXUINT32 - 20;
}

static void
assert_exits (pid_t pid)
{
  int status;

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static pid_t
fork_with_alarm (void)
{
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    alarm (SUPPORT_LIMIT_S);
  return pid;
}

static gboolean
is_asleep (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *stat = NULL;
  const char *state;

  g_assert_true (g_file_get_contents (path, &stat, NULL, NULL));
  state = strrchr (stat, ')');
  return state != NULL && state[2] == 'S';
}

/* Until the writer has found no room, and sleeps in the kernel. */
static void
wait_until_asleep (const PcallRing *ring, pid_t pid)
{
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  while (!g_atomic_int_get (&ring->positions->waiting) || !is_asleep (pid))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_thread_yield ();
    }
}

/* A writer that needs three bytes of a full ring is given them, so many at a time. */
static void
test_woken (gconstpointer data)
{
  guint32 at_once = GPOINTER_TO_UINT (data);
  PcallRing ring;
  pid_t pid;

  shared_init (&ring);
  pcall_ring_publish (&ring, SIZE);
  pid = fork_with_alarm ();
  if (pid == 0)
    {
      while (pcall_ring_get_room (&ring) < 3)
        pcall_ring_wait (&ring, 3);
      _exit (ring.positions->waiting ? 1 : 0);
    }

  for (guint32 given = 0; given < 3; given += at_once)
    {
      wait_until_asleep (&ring, pid);
      pcall_ring_skip (&ring, at_once);
      pcall_ring_release (&ring);
    }
  assert_exits (pid);
  support_unshare (ring.positions);
}

#define N_BYTES (1u << 20)

/* Of a stream, by where in it that stands: no two pieces of the ring's size are alike. */
static guint8
stream_byte (guint32 at)
{
  return (guint8) (at * 7 + at / SIZE);
}

static void
write_all (const PcallRing *ring)
{
  guint32 n;

  for (guint32 written = 0; written < N_BYTES; written += n)
    {
      guint8 bytes[SIZE];

      n = MIN (written % SIZE + 1, N_BYTES - written);
      for (guint32 i = 0; i < n; i++)
        bytes[i] = stream_byte (written + i);
      while (pcall_ring_get_room (ring) < n)
        pcall_ring_wait (ring, n);
      pcall_ring_put (ring, 0, bytes, n);
      pcall_ring_publish (ring, n);
    }
}

/* What there is now; how many bytes. */
static guint32
read_some (const PcallRing *ring, guint32 n_read)
{
  guint32 n = pcall_ring_get_filled (ring);
  guint8 bytes[SIZE];

  g_assert_cmpuint (n, <=, SIZE);
  pcall_ring_peek (ring, 0, bytes, n);
  for (guint32 i = 0; i < n; i++)
    g_assert_cmphex (bytes[i], ==, stream_byte (n_read + i));
  pcall_ring_skip (ring, n);
  pcall_ring_release (ring);
  return n;
}

static void
test_processes (void)
{
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  PcallRing ring;
  pid_t pid;

  shared_init (&ring);
  pid = fork_with_alarm ();
  if (pid == 0)
    {
      write_all (&ring);
      _exit (0);
    }

  for (guint32 n_read = 0; n_read < N_BYTES; n_read += read_some (&ring, n_read))
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
  assert_exits (pid);
  support_unshare (ring.positions);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/ring/pieces", test_pieces);
  g_test_add_func ("/pcall/ring/stream", test_stream);
  g_test_add_func ("/pcall/ring/lies", test_lies);
  g_test_add_func ("/pcall/ring/wait/room-already", test_room_already);
  g_test_add_data_func ("/pcall/ring/wait/all-at-once", GUINT_TO_POINTER (3), test_woken);
  g_test_add_data_func ("/pcall/ring/wait/one-at-a-time", GUINT_TO_POINTER (1), test_woken);
  g_test_add_func ("/pcall/ring/processes", test_processes);

  return g_test_run ();
}
