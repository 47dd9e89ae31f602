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
 * Standard input is the read end of the parent's life pipe. When that hangs up, all that is in the
 * group is killed, and the group removed. A parent that ends a task does so by itself, and kills
 * the warden. */

/* What does not die by then waits for a disk that does not answer, or the like. */
#define LIMIT_MS 10000

static void
ignore_signals (void)
{
  for (int signum = 1; signum < NSIG; signum++)
    signal (signum, SIG_IGN);
}

int
main (int   argc,
      char *argv[])
{
  struct pollfd life = { .fd = 0, .events = 0 };

  if (argc != 2)
    return EXIT_FAILURE;

  ignore_signals ();
  while (poll (&life, 1, -1) < 0 && errno == EINTR)
    ;
  return pcall_cgroup_kill (argv[1], LIMIT_MS) ? EXIT_SUCCESS : EXIT_FAILURE;
}
