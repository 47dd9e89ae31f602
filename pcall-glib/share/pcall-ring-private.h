/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A stream of bytes in memory that two processes share: one writes, the other reads. */

/* In shared memory; all zero in the beginning. Each side has a cache line of its own. */
typedef struct
{
  guint32 head;    /* how many bytes were written, wrapping */
  guint32 waiting; /* the writer waits for room */
  guint8  gap[56];
  guint32 tail;    /* how many were read */
  guint8  rest[60];
} PcallRingPositions;

/* One side's view of it. */
typedef struct
{
  PcallRingPositions *positions;
  guint8             *bytes;
  guint32             size; /* a power of two */
} PcallRing;

/* The writer's side. What is put behind the head is there for the reader when it is published. */
guint32 pcall_ring_get_room (const PcallRing *self);
void    pcall_ring_put      (const PcallRing *self,
                             guint32          offset,
                             gconstpointer    data,
                             guint32          size);
void    pcall_ring_publish  (const PcallRing *self,
                             guint32          size);
/* Waits until there is more room than before; where there are @size bytes already, not at all. */
void    pcall_ring_wait     (const PcallRing *self,
                             guint32          size);

/* The reader's side. G_MAXUINT32 where the positions are not those of a ring. */
guint32 pcall_ring_get_filled (const PcallRing *self);
guint32 pcall_ring_get_head   (const PcallRing *self);
guint32 pcall_ring_get_tail   (const PcallRing *self);
void    pcall_ring_peek       (const PcallRing *self,
                               guint32          offset,
                               gpointer         data,
                               guint32          size);
void    pcall_ring_skip       (const PcallRing *self,
                               guint32          size);
/* Lets a writer that waits go on. */
void    pcall_ring_release     (const PcallRing *self);

G_END_DECLS
