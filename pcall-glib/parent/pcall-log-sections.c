/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-log-sections-private.h"

/* The sections of the main log: one stream after the other. */

struct _PcallLogSections
{
  PcallLogs      *logs;
  guint           index;  /* of the call whose turn it is */
  PcallLogStream *stream; /* of that, once it is open */
};

PcallLogSections *
pcall_log_sections_new (PcallLogs *logs)
{
  PcallLogSections *self = g_new0 (PcallLogSections, 1);

  self->logs = logs;
  return self;
}

void
pcall_log_sections_free (PcallLogSections *self)
{
  g_clear_pointer (&self->stream, pcall_log_stream_free);
  g_free (self);
}

static gboolean
has_something_to_say (PcallCallList *calls,
                      guint          index)
{
  return pcall_call_list_has_log (calls, index) ||
         pcall_call_list_get_log_note (calls, index) != NULL;
}

/* Opens the next section; FALSE if there is none. */
static gboolean
open_next (PcallLogSections *self)
{
  PcallCallList *calls = self->logs->calls;
  guint n = pcall_call_list_get_n_calls (calls);

  while (self->index < n && !has_something_to_say (calls, self->index))
    self->index++;
  if (self->index == n)
    return FALSE;

  self->stream = pcall_logs_open (self->logs, self->index,
                                  pcall_call_list_get_pid (calls, self->index), TRUE);
  pcall_logs_finish (self->logs, self->index, self->stream);
  return TRUE;
}

gboolean
pcall_log_sections_step (PcallLogSections *self,
                         gint64            until)
{
  while (self->stream != NULL || open_next (self))
    {
      if (!pcall_log_stream_step (self->stream, until) ||
          !pcall_logs_shrink (self->logs, self->index, until))
        return FALSE;

      g_clear_pointer (&self->stream, pcall_log_stream_free);
      pcall_logs_remove (self->logs, self->index);
      self->index++;
      if (g_get_monotonic_time () >= until)
        return FALSE;
    }

  return TRUE;
}
