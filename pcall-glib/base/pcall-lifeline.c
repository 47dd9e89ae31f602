/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-lifeline-private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"

/* How a child learns that its parent died, also by SIGKILL, and also while the child is stopped,
 * blocks every signal or never looks.
 *
 * Not by PR_SET_PDEATHSIG: that speaks of the thread that forked. Instead the parent holds the
 * write end of a pipe, and each child asks for SIGKILL instead of SIGIO on the read end
 * (O_ASYNC, F_SETSIG), so that the kernel does it when the last write end closes. The owner of
 * the signal belongs to an open file description, which a fork shares; so the read end is opened
 * anew for each child: in the parent, where /proc has the name at hand. The signal goes to the
 * child's process group, with the programs that it started.
 *
 * A child may close its read end, or execute a program, which does. So the parent keeps that end
 * open, too. Where it dies, its own descriptors are the last ones, and the read ends have to be
 * there when the write end goes. The kernel closes those of a process that ends from the highest
 * number down (since Linux 4.3, what is to be done at the end of a task is done last in, first
 * out). So the write end stands above all read ends that are kept.
 *
 * Where /proc is not there, or may not be looked into any more (after privileges were dropped),
 * each child has a pipe of its own. The write ends are kept in a list, from which those go whose
 * child has gone.
 *
 * A process that a child forks may leave the group. So a fork handler opens the read end anew,
 * with that process itself as the owner. What is executed there has no descriptor of this pipe.
 *
 * This works as long as nobody else holds the write end. It closes on exec, and a fork handler
 * closes it in every child of this process, whoever forked it. The same handlers hold the lock
 * over the fork, so that no fork falls between making the pipe and knowing its number. */

static pthread_mutex_t life_lock = PTHREAD_MUTEX_INITIALIZER;
static PCALL_CHILD_VARIABLE gboolean life_is_locked_over_fork; /* by this thread */
static int life_error; /* why there are no fork handlers, an errno */
static guint life_n_users;
static int life_read_fd = -1;
static int life_write_fd = -1;
static int life_attached_fd = -1; /* in a child: of its parent's pipe */

/* Write ends of pipes for one child each. */
static struct
{
  struct pollfd *ends;
  guint          n;
  guint          n_room;
} life_own;

/* A process with one thread does not need the lock, and the page that it stands in would be copied
 * for each fork. */
static void
before_fork (void)
{
  if (__libc_single_threaded)
    return;

  pthread_mutex_lock (&life_lock);
  life_is_locked_over_fork = TRUE;
}

static void
unlock_after_fork (void)
{
  if (!life_is_locked_over_fork)
    return;

  life_is_locked_over_fork = FALSE;
  pthread_mutex_unlock (&life_lock);
}

static void
close_own (void)
{
  for (guint i = 0; i < life_own.n; i++)
    close (life_own.ends[i].fd);
  life_own.n = 0;
}

/* A read end, in a file description of its own, of the pipe that @fd is open to. */
static int
open_anew (int fd)
{
  char path[32] = "/proc/self/fd/";

  pcall_write_number (path + sizeof "/proc/self/fd/" - 1, fd);
  return open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* @owner is a process, or a negative process group. */
PCALL_CHILD_CODE static gboolean
be_killed_by (int   fd,
              pid_t owner)
{
  struct pollfd hung_up = { .fd = fd, .events = 0 };

  if (fcntl (fd, F_SETOWN, owner) < 0 || fcntl (fd, F_SETSIG, SIGKILL) < 0 ||
      fcntl (fd, F_SETFL, O_ASYNC | O_NONBLOCK) < 0)
    return FALSE;

  if (poll (&hung_up, 1, 0) > 0 && (hung_up.revents & POLLHUP))
    kill (owner, SIGKILL);
  return TRUE;
}

/* In a process that a child has forked. The number may be that of another file by now, which does
 * not ask for this signal. What fails leaves the end that the group has in common. */
static void
attach_fork (void)
{
  int fd;

  if (life_attached_fd < 0 || fcntl (life_attached_fd, F_GETSIG) != SIGKILL)
    return;

  fd = open_anew (life_attached_fd);
  if (fd < 0)
    return;
  if (be_killed_by (fd, getpid ()))
    dup3 (fd, life_attached_fd, O_CLOEXEC);
  close (fd);
}

PCALL_CHILD_CODE static void
after_fork_in_child (void)
{
  attach_fork ();
  pcall_fd_clear (&life_write_fd);
  close_own ();
  life_n_users = 0;
  unlock_after_fork ();
}

/* When the library is loaded, before there can be a pipe that a fork in another thread misses. */
__attribute__ ((constructor)) static void
register_fork_handlers (void)
{
  life_error = pthread_atfork (before_fork, unlock_after_fork, after_fork_in_child);
}

/* Above @fd. It stays where it is if there is no room there. Up to 64 descriptors a process has the
 * smallest table. */
static void
raise_write_end (int fd)
{
  int raised = fcntl (life_write_fd, F_DUPFD_CLOEXEC, (fd + 1) | 63);

  if (raised < 0)
    return;
  close (life_write_fd);
  g_atomic_int_set (&life_write_fd, raised);
}

static gboolean
make_pipe (void)
{
  int fds[2];

  errno = life_error;
  if (life_error != 0 || pipe2 (fds, O_CLOEXEC | O_NONBLOCK) < 0)
    return FALSE;

  /* Left over where this process is a child that was forked by others. */
  pcall_fd_clear (&life_read_fd);
  life_read_fd = pcall_fd_lift (fds[0]);
  life_write_fd = pcall_fd_lift (fds[1]);
  if (life_read_fd >= 0 && life_write_fd >= 0)
    {
      raise_write_end (life_read_fd);
      return TRUE;
    }

  pcall_fd_clear (&life_read_fd);
  pcall_fd_clear (&life_write_fd);
  return FALSE;
}

gboolean
pcall_lifeline_hold (GError **error)
{
  gboolean made;
  int saved_errno;

  pthread_mutex_lock (&life_lock);
  made = life_n_users > 0 || make_pipe ();
  saved_errno = errno;
  if (made)
    life_n_users++;
  pthread_mutex_unlock (&life_lock);

  if (!made)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "life pipe: %s",
                 g_strerror (saved_errno));
  return made;
}

void
pcall_lifeline_release (void)
{
  pthread_mutex_lock (&life_lock);
  if (--life_n_users == 0)
    {
      pcall_fd_clear (&life_read_fd);
      pcall_fd_clear (&life_write_fd);
      close_own ();
      g_clear_pointer (&life_own.ends, g_free);
      life_own.n_room = 0;
    }
  pthread_mutex_unlock (&life_lock);
}

/* A write end whose read end is closed everywhere has an error. */
static void
drop_unused (void)
{
  guint n = 0;

  poll (life_own.ends, life_own.n, 0);
  for (guint i = 0; i < life_own.n; i++)
    if (life_own.ends[i].revents & POLLERR)
      close (life_own.ends[i].fd);
    else
      life_own.ends[n++] = life_own.ends[i];
  life_own.n = n;
}

static void
keep_own (int fd)
{
  if (life_own.n == life_own.n_room)
    {
      life_own.n_room = MAX (2 * life_own.n_room, 16);
      life_own.ends = g_renew (struct pollfd, life_own.ends, life_own.n_room);
    }
  life_own.ends[life_own.n++] = (struct pollfd) { .fd = fd };
}

static int
open_own (void)
{
  int fds[2] = { -1, -1 };

  pthread_mutex_lock (&life_lock);
  drop_unused ();
  if (pipe2 (fds, O_CLOEXEC | O_NONBLOCK) == 0)
    {
      fds[1] = pcall_fd_lift (fds[1]);
      if (fds[1] >= 0)
        keep_own (fds[1]);
      else
        pcall_fd_clear (&fds[0]);
    }
  pthread_mutex_unlock (&life_lock);
  return pcall_fd_lift (fds[0]);
}

int
pcall_lifeline_open (void)
{
  int fd = open_anew (life_read_fd);

  if (fd < 0 && errno != EMFILE && errno != ENFILE && errno != ENOMEM)
    return open_own ();
  return pcall_fd_lift (fd);
}

/* Where more than half of the descriptors are used, others need them more. */
int
pcall_lifeline_keep (int fd)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) < 0 || (rlim_t) fd >= limit.rlim_cur / 2)
    {
      close (fd);
      return -1;
    }

  /* As long as it is held, it only rises. */
  if (fd < g_atomic_int_get (&life_write_fd))
    return fd;

  pthread_mutex_lock (&life_lock);
  if (life_write_fd >= 0 && fd > life_write_fd)
    raise_write_end (fd);
  pthread_mutex_unlock (&life_lock);
  return fd;
}

/* The following runs between fork and user code: async-signal-safe calls only. */

PCALL_CHILD_CODE int
pcall_lifeline_attach (int fd)
{
  pcall_fd_clear (&life_read_fd);
  pcall_fd_clear (&life_attached_fd);
  life_attached_fd = fd;
  return be_killed_by (fd, -getpid ()) ? 0 : -1;
}
