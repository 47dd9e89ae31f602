/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-binding.h"

#include "base/pcall-child-code-private.h"
#include "start/pcall-fork-private.h"

#include <errno.h>
#include <unistd.h>

/* How this process forks: by fork() as it is, between hooks, or by a function that it was given.
 *
 * A runtime of a language can fork by a function in that language, but then this function is in the
 * way of the fork: it may be interrupted before it has forked and after, and it may throw, where
 * nobody can catch. So the fork is done here, between what the runtime itself calls in C.
 *
 * The hooks are a process's own way to fork, as long as nobody gives it another one for a while. */

static struct
{
  PcallForkFunc  func;
  gpointer       user_data;
  GDestroyNotify destroy;
} fork_func;

static PcallForkHooks runtime; /* all of them NULL where there are none */

static void
call (void (*hook) (void))
{
  if (hook != NULL)
    hook ();
}

PCALL_CHILD_CODE static pid_t
fork_between_hooks (void)
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

/* A function that failed in a way that its language cannot tell may come back with 0, though this
 * is no child. */
static pid_t
call_fork_func (void)
{
  pid_t parent = getpid ();
  pid_t pid = fork_func.func (fork_func.user_data);

  if (pid != 0 || getpid () != parent)
    return pid;

  errno = ECANCELED;
  return -1;
}

PCALL_CHILD_CODE pid_t
pcall_fork (void)
{
  return fork_func.func != NULL ? call_fork_func () : fork_between_hooks ();
}

/**
 * pcall_set_fork_func:
 * @func: (nullable) (scope notified) (closure user_data) (destroy destroy): the function, or
 *   %NULL for `fork()`, which a binding may have put between hooks of its runtime
 * @user_data: what to call it with
 * @destroy: (nullable): called when the function is replaced
 *
 * Sets the function that forks this process.
 *
 * This is for language bindings: a runtime with locks and threads of its own has to prepare itself
 * for a fork, as Python does in `os.fork()`. A child inherits the function for its own children.
 *
 * Call it before any task is started; it is not protected against tasks that start in other
 * threads.
 *
 * Since: 1.0
 */
void
pcall_set_fork_func (PcallForkFunc  func,
                     gpointer       user_data,
                     GDestroyNotify destroy)
{
  if (fork_func.destroy != NULL)
    fork_func.destroy (fork_func.user_data);

  fork_func.func = func;
  fork_func.user_data = user_data;
  fork_func.destroy = destroy;
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
