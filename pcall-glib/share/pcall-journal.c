/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "share/pcall-journal-private.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"

/* The journal of a worker.
 *
 * It costs a page for what is never written. A head that lies about the length, or memory that is
 * shorter, gives the parent fewer bytes, and nothing else. */

int
pcall_journal_new (void)
{
  int saved_errno;
  int fd;

  if (!pcall_fd_may_hold (PCALL_JOURNAL_SIZE))
    return -1;

  fd = pcall_fd_lift (memfd_create ("pcall-journal", MFD_CLOEXEC));
  if (fd < 0 || ftruncate (fd, PCALL_JOURNAL_SIZE) == 0)
    return fd;

  saved_errno = errno;
  close (fd);
  errno = saved_errno;
  return -1;
}

static gsize
read_at (int      fd,
         gpointer data,
         gsize    size,
         gsize    offset)
{
  gssize n;

  while ((n = pread (fd, data, size, offset)) < 0 && errno == EINTR)
    ;
  return MAX (n, 0);
}

static PcallJournalHead
read_head (int fd)
{
  PcallJournalHead head = { 0 };

  if (read_at (fd, &head, sizeof head, 0) < sizeof head)
    head = (PcallJournalHead) { 0 };
  return head;
}

void
pcall_journal_reset (int fd)
{
  const PcallJournalHead head = { 0 };

  /* Where a worker has made that impossible, what it wrote there is of no use to anybody. */
  while (pwrite (fd, &head, sizeof head, 0) < 0 && errno == EINTR)
    ;
}

GBytes *
pcall_journal_read (int fd)
{
  gsize length = MIN (read_head (fd).length, PCALL_JOURNAL_SIZE - sizeof (PcallJournalHead));
  g_autofree guint8 *data = NULL;

  if (length == 0)
    return NULL;

  data = g_malloc (length);
  length = read_at (fd, data, length, sizeof (PcallJournalHead));
  return length > 0 ? g_bytes_new_take (g_steal_pointer (&data), length) : NULL;
}

gint64
pcall_journal_get_since (int fd)
{
  return read_head (fd).since;
}

static void
unmap (gpointer data)
{
  munmap (data, PCALL_JOURNAL_SIZE);
}

GBytes *
pcall_journal_map (int fd)
{
  gpointer data = mmap (NULL, PCALL_JOURNAL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  close (fd);
  if (data == MAP_FAILED)
    return NULL;
  return g_bytes_new_with_free_func (data, PCALL_JOURNAL_SIZE, unmap, data);
}
