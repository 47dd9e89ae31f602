/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "base/pcall-threads-private.h"
#include "base/pcall-terminal-private.h"
#include "child/pcall-lock-trial-private.h"
#include "child/pcall-main-context-private.h"
#include "child/pcall-title-private.h"
#include "log/pcall-log-writer-private.h"
#include "start/pcall-fork-private.h"
#include "start/pcall-start-private.h"

/* The start method for callbacks: a child is a copy of this process.
 *
 * The child waits for a byte on its channel before it does anything that could end it, so that
 * it can be neither gone nor reaped by others when its pidfd is opened. All signals are blocked
 * over the fork, so that no handler of this process runs in the child. The parent closes the
 * child's end before it forks again: no sibling ever holds it.
 *
 * Where the time goes, besides the fork itself: in page faults, about a microsecond for each
 * page of code or memory that the child uses first, and more for each that the parent writes
 * again: it has to be copied, and all other children wait for the parent meanwhile. So what can
 * be prepared for all children is prepared in the parent, once, and what each child needs anew
 * it makes itself. */

/* The first use of GLib's random generator makes it, at a cost. It is made here once, so that each
 * child only seeds it; that takes one number out of the sequence of g_random_int(). */
static void
prime_random (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;

  g_random_int ();
  g_once_init_leave (&once, 1);
}

/* What GLib keeps of a thread is made when it first uses a main context: here once, so that each
 * child has a copy of it. */
static void
prime_thread (GMainContext *context)
{
  g_main_context_push_thread_default (context);
  g_main_context_pop_thread_default (context);
}

/* GLib ends the process where it gets no descriptor for a main context. As long as there is no
 * other thread, one that is free stays free; otherwise many have to be. */
static gboolean
can_make_main_context (void)
{
  int probe = eventfd (0, EFD_CLOEXEC);
  struct rlimit limit;

  if (probe < 0)
    return FALSE;
  close (probe);
  return !pcall_threads_exist () ||
         (getrlimit (RLIMIT_NOFILE, &limit) == 0 && (rlim_t) probe < limit.rlim_cur / 2);
}

/* A main context that nobody uses here, for each child to use its own copy of: all that copies
 * would share is the descriptor by which it is woken. */
static void
prepare (PcallStartContext *context)
{
  GPollFD wakeup;
  gint timeout;

  /* Each child writes over both: made one after the other, they may share a page. */
  prime_random ();
  if (pcall_conditions_names (context->conditions))
    pcall_title_prepare ();
  pcall_main_context_hold ();
  context->holds_main_context = TRUE;
  if (context->log != NULL)
    context->log_trap = pcall_log_route_set_trap ();
  if (!can_make_main_context ())
    return;

  /* Where a standard stream is closed the descriptor may stand in its place: not for children. */
  context->main_context = g_main_context_new ();
  if (g_main_context_query (context->main_context, G_MAXINT, &timeout, &wakeup, 1) == 1 &&
      wakeup.fd > STDERR_FILENO)
    {
      context->wakeup_fd = wakeup.fd;
      prime_thread (context->main_context);
      return;
    }

  g_clear_pointer (&context->main_context, g_main_context_unref);
}

static void
clear (PcallStartContext *context)
{
  pcall_log_route_unset_trap (context->log_trap);
  context->log_trap = FALSE;
  g_clear_pointer (&context->main_context, g_main_context_unref);
  if (context->holds_main_context)
    pcall_main_context_release ();
  context->holds_main_context = FALSE;
}

/* Setting every disposition in every child costs more than all the rest of its preparations, and
 * most have no handler: so which ones do is looked up here, once for many children. */
static void
survey_handlers (PcallStartContext *context)
{
  struct sigaction action;

  context->handled = 0;
  for (int signum = 1; signum <= PCALL_N_SIGNALS; signum++)
    if (sigaction (signum, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
        action.sa_handler != SIG_IGN)
      context->handled |= G_GUINT64_CONSTANT (1) << (signum - 1);
}

/* Where no other thread has run since the last time, none has changed anything. One that has is
 * found out before the child goes, which then looks for itself. So that is not asked here, too. */
static void
survey (PcallStartContext *context)
{
  if (pcall_threads_is_marked (context->mark))
    return;

  context->mark = 0;
  context->has_terminal = pcall_terminal_is_there ();
  context->has_threads = pcall_threads_exist ();
  if (context->has_threads)
    {
      pcall_lock_trial_prepare ();
      context->mark = pcall_threads_mark ();
    }
  context->source_mark = pcall_main_context_mark ();
  survey_handlers (context);
}

/* What stands in a buffer at the time of the fork would be written by parent and child. A stream
 * that another thread holds is left alone: then the child has to drop what is in there. */
static gboolean
flush_stream (FILE *stream)
{
  if (__fpending (stream) == 0)
    return TRUE;
  if (ftrylockfile (stream) != 0)
    return FALSE;
  fflush_unlocked (stream);
  funlockfile (stream);
  return __fpending (stream) == 0;
}

/* Nor is what the parent has read ahead for the child to read. */
static gboolean
has_read_ahead (FILE *stream)
{
  return stream->_IO_read_ptr < stream->_IO_read_end;
}

static gboolean
flush_streams (void)
{
  gboolean out = flush_stream (stdout);
  gboolean err = flush_stream (stderr);

  return out && err && !has_read_ahead (stdin);
}

static gboolean
has_handler (const PcallStartContext *context,
             int                      signum)
{
  return (context->handled & G_GUINT64_CONSTANT (1) << (signum - 1)) != 0;
}

/* In the child, signals stay blocked. A SIGCHLD that nobody handles is not: where this thread
 * blocks it at the end of an earlier child, the kernel wakes another thread to ignore it there. */
static pid_t
fork_with_signals_blocked (const PcallStartContext *context)
{
  sigset_t all, before;
  pid_t pid;
  int saved_errno;

  sigfillset (&all);
  if (!has_handler (context, SIGCHLD))
    sigdelset (&all, SIGCHLD);
  pthread_sigmask (SIG_BLOCK, &all, &before);
  pid = pcall_fork ();
  if (pid == 0)
    return 0;

  saved_errno = errno;
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (pid < 0)
    errno = saved_errno;
  return pid;
}

static gboolean
failed (PcallStarted *started,
        const char   *call,
        GError      **error)
{
  started->error_number = errno;
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "%s: %s", call,
               g_strerror (started->error_number));
  return FALSE;
}

/* What is made for one child, on both sides. */
typedef struct
{
  int ours;
  int theirs;
  int life;
} Descriptors;

static void
clear_descriptors (Descriptors *self)
{
  pcall_fd_clear (&self->ours);
  pcall_fd_clear (&self->theirs);
  pcall_fd_clear (&self->life);
}

static gboolean
make_descriptors (Descriptors  *self,
                  PcallStarted *started,
                  GError      **error)
{
  int fds[2];

  *self = (Descriptors) { -1, -1, -1 };
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return failed (started, "socketpair", error);

  self->ours = pcall_fd_lift (fds[0]);
  self->theirs = pcall_fd_lift (fds[1]);
  if (self->ours < 0 || self->theirs < 0)
    return failed (started, "fcntl", error);

  self->life = pcall_lifeline_open ();
  return self->life >= 0 || failed (started, "life pipe: open in /proc/self/fd", error);
}

/* The child waits to be let go: nothing has run. */
static void
give_up (pid_t pid)
{
  kill (pid, SIGKILL);
  while (waitpid (pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

static PcallReadyReasons
find_ready_reasons (const PcallStartContext *context,
                    PcallLogRoute            route)
{
  PcallReadyReasons reasons = 0;

  if (context->has_threads)
    reasons |= PCALL_READY_LOCKS;
  if (context->follows_logs || (context->log != NULL && route == PCALL_LOG_ROUTE_UNKNOWN))
    reasons |= PCALL_READY_LOG;
  return reasons;
}

PCALL_CHILD_CODE static gboolean
fork_child (const PcallStartContext *context,
            const PcallJob          *job,
            const Descriptors       *fds,
            PcallStarted            *started,
            GError                 **error)
{
  PcallInheritance inheritance = { fds->theirs, fds->life, !flush_streams (), 0, context->mark,
                                   pcall_process_is_to_show (fds->ours) };
  gboolean opened;
  pid_t pid;

  started->mark = context->mark;
  started->log_route = pcall_log_route_get ();
  started->says_ready = inheritance.says_ready = find_ready_reasons (context, started->log_route);
  pid = fork_with_signals_blocked (context);

  if (pid == 0)
    {
      close (fds->ours);
      pcall_child_main (context, job, &inheritance);
    }
  if (pid < 0)
    return failed (started, "fork", error);

  opened = inheritance.shows_itself
               ? pcall_process_open_shown (&started->process, pid, fds->ours, error)
               : pcall_process_open (&started->process, pid, error);
  if (!opened)
    {
      started->error_number = errno;
      give_up (pid);
      return FALSE;
    }

  /* The child does the same; whoever is first. */
  setpgid (pid, pid);
  if (pcall_fork_check (error))
    return TRUE;

  pcall_process_destroy (&started->process);
  return FALSE;
}

static gboolean
start (const PcallStartContext *context,
       const PcallJob          *job,
       PcallStarted            *started,
       GError                 **error)
{
  Descriptors fds = { -1, -1, -1 };
  gboolean forked = pcall_fork_check (error) && make_descriptors (&fds, started, error) &&
                    fork_child (context, job, &fds, started, error);

  if (forked)
    {
      started->fd = g_steal_fd (&fds.ours);
      started->process.life_fd = pcall_lifeline_keep (g_steal_fd (&fds.life));
    }
  clear_descriptors (&fds);
  return forked;
}

const PcallStartMethods pcall_start_fork = {
  .prepare = prepare,
  .clear = clear,
  .survey = survey,
  .start = start,
};

/* No other thread has run from before the fork until now, and a child of that time has found all
 * locks free: so this one would. */
static gboolean
is_spared_trial (const PcallStarted *started)
{
  return pcall_lock_trial_has_passed (started->mark) && pcall_threads_have_slept (started->mark);
}

void
pcall_start_go (PcallStarted *started)
{
  PcallReadyReasons spared = 0;
  guint8 byte;
  struct iovec part = { &byte, 1 };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  if ((started->says_ready & PCALL_READY_LOCKS) && is_spared_trial (started))
    spared = PCALL_READY_LOCKS;
  started->says_ready &= ~spared;
  byte = spared;

  /* Where the child has died already, its pidfd tells. */
  while (sendmsg (started->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno == EINTR)
    ;
}
