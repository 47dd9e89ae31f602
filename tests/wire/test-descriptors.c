/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Descriptors beside the bytes of a socket: of which frame they are, who has them then, and that
 * none is left open. */

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-descriptors-private.h>

/* What is sent are writing ends of pipes, so that it can be told which are which, and whether
 * anybody has one still. */
typedef struct
{
  int read_fd;
  int write_fd;
} Pipe;

typedef struct
{
  int sockets[2];
  Pipe pipes[4];
  PcallDescriptors received;
} Fixture;

static void
set_up (Fixture *self, gconstpointer data)
{
  *self = (Fixture) { .received = { .fds = NULL } };
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, self->sockets));
  for (gsize i = 0; i < G_N_ELEMENTS (self->pipes); i++)
    {
      int fds[2];

      g_assert_no_errno (pipe2 (fds, O_CLOEXEC | O_NONBLOCK));
      self->pipes[i] = (Pipe) { fds[0], fds[1] };
    }
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  pcall_descriptors_clear (&self->received);
  g_assert_null (self->received.fds);
  for (gsize i = 0; i < G_N_ELEMENTS (self->pipes); i++)
    {
      char byte;

      close (self->pipes[i].write_fd);
      /* The end of file says that nobody has it any more. */
      g_assert_cmpint (read (self->pipes[i].read_fd, &byte, 1), ==, 0);
      close (self->pipes[i].read_fd);
    }
  close (self->sockets[0]);
  close (self->sockets[1]);
}

static void
send_all (Fixture *self, const int *fds, guint n)
{
  char byte = 'x';
  struct iovec place = { &byte, 1 };
  struct msghdr message = { .msg_iov = &place, .msg_iovlen = 1 };
  PcallControl control;

  pcall_control_attach (&control, &message, fds, n);
  g_assert_cmpint (sendmsg (self->sockets[0], &message, 0), ==, 1);
}

/* That many pipes, from the first on. */
static void
send_pipes (Fixture *self, guint first, guint n)
{
  int fds[G_N_ELEMENTS (self->pipes)];

  for (guint i = 0; i < n; i++)
    fds[i] = self->pipes[first + i].write_fd;
  send_all (self, fds, n);
}

static gboolean
receive (Fixture *self, gsize room, GError **error)
{
  gboolean received;
  char byte;
  struct iovec place = { &byte, 1 };
  PcallControl control;
  struct msghdr message = { .msg_iov = &place,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = room };

  g_assert_cmpint (recvmsg (self->sockets[1], &message, MSG_CMSG_CLOEXEC), ==, 1);
  received = pcall_descriptors_receive (&self->received, &message, error);
  /* What is written behind the memory would show much later, if ever. */
  g_assert_cmpuint (malloc_usable_size (self->received.fds), >=,
                    self->received.n * sizeof *self->received.fds);
  return received;
}

static void
pass (Fixture *self, guint first, guint n)
{
  g_autoptr (GError) error = NULL;

  send_pipes (self, first, n);
  g_assert_true (receive (self, sizeof (PcallControl), &error));
  g_assert_no_error (error);
}

/* Whether it is the pipe's, of which we have one of our own. */
static void
assert_is_pipe (Fixture *self, int fd, guint index)
{
  char byte = 0;

  g_assert_cmpint (fd, >, STDERR_FILENO);
  g_assert_cmpint (fd, !=, self->pipes[index].write_fd);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (write (fd, "y", 1), ==, 1);
  g_assert_cmpint (read (self->pipes[index].read_fd, &byte, 1), ==, 1);
}

static void
assert_counts (Fixture *self, guint n, guint n_first)
{
  g_assert_cmpuint (self->received.n, ==, n);
  g_assert_cmpuint (self->received.n_first, ==, n_first);
}

static void
test_none (Fixture *self, gconstpointer data)
{
  pass (self, 0, 0);
  assert_counts (self, 0, 0);
  g_assert_null (self->received.fds);
}

static void
test_pop (Fixture *self, gconstpointer data)
{
  pass (self, 0, 3);
  for (guint i = 0; i < 3; i++)
    {
      int fd;

      assert_counts (self, 3 - i, 3 - i);
      fd = pcall_descriptors_pop (&self->received);
      assert_is_pipe (self, fd, i);
      close (fd);
    }
  assert_counts (self, 0, 0);
}

/* There is room for what is there already, too. */
static void
test_two_of_many (Fixture *self, gconstpointer data)
{
  pass (self, 0, 4);
  pass (self, 0, 4);
  assert_counts (self, 8, 4);
  for (guint i = 0; i < 8; i++)
    assert_is_pipe (self, self->received.fds[i], i % 4);
}

/* Those of the next frame are not taken for this one's. */
static void
test_two_frames (Fixture *self, gconstpointer data)
{
  g_autoptr (GUnixFDList) list = NULL;
  int fd;

  pass (self, 0, 1);
  pass (self, 1, 0);
  pass (self, 1, 3);
  assert_counts (self, 4, 1);
  fd = pcall_descriptors_pop (&self->received);
  assert_is_pipe (self, fd, 0);
  close (fd);
  assert_counts (self, 3, 3);

  list = pcall_descriptors_pop_list (&self->received, 3);
  assert_counts (self, 0, 0);
  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, 3);
  for (guint i = 0; i < 3; i++)
    assert_is_pipe (self, g_unix_fd_list_peek_fds (list, NULL)[i], 1 + i);
}

/* What stands first may be memory, and the list is behind it. */
static void
test_both (Fixture *self, gconstpointer data)
{
  g_autoptr (GUnixFDList) list = NULL;
  int fd;

  pass (self, 0, 2);
  pass (self, 2, 2);
  fd = pcall_descriptors_pop (&self->received);
  assert_is_pipe (self, fd, 0);
  close (fd);
  assert_counts (self, 3, 1);
  list = pcall_descriptors_pop_list (&self->received, 1);
  assert_is_pipe (self, g_unix_fd_list_peek_fds (list, NULL)[0], 1);
  assert_counts (self, 2, 2);
}

/* Who takes them from the list has them, and nobody closes them. */
static void
test_stolen (Fixture *self, gconstpointer data)
{
  GUnixFDList *list;
  g_autofree int *fds = NULL;

  pass (self, 0, 2);
  list = pcall_descriptors_pop_list (&self->received, 2);
  fds = g_unix_fd_list_steal_fds (list, NULL);
  g_assert_finalize_object (list);
  for (guint i = 0; i < 2; i++)
    {
      assert_is_pipe (self, fds[i], i);
      close (fds[i]);
    }
}

static void
test_dropped (Fixture *self, gconstpointer data)
{
  GUnixFDList *list;
  int fd;

  pass (self, 0, 2);
  list = pcall_descriptors_pop_list (&self->received, 2);
  fd = g_unix_fd_list_peek_fds (list, NULL)[1];
  g_assert_finalize_object (list);
  g_assert_cmpint (fcntl (fd, F_GETFD), <, 0);
}

/* Closes what is left, of both frames; and again what came later. */
static void
test_clear (Fixture *self, gconstpointer data)
{
  pass (self, 0, 2);
  pass (self, 2, 1);
  pcall_descriptors_clear (&self->received);
  assert_counts (self, 0, 0);
  pass (self, 3, 1);
  assert_counts (self, 1, 1);
}

/* Some of them did not come: that is an error, and those that came are closed. */

static void
assert_not_all (Fixture *self, gsize room)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (receive (self, room, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_PROTOCOL);
}

static void
test_no_room (Fixture *self, gconstpointer data)
{
  send_pipes (self, 0, 4);
  assert_not_all (self, CMSG_LEN (2 * sizeof (int)));
  assert_counts (self, 2, 2);
}

static void
test_no_descriptors (Fixture *self, gconstpointer data)
{
  struct rlimit before, limit;
  int free_fd = dup (self->sockets[0]);

  close (free_fd);
  send_pipes (self, 0, 4);
  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  limit = before;
  limit.rlim_cur = free_fd + 1;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  assert_not_all (self, sizeof (PcallControl));
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  assert_counts (self, 1, 1);
}

/* As many as the kernel lets go with a message, of one pipe. */
static void
test_most (Fixture *self, gconstpointer data)
{
  int fds[PCALL_MAX_DESCRIPTORS];
  g_autoptr (GError) error = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = self->pipes[3].write_fd;
  send_all (self, fds, G_N_ELEMENTS (fds));
  g_assert_true (receive (self, sizeof (PcallControl), &error));
  g_assert_no_error (error);
  assert_counts (self, PCALL_MAX_DESCRIPTORS, PCALL_MAX_DESCRIPTORS);
  assert_is_pipe (self, self->received.fds[PCALL_MAX_DESCRIPTORS - 1], 3);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *path;
    void (*func) (Fixture *self, gconstpointer data);
  } tests[] = {
    { "/pcall/descriptors/none", test_none },
    { "/pcall/descriptors/pop", test_pop },
    { "/pcall/descriptors/two-frames", test_two_frames },
    { "/pcall/descriptors/two-of-many", test_two_of_many },
    { "/pcall/descriptors/both", test_both },
    { "/pcall/descriptors/stolen", test_stolen },
    { "/pcall/descriptors/dropped", test_dropped },
    { "/pcall/descriptors/clear", test_clear },
    { "/pcall/descriptors/no-room", test_no_room },
    { "/pcall/descriptors/no-descriptors", test_no_descriptors },
    { "/pcall/descriptors/most", test_most },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].path, Fixture, NULL, set_up, tests[i].func, tear_down);

  return g_test_run ();
}
