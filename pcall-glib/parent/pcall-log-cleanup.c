/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-log-cleanup-private.h"

/* What both ways into the main log share: opening the log of a call, and removing its file. */

void
pcall_logs_init (PcallLogs      *self,
                 PcallLogFiles  *files,
                 PcallCallList  *calls,
                 PcallChildList *children,
                 gboolean        keep)
{
  self->files = pcall_log_files_ref (files);
  self->calls = pcall_call_list_ref (calls);
  self->children = pcall_child_list_ref (children);
  self->keep = keep;
}

void
pcall_logs_clear (PcallLogs *self)
{
  g_clear_pointer (&self->files, pcall_log_files_unref);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
  g_clear_pointer (&self->children, pcall_child_list_unref);
}

PcallLogStream *
pcall_logs_open (PcallLogs *self,
                 guint      index,
                 pid_t      pid,
                 gboolean   marked)
{
  g_autofree char *call = pcall_call_list_describe (self->calls, index);
  const PcallLogOrigin origin = {
    .index = index,
    .pid = pid,
    .target = pcall_call_list_get_target_name (self->calls, index),
    .call = call,
    .host = pcall_call_list_get_host (self->calls, index),
  };

  return pcall_log_stream_new (pcall_call_list_get_monitor (self->calls), self->files, &origin,
                               marked);
}

void
pcall_logs_finish (PcallLogs      *self,
                   guint           index,
                   PcallLogStream *stream)
{
  if (self->keep)
    pcall_call_list_keep_output (self->calls, index);
  pcall_log_stream_finish (stream, pcall_call_list_get_error (self->calls, index),
                           pcall_call_list_get_log_note (self->calls, index));
}

gboolean
pcall_logs_shrink (PcallLogs *self,
                   guint      index,
                   gint64     until)
{
  if (self->keep || !pcall_call_list_has_log (self->calls, index))
    return TRUE;

  pcall_call_list_keep_output (self->calls, index);
  while (!pcall_log_files_shrink (self->files, index, pcall_call_list_get_pid (self->calls, index)))
    if (g_get_monotonic_time () >= until)
      return FALSE;
  return TRUE;
}

void
pcall_logs_remove (PcallLogs *self,
                   guint      index)
{
  if (self->keep || !pcall_call_list_has_log (self->calls, index))
    return;

  pcall_call_list_keep_output (self->calls, index);
  pcall_log_files_discard (self->files, index, pcall_call_list_get_pid (self->calls, index));
  pcall_call_list_drop_log (self->calls, index);
  pcall_child_list_notify_log (self->children, index);
}

void
pcall_logs_remove_all (PcallLogs *self)
{
  for (guint i = 0; i < pcall_call_list_get_n_calls (self->calls); i++)
    pcall_logs_remove (self, i);
}
