/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/pcall-heir-private.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/pcall-uplink-private.h"
#include "base/pcall-fd-private.h"

/* Who inherits the connection of an agent that is killed.
 *
 * The kernel resets a connection that is closed with something unread in it, and drops what it had
 * still to send. So the last words of an agent that is killed would get lost, and the parent would
 * not know which of the calls had begun that it had sent ahead. This process has the connection,
 * too. It waits for the end of the agent, says then that nothing follows, and takes in what still
 * comes. What the agent had sent arrives whole by that, with an end of its own.
 *
 * A stream goes through other programs, such as ssh, and ends in the same way when one of these has
 * died. So what this process says there is the channel's seal: where that comes, all before it has.
 *
 * It has nothing else of the agent's: no other stream that somebody waits for, and no end of a
 * worker's life pipe. A signal to the agent's process group, or to all of a job but SIGKILL, does
 * not reach it. It runs but once, and for a second at the most. Where it is killed, too, as with
 * all that is in a control group, the parent is told of a reset, or finds no seal, and knows what
 * it does not know. */

#define UP_FD STDIN_FILENO
#define AGENT_FD STDOUT_FILENO
#define LIMIT_MS 1000

static pid_t heir;

static gboolean
wait_for_end (int agent)
{
  struct pollfd ended = { .fd = agent, .events = POLLIN };
  int n;

  while ((n = poll (&ended, 1, -1)) < 0 && errno == EINTR)
    ;
  return n > 0;
}

/* Where there is no room it is for a while, or nobody reads. */
static void
seal (const PcallChannel *up)
{
  struct pollfd writable = { .fd = UP_FD, .events = POLLOUT };
  guint8 bytes[PCALL_CHANNEL_SEAL_SIZE];
  int n;

  pcall_channel_make_seal (up, bytes);
  while ((n = poll (&writable, 1, LIMIT_MS)) < 0 && errno == EINTR)
    ;
  if (n > 0)
    pcall_fd_write_all (UP_FD, bytes, sizeof bytes);
}

/* All signals are blocked. */
G_NORETURN static void
inherit (const PcallChannel *up,
         int                 agent)
{
  setsid ();
  if (dup2 (up->out_fd > 0 ? up->out_fd : up->fd, UP_FD) < 0 || dup2 (agent, AGENT_FD) < 0 ||
      chdir ("/") < 0)
    _exit (EXIT_FAILURE);
  closefrom (AGENT_FD + 1);
  prctl (PR_SET_NAME, "pcall-heir");
  if (!wait_for_end (AGENT_FD))
    _exit (EXIT_FAILURE);
  if (up->out_fd > 0)
    seal (up);
  else
    pcall_uplink_end (UP_FD, LIMIT_MS);
  _exit (EXIT_SUCCESS);
}

/* One that takes a few bytes whole or not at all. */
static gboolean
can_be_sealed (int fd)
{
  struct stat file;
  int domain = 0;
  socklen_t size = sizeof domain;

  return fstat (fd, &file) == 0 &&
         (S_ISFIFO (file.st_mode) ||
          (getsockopt (fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX));
}

void
pcall_heir_start (const PcallChannel *up)
{
  gboolean is_useful = heir == 0 && (up->out_fd == 0 || can_be_sealed (up->out_fd));
  int agent = is_useful ? pcall_fd_lift (syscall (SYS_pidfd_open, getpid (), 0)) : -1;
  sigset_t all, before;

  if (agent < 0)
    return;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  heir = fork ();
  if (heir == 0)
    inherit (up, agent);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  close (agent);
}

/* Where it is not a child any more, its number may be another's. Where it cannot be killed, it ends
 * with this process. */
void
pcall_heir_dismiss (void)
{
  if (heir <= 0 || waitpid (heir, NULL, WNOHANG) != 0 || kill (heir, SIGKILL) < 0)
    return;

  while (waitpid (heir, NULL, 0) < 0 && errno == EINTR)
    ;
}
