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
 * meanwhile can lead it elsewhere. */

#define NAME_SIZE 96
#define TAIL_SIZE 8192  /* bytes that are shown */
#define READ_SIZE 32768 /* that are looked at */
#define TAIL_LINES 3

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

PcallLogFiles *
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
static void
write_name (const PcallLogFiles *self,
            guint                index,
            pid_t                pid,
            char                 name[NAME_SIZE])
{
  name = stpcpy (name, self->prefix);
  name = pcall_write_number (stpcpy (name, "-call-"), index);
  name = pcall_write_number (stpcpy (name, "-pid-"), pid);
  stpcpy (name, PCALL_LOG_FILE_SUFFIX);
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

const PcallLogKey *
pcall_log_files_get_key (const PcallLogFiles *self)
{
  return &self->key;
}

static int
make_file (const PcallLogFiles *self,
           guint                index,
           pid_t                pid)
{
  char name[NAME_SIZE];

  errno = self->error_number;
  if (self->directory.fd < 0)
    return -1;

  write_name (self, index, pid, name);
  return pcall_fd_lift (openat (self->directory.fd, name,
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC,
                                self->keep ? 0600 | PCALL_LOG_FILE_KEPT : 0600));
}

char *
pcall_log_files_make (const PcallLogFiles *self,
                      guint                index,
                      pid_t                pid)
{
  int fd = make_file (self, index, pid);

  if (fd < 0)
    return NULL;
  close (fd);
  return pcall_log_files_get_path (self, index, pid);
}

int
pcall_log_files_begin (const PcallLogFiles *self,
                       guint                index)
{
  int fd = make_file (self, index, getpid ());

  if (fd < 0)
    return -1;

  dup2 (fd, STDOUT_FILENO);
  dup2 (fd, STDERR_FILENO);
  return fd;
}

char *
pcall_log_files_get_path (const PcallLogFiles *self,
                          guint                index,
                          pid_t                pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  return g_build_filename (self->directory.path, name, NULL);
}

char *
pcall_log_files_get_own_path (const PcallLogFiles *self,
                              guint                index,
                              pid_t                pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  if (access ("/proc/self/fd", X_OK) < 0)
    return g_build_filename (self->directory.path, name, NULL);
  return g_strdup_printf ("/proc/self/fd/%d/%s", self->directory.fd, name);
}

/* What a terminal would take for a command is not to reach it in an error's message. */
static char *
escape_controls (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString *escaped = g_string_new (NULL);

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (g_unichar_iscntrl (c) && c != '\t')
        g_string_append_printf (escaped, "\\x%02x", c);
      else
        g_string_append_unichar (escaped, c);
    }
  return g_string_free (escaped, FALSE);
}

/* A crash may be told with its innermost frame first, as by Python's faulthandler: then the lines
 * that tell most are not the last ones. Other threads than the one that crashed are not of
 * interest. */
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

/* Leaves the last lines, or the innermost frames, and makes one line of them: where that is long,
 * what was written last, and of frames the first. */
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
  if (frames == n)
    return escape_controls (joined + length - MIN (length, TAIL_SIZE));
  joined[MIN (length, TAIL_SIZE)] = '\0';
  return escape_controls (joined);
}

/* A child may have put anything in its place: nothing but a file is opened. */
static int
open_file (const PcallLogFiles *self,
           guint                index,
           pid_t                pid,
           struct stat         *st)
{
  char name[NAME_SIZE];
  int fd;

  errno = ENOENT;
  if (self->directory.fd < 0)
    return -1;

  write_name (self, index, pid, name);
  fd = openat (self->directory.fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && (fstat (fd, st) < 0 || !S_ISREG (st->st_mode)))
    {
      pcall_fd_clear (&fd);
      errno = EINVAL;
    }
  return fd;
}

PcallLogReader *
pcall_log_files_open (const PcallLogFiles *self,
                      guint                index,
                      pid_t                pid)
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
pcall_log_files_get_tail (const PcallLogFiles *self,
                          guint                index,
                          pid_t                pid)
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
pcall_log_files_discard (const PcallLogFiles *self,
                         guint                index,
                         pid_t                pid)
{
  char name[NAME_SIZE];

  write_name (self, index, pid, name);
  unlinkat (self->directory.fd, name, 0);
}

/* Not one that somebody has made another link to, for that is to stay; nor what is mostly holes. */
static gboolean
is_worth_shrinking (const struct stat *st)
{
  return S_ISREG (st->st_mode) && st->st_nlink == 1 && st->st_size > SHRINK_SIZE &&
         st->st_blocks * 512 > st->st_size / 2;
}

gboolean
pcall_log_files_shrink (const PcallLogFiles *self,
                        guint                index,
                        pid_t                pid)
{
  char name[NAME_SIZE];
  struct stat st;
  gboolean shrunk = FALSE;
  int fd;

  write_name (self, index, pid, name);
  fd = openat (self->directory.fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd >= 0 && fstat (fd, &st) == 0 && is_worth_shrinking (&st))
    shrunk = ftruncate (fd, st.st_size - SHRINK_SIZE) == 0;
  pcall_fd_clear (&fd);
  return !shrunk;
}

void
pcall_log_files_link (const PcallLogFiles *self,
                      guint                from,
                      guint                to,
                      pid_t                pid)
{
  char name[NAME_SIZE];
  char other[NAME_SIZE];

  write_name (self, from, pid, name);
  write_name (self, to, pid, other);
  linkat (self->directory.fd, name, self->directory.fd, other, 0);
}

gboolean
pcall_log_files_discard_empty (const PcallLogFiles *self,
                               guint                index,
                               pid_t                pid)
{
  char name[NAME_SIZE];
  struct stat st;

  write_name (self, index, pid, name);
  if (fstatat (self->directory.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
    return TRUE;
  return st.st_size == 0 && unlinkat (self->directory.fd, name, 0) == 0;
}
