/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The form of log records: what goes in comes out, whatever the bytes; and what is none, or a
 * part of one, or a forged one, is told without a look beyond its end. So all is decoded from
 * memory that is as large as what is in it, for a sanitizer to see. */

#include <string.h>

#include <pcall-glib/log/pcall-log-record-private.h>

#define NUMBER G_GUINT64_CONSTANT (0x0123456789abcdef)

static PcallLogKey key;

/* Records as bytes */

typedef struct
{
  char *bytes;
  gsize length;
} Bytes;

static Bytes
encode (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  Bytes self = { NULL, 0 };

  self.length = pcall_log_record_encode (&key, level, fields, n_fields, NULL, 0);
  self.bytes = g_malloc (self.length);
  g_assert_cmpuint (
      pcall_log_record_encode (&key, level, fields, n_fields, self.bytes, self.length), ==,
      self.length);
  return self;
}

static void
bytes_clear (Bytes *self)
{
  g_clear_pointer (&self->bytes, g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Bytes, bytes_clear)

/* Decodes a copy of its own size. What is not whole must be as it was. */
static PcallLogRecordState
decode (const char *bytes, gsize length, PcallLogRecord *record, char **copy)
{
  PcallLogRecordState state;

  *copy = g_malloc (length);
  if (length > 0)
    memcpy (*copy, bytes, length);
  *record = (PcallLogRecord){ .fields = g_array_new (FALSE, FALSE, sizeof (GLogField)) };
  state = pcall_log_record_decode (&key, *copy, length, record);
  if (state != PCALL_LOG_RECORD_WHOLE)
    g_assert_cmpmem (*copy, length, bytes, length);
  return state;
}

static PcallLogRecordState
try (const char *bytes, gsize length)
{
  g_autofree char *copy = NULL;
  PcallLogRecord record;
  PcallLogRecordState state = decode (bytes, length, &record, &copy);

  g_array_unref (record.fields);
  return state;
}

static void
assert_field (const GLogField *field, const GLogField *expected)
{
  g_assert_cmpstr (field->key, ==, expected->key);
  g_assert_cmpint (field->length, ==, expected->length < 0 ? -1 : expected->length);
  if (expected->length < 0)
    g_assert_cmpstr (field->value, ==, expected->value);
  else
    g_assert_cmpmem (field->value, field->length, expected->value, expected->length);
}

static void
assert_round_trip (GLogLevelFlags level, const GLogField *fields, gsize n_fields)
{
  g_auto (Bytes) bytes = encode (level, fields, n_fields);
  g_autofree char *copy = NULL;
  PcallLogRecord record;

  g_assert_cmpint (decode (bytes.bytes, bytes.length, &record, &copy), ==,
                   PCALL_LOG_RECORD_WHOLE);
  g_assert_cmpuint (record.size, ==, bytes.length);
  g_assert_cmpuint (record.level, ==, level);
  g_assert_cmpuint (record.fields->len, ==, n_fields);
  for (gsize i = 0; i < n_fields; i++)
    assert_field (&g_array_index (record.fields, GLogField, i), &fields[i]);
  g_array_unref (record.fields);
}

/* Round trips */

static void
test_levels (void)
{
  static const GLogField fields[] = { { "MESSAGE", "text", -1 }, { "PRIORITY", "4", -1 } };

  for (guint bit = 0; bit < 32; bit++)
    assert_round_trip ((GLogLevelFlags) (1u << bit), fields, G_N_ELEMENTS (fields));
  assert_round_trip (0, fields, G_N_ELEMENTS (fields));
  assert_round_trip (G_LOG_LEVEL_ERROR | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION, fields, 1);
  assert_round_trip (G_LOG_LEVEL_MASK, fields, G_N_ELEMENTS (fields));
}

typedef struct
{
  const char *name;
  GLogField fields[5];
  gsize n_fields;
} FieldsRow;

static const FieldsRow rows[] = {
  { "message-only", { { "MESSAGE", "text", -1 } }, 1 },
  { "message-first", { { "MESSAGE", "text", -1 }, { "A", "1", -1 }, { "B", "2", -1 } }, 3 },
  { "message-within", { { "A", "1", -1 }, { "MESSAGE", "text", -1 }, { "B", "2", -1 } }, 3 },
  { "message-last", { { "A", "1", -1 }, { "B", "2", -1 }, { "MESSAGE", "text", -1 } }, 3 },
  { "no-message", { { "A", "1", -1 }, { "B", "2", -1 } }, 2 },
  { "two-messages", { { "A", "1", -1 }, { "MESSAGE", "x", -1 }, { "MESSAGE", "y", 1 } }, 3 },
  { "three-messages", { { "MESSAGE", "x", 1 }, { "MESSAGE", "", -1 }, { "MESSAGE", "z", -1 } }, 3 },
  { "same-names", { { "A", "1", -1 }, { "A", "2", -1 }, { "A", "3", 1 } }, 3 },
  { "empty-values", { { "MESSAGE", "", -1 }, { "A", "", -1 }, { "B", "", 0 } }, 3 },
  { "empty-counted-message", { { "MESSAGE", "", 0 } }, 1 },
  { "counted", { { "MESSAGE", "text+", 4 }, { "A", "12+", 2 } }, 2 },
  { "pointer", { { "MESSAGE", "text", -1 }, { "POINTER", NULL, 0 } }, 2 },
  { "zero-bytes", { { "MESSAGE", "\0a\0b\0", 5 }, { "A", "\0\0", 2 } }, 2 },
  { "separators", { { "MESSAGE", "\x1e\x1f\x1e\n\x1f ", -1 }, { "A", "\x1f 1:1:+1\x1e\n", -1 } }, 2 },
  { "newlines", { { "MESSAGE", "a\nb\n\nc\n", -1 }, { "A", "\n", -1 }, { "B", "\r\n", 2 } }, 3 },
  { "colons", { { "MESSAGE", ": : :", -1 }, { "A", ":,+-:", -1 } }, 2 },
  { "not-utf-8", { { "MESSAGE", "\xff\xfe\x80", -1 }, { "A", "\xc3", -1 } }, 2 },
  { "utf-8", { { "MESSAGE", "žluťoučký 🐎", -1 }, { "A", "ß", -1 } }, 2 },
  { "odd-names", { { "", "1", -1 }, { "a=b", "=", -1 }, { "c\nd", "2", -1 }, { "\x1f", "3", -1 } }, 4 },
  { "long-name", { { "MESSAGE_BUT_LONGER_THAN_ONE_WOULD_THINK_OF", "1", -1 } }, 1 },
  { "as-of-glib",
    { { "GLIB_OLD_LOG_API", "1", -1 }, { "MESSAGE", "text", -1 }, { "PRIORITY", "4", -1 },
      { "GLIB_DOMAIN", "Domain", -1 } }, 4 },
};

static void
test_fields (gconstpointer data)
{
  const FieldsRow *row = data;

  assert_round_trip (G_LOG_LEVEL_WARNING, row->fields, row->n_fields);
}

/* Lengths around those where numbers get another digit. */
static void
test_lengths (void)
{
  static const gsize lengths[] = { 9, 10, 99, 100, 4095, 4096, 4097, 65536, 999999, 1048576 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *text = g_strnfill (lengths[i], 'x');
      GLogField fields[] = { { "A", text, -1 }, { "MESSAGE", text, lengths[i] }, { text, "b", -1 } };

      assert_round_trip (G_LOG_LEVEL_MESSAGE, fields, G_N_ELEMENTS (fields));
    }
}

/* The longest that is decoded, and one byte more */
static void
test_largest (void)
{
  static const GLogField empty = { "MESSAGE", "", -1 };
  /* The length has seven digits more. */
  gsize room = PCALL_LOG_MAX_RECORD
               - pcall_log_record_encode (&key, G_LOG_LEVEL_MESSAGE, &empty, 1, NULL, 0) - 7;
  g_autofree char *text = g_strnfill (room + 1, 'x');
  GLogField field = { "MESSAGE", text, room };
  g_auto (Bytes) bytes = { NULL, 0 };

  assert_round_trip (G_LOG_LEVEL_MESSAGE, &field, 1);
  field.length++;
  bytes = encode (G_LOG_LEVEL_MESSAGE, &field, 1);
  g_assert_cmpuint (bytes.length, ==, PCALL_LOG_MAX_RECORD + 1);
  g_assert_cmpint (try (bytes.bytes, bytes.length), ==, PCALL_LOG_RECORD_NONE);
}

static void
test_many_fields (void)
{
  static const guint numbers[] = { 1, 2, 100, PCALL_LOG_MAX_FIELDS };

  for (gsize n = 0; n < G_N_ELEMENTS (numbers); n++)
    {
      g_autofree GLogField *fields = g_new (GLogField, numbers[n]);
      g_autoptr (GStringChunk) strings = g_string_chunk_new (4096);
      char text[32];

      for (guint i = 0; i < numbers[n]; i++)
        {
          g_snprintf (text, sizeof text, "FIELD_%u", i);
          fields[i] = (GLogField){ g_string_chunk_insert (strings, text),
                                   g_string_chunk_insert (strings, text), i % 2 ? -1 : 3 };
        }
      assert_round_trip (G_LOG_LEVEL_INFO, fields, numbers[n]);
      fields[numbers[n] - 1].key = "MESSAGE";
      assert_round_trip (G_LOG_LEVEL_INFO, fields, numbers[n]);
    }
}

/* Nothing is written where it does not fit, and how much it is is told all the same. */
static void
test_capacity (void)
{
  const FieldsRow *row = &rows[G_N_ELEMENTS (rows) - 1];
  g_auto (Bytes) whole = encode (G_LOG_LEVEL_WARNING, row->fields, row->n_fields);

  for (gsize capacity = 0; capacity < whole.length; capacity++)
    {
      g_autofree char *bytes = g_malloc (capacity);

      g_assert_cmpuint (pcall_log_record_encode (&key, G_LOG_LEVEL_WARNING, row->fields,
                                                 row->n_fields, bytes, capacity),
                        ==, whole.length);
    }
}

/* People read the message in the first line, behind the time and the level. */
static void
test_readable (void)
{
  static const struct
  {
    GLogLevelFlags level;
    const char *word;
  } levels[] = {
    { G_LOG_LEVEL_ERROR, "ERROR" },     { G_LOG_LEVEL_CRITICAL, "CRITICAL" },
    { G_LOG_LEVEL_WARNING, "WARNING" }, { G_LOG_LEVEL_MESSAGE, "MESSAGE" },
    { G_LOG_LEVEL_INFO, "INFO" },       { G_LOG_LEVEL_DEBUG, "DEBUG" },
    { 1 << G_LOG_LEVEL_USER_SHIFT, "LOG" },
  };
  static const GLogField fields[] = { { "A", "1", -1 }, { "MESSAGE", "what happened", -1 } };

  for (gsize i = 0; i < G_N_ELEMENTS (levels); i++)
    {
      g_auto (Bytes) bytes = encode (levels[i].level, fields, G_N_ELEMENTS (fields));
      g_autofree char *text = g_strndup (bytes.bytes + PCALL_LOG_HEADER_LENGTH,
                                         bytes.length - PCALL_LOG_HEADER_LENGTH);
      g_autofree char *pattern = g_strdup_printf (
          "^\\d\\d:\\d\\d:\\d\\d\\.\\d\\d\\d %s: what happened\\x1f A=1\\x1f", levels[i].word);

      g_assert_true (g_regex_match_simple (pattern, text, 0, 0));
      g_assert_cmpint (bytes.bytes[bytes.length - 1], ==, '\n');
    }
}

/* Parts, and what is changed */

static void
test_cut (gconstpointer data)
{
  const FieldsRow *row = data;
  g_auto (Bytes) bytes = encode (G_LOG_LEVEL_WARNING, row->fields, row->n_fields);

  for (gsize length = 0; length < bytes.length; length++)
    {
      g_autofree char *copy = NULL;
      PcallLogRecord record;

      g_assert_cmpint (decode (bytes.bytes, length, &record, &copy), ==, PCALL_LOG_RECORD_SHORT);
      g_assert_cmpuint (record.size, ==, length < PCALL_LOG_HEADER_LENGTH ? 0 : bytes.length);
      g_array_unref (record.fields);
    }
}

/* Whatever else: no crash, nothing outside, and nothing changed unless it is taken. */
static void
test_changed (gconstpointer data)
{
  const FieldsRow *row = data;
  g_auto (Bytes) bytes = encode (G_LOG_LEVEL_WARNING, row->fields, row->n_fields);

  for (gsize i = 0; i < bytes.length; i++)
    {
      char before = bytes.bytes[i];

      for (int value = 0; value < 256; value++)
        {
          bytes.bytes[i] = value;
          if (value != (guchar) before && i <= PCALL_LOG_KEY_LENGTH + 1)
            g_assert_cmpint (try (bytes.bytes, bytes.length), ==, PCALL_LOG_RECORD_NONE);
          else
            try (bytes.bytes, bytes.length);
        }
      bytes.bytes[i] = before;
    }
}

/* Two at a time: the first is a separator, whatever the second. */
static void
test_changed_twice (gconstpointer data)
{
  static const char values[] = "\x1e\x1f\n\0 :,+-=09";
  const FieldsRow *row = data;
  g_auto (Bytes) bytes = encode (G_LOG_LEVEL_WARNING, row->fields, row->n_fields);

  for (gsize i = PCALL_LOG_HEADER_LENGTH; i < bytes.length; i++)
    for (gsize j = i + 1; j < bytes.length; j++)
      for (gsize v = 0; v < sizeof values; v++)
        {
          char first = bytes.bytes[i];
          char second = bytes.bytes[j];

          bytes.bytes[i] = '\x1f';
          bytes.bytes[j] = values[v];
          try (bytes.bytes, bytes.length);
          bytes.bytes[i] = first;
          bytes.bytes[j] = second;
        }
}

/* A child knows the key, and can write what it likes. */

static Bytes
forge (const char *body, gsize length)
{
  GString *text = g_string_new (NULL);
  gsize size = PCALL_LOG_HEADER_LENGTH + length + 2;

  g_string_append_printf (text, "\x1e%s %08" G_GSIZE_FORMAT " ", key.digits, size);
  g_string_append_len (text, body, length);
  g_string_append (text, "\x1e\n");
  return (Bytes){ g_string_free (text, FALSE), size };
}

typedef struct
{
  const char *name;
  const char *body;
  gboolean whole;
} ForgedRow;

#define T "12:34:56.789 "

static const ForgedRow forged_rows[] = {
  { "good", T "LOG: x\x1f" "32:1:-1", TRUE },
  { "good-with-field", T "LOG: x\x1f A=1\x1f" "32:1:-1,1+1", TRUE },
  { "nothing", "", FALSE },
  { "time-only", T, FALSE },
  { "no-table", T "LOG: x", FALSE },
  { "table-in-time", "12:34:\x1f" "6.789 LOG: x 32:1:-1", FALSE },
  { "table-in-time-and-no-colon", "12:34:\x1f" "6.789 LOG xxxxxxxxxxxxx", FALSE },
  { "table-first", "\x1f" "2:34:56.789 LOG: x", FALSE },
  { "table-at-end-of-time", "12:34:56.789\x1f" "LOG: x", FALSE },
  { "table-in-level", T "LO\x1fG: x", FALSE },
  { "no-level-word", T "x\x1f" "32:1:-1", FALSE },
  { "colon-before-table", T "LOG:\x1f" "32:1:-0", FALSE },
  { "empty-table", T "LOG: x\x1f", FALSE },
  { "no-place", T "LOG: x\x1f" "32:", FALSE },
  { "no-lengths", T "LOG: x\x1f" "32:1:", FALSE },
  { "no-level", T "LOG: x\x1f" ":1:-1", FALSE },
  { "level-too-long", T "LOG: x\x1f" "99999999999:1:-1", FALSE },
  { "level-too-large", T "LOG: x\x1f" "4294967296:1:-1", FALSE },
  { "negative-level", T "LOG: x\x1f" "-32:1:-1", FALSE },
  { "place-behind-end", T "LOG: x\x1f" "32:2:-1", FALSE },
  { "huge-place", T "LOG: x\x1f" "32:999999999:-1", FALSE },
  { "message-too-long", T "LOG: x\x1f" "32:1:-2", FALSE },
  { "message-too-short", T "LOG: xy\x1f" "32:1:-1", FALSE },
  { "huge-message", T "LOG: x\x1f" "32:1:-999999999", FALSE },
  { "longer-than-any", T "LOG: x\x1f" "32:1:-18446744073709551615", FALSE },
  { "kind-missing", T "LOG: x\x1f" "32:1:1", FALSE },
  { "field-missing", T "LOG: x\x1f" "32:1:-1,1-1", FALSE },
  { "field-not-in-table", T "LOG: x\x1f A=1\x1f" "32:1:-1", FALSE },
  { "name-too-long", T "LOG: x\x1f A=1\x1f" "32:1:-1,9-1", FALSE },
  { "value-too-long", T "LOG: x\x1f A=1\x1f" "32:1:-1,1-9", FALSE },
  { "no-equals", T "LOG: x\x1f A:1\x1f" "32:1:-1,1-1", FALSE },
  { "no-blank", T "LOG: x\x1f_A=1\x1f" "32:1:-1,1-1", FALSE },
  { "comma-at-end", T "LOG: x\x1f" "32:1:-1,", FALSE },
  { "rest", T "LOG: x\x1f" "32:1:-1 ", FALSE },
};

static void
test_forged (gconstpointer data)
{
  const ForgedRow *row = data;
  g_auto (Bytes) bytes = forge (row->body, strlen (row->body));

  g_assert_cmpint (try (bytes.bytes, bytes.length), ==,
                   row->whole ? PCALL_LOG_RECORD_WHOLE : PCALL_LOG_RECORD_NONE);
}

static void
test_zero_in_terminated (void)
{
  static const char body[] = T "LOG: \0\x1f" "32:1:-1";
  static const char counted[] = T "LOG: \0\x1f" "32:1:+1";
  static const char name[] = T "LOG: x\x1f \0=1\x1f" "32:1:-1,1+1";
  g_auto (Bytes) bad = forge (body, sizeof body - 1);
  g_auto (Bytes) good = forge (counted, sizeof counted - 1);
  g_auto (Bytes) bad_name = forge (name, sizeof name - 1);

  g_assert_cmpint (try (bad.bytes, bad.length), ==, PCALL_LOG_RECORD_NONE);
  g_assert_cmpint (try (good.bytes, good.length), ==, PCALL_LOG_RECORD_WHOLE);
  g_assert_cmpint (try (bad_name.bytes, bad_name.length), ==, PCALL_LOG_RECORD_NONE);
}

/* Bodies by chance, of what bodies are made of */
static void
test_random (void)
{
  static const char alphabet[] = "\x1e\x1f\n :,+-=0123456789AM\0";
  guint n_rounds = g_test_slow () ? 5000000 : 300000;

  for (guint round = 0; round < n_rounds; round++)
    {
      char body[80] = T "LOG: ";
      gsize length = g_test_rand_int_range (0, sizeof body);

      for (gsize i = g_test_rand_int_range (0, 20); i < length; i++)
        body[i] = alphabet[g_test_rand_int_range (0, sizeof alphabet)];
      {
        g_auto (Bytes) bytes = forge (body, length);

        try (bytes.bytes, bytes.length);
      }
    }
}

static void
test_wrong_size (void)
{
  static const char *const sizes[]
      = { "00000000", "00000010", "00000039", "99999999", "16777217", "0000004 ", "       1", "-0000001" };
  g_auto (Bytes) bytes = encode (G_LOG_LEVEL_MESSAGE, rows[0].fields, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      memcpy (bytes.bytes + PCALL_LOG_KEY_LENGTH + 2, sizes[i], 8);
      g_assert_cmpint (try (bytes.bytes, bytes.length), ==, PCALL_LOG_RECORD_NONE);
    }
}

static void
test_wrong_key (void)
{
  PcallLogKey right = key;
  g_auto (Bytes) bytes = encode (G_LOG_LEVEL_MESSAGE, rows[0].fields, 1);

  for (guint bit = 0; bit < 64; bit++)
    {
      pcall_log_key_init (&key, NUMBER ^ (G_GUINT64_CONSTANT (1) << bit));
      for (gsize length = PCALL_LOG_KEY_LENGTH + 1; length <= bytes.length; length++)
        g_assert_cmpint (try (bytes.bytes, length), ==, PCALL_LOG_RECORD_NONE);
    }
  key = right;
}

static void
test_key (void)
{
  static const guint64 numbers[] = { 0, 1, NUMBER, G_MAXUINT64 };
  PcallLogKey self;

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      pcall_log_key_init (&self, numbers[i]);
      g_assert_cmpuint (strlen (self.digits), ==, PCALL_LOG_KEY_LENGTH);
      g_assert_cmpuint (g_ascii_strtoull (self.digits, NULL, 16), ==, numbers[i]);
    }
}

/* What comes behind a record is left alone. */
static void
test_followed (void)
{
  g_auto (Bytes) first = encode (G_LOG_LEVEL_MESSAGE, rows[1].fields, rows[1].n_fields);
  g_autofree char *two = g_malloc (2 * first.length);
  g_autofree char *copy = NULL;
  PcallLogRecord record;

  memcpy (two, first.bytes, first.length);
  memcpy (two + first.length, first.bytes, first.length);
  g_assert_cmpint (decode (two, 2 * first.length, &record, &copy), ==, PCALL_LOG_RECORD_WHOLE);
  g_assert_cmpuint (record.size, ==, first.length);
  g_assert_cmpmem (copy + first.length, first.length, first.bytes, first.length);
  g_array_unref (record.fields);
}

static void
add_rows (void)
{
  static const struct
  {
    const char *name;
    GTestDataFunc func;
  } tests[] = {
    { "fields", test_fields },
    { "cut", test_cut },
    { "changed", test_changed },
    { "changed-twice", test_changed_twice },
  };

  for (gsize t = 0; t < G_N_ELEMENTS (tests); t++)
    for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
      {
        g_autofree char *path
            = g_strdup_printf ("/pcall/log-record/%s/%s", tests[t].name, rows[i].name);

        g_test_add_data_func (path, &rows[i], tests[t].func);
      }
  for (gsize i = 0; i < G_N_ELEMENTS (forged_rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/log-record/forged/%s", forged_rows[i].name);

      g_test_add_data_func (path, &forged_rows[i], test_forged);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  pcall_log_key_init (&key, NUMBER);

  g_test_add_func ("/pcall/log-record/key", test_key);
  g_test_add_func ("/pcall/log-record/levels", test_levels);
  g_test_add_func ("/pcall/log-record/lengths", test_lengths);
  g_test_add_func ("/pcall/log-record/largest", test_largest);
  g_test_add_func ("/pcall/log-record/many-fields", test_many_fields);
  g_test_add_func ("/pcall/log-record/capacity", test_capacity);
  g_test_add_func ("/pcall/log-record/readable", test_readable);
  add_rows ();
  g_test_add_func ("/pcall/log-record/zero-in-terminated", test_zero_in_terminated);
  g_test_add_func ("/pcall/log-record/random", test_random);
  g_test_add_func ("/pcall/log-record/wrong-size", test_wrong_size);
  g_test_add_func ("/pcall/log-record/wrong-key", test_wrong_key);
  g_test_add_func ("/pcall/log-record/followed", test_followed);

  return g_test_run ();
}
