/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"
#include "wire/pcall-channel-private.h"
#include "child/pcall-current-private.h"
#include "base/pcall-error-private.h"
#include "pcall-error.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "base/pcall-process-private.h"
#include "base/pcall-terminal-private.h"
#include "log/pcall-log-writer-private.h"
#include "child/pcall-main-context-private.h"
#include "child/pcall-stdio-private.h"
#include "child/pcall-child-main-private.h"
#include "child/pcall-lock-trial-private.h"
#include "child/pcall-title-private.h"
#include "calls/pcall-target-private.h"

/* The child's side of a fork: hygiene, run, report.
 *
 * A forked child inherits its parent's signal handlers, locks, descriptors, buffers, random
 * numbers and main context, all of them wrong for it. Until the lock trial is over, only
 * async-signal-safe functions are called: another thread of the parent may have held any lock of
 * GLib at the time of the fork. From there on this is an ordinary program, which ends in _exit():
 * what the parent registered with atexit() is not the child's to run. */

#define EXIT_STATUS_OF_AN_ERROR 1

/* What could not be prepared, for a report when it can be made. */
typedef struct
{
  const char *call; /* which is needed */
  int         error_number;
  int         log_error_number; /* of the log file, which is not */
  int         out; /* standard output and error before that, where they may be needed again */
  int         err;
} Failure;

/* Present where the program was built for coverage. */
extern void __gcov_dump (void) __attribute__ ((weak));

/* A log file that may not grow is no reason to die: then writing fails. */
PCALL_CHILD_CODE static void
reset_signals (const PcallStartContext *context)
{
  struct sigaction by_default = { .sa_handler = SIG_DFL };
  struct sigaction ignore = { .sa_handler = SIG_IGN };
  sigset_t none = { 0 };

  for (int signum = 1; signum <= PCALL_N_SIGNALS && context->handled >> (signum - 1) != 0; signum++)
    if (context->handled & (G_GUINT64_CONSTANT (1) << (signum - 1)))
      sigaction (signum, &by_default, NULL);
  if (context->log != NULL)
    sigaction (SIGXFSZ, &ignore, NULL);

  pthread_sigmask (SIG_SETMASK, &none, NULL);
}

/* Another thread may have installed handlers since they were looked for. */
static void
reset_all_handlers (void)
{
  struct sigaction by_default = { .sa_handler = SIG_DFL };
  struct sigaction action;

  for (int signum = 1; signum <= PCALL_N_SIGNALS; signum++)
    if (sigaction (signum, NULL, &action) == 0 && action.sa_handler != SIG_DFL &&
        action.sa_handler != SIG_IGN)
      sigaction (signum, &by_default, NULL);
}

/* The parent says which reasons for READY are none any more. The end of the channel means that it
 * gave up. */
static PcallReadyReasons
wait_for_go (int fd)
{
  char byte;
  ssize_t n;

  while ((n = read (fd, &byte, 1)) < 0 && errno == EINTR)
    ;
  if (n != 1)
    _exit (EXIT_STATUS_OF_AN_ERROR);
  return byte;
}

static void
fill_hole (int fd,
           int null_fd)
{
  if (fcntl (fd, F_GETFD) < 0)
    dup2 (null_fd, fd);
}

/* Where the log cannot be made the output goes where it would have gone without one: lines may
 * be in a wrong place, but they are not lost, and neither is the call. */
static void
capture_output (const PcallLogFiles *log,
                guint                index,
                Failure             *failure)
{
  int out;
  int fd = pcall_log_files_begin (log, index, &out);

  if (fd < 0)
    failure->log_error_number = errno;
  else
    pcall_stdio_prepare ();
  pcall_log_writer_begin (fd, out, pcall_log_files_get_key (log));
}

static void
set_up_standard_streams (const PcallStartContext *context,
                         const PcallJob          *job,
                         const PcallInheritance  *inheritance,
                         Failure                 *failure)
{
  if (dup2 (context->null_fd, STDIN_FILENO) < 0)
    *failure = (Failure) { .call = "dup2", .error_number = errno };
  fill_hole (STDOUT_FILENO, context->null_fd);
  fill_hole (STDERR_FILENO, context->null_fd);

  if (inheritance->purge_stdio)
    {
      __fpurge (stdin);
      __fpurge (stdout);
      __fpurge (stderr);
    }

  if (job->slot >= 0)
    {
      failure->out = fcntl (STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
      failure->err = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
  if (context->log != NULL)
    capture_output (context->log, job->index, failure);
}

/* Why READY is to be said. */
static PcallReadyReasons
prepare (const PcallStartContext *context,
         const PcallJob          *job,
         const PcallInheritance  *inheritance,
         Failure                 *failure)
{
  PcallReadyReasons reasons = inheritance->says_ready;

  if (inheritance->shows_itself)
    pcall_process_show (inheritance->fd);
  reset_signals (context);
  if (setpgid (0, 0) < 0)
    *failure = (Failure) { .call = "setpgid", .error_number = errno };
  if (pcall_lifeline_attach (inheritance->life_fd) < 0)
    *failure = (Failure) { .call = "life pipe", .error_number = errno };
  reasons &= ~wait_for_go (inheritance->fd);
  if (context->has_terminal || (reasons & PCALL_READY_LOCKS))
    pcall_terminal_leave ();
  set_up_standard_streams (context, job, inheritance, failure);
  if (reasons & PCALL_READY_LOCKS)
    {
      reset_all_handlers ();
      pcall_lock_trial (job->attempt, inheritance->mark);
    }
  return reasons;
}

/* From here on every function may be called. */

/* A child of which much is expected in little time, as in the trial of locks, runs as its parent
 * does. From then on it has limits and a name of its own. */
static void
set_conditions (const PcallStartContext *context,
                const PcallJob          *job,
                Failure                 *failure)
{
  const PcallConditions *conditions = context->conditions;
  const char *name = pcall_conditions_get_name (conditions, pcall_target_get_name (job->target));

  if (pcall_conditions_names (conditions))
    {
      pcall_title_name (name, job->slot < 0 ? (gint64) job->index : -1);
      pcall_title_show (name, job->index);
    }
  if (failure->call == NULL && (failure->call = pcall_conditions_apply (conditions, FALSE)) != NULL)
    failure->error_number = errno;
}

/* Siblings must not have the same numbers. The nonce of the task is random, and not known outside;
 * multiplying by an odd constant (Knuth's, 2^32 / φ) sets indices apart. */
static void
reseed_random (guint64 nonce,
               guint   index)
{
  g_random_set_seed ((guint32) (nonce ^ (nonce >> 32)) + index * 2654435761u);
}

/* A copy of a context shares the descriptor that wakes it with the parent and all siblings. */
static gboolean
make_copy_ours (const PcallStartContext *context)
{
  int fd;
  int replaced;

  if (context->main_context == NULL || (fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
    return FALSE;

  replaced = dup3 (fd, context->wakeup_fd, O_CLOEXEC);
  close (fd);
  return replaced >= 0;
}

/* The thread that forked may have pushed contexts: those are the parent's. What the parent knows of
 * its sources is true where no other thread of it has run. */
static void
set_up_main_context (const PcallStartContext *context,
                     PcallReadyReasons        reasons)
{
  guint mark = reasons & PCALL_READY_LOCKS ? 0 : context->source_mark;
  GMainContext *own = make_copy_ours (context) ? context->main_context : g_main_context_new ();

  g_main_context_push_thread_default (own);
  pcall_main_context_adopt (own, mark);
}

/* The parent was wrong about what the application does with GLib's log, and now knows. */
G_NORETURN static void
start_again (PcallLogRoute route)
{
  pcall_current_send (PCALL_FRAME_AGAIN, g_variant_new_uint32 (route));
  _exit (EXIT_STATUS_OF_AN_ERROR);
}

/* A file that nothing was written to is removed here: the parent has enough to do. */
PCALL_CHILD_CODE G_NORETURN static void
end (const PcallStartContext *context,
     const PcallJob          *job,
     int                      status)
{
  pcall_stdio_flush ();
  if (context->log != NULL && !context->keep_logs && pcall_log_writer_is_unused ())
    pcall_log_files_discard (context->log, job->index, getpid ());
  if (__gcov_dump != NULL)
    __gcov_dump ();
  _exit (status);
}

G_NORETURN static void
report_result (const PcallStartContext *context,
               const PcallJob          *job,
               GVariant                *result)
{
  if (context->log != NULL)
    pcall_stdio_complete ();
  if (result == NULL)
    result = g_variant_new_tuple (NULL, 0);

  pcall_current_finish (PCALL_FRAME_RESULT, result, EXIT_SUCCESS);
  end (context, job, EXIT_SUCCESS);
}

G_NORETURN static void
report_error (const PcallStartContext *context,
              const PcallJob          *job,
              const GError            *error)
{
  if (context->log != NULL)
    pcall_stdio_complete ();
  pcall_current_finish (PCALL_FRAME_ERROR,
                        pcall_error_to_variant (error, pcall_current_get_error_details ()),
                        EXIT_STATUS_OF_AN_ERROR);
  end (context, job, EXIT_STATUS_OF_AN_ERROR);
}

G_NORETURN static void
report_failure (const PcallStartContext *context,
                const PcallJob          *job,
                const Failure           *failure)
{
  const char *name = pcall_target_get_name (job->target);
  g_autofree char *what = pcall_conditions_describe (context->conditions, failure->call);

  report_error (context, job,
                g_error_new (PCALL_ERROR, PCALL_ERROR_START, "call %u (%s): %s: %s", job->index,
                             name != NULL ? name : "function", what,
                             g_strerror (failure->error_number)));
}

/* The function may drop the task that it is called by: what is needed behind it is kept. */
static PcallStartContext
keep_context (const PcallStartContext *context)
{
  PcallStartContext kept = { .keep_logs = context->keep_logs };

  if (context->log != NULL)
    kept.log = pcall_log_files_ref (context->log);
  return kept;
}

PCALL_CHILD_CODE G_NORETURN static void
run (const PcallStartContext *context,
     const PcallJob          *job)
{
  const PcallStartContext kept = keep_context (context);
  g_autoptr (GError) error = NULL;
  GVariant *args = pcall_arguments_build_args (context->arguments, job->index);
  GVariant *kwargs = pcall_arguments_build_kwargs (context->arguments, job->index);
  GVariant *result = pcall_target_invoke (job->target, args, kwargs, &error);

  if (error != NULL)
    report_error (&kept, job, error);
  report_result (&kept, job, result);
}

PCALL_CHILD_CODE void
pcall_child_main (const PcallStartContext *context,
                  const PcallJob          *job,
                  const PcallInheritance  *inheritance)
{
  Failure failure = { NULL, 0, 0, -1, -1 };
  PcallReadyReasons reasons = prepare (context, job, inheritance, &failure);

  set_conditions (context, job, &failure);
  pcall_current_open (inheritance->fd, context->nonce);
  pcall_current_begin (job->index);
  if (context->log != NULL)
    pcall_log_writer_install (pcall_log_route_get (), start_again);
  if (reasons != 0)
    pcall_current_send (PCALL_FRAME_READY, g_variant_new_tuple (NULL, 0));
  if (job->slot >= 0 && failure.call != NULL)
    pcall_ledger_enter (context->ledger, job->slot, (PcallSpan) { job->index, job->index + 1 },
                        g_get_monotonic_time ());
  if (job->slot < 0 && failure.log_error_number != 0)
    pcall_stdio_note_no_file (failure.log_error_number);
  if (failure.call != NULL)
    report_failure (context, job, &failure);

  reseed_random (context->nonce, job->index);
  set_up_main_context (context, reasons);
  if (job->slot >= 0)
    pcall_child_pull (context, job, failure.log_error_number, failure.out, failure.err);
  run (context, job);
}
