/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lets the tests fork and spawn under gcc's thread sanitizer, which is to watch the parent.
 *
 * It looks away in a child of a process that has threads. Where those have ended it does not, and
 * takes what they did before the fork for a race with the child. So it is told to look away in
 * every child. That it still does at the end would be an error, so that is not shown to it.
 *
 * It takes what clone() makes for a child with memory of its own, and looks away there. But what is
 * spawned begins in the memory of the parent, which it would watch no more. So that is made behind
 * its back. What it knows of descriptors and of handlers of signals is in that memory, too, and
 * such a child must not change it. */

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* The sanitizer's own, under the names that it exports. */
extern pid_t __interceptor_fork (void);
extern void __interceptor__exit (int status);
extern void __tsan_ignore_thread_begin (void);
extern void __tsan_ignore_thread_end (void);
/* The C library's, under names that the sanitizer does not know. */
extern int __clone (int (*func) (void *data), void *stack, int flags, void *data, ...);
extern int __dup2 (int from, int to);

static int is_child;

static void *
end_at_once (void *data)
{
  return NULL;
}

/* With the first thread the sanitizer begins one of its own. Tests that look for threads which were
 * left behind find it there from the beginning. */
__attribute__ ((constructor)) static void
begin_threads (void)
{
  pthread_t thread;

  if (pthread_create (&thread, NULL, end_at_once, NULL) == 0)
    pthread_join (thread, NULL);
}

/* To the sanitizer of gcc 12, the threads of the parent live on in its child, where a new one on
 * the stack of one of them is an error. One that takes more room gets a stack of its own. */
static void
leave_stacks (void)
{
  pthread_attr_t attributes;
  size_t size;

  pthread_getattr_default_np (&attributes);
  pthread_attr_getstacksize (&attributes, &size);
  pthread_attr_setstacksize (&attributes, 2 * size);
  pthread_setattr_default_np (&attributes);
  pthread_attr_destroy (&attributes);
}

pid_t
fork (void)
{
  pid_t pid;

  __tsan_ignore_thread_begin ();
  pid = __interceptor_fork ();
  if (pid != 0)
    {
      __tsan_ignore_thread_end ();
      return pid;
    }

  is_child++;
  leave_stacks ();
  return 0;
}

void
_exit (int status)
{
  if (is_child)
    syscall (SYS_exit_group, status);
  __interceptor__exit (status);
  __builtin_unreachable ();
}

/* By exit() */
__attribute__ ((destructor)) static void
look_again (void)
{
  for (; is_child > 0; is_child--)
    __tsan_ignore_thread_end ();
}

int
dup2 (int from, int to)
{
  return __dup2 (from, to);
}

int
clone (int (*func) (void *data), void *stack, int flags, void *data, ...)
{
  struct sigaction actions[NSIG];
  va_list arguments;
  pid_t *pidfd;
  int pid;

  for (int signum = 1; signum < NSIG; signum++)
    if (sigaction (signum, NULL, &actions[signum]) < 0)
      actions[signum].sa_handler = SIG_DFL;
  va_start (arguments, data);
  pidfd = va_arg (arguments, pid_t *);
  va_end (arguments);

  __tsan_ignore_thread_begin ();
  pid = __clone (func, stack, flags, data, pidfd);
  __tsan_ignore_thread_end ();

  for (int signum = 1; signum < NSIG; signum++)
    if (actions[signum].sa_handler != SIG_DFL)
      sigaction (signum, &actions[signum], NULL);
  return pid;
}
