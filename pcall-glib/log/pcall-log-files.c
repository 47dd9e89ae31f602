/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-files-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-limits-private.h"
#include "log/pcall-log-directory-private.h"

/* The child's log file.
 *
 * Its name is never given twice, for where process ids repeat (in containers that share a
 * directory) so would names that are made of them: it begins with a random number of the task's. So
 * whatever has such a name was made by this task.
 *
 * The child opens its file by the directory's descriptor, so that nothing that happens to the path
 * meanwhile can lead it elsewhere.
 *
 * Where there are two files the log file is made first and removed last: so there is one where
 * there is the other, and a call that wrote nothing is known by it alone. */

#define LOG PCALL_LOG_FILE_SUFFIX
#define OUT PCALL_OUT_FILE_SUFFIX

#define NAME_SIZE 96

/* About half a millisecond's work */
#define SHRINK_SIZE (8 * 1024 * 1024)

struct _PcallLogFiles
{
  gatomicrefcount   ref_count;
  PcallLogDirectory directory;
  int               error_number; /* why there is none, an errno; 0 if there is */
  PcallLogKey       key;
  char              prefix[32];   /* of the names of all files */
  guint64           max_size;     /* of what is logged of a file; 0: all */
  gint64            deadline;     /* for logging; 0: none */
  gboolean          keep;         /* files are marked, in the directory that is swept */
  gboolean          streams;      /* what is printed goes to this process's own streams */
  gboolean          split;        /* these are two */
  gboolean          joins;        /* files are joined in the end */
};

/* Without a directory of the default kind children write where the parent writes, and each call
 * says why. What the system has no room for now is another thing: it may have later. */
static gboolean
open_directory (PcallLogFiles *self,
                const char    *path,
                GError       **error)
{
  if (path != NULL)
    {
      if (pcall_log_directory_open_given (&self->directory, path))
        return TRUE;
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "log-directory %s: %s", path,
                   g_strerror (errno));
      return FALSE;
    }

  if (pcall_log_directory_open_default (&self->directory))
    return TRUE;

  self->error_number = errno;
  self->directory = (PcallLogDirectory) { g_strdup (""), -1, FALSE };
  if (!pcall_limits_is_want_of_room (self->error_number))
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
               "no private directory for log files in XDG_RUNTIME_DIR, /dev/shm and %s: %s; set "
               "log-directory, or log-mode to 'inherit'",
               g_get_tmp_dir (), g_strerror (self->error_number));
  return FALSE;
}

PcallLogFiles *
pcall_log_files_new (const char *directory,
                     gboolean    keep,
                     guint64     number,
                     guint64     name,
                     GError    **error)
{
  g_autoptr (PcallLogFiles) self = g_new0 (PcallLogFiles, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->directory.fd = -1;
  self->keep = keep && directory == NULL;
  pcall_log_key_init (&self->key, number);
  g_snprintf (self->prefix, sizeof self->prefix, PCALL_LOG_FILE_PREFIX "%" G_GUINT64_FORMAT, name);
  return open_directory (self, directory, error) ? g_steal_pointer (&self) : NULL;
}

PCALL_CHILD_CODE PcallLogFiles *
pcall_log_files_ref (PcallLogFiles *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_log_files_unref (PcallLogFiles *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  pcall_fd_clear (&self->directory.fd);
  g_free (self->directory.path);
  g_free (self);
}

void
pcall_log_files_close (PcallLogFiles *self)
{
  pcall_log_directory_close (&self->directory);
}

/* Used in the child too: see pcall_write_number(). */
PCALL_CHILD_CODE static void
write_name (const PcallLogFiles *self,
            guint                index,
            pid_t                pid,
            const char          *suffix,
            char                 name[NAME_SIZE])
{
  name = stpcpy (name, self->prefix);
  name = pcall_write_number (stpcpy (name, "-call-"), index);
  name = pcall_write_number (stpcpy (name, "-pid-"), pid);
  stpcpy (name, suffix);
}

/* Where both go to one place, one file keeps the order between them, too. */
static gboolean
are_same_file (int fd,
               int other)
{
  struct stat st, other_st;

  return fstat (fd, &st) == 0 && fstat (other, &other_st) == 0 && st.st_dev == other_st.st_dev &&
         st.st_ino == other_st.st_ino;
}

void
pcall_log_files_set_streams (PcallLogFiles *self,
                             gboolean       joins)
{
  self->streams = TRUE;
  self->joins = joins;
  self->split = !are_same_file (STDOUT_FILENO, STDERR_FILENO);
}

gboolean
pcall_log_files_has_streams (const PcallLogFiles *self)
{
  return self->streams;
}

gboolean
pcall_log_files_are_split (const PcallLogFiles *self)
{
  return self->split;
}

void
pcall_log_files_set_split (PcallLogFiles *self,
                           gboolean       split)
{
  self->split = split;
}

void
pcall_log_files_set_max_size (PcallLogFiles *self,
                              guint64        max_size)
{
  self->max_size = max_size;
}

guint64
pcall_log_files_get_max_size (const PcallLogFiles *self)
{
  return self->max_size;
}

void
pcall_log_files_set_deadline (PcallLogFiles *self,
                              gint64         deadline)
{
  self->deadline = deadline;
}

gint64
pcall_log_files_get_deadline (const PcallLogFiles *self)
{
  return self->deadline;
}

PCALL_CHILD_CODE const PcallLogKey *
pcall_log_files_get_key (const PcallLogFiles *self)
{
  return &self->key;
}

PCALL_CHILD_CODE static int
make_file (const PcallLogFiles *self,
           guint                index,
           pid_t                pid,
           const char          *suffix)
{
  char name[NAME_SIZE];

  if (self->directory.fd < 0)
    {
      errno = self->error_number;
      return -1;
    }

  write_name (self, index, pid, suffix, name);
  return pcall_fd_lift (openat (self->directory.fd, name,
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC,
                                self->keep ? 0600 | PCALL_LOG_FILE_KEPT : 0600));
}

PCALL_CHILD_CODE int
pcall_log_files_make_here (const PcallLogFiles *self,
                           guint                index,
                           pid_t                pid,
                           int                 *out)
{
  int fd = make_file (self, index, pid, LOG);

  *out = fd >= 0 && self->split ? make_file (self, index, pid, OUT) : -1;
  return fd;
}

char *
pcall_log_files_make (const PcallLogFiles *self,
                      guint                index,
                      pid_t                pid)
{
  int out;
  int fd = pcall_log_files_make_here (self, index, pid, &out);

  if (fd < 0)
    return NULL;
  close (fd);
  pcall_fd_clear (&out);
  return pcall_log_files_get_path (self, index, pid);
}

/* Where there is no room for a second file, both streams go into the first. */
PCALL_CHILD_CODE int
pcall_log_files_begin (const PcallLogFiles *self,
                       guint                index,
                       int                 *out)
{
  int fd = pcall_log_files_make_here (self, index, getpid (), out);

  if (fd < 0)
    return -1;

  dup2 (*out >= 0 ? *out : fd, STDOUT_FILENO);
  dup2 (fd, STDERR_FILENO);
  return fd;
}

char *
pcall_log_files_get_path (const PcallLogFiles *self,
                          guint                index,
                          pid_t                pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, LOG, name);
  return g_build_filename (self->directory.path, name, NULL);
}

char *
pcall_log_files_get_out_path (const char *path)
{
  if (!g_str_has_suffix (path, LOG))
    return NULL;
  return g_strdup_printf ("%.*s" OUT, (int) (strlen (path) - strlen (LOG)), path);
}

char *
pcall_log_files_get_own_path (const PcallLogFiles *self,
                              guint                index,
                              pid_t                pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, LOG, name);
  if (access ("/proc/self/fd", X_OK) < 0)
    return g_build_filename (self->directory.path, name, NULL);
  return g_strdup_printf ("/proc/self/fd/%d/%s", self->directory.fd, name);
}

/* A child may have put anything in its place: nothing but a file is opened. */
static int
open_file (const PcallLogFiles *self,
           guint                index,
           pid_t                pid,
           const char          *suffix,
           struct stat         *st)
{
  char name[NAME_SIZE];
  int fd;

  errno = ENOENT;
  if (self->directory.fd < 0)
    return -1;

  write_name (self, index, pid, suffix, name);
  fd = openat (self->directory.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && (fstat (fd, st) < 0 || !S_ISREG (st->st_mode)))
    {
      pcall_fd_clear (&fd);
      errno = EINVAL;
    }
  return fd;
}

static PcallLogReader *
open_reader (const PcallLogFiles *self,
             guint                index,
             pid_t                pid,
             const char          *suffix,
             gsize               *from_end)
{
  struct stat st;
  int fd = open_file (self, index, pid, suffix, &st);

  if (fd >= 0 && from_end != NULL && (guint64) st.st_size <= *from_end)
    *from_end = 0;
  else if (fd >= 0 && from_end != NULL && lseek (fd, st.st_size - *from_end, SEEK_SET) < 0)
    pcall_fd_clear (&fd);
  return fd >= 0 ? pcall_log_reader_new (fd, &self->key) : NULL;
}

PcallLogReader *
pcall_log_files_open (const PcallLogFiles *self,
                      guint                index,
                      pid_t                pid,
                      gsize               *from_end)
{
  return open_reader (self, index, pid, LOG, from_end);
}

PcallLogReader *
pcall_log_files_open_out (const PcallLogFiles *self,
                          guint                index,
                          pid_t                pid,
                          gsize               *from_end)
{
  return open_reader (self, index, pid, OUT, from_end);
}

static void
discard (const PcallLogFiles *self,
         guint                index,
         pid_t                pid,
         const char          *suffix)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, suffix, name);
  unlinkat (self->directory.fd, name, 0);
}

PCALL_CHILD_CODE void
pcall_log_files_discard (const PcallLogFiles *self,
                         guint                index,
                         pid_t                pid)
{
  if (self->split)
    discard (self, index, pid, OUT);
  discard (self, index, pid, LOG);
}

/* Not one that somebody has made another link to, for that is to stay; nor what is mostly holes. */
static gboolean
is_worth_shrinking (const struct stat *st)
{
  return S_ISREG (st->st_mode) && st->st_nlink == 1 && st->st_size > SHRINK_SIZE &&
         st->st_blocks * 512 > st->st_size / 2;
}

/* FALSE if there is more. */
static gboolean
shrink (const PcallLogFiles *self,
        guint                index,
        pid_t                pid,
        const char          *suffix)
{
  char name[NAME_SIZE];
  struct stat st;
  gboolean shrunk = FALSE;
  int fd;

  write_name (self, index, pid, suffix, name);
  fd = openat (self->directory.fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && fstat (fd, &st) == 0 && is_worth_shrinking (&st))
    shrunk = ftruncate (fd, st.st_size - SHRINK_SIZE) == 0;
  pcall_fd_clear (&fd);
  return !shrunk;
}

gboolean
pcall_log_files_shrink (const PcallLogFiles *self,
                        guint                index,
                        pid_t                pid)
{
  return (!self->split || shrink (self, index, pid, OUT)) && shrink (self, index, pid, LOG);
}

static int
open_to_append (const PcallLogFiles *self,
                guint                index,
                pid_t                pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, LOG, name);
  return openat (self->directory.fd, name,
                 O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

/* How much was moved; 0 where there is no more, or no room for it. */
static gssize
move_some (int     from,
           int     to,
           guint64 offset)
{
  char bytes[16 * 1024];
  gssize n = pread (from, bytes, sizeof bytes, offset);

  return n > 0 ? write (to, bytes, n) : n;
}

gboolean
pcall_log_files_join (const PcallLogFiles *self,
                      guint                index,
                      pid_t                pid,
                      guint64             *joined,
                      gint64               until)
{
  struct stat st;
  int from = self->joins && self->split ? open_file (self, index, pid, OUT, &st) : -1;
  int to = from >= 0 ? open_to_append (self, index, pid) : -1;
  gboolean complete = TRUE;
  gssize n;

  while (to >= 0 && *joined < (guint64) st.st_size && (n = move_some (from, to, *joined)) > 0)
    {
      *joined += n;
      complete = *joined >= (guint64) st.st_size || g_get_monotonic_time () < until;
      if (!complete)
        break;
    }
  if (to >= 0 && *joined >= (guint64) st.st_size)
    discard (self, index, pid, OUT);
  pcall_fd_clear (&from);
  pcall_fd_clear (&to);
  return complete;
}

static void
link_file (const PcallLogFiles *self,
           guint                from,
           guint                to,
           pid_t                pid,
           const char          *suffix)
{
  char name[NAME_SIZE];
  char other[NAME_SIZE];

  write_name (self, from, pid, suffix, name);
  write_name (self, to, pid, suffix, other);
  linkat (self->directory.fd, name, self->directory.fd, other, 0);
}

void
pcall_log_files_link (const PcallLogFiles *self,
                      guint                from,
                      guint                to,
                      pid_t                pid)
{
  link_file (self, from, to, pid, LOG);
  if (self->split)
    link_file (self, from, to, pid, OUT);
}

static gboolean
has_out (const PcallLogFiles *self,
         guint                index,
         pid_t                pid)
{
  char name[NAME_SIZE];
  struct stat st;

  write_name (self, index, pid, OUT, name);
  return fstatat (self->directory.fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

gboolean
pcall_log_files_discard_empty (const PcallLogFiles *self,
                               guint                index,
                               pid_t                pid)
{
  char name[NAME_SIZE];
  struct stat st;

  write_name (self, index, pid, LOG, name);
  if (fstatat (self->directory.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return TRUE;
  if (st.st_size > 0 || (self->split && has_out (self, index, pid)))
    return FALSE;

  if (self->split)
    discard (self, index, pid, OUT);
  return unlinkat (self->directory.fd, name, 0) == 0;
}
