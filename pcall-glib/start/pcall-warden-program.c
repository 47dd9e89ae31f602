/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-cgroup-private.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

/* pcall-warden DIRECTORY: the one who is left when a parent was killed that has put its children
 * into a control group of their own.
 *
 * Standard input is the read end of the parent's life pipe. When that hangs up, or at SIGTERM, all
 * that is in the group is killed, and the group removed. A parent that ends a task does so by
 * itself, and needs the warden where that takes long. */

/* What does not die by then waits for a disk that does not answer, or the like. */
#define LIMIT_MS 10000

static volatile sig_atomic_t is_told;

static void
note_told (int signum)
{
  is_told = 1;
}

/* All but SIGTERM, which comes while the warden waits, and only then. */
static void
set_signals (sigset_t *while_waiting)
{
  struct sigaction told = { .sa_handler = note_told };
  sigset_t term;

  for (int signum = 1; signum < NSIG; signum++)
    signal (signum, SIG_IGN);
  sigemptyset (&term);
  sigaddset (&term, SIGTERM);
  sigprocmask (SIG_BLOCK, &term, while_waiting);
  sigaction (SIGTERM, &told, NULL);
}

int
main (int   argc,
      char *argv[])
{
  struct pollfd life = { .fd = 0, .events = 0 };
  sigset_t while_waiting;

  if (argc != 2)
    return EXIT_FAILURE;

  set_signals (&while_waiting);
  while (!is_told && ppoll (&life, 1, NULL, &while_waiting) < 0 && errno == EINTR)
    ;
  return pcall_cgroup_kill (argv[1], LIMIT_MS) ? EXIT_SUCCESS : EXIT_FAILURE;
}
