/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "child/pcall-worker-private.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "log/pcall-log-files-private.h"
#include "log/pcall-log-writer-private.h"
#include "child/pcall-stdio-private.h"

/* Where the output of a call goes, in a worker that runs many: into a file for each call, named by
 * the parent, by way of the descriptors 1 and 2, so that it is all there, whoever writes. What
 * stands in the C library's buffers is written before they change: a line belongs to the call
 * that printed it. A language's own buffers are for its binding to flush. */

static int saved[2] = { -1, -1 };

static void
replace (int from,
         int to)
{
  while (dup2 (from, to) < 0 && (errno == EINTR || errno == EBUSY))
    ;
}

static gboolean
save (void)
{
  for (int i = 0; i < 2; i++)
    saved[i] = fcntl (STDOUT_FILENO + i, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (saved[0] >= 0 && saved[1] >= 0)
    return TRUE;

  pcall_fd_clear (&saved[0]);
  pcall_fd_clear (&saved[1]);
  return FALSE;
}

/* The parent has made it. */
static int
open_file (const char *path)
{
  return pcall_fd_lift (open (path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC));
}

/* That of standard output, where the key says that there is one. */
static int
open_out_file (const char *path,
               const char *key)
{
  g_autofree char *out_path = g_str_has_suffix (key, PCALL_LOG_KEY_SPLIT)
                                  ? pcall_log_files_get_out_path (path)
                                  : NULL;

  return out_path != NULL ? open_file (out_path) : -1;
}

void
pcall_worker_output_redirect (const char *path,
                              const char *key)
{
  PcallLogKey log_key;
  int fd, out;

  if (*path == '\0')
    return;

  fd = open_file (path);
  if (fd < 0 || !save ())
    {
      pcall_stdio_note_no_file (errno);
      pcall_fd_clear (&fd);
      return;
    }

  /* A log file that may not grow is no reason to die: then writing fails. */
  signal (SIGXFSZ, SIG_IGN);
  pcall_stdio_flush ();
  pcall_stdio_prepare ();
  out = open_out_file (path, key);
  replace (out >= 0 ? out : fd, STDOUT_FILENO);
  replace (fd, STDERR_FILENO);
  g_strlcpy (log_key.digits, key, sizeof log_key.digits);
  pcall_log_writer_begin (fd, out, &log_key);
}

void
pcall_worker_output_restore (void)
{
  if (saved[0] < 0)
    return;

  pcall_stdio_complete ();
  pcall_log_writer_end ();
  for (int i = 0; i < 2; i++)
    {
      replace (saved[i], STDOUT_FILENO + i);
      pcall_fd_clear (&saved[i]);
    }
}
