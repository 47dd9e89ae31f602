/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-directory-private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"

/* Where log files are made.
 *
 * In memory where that can be had: on a disk, making and removing a file costs more than the fork.
 * So the default directory is one in the user's runtime directory, else in /dev/shm, else in that
 * for temporary files; where there is no room, or nothing can be made, the next one is tried. It is
 * shared with other programs of this user, and removed by the last: whoever uses it holds a shared
 * lock on it, and only one who gets the exclusive lock may remove it.
 *
 * Its name is known, so anybody may have made it before. It must belong to this user alone, which
 * is looked at before anything is waited for. Where it does not, or is locked for long, or no locks
 * are to be had, a directory with a random name is used instead, beside it.
 *
 * A parent that is killed cannot remove its files. Who finds that nobody else uses a directory
 * removes the log files that are there, save those that were to be kept; so it does with those of a
 * random name. */

/* How often to look again at a directory that somebody is about to remove, or has to himself,
 * and how long to wait in between: a second in all. */
#define MAX_LOCK_ATTEMPTS 1000
#define FEW_LOCK_ATTEMPTS 20
#define LOCK_PAUSE_US 1000

/* A default directory with less room is passed over as long as there is another. */
#define ENOUGH_BYTES (64 * 1024)

/* In a directory that anybody writes to, there may be any number of names. */
#define MAX_NAMES 4096

typedef enum
{
  LOCK_TAKEN,
  LOCK_BUSY, /* somebody has it to himself */
  LOCK_NONE, /* locks are not to be had here; errno says why */
} Lock;

static gboolean
is_private (int fd)
{
  struct stat st;

  return fstat (fd, &st) == 0 && st.st_uid == geteuid () && (st.st_mode & 077) == 0;
}

static gboolean
is_linked (int fd)
{
  struct stat st;

  return fstat (fd, &st) == 0 && st.st_nlink > 0;
}

/* With a size of 0 a file system in memory has no limit, and no blocks. */
static gboolean
has_room (int fd)
{
  struct statvfs fs;

  if (faccessat (fd, ".", W_OK | X_OK, AT_EACCESS) < 0 && errno != ENOSYS && errno != EPERM)
    return FALSE;
  if (fstatvfs (fd, &fs) < 0)
    return TRUE;
  if (fs.f_flag & ST_RDONLY)
    errno = EROFS;
  else if ((fs.f_blocks > 0 && (guint64) fs.f_bavail * fs.f_frsize < ENOUGH_BYTES) ||
           (fs.f_files > 0 && fs.f_favail == 0))
    errno = ENOSPC;
  else
    return TRUE;
  return FALSE;
}

/* Returns -1, with errno as it was. */
static int
unmake (const char *path,
        gboolean    made)
{
  int saved_errno = errno;

  if (made)
    rmdir (path);
  errno = saved_errno;
  return -1;
}

static void
close_with_errno (int fd,
                  int error_number)
{
  close (fd);
  errno = error_number;
}

/* Locks */

static int
lock_now (int fd,
          int operation)
{
  int result;

  while ((result = flock (fd, operation | LOCK_NB)) < 0 && errno == EINTR)
    ;
  return result;
}

/* Who has the lock alone has it for a moment, longer only where a machine is busy. */
static Lock
lock_shared (int fd,
             int max_attempts)
{
  for (int attempt = 0; lock_now (fd, LOCK_SH) < 0; attempt++)
    {
      if (errno != EWOULDBLOCK)
        return LOCK_NONE;
      if (attempt >= max_attempts)
        return LOCK_BUSY;
      g_usleep (LOCK_PAUSE_US);
    }
  return LOCK_TAKEN;
}

/* What was left */

/* Digits, each of the three numbers of a name, and nothing else. */
static gboolean
is_log_name (const char *name)
{
  static const char *const parts[] = { PCALL_LOG_FILE_PREFIX, "-call-", "-pid-" };

  for (gsize i = 0; i < G_N_ELEMENTS (parts); i++)
    {
      gsize n_digits;

      if (!g_str_has_prefix (name, parts[i]))
        return FALSE;
      name += strlen (parts[i]);
      n_digits = strspn (name, "0123456789");
      if (n_digits == 0)
        return FALSE;
      name += n_digits;
    }
  return strcmp (name, PCALL_LOG_FILE_SUFFIX) == 0 || strcmp (name, PCALL_OUT_FILE_SUFFIX) == 0;
}

static void
sweep_file (int         directory_fd,
            const char *name)
{
  struct stat st;

  if (is_log_name (name) && fstatat (directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
      st.st_uid == geteuid () && !(st.st_mode & PCALL_LOG_FILE_KEPT))
    unlinkat (directory_fd, name, 0);
}

/* Calls @func with each name; @path is that of a directory, or "." for @fd itself. */
static void
for_each_name (int                    fd,
               const char            *path,
               void      (*func) (int fd, const char *name))
{
  int copy = openat (fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = copy >= 0 ? fdopendir (copy) : NULL;
  struct dirent *entry;

  if (dir == NULL)
    {
      pcall_fd_clear (&copy);
      return;
    }
  for (int n = 0; n < MAX_NAMES && (entry = readdir (dir)) != NULL; n++)
    func (dirfd (dir), entry->d_name);
  closedir (dir);
}

/* Nothing of anybody's is in use while this has the lock alone, which it can only try to get before
 * it has it with others: flock() that fails to change a lock drops it. */
static gboolean
sweep_if_unused (int fd)
{
  if (lock_now (fd, LOCK_EX) < 0)
    return FALSE;
  for_each_name (fd, ".", sweep_file);
  return TRUE;
}

/* The default directory, by its known name */

/* Another program may remove the directory until it is locked here: then it is made again. */
static int
open_shared (const char *path)
{
  for (int attempt = 0; attempt < MAX_LOCK_ATTEMPTS; attempt++)
    {
      gboolean made = mkdir (path, 0700) == 0;
      Lock lock;
      int fd;

      if (!made && errno != EEXIST)
        return -1;
      fd = pcall_fd_lift (open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
      if (fd < 0 && errno != ENOENT)
        return unmake (path, made);
      if (fd < 0)
        continue;

      if (!is_private (fd))
        {
          close_with_errno (fd, EACCES);
          return unmake (path, made);
        }
      sweep_if_unused (fd);
      lock = lock_shared (fd, MAX_LOCK_ATTEMPTS);
      if (lock != LOCK_TAKEN)
        {
          close_with_errno (fd, errno);
          return unmake (path, made);
        }
      if (is_linked (fd))
        return fd;
      close (fd);
    }
  errno = EWOULDBLOCK;
  return -1;
}

/* And one by a random name */

static char *
make_shared_path (const char *base)
{
  g_autofree char *name = g_strdup_printf ("pcall-%u", (guint) geteuid ());

  return g_build_filename (base, name, NULL);
}

/* Only where nobody has a lock on it: it was left by a program that was killed. */
static void
remove_if_left (int         base_fd,
                const char *name)
{
  g_autofree char *prefix = g_strdup_printf ("pcall-%u-", (guint) geteuid ());
  int fd = -1;

  if (g_str_has_prefix (name, prefix))
    fd = openat (base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0)
    return;
  if (is_private (fd) && sweep_if_unused (fd))
    unlinkat (base_fd, name, AT_REMOVEDIR);
  close (fd);
}

/* @pattern ends in XXXXXX. */
static int
open_random (char *pattern)
{
  int fd;

  if (g_mkdtemp (pattern) == NULL)
    return -1;
  fd = pcall_fd_lift (open (pattern, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  return fd >= 0 ? fd : unmake (pattern, TRUE);
}

/* Where there are no locks, nobody can tell whether a directory is in use: its name is one that is
 * never looked for. */
static int
open_private (const char *base,
              char      **path)
{
  char *pattern = g_strdup_printf ("%s/pcall-%u-XXXXXX", base, (guint) geteuid ());
  int fd;

  for_each_name (AT_FDCWD, base, remove_if_left);
  fd = open_random (pattern);
  if (fd >= 0 && (lock_shared (fd, FEW_LOCK_ATTEMPTS) != LOCK_TAKEN || !is_linked (fd)))
    {
      close (fd);
      unmake (pattern, TRUE);
      g_free (pattern);
      pattern = g_strdup_printf ("%s/pcall-of-%u-XXXXXX", base, (guint) geteuid ());
      fd = open_random (pattern);
    }
  *path = pattern;
  return fd;
}

/* Trying one after the other */

/* Takes @fd, which may be -1, and @path. */
static gboolean
take_if_good (PcallLogDirectory *self,
              int                fd,
              char              *path,
              gboolean           needs_room)
{
  if (fd >= 0 && (!needs_room || has_room (fd)))
    {
      *self = (PcallLogDirectory) { path, fd, TRUE };
      return TRUE;
    }

  if (fd >= 0)
    {
      int saved_errno = errno;

      *self = (PcallLogDirectory) { path, fd, TRUE };
      pcall_log_directory_close (self);
      self->path = NULL;
      errno = saved_errno;
    }
  g_free (path);
  return FALSE;
}

static gboolean
try_base (PcallLogDirectory *self,
          const char        *base,
          char              *shared_path,
          gboolean           needs_room)
{
  char *path = NULL;
  int fd = open_shared (shared_path);

  if (fd >= 0)
    return take_if_good (self, fd, shared_path, needs_room);

  g_free (shared_path);
  fd = open_private (base, &path);
  return take_if_good (self, fd, path, needs_room);
}

static gboolean
try_all (PcallLogDirectory *self,
         gboolean           needs_room)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  const char *bases[] = { "/dev/shm", g_get_tmp_dir () };

  if (runtime != NULL && g_path_is_absolute (runtime) &&
      try_base (self, runtime, g_build_filename (runtime, "pcall", NULL), needs_room))
    return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (bases); i++)
    if (try_base (self, bases[i], make_shared_path (bases[i]), needs_room))
      return TRUE;
  return FALSE;
}

gboolean
pcall_log_directory_open_default (PcallLogDirectory *self)
{
  return try_all (self, TRUE) || try_all (self, FALSE);
}

/* A directory that the user chose may be anybody's, and a link, and is not swept. Where somebody
 * keeps the lock to himself, or there are none, it can be used without: it is only removed when it
 * is empty. */
static int
open_and_lock (const char *path)
{
  for (int attempt = 0;; attempt++)
    {
      gboolean made = mkdir (path, 0700) == 0;
      int fd;

      if (!made && errno != EEXIST)
        return -1;
      fd = pcall_fd_lift (open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      if (fd < 0 && (errno != ENOENT || attempt >= MAX_LOCK_ATTEMPTS))
        return unmake (path, made);
      if (fd < 0)
        continue;

      lock_shared (fd, FEW_LOCK_ATTEMPTS);
      if (is_linked (fd) || attempt >= MAX_LOCK_ATTEMPTS)
        return fd;
      close (fd);
    }
}

gboolean
pcall_log_directory_open_given (PcallLogDirectory *self,
                                const char        *path)
{
  gboolean made = !g_file_test (path, G_FILE_TEST_EXISTS);
  int fd = g_mkdir_with_parents (path, 0700) == 0 ? open_and_lock (path) : -1;

  if (fd < 0)
    {
      unmake (path, made);
      return FALSE;
    }
  *self = (PcallLogDirectory) { g_strdup (path), fd, made };
  return TRUE;
}

void
pcall_log_directory_close (PcallLogDirectory *self)
{
  if (self->made && self->fd >= 0 && (lock_now (self->fd, LOCK_EX) == 0 || errno != EWOULDBLOCK))
    rmdir (self->path);
  pcall_fd_clear (&self->fd);
}
