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
 * It has nothing else of the agent's: no stream that somebody waits for, and no end of a worker's
 * life pipe. A signal to the agent's process group, or to all of a job but SIGKILL, does not reach
 * it. It runs but once, and for a second at the most. Where it is killed, too, as with all that is
 * in a control group, the parent is told of a reset, and knows what it does not know. */

#define SOCKET_FD STDIN_FILENO
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

/* All signals are blocked. */
G_NORETURN static void
inherit (int socket,
         int agent)
{
  setsid ();
  if (dup2 (socket, SOCKET_FD) < 0 || dup2 (agent, AGENT_FD) < 0 || chdir ("/") < 0)
    _exit (EXIT_FAILURE);
  closefrom (AGENT_FD + 1);
  prctl (PR_SET_NAME, "pcall-heir");
  if (wait_for_end (AGENT_FD))
    pcall_uplink_end (SOCKET_FD, LIMIT_MS);
  _exit (EXIT_SUCCESS);
}

void
pcall_heir_start (int socket)
{
  int agent = heir == 0 ? pcall_fd_lift (syscall (SYS_pidfd_open, getpid (), 0)) : -1;
  sigset_t all, before;

  if (agent < 0)
    return;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  heir = fork ();
  if (heir == 0)
    inherit (socket, agent);
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
