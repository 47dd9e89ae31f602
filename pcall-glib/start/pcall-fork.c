/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-binding.h"

#include "base/pcall-child-code-private.h"
#include "start/pcall-fork-private.h"

#include <errno.h>
#include <unistd.h>

/* A fork function for language runtimes.
 *
 * A runtime can fork by a function of its own language, but then that function is in the way of the
 * fork: it may be interrupted before it has forked and after, and it may throw, where nobody can
 * catch. So the fork is done here, between what the runtime itself calls in C.
 *
 * The hooks are a process's own way to fork, as long as nobody gives it another one for a while. */

static PcallForkHooks runtime; /* all of them NULL where there are none */

static void
call (void (*hook) (void))
{
  if (hook != NULL)
    hook ();
}

PCALL_CHILD_CODE pid_t
pcall_fork (void)
{
  gint state = runtime.enter != NULL ? runtime.enter () : 0;
  pid_t pid;
  int saved_errno = 0;

  call (runtime.before);
  pid = fork ();
  if (pid < 0)
    saved_errno = errno;
  call (pid == 0 ? runtime.after_in_child : runtime.after_in_parent);
  if (runtime.leave != NULL)
    runtime.leave (state);

  if (pid < 0)
    errno = saved_errno;
  return pid;
}

/**
 * pcall_set_fork_hooks: (skip)
 * @hooks: (nullable): what to call around `fork()`, or %NULL for nothing; it is copied
 *
 * Sets what this process calls around each `fork()`. A function that was set with
 * [func@Pcall.set_fork_func] is dropped; one that is set later takes the place of `fork()` and of
 * the hooks, as long as it is set.
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
  pcall_set_fork_func (NULL, NULL, NULL);
  runtime = hooks != NULL ? *hooks : (PcallForkHooks) { .before = NULL };
}
