/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "start/pcall-command-private.h"
#include "pcall-error.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "base/pcall-terminal-private.h"
#include "share/pcall-journal-private.h"
#include "start/pcall-start-private.h"
#include "child/pcall-worker-private.h"

/* The start method for named targets: a child is a fresh worker program.
 *
 * It is made as posix_spawn() does it: until it executes the program the child shares this
 * process's memory, and this thread waits. So it costs the same however large this process is. Not
 * by posix_spawn() itself, since that gives a pid alone, and by the time a pidfd could be opened
 * for that, a worker may have ended, been reaped by others in this program, and its pid be somebody
 * else's. clone() gives the pidfd at once.
 *
 * Nothing is inherited but the standard streams, the channel, the journal of a worker that has one,
 * and the life pipe, which kills the worker when this process ends. Its standard input is empty.
 * Where the channel is, and by what number the worker is known, it learns from its environment. */

#define CHANNEL_FD 3
#define LIFE_FD 4
#define JOURNAL_FD 5
#define FIRST_OTHER_FD 6

#define STACK_SIZE (64 * 1024)

/* A shell or nohup has these ignored on purpose. */
#define KEPT_SIGNALS ((1u << SIGHUP) | (1u << SIGINT) | (1u << SIGQUIT))

/* What the child needs. It is written there, and read here. */
typedef struct
{
  const char  *program;
  char * const *argv;
  char       **environment;
  int          null_fd;
  int          channel_fd; /* its end; our numbers of descriptors are above those of the child */
  int          life_fd;
  int          journal_fd; /* 0: none */
  gboolean     has_terminal;
  const PcallConditions *conditions;
  const char  *failed_call; /* NULL: it runs the program */
  int          error_number;
} Plan;

/* The following runs between clone and exec, in this process's memory: async-signal-safe calls
 * only, and nothing is to be changed but @plan. Nor are notes to be taken of its stack, as address
 * sanitizers do: it goes without any function on it having returned. */
#define BEFORE_EXEC __attribute__ ((no_sanitize ("address")))

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

/* Kills the child's process group when the last write end is closed: that of this process, as its
 * own copy goes when the program is executed. */
BEFORE_EXEC static gboolean
arm_life_pipe (int fd)
{
  return fcntl (fd, F_SETOWN, -getpid ()) == 0 && fcntl (fd, F_SETSIG, SIGKILL) == 0 &&
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
place_descriptors (const Plan *plan)
{
  if (dup2 (plan->null_fd, STDIN_FILENO) < 0)
    return FALSE;
  for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
    if (is_hole (fd) && dup2 (plan->null_fd, fd) < 0)
      return FALSE;
  if (plan->journal_fd > 0 && dup2 (plan->journal_fd, JOURNAL_FD) < 0)
    return FALSE;
  return dup2 (plan->channel_fd, CHANNEL_FD) >= 0 && dup2 (plan->life_fd, LIFE_FD) >= 0;
}

/* Returns only on failure. */
BEFORE_EXEC static const char *
become_worker (const Plan *plan)
{
  const char *failed;
  sigset_t none;

  reset_signals ();
  if (setpgid (0, 0) < 0)
    return "setpgid";
  if (plan->has_terminal)
    pcall_terminal_leave ();
  if (!arm_life_pipe (plan->life_fd))
    return "life pipe: fcntl";
  if (!place_descriptors (plan))
    return "dup2";

  closefrom (plan->journal_fd > 0 ? FIRST_OTHER_FD : JOURNAL_FD);
  failed = pcall_conditions_apply (plan->conditions, TRUE);
  if (failed != NULL)
    return failed;

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
  execve (plan->program, plan->argv, plan->environment);
  return "execve";
}

BEFORE_EXEC static int
child (void *data)
{
  Plan *plan = data;

  plan->failed_call = become_worker (plan);
  plan->error_number = errno;
  _exit (EXIT_FAILURE);
}

/* And this in the parent again. */

static gboolean
failed (PcallStarted *started,
        const char   *call,
        int           error_number,
        GError      **error)
{
  started->error_number = error_number;
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "%s: %s", call, g_strerror (error_number));
  return FALSE;
}

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
  lifted = fcntl (process->pidfd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
  if (lifted < 0)
    return FALSE;
  close (process->pidfd);
  process->pidfd = lifted;
  return TRUE;
}

static gboolean
make_child (Plan         *plan,
            PcallStarted *started,
            GError      **error)
{
  PcallProcess process = PCALL_PROCESS_NONE;

  if (!clone_child (plan, &process))
    return failed (started, "clone", errno, error);

  if (plan->failed_call != NULL)
    {
      g_autofree char *what = pcall_conditions_describe (plan->conditions, plan->failed_call);

      failed (started, what, plan->error_number, error);
    }
  else if (!lift_pidfd (&process))
    failed (started, "fcntl", errno, error);
  else
    {
      started->process = process;
      return TRUE;
    }

  pcall_process_destroy (&process);
  return FALSE;
}

static char **
make_environment (const PcallStartContext *context)
{
  char **told = context->conditions->environment;
  char **environment = told != NULL ? g_strdupv (told) : g_get_environ ();
  g_autofree char *cookie = g_strdup_printf ("%016" G_GINT64_MODIFIER "x", context->nonce);

  environment = g_environ_setenv (environment, PCALL_ENV_FD, G_STRINGIFY (CHANNEL_FD), TRUE);
  environment = g_environ_setenv (environment, PCALL_ENV_LIFE_FD, G_STRINGIFY (LIFE_FD), TRUE);
  environment = g_environ_unsetenv (environment, PCALL_ENV_JOURNAL_FD);
  if (context->gives_journal)
    environment =
        g_environ_setenv (environment, PCALL_ENV_JOURNAL_FD, G_STRINGIFY (JOURNAL_FD), TRUE);
  return g_environ_setenv (environment, PCALL_ENV_COOKIE, cookie, TRUE);
}

/* Takes @fd, and returns the same or one that is no number of the child's. */
static int
lift (int fd)
{
  int lifted;

  if (fd < 0 || fd >= FIRST_OTHER_FD)
    return fd;

  lifted = fcntl (fd, F_DUPFD_CLOEXEC, FIRST_OTHER_FD);
  close (fd);
  return lifted;
}

static gboolean
make_journal (Plan         *plan,
              PcallStarted *started,
              GError      **error)
{
  int fd = lift (pcall_journal_new ());

  if (fd < 0)
    return failed (started, "journal: memfd_create", errno, error);

  plan->journal_fd = started->journal_fd = fd;
  return TRUE;
}

static gboolean
make_descriptors (Plan         *plan,
                  PcallStarted *started,
                  GError      **error)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return failed (started, "socketpair", errno, error);

  started->fd = lift (fds[0]);
  plan->channel_fd = lift (fds[1]);
  if (started->fd < 0 || plan->channel_fd < 0)
    return failed (started, "fcntl", errno, error);

  plan->life_fd = lift (pcall_lifeline_open ());
  return plan->life_fd >= 0 ||
         failed (started, "life pipe: open in /proc/self/fd", errno, error);
}

/* As seen from here, wherever the worker is to run. */
static char *
find_program (const PcallStartContext *context,
              PcallTarget             *target,
              GError                 **error)
{
  g_autofree char *program = pcall_command_find (target, error);

  if (program == NULL || context->conditions->working_directory == NULL)
    return g_steal_pointer (&program);
  return g_canonicalize_filename (program, NULL);
}

static gboolean
start (const PcallStartContext *context,
       const PcallJob          *job,
       PcallStarted            *started,
       GError                 **error)
{
  g_autofree char *program = find_program (context, job->target, error);
  g_auto (GStrv) environment = make_environment (context);
  Plan plan = {
    .program = program,
    .argv = (char * const *) pcall_command_get_argv (job->target),
    .environment = environment,
    .null_fd = context->null_fd,
    .channel_fd = -1,
    .life_fd = -1,
    .has_terminal = pcall_terminal_is_there (),
    .conditions = context->conditions,
  };
  gboolean made;

  started->fd = -1;
  made = program != NULL && make_descriptors (&plan, started, error) &&
         (!context->gives_journal || make_journal (&plan, started, error)) &&
         make_child (&plan, started, error);
  if (!made)
    {
      pcall_fd_clear (&started->fd);
      if (started->journal_fd > 0)
        close (started->journal_fd);
    }
  if (plan.failed_call != NULL)
    g_prefix_error (error, "worker program %s: ", program);
  pcall_fd_clear (&plan.channel_fd);
  pcall_fd_clear (&plan.life_fd);
  return made;
}

const PcallStartMethods pcall_start_spawn = {
  .takes_calls = TRUE,
  .start = start,
};
