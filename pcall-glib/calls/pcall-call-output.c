/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-call-list-parts-private.h"

/* What a call wrote, as a value. It is read from its log file while there is one; when that is
 * removed, its end is kept in memory. A call that wrote nothing costs nothing here. */

#define MAX_OUTPUT (64 * 1024)

static GBytes *
read_output (PcallCallList *self,
             guint          index)
{
  guint64 most = pcall_log_files_get_max_size (self->log);

  return pcall_log_files_dup_output (self->log, index,
                                     pcall_call_list_get_record (self, index)->pid,
                                     most == 0 ? MAX_OUTPUT : MIN (most, MAX_OUTPUT));
}

void
pcall_call_list_keep_output (PcallCallList *self,
                             guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (!record->has_log || (record->extra != NULL && record->extra->output != NULL))
    return;

  pcall_call_record_get_extra (record)->output = read_output (self, index);
}

GBytes *
pcall_call_list_get_output (PcallCallList *self,
                            guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (self->log == NULL || record->pid == 0)
    return NULL;
  if (record->extra != NULL && record->extra->output != NULL)
    return g_bytes_ref (record->extra->output);
  return record->has_log ? read_output (self, index) : g_bytes_new_static ("", 0);
}

/**
 * pcall_call_dup_output: (rename-to pcall_call_get_output)
 * @self: a call
 *
 * Gets what the call has written so far, or by its end: all that it, the libraries that it uses and
 * the programs that it started have printed, as the bytes that they are, and each record that it
 * has logged as a line with its message. What was printed is in its order; where standard output
 * has a file of its own (see [enum@Pcall.OutputMode]), that stands before all else.
 *
 * It can be had at any time, also when the log file is gone: then the last 64 KiB of each file are
 * there, or [property@Pcall.Task:max-log-size] where that is less.
 *
 * Returns: (transfer full) (nullable): the bytes, none if it has written nothing; %NULL where the
 *   call has not begun, or nothing is captured ([enum@Pcall.LogMode.inherit])
 *
 * Since: 1.0
 */
GBytes *
pcall_call_dup_output (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  PcallCallList *list;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  list = pcall_call_get_list (self);
  locker = pcall_monitor_locker_new_updated (pcall_call_list_get_monitor (list));
  return pcall_call_list_get_output (list, pcall_call_get_index (self));
}
