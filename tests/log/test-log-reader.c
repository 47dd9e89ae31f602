/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lines and records out of a file, wherever they stand in it, also where it was cut off, goes on
 * growing, or is not what it should be. What is read is compared as text: "line|", and
 * "[message]" for a record. */

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <pcall-glib/log/pcall-log-reader-private.h>

/* As the reader's buffer is at first */
#define BUFFER_SIZE (64 * 1024)

static PcallLogKey key;

/* A file in memory, and a reader of it */

typedef struct
{
  int fd;
  PcallLogReader *reader;
} File;

static void
file_init (File *self)
{
  g_autofree char *path = NULL;

  self->fd = memfd_create ("log", MFD_CLOEXEC);
  g_assert_no_errno (self->fd);
  path = g_strdup_printf ("/proc/self/fd/%d", self->fd);
  self->reader = pcall_log_reader_new (g_open (path, O_RDONLY | O_CLOEXEC), &key);
}

static void
file_clear (File *self)
{
  g_clear_pointer (&self->reader, pcall_log_reader_free);
  close (self->fd);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (File, file_clear)

static void
file_put (File *self, const char *bytes, gsize length)
{
  while (length > 0)
    {
      gssize n = write (self->fd, bytes, length);

      g_assert_cmpint (n, >, 0);
      bytes += n;
      length -= n;
    }
}

static void
file_puts (File *self, const char *text)
{
  file_put (self, text, strlen (text));
}

static void
append_message (GString *text, const PcallLogEntry *entry)
{
  g_string_append_c (text, '[');
  for (gsize i = 0; i < entry->n_fields; i++)
    if (strcmp (entry->fields[i].key, "MESSAGE") == 0)
      g_string_append_len (text, entry->fields[i].value, entry->fields[i].length);
  g_string_append_c (text, ']');
}

/* All that there is now */
static GString *
file_read (File *self)
{
  GString *text = g_string_new (NULL);
  PcallLogEntry entry;

  while (pcall_log_reader_next (self->reader, &entry))
    if (entry.line != NULL)
      {
        g_assert_cmpint (entry.line[entry.length], ==, '\0');
        g_string_append_len (text, entry.line, entry.length);
        g_string_append_c (text, '|');
      }
    else
      append_message (text, &entry);
  return text;
}

static GString *
file_read_all (File *self)
{
  pcall_log_reader_finish (self->reader);
  return file_read (self);
}

static void
assert_text (GString *text, const char *expected)
{
  g_assert_cmpstr (text->str, ==, expected);
  g_assert_cmpuint (text->len, ==, strlen (expected));
  g_string_free (text, TRUE);
}

static void
append_record (GString *text, const char *message)
{
  GLogField fields[] = { { "MESSAGE", message, -1 }, { "PRIORITY", "4", -1 } };
  gsize size = pcall_log_record_encode (&key, G_LOG_LEVEL_WARNING, fields, 2, NULL, 0);
  g_autofree char *bytes = g_malloc (size);

  pcall_log_record_encode (&key, G_LOG_LEVEL_WARNING, fields, 2, bytes, size);
  g_string_append_len (text, bytes, size);
}

/* In @pattern, as in what is read: "[message]" becomes a record, "|" the end of a line. */
static GString *
write_pattern (const char *pattern)
{
  GString *text = g_string_new (NULL);

  for (; *pattern != '\0'; pattern++)
    if (*pattern == '|')
      {
        g_string_append_c (text, '\n');
      }
    else if (*pattern == '[')
      {
        const char *end = strchr (pattern, ']');
        g_autofree char *message = g_strndup (pattern + 1, end - pattern - 1);

        append_record (text, message);
        pattern = end;
      }
    else
      {
        g_string_append_c (text, *pattern);
      }
  return text;
}

static void
assert_read (const GString *bytes, const char *expected)
{
  g_auto (File) file;

  file_init (&file);
  file_put (&file, bytes->str, bytes->len);
  assert_text (file_read_all (&file), expected);
}

/* Small files */

typedef struct
{
  const char *name;
  const char *written;
  const char *expected; /* NULL: the same */
} Row;

static const Row rows[] = {
  { "empty", "", NULL },
  { "line", "a|", NULL },
  { "lines", "a|bb|ccc|", NULL },
  { "no-end", "a|b", "a|b|" },
  { "no-end-at-all", "abc", "abc|" },
  { "empty-lines", "||a||", NULL },
  { "carriage-returns", "a\r|\rb|\r|", NULL },
  { "record", "[x]", NULL },
  { "records", "[x][y][]", NULL },
  { "between-lines", "a|[x]b|[y]", NULL },
  { "within-line", "a[x]b|", "[x]ab|" },
  { "many-within-line", "a[x]b[y]c[z]|", "[x][y][z]abc|" },
  { "before-end-of-line", "ab[x]|", "[x]ab|" },
  { "within-last-line", "a[x]b", "[x]ab|" },
  { "after-last-line", "ab[x]", "[x]ab|" },
  { "separators", "\x1e|\x1f|a\x1e\x1f" "b\x1e|\x1e\x1e\x1e|", NULL },
  { "separators-before-records", "\x1e[x]\x1e\x1e[y]\x1e|", "[x][y]\x1e\x1e\x1e\x1e|" },
  { "separator-at-end", "a|\x1e", "a|\x1e|" },
  { "part-of-key", "\x1e" "0123|\x1e" "0123456789abcdef|", NULL },
  { "not-utf-8", "\xff\xfe|\x80|", NULL },
};

static void
test_small (gconstpointer data)
{
  const Row *row = data;
  GString *bytes = write_pattern (row->written);

  assert_read (bytes, row->expected != NULL ? row->expected : row->written);
  g_string_free (bytes, TRUE);
}

/* The same, a byte at a time: what is read in between is never taken back. */
static void
test_growing (gconstpointer data)
{
  const Row *row = data;
  GString *bytes = write_pattern (row->written);
  GString *text = g_string_new (NULL);
  g_auto (File) file;

  file_init (&file);
  for (gsize i = 0; i < bytes->len; i++)
    {
      GString *more = file_read (&file);

      g_string_append_len (text, more->str, more->len);
      g_string_free (more, TRUE);
      file_put (&file, bytes->str + i, 1);
    }
  {
    GString *rest = file_read_all (&file);

    g_string_append_len (text, rest->str, rest->len);
    g_string_free (rest, TRUE);
  }
  assert_text (text, row->expected != NULL ? row->expected : row->written);
  g_string_free (bytes, TRUE);
}

static void
test_zero_bytes (void)
{
  static const char bytes[] = "\0a\0\n\0\n\0";
  g_auto (File) file;
  GString *text;

  file_init (&file);
  file_put (&file, bytes, sizeof bytes - 1);
  text = file_read_all (&file);
  g_assert_cmpmem (text->str, text->len, "\0a\0|\0|\0|", 8);
  g_string_free (text, TRUE);
}

/* Whole lines only, until it is said that there is no more */
static void
test_not_finished (void)
{
  g_auto (File) file;

  file_init (&file);
  assert_text (file_read (&file), "");
  file_puts (&file, "a");
  assert_text (file_read (&file), "");
  file_puts (&file, "b\nc");
  assert_text (file_read (&file), "ab|");
  assert_text (file_read (&file), "");
  file_puts (&file, "d");
  assert_text (file_read_all (&file), "cd|");
  assert_text (file_read (&file), "");
}

/* What is written after that is not read. */
static void
test_finish_ends (void)
{
  g_auto (File) file;

  file_init (&file);
  file_puts (&file, "a\nb");
  pcall_log_reader_finish (file.reader);
  file_puts (&file, "c\nd\n");
  assert_text (file_read (&file), "a|b|");
  assert_text (file_read (&file), "");
}

static void
test_truncated (void)
{
  g_auto (File) file;

  file_init (&file);
  file_puts (&file, "a\nb");
  assert_text (file_read (&file), "a|");
  g_assert_no_errno (ftruncate (file.fd, 0));
  assert_text (file_read (&file), "");
  assert_text (file_read_all (&file), "b|");
}

/* Between the look at its length and reading */
static void
test_truncated_when_finished (void)
{
  g_auto (File) file;

  file_init (&file);
  file_puts (&file, "a\nb\nc");
  pcall_log_reader_finish (file.reader);
  g_assert_no_errno (ftruncate (file.fd, 3));
  assert_text (file_read (&file), "a|b|");
  assert_text (file_read (&file), "");
}

/* Where the buffer ends */

/* A record, a line around it, and what comes after, at each place relative to the end of the
 * buffer */
static void
test_offsets (void)
{
  static const char pattern[] = "begin[in between]end|[next]last";
  GString *piece = write_pattern (pattern);

  for (gsize offset = BUFFER_SIZE - piece->len - 3; offset < BUFFER_SIZE + 3; offset++)
    {
      g_autofree char *before = g_strnfill (offset - 1, 'x');
      g_autofree char *expected = g_strdup_printf ("%s|[in between]beginend|[next]last|", before);
      GString *bytes = g_string_new (before);

      g_string_append_c (bytes, '\n');
      g_string_append_len (bytes, piece->str, piece->len);
      assert_read (bytes, expected);
      g_string_free (bytes, TRUE);
    }
  g_string_free (piece, TRUE);
}

/* And within a line that is longer than the buffer */
static void
test_offsets_in_line (void)
{
  GString *record = write_pattern ("[x]");

  for (gsize offset = BUFFER_SIZE - record->len - 1; offset < BUFFER_SIZE + 2; offset++)
    {
      g_autofree char *before = g_strnfill (offset, 'x');
      g_autofree char *expected = g_strdup_printf ("[x]%safter|", before);
      GString *bytes = g_string_new (before);

      g_string_append_len (bytes, record->str, record->len);
      g_string_append (bytes, "after\n");
      assert_read (bytes, expected);
      g_string_free (bytes, TRUE);
    }
  g_string_free (record, TRUE);
}

static void
test_long_line (void)
{
  static const gsize lengths[]
      = { BUFFER_SIZE - 1, BUFFER_SIZE, BUFFER_SIZE + 1, 2 * BUFFER_SIZE, 1 << 20, (1 << 20) + 1 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *line = g_strnfill (lengths[i], 'x');
      g_autofree char *written = g_strdup_printf ("a|%s|b|[x]%s", line, line);
      g_autofree char *expected = g_strdup_printf ("a|%s|b|[x]%s|", line, line);
      GString *bytes = write_pattern (written);

      assert_read (bytes, expected);
      g_string_free (bytes, TRUE);
    }
}

static void
test_long_record (void)
{
  static const gsize lengths[] = { 1000, BUFFER_SIZE - 100, BUFFER_SIZE, 1 << 20, 15 << 20 };

  for (gsize i = 0; i < G_N_ELEMENTS (lengths); i++)
    {
      g_autofree char *message = g_strnfill (lengths[i], 'm');
      g_autofree char *written = g_strdup_printf ("a|b[%s]c|[%s]d|", message, message);
      g_autofree char *expected = g_strdup_printf ("a|[%s]bc|[%s]d|", message, message);
      GString *bytes = write_pattern (written);

      assert_read (bytes, expected);
      g_string_free (bytes, TRUE);
    }
}

/* A line without an end is given in parts, in bounded memory, and none of it is lost. */
static void
test_endless_line (void)
{
  const gsize length = 40 << 20;
  g_autofree char *line = g_strnfill (length, 'x');
  PcallLogEntry entry;
  gsize sum = 0;
  guint n = 0;
  g_auto (File) file;

  file_init (&file);
  file_put (&file, line, length);
  file_puts (&file, "\n");
  pcall_log_reader_finish (file.reader);
  while (pcall_log_reader_next (file.reader, &entry))
    {
      g_assert_nonnull (entry.line);
      g_assert_cmpuint (entry.length, <=, PCALL_LOG_MAX_RECORD + BUFFER_SIZE);
      sum += entry.length;
      n++;
    }
  g_assert_cmpuint (sum, ==, length);
  g_assert_cmpuint (n, ==, 3);
}

/* A line that ends just where it would be cut is one line, without an empty one behind it. */
static void
test_line_of_limit (void)
{
  for (gsize length = PCALL_LOG_MAX_RECORD - 1; length <= PCALL_LOG_MAX_RECORD + 1; length++)
    {
      g_autofree char *line = g_strnfill (length, 'x');
      GString *bytes = g_string_new (line);
      gsize n_ends = 0;
      GString *text;
      g_auto (File) file;

      g_string_append (bytes, "\nnext\n");
      file_init (&file);
      file_put (&file, bytes->str, bytes->len);
      text = file_read_all (&file);
      g_assert_null (strstr (text->str, "||"));
      for (const char *at = text->str; (at = strchr (at, '|')) != NULL; at++)
        n_ends++;
      g_assert_cmpuint (text->len - n_ends, ==, length + strlen ("next"));
      g_assert_true (g_str_has_suffix (text->str, "|next|"));
      g_string_free (text, TRUE);
      g_string_free (bytes, TRUE);
    }
}

/* What is broken */

/* A record that was cut off anywhere: what people can read of it is left, and what was before is
 * as it was. */
static void
test_cut_at_end (void)
{
  GString *bytes = write_pattern ("before|[first][the last words]");
  GString *whole = write_pattern ("before|[first]");

  for (gsize length = whole->len; length < bytes->len; length++)
    {
      gsize behind = length - whole->len;
      GString *text;
      g_auto (File) file;

      file_init (&file);
      file_put (&file, bytes->str, length);
      text = file_read_all (&file);
      g_assert_true (g_str_has_prefix (text->str, "before|[first]"));
      if (behind >= bytes->len - whole->len - 2)
        g_assert_nonnull (strstr (text->str, "WARNING: the last words"));
      if (behind > PCALL_LOG_HEADER_LENGTH)
        g_assert_null (strstr (text->str, key.digits));
      g_string_free (text, TRUE);
    }
  g_string_free (bytes, TRUE);
  g_string_free (whole, TRUE);
}

/* One that is broken costs none of what comes after. */
static void
test_broken_within (void)
{
  GString *first = write_pattern ("[first]");
  GString *second = write_pattern ("[second]");

  for (gsize length = 1; length < first->len; length++)
    {
      GString *text;
      g_auto (File) file;

      file_init (&file);
      file_put (&file, first->str, length);
      file_put (&file, second->str, second->len);
      file_puts (&file, "\nline\n");
      text = file_read_all (&file);
      g_assert_nonnull (strstr (text->str, "[second]"));
      g_assert_true (g_str_has_suffix (text->str, "|line|"));
      g_string_free (text, TRUE);
    }
  g_string_free (first, TRUE);
  g_string_free (second, TRUE);
}

static void
test_changed (void)
{
  GString *bytes = write_pattern ("before|[broken][whole]after|");
  gsize before = strlen ("before|");
  GString *broken = write_pattern ("[broken]");

  for (gsize i = 0; i < broken->len; i++)
    for (int bit = 0; bit < 8; bit++)
      {
        GString *text;
        g_auto (File) file;

        bytes->str[before + i] ^= 1 << bit;
        file_init (&file);
        file_put (&file, bytes->str, bytes->len);
        text = file_read_all (&file);
        g_assert_true (g_str_has_prefix (text->str, "before|"));
        /* There may be a zero byte before it. */
        g_assert_nonnull (memmem (text->str, text->len, "[whole]", strlen ("[whole]")));
        g_assert_cmpmem (text->str + text->len - strlen ("after|"), strlen ("after|"), "after|", 6);
        g_string_free (text, TRUE);
        bytes->str[before + i] ^= 1 << bit;
      }
  g_string_free (bytes, TRUE);
  g_string_free (broken, TRUE);
}

/* No byte of what is no record is lost, mixed with records that are not either. */
static void
test_random (void)
{
  static const char alphabet[] = "\x1e\x1e\x1f\nab 0123456789abcdef";
  guint n_rounds = g_test_slow () ? 100000 : 5000;

  for (guint round = 0; round < n_rounds; round++)
    {
      GString *bytes = g_string_new (NULL);
      GString *expected = g_string_new (NULL);
      gsize length = g_test_rand_int_range (1, 300);

      for (gsize i = 0; i < length; i++)
        {
          char c = alphabet[g_test_rand_int_range (0, sizeof alphabet - 1)];

          g_string_append_c (bytes, c);
          g_string_append_c (expected, c == '\n' ? '|' : c);
        }
      if (bytes->str[bytes->len - 1] != '\n')
        g_string_append_c (expected, '|');
      assert_read (bytes, expected->str);
      g_string_free (bytes, TRUE);
      g_string_free (expected, TRUE);
    }
}

/* Time and memory */

/* Separators that begin nothing take no longer than other bytes, but for a factor: the work for
 * each is bounded. It was that of the rest of the buffer once. What others do meanwhile is not
 * counted. */
static gdouble
time_of (const char *piece)
{
  GString *bytes = g_string_new (NULL);
  clock_t begun;
  g_auto (File) file;

  while (bytes->len < 8 << 20)
    g_string_append (bytes, piece);
  file_init (&file);
  file_put (&file, bytes->str, bytes->len);
  begun = clock ();
  g_string_free (file_read_all (&file), TRUE);
  g_string_free (bytes, TRUE);
  return (clock () - begun) / (gdouble) CLOCKS_PER_SEC;
}

static void
test_time_of_separators (void)
{
  gdouble alone = time_of ("\x1e");
  gdouble mixed = time_of ("a\x1e");

  g_test_message ("8 MiB of separators: %.3f s; every second byte: %.3f s", alone, mixed);
  g_assert_cmpfloat (alone, <, 5.0);
  g_assert_cmpfloat (mixed, <, 5.0);
}

static gsize
get_max_rss (void)
{
  struct rusage usage;

  g_assert_no_errno (getrusage (RUSAGE_SELF, &usage));
  return (gsize) usage.ru_maxrss * 1024;
}

/* A file that is as long as one can be, with a word at its begin and one in the middle */
static void
test_hole (void)
{
  const goffset end = G_GINT64_CONSTANT (1) << 60;
  g_auto (File) file;

  file_init (&file);
  file_puts (&file, "begin\n");
  g_assert_cmpint (pwrite (file.fd, "end\n", 4, end), ==, 4);
  g_assert_no_errno (ftruncate (file.fd, 2 * end));
  {
    GString *text = file_read_all (&file);

    for (gsize i = 0; i < text->len; i++)
      text->str[i] = text->str[i] == '\0' ? '0' : text->str[i];
    g_assert_true (g_str_has_prefix (text->str, "begin|0"));
    g_assert_nonnull (strstr (text->str, "0end|"));
    g_assert_cmpuint (text->len, <, 3 * BUFFER_SIZE);
    g_string_free (text, TRUE);
  }
}

/* In a process of its own, for memory that others have had before does not show. */
static void
read_large (gboolean zeros)
{
  const gsize size = 200 << 20;
  g_autofree char *line = g_strnfill (9999, 'x');
  PcallLogEntry entry;
  gsize sum = 0;
  gsize before;
  g_auto (File) file;

  file_init (&file);
  line[9998] = '\n';
  if (zeros)
    memset (line, 0, 9999);
  for (gsize written = 0; written < size; written += 9999)
    file_put (&file, line, 9999);

  before = get_max_rss ();
  pcall_log_reader_finish (file.reader);
  while (pcall_log_reader_next (file.reader, &entry))
    sum += entry.length + !zeros;
  g_assert_cmpuint (sum, >=, size);
  /* A line of the longest, doubled by the string that it grows in, and the buffer */
  g_assert_cmpuint (get_max_rss () - before, <, zeros ? 80 << 20 : 4 << 20);
}

static void
test_large (gconstpointer data)
{
  if (g_test_subprocess ())
    {
      read_large (GPOINTER_TO_INT (data));
      return;
    }

  g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_INHERIT_STDERR);
  g_test_trap_assert_passed ();
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  pcall_log_key_init (&key, G_GUINT64_CONSTANT (0x0123456789abcdef));

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *small = g_strdup_printf ("/pcall/log-reader/small/%s", rows[i].name);
      g_autofree char *growing = g_strdup_printf ("/pcall/log-reader/growing/%s", rows[i].name);

      g_test_add_data_func (small, &rows[i], test_small);
      g_test_add_data_func (growing, &rows[i], test_growing);
    }
  g_test_add_func ("/pcall/log-reader/zero-bytes", test_zero_bytes);
  g_test_add_func ("/pcall/log-reader/not-finished", test_not_finished);
  g_test_add_func ("/pcall/log-reader/finish-ends", test_finish_ends);
  g_test_add_func ("/pcall/log-reader/truncated", test_truncated);
  g_test_add_func ("/pcall/log-reader/truncated-when-finished", test_truncated_when_finished);
  g_test_add_func ("/pcall/log-reader/offsets", test_offsets);
  g_test_add_func ("/pcall/log-reader/offsets-in-line", test_offsets_in_line);
  g_test_add_func ("/pcall/log-reader/long-line", test_long_line);
  g_test_add_func ("/pcall/log-reader/long-record", test_long_record);
  g_test_add_func ("/pcall/log-reader/endless-line", test_endless_line);
  g_test_add_func ("/pcall/log-reader/line-of-limit", test_line_of_limit);
  g_test_add_func ("/pcall/log-reader/cut-at-end", test_cut_at_end);
  g_test_add_func ("/pcall/log-reader/broken-within", test_broken_within);
  g_test_add_func ("/pcall/log-reader/changed", test_changed);
  g_test_add_func ("/pcall/log-reader/random", test_random);
  g_test_add_func ("/pcall/log-reader/time-of-separators", test_time_of_separators);
  g_test_add_func ("/pcall/log-reader/hole", test_hole);
  g_test_add_data_func ("/pcall/log-reader/large/lines", GINT_TO_POINTER (FALSE), test_large);
  g_test_add_data_func ("/pcall/log-reader/large/zeros", GINT_TO_POINTER (TRUE), test_large);

  return g_test_run ();
}
