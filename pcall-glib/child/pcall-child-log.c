/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "child/pcall-child-log-private.h"

#include <errno.h>
#include <unistd.h>

#include "base/pcall-fd-private.h"
#include "log/pcall-log-writer-private.h"
#include "child/pcall-stdio-private.h"

/* The log files of a child that runs one call after the other.
 *
 * To make a file and remove it costs more than a small call, and most calls write nothing. So a
 * call that wrote nothing leaves its file to the next one, and only when something was written
 * the file gets the name of that call; until then the slot says what it is called. Where
 * somebody follows the files, or keeps them, each call has one of its own. */

void
pcall_child_log_open (PcallChildLog           *self,
                      const PcallStartContext *context,
                      const PcallJob          *job,
                      int                      error_number)
{
  self->log = context->log != NULL ? pcall_log_files_ref (context->log) : NULL;
  self->ledger = context->ledger;
  self->slot = job->slot;
  self->keep = context->keep_logs;
  self->exact = context->keep_logs || context->follows_logs;
  self->name = self->log != NULL && error_number == 0 ? job->index : PCALL_NO_CALL;
  self->error_number = error_number;
}

static void
set_name (PcallChildLog *self,
          guint          name)
{
  self->name = name;
  pcall_ledger_set_log (self->ledger, self->slot, name);
}

static void
put_back (int fd,
          int standard_fd)
{
  while (fd >= 0 && dup2 (fd, standard_fd) < 0 && (errno == EINTR || errno == EBUSY))
    ;
}

/* The name is told first, so that no file is left behind. */
static void
make_file (PcallChildLog *self,
           guint          index)
{
  int fd, out;

  pcall_log_writer_end ();
  set_name (self, index);
  fd = pcall_log_files_begin (self->log, index, &out);
  pcall_log_writer_begin (fd, out, pcall_log_files_get_key (self->log));
  if (fd >= 0)
    {
      pcall_stdio_prepare ();
      return;
    }

  self->error_number = errno;
  set_name (self, PCALL_NO_CALL);
  put_back (self->out, STDOUT_FILENO);
  put_back (self->err, STDERR_FILENO);
}

void
pcall_child_log_begin (PcallChildLog *self,
                       guint          index)
{
  if (self->log != NULL && self->name == PCALL_NO_CALL && self->error_number == 0)
    make_file (self, index);
}

/* Either name may be there already: the parent gives a call its file while it runs. */
static void
name_file (PcallChildLog *self,
           guint          index)
{
  if (self->name == index)
    return;

  pcall_log_files_link (self->log, self->name, index, getpid ());
  pcall_log_files_discard (self->log, self->name, getpid ());
}

gboolean
pcall_child_log_end (PcallChildLog *self,
                     guint          index)
{
  gboolean empty;

  if (self->log == NULL)
    return FALSE;

  pcall_stdio_complete ();
  self->error_number = 0;
  if (self->name == PCALL_NO_CALL)
    return FALSE;

  empty = pcall_log_writer_is_unused ();
  if (empty && !self->exact)
    return FALSE;

  if (empty && !self->keep)
    pcall_log_files_discard (self->log, self->name, getpid ());
  else
    name_file (self, index);
  set_name (self, PCALL_NO_CALL);
  return !empty || self->keep;
}

void
pcall_child_log_close (PcallChildLog *self)
{
  if (self->log == NULL)
    return;

  pcall_stdio_flush ();
  if (self->name != PCALL_NO_CALL)
    pcall_log_files_discard (self->log, self->name, getpid ());
}
