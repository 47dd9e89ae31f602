/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start/pcall-spawn-private.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/pcall-terminal-private.h"
#include "child/pcall-child-main-private.h"
#include "pcall-error.h"

/* A fresh program in a process group of its own.
 *
 * It is made as posix_spawn() does it: until it executes the program the child shares this
 * process's memory, and this thread waits. So it costs the same however large this process is. Not
 * by posix_spawn() itself, since that gives a pid alone, and by the time a pidfd could be opened
 * for that, a program may have ended, been reaped by others in this one, and its pid be somebody
 * else's. clone() gives the pidfd at once.
 *
 * Nothing is inherited but the descriptors that it is given. Of these, one is of the life pipe,
 * which signals the program's group when this process ends. */

#define STACK_SIZE (64 * 1024)

/* A shell or nohup has these ignored on purpose. */
#define KEPT_SIGNALS ((1u << SIGHUP) | (1u << SIGINT) | (1u << SIGQUIT))

/* What the child needs. It is written there, and read here. */
typedef struct
{
  const PcallSpawn *spawn;
  gboolean          has_terminal;
  const char       *failed_call; /* NULL: it runs the program */
  int               error_number;
} Plan;

/* The following runs between clone and exec, in this process's memory: async-signal-safe calls
 * only, and nothing is to be changed but @plan. Nor are notes to be taken of its stack, as address
 * sanitizers do: it goes without any function on it having returned. */
#define BEFORE_EXEC __attribute__ ((no_sanitize ("address", "thread")))

/* A handler would run in the memory of this process. */
BEFORE_EXEC static void
reset_signals (void)
{
  struct sigaction action;

  for (int signum = 1; signum <= PCALL_N_SIGNALS; signum++)
    if (sigaction (signum, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
        !(action.sa_handler == SIG_IGN && signum < 32 && (KEPT_SIGNALS & (1u << signum))))
      sigaction (signum, &(struct sigaction) { .sa_handler = SIG_DFL }, NULL);
}

/* Signals the child's process group when the last write end is closed: that of this process, as its
 * own copy goes when the program is executed. */
BEFORE_EXEC static gboolean
arm_life_pipe (const PcallSpawn *spawn)
{
  int fd = spawn->fds[spawn->life];

  return fcntl (fd, F_SETOWN, -getpid ()) == 0 && fcntl (fd, F_SETSIG, spawn->life_signal) == 0 &&
         fcntl (fd, F_SETFL, O_ASYNC | O_NONBLOCK) == 0;
}

/* Where a standard stream was closed, something else may have its number now, of this library's or
 * another's; but that is gone when the program is executed. */
BEFORE_EXEC static gboolean
is_hole (int fd)
{
  int flags = fcntl (fd, F_GETFD);

  return flags < 0 || (flags & FD_CLOEXEC) != 0;
}

BEFORE_EXEC static gboolean
place_descriptors (const PcallSpawn *spawn)
{
  for (int fd = 0; fd < (int) spawn->n_fds; fd++)
    if (spawn->fds[fd] >= 0 ? dup2 (spawn->fds[fd], fd) < 0
                            : is_hole (fd) && dup2 (spawn->null_fd, fd) < 0)
      return FALSE;
  return TRUE;
}

/* Returns only on failure. */
BEFORE_EXEC static const char *
become_program (const Plan *plan)
{
  const PcallSpawn *spawn = plan->spawn;
  const char *failed = NULL;
  sigset_t none;

  reset_signals ();
  if (setpgid (0, 0) < 0)
    return "setpgid";
  if (plan->has_terminal)
    pcall_terminal_leave ();
  if (!arm_life_pipe (spawn))
    return "life pipe: fcntl";
  if (!place_descriptors (spawn))
    return "dup2";

  closefrom ((int) spawn->n_fds);
  if (spawn->conditions != NULL)
    failed = pcall_conditions_apply (spawn->conditions, TRUE);
  if (failed != NULL)
    return failed;

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  execve (spawn->program, spawn->argv, spawn->environment);
  return "execve";
}

BEFORE_EXEC static int
child (void *data)
{
  Plan *plan = data;

  plan->failed_call = become_program (plan);
  plan->error_number = errno;
  _exit (EXIT_FAILURE);
}

/* And this in the parent again. */

/* With all signals blocked, so that no handler runs in the child, and the child has all that it
 * needs on a stack of its own. */
static gboolean
clone_child (Plan         *plan,
             PcallProcess *process)
{
  char *stack = mmap (NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  sigset_t all, before;
  int saved_errno;

  if (stack == MAP_FAILED)
    return FALSE;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  process->pid = clone (child, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                        plan, &process->pidfd);
  saved_errno = errno;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  munmap (stack, STACK_SIZE);
  errno = saved_errno;
  return process->pid > 0;
}

/* Where a standard stream is closed the pidfd may stand in its place. */
static gboolean
lift_pidfd (PcallProcess *process)
{
  int lifted;

  if (process->pidfd > STDERR_FILENO)
    return TRUE;
  lifted = fcntl (process->pidfd, F_DUPFD_CLOEXEC, PCALL_SPAWN_MAX_FDS);
  if (lifted < 0)
    return FALSE;
  close (process->pidfd);
  process->pidfd = lifted;
  return TRUE;
}

int
pcall_spawn_lift (int fd)
{
  int lifted;

  if (fd < 0 || fd >= PCALL_SPAWN_MAX_FDS)
    return fd;

  lifted = fcntl (fd, F_DUPFD_CLOEXEC, PCALL_SPAWN_MAX_FDS);
  close (fd);
  return lifted;
}

/* Always NULL where all went well. */
static const char *
spawn (Plan         *plan,
       PcallProcess *process)
{
  if (!clone_child (plan, process))
    {
      plan->error_number = errno;
      return "clone";
    }
  if (plan->failed_call == NULL && !lift_pidfd (process))
    {
      plan->error_number = errno;
      plan->failed_call = "fcntl";
    }
  if (plan->failed_call != NULL)
    pcall_process_destroy (process);
  return plan->failed_call;
}

gboolean
pcall_spawn_run (const PcallSpawn *self,
                 PcallProcess     *process,
                 int              *error_number,
                 GError          **error)
{
  Plan plan = { .spawn = self, .has_terminal = pcall_terminal_is_there () };
  PcallProcess made = PCALL_PROCESS_NONE;
  const char *failed_call = spawn (&plan, &made);
  g_autofree char *what = NULL;

  if (failed_call == NULL)
    {
      *process = made;
      return TRUE;
    }

  *error_number = plan.error_number;
  what = self->conditions != NULL ? pcall_conditions_describe (self->conditions, failed_call)
                                  : g_strdup (failed_call);
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "%s: %s", what,
               g_strerror (plan.error_number));
  if (plan.failed_call != NULL)
    g_prefix_error (error, "%s %s: ", self->what, self->program);
  return FALSE;
}
