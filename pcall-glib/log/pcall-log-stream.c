/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-stream-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log/pcall-log-language-private.h"
#include "log/pcall-log-pass-private.h"
#include "log/pcall-log-writer-private.h"
#include "pcall-error.h"

/* What a child logged, logged once more, by GLib's structured logging: to wherever the
 * application sends its log. What is of a language's own log goes to that of the language.
 *
 * A record keeps its level and all its fields. A line that the child printed is a message: what
 * it prints is meant to be seen. Neither need be UTF-8: where there is a zero byte within, the
 * length goes with it.
 *
 * In a task whose output mode is that, what the child printed is no message, but goes to the
 * standard output and error of this process as bytes. There are marks around what was logged alone
 * then, and it is pcall's to say them in the language's log, where there is one.
 *
 * Nothing that a child logs may end this process. So an error is passed on as critical, its
 * PRIORITY as it was; and where the level is one that is to be fatal here, a field says that the
 * record is of GLib's old interface, which GLib takes for settled before a writer is called. */

#define MESSAGE_PRIORITY "5"
#define WARNING_PRIORITY "4"

struct _PcallLogStream
{
  PcallMonitor   *monitor;
  PcallLogFiles  *log;
  PcallLogOrigin  origin; /* its strings are ours */
  char           *path;
  PcallLogReader *reader;       /* NULL: there is no file, or it could not be opened … */
  int             error_number; /* … for this reason */
  PcallLogReader *out;          /* of standard output, where that has a file of its own */
  PcallLogEntry   entry;        /* read last; of what was printed, what is left to pass on … */
  int             fd;           /* … and where to */
  GArray         *fields;       /* GLogField, of the record that is being written */
  GLogLevelFlags  fatal;        /* levels that end this process */
  guint64         left;         /* how much may be logged */
  guint64         joined;       /* of the file of standard output, into the other */
  guint64         left_out;     /* bytes that were over that, or came too late */
  int             pass_error;   /* why bytes could not be passed on; 0: they could */
  guint           late : 1; /* the deadline has passed */
  guint           passes : 1; /* what is printed goes to this process's own streams */
  guint           marked : 1;
  guint           begun : 1; /* something was written */
  guint           finished : 1;
  guint           ended : 1; /* how the call ended was said */
  char           *end;   /* that, where it failed */
  char           *note;
  char            call_digits[16];
  char            pid_digits[16];
};

/* GLib has no function that only asks. */
static GLogLevelFlags
get_fatal_levels (void)
{
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK);

  g_log_set_always_fatal (fatal);
  return fatal;
}

static void
keep_reader (PcallLogStream  *self,
             PcallLogReader **place,
             PcallLogReader  *reader)
{
  if (reader == NULL && errno != ENOENT)
    self->error_number = errno;
  if (reader != NULL && self->passes)
    pcall_log_reader_set_raw (reader);
  *place = reader;
}

/* What is not open. */
static void
open_files (PcallLogStream *self)
{
  self->error_number = 0;
  if (self->reader == NULL)
    keep_reader (self, &self->reader,
                 pcall_log_files_open (self->log, self->origin.index, self->origin.pid, NULL));
  if (self->out == NULL && pcall_log_files_are_split (self->log))
    keep_reader (self, &self->out,
                 pcall_log_files_open_out (self->log, self->origin.index, self->origin.pid, NULL));
}

PcallLogStream *
pcall_log_stream_new (PcallMonitor         *monitor,
                      PcallLogFiles        *log,
                      const PcallLogOrigin *origin,
                      gboolean              marked)
{
  PcallLogStream *self = g_new0 (PcallLogStream, 1);

  self->monitor = pcall_monitor_ref (monitor);
  self->log = pcall_log_files_ref (log);
  self->origin = *origin;
  self->origin.target = g_strdup (origin->target);
  self->origin.call = g_strdup (origin->call);
  self->marked = marked;
  self->passes = pcall_log_files_has_streams (log);
  self->path = pcall_log_files_get_path (log, self->origin.index, self->origin.pid);
  open_files (self);
  self->left = pcall_log_files_get_max_size (log);
  if (self->left == 0)
    self->left = G_MAXUINT64;
  self->fields = g_array_new (FALSE, FALSE, sizeof (GLogField));
  self->fatal = get_fatal_levels ();
  g_snprintf (self->call_digits, sizeof self->call_digits, "%u", self->origin.index);
  g_snprintf (self->pid_digits, sizeof self->pid_digits, "%d", (int) self->origin.pid);
  return self;
}

void
pcall_log_stream_free (PcallLogStream *self)
{
  g_clear_pointer (&self->reader, pcall_log_reader_free);
  g_clear_pointer (&self->out, pcall_log_reader_free);
  pcall_log_files_unref (self->log);
  pcall_monitor_unref (self->monitor);
  g_array_unref (self->fields);
  g_free ((char *) self->origin.target);
  g_free ((char *) self->origin.call);
  g_free (self->path);
  g_free (self->end);
  g_free (self->note);
  g_free (self);
}

static void
add_field (PcallLogStream *self,
           const char     *key,
           const char     *value,
           gssize          length)
{
  GLogField field = { key, value, length };

  g_array_append_val (self->fields, field);
}

/* A task within the call has told whose its record is, behind all else. What a record says of
 * itself otherwise is not believed. */
static gboolean
is_told_within (const GLogField *fields,
                gsize            n_fields)
{
  gsize n = 0;

  while (n < n_fields && pcall_log_is_own_field (fields[n].key))
    n++;
  return n == n_fields && strcmp (fields[0].key, PCALL_LOG_FIELD_CALL) == 0;
}

static void
add_fields (PcallLogStream  *self,
            const GLogField *fields,
            gsize            n_fields)
{
  gboolean within = FALSE;

  for (gsize i = 0; i < n_fields; i++)
    if (!pcall_log_is_own_field (fields[i].key) ||
        (within = within || is_told_within (fields + i, n_fields - i)))
      add_field (self, fields[i].key, fields[i].value, fields[i].length);
}

static void
write_record (PcallLogStream  *self,
              GLogLevelFlags   level,
              const GLogField *fields,
              gsize            n_fields)
{
  guint depth;

  if (level & G_LOG_LEVEL_ERROR)
    level = (level & ~G_LOG_LEVEL_ERROR) | G_LOG_LEVEL_CRITICAL;

  g_array_set_size (self->fields, 0);
  if ((level & self->fatal) && !pcall_log_is_old_api (fields))
    add_field (self, PCALL_LOG_FIELD_OLD_API, "1", -1);
  add_fields (self, fields, n_fields);
  add_field (self, PCALL_LOG_FIELD_CALL, self->call_digits, -1);
  add_field (self, PCALL_LOG_FIELD_PID, self->pid_digits, -1);
  if (self->origin.target != NULL)
    add_field (self, PCALL_LOG_FIELD_TARGET, self->origin.target, -1);
  if (self->origin.host != NULL)
    add_field (self, PCALL_LOG_FIELD_HOST, self->origin.host, -1);

  depth = pcall_monitor_begin_user_code (self->monitor);
  pcall_log_writer_pass_on (TRUE);
  g_log_structured_array (level & G_LOG_LEVEL_MASK, (const GLogField *) self->fields->data,
                          self->fields->len);
  pcall_log_writer_pass_on (FALSE);
  pcall_monitor_end_user_code (self->monitor, depth);
}

static void
write_line (PcallLogStream *self,
            GLogLevelFlags  level,
            const char     *line,
            gsize           length)
{
  GLogField fields[] = {
    { "PRIORITY", level == G_LOG_LEVEL_WARNING ? WARNING_PRIORITY : MESSAGE_PRIORITY, -1 },
    { "GLIB_DOMAIN", G_LOG_DOMAIN, -1 },
    { "MESSAGE", line, memchr (line, '\0', length) != NULL ? (gssize) length : -1 },
  };

  write_record (self, level, fields, G_N_ELEMENTS (fields));
}

/* In the log of the language. */
static void
write_foreign (PcallLogStream *self,
               GLogLevelFlags  level,
               const char     *message,
               GBytes         *data)
{
  guint depth = pcall_monitor_begin_user_code (self->monitor);

  pcall_log_language_log (self->origin.index, level, message, data);
  pcall_monitor_end_user_code (self->monitor, depth);
}

static gboolean
speaks_foreign (PcallLogStream *self)
{
  return self->passes && pcall_log_language_is_there ();
}

/* What pcall has to say. */
static void
write_text (PcallLogStream *self,
            GLogLevelFlags  level,
            const char     *text)
{
  if (speaks_foreign (self))
    write_foreign (self, level, text, NULL);
  else
    write_line (self, level, text, strlen (text));
}

static void
write_mark (PcallLogStream *self,
            const char     *mark)
{
  g_autofree char *line = g_strdup_printf ("%s child log %s", mark, self->path);

  if (self->marked)
    write_text (self, speaks_foreign (self) ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_MESSAGE, line);
}

static void
begin (PcallLogStream *self)
{
  if (self->begun)
    return;

  self->begun = TRUE;
  write_mark (self, ">>>> Begin");
}

static const GLogField *
find_field (const GLogField *fields,
            gsize            n_fields,
            const char      *key)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, key) == 0)
      return &fields[i];
  return NULL;
}

/* A record of a language's own log. */
static void
write_foreign_record (PcallLogStream      *self,
                      const PcallLogEntry *entry,
                      const GLogField     *data)
{
  const GLogField *message = find_field (entry->fields, entry->n_fields, "MESSAGE");
  g_autoptr (GBytes) bytes = g_bytes_new (data->value, MAX (data->length, 0));

  write_foreign (self, entry->level, message != NULL ? message->value : "", bytes);
}

/* Where nobody knows its language it is a record like others. */
static void
write_any_record (PcallLogStream      *self,
                  const PcallLogEntry *entry)
{
  const GLogField *data = find_field (entry->fields, entry->n_fields, PCALL_LOG_FIELD_RECORD);

  if (data != NULL && pcall_log_language_is_there ())
    write_foreign_record (self, entry, data);
  else
    write_record (self, entry->level, entry->fields, entry->n_fields - (data != NULL));
}

static void
write_entry (PcallLogStream      *self,
             const PcallLogEntry *entry)
{
  begin (self);
  if (entry->line != NULL)
    write_line (self, G_LOG_LEVEL_MESSAGE, entry->line, entry->length);
  else if (entry->n_fields > 0)
    write_any_record (self, entry);
}

/* An error that pcall made says which call it was, and ends with lines that are just above. */
static char *
describe_error (PcallLogStream *self,
                const GError   *error)
{
  const char *last_output = strstr (error->message, PCALL_LAST_OUTPUT);

  if (!g_str_has_prefix (error->message, self->origin.call))
    return g_strdup_printf ("%s: failed: %s", self->origin.call, error->message);
  if (last_output != NULL)
    return g_strndup (error->message, last_output - error->message);
  return g_strdup (error->message);
}

static void
write_failure (PcallLogStream *self)
{
  g_autofree char *text = g_strdup_printf ("%s: what it wrote cannot be read: %s",
                                           self->origin.call, g_strerror (self->error_number));

  begin (self);
  write_text (self, G_LOG_LEVEL_WARNING, text);
}

/* To log a line costs as much as some bytes do, however short it is. */
#define LEAST_COUNTED 64

static void
count_entry (PcallLogStream      *self,
             const PcallLogEntry *entry)
{
  guint64 size = entry->length;

  for (gsize i = 0; entry->line == NULL && i < entry->n_fields; i++)
    size += MAX (entry->fields[i].length, 0) + LEAST_COUNTED;
  self->left -= MIN (self->left, MAX (size, LEAST_COUNTED));
}

static void
write_left_out (PcallLogStream *self)
{
  g_autofree char *reason = NULL, *text = NULL;

  if (self->left_out == 0)
    return;

  if (self->late)
    reason = g_strdup ("the deadline has passed");
  else if (self->pass_error != 0)
    reason = g_strdup (g_strerror (self->pass_error));
  else
    reason = g_strdup_printf ("max-log-size is %" G_GUINT64_FORMAT,
                              pcall_log_files_get_max_size (self->log));
  text = g_strdup_printf ("%s: the last %" G_GUINT64_FORMAT " bytes of its output are not here: %s",
                          self->origin.call, self->left_out, reason);
  write_text (self, G_LOG_LEVEL_WARNING, text);
}

static void
write_note (PcallLogStream *self)
{
  g_autofree char *text = g_strdup_printf ("%s: %s", self->origin.call, self->note);

  write_text (self, G_LOG_LEVEL_WARNING, text);
}

/* How the call ended is said where something was written, so that it can be read from top to
 * bottom. */
static void
write_end (PcallLogStream *self)
{
  self->ended = TRUE;
  if (self->error_number != 0 && self->note == NULL)
    write_failure (self);
  if (self->note != NULL)
    write_note (self);
  write_left_out (self);
  if (!self->begun)
    return;

  if (self->end != NULL)
    write_text (self, speaks_foreign (self) ? G_LOG_LEVEL_INFO : G_LOG_LEVEL_WARNING, self->end);
  write_mark (self, "<<<< End");
}

void
pcall_log_stream_finish (PcallLogStream *self,
                         const GError   *error,
                         const char     *note)
{
  self->finished = TRUE;
  self->end = error != NULL ? describe_error (self, error) : NULL;
  self->note = g_strdup (note);
  /* There may have been no descriptor for it. */
  if (self->error_number != 0)
    open_files (self);
  if (self->out != NULL)
    pcall_log_reader_finish (self->out);
  if (self->reader != NULL)
    pcall_log_reader_finish (self->reader);
}

static void
look_at_clock (PcallLogStream *self,
               gint64          now)
{
  gint64 deadline = pcall_log_files_get_deadline (self->log);

  if (deadline == 0 || self->left == 0 || now < deadline)
    return;
  self->late = TRUE;
  self->left = 0;
}

static gboolean
read_entry (PcallLogStream *self,
            PcallLogReader *reader,
            int             fd)
{
  self->fd = fd;
  return reader != NULL && pcall_log_reader_next (reader, &self->entry);
}

gboolean
pcall_log_stream_is_within (PcallLogStream *self)
{
  return self->passes && self->entry.length > 0;
}

/* FALSE if there is none, for now or at all. */
static gboolean
take_entry (PcallLogStream *self)
{
  return pcall_log_stream_is_within (self) || read_entry (self, self->out, STDOUT_FILENO) ||
         read_entry (self, self->reader, self->out != NULL ? STDERR_FILENO : STDOUT_FILENO);
}

/* What was printed, or a part of it. FALSE if the stream has no room for now. */
static gboolean
pass_on (PcallLogStream *self,
         gint64          until)
{
  guint depth = pcall_monitor_begin_user_code (self->monitor);
  gsize length = MIN (self->entry.length, self->left);
  gssize n = pcall_log_pass (self->fd, self->entry.line, length, until);
  int error_number = errno;

  pcall_monitor_end_user_code (self->monitor, depth);
  if (n < 0)
    {
      self->pass_error = error_number;
      self->left_out += self->entry.length;
      self->entry.length = 0;
      return TRUE;
    }

  self->entry.line += n;
  self->entry.length -= n;
  self->left -= n;
  return n > 0;
}

static gboolean
deliver_entry (PcallLogStream *self,
               gint64          until)
{
  if (self->passes && self->entry.line != NULL)
    return pass_on (self, until);

  count_entry (self, &self->entry);
  write_entry (self, &self->entry);
  return TRUE;
}

static void
leave_out (PcallLogStream *self)
{
  if (self->passes)
    self->left_out += self->entry.length;
  self->entry.length = 0;
  if (self->out != NULL)
    self->left_out += pcall_log_reader_skip (self->out);
  if (self->reader != NULL)
    self->left_out += pcall_log_reader_skip (self->reader);
}

gboolean
pcall_log_stream_step (PcallLogStream *self,
                       gint64          until)
{
  look_at_clock (self, g_get_monotonic_time ());
  while (self->left > 0 && take_entry (self))
    {
      gint64 now;

      if (!deliver_entry (self, until))
        return FALSE;
      now = g_get_monotonic_time ();
      if (now >= until)
        return FALSE;
      look_at_clock (self, now);
    }

  if (self->left == 0)
    leave_out (self);
  if (!self->finished)
    return TRUE;
  if (!self->ended)
    write_end (self);
  return pcall_log_files_join (self->log, self->origin.index, self->origin.pid, &self->joined,
                               until);
}
