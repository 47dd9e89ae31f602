/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-fork.h"

#include <errno.h>
#include <unistd.h>

/* A fork function for language runtimes.
 *
 * A runtime can fork by a function of its own language, but then that function is in the way of the
 * fork: it may be interrupted before it has forked and after, and it may throw, where nobody can
 * catch. So the fork is done here, between what the runtime itself calls in C. */

static void
call (void (*hook) (void))
{
  if (hook != NULL)
    hook ();
}

static gint
fork_between_hooks (gpointer user_data)
{
  const PcallForkHooks *hooks = user_data;
  gint state = hooks->enter != NULL ? hooks->enter () : 0;
  pid_t pid;
  int saved_errno;

  call (hooks->before);
  pid = fork ();
  saved_errno = errno;
  call (pid == 0 ? hooks->after_in_child : hooks->after_in_parent);
  if (hooks->leave != NULL)
    hooks->leave (state);

  errno = saved_errno;
  return pid;
}

/**
 * pcall_set_fork_hooks: (skip)
 * @hooks: (nullable): what to call around `fork()`, or %NULL for nothing; it is copied
 *
 * Sets a fork function, as [func@Pcall.set_fork_func] does, that forks between hooks.
 *
 * This is for bindings of languages whose runtime has to prepare itself for a fork, and gives
 * functions in C for that. For CPython they are `PyGILState_Ensure()`, `PyOS_BeforeFork()`,
 * `PyOS_AfterFork_Parent()`, `PyOS_AfterFork_Child()` and `PyGILState_Release()`.
 *
 * Since: 1.0
 */
void
pcall_set_fork_hooks (const PcallForkHooks *hooks)
{
  if (hooks != NULL)
    pcall_set_fork_func (fork_between_hooks, g_memdup2 (hooks, sizeof *hooks), g_free);
  else
    pcall_set_fork_func (NULL, NULL, NULL);
}
