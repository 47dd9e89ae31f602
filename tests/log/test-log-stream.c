/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A call's log on its way into the main log: what is made of lines and records, what is said before
 * and behind them, how much of it there is, and that nothing of it ends this process. */

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcall-glib/log/pcall-log-stream-private.h>
#include <pcall-glib/log/pcall-log-writer-private.h>

#define INDEX 3
#define PID 99

/* The main log of this test: records as text, while it is to be kept. */

static GString *logged;
static gboolean is_in_call; /* this process is a call of another, and its main log the file of that */
static PcallMonitor *monitor;

static gpointer
enter_and_leave (gpointer data)
{
  pcall_monitor_enter (data);
  pcall_monitor_leave (data);
  return NULL;
}

static char
get_letter (GLogLevelFlags level)
{
  if (level & G_LOG_LEVEL_CRITICAL)
    return 'C';
  if (level & G_LOG_LEVEL_WARNING)
    return 'W';
  if (level & G_LOG_LEVEL_MESSAGE)
    return 'M';
  return level & G_LOG_LEVEL_INFO ? 'I' : 'D';
}

/* "KEY=value", and "KEY+length=value" where the length is told. */
static void
append_field (const GLogField *field)
{
  const char *value = field->value;
  gsize length = field->length < 0 ? strlen (value) : (gsize) field->length;

  g_string_append_printf (logged, " %s", field->key);
  if (field->length >= 0)
    g_string_append_printf (logged, "+%" G_GSSIZE_FORMAT, field->length);
  g_string_append_c (logged, '=');
  for (gsize i = 0; i < length; i++)
    g_string_append_c (logged, value[i] != '\0' ? value[i] : '0');
}

static GLogWriterOutput
keep (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if (is_in_call)
    return pcall_log_writer (level, fields, n_fields, data);
  if (logged == NULL)
    return g_log_writer_default (level, fields, n_fields, data);

  /* The application's writer is user code: others may enter meanwhile. */
  g_assert_true (pcall_monitor_is_in_user_code ());
  g_thread_join (g_thread_new ("other", enter_and_leave, monitor));

  g_string_append_c (logged, get_letter (level));
  for (gsize i = 0; i < n_fields; i++)
    append_field (&fields[i]);
  g_string_append_c (logged, '\n');
  return G_LOG_WRITER_HANDLED;
}

/* A place for log files, and one stream out of it */

typedef struct
{
  char *place;
  PcallLogFiles *files;
  char *path;
  GLogLevelFlags fatal; /* levels that are to end this process */
  PcallLogStream *stream;
} Fixture;

static void
fixture_init (Fixture *self, guint64 max_size)
{
  g_autoptr (GError) error = NULL;

  *self = (Fixture) { .place = g_dir_make_tmp ("pcall-stream-XXXXXX", NULL) };
  g_assert_nonnull (self->place);
  self->files = pcall_log_files_new (self->place, FALSE, 1, 7, &error);
  g_assert_no_error (error);
  pcall_log_files_set_max_size (self->files, max_size);
  self->path = pcall_log_files_get_path (self->files, INDEX, PID);
  monitor = pcall_monitor_new ();
  pcall_monitor_enter (monitor);
  logged = g_string_new (NULL);
}

static void
fixture_clear (Fixture *self)
{
  pcall_log_stream_free (self->stream);
  pcall_monitor_leave (monitor);
  g_clear_pointer (&monitor, pcall_monitor_unref);
  g_string_free (g_steal_pointer (&logged), TRUE);
  remove (self->path);
  pcall_log_files_unref (self->files);
  g_assert_no_errno (g_rmdir (self->place));
  g_free (self->path);
  g_free (self->place);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static void
put (Fixture *self, const char *bytes, gsize length)
{
  FILE *file = fopen (self->path, "ae");

  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (bytes, 1, length, file), ==, length);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
puts_into (Fixture *self, const char *text)
{
  put (self, text, strlen (text));
}

static void
open_stream (Fixture *self, const char *target, gboolean marked)
{
  const PcallLogOrigin origin = { INDEX, PID, target, "the call", NULL };
  GLogLevelFlags fatal = g_log_set_always_fatal (G_LOG_FATAL_MASK | self->fatal);

  self->stream = pcall_log_stream_new (monitor, self->files, &origin, marked);
  g_log_set_always_fatal (fatal);
}

static void
finish (Fixture *self, const char *error_message, const char *note)
{
  g_autoptr (GError) error = NULL;

  if (error_message != NULL)
    error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_FAILED, error_message);
  pcall_log_stream_finish (self->stream, error, note);
}

/* Of each record the level and the message; "PATH" is that of the file. */
static void
assert_messages (Fixture *self, const char *expected)
{
  g_auto (GStrv) records = g_strsplit (logged->str, "\n", -1);
  g_autoptr (GString) found = g_string_new (NULL);

  for (guint i = 0; records[i] != NULL && *records[i] != '\0'; i++)
    {
      const char *message = strstr (records[i], " MESSAGE=");
      const char *end = strstr (records[i], " PCALL_CALL=");

      g_assert_true (message != NULL && end != NULL);
      message += strlen (" MESSAGE=");
      g_string_append_printf (found, "%c: %.*s|", records[i][0], (int) (end - message), message);
    }
  g_string_replace (found, self->path, "PATH", 0);
  g_assert_cmpstr (found->str, ==, expected);
}

/* Lines, and what is said about them */

#define BEGIN "M: >>>> Begin child log PATH|"
#define END "M: <<<< End child log PATH|"
#define TEN_X "xxxxxxxxxx"
#define HUNDRED_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X TEN_X

typedef struct
{
  const char *name;
  const char *written; /* NULL: there is no file */
  gboolean marked;
  guint64 max_size;
  const char *error;
  const char *note;
  const char *expected;
} Row;

static const Row rows[] = {
  { "no-file", NULL, TRUE, 0, "broken", NULL, "" },
  { "no-file-but-a-note", NULL, TRUE, 0, "broken", "was lost", "W: the call: was lost|" },
  { "empty", "", TRUE, 0, NULL, NULL, "" },
  { "empty-and-failed", "", TRUE, 0, "broken", NULL, "" },
  { "lines", "a\nb\n", TRUE, 0, NULL, NULL, BEGIN "M: a|M: b|" END },
  { "without-marks", "a\nb\n", FALSE, 0, NULL, NULL, "M: a|M: b|" },
  { "without-an-end", "a\nb", TRUE, 0, NULL, NULL, BEGIN "M: a|M: b|" END },
  { "empty-lines", "\n\n", TRUE, 0, NULL, NULL, BEGIN "M: |M: |" END },
  { "failed", "a\n", TRUE, 0, "broken", NULL,
    BEGIN "M: a|W: the call: failed: broken|" END },
  { "failed-without-marks", "a\n", FALSE, 0, "broken", NULL,
    "M: a|W: the call: failed: broken|" },
  { "failure-of-ours", "a\n", TRUE, 0, "the call: crashed", NULL,
    BEGIN "M: a|W: the call: crashed|" END },
  { "last-output-is-above", "a\n", TRUE, 0, "the call: crashed; last output: a", NULL,
    BEGIN "M: a|W: the call: crashed|" END },
  { "last-output-of-another", "a\n", TRUE, 0, "broken; last output: b", NULL,
    BEGIN "M: a|W: the call: failed: broken; last output: b|" END },
  { "note", "a\n", TRUE, 0, NULL, "was lost", BEGIN "M: a|W: the call: was lost|" END },
  { "note-and-failure", "a\n", TRUE, 0, "broken", "was lost",
    BEGIN "M: a|W: the call: was lost|W: the call: failed: broken|" END },
  /* A line counts as 64 bytes at the least. */
  { "all-fits", "a\nb\n", FALSE, 128, NULL, NULL, "M: a|M: b|" },
  { "left-out", "a\nb\ncde\nf", FALSE, 128, NULL, NULL,
    "M: a|M: b|W: the call: the last 5 bytes of its output are not here: max-log-size is 128|" },
  { "first-is-there", "a\nb\n", TRUE, 1, "broken", NULL,
    BEGIN "M: a|"
          "W: the call: the last 2 bytes of its output are not here: max-log-size is 1|"
          "W: the call: failed: broken|" END },
  { "long-lines", HUNDRED_X "\n" HUNDRED_X "\n" HUNDRED_X "\n", FALSE, 200, NULL, NULL,
    "M: " HUNDRED_X "|M: " HUNDRED_X
    "|W: the call: the last 101 bytes of its output are not here: max-log-size is 200|" },
};

static void
test_lines (gconstpointer data)
{
  const Row *row = data;
  g_auto (Fixture) self;

  fixture_init (&self, row->max_size);
  if (row->written != NULL)
    puts_into (&self, row->written);
  open_stream (&self, NULL, row->marked);
  finish (&self, row->error, row->note);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, row->expected);

  /* Once. */
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, row->expected);
}

/* A line is a message of ours, and tells whose it is. */
static void
test_fields_of_line (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  put (&self, "plain\nwith\0zero\n", 16);
  open_stream (&self, "square", FALSE);
  finish (&self, "broken", NULL);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  g_assert_cmpstr (logged->str, ==,
                   "M PRIORITY=5 GLIB_DOMAIN=Pcall MESSAGE=plain"
                   " PCALL_CALL=3 PCALL_PID=99 PCALL_TARGET=square\n"
                   "M PRIORITY=5 GLIB_DOMAIN=Pcall MESSAGE+9=with0zero"
                   " PCALL_CALL=3 PCALL_PID=99 PCALL_TARGET=square\n"
                   "W PRIORITY=4 GLIB_DOMAIN=Pcall MESSAGE=the call: failed: broken"
                   " PCALL_CALL=3 PCALL_PID=99 PCALL_TARGET=square\n");
}

/* Records */

typedef struct
{
  const char *name;
  GLogLevelFlags level;
  GLogLevelFlags fatal;
  GLogField fields[5];
  const char *expected; /* before it is told whose it is */
} Record;

static const Record records[] = {
  { "as-it-was", G_LOG_LEVEL_DEBUG, 0,
    { { "MESSAGE", "hello", -1 }, { "GLIB_DOMAIN", "Dom", -1 }, { "NUMBER", "12", -1 } },
    "D MESSAGE=hello GLIB_DOMAIN=Dom NUMBER=12" },
  { "bytes", G_LOG_LEVEL_INFO, 0,
    { { "MESSAGE", "a\0b", 3 }, { "DATA", "\0\0", 2 }, { "NONE", "", 0 } },
    "I MESSAGE+3=a0b DATA+2=00 NONE+0=" },
  { "no-message", G_LOG_LEVEL_MESSAGE, 0, { { "KEY", "value", -1 } }, "M KEY=value" },
  { "error", G_LOG_LEVEL_ERROR, 0,
    { { "PRIORITY", "3", -1 }, { "MESSAGE", "fatal there", -1 } },
    "C PRIORITY=3 MESSAGE=fatal there" },
  { "fatal-here", G_LOG_LEVEL_CRITICAL, G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING,
    { { "MESSAGE", "grave", -1 } }, "C GLIB_OLD_LOG_API=1 MESSAGE=grave" },
  { "error-where-criticals-are-fatal", G_LOG_LEVEL_ERROR, G_LOG_LEVEL_CRITICAL,
    { { "MESSAGE", "grave", -1 } }, "C GLIB_OLD_LOG_API=1 MESSAGE=grave" },
  { "fatal-and-settled", G_LOG_LEVEL_WARNING, G_LOG_LEVEL_WARNING,
    { { "GLIB_OLD_LOG_API", "1", -1 }, { "MESSAGE", "old", -1 } },
    "W GLIB_OLD_LOG_API=1 MESSAGE=old" },
  { "not-fatal", G_LOG_LEVEL_WARNING, G_LOG_LEVEL_CRITICAL, { { "MESSAGE", "grave", -1 } },
    "W MESSAGE=grave" },
  { "forged-first", G_LOG_LEVEL_MESSAGE, 0,
    { { "PCALL_PID", "1", -1 }, { "MESSAGE", "not me", -1 } }, "M MESSAGE=not me" },
  { "forged-between", G_LOG_LEVEL_MESSAGE, 0,
    { { "MESSAGE", "not me", -1 }, { "PCALL_CALL", "7", -1 }, { "KEY", "value", -1 } },
    "M MESSAGE=not me KEY=value" },
  { "forged-order", G_LOG_LEVEL_MESSAGE, 0,
    { { "MESSAGE", "not me", -1 }, { "PCALL_TARGET", "t", -1 }, { "PCALL_PID", "8", -1 } },
    "M MESSAGE=not me" },
  { "told-within", G_LOG_LEVEL_MESSAGE, 0,
    { { "MESSAGE", "inner", -1 }, { "PCALL_CALL", "7", -1 }, { "PCALL_PID", "8", -1 } },
    "M MESSAGE=inner PCALL_CALL=7 PCALL_PID=8" },
  { "not-one-of-ours", G_LOG_LEVEL_MESSAGE, 0,
    { { "MESSAGE", "hello", -1 }, { "PCALL_OTHER", "x", -1 } },
    "M MESSAGE=hello PCALL_OTHER=x" },
};

static void
put_record (Fixture *self, const Record *record)
{
  char bytes[1024];
  gsize n_fields = 0, size;

  while (n_fields < G_N_ELEMENTS (record->fields) && record->fields[n_fields].key != NULL)
    n_fields++;
  size = pcall_log_record_encode (pcall_log_files_get_key (self->files), record->level,
                                  record->fields, n_fields, bytes, sizeof bytes);
  g_assert_cmpuint (size, <=, sizeof bytes);
  put (self, bytes, size);
}

static void
test_record (gconstpointer data)
{
  const Record *record = data;
  g_autofree char *expected
      = g_strdup_printf ("%s PCALL_CALL=3 PCALL_PID=99\n", record->expected);
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  put_record (&self, record);
  self.fatal = record->fatal;
  open_stream (&self, NULL, FALSE);
  finish (&self, NULL, NULL);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  g_assert_cmpstr (logged->str, ==, expected);
}

/* Each of a record's fields counts, as a line does. */
static void
test_records_counted (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 4 * 64);
  put_record (&self, &records[0]);
  puts_into (&self, "a\nb\n");
  open_stream (&self, NULL, FALSE);
  finish (&self, NULL, NULL);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, "D: hello GLIB_DOMAIN=Dom NUMBER=12|M: a|"
                          "W: the call: the last 2 bytes of its output are not here: "
                          "max-log-size is 256|");
}

static char *
read_all (int fd)
{
  char bytes[4096];
  gssize n = pread (fd, bytes, sizeof bytes, 0);

  g_assert_cmpint (n, >, 0);
  g_assert_cmpint (n, <, sizeof bytes);
  return g_strndup (bytes, (gsize) n);
}

/* A task within a call: what it passes on says whose it is, up to the outermost main log. What the
 * call logs by itself says no such thing, before and behind it. */
static void
test_in_a_call (void)
{
  int fd = memfd_create ("log", MFD_CLOEXEC);
  g_autofree char *written = NULL;
  PcallLogKey key;
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  puts_into (&self, "a line\n");
  open_stream (&self, "target", FALSE);
  finish (&self, NULL, NULL);
  pcall_log_key_init (&key, 1);
  pcall_log_writer_begin (fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), -1, &key);
  is_in_call = TRUE;
  g_log_structured ("D", G_LOG_LEVEL_MESSAGE, "PCALL_CALL", "77", "MESSAGE", "forged");
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  g_log_structured ("D", G_LOG_LEVEL_MESSAGE, "PCALL_CALL", "78", "MESSAGE", "forged");
  is_in_call = FALSE;
  pcall_log_writer_end ();

  written = read_all (fd);
  close (fd);
  g_assert_nonnull (strstr (written, "forged"));
  g_assert_null (strstr (written, "PCALL_CALL=7"));
  g_assert_nonnull (strstr (written, "a line"));
  g_assert_nonnull (strstr (written, "PCALL_CALL=3"));
  g_assert_nonnull (strstr (written, "PCALL_PID=99"));
  g_assert_nonnull (strstr (written, "PCALL_TARGET=target"));
}

/* In steps */

/* Where the time is over before it begins, there is progress still: one at a time. */
static void
test_until (void)
{
  static const char *const expected[] = { BEGIN "M: a|", BEGIN "M: a|M: b|" };
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  puts_into (&self, "a\nb\n");
  open_stream (&self, NULL, TRUE);
  finish (&self, NULL, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      g_assert_false (pcall_log_stream_step (self.stream, 0));
      assert_messages (&self, expected[i]);
    }
  g_assert_true (pcall_log_stream_step (self.stream, 0));
  assert_messages (&self, BEGIN "M: a|M: b|" END);
}

/* While the call runs: whole lines, and no end. */
static void
test_growing (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  puts_into (&self, "");
  open_stream (&self, NULL, TRUE);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, "");
  puts_into (&self, "a\nb");
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, BEGIN "M: a|");
  puts_into (&self, "c\nd");
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, BEGIN "M: a|M: bc|");
  finish (&self, "broken", NULL);
  assert_messages (&self, BEGIN "M: a|M: bc|");
  puts_into (&self, "too late\n");
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, BEGIN "M: a|M: bc|M: d|W: the call: failed: broken|" END);
}

/* What is left out is added up over all steps. */
static void
test_left_out_while_growing (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 10);
  puts_into (&self, "a\nbc\n");
  open_stream (&self, NULL, FALSE);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  puts_into (&self, "def\n");
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, "M: a|");
  finish (&self, NULL, NULL);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, "M: a|W: the call: the last 7 bytes of its output are not here: "
                          "max-log-size is 10|");
}

/* What is no file, or is none yet */

static void
test_not_to_be_read (gconstpointer data)
{
  const char *note = data;
  g_autofree char *expected = NULL;
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  g_assert_no_errno (symlink ("/dev/null", self.path));
  open_stream (&self, NULL, TRUE);
  finish (&self, NULL, note);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  /* What there is to be said of the log says this, too. */
  expected = note != NULL
                 ? g_strdup_printf ("W: the call: %s|", note)
                 : g_strdup_printf (BEGIN "W: the call: what it wrote cannot be read: %s|" END,
                                    g_strerror (ELOOP));
  assert_messages (&self, expected);
}

/* It could not be opened at first, as where there are no descriptors left. */
static void
test_opened_later (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  g_assert_no_errno (symlink ("/dev/null", self.path));
  open_stream (&self, NULL, TRUE);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, "");
  g_assert_no_errno (remove (self.path));
  puts_into (&self, "a\n");
  finish (&self, NULL, NULL);
  g_assert_true (pcall_log_stream_step (self.stream, G_MAXINT64));
  assert_messages (&self, BEGIN "M: a|" END);
}

/* A stream that is dropped says no more. */
static void
test_dropped (void)
{
  g_auto (Fixture) self;

  fixture_init (&self, 0);
  puts_into (&self, "a\nb\n");
  open_stream (&self, "square", TRUE);
  g_assert_false (pcall_log_stream_step (self.stream, 0));
  pcall_log_stream_free (self.stream);
  assert_messages (&self, BEGIN "M: a|");
  open_stream (&self, NULL, TRUE);
  finish (&self, "broken", "was lost");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (keep, NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-stream/lines/", rows[i].name, NULL);

      g_test_add_data_func (path, &rows[i], test_lines);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (records); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/log-stream/record/", records[i].name, NULL);

      g_test_add_data_func (path, &records[i], test_record);
    }
  g_test_add_func ("/pcall/log-stream/fields-of-line", test_fields_of_line);
  g_test_add_func ("/pcall/log-stream/records-counted", test_records_counted);
  g_test_add_func ("/pcall/log-stream/in-a-call", test_in_a_call);
  g_test_add_func ("/pcall/log-stream/until", test_until);
  g_test_add_func ("/pcall/log-stream/growing", test_growing);
  g_test_add_func ("/pcall/log-stream/left-out-while-growing", test_left_out_while_growing);
  g_test_add_data_func ("/pcall/log-stream/not-to-be-read", NULL, test_not_to_be_read);
  g_test_add_data_func ("/pcall/log-stream/not-to-be-read/note", "was lost", test_not_to_be_read);
  g_test_add_func ("/pcall/log-stream/opened-later", test_opened_later);
  g_test_add_func ("/pcall/log-stream/dropped", test_dropped);

  return g_test_run ();
}
