/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "log/pcall-log-record-private.h"

#include <string.h>
#include <time.h>

/* The form of log records in a child's log file: encoding and decoding. Pure, but for the clock. */

#define RS PCALL_LOG_RECORD_BEGIN
#define US '\x1f'

#define MESSAGE "MESSAGE"

#define SIZE_DIGITS 8
/* "12:34:56.789 " */
#define TIME_LENGTH 13

void
pcall_log_key_init (PcallLogKey *self,
                    guint64      number)
{
  g_snprintf (self->digits, sizeof self->digits, "%016" G_GINT64_MODIFIER "x", number);
}

/* Encoding: what does not fit is counted, and not written. */

typedef struct
{
  char *bytes;
  gsize capacity;
  gsize length;
} Output;

static void
put (Output     *out,
     const void *bytes,
     gsize       length)
{
  if (length > 0 && out->length + length <= out->capacity)
    memcpy (out->bytes + out->length, bytes, length);
  out->length += length;
}

static void
put_char (Output *out,
          char    c)
{
  put (out, &c, 1);
}

/* With leading zeros, if it has less than @width digits. */
static void
put_number (Output *out,
            guint64 number,
            int     width)
{
  char digits[20];
  int n = 0;

  do
    digits[sizeof digits - ++n] = '0' + number % 10;
  while ((number /= 10) > 0 || n < width);
  put (out, digits + sizeof digits - n, n);
}

static void
put_time (Output *out)
{
  struct timespec now;
  struct tm local;

  clock_gettime (CLOCK_REALTIME, &now);
  localtime_r (&now.tv_sec, &local);

  put_number (out, local.tm_hour, 2);
  put_char (out, ':');
  put_number (out, local.tm_min, 2);
  put_char (out, ':');
  put_number (out, local.tm_sec, 2);
  put_char (out, '.');
  put_number (out, now.tv_nsec / 1000000, 3);
  put_char (out, ' ');
}

/* For people: decoding passes over it. */
static void
put_level (Output        *out,
           GLogLevelFlags level)
{
  const char *word = level & G_LOG_LEVEL_ERROR      ? "ERROR: "
                     : level & G_LOG_LEVEL_CRITICAL ? "CRITICAL: "
                     : level & G_LOG_LEVEL_WARNING  ? "WARNING: "
                     : level & G_LOG_LEVEL_MESSAGE  ? "MESSAGE: "
                     : level & G_LOG_LEVEL_INFO     ? "INFO: "
                     : level & G_LOG_LEVEL_DEBUG    ? "DEBUG: "
                                                    : "LOG: ";

  put (out, word, strlen (word));
}

static gsize
field_length (const GLogField *field)
{
  return field->length < 0 ? strlen (field->value) : (gsize) field->length;
}

static void
put_field (Output          *out,
           const GLogField *field)
{
  put_char (out, US);
  put_char (out, ' ');
  put (out, field->key, strlen (field->key));
  put_char (out, '=');
  put (out, field->value, field_length (field));
}

static void
put_length (Output          *out,
            const GLogField *field)
{
  put_char (out, field->length < 0 ? '-' : '+');
  put_number (out, field_length (field), 1);
}

static void
put_table (Output          *out,
           GLogLevelFlags   level,
           const GLogField *fields,
           gsize            n_fields,
           const GLogField *message)
{
  static const GLogField none = { MESSAGE, "", -1 };

  put_char (out, US);
  put_number (out, (guint32) level, 1);
  put_char (out, ':');
  put_number (out, message != NULL ? message - fields + 1 : 0, 1);
  put_char (out, ':');
  put_length (out, message != NULL ? message : &none);

  for (const GLogField *field = fields; field < fields + n_fields; field++)
    if (field != message)
      {
        put_char (out, ',');
        put_number (out, strlen (field->key), 1);
        put_length (out, field);
      }
}

static const GLogField *
find_message (const GLogField *fields,
              gsize            n_fields)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, MESSAGE) == 0)
      return &fields[i];
  return NULL;
}

/* The size is written when it is known. */
static void
put_size (Output *out,
          gsize   place)
{
  Output size = { out->bytes, out->capacity, place };

  put_number (&size, out->length, SIZE_DIGITS);
}

gsize
pcall_log_record_encode (const PcallLogKey *key,
                         GLogLevelFlags     level,
                         const GLogField   *fields,
                         gsize              n_fields,
                         char              *bytes,
                         gsize              capacity)
{
  Output out = { bytes, capacity, 0 };
  const GLogField *message = find_message (fields, n_fields);
  gsize size_place;

  put_char (&out, RS);
  put (&out, key->digits, PCALL_LOG_KEY_LENGTH);
  put_char (&out, ' ');
  size_place = out.length;
  put (&out, "00000000 ", SIZE_DIGITS + 1);
  put_time (&out);
  put_level (&out, level);
  if (message != NULL)
    put (&out, message->value, field_length (message));
  for (const GLogField *field = fields; field < fields + n_fields; field++)
    if (field != message)
      put_field (&out, field);
  put_table (&out, level, fields, n_fields, message);
  put_char (&out, RS);
  put_char (&out, '\n');

  if (out.length <= capacity && out.length <= PCALL_LOG_MAX_RECORD)
    put_size (&out, size_place);
  return out.length;
}

/* Decoding */

typedef struct
{
  char *at;
  char *end;
} Input;

static gboolean
take_char (Input *in,
           char   c)
{
  if (in->at == in->end || *in->at != c)
    return FALSE;

  in->at++;
  return TRUE;
}

/* No number of ours has more than 32 bits. */
static gboolean
take_number (Input *in,
             gsize *number)
{
  char *begun = in->at;
  guint64 taken = 0;

  for (; in->at < in->end && g_ascii_isdigit (*in->at) && taken <= G_MAXUINT32; in->at++)
    taken = taken * 10 + (*in->at - '0');
  *number = taken;
  return in->at > begun && taken <= G_MAXUINT32;
}

static gboolean
take_length (Input    *in,
             gsize    *length,
             gboolean *terminated)
{
  *terminated = take_char (in, '-');
  return (*terminated || take_char (in, '+')) && take_number (in, length);
}

static char *
take_bytes (Input *in,
            gsize  length)
{
  char *bytes = in->at;

  if ((gsize) (in->end - in->at) < length)
    return NULL;

  in->at += length;
  return bytes;
}

static gboolean
add_field (GArray     *fields,
           const char *name,
           const char *value,
           gsize       length,
           gboolean    terminated)
{
  GLogField field = { name, value, terminated ? -1 : (gssize) length };

  /* One more where there is no message, which has its place all the same. */
  if (fields->len > PCALL_LOG_MAX_FIELDS || (terminated && memchr (value, '\0', length) != NULL))
    return FALSE;

  g_array_append_val (fields, field);
  return TRUE;
}

static gboolean
take_field (Input  *table,
            Input  *body,
            GArray *fields)
{
  gsize name_length, length;
  gboolean terminated;
  char *name, *value;

  return take_number (table, &name_length) && take_length (table, &length, &terminated) &&
         take_char (body, US) && take_char (body, ' ') &&
         (name = take_bytes (body, name_length)) != NULL &&
         memchr (name, '\0', name_length) == NULL &&
         take_char (body, '=') && (value = take_bytes (body, length)) != NULL &&
         add_field (fields, name, value, length, terminated);
}

static gboolean
take_fields (Input  *table,
             Input  *body,
             GArray *fields)
{
  gsize length;
  gboolean terminated;
  char *message;

  if (!take_length (table, &length, &terminated) ||
      (message = take_bytes (body, length)) == NULL ||
      !add_field (fields, MESSAGE, message, length, terminated))
    return FALSE;
  while (take_char (table, ','))
    if (!take_field (table, body, fields))
      return FALSE;

  return table->at == table->end && body->at == body->end;
}

/* Puts zero bytes where the separators stand: behind each name, and behind each value. */
static void
terminate (GArray *fields,
           char   *table)
{
  for (guint i = 0; i < fields->len; i++)
    {
      GLogField *field = &g_array_index (fields, GLogField, i);
      char *next = i + 1 < fields->len ? (char *) field[1].key - 1 : table;

      if (i > 0)
        ((char *) field->value)[-1] = '\0';
      next[-1] = '\0';
    }
}

/* The message stands first: puts it where it stood among the fields. */
static void
place_message (GArray *fields,
               gsize   place)
{
  GLogField message = g_array_index (fields, GLogField, 0);

  g_array_remove_index (fields, 0);
  if (place > 0)
    g_array_insert_val (fields, place - 1, message);
}

/* From behind the header to before the last RS. */
static gboolean
decode_body (Input          *body,
             PcallLogRecord *record)
{
  Input table = { memrchr (body->at, US, body->end - body->at), body->end };
  Input prefix = { body->at, table.at };
  gsize level, place;

  if (table.at == NULL || take_bytes (&prefix, TIME_LENGTH) == NULL ||
      (prefix.at = memchr (prefix.at, ':', prefix.end - prefix.at)) == NULL ||
      !take_char (&prefix, ':') || !take_char (&prefix, ' '))
    return FALSE;

  table.at++;
  g_array_set_size (record->fields, 0);
  if (!take_number (&table, &level) || !take_char (&table, ':') || !take_number (&table, &place) ||
      !take_char (&table, ':') || !take_fields (&table, &prefix, record->fields) ||
      place > record->fields->len)
    return FALSE;

  record->level = level;
  terminate (record->fields, prefix.end + 1);
  place_message (record->fields, place);
  return TRUE;
}

/* Whether the bytes, as far as they go, are the header of a record. */
static gboolean
is_header (const PcallLogKey *key,
           const char        *bytes,
           gsize              length)
{
  return (length == 0 || bytes[0] == RS) &&
         memcmp (bytes + 1, key->digits, CLAMP (length, 1, PCALL_LOG_KEY_LENGTH + 1) - 1) == 0;
}

PcallLogRecordState
pcall_log_record_decode (const PcallLogKey *key,
                         char              *bytes,
                         gsize              length,
                         PcallLogRecord    *record)
{
  Input size = { bytes + PCALL_LOG_KEY_LENGTH + 1, bytes + PCALL_LOG_HEADER_LENGTH };
  Input body;

  record->size = 0;
  if (!is_header (key, bytes, length))
    return PCALL_LOG_RECORD_NONE;
  if (length < PCALL_LOG_HEADER_LENGTH)
    return PCALL_LOG_RECORD_SHORT;
  if (!take_char (&size, ' ') || !take_number (&size, &record->size) || !take_char (&size, ' ') ||
      size.at != size.end || record->size > PCALL_LOG_MAX_RECORD ||
      record->size < PCALL_LOG_HEADER_LENGTH + TIME_LENGTH)
    return PCALL_LOG_RECORD_NONE;
  if (length < record->size)
    return PCALL_LOG_RECORD_SHORT;

  body = (Input) { bytes + PCALL_LOG_HEADER_LENGTH, bytes + record->size - 2 };
  if (body.end[0] != RS || body.end[1] != '\n' || !decode_body (&body, record))
    return PCALL_LOG_RECORD_NONE;
  return PCALL_LOG_RECORD_WHOLE;
}
