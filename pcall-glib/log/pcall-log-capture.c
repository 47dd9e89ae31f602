/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-capture-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-fd-private.h"

/* The child's log file.
 *
 * In memory where that can be had: on a disk, making and removing the file costs more than the
 * fork. So the default directory is one in the user's runtime directory, else in /dev/shm, else in
 * that for temporary files; it must belong to this user alone, or the next one is tried. It is
 * shared with other programs of this user and removed by the last: whoever uses it holds a shared
 * lock on it, and only one who gets the exclusive lock may remove it.
 *
 * A parent that is killed cannot remove its files. Who finds that nobody else uses the directory
 * removes what is there, save files that were to be kept: these have the sticky bit, which means
 * nothing else for a file.
 *
 * The child opens its file by the directory's descriptor, so that nothing that happens to the path
 * meanwhile can lead it elsewhere. */

#define NAME_SIZE 96
#define TAIL_SIZE 8192  /* bytes that are shown */
#define READ_SIZE 32768 /* that are looked at */
#define TAIL_LINES 3

/* About half a millisecond's work */
#define SHRINK_SIZE (8 * 1024 * 1024)

/* How often to look again at a directory that somebody is about to remove, or has to himself,
 * and how long to wait in between: a second in all. */
#define MAX_LOCK_ATTEMPTS 1000
#define FEW_LOCK_ATTEMPTS 20
#define LOCK_PAUSE_US 1000

struct _PcallLogCapture
{
  grefcount ref_count;
  char     *path;
  int         directory_fd;
  PcallLogKey key;
  guint       task;
  gboolean  made;
  gboolean  keep; /* files are marked, in the directory that is swept */
};

static guint n_tasks;

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
sweep_file (int         directory_fd,
            const char *name)
{
  struct stat st;

  if (g_str_has_prefix (name, "task-") && g_str_has_suffix (name, ".log") &&
      fstatat (directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !(st.st_mode & S_ISVTX))
    unlinkat (directory_fd, name, 0);
}

static void
sweep (int directory_fd)
{
  int fd = openat (directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
  struct dirent *entry;

  if (dir == NULL)
    pcall_fd_clear (&fd);
  while (dir != NULL && (entry = readdir (dir)) != NULL)
    sweep_file (directory_fd, entry->d_name);
  if (dir != NULL)
    closedir (dir);
}

/* Who has the lock alone has it for a moment, longer only where a machine is busy. */
static gboolean
lock_shared (int fd,
             int max_attempts)
{
  for (int attempt = 0; flock (fd, LOCK_SH | LOCK_NB) < 0; attempt++)
    {
      if (attempt >= max_attempts)
        return FALSE;
      g_usleep (LOCK_PAUSE_US);
    }
  return TRUE;
}

/* Another program may remove the directory until it is locked here: then it is made again.
 * Nothing of anybody's is in use while this has the lock alone, which it can only try to get
 * before it has it with others: flock() that fails to change a lock drops it.
 *
 * Where somebody keeps the lock to himself, a directory that is not @swept can be used without:
 * it is only removed when it is empty. */
static int
make_and_lock (const char *path,
               int         flags,
               gboolean    swept)
{
  for (int attempt = 0;; attempt++)
    {
      gboolean made = mkdir (path, 0700) == 0;
      int fd;

      if (!made && errno != EEXIST)
        return -1;
      fd = pcall_fd_lift (open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
      if (fd < 0 && (errno != ENOENT || attempt >= MAX_LOCK_ATTEMPTS))
        return unmake (path, made);
      if (fd < 0)
        continue;

      if (swept && is_private (fd) && flock (fd, LOCK_EX | LOCK_NB) == 0)
        sweep (fd);
      if (!lock_shared (fd, swept ? MAX_LOCK_ATTEMPTS : FEW_LOCK_ATTEMPTS) && swept)
        {
          close (fd);
          errno = EWOULDBLOCK;
          return -1;
        }
      if (is_linked (fd))
        return fd;
      close (fd);
    }
}

static gboolean
try_default (PcallLogCapture *self,
             char            *path)
{
  int fd = make_and_lock (path, O_NOFOLLOW, TRUE);

  if (fd >= 0 && is_private (fd))
    {
      self->path = path;
      self->directory_fd = fd;
      self->made = TRUE;
      return TRUE;
    }

  if (fd >= 0)
    close (fd);
  g_free (path);
  return FALSE;
}

static gboolean
open_default (PcallLogCapture *self,
              GError         **error)
{
  const char *runtime = g_getenv ("XDG_RUNTIME_DIR");
  g_autofree char *name = g_strdup_printf ("pcall-%u", (guint) geteuid ());

  if ((runtime != NULL && g_path_is_absolute (runtime) &&
       try_default (self, g_build_filename (runtime, "pcall", NULL))) ||
      try_default (self, g_build_filename ("/dev/shm", name, NULL)) ||
      try_default (self, g_build_filename (g_get_tmp_dir (), name, NULL)))
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
               "no private directory for log files: %s in %s and /dev/shm; set log-directory",
               g_strerror (errno), g_get_tmp_dir ());
  return FALSE;
}

/* A directory that the user chose may be anybody's, and a link. */
static gboolean
open_given (PcallLogCapture *self,
            const char      *path,
            GError         **error)
{
  self->made = !g_file_test (path, G_FILE_TEST_EXISTS);
  self->path = g_strdup (path);
  if (g_mkdir_with_parents (path, 0700) == 0)
    self->directory_fd = make_and_lock (path, 0, FALSE);

  if (self->directory_fd >= 0)
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "log-directory %s: %s", path,
               g_strerror (errno));
  unmake (path, self->made);
  return FALSE;
}

PcallLogCapture *
pcall_log_capture_new (const char *directory,
                       gboolean    keep,
                       guint64     number,
                       GError    **error)
{
  g_autoptr (PcallLogCapture) self = g_new0 (PcallLogCapture, 1);

  g_ref_count_init (&self->ref_count);
  self->directory_fd = -1;
  self->keep = keep && directory == NULL;
  pcall_log_key_init (&self->key, number);
  self->task = (guint) g_atomic_int_add (&n_tasks, 1) + 1;
  if (directory != NULL ? !open_given (self, directory, error) : !open_default (self, error))
    return NULL;

  return g_steal_pointer (&self);
}

PcallLogCapture *
pcall_log_capture_ref (PcallLogCapture *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_log_capture_unref (PcallLogCapture *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;

  pcall_fd_clear (&self->directory_fd);
  g_free (self->path);
  g_free (self);
}

void
pcall_log_capture_close (PcallLogCapture *self)
{
  if (self->made && self->directory_fd >= 0 && flock (self->directory_fd, LOCK_EX | LOCK_NB) == 0)
    rmdir (self->path);
  pcall_fd_clear (&self->directory_fd);
}

/* Used in the child too: see pcall_write_number(). */
static void
write_name (const PcallLogCapture *self,
            guint                  index,
            pid_t                  pid,
            char                   name[NAME_SIZE])
{
  name = pcall_write_number (stpcpy (name, "task-"), self->task);
  name = pcall_write_number (stpcpy (name, "-call-"), index);
  name = pcall_write_number (stpcpy (name, "-pid-"), pid);
  stpcpy (name, ".log");
}

const PcallLogKey *
pcall_log_capture_get_key (const PcallLogCapture *self)
{
  return &self->key;
}

static int
make_file (const PcallLogCapture *self,
           guint                  index,
           pid_t                  pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  return pcall_fd_lift (openat (self->directory_fd, name,
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC,
                                self->keep ? 0600 | S_ISVTX : 0600));
}

char *
pcall_log_capture_make (const PcallLogCapture *self,
                        guint                  index,
                        pid_t                  pid)
{
  int fd = make_file (self, index, pid);

  if (fd < 0)
    return NULL;
  close (fd);
  return pcall_log_capture_get_path (self, index, pid);
}

int
pcall_log_capture_begin (const PcallLogCapture *self,
                         guint                  index)
{
  int fd = make_file (self, index, getpid ());

  if (fd < 0)
    return -1;

  dup2 (fd, STDOUT_FILENO);
  dup2 (fd, STDERR_FILENO);
  return fd;
}

char *
pcall_log_capture_get_path (const PcallLogCapture *self,
                            guint                  index,
                            pid_t                  pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  return g_build_filename (self->path, name, NULL);
}

char *
pcall_log_capture_get_own_path (const PcallLogCapture *self,
                                guint                  index,
                                pid_t                  pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  return g_strdup_printf ("/proc/self/fd/%d/%s", self->directory_fd, name);
}

/* A crash may be told with its innermost frame first, as by Python's faulthandler: then the lines
 * that tell most are not the last ones. Other threads than the one that crashed do not matter. */
static gboolean
begins_frames (const char *line)
{
  return g_str_has_suffix (line, "(most recent call first):") &&
         !g_str_has_prefix (line, "Thread ");
}

/* Of the last such, the line behind it; otherwise @n. */
static guint
find_frames (char **lines,
             guint  n)
{
  for (guint i = n; i > 1; i--)
    if (begins_frames (lines[i - 2]))
      return i - 1;
  return n;
}

/* Leaves the last lines, or the innermost frames, and makes one line of them. */
static char *
join_last_lines (char *text)
{
  g_auto (GStrv) lines = g_strsplit (g_strchomp (text), "\n", -1);
  guint n = g_strv_length (lines);
  guint frames = find_frames (lines, n);
  guint first = frames < n ? frames : n > TAIL_LINES ? n - TAIL_LINES : 0;
  g_autofree char *joined = NULL;
  gsize length;

  for (guint i = first + TAIL_LINES; i < n; i++)
    g_clear_pointer (&lines[i], g_free);
  joined = g_strjoinv (" | ", lines + first);
  length = strlen (joined);
  if (length == 0)
    return NULL;
  return frames < n ? g_utf8_make_valid (joined, MIN (length, TAIL_SIZE))
                    : g_utf8_make_valid (joined + length - MIN (length, TAIL_SIZE), -1);
}

/* A child may have put anything in its place: nothing but a file is opened. */
static int
open_file (const PcallLogCapture *self,
           guint                  index,
           pid_t                  pid,
           struct stat           *st)
{
  char name[NAME_SIZE];
  int fd;

  write_name (self, index, pid, name);
  fd = openat (self->directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && (fstat (fd, st) < 0 || !S_ISREG (st->st_mode)))
    {
      pcall_fd_clear (&fd);
      errno = EINVAL;
    }
  return fd;
}

PcallLogReader *
pcall_log_capture_open (const PcallLogCapture *self,
                        guint                  index,
                        pid_t                  pid)
{
  struct stat st;
  int fd = open_file (self, index, pid, &st);

  return fd >= 0 ? pcall_log_reader_new (fd, &self->key) : NULL;
}

/* What is said in a line or a record. */
static void
append_text (GString             *text,
             const PcallLogEntry *entry)
{
  if (entry->line != NULL)
    g_string_append_len (text, entry->line, entry->length);
  for (gsize i = 0; i < entry->n_fields; i++)
    if (strcmp (entry->fields[i].key, "MESSAGE") == 0)
      g_string_append_len (text, entry->fields[i].value, entry->fields[i].length);
  g_string_append_c (text, '\n');
}

/* All text from where the reader stands. If that is @within a line, its rest is of use only
 * where there is nothing else. */
static GString *
read_text (PcallLogReader *reader,
           gboolean        within)
{
  GString *text = g_string_new (NULL);
  PcallLogEntry entry;
  gsize rest = 0;

  pcall_log_reader_finish (reader);
  while (pcall_log_reader_next (reader, &entry))
    {
      append_text (text, &entry);
      if (within && rest == 0)
        rest = text->len;
    }
  if (rest < text->len)
    g_string_erase (text, 0, rest);

  for (gsize i = 0; i < text->len; i++)
    if (text->str[i] == '\0')
      text->str[i] = ' ';
  return text;
}

char *
pcall_log_capture_get_tail (const PcallLogCapture *self,
                            guint                  index,
                            pid_t                  pid)
{
  struct stat st;
  int fd = open_file (self, index, pid, &st);
  off_t begin = fd >= 0 ? lseek (fd, MAX (st.st_size - READ_SIZE, 0), SEEK_SET) : -1;
  g_autoptr (PcallLogReader) reader = fd >= 0 ? pcall_log_reader_new (fd, &self->key) : NULL;
  g_autoptr (GString) text = NULL;

  if (begin < 0)
    return NULL;
  text = read_text (reader, begin > 0);
  return join_last_lines (text->str);
}

void
pcall_log_capture_discard (const PcallLogCapture *self,
                           guint                  index,
                           pid_t                  pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  unlinkat (self->directory_fd, name, 0);
}

/* Not one that somebody has made another link to, for that is to stay; nor what is mostly holes. */
static gboolean
is_worth_shrinking (const struct stat *st)
{
  return S_ISREG (st->st_mode) && st->st_nlink == 1 && st->st_size > SHRINK_SIZE &&
         st->st_blocks * 512 > st->st_size / 2;
}

gboolean
pcall_log_capture_shrink (const PcallLogCapture *self,
                          guint                  index,
                          pid_t                  pid)
{
  char name[NAME_SIZE];
  struct stat st;
  gboolean shrunk = FALSE;
  int fd;

  write_name (self, index, pid, name);
  fd = openat (self->directory_fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && fstat (fd, &st) == 0 && is_worth_shrinking (&st))
    shrunk = ftruncate (fd, st.st_size - SHRINK_SIZE) == 0;
  pcall_fd_clear (&fd);
  return !shrunk;
}

void
pcall_log_capture_link (const PcallLogCapture *self,
                        guint                  from,
                        guint                  to,
                        pid_t                  pid)
{
  char name[NAME_SIZE];
  char other[NAME_SIZE];

  write_name (self, from, pid, name);
  write_name (self, to, pid, other);
  linkat (self->directory_fd, name, self->directory_fd, other, 0);
}

gboolean
pcall_log_capture_discard_empty (const PcallLogCapture *self,
                                 guint                  index,
                                 pid_t                  pid)
{
  char name[NAME_SIZE];
  struct stat st;

  write_name (self, index, pid, name);
  if (fstatat (self->directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return TRUE;
  return st.st_size == 0 && unlinkat (self->directory_fd, name, 0) == 0;
}
