/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* fork, pipe, read, waitpid: what a programmer writes who needs it now. */

#include "bench-bare.h"

#include <errno.h>
#include <gio/gio.h>
#include <sys/wait.h>
#include <unistd.h>

gboolean
bare_set_error (GError     **error,
                const char  *what)
{
  int saved_errno = errno;

  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno), "%s: %s", what,
               g_strerror (saved_errno));
  return FALSE;
}

static void G_GNUC_NORETURN
run_child (int      fd,
           BareFunc func,
           gpointer data)
{
  gint32 result = func (data);

  _exit (write (fd, &result, sizeof result) == sizeof result ? 0 : 1);
}

gboolean
bare_child_start (BareChild  *self,
                  BareFunc    func,
                  gpointer    data,
                  GError    **error)
{
  int fds[2];

  if (pipe (fds) < 0)
    return bare_set_error (error, "pipe");
  if ((self->pid = fork ()) < 0)
    return bare_set_error (error, "fork");

  if (self->pid == 0)
    {
      close (fds[0]);
      run_child (fds[1], func, data);
    }
  close (fds[1]);
  self->fd = fds[0];
  return TRUE;
}

gboolean
bare_child_finish (BareChild  *self,
                   gint32     *result,
                   GError    **error)
{
  gssize n = read (self->fd, result, sizeof *result);
  int status;

  close (self->fd);
  if (waitpid (self->pid, &status, 0) < 0)
    return bare_set_error (error, "waitpid");
  if (n == sizeof *result && status == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "a bare child ended with status %d", status);
  return FALSE;
}
