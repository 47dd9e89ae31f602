/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-memory-private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-fd-private.h"

/* Large payloads: memory that one process fills, seals and sends, and another one maps.
 *
 * It is filled by write(): mapping it to copy into it would cost twice as much, most of that for
 * zeroing pages that are written to at once.
 *
 * Who maps memory that somebody else may shorten dies of SIGBUS by looking at it, and who believes
 * what somebody else may change has checked it in vain. Seals exclude both. What has holes, or lies
 * on another file system, is not mapped either: reading it could fail, or take memory that the
 * sender never had. */

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

#define BLOCK_SIZE 512

static gboolean
write_parts (int                 fd,
             const struct iovec *parts,
             guint               n_parts)
{
  for (guint i = 0; i < n_parts; i++)
    if (!pcall_fd_write_all (fd, parts[i].iov_base, parts[i].iov_len))
      return FALSE;
  return TRUE;
}

static gboolean
seal (int fd)
{
  return fcntl (fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL) == 0;
}

int
pcall_memory_new (const struct iovec *parts,
                  guint               n_parts,
                  gsize               size)
{
  int saved_errno;
  int fd;

  if (!pcall_fd_may_hold (size))
    return -1;

  fd = pcall_fd_lift (memfd_create ("pcall", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (fd < 0 || (write_parts (fd, parts, n_parts) && seal (fd)))
    return fd;

  saved_errno = errno;
  close (fd);
  errno = saved_errno;
  return -1;
}

gboolean
pcall_memory_finish (int                 fd,
                     const struct iovec *parts,
                     guint               n_parts)
{
  off_t end = lseek (fd, 0, SEEK_END);
  gsize size = 0;

  for (guint i = 0; i < n_parts; i++)
    size += parts[i].iov_len;
  return end >= 0 && pcall_fd_may_hold (end + size) && write_parts (fd, parts, n_parts) &&
         seal (fd);
}

/* The other side */

static gboolean
refuse (GError    **error,
        const char *complaint)
{
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL,
               "memory was sent in place of a frame's payload, and %s", complaint);
  return FALSE;
}

/* Pages behind the end (FALLOC_FL_KEEP_SIZE) are counted as those of the file are, and would hide
 * holes. To set the size that it has frees them; the seals allow that. */
static int
drop_excess (int          fd,
             struct stat *stat)
{
  return ftruncate (fd, stat->st_size) < 0 ? -1 : fstat (fd, stat);
}

/* The seals first: what else is found holds from there on. */
static gboolean
check (int      fd,
       guint64  length,
       GError **error)
{
  int seals = fcntl (fd, F_GET_SEALS);
  struct statfs filesystem;
  struct stat stat;

  if (seals < 0)
    return refuse (error, "it is none that can be sealed");
  if ((seals & SEALS) != SEALS)
    return refuse (error, "it is not sealed");
  if (fstatfs (fd, &filesystem) < 0 || fstat (fd, &stat) < 0 || drop_excess (fd, &stat) < 0)
    return refuse (error, g_strerror (errno));
  if (stat.st_size < 0 || (guint64) stat.st_size != length)
    return refuse (error, "it has not the size that the frame tells");
  if (filesystem.f_type != TMPFS_MAGIC)
    return refuse (error, "it is not of ordinary pages");
  if ((guint64) stat.st_blocks < length / BLOCK_SIZE)
    return refuse (error, "it has holes");
  return TRUE;
}

static gboolean
read_all (int      fd,
          guint8  *data,
          gsize    size,
          GError **error)
{
  for (gsize filled = 0; filled < size;)
    {
      ssize_t n = pread (fd, data + filled, size - filled, filled);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return refuse (error, n < 0 ? g_strerror (errno) : "it ends early");
      filled += n;
    }
  return TRUE;
}

static PcallPayload *
copy (int      fd,
      gsize    length,
      GError **error)
{
  g_autoptr (PcallPayload) payload = pcall_payload_resize (NULL, length);

  if (payload == NULL)
    {
      refuse (error, "there is no memory to copy it to");
      return NULL;
    }

  payload->length = length;
  return read_all (fd, payload->bytes, length, error) ? g_steal_pointer (&payload) : NULL;
}

PcallPayload *
pcall_memory_receive (int       fd,
                      guint64   length,
                      gboolean  writable,
                      GError  **error)
{
  PcallPayload *payload;

  if (!check (fd, length, error))
    return NULL;
  if (length > G_MAXSSIZE)
    {
      refuse (error, "this machine has no addresses for it");
      return NULL;
    }

  payload = writable ? NULL : pcall_payload_new_mapped (fd, length);
  return payload != NULL ? payload : copy (fd, length, error);
}
