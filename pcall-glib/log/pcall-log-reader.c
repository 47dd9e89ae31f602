/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-reader-private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"

/* Lines and records of a child's log file, one after the other.
 *
 * What the child prints is a stream of bytes, in which a record may stand anywhere, also within
 * a line: a record is written in one piece, but to the end of what was printed so far. So the
 * parts of a line are put together, in `line`, and the record between them is read before the
 * line.
 *
 * Raw, it is bytes and records in the order in which they stand there. Whole lines are given at
 * once. What stands behind them is all that there will be for long, or the beginning of one that is
 * just being written: then one waits for its writer. */

#define BUFFER_SIZE (64 * 1024)

struct _PcallLogReader
{
  int         fd;
  PcallLogKey key;
  guint64     left;     /* how much may be read from the file */
  gboolean    finished; /* what stands at the end is taken as it is */
  gboolean    sparse;   /* there are holes, which are passed over */
  char       *buffer;
  gsize       capacity;
  gsize       begin; /* of what was not looked at in the buffer … */
  gsize       end;   /* … and the end of that */
  gsize       newline; /* no line ends before it */
  GString    *line;  /* the parts of a line so far */
  gboolean    given; /* the line was given out */
  gboolean    cut;   /* that before was, though its end had not come */
  gboolean    raw;
  gsize       plain; /* raw: of what was not looked at, what is known to be no record */
  GArray     *fields;
};

PcallLogReader *
pcall_log_reader_new (int                fd,
                      const PcallLogKey *key)
{
  PcallLogReader *self = g_new0 (PcallLogReader, 1);

  self->fd = fd;
  self->key = *key;
  self->left = G_MAXUINT64;
  self->line = g_string_new (NULL);
  self->fields = g_array_new (FALSE, FALSE, sizeof (GLogField));
  return self;
}

void
pcall_log_reader_free (PcallLogReader *self)
{
  pcall_fd_clear (&self->fd);
  g_array_unref (self->fields);
  g_string_free (self->line, TRUE);
  g_free (self->buffer);
  g_free (self);
}

void
pcall_log_reader_set_raw (PcallLogReader *self)
{
  self->raw = TRUE;
}

void
pcall_log_reader_finish (PcallLogReader *self)
{
  off_t position = lseek (self->fd, 0, SEEK_CUR);
  struct stat file;

  self->left = 0;
  if (position >= 0 && fstat (self->fd, &file) == 0 && file.st_size > position)
    {
      self->left = file.st_size - position;
      self->sparse = file.st_blocks * 512 < file.st_size;
    }
  self->finished = TRUE;
}

/* Makes room behind what is in the buffer. One byte more is for a zero. */
static void
make_room (PcallLogReader *self)
{
  gsize length = self->end - self->begin;
  gsize wanted = length < BUFFER_SIZE / 2 ? BUFFER_SIZE : 2 * length;

  if (self->begin > 0)
    memmove (self->buffer, self->buffer + self->begin, length);
  self->newline -= MIN (self->newline, self->begin);
  self->begin = 0;
  self->end = length;
  if (self->capacity < wanted || (self->capacity > BUFFER_SIZE && wanted == BUFFER_SIZE))
    {
      self->buffer = g_realloc (self->buffer, wanted + 1);
      self->capacity = wanted;
    }
}

/* A child may make its file as long as a file can be: nobody wrote what is not there. */
static void
skip_hole (PcallLogReader *self)
{
  off_t position = lseek (self->fd, 0, SEEK_CUR);
  off_t data = lseek (self->fd, position, SEEK_DATA);

  if (data < 0 && errno == ENXIO)
    self->left = 0;
  else if (data > position)
    self->left -= MIN (self->left, (guint64) (data - position));
}

static gboolean
read_more (PcallLogReader *self)
{
  ssize_t n;

  if (self->sparse)
    skip_hole (self);

  if (self->end == self->capacity)
    make_room (self);

  do
    n = read (self->fd, self->buffer + self->end,
              MIN (self->capacity - self->end, self->left));
  while (n < 0 && errno == EINTR);
  if (n <= 0)
    return FALSE;

  self->end += n;
  self->left -= n;
  return TRUE;
}

/* Of what is no line by itself. */
static void
keep_part (PcallLogReader *self,
           gsize           length)
{
  if (self->raw)
    {
      self->plain = length;
      return;
    }
  g_string_append_len (self->line, self->buffer + self->begin, length);
  self->begin += length;
}

typedef enum
{
  STEP_GIVEN,  /* there is an entry */
  STEP_AGAIN,  /* something was looked at, and there may be more in the buffer */
  STEP_HUNGRY, /* more has to be read */
} Step;

static gboolean
is_at_end (PcallLogReader *self)
{
  return self->finished && self->left == 0;
}

/* Of a record whose writer was killed, or had no room, what people can read is left. */
static Step
salvage_record (PcallLogReader       *self,
                const PcallLogRecord *record)
{
  if (record->size > 0)
    self->begin += PCALL_LOG_HEADER_LENGTH;
  else
    keep_part (self, 1);
  return STEP_AGAIN;
}

static Step
take_record (PcallLogReader *self,
             PcallLogEntry  *entry)
{
  PcallLogRecord record = { .fields = self->fields };

  switch (pcall_log_record_decode (&self->key, self->buffer + self->begin, self->end - self->begin,
                                   &record))
    {
    case PCALL_LOG_RECORD_WHOLE:
      *entry = (PcallLogEntry) { .level = record.level,
                                 .fields = (const GLogField *) self->fields->data,
                                 .n_fields = self->fields->len };
      self->begin += record.size;
      return STEP_GIVEN;
    case PCALL_LOG_RECORD_SHORT:
      return is_at_end (self) ? salvage_record (self, &record) : STEP_HUNGRY;
    case PCALL_LOG_RECORD_NONE:
    default:
      keep_part (self, 1);
      return STEP_AGAIN;
    }
}

static Step
take_parts (PcallLogReader *self,
            PcallLogEntry  *entry,
            gboolean        cut)
{
  self->given = TRUE;
  self->cut = cut;
  *entry = (PcallLogEntry) { .line = self->line->str, .length = self->line->len };
  return STEP_GIVEN;
}

/* A line, of which @length bytes are in the buffer. */
static Step
take_line (PcallLogReader *self,
           PcallLogEntry  *entry,
           gsize           length)
{
  char *line = self->buffer + self->begin;

  if (self->line->len > 0)
    {
      keep_part (self, length);
      self->begin++;
      return take_parts (self, entry, FALSE);
    }
  if (self->cut && length == 0)
    {
      self->begin++;
      self->cut = FALSE;
      return STEP_AGAIN;
    }

  self->cut = FALSE;
  line[length] = '\0';
  self->begin += length + 1;
  *entry = (PcallLogEntry) { .line = line, .length = length };
  return STEP_GIVEN;
}

/* Where the line ends, or else the buffer. Bytes are looked at once, however many records, or
 * what looks like the beginning of one, stand in a line. */
static gsize
find_line_end (PcallLogReader *self)
{
  gsize from = MAX (self->begin, self->newline);
  char *newline = from < self->end ? memchr (self->buffer + from, '\n', self->end - from) : NULL;

  self->newline = newline != NULL ? (gsize) (newline - self->buffer) : self->end;
  return self->newline;
}

static Step
give_raw (PcallLogReader *self,
          PcallLogEntry  *entry,
          gsize           length)
{
  *entry = (PcallLogEntry) { .line = self->buffer + self->begin, .length = length };
  self->begin += length;
  self->plain -= MIN (self->plain, length);
  return STEP_GIVEN;
}

/* Who writes holds the file's lock for as long as that takes, page by page; and to look for data
 * the kernel takes it, too. */
static void
wait_for_writer (PcallLogReader *self)
{
  off_t position = lseek (self->fd, 0, SEEK_CUR);

  if (position >= 0 && lseek (self->fd, position, SEEK_DATA) >= 0)
    lseek (self->fd, position, SEEK_SET);
}

/* Nothing more can be read for now: what is in the buffer has no end of a line. */
static Step
give_part (PcallLogReader *self,
           PcallLogEntry  *entry)
{
  gsize length = self->end - self->begin;
  gboolean is_record = length > self->plain && self->buffer[self->begin] == PCALL_LOG_RECORD_BEGIN;

  if (length == 0 || is_record)
    return STEP_HUNGRY;

  wait_for_writer (self);
  return read_more (self) ? STEP_AGAIN : give_raw (self, entry, length);
}

static Step
step_raw (PcallLogReader *self,
          PcallLogEntry  *entry)
{
  gsize length = self->end - self->begin;
  char *begin = self->buffer + self->begin;
  gsize plain = MIN (self->plain, length);
  char *record = length > plain ? memchr (begin + plain, PCALL_LOG_RECORD_BEGIN, length - plain)
                                : NULL;
  char *newline;

  if (record != NULL && record == begin)
    return take_record (self, entry);
  if (record != NULL)
    return give_raw (self, entry, record - begin);

  newline = length > 0 ? memrchr (begin, '\n', length) : NULL;
  if (newline != NULL)
    return give_raw (self, entry, newline + 1 - begin);
  return length >= BUFFER_SIZE / 2 ? give_raw (self, entry, length) : STEP_HUNGRY;
}

static Step
step (PcallLogReader *self,
      PcallLogEntry  *entry)
{
  gsize line_end = find_line_end (self);
  gsize length = line_end - self->begin;
  char *begin = self->buffer + self->begin;
  char *record = length > 0 ? memchr (begin, PCALL_LOG_RECORD_BEGIN, length) : NULL;

  if (record != NULL && record == begin)
    return take_record (self, entry);
  if (record == NULL && line_end < self->end)
    return take_line (self, entry, length);

  keep_part (self, record != NULL ? (gsize) (record - begin) : length);
  if (self->line->len >= PCALL_LOG_MAX_RECORD)
    return take_parts (self, entry, TRUE);
  if (record == NULL && is_at_end (self) && self->line->len > 0)
    return take_parts (self, entry, FALSE);
  return record != NULL ? STEP_AGAIN : STEP_HUNGRY;
}

static Step
step_or_read (PcallLogReader *self,
              PcallLogEntry  *entry)
{
  Step taken = self->raw ? step_raw (self, entry) : step (self, entry);

  if (taken != STEP_HUNGRY)
    return taken;
  if (read_more (self))
    return STEP_AGAIN;
  return self->raw ? give_part (self, entry) : STEP_HUNGRY;
}

static void
forget_parts (PcallLogReader *self)
{
  if (!self->given)
    return;

  self->given = FALSE;
  if (self->line->allocated_len <= BUFFER_SIZE)
    {
      g_string_truncate (self->line, 0);
      return;
    }
  g_string_free (self->line, TRUE);
  self->line = g_string_new (NULL);
}

gboolean
pcall_log_reader_next (PcallLogReader *self,
                       PcallLogEntry  *entry)
{
  forget_parts (self);

  for (;;)
    switch (step_or_read (self, entry))
      {
      case STEP_GIVEN:
        return TRUE;
      case STEP_HUNGRY:
        if (!self->finished || self->left == 0)
          return FALSE;
        /* The file is shorter than it was. */
        self->left = 0;
        break;
      case STEP_AGAIN:
      default:
        break;
      }
}

guint64
pcall_log_reader_skip (PcallLogReader *self)
{
  guint64 n = (self->given ? 0 : self->line->len) + (self->end - self->begin);
  off_t position = lseek (self->fd, 0, SEEK_CUR);
  off_t end = lseek (self->fd, 0, SEEK_END);

  if (position >= 0 && end > position)
    n += end - position;
  g_string_truncate (self->line, 0);
  self->given = FALSE;
  self->begin = self->end = self->newline = 0;
  self->plain = 0;
  if (self->finished)
    self->left = 0;
  return n;
}
