/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "child/pcall-stdio-private.h"

#include <stdio.h>

#include "base/pcall-child-code-private.h"
#include "child/pcall-current-private.h"
#include "log/pcall-log-writer-private.h"

/* Standard output and error of a call whose output is captured.
 *
 * Lines are written as they end: what a child printed before it crashed should be in its log, and
 * in the order in which it was printed, whoever else writes there. */

/* As glibc has them */
#define USER_BUFFER 0x001
#define UNBUFFERED 0x002
#define LINE_BUFFERED 0x200

/* A stream that was not used yet takes this into account when it is; one that was does so when it
 * is given a buffer: the one that it has, which then must not be freed. */
static void
buffer_lines (FILE *stream)
{
  if (stream->_IO_buf_base == NULL)
    {
      stream->_flags |= LINE_BUFFERED;
    }
  else if (!(stream->_flags & (LINE_BUFFERED | UNBUFFERED)))
    {
      stream->_flags |= USER_BUFFER;
      setvbuf (stream, stream->_IO_buf_base, _IOLBF,
               (size_t) (stream->_IO_buf_end - stream->_IO_buf_base));
    }
}

/* Every page that is written, and every one of code, costs a forked child a page fault. */
static void
forget_errors (FILE *stream)
{
  if (ferror_unlocked (stream))
    clearerr_unlocked (stream);
}

PCALL_CHILD_CODE void
pcall_stdio_prepare (void)
{
  buffer_lines (stdout);
  forget_errors (stdout);
  forget_errors (stderr);
}

static gboolean
has_pending_output (FILE *stream)
{
  return stream->_IO_write_ptr > stream->_IO_write_base;
}

static gboolean
flush_stream (FILE *stream)
{
  if (has_pending_output (stream) && ftrylockfile (stream) == 0)
    {
      fflush_unlocked (stream);
      funlockfile (stream);
    }
  return !ferror_unlocked (stream);
}

PCALL_CHILD_CODE gboolean
pcall_stdio_flush (void)
{
  gboolean out = flush_stream (stdout);
  gboolean err = flush_stream (stderr);

  return out && err;
}

static void
note (char *text)
{
  pcall_current_send (PCALL_FRAME_NOTE, g_variant_new_take_string (text));
}

/* Of what went through the C library it is only known that it was something. */
PCALL_CHILD_CODE void
pcall_stdio_complete (void)
{
  gboolean flushed = pcall_stdio_flush ();
  const char *reason;
  guint64 n = pcall_log_writer_get_lost (&reason);

  if (!flushed)
    note (g_strdup_printf ("at least %" G_GUINT64_FORMAT " of its lines were lost: %s", n + 1,
                           reason != NULL ? reason : pcall_log_writer_find_reason ()));
  else if (n > 0)
    note (g_strdup_printf ("%" G_GUINT64_FORMAT " of its lines were lost: %s", n, reason));
}

void
pcall_stdio_note_shared (guint first)
{
  note (g_strdup_printf ("some of its output may be that of the calls from %u on", first));
}

void
pcall_stdio_note_no_file (int error_number)
{
  note (g_strdup_printf ("its output is not here: no log file could be made: %s",
                         g_strerror (error_number)));
}
