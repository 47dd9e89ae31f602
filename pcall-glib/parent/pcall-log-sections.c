/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-log-sections-private.h"

#include "parent/pcall-log-stream-private.h"

/* The sections of the main log: one stream after the other. */

struct _PcallLogMerge
{
  PcallLogFiles *log;
  PcallCallList   *calls;
  PcallChildList  *children;
  gboolean         keep;
  guint            index;  /* of the call whose turn it is */
  PcallLogStream  *stream; /* of that, once it is open */
};

PcallLogSections *
pcall_log_sections_new (PcallLogFiles *log,
                     PcallCallList   *calls,
                     PcallChildList  *children,
                     gboolean         keep)
{
  PcallLogSections *self = g_new0 (PcallLogSections, 1);

  self->log = pcall_log_files_ref (log);
  self->calls = pcall_call_list_ref (calls);
  self->children = pcall_child_list_ref (children);
  self->keep = keep;
  return self;
}

void
pcall_log_sections_free (PcallLogSections *self)
{
  g_clear_pointer (&self->stream, pcall_log_stream_free);
  pcall_log_files_unref (self->log);
  pcall_call_list_unref (self->calls);
  pcall_child_list_unref (self->children);
  g_free (self);
}

gboolean
pcall_log_sections_shrink (PcallLogFiles *log,
                        PcallCallList   *calls,
                        guint            index,
                        gboolean         keep,
                        gint64           until)
{
  if (keep || !pcall_call_list_has_log (calls, index))
    return TRUE;

  while (!pcall_log_files_shrink (log, index, pcall_call_list_get_pid (calls, index)))
    if (g_get_monotonic_time () >= until)
      return FALSE;
  return TRUE;
}

void
pcall_log_sections_dispose_of (PcallLogFiles *log,
                            PcallCallList   *calls,
                            PcallChildList  *children,
                            guint            index,
                            gboolean         keep)
{
  if (keep || !pcall_call_list_has_log (calls, index))
    return;

  pcall_log_files_discard (log, index, pcall_call_list_get_pid (calls, index));
  pcall_call_list_settle_log (calls, index, FALSE);
  pcall_child_list_log_changed (children, index);
}

void
pcall_log_sections_discard_all (PcallLogFiles *log,
                             PcallCallList   *calls,
                             PcallChildList  *children,
                             gboolean         keep)
{
  for (guint i = 0; i < pcall_call_list_get_n_calls (calls); i++)
    pcall_log_sections_dispose_of (log, calls, children, i, keep);
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
  guint n = pcall_call_list_get_n_calls (self->calls);

  while (self->index < n && !has_something_to_say (self->calls, self->index))
    self->index++;
  if (self->index == n)
    return FALSE;

  self->stream = pcall_log_stream_new (self->log, self->calls, self->index, TRUE);
  pcall_log_stream_finish (self->stream);
  return TRUE;
}

gboolean
pcall_log_sections_step (PcallLogSections *self,
                      gint64         until)
{
  while (self->stream != NULL || open_next (self))
    {
      if (!pcall_log_stream_step (self->stream, until) ||
          !pcall_log_sections_shrink (self->log, self->calls, self->index, self->keep, until))
        return FALSE;

      g_clear_pointer (&self->stream, pcall_log_stream_free);
      pcall_log_sections_dispose_of (self->log, self->calls, self->children, self->index, self->keep);
      self->index++;
      if (g_get_monotonic_time () >= until)
        return FALSE;
    }

  return TRUE;
}
