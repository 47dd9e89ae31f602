/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Descriptors: how many children there is room for, that none of ours is a standard stream, and
 * names that are made of numbers. */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <pcall-glib/base/pcall-fd-private.h>
#include <pcall-glib/base/pcall-limits-private.h>

/* As the library leaves to the application, and so many calls that it counts */
#define RESERVED 64
#define MANY (RESERVED + 1)

/* Room */

static guint
count_open (void)
{
  guint n = 0;

  for (int fd = 0; fd < 1024; fd++)
    n += fcntl (fd, F_GETFD) >= 0;
  return n;
}

static int
find_lowest_free (void)
{
  int fd = dup (STDIN_FILENO);

  g_assert_no_errno (fd);
  close (fd);
  return fd;
}

static void
set_limit (rlim_t soft)
{
  struct rlimit limit;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &limit));
  limit.rlim_cur = soft;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
}

static void
test_room (void)
{
  static const struct
  {
    int spare; /* what the limit leaves, beside those that are open and the application's */
    guint n_descriptors;
    guint room;
  } rows[] = {
    { -1000, 1, 1 }, { -1, 1, 1 }, { 0, 1, 1 },  { 1, 1, 1 },  { 2, 1, 2 },  { 10, 1, 10 },
    { 9, 3, 3 },     { 10, 3, 3 }, { 11, 3, 3 }, { 12, 3, 4 }, { 2, 3, 1 },  { 100, 2, 50 },
  };
  struct rlimit before;
  /* With the one that it counts by */
  int taken = count_open () + 1 + RESERVED;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      guint room, room_of_few;

      set_limit (MAX (taken + rows[i].spare, find_lowest_free () + 1));
      room = pcall_limits_find_room (MANY, rows[i].n_descriptors);
      room_of_few = pcall_limits_find_room (RESERVED, rows[i].n_descriptors);
      set_limit (before.rlim_cur);
      g_assert_cmpuint (room, ==, rows[i].room);
      g_assert_cmpuint (room_of_few, ==, G_MAXUINT);
    }
}

/* Also where none is left to count them by. */
static void
test_no_descriptor (void)
{
  g_autoptr (GArray) fds = g_array_new (FALSE, FALSE, sizeof (int));
  struct rlimit before;
  guint room;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  set_limit (5 * RESERVED);
  for (int fd; (fd = dup (STDIN_FILENO)) >= 0;)
    g_array_append_val (fds, fd);
  room = pcall_limits_find_room (MANY, 1);
  set_limit (before.rlim_cur);
  for (guint i = 0; i < fds->len; i++)
    close (g_array_index (fds, int, i));
  g_assert_cmpuint (fds->len, >, 3 * RESERVED);
  g_assert_cmpuint (room, ==, 1);
}

static void
test_want_of_room (void)
{
  static const int wants[] = { EAGAIN, EMFILE, ENFILE, ENOMEM, ENOBUFS, ENOSPC };

  for (int error_number = 0; error_number < 200; error_number++)
    {
      gboolean is_want = FALSE;

      for (gsize i = 0; i < G_N_ELEMENTS (wants); i++)
        is_want |= wants[i] == error_number;
      g_assert_cmpint (pcall_limits_is_want_of_room (error_number), ==, is_want);
    }
}

/* Lifting, in a process whose streams may be closed: 0, or the number of what is wrong */

static int
lift_with_closed (int closed)
{
  int fd, lifted;

  for (int stream = 0; stream <= STDERR_FILENO; stream++)
    if (closed & 1 << stream)
      close (stream);

  fd = open ("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd != (closed & 1 ? 0 : closed & 2 ? 1 : 2))
    return 1;
  lifted = pcall_fd_lift (fd);
  if (lifted <= STDERR_FILENO)
    return 2;
  if (fcntl (fd, F_GETFD) >= 0)
    return 3;
  if (fcntl (lifted, F_GETFD) != FD_CLOEXEC)
    return 4;
  return write (lifted, "x", 1) == 1 ? 0 : 5;
}

static void
test_lift (void)
{
  for (int closed = 1; closed < 8; closed++)
    {
      pid_t pid = fork ();
      int status;

      g_assert_cmpint (pid, >=, 0);
      if (pid == 0)
        _exit (lift_with_closed (closed));
      g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
      g_assert_cmpint (status, ==, 0);
    }
}

static void
test_nothing_to_lift (void)
{
  int fd = open ("/dev/null", O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, >, STDERR_FILENO);
  g_assert_cmpint (pcall_fd_lift (fd), ==, fd);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
  errno = ENOENT;
  g_assert_cmpint (pcall_fd_lift (-1), ==, -1);
  g_assert_cmpint (errno, ==, ENOENT);
  close (fd);
}

static void
test_close (void)
{
  int fds[2];
  int first;

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  first = fds[0];
  pcall_fd_clear (&fds[0]);
  g_assert_cmpint (fds[0], ==, -1);
  g_assert_cmpint (fcntl (first, F_GETFD), <, 0);
  pcall_fd_clear (&fds[0]);
  g_assert_cmpint (fds[0], ==, -1);
  pcall_fd_discard (fds[1]);
  g_assert_cmpint (fcntl (fds[1], F_GETFD), <, 0);
}

static void
test_numbers (void)
{
  static const struct
  {
    guint number;
    const char *text;
  } rows[] = {
    { 0, "0" },     { 1, "1" },       { 9, "9" },
    { 10, "10" },   { 100, "100" },   { 909, "909" },
    { 4711, "4711" }, { 1000000000, "1000000000" }, { G_MAXUINT, "4294967295" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      char place[16];
      gsize length = strlen (rows[i].text);

      memset (place, 'x', sizeof place);
      g_assert_true (pcall_write_number (place, rows[i].number) == place + length);
      g_assert_cmpstr (place, ==, rows[i].text);
      g_assert_cmpint (place[length + 1], ==, 'x');
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/limits/room", test_room);
  g_test_add_func ("/pcall/limits/no-descriptor", test_no_descriptor);
  g_test_add_func ("/pcall/limits/want-of-room", test_want_of_room);
  g_test_add_func ("/pcall/limits/lift", test_lift);
  g_test_add_func ("/pcall/limits/nothing-to-lift", test_nothing_to_lift);
  g_test_add_func ("/pcall/limits/close", test_close);
  g_test_add_func ("/pcall/limits/numbers", test_numbers);

  return g_test_run ();
}
