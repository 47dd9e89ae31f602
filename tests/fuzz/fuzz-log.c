/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A libFuzzer target: a log file as a child may leave it. It is read as lines and records without
 * anything being read twice, and of the bytes of lines nothing is lost; a record that was read and is written
 * again gives the same bytes, but for its time. To run it, from the top of the source tree, with a build
 * directory that has made pcall-version.h:
 *
 *   clang -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -DPCALL_COMPILATION -D_GNU_SOURCE \
 *     -I. -Ibuild tests/fuzz/fuzz-log.c pcall-glib/pcall-log-re*.c \
 *     $(pkg-config --cflags --libs gio-2.0) -o fuzz-log
 *   mkdir -p corpus && ./fuzz-log -max_total_time=300 -dict=tests/fuzz/fuzz-log.dict corpus */

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcall-glib/log/pcall-log-reader-private.h>

/* Behind a record's header: "12:34:56.789 " */
#define TIME_LENGTH 13

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

static PcallLogKey key;

static int
make_file (const guint8 *data, gsize size)
{
  int fd = memfd_create ("fuzz-log", MFD_CLOEXEC);

  g_assert (fd >= 0);
  g_assert (write (fd, data, size) == (gssize) size);
  g_assert (lseek (fd, 0, SEEK_SET) == 0);
  return fd;
}

/* All lines, each with its end; what is lost of the file besides is records. */
static gsize
read_all (PcallLogReader *reader)
{
  PcallLogEntry entry;
  gsize length = 0;

  while (pcall_log_reader_next (reader, &entry))
    {
      if (entry.line == NULL)
        continue;
      g_assert (entry.line[entry.length] == '\0');
      length += entry.length + 1;
    }
  return length;
}

static void
fuzz_reader (const guint8 *data, gsize size, gsize records)
{
  g_autoptr (PcallLogReader) reader = pcall_log_reader_new (make_file (data, size), &key);
  gsize length;

  length = read_all (reader);
  pcall_log_reader_finish (reader);
  length += read_all (reader);

  /* A last line may have no end. */
  g_assert (length <= size + 1);
  if (!records)
    g_assert (length >= size);
}

/* What was decoded is what encoding makes of it. */
static gboolean
fuzz_record (const guint8 *data, gsize size)
{
  g_autoptr (GArray) fields = g_array_new (FALSE, FALSE, sizeof (GLogField));
  PcallLogRecord record = { .fields = fields };
  g_autofree char *bytes = g_memdup2 (data, size);
  g_autofree char *again = NULL;
  gsize length;

  if (pcall_log_record_decode (&key, bytes, size, &record) != PCALL_LOG_RECORD_WHOLE)
    return FALSE;

  length = pcall_log_record_encode (&key, record.level, (const GLogField *) fields->data,
                                    fields->len, NULL, 0);
  again = g_malloc (length);
  pcall_log_record_encode (&key, record.level, (const GLogField *) fields->data, fields->len, again,
                           length);
  g_assert (pcall_log_record_decode (&key, again, length, &record) == PCALL_LOG_RECORD_WHOLE);
  return TRUE;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  gboolean has_records;

  pcall_log_key_init (&key, 0);
  has_records = memmem (data, size, key.digits, PCALL_LOG_KEY_LENGTH) != NULL;
  fuzz_record (data, size);
  fuzz_reader (data, size, has_records);
  return 0;
}
