/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Writing all of it, whatever the descriptor takes at once. Closing what children have sent is tested
 * where it is received, in tests/wire/test-descriptors.c. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include <pcall-glib/base/pcall-fd-private.h>

#include "task-support.h"

/* More than a pipe holds */
#define SIZE (1 << 20)

static void
ignore_alarm (int signum)
{
}

/* While a timer interrupts what waits. */
static void
set_alarms (gboolean on)
{
  const struct sigaction action = { .sa_handler = ignore_alarm };
  const struct itimerval often = { { 0, on ? 500 : 0 }, { 0, on ? 500 : 0 } };

  g_assert_no_errno (sigaction (SIGALRM, &action, NULL));
  g_assert_no_errno (setitimer (ITIMER_REAL, &often, NULL));
}

static gpointer
read_all (gpointer data)
{
  SupportPipe *pipe = data;
  GByteArray *all = g_byte_array_new ();
  guint8 bytes[1000];
  gssize n;

  while ((n = read (pipe->read_fd, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR))
    g_byte_array_append (all, bytes, MAX (n, 0));
  return all;
}

static void
test_large (void)
{
  g_autofree guint8 *data = g_malloc (SIZE);
  g_autoptr (GByteArray) taken = NULL;
  SupportPipe pipe;
  GThread *reader;

  for (guint i = 0; i < SIZE; i++)
    data[i] = (guint8) (i * 7 >> 3);
  support_pipe_open (&pipe);
  reader = g_thread_new ("reader", read_all, &pipe);
  set_alarms (TRUE);
  g_assert_true (pcall_fd_write_all (pipe.write_fd, data, SIZE));
  set_alarms (FALSE);
  g_assert_no_errno (close (pipe.write_fd));
  taken = g_thread_join (reader);
  g_assert_cmpmem (taken->data, taken->len, data, SIZE);
  g_assert_no_errno (close (pipe.read_fd));
}

static void
test_nothing (void)
{
  g_assert_true (pcall_fd_write_all (-1, NULL, 0));
}

static void
test_refused (void)
{
  SupportPipe pipe;

  support_pipe_open (&pipe);
  g_assert_no_errno (close (pipe.read_fd));
  signal (SIGPIPE, SIG_IGN);
  g_assert_false (pcall_fd_write_all (pipe.write_fd, "word", 4));
  g_assert_cmpint (errno, ==, EPIPE);
  g_assert_no_errno (close (pipe.write_fd));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pcall/fd/write-all/large", test_large);
  g_test_add_func ("/pcall/fd/write-all/nothing", test_nothing);
  g_test_add_func ("/pcall/fd/write-all/refused", test_refused);
  return g_test_run ();
}
