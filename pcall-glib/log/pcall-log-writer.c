/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-writer-private.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "pcall-binding.h"
#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"

/* GLib's log in a child: each record goes into its log file, whole, in one write().
 *
 * There can be one writer function in a process, and GLib ends a program that sets a second one.
 * An application's own is never replaced: it may call pcall_log_writer(). Whether there is one
 * cannot be asked. So a child tries to set ours, and where GLib is about to end it for that, it
 * says so and goes, before anything of the user's has run; the parent forks again, and
 * remembers. What stands there in GLib's stead is a log handler, the trap. The same way it finds
 * out whether the application has a default handler. */

#define SMALL_RECORD 4096

static struct
{
  int         fd;  /* -1: no capture */
  int         out; /* where standard output goes; -1: the same */
  PcallLogKey key;
  gboolean    installed; /* as the writer function, in this process or one that it is a fork of */
  guint       n_lost; /* atomic */
  int         lost_errno;
} writer = { .fd = -1, .out = -1 };

static __thread gboolean passes_on; /* a record of a call of our own, in this thread */

static int route; /* PcallLogRoute, atomic */

static void (*trapped) (PcallLogRoute route); /* while in the trap */

PCALL_CHILD_CODE PcallLogRoute
pcall_log_route_get (void)
{
  return writer.installed ? PCALL_LOG_ROUTE_NONE : (PcallLogRoute) g_atomic_int_get (&route);
}

void
pcall_log_route_learn (PcallLogRoute learnt)
{
  int known;

  do
    known = g_atomic_int_get (&route);
  while (known < (int) learnt && !g_atomic_int_compare_and_exchange (&route, known, learnt));
}

/* Writing */

static void
lose (int error_number)
{
  if (g_atomic_int_add (&writer.n_lost, 1) == 0)
    writer.lost_errno = error_number;
}

static gboolean
write_bytes (const char *bytes,
             gsize       length)
{
  while (length > 0)
    {
      ssize_t n = write (writer.fd, bytes, length);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        {
          lose (n < 0 ? errno : EIO);
          return FALSE;
        }
      bytes += n;
      length -= n;
    }
  return TRUE;
}

/* What is too long for a record is written as the lines that it is. */
static void
write_message (const GLogField *fields,
               gsize            n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      {
        gssize length = fields[i].length;

        if (write_bytes (fields[i].value, length < 0 ? strlen (fields[i].value) : (gsize) length))
          write_bytes ("\n", 1);
      }
}

static void
encode_and_write (GLogLevelFlags   level,
                  const GLogField *fields,
                  gsize            n_fields)
{
  char small[SMALL_RECORD];
  g_autofree char *large = NULL;
  int saved_errno = errno;
  gsize size = pcall_log_record_encode (&writer.key, level, fields, n_fields, small, sizeof small);

  if (size <= sizeof small)
    write_bytes (small, size);
  else if (size > PCALL_LOG_MAX_RECORD || n_fields > PCALL_LOG_MAX_FIELDS ||
           (large = g_try_malloc (size)) == NULL)
    write_message (fields, n_fields);
  else
    write_bytes (large,
                 pcall_log_record_encode (&writer.key, level, fields, n_fields, large, size));

  errno = saved_errno;
}

gboolean
pcall_log_is_own_field (const char *key)
{
  return g_str_has_prefix (key, "PCALL_") &&
         (strcmp (key, PCALL_LOG_FIELD_CALL) == 0 || strcmp (key, PCALL_LOG_FIELD_PID) == 0 ||
          strcmp (key, PCALL_LOG_FIELD_TARGET) == 0 || strcmp (key, PCALL_LOG_FIELD_HOST) == 0);
}

void
pcall_log_writer_pass_on (gboolean passes)
{
  passes_on = passes;
}

/* Which call a record is of is for the parent to say; or for a task within this call, whose records
 * are passed on. */
static void
write_record (GLogLevelFlags   level,
              const GLogField *fields,
              gsize            n_fields)
{
  g_autofree GLogField *others = NULL;
  gsize n = 0;

  while (!passes_on && n < n_fields && !pcall_log_is_own_field (fields[n].key))
    n++;
  if (passes_on || n == n_fields)
    {
      encode_and_write (level, fields, n_fields);
      return;
    }

  others = g_new (GLogField, n_fields);
  n = 0;
  for (gsize i = 0; i < n_fields; i++)
    if (!pcall_log_is_own_field (fields[i].key))
      others[n++] = fields[i];
  if (n > 0)
    encode_and_write (level, others, n);
}

gboolean
pcall_log_is_old_api (const GLogField *fields)
{
  return strcmp (fields[0].key, PCALL_LOG_FIELD_OLD_API) == 0 &&
         g_strcmp0 (fields[0].value, "1") == 0;
}

/* GLib ends the process for an error, and for other levels that are to be fatal if the record
 * came through g_log(); its writer function has to for the rest. */
static gboolean
is_fatal (GLogLevelFlags   level,
          const GLogField *fields)
{
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);

  g_log_set_always_fatal (fatal);
  return (level & fatal & G_LOG_LEVEL_MASK & ~G_LOG_LEVEL_ERROR) != 0 &&
         !pcall_log_is_old_api (fields);
}

/* As syslog(3) has them, for each bit of the level */
static char
get_priority (GLogLevelFlags level)
{
  static const char priorities[] = "55344567";
  int bit = g_bit_nth_lsf (level & G_LOG_LEVEL_MASK, -1);

  return bit < 0 || bit > 7 ? '5' : priorities[bit];
}

/**
 * pcall_log_writer:
 * @log_level: the level of the record
 * @fields: (array length=n_fields): its fields
 * @n_fields: how many they are
 * @user_data: nothing
 *
 * Writes a log record into the log file of the child that this is, with its level and all its
 * fields: they are in the record that stands in the main log in the end.
 *
 * This is a [callback@GLib.LogWriterFunc], for programs that have set one of their own with
 * [func@GLib.log_set_writer_func]. Call it there first:
 *
 * ```c
 * static GLogWriterOutput
 * write_log (GLogLevelFlags log_level, const GLogField *fields, gsize n_fields, gpointer user_data)
 * {
 *   if (pcall_log_writer (log_level, fields, n_fields, user_data) == G_LOG_WRITER_HANDLED)
 *     return G_LOG_WRITER_HANDLED;
 *   …
 * }
 * ```
 *
 * Programs without a writer function need nothing: in each forked child the library sets this one.
 * A program's own is never replaced. What it does not give on is caught as far as GLib allows: all
 * of [func@GLib.log], [func@GLib.message] and the like unless the program has set a default handler
 * too, and of structured logging what the writer function prints.
 *
 * Values are copied as bytes. Of a field whose length is given as 0, which may be any pointer, only
 * the name arrives.
 *
 * It may be called from any thread.
 *
 * Returns: %G_LOG_WRITER_HANDLED in a child whose log is captured, also where there was no room for
 *   the record, which is counted then; elsewhere %G_LOG_WRITER_UNHANDLED
 *
 * Since: 1.0
 */
GLogWriterOutput
pcall_log_writer (GLogLevelFlags   log_level,
                  const GLogField *fields,
                  gsize            n_fields,
                  gpointer         user_data)
{
  g_return_val_if_fail (fields != NULL, G_LOG_WRITER_UNHANDLED);
  g_return_val_if_fail (n_fields > 0, G_LOG_WRITER_UNHANDLED);

  if (writer.fd < 0)
    return G_LOG_WRITER_UNHANDLED;

  write_record (log_level, fields, n_fields);
  if (is_fatal (log_level, fields))
    G_BREAKPOINT ();
  return G_LOG_WRITER_HANDLED;
}

/**
 * pcall_log_record:
 * @log_level: the level
 * @message: what it says, for people
 * @data: (nullable): all that the record is, for the language that it is of
 *
 * Puts a record of a language's own log into the log of the call that runs, in its place among all
 * that the call writes. In the parent it is given to the function that
 * [func@Pcall.set_record_func] has set. Where there is none it becomes a record of GLib's log, with
 * this level and message.
 *
 * To be called in a child, from any thread. What is larger than 16 MiB loses its @data, and becomes
 * something that the call has printed.
 *
 * Returns: %FALSE if there is no call here, or what it writes is not captured; then nothing was
 *   done
 *
 * Since: 1.0
 */
gboolean
pcall_log_record (GLogLevelFlags log_level,
                  const char    *message,
                  GBytes        *data)
{
  gsize size = 0;
  gconstpointer bytes = data != NULL ? g_bytes_get_data (data, &size) : NULL;
  char priority[] = { get_priority (log_level), '\0' };
  const GLogField fields[] = {
    { "MESSAGE", message, -1 },
    { "PRIORITY", priority, -1 },
    { PCALL_LOG_FIELD_RECORD, bytes != NULL ? bytes : "", size },
  };

  g_return_val_if_fail (message != NULL, FALSE);

  if (writer.fd < 0)
    return FALSE;

  encode_and_write (log_level & G_LOG_LEVEL_MASK, fields, data != NULL ? 3 : 2);
  return TRUE;
}

static const char *
find_domain (const GLogField *fields,
             gsize            n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0)
      return fields[i].value;
  return NULL;
}

/* In place of GLib's default writer, which drops what nobody wants to debug. */
static GLogWriterOutput
write_by_default (GLogLevelFlags   log_level,
                  const GLogField *fields,
                  gsize            n_fields,
                  gpointer         user_data)
{
  if (writer.fd < 0)
    return g_log_writer_default (log_level, fields, n_fields, user_data);
  if (g_log_writer_default_would_drop (log_level, find_domain (fields, n_fields)))
    return G_LOG_WRITER_HANDLED;
  return pcall_log_writer (log_level, fields, n_fields, user_data);
}

/* In place of GLib's default handler: the same fields. */
static void
handle_by_default (const char    *log_domain,
                   GLogLevelFlags log_level,
                   const char    *message,
                   gpointer       user_data)
{
  char priority[] = { get_priority (log_level), '\0' };
  GLogField fields[] = {
    { "GLIB_OLD_LOG_API", "1", -1 },
    { "MESSAGE", message != NULL ? message : "(NULL) message", -1 },
    { "PRIORITY", priority, -1 },
    { "GLIB_DOMAIN", log_domain, -1 },
  };

  if (writer.fd < 0)
    g_log_default_handler (log_domain, log_level, message, user_data);
  else
    write_record (log_level, fields, log_domain != NULL ? 4 : 3);
}

/* Setting them */

static gboolean
set_default_handler (void)
{
  GLogFunc before = g_log_set_default_handler (handle_by_default, NULL);

  return before == g_log_default_handler || before == handle_by_default;
}

static void
trap (const char    *log_domain,
      GLogLevelFlags log_level,
      const char    *message,
      gpointer       user_data)
{
  if (trapped != NULL)
    trapped (set_default_handler () ? PCALL_LOG_ROUTE_HANDLER : PCALL_LOG_ROUTE_NONE);
  g_log_default_handler (log_domain, log_level, message, user_data);
}

/* One trap serves all tasks of the process. GLib numbers handlers under a lock, and reads the
 * number that it returns without: two threads that set one at once may be given the same. */
static struct
{
  pthread_mutex_t lock;
  guint           n_users;
  guint           id;
} the_trap = { .lock = PTHREAD_MUTEX_INITIALIZER };

PCALL_CHILD_CODE static void
forked (void)
{
  the_trap.lock = (pthread_mutex_t) PTHREAD_MUTEX_INITIALIZER;
}

__attribute__ ((constructor)) static void
register_fork_handler (void)
{
  pthread_atfork (NULL, NULL, forked);
}

gboolean
pcall_log_route_set_trap (void)
{
  if (pcall_log_route_get () > PCALL_LOG_ROUTE_WRITER)
    return FALSE;

  pthread_mutex_lock (&the_trap.lock);
  if (the_trap.n_users++ == 0)
    the_trap.id = g_log_set_handler (
        "GLib", G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, trap, NULL);
  pthread_mutex_unlock (&the_trap.lock);
  return TRUE;
}

void
pcall_log_route_unset_trap (gboolean was_set)
{
  if (!was_set)
    return;

  pthread_mutex_lock (&the_trap.lock);
  if (--the_trap.n_users == 0)
    g_log_remove_handler ("GLib", the_trap.id);
  pthread_mutex_unlock (&the_trap.lock);
}

PCALL_CHILD_CODE void
pcall_log_writer_begin (int                fd,
                        int                out,
                        const PcallLogKey *key)
{
  writer.fd = fd;
  writer.out = out;
  writer.key = *key;
  writer.n_lost = 0;
}

void
pcall_log_writer_end (void)
{
  pcall_fd_clear (&writer.fd);
  pcall_fd_clear (&writer.out);
}

/* The function that GLib complains in does not return; the thread that it was called in need not
 * go on. */
static void
leave_thread (PcallLogRoute found)
{
  g_thread_exit (GINT_TO_POINTER (found));
}

static gpointer
try_writer (gpointer data)
{
  trapped = leave_thread;
  g_log_set_writer_func (write_by_default, NULL, NULL);
  return GINT_TO_POINTER (PCALL_LOG_ROUTE_WRITER);
}

void
pcall_log_writer_install_in_worker (void)
{
  gboolean is_set = pcall_log_route_set_trap ();
  GThread *thread = g_thread_try_new ("pcall-log", try_writer, NULL, NULL);

  if (thread != NULL)
    pcall_log_route_learn (GPOINTER_TO_INT (g_thread_join (thread)));
  trapped = NULL;
  pcall_log_route_unset_trap (is_set);
  writer.installed = TRUE;
}

PCALL_CHILD_CODE void
pcall_log_writer_install (PcallLogRoute                known,
                          void (*wrong) (PcallLogRoute route))
{
  switch (known)
    {
    case PCALL_LOG_ROUTE_UNKNOWN:
    case PCALL_LOG_ROUTE_WRITER:
      trapped = wrong;
      g_log_set_writer_func (write_by_default, NULL, NULL);
      trapped = NULL;
      writer.installed = TRUE;
      break;
    case PCALL_LOG_ROUTE_HANDLER:
      if (!set_default_handler ())
        wrong (PCALL_LOG_ROUTE_NONE);
      break;
    case PCALL_LOG_ROUTE_NONE:
    default:
      break;
    }
}

/* Each write goes to the end of the file, wherever this leaves it. The kernel looks for a path in
 * what the C library calls for fstat (), empty as it is: one more page for a child. */
static gboolean
is_empty (int fd)
{
  return lseek (fd, 0, SEEK_END) == 0;
}

PCALL_CHILD_CODE gboolean
pcall_log_writer_is_unused (void)
{
  return is_empty (writer.fd) && (writer.out < 0 || is_empty (writer.out));
}

PCALL_CHILD_CODE guint64
pcall_log_writer_get_lost (const char **reason)
{
  guint n_lost = g_atomic_int_get (&writer.n_lost);

  *reason = n_lost > 0 ? g_strerror (writer.lost_errno) : NULL;
  return n_lost;
}

static gboolean
is_as_large_as (int    fd,
                rlim_t limit)
{
  struct stat file;

  return fstat (fd, &file) == 0 && (rlim_t) file.st_size >= limit;
}

const char *
pcall_log_writer_find_reason (void)
{
  struct statvfs disk;
  struct rlimit limit;

  if (fstatvfs (writer.fd, &disk) == 0 && disk.f_bavail == 0)
    return g_strerror (ENOSPC);
  if (getrlimit (RLIMIT_FSIZE, &limit) == 0 && (is_as_large_as (writer.fd, limit.rlim_cur) ||
                                                is_as_large_as (writer.out, limit.rlim_cur)))
    return g_strerror (EFBIG);
  return g_strerror (EIO);
}
