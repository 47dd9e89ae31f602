/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-ring-private.h"

#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A stream of bytes in shared memory.
 *
 * Head and tail count bytes and wrap by themselves; each is written by one side alone. Bytes are
 * there before the head says so, and are read before the tail does. A writer that finds no room
 * sleeps in the kernel; the reader wakes it only then, once it has read what there was.
 *
 * The reader trusts no number that it finds: the writer may be a process gone wild. */

static guint32
load (const guint32 *number)
{
  return (guint32) g_atomic_int_get (number);
}

static void
store (guint32 *number,
       guint32  value)
{
  g_atomic_int_set (number, value);
}

/* The two pieces that a stretch of the ring may be. */
typedef struct
{
  guint8 *first;
  guint32 n_first;
  guint8 *second;
  guint32 n_second;
} Pieces;

static Pieces
find_pieces (const PcallRing *self,
             guint32          position,
             guint32          size)
{
  guint32 begin = position & (self->size - 1);
  guint32 n_first = MIN (size, self->size - begin);

  return (Pieces) { self->bytes + begin, n_first, self->bytes, size - n_first };
}

guint32
pcall_ring_get_filled (const PcallRing *self)
{
  guint32 filled = load (&self->positions->head) - load (&self->positions->tail);

  return filled <= self->size ? filled : G_MAXUINT32;
}

guint32
pcall_ring_get_room (const PcallRing *self)
{
  return self->size - (load (&self->positions->head) - load (&self->positions->tail));
}

void
pcall_ring_put (const PcallRing *self,
                guint32          offset,
                gconstpointer    data,
                guint32          size)
{
  Pieces pieces = find_pieces (self, self->positions->head + offset, size);

  memcpy (pieces.first, data, pieces.n_first);
  if (pieces.n_second > 0)
    memcpy (pieces.second, (const guint8 *) data + pieces.n_first, pieces.n_second);
}

void
pcall_ring_publish (const PcallRing *self,
                    guint32          size)
{
  store (&self->positions->head, self->positions->head + size);
}

void
pcall_ring_wait (const PcallRing *self,
                 guint32          size)
{
  guint32 tail = load (&self->positions->tail);

  store (&self->positions->waiting, TRUE);
  /* A tail that has changed since, and a signal, bring us back at once: then look again. */
  if (pcall_ring_get_room (self) < size)
    syscall (SYS_futex, &self->positions->tail, FUTEX_WAIT, tail, NULL, NULL, 0);
  store (&self->positions->waiting, FALSE);
}

guint32
pcall_ring_get_head (const PcallRing *self)
{
  return load (&self->positions->head);
}

guint32
pcall_ring_get_tail (const PcallRing *self)
{
  return load (&self->positions->tail);
}

void
pcall_ring_peek (const PcallRing *self,
                 guint32          offset,
                 gpointer         data,
                 guint32          size)
{
  Pieces pieces = find_pieces (self, self->positions->tail + offset, size);

  memcpy (data, pieces.first, pieces.n_first);
  if (pieces.n_second > 0)
    memcpy ((guint8 *) data + pieces.n_first, pieces.second, pieces.n_second);
}

void
pcall_ring_skip (const PcallRing *self,
                 guint32          size)
{
  store (&self->positions->tail, self->positions->tail + size);
}

void
pcall_ring_release (const PcallRing *self)
{
  if (load (&self->positions->waiting))
    syscall (SYS_futex, &self->positions->tail, FUTEX_WAKE, 1, NULL, NULL, 0);
}
