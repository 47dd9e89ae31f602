/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "child/pcall-worker-private.h"
#include "pcall-error.h"
#include "share/pcall-journal-private.h"
#include "start/pcall-command-private.h"
#include "start/pcall-spawn-private.h"
#include "start/pcall-start-private.h"

/* The start method for named targets: a child is a fresh worker program.
 *
 * Nothing is inherited but the standard streams, the channel, the journal of a worker that has one,
 * and the life pipe, which kills the worker when this process ends. Its standard input is empty.
 * Where the channel is, and by what number the worker is known, it learns from its environment. */

#define CHANNEL_FD 3
#define LIFE_FD 4
#define JOURNAL_FD 5
#define N_FDS 6

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

static gboolean
make_journal (PcallSpawn   *spawn,
              PcallStarted *started,
              GError      **error)
{
  int fd = pcall_spawn_lift (pcall_journal_new ());

  if (fd < 0)
    return failed (started, "journal: memfd_create", errno, error);

  spawn->fds[JOURNAL_FD] = started->journal_fd = fd;
  return TRUE;
}

static gboolean
make_descriptors (PcallSpawn   *spawn,
                  PcallStarted *started,
                  GError      **error)
{
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
    return failed (started, "socketpair", errno, error);

  started->fd = pcall_spawn_lift (fds[0]);
  spawn->fds[CHANNEL_FD] = pcall_spawn_lift (fds[1]);
  if (started->fd < 0 || spawn->fds[CHANNEL_FD] < 0)
    return failed (started, "fcntl", errno, error);

  spawn->fds[LIFE_FD] = pcall_spawn_lift (pcall_lifeline_open ());
  return spawn->fds[LIFE_FD] >= 0 ||
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
  PcallSpawn spawn = {
    .what = "worker program",
    .program = program,
    .argv = (char * const *) pcall_command_get_argv (job->target),
    .environment = environment,
    .fds = { context->null_fd, -1, -1, -1, -1, -1 },
    .n_fds = context->gives_journal ? N_FDS : JOURNAL_FD,
    .null_fd = context->null_fd,
    .life = LIFE_FD,
    .life_signal = SIGKILL,
    .conditions = context->conditions,
  };
  gboolean made;

  started->fd = -1;
  made = program != NULL && make_descriptors (&spawn, started, error) &&
         (!context->gives_journal || make_journal (&spawn, started, error)) &&
         pcall_spawn_run (&spawn, &started->process, &started->error_number, error);
  if (made)
    {
      started->process.life_fd = pcall_lifeline_keep (g_steal_fd (&spawn.fds[LIFE_FD]));
    }
  else
    {
      pcall_fd_clear (&started->fd);
      if (started->journal_fd > 0)
        close (started->journal_fd);
    }
  pcall_fd_clear (&spawn.fds[CHANNEL_FD]);
  pcall_fd_clear (&spawn.fds[LIFE_FD]);
  return made;
}

const PcallStartMethods pcall_start_spawn = {
  .takes_calls = TRUE,
  .start = start,
};
