/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* What a worker writes down while a call runs: memory of its own, which the parent reads when the
 * call has ended, however it did. The worker may destroy it in any way, so the parent reads it as a
 * file, and never maps it. */

/* The beginning; it is followed by @length bytes of the worker's. */
typedef struct
{
  guint32 length;
  guint32 reserved;
  gint64  since; /* when the part began that runs, by the monotonic clock, in us; 0: the call did */
} PcallJournalHead;

#define PCALL_JOURNAL_SIZE (1024 * 1024)

/* A descriptor, or -1 with errno set. */
int      pcall_journal_new       (void);
/* In the parent, while no call runs: nothing is written. */
void     pcall_journal_reset     (int fd);
/* NULL where nothing is. */
GBytes  *pcall_journal_read      (int fd);
/* 0 where it does not say. */
gint64   pcall_journal_get_since (int fd);

/* In the worker: all of it, to be written to; NULL where it cannot be mapped. Takes @fd. */
GBytes  *pcall_journal_map       (int fd);

G_END_DECLS
