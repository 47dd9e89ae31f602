/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What a call prints by the C library's streams: when it is in the file, what of it was lost, and what
 * the parent is told of that.
 *
 * Each case runs in a fresh process of this program, whose standard output nobody has used. */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <pcall-glib/child/pcall-current-private.h>
#include <pcall-glib/child/pcall-stdio-private.h>
#include <pcall-glib/log/pcall-log-writer-private.h>

#include "task-support.h"

#define NONCE 4711
#define INDEX 5
#define CHANNEL_FD 9

/* In the process that is the child: standard output and error lead into a file. */

static void
send_into (const char *path, int flags)
{
  int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC | flags, 0600);

  SUPPORT_CHECK (dup2 (fd, STDOUT_FILENO) >= 0 && dup2 (fd, STDERR_FILENO) >= 0);
  close (fd);
}

static gboolean
file_is (const char *expected)
{
  char bytes[256] = { 0 };
  int fd = open ("/proc/self/fd/1", O_RDONLY | O_CLOEXEC);
  gssize n = read (fd, bytes, sizeof bytes - 1);

  close (fd);
  return n == (gssize) strlen (expected) && strcmp (bytes, expected) == 0;
}

static void
print (const char *text)
{
  SUPPORT_CHECK (fputs (text, stdout) >= 0);
}

/* Lines are there when they end, the rest is when it is flushed. */
static void
check_lines (void)
{
  pcall_stdio_prepare ();
  print ("a");
  SUPPORT_CHECK (file_is (""));
  print ("b\nc");
  SUPPORT_CHECK (file_is ("ab\nc") || file_is ("ab\n"));
  fputs ("E", stderr);
  print ("d\n");
  SUPPORT_CHECK (file_is ("ab\nEcd\n"));
  print ("e");
  SUPPORT_CHECK (pcall_stdio_flush ());
  SUPPORT_CHECK (file_is ("ab\nEcd\ne"));
  SUPPORT_CHECK (pcall_stdio_flush ());
}

static void
use_fully_buffered (void)
{
  static char buffer[256]; /* in less, glibc keeps nothing behind a line */

  setvbuf (stdout, buffer, _IOFBF, sizeof buffer);
  print ("from before\n");
  SUPPORT_CHECK (fflush (stdout) == 0);
  SUPPORT_CHECK (ftruncate (STDOUT_FILENO, 0) == 0);
}

static void
use_line_buffered (void)
{
  setvbuf (stdout, NULL, _IOLBF, 64);
  print ("from before\n");
  SUPPORT_CHECK (ftruncate (STDOUT_FILENO, 0) == 0);
}

/* A program that wants no buffer gets none. */
static void
use_unbuffered (void)
{
  setvbuf (stdout, NULL, _IONBF, 0);
  print ("from before\n");
  SUPPORT_CHECK (ftruncate (STDOUT_FILENO, 0) == 0);
}

static void
check_unbuffered (void)
{
  pcall_stdio_prepare ();
  print ("a");
  SUPPORT_CHECK (file_is ("a"));
  SUPPORT_CHECK (pcall_stdio_flush ());
  SUPPORT_CHECK (file_is ("a"));
}

/* An error of the time before is not the call's. */
static void
check_old_errors (void)
{
  int file = dup (STDOUT_FILENO);

  send_into ("/dev/full", 0);
  for (guint i = 0; i < 2; i++)
    {
      FILE *stream = i == 0 ? stdout : stderr;

      fputs ("lost\n", stream);
      SUPPORT_CHECK (fflush (stream) != 0 || stream == stderr);
      SUPPORT_CHECK (ferror (stream));
    }
  SUPPORT_CHECK (dup2 (file, STDOUT_FILENO) >= 0 && dup2 (file, STDERR_FILENO) >= 0);
  pcall_stdio_prepare ();
  SUPPORT_CHECK (pcall_stdio_flush ());
  pcall_stdio_complete ();
}

static gpointer
hold_stdout (gpointer data)
{
  flockfile (stdout);
  support_pipe_put (data, 1);
  for (;;)
    pause ();
  return NULL;
}

/* It would never come back; what stands there stays. */
static void
check_held_stream (void)
{
  SupportPipe pipe;

  pcall_stdio_prepare ();
  print ("kept");
  support_pipe_open (&pipe);
  g_thread_unref (g_thread_new ("holder", hold_stdout, &pipe));
  support_pipe_get (&pipe);
  SUPPORT_CHECK (pcall_stdio_flush ());
  SUPPORT_CHECK (file_is (""));
}

static void
lose (FILE *stream)
{
  pcall_stdio_prepare ();
  send_into ("/dev/full", 0);
  fputs ("lost\n", stream);
  SUPPORT_CHECK (!pcall_stdio_flush ());
  pcall_stdio_complete ();
}

static void
check_output_lost (void)
{
  lose (stdout);
}

static void
check_error_lost (void)
{
  lose (stderr);
}

static void
begin_records (const char *path)
{
  int fd = open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
  PcallLogKey key;

  SUPPORT_CHECK (fd >= 0);
  pcall_log_key_init (&key, 1);
  pcall_log_writer_begin (fd, -1, &key);
  pcall_log_writer_install (PCALL_LOG_ROUTE_WRITER, NULL);
}

/* Records of GLib's log are counted. */
static void
check_records_lost (void)
{
  pcall_stdio_prepare ();
  begin_records ("/dev/full");
  for (guint i = 0; i < 3; i++)
    g_message ("lost");
  pcall_stdio_complete ();
}

static void
check_both_lost (void)
{
  pcall_stdio_prepare ();
  begin_records ("/dev/full");
  g_message ("lost");
  send_into ("/dev/full", 0);
  fputs ("lost\n", stdout);
  pcall_stdio_complete ();
}

/* Where the file has come to its limit, the reason is looked up. */
static void
check_limit_reached (void)
{
  struct rlimit limit = { 4, 4 };

  signal (SIGXFSZ, SIG_IGN);
  pcall_stdio_prepare ();
  begin_records ("/proc/self/fd/1");
  SUPPORT_CHECK (setrlimit (RLIMIT_FSIZE, &limit) == 0);
  fputs ("longer\n", stdout);
  pcall_stdio_complete ();
}

static void
check_complete (void)
{
  pcall_stdio_prepare ();
  print ("all");
  pcall_stdio_complete ();
  SUPPORT_CHECK (file_is ("all"));
}

static void
check_shared (void)
{
  pcall_stdio_note_shared (3);
}

static void
check_no_file (void)
{
  pcall_stdio_note_no_file (EACCES);
}

typedef struct
{
  const char *name;
  void (*before) (void); /* the stream is used */
  void (*check) (void);
  const char *note; /* that the parent gets; NULL: none */
} Case;

static const Case cases[] = {
  { "fresh", NULL, check_lines, NULL },
  { "fully-buffered", use_fully_buffered, check_lines, NULL },
  { "line-buffered", use_line_buffered, check_lines, NULL },
  { "unbuffered", use_unbuffered, check_unbuffered, NULL },
  { "old-errors", NULL, check_old_errors, NULL },
  { "held-stream", NULL, check_held_stream, NULL },
  { "complete", NULL, check_complete, NULL },
  { "output-lost", NULL, check_output_lost, "at least 1 of its lines were lost: *" },
  { "error-lost", NULL, check_error_lost, "at least 1 of its lines were lost: *" },
  { "records-lost", NULL, check_records_lost, "3 of its lines were lost: No space left on device" },
  { "both-lost", NULL, check_both_lost,
    "at least 2 of its lines were lost: No space left on device" },
  { "limit-reached", NULL, check_limit_reached,
    "at least 1 of its lines were lost: File too large" },
  { "shared", NULL, check_shared, "some of its output may be that of the calls from 3 on" },
  { "no-file", NULL, check_no_file,
    "its output is not here: no log file could be made: Permission denied" },
};

static const Case *
find_case (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    if (strcmp (cases[i].name, name) == 0)
      return &cases[i];
  g_assert_not_reached ();
}

G_NORETURN static void
be_child (const char *name, const char *path)
{
  const Case *self = find_case (name);

  send_into (path, O_CREAT);
  if (self->before != NULL)
    self->before ();
  pcall_current_open (CHANNEL_FD, NONCE);
  pcall_current_begin (INDEX);
  self->check ();
  _exit (0);
}

/* In this program */

static pid_t
start (const char *name, const char *path, int fd)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      dup2 (fd, CHANNEL_FD);
      execl ("/proc/self/exe", "test-stdio", "--child", name, path, NULL);
      _exit (255);
    }
  close (fd);
  return pid;
}

static void
assert_note (PcallFrameQueue *frames, const char *expected)
{
  g_autoptr (PcallFrame) frame = pcall_frame_queue_pop (frames);
  g_autoptr (GVariant) value = NULL;

  g_assert_cmpint (frame != NULL, ==, expected != NULL);
  if (expected == NULL)
    return;

  g_assert_cmpint (frame->type, ==, PCALL_FRAME_NOTE);
  g_assert_cmpuint (frame->call_index, ==, INDEX);
  value = pcall_payload_get_value (frame->payload, G_VARIANT_TYPE_STRING);
  if (!g_pattern_match_simple (expected, g_variant_get_string (value, NULL)))
    g_error ("the note is: %s", g_variant_get_string (value, NULL));
  g_assert_null (pcall_frame_queue_pop (frames));
}

static void
test_case (gconstpointer data)
{
  const Case *self = data;
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "pcall-stdio-XXXXXX", NULL);
  PcallFrameQueue frames = { .head = NULL };
  g_autoptr (GError) error = NULL;
  PcallChannel channel;
  int fds[2], status;
  pid_t pid;

  close (g_mkstemp (path));
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  pid = start (self->name, path, fds[1]);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);

  pcall_channel_init (&channel, fds[0], NONCE);
  g_assert_cmpint (pcall_channel_receive (&channel, G_MAXSIZE, &frames, &error), ==,
                   PCALL_CHANNEL_CLOSED);
  assert_note (&frames, self->note);
  pcall_channel_clear (&channel);
  unlink (path);
}

int
main (int argc, char *argv[])
{
  if (argc == 4 && strcmp (argv[1], "--child") == 0)
    be_child (argv[2], argv[3]);

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/stdio/%s", cases[i].name);

      g_test_add_data_func (path, &cases[i], test_case);
    }

  return g_test_run ();
}
