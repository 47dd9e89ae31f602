/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pcall-channel-private.h"
#include "pcall-current-private.h"
#include "pcall-error-private.h"
#include "pcall-error.h"
#include "pcall-fd-private.h"
#include "pcall-life-private.h"
#include "pcall-start-private.h"
#include "pcall-target-private.h"

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
  const char *call;
  int         error_number;
} Failure;

/* Present where the program was built for coverage. */
extern void __gcov_dump (void) __attribute__ ((weak));

static void
reset_signals (const PcallStartContext *context)
{
  struct sigaction by_default = { .sa_handler = SIG_DFL };
  sigset_t none;

  for (int signum = 1; signum < NSIG; signum++)
    if (sigismember (&context->handled, signum) == 1)
      sigaction (signum, &by_default, NULL);

  sigemptyset (&none);
  sigprocmask (SIG_SETMASK, &none, NULL);
}

/* The end of the channel means that the parent gave up. */
static void
wait_for_go (int fd)
{
  char byte;
  ssize_t n;

  while ((n = recv (fd, &byte, 1, 0)) < 0 && errno == EINTR)
    ;
  if (n != 1)
    _exit (EXIT_STATUS_OF_AN_ERROR);
}

static void
fill_hole (int fd,
           int null_fd)
{
  if (fcntl (fd, F_GETFD) < 0)
    dup2 (null_fd, fd);
}

/* Where the log cannot be written the output goes where it would have gone without one: lines may
 * be in a wrong place, but they are not lost, and neither is the call. */
static void
set_up_standard_streams (const PcallStartContext *context,
                         const PcallJob          *job,
                         Failure                 *failure)
{
  if (dup2 (context->null_fd, STDIN_FILENO) < 0)
    *failure = (Failure) { "dup2", errno };
  fill_hole (STDOUT_FILENO, context->null_fd);
  fill_hole (STDERR_FILENO, context->null_fd);

  __fpurge (stdin);
  __fpurge (stdout);
  __fpurge (stderr);

  if (context->log != NULL && pcall_log_capture_begin (context->log, job->index))
    setvbuf (stdout, NULL, _IOLBF, 0);
}

static void
prepare (const PcallStartContext *context,
         const PcallJob          *job,
         int                      fd,
         Failure                 *failure)
{
  reset_signals (context);
  if (setpgid (0, 0) < 0)
    *failure = (Failure) { "setpgid", errno };
  if (pcall_life_attach () < 0)
    *failure = (Failure) { "life pipe, /proc/self/fd", errno };
  wait_for_go (fd);
  set_up_standard_streams (context, job, failure);
  if (context->has_threads)
    pcall_lock_trial (job->attempt);
}

/* From here on every function may be called. */

static void
reseed_random (void)
{
  guint32 seed;

  if (getrandom (&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed)
    seed = (guint32) getpid () ^ (guint32) g_get_monotonic_time ();
  g_random_set_seed (seed);
}

/* The thread that forked may have pushed contexts; all of them are the parent's. */
static void
set_up_main_context (void)
{
  g_main_context_push_thread_default (g_main_context_new ());
}

static void
flush_stream (FILE *stream)
{
  if (ftrylockfile (stream) != 0)
    return;
  fflush_unlocked (stream);
  funlockfile (stream);
}

G_NORETURN static void
end (int status)
{
  flush_stream (stdout);
  flush_stream (stderr);
  if (__gcov_dump != NULL)
    __gcov_dump ();
  _exit (status);
}

G_NORETURN static void
report_result (GVariant *result)
{
  if (result == NULL)
    result = g_variant_new_tuple (NULL, 0);

  pcall_current_finish (PCALL_FRAME_RESULT, result, EXIT_SUCCESS);
  end (EXIT_SUCCESS);
}

G_NORETURN static void
report_error (const GError *error)
{
  pcall_current_finish (PCALL_FRAME_ERROR,
                        pcall_error_to_variant (error, pcall_current_get_error_details ()),
                        EXIT_STATUS_OF_AN_ERROR);
  end (EXIT_STATUS_OF_AN_ERROR);
}

/* A page that the parent has mapped and a symbol that it has looked up need not be mapped and
 * looked up in every child. So the parent does once what each child is going to do. This takes one
 * number out of the sequence of g_random_int(). */
void
pcall_child_rehearse (void)
{
  static gsize once;

  if (!g_once_init_enter (&once))
    return;

  g_random_int ();
  g_main_context_unref (g_main_context_new ());
  g_once_init_leave (&once, 1);
}

G_NORETURN static void
run (const PcallStartContext *context,
     const PcallJob          *job)
{
  g_autoptr (GError) error = NULL;
  GVariant *args = pcall_arguments_build_args (context->arguments, job->index);
  GVariant *kwargs = pcall_arguments_build_kwargs (context->arguments, job->index);
  GVariant *result = pcall_target_invoke (job->target, args, kwargs, &error);

  if (error != NULL)
    report_error (error);
  report_result (result);
}

void
pcall_child_main (const PcallStartContext *context,
                  const PcallJob          *job,
                  int                      fd)
{
  Failure failure = { NULL, 0 };

  prepare (context, job, fd, &failure);
  pcall_current_begin (fd, context->nonce, job->index);
  if (context->has_threads)
    pcall_current_send (PCALL_FRAME_READY, g_variant_new_tuple (NULL, 0));
  if (failure.call != NULL)
    {
      g_autoptr (GError) error = g_error_new (PCALL_ERROR, PCALL_ERROR_START, "%s: %s",
                                              failure.call, g_strerror (failure.error_number));
      report_error (error);
    }

  reseed_random ();
  set_up_main_context ();
  run (context, job);
}
