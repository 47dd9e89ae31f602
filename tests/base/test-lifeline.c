/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The life pipe: it is there as long as somebody uses it, nobody else holds it open, and who is
 * attached to it ends with this process, whatever state that leaves it in. */

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <pcall-glib/base/pcall-lifeline-private.h>
#include <pcall-glib/pcall-error.h>

#include "namespaces.h"
#include "task-support.h"

#define LIMIT_MS (SUPPORT_LIMIT_S * 1000)

/* The same where none is left to look with. */
static guint
count_open (void)
{
  guint n = 0;

  for (int fd = 0; fd < 1024; fd++)
    n += fcntl (fd, F_GETFD) >= 0;
  return n;
}

static void
hold (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_lifeline_hold (&error));
  g_assert_no_error (error);
}

static gboolean
is_hung_up (int fd)
{
  struct pollfd look = { .fd = fd, .events = 0 };

  return poll (&look, 1, 0) > 0 && (look.revents & POLLHUP) != 0;
}

static int
open_end (void)
{
  int fd = pcall_lifeline_open ();

  g_assert_cmpint (fd, >, STDERR_FILENO);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  return fd;
}

/* It is one pipe for all users, and gone with the last of them. */
static void
test_users (void)
{
  guint before = support_count_descriptors ();
  int fd;

  for (guint round = 0; round < 2; round++)
    {
      hold ();
      hold ();
      g_assert_cmpuint (support_count_descriptors (), ==, before + 2);
      fd = open_end ();
      pcall_lifeline_release ();
      g_assert_false (is_hung_up (fd));
      pcall_lifeline_release ();
      g_assert_true (is_hung_up (fd));
      g_assert_no_errno (close (fd));
      g_assert_cmpuint (support_count_descriptors (), ==, before);
    }
}

/* The owner of the signal belongs to what is opened: each child has its own. */
static void
test_ends_are_apart (void)
{
  int first, second;

  hold ();
  first = open_end ();
  second = open_end ();
  g_assert_no_errno (fcntl (first, F_SETOWN, getpid ()));
  g_assert_cmpint (fcntl (second, F_GETOWN), ==, 0);
  close (first);
  close (second);
  pcall_lifeline_release ();
}

/* A process that somebody else forks has no write end, however long it lives. */
static void
test_foreign_fork (void)
{
  int fd, status;
  pid_t pid;

  hold ();
  fd = open_end ();
  pid = fork ();
  if (pid == 0)
    for (;;)
      pause ();
  g_assert_cmpint (pid, >, 0);
  pcall_lifeline_release ();

  /* It may not have come to the handler that closes it. */
  g_assert_cmpint (poll (&(struct pollfd){ .fd = fd }, 1, LIMIT_MS), ==, 1);
  g_assert_true (is_hung_up (fd));
  close (fd);
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
}

/* It may be a parent by itself, with a pipe of its own. */
static void
use_in_child (void)
{
  int fd;

  hold ();
  fd = open_end ();
  g_assert_false (is_hung_up (fd));
  pcall_lifeline_release ();
  g_assert_true (is_hung_up (fd));
  _exit (0);
}

static void
assert_passed (pid_t pid)
{
  int status = 0;

  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
in_child (void (*func) (void))
{
  pid_t pid = fork ();

  if (pid == 0)
    func ();
  assert_passed (pid);
}

static void
test_used_in_fork (void)
{
  int fd;
  pid_t pid;

  hold ();
  fd = open_end ();
  pid = fork ();
  if (pid == 0)
    use_in_child ();
  assert_passed (pid);
  g_assert_false (is_hung_up (fd));
  close (fd);
  pcall_lifeline_release ();
}

/* Attached: who hears of the end of a parent, and in which state */

typedef enum
{
  WAITING,
  STOPPED,
  MASKED,
  LATE,     /* it attaches when its parent has gone */
  IN_GROUP, /* it is a process that the attached one has made, in its group */
  OWN_PIPE, /* there is no /proc to open the end by */
  CLOSED,   /* it has closed its descriptors */
  CLOSED_OWN_PIPE,
  EXECUTED,  /* it is another program */
  IN_SESSION, /* it is a process that the attached one has made, in a session of its own */
  DAEMON,     /* the same, two forks away; what is between has ended */
  IN_A_CROWD, /* it has closed its descriptors; those of its parent have numbers of all kinds */
} Way;

/* Held open by the processes that are to end, and by no others of this test. */
static SupportPipe alive;
static SupportPipe gate; /* to the child, whose parent has gone */
static SupportPipe told; /* what the parent tells this program */

static gboolean
closes (Way way)
{
  return way == CLOSED || way == CLOSED_OWN_PIPE || way == IN_A_CROWD;
}

static guint
count_forks (Way way)
{
  return way == DAEMON ? 2 : way == IN_GROUP || way == IN_SESSION;
}

/* The process goes on as one that it forks. */
static void
be_fork (Way way)
{
  if (fork () != 0)
    _exit (0);
  if (way != IN_GROUP)
    setsid ();
}

static void
close_all_but (int first, int second)
{
  for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
    if (fd != first && fd != second)
      close (fd);
}

G_NORETURN static void
be_attached (int fd, Way way)
{
  sigset_t all;

  sigfillset (&all);
  close (told.read_fd);
  g_assert_no_errno (setpgid (0, 0));
  if (way == MASKED)
    sigprocmask (SIG_SETMASK, &all, NULL);
  if (way == LATE)
    support_pipe_get (&gate);
  g_assert_no_errno (pcall_lifeline_attach (fd));
  if (way == LATE)
    support_pipe_put (&alive, 'x');
  for (guint n = count_forks (way); n > 0; n--)
    be_fork (way);
  if (closes (way))
    close_all_but (alive.write_fd, told.write_fd);
  support_pipe_put (&told, 'r');
  if (way == STOPPED)
    raise (SIGSTOP);
  if (way == EXECUTED && fcntl (alive.write_fd, F_SETFD, 0) == 0)
    execlp ("sleep", "sleep", G_STRINGIFY (SUPPORT_LIMIT_S), NULL);
  for (;;)
    pause ();
}

/* The write end stands between others, and has to rise. */
static void
open_many (void)
{
  for (guint i = 0; i < 150; i++)
    g_assert_no_errno (open ("/dev/null", O_RDONLY | O_CLOEXEC));
}

static gboolean
needs_root (Way way)
{
  return way == OWN_PIPE || way == CLOSED_OWN_PIPE;
}

/* In the process that is killed then. */
G_NORETURN static void
be_parent (Way way)
{
  int fd;
  pid_t pid;

  /* What follows has only what is mounted here. */
  if (needs_root (way))
    g_assert_no_errno (chroot ("/dev/shm"));
  hold ();
  if (way == IN_A_CROWD)
    open_many ();
  fd = open_end ();
  pid = fork ();
  if (pid == 0)
    be_attached (fd, way);
  pcall_lifeline_keep (fd);
  close (alive.write_fd);
  if (way == STOPPED)
    waitpid (pid, NULL, WUNTRACED);
  if (count_forks (way) > 0)
    waitpid (pid, NULL, 0);
  support_pipe_put (&told, 'p');
  for (;;)
    pause ();
}

static void
test_attached (gconstpointer data)
{
  Way way = GPOINTER_TO_UINT (data);
  struct pollfd ended;
  guint8 byte;
  pid_t pid;

  if (needs_root (way) && geteuid () != 0)
    {
      g_test_skip ("only root takes /proc away");
      return;
    }

  support_pipe_open (&alive);
  support_pipe_open (&gate);
  support_pipe_open (&told);
  pid = fork ();
  if (pid == 0)
    be_parent (way);
  close (alive.write_fd);
  for (guint n = way == LATE ? 1 : 2; n > 0; n--)
    support_pipe_get (&told);

  ended = (struct pollfd){ .fd = alive.read_fd, .events = POLLIN };
  g_assert_cmpint (poll (&ended, 1, 0), ==, 0);
  kill (pid, SIGKILL);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  if (way == LATE)
    support_pipe_put (&gate, 1);

  /* Not a byte, but the end of the last process that has the pipe. */
  g_assert_cmpint (poll (&ended, 1, LIMIT_MS), ==, 1);
  g_assert_cmpint (read (alive.read_fd, &byte, 1), ==, 0);
  close (alive.read_fd);
  support_pipe_close (&gate);
  support_pipe_close (&told);
}

/* Kept are read ends for as long as there are descriptors enough, and what is not kept is closed. */
static void
run_with_few (void)
{
  struct rlimit limit = { 64, 64 };
  guint n_kept = 0;

  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  hold ();
  for (guint i = 0; i < 100; i++)
    n_kept += pcall_lifeline_keep (open_end ()) >= 0;
  g_assert_cmpuint (n_kept, >, 10);
  g_assert_cmpuint (n_kept, <=, 32);
  close (open_end ());
  pcall_lifeline_release ();
  _exit (0);
}

static void
test_few (void)
{
  in_child (run_with_few);
}

/* A child may have closed its end, and opened something else that has the number now. */
static void
run_with_another (void)
{
  SupportPipe other;
  int fd;
  pid_t pid;

  hold ();
  fd = open_end ();
  g_assert_no_errno (setpgid (0, 0));
  g_assert_no_errno (pcall_lifeline_attach (fd));
  support_pipe_open (&other);
  g_assert_no_errno (dup2 (other.read_fd, fd));
  pid = fork ();
  if (pid == 0)
    {
      support_pipe_put (&other, 'x');
      support_pipe_get (&other);
      _exit (fcntl (fd, F_GETSIG) == 0 && (fcntl (fd, F_GETFL) & O_ASYNC) == 0 ? 0 : 1);
    }
  assert_passed (pid);
  _exit (0);
}

static void
test_another (void)
{
  in_child (run_with_another);
}

static void
test_attach_fails (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      int attached = pcall_lifeline_attach (-1);

      _exit (attached == -1 && errno == EBADF ? 0 : 1);
    }
  assert_passed (pid);
}

static void
run_without_room (void)
{
  g_autoptr (GError) error = NULL;
  struct rlimit before;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  support_limit_room (1);
  g_assert_false (pcall_lifeline_hold (&error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpstr (error->message, ==, "life pipe: Too many open files");

  support_limit_room (2);
  hold ();
  errno = 0;
  g_assert_cmpint (pcall_lifeline_open (), ==, -1);
  g_assert_cmpint (errno, ==, EMFILE);

  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  close (open_end ());
  pcall_lifeline_release ();
  _exit (0);
}

/* No descriptor is left by what fails, and it works when there is room again. */
static void
test_no_room (void)
{
  in_child (run_without_room);
}

/* There is a descriptor for each end, but one of them has the number of a stream. */
static void
run_with_half_the_room (void)
{
  g_autoptr (GError) error = NULL;
  guint before;

  support_limit_room (1);
  close (STDIN_FILENO);
  before = count_open ();
  g_assert_false (pcall_lifeline_hold (&error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpuint (count_open (), ==, before);
  _exit (0);
}

static void
test_half_the_room (void)
{
  in_child (run_with_half_the_room);
}

static void
run_without_streams (void)
{
  int fd;

  for (int i = STDIN_FILENO; i < STDERR_FILENO; i++)
    close (i);
  hold ();
  fd = open_end ();
  for (int i = STDIN_FILENO; i < STDERR_FILENO; i++)
    g_assert_cmpint (fcntl (i, F_GETFD), ==, -1);
  close (fd);
  pcall_lifeline_release ();
  _exit (0);
}

static void
test_streams_closed (void)
{
  in_child (run_without_streams);
}

/* The pipes of children that have gone are not kept. */
static void
run_without_proc (void)
{
  struct rlimit limit = { 64, 64 };
  int fd;

  g_assert_no_errno (chroot ("/dev/shm"));
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &limit));
  hold ();
  for (guint i = 0; i < 200; i++)
    close (open_end ());
  fd = open_end ();
  g_assert_false (is_hung_up (fd));
  pcall_lifeline_release ();
  g_assert_true (is_hung_up (fd));
  _exit (0);
}

static void
test_without_proc (void)
{
  if (geteuid () == 0)
    in_child (run_without_proc);
  else
    g_test_skip ("only root takes /proc away");
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *path;
    Way way;
  } ways[] = {
    { "/lifeline/attached/waiting", WAITING },   { "/lifeline/attached/stopped", STOPPED },
    { "/lifeline/attached/masked", MASKED },     { "/lifeline/attached/late", LATE },
    { "/lifeline/attached/in-group", IN_GROUP }, { "/lifeline/attached/own-pipe", OWN_PIPE },
    { "/lifeline/attached/closed", CLOSED },     { "/lifeline/attached/executed", EXECUTED },
    { "/lifeline/attached/closed-own-pipe", CLOSED_OWN_PIPE },
    { "/lifeline/attached/in-a-crowd", IN_A_CROWD },
    { "/lifeline/attached/in-session", IN_SESSION },
    { "/lifeline/attached/daemon", DAEMON },
  };

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/lifeline/users", test_users);
  g_test_add_func ("/lifeline/ends-are-apart", test_ends_are_apart);
  g_test_add_func ("/lifeline/foreign-fork", test_foreign_fork);
  g_test_add_func ("/lifeline/used-in-fork", test_used_in_fork);
  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    g_test_add_data_func (ways[i].path, GUINT_TO_POINTER (ways[i].way), test_attached);
  g_test_add_func ("/lifeline/few", test_few);
  g_test_add_func ("/lifeline/another", test_another);
  g_test_add_func ("/lifeline/attach-fails", test_attach_fails);
  g_test_add_func ("/lifeline/no-room", test_no_room);
  g_test_add_func ("/lifeline/half-the-room", test_half_the_room);
  g_test_add_func ("/lifeline/streams-closed", test_streams_closed);
  g_test_add_func ("/lifeline/without-proc", test_without_proc);

  return g_test_run ();
}
