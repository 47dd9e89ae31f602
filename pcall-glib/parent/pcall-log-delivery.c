/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-log-delivery-private.h"

#include "parent/pcall-log-live-private.h"
#include "parent/pcall-log-sections-private.h"

/* One way or the other into the main log. */

struct _PcallLogDelivery
{
  PcallEngine     *engine;
  PcallLogFiles *log;
  PcallCallList   *calls;
  PcallChildList  *children;
  gboolean         keep;
  PcallLogLive    *live;  /* as it comes */
  PcallLogSections   *merge; /* in the end */
  PcallTimer       timer; /* brings us back to that */
  gboolean         merging;
};

PcallLogDelivery *
pcall_log_delivery_new (PcallEngine     *engine,
                        PcallLogFiles *log,
                        PcallCallList   *calls,
                        PcallChildList  *children,
                        gboolean         live,
                        gboolean         keep,
                        GError         **error)
{
  PcallLogDelivery *self = g_new0 (PcallLogDelivery, 1);

  self->engine = pcall_engine_ref (engine);
  self->log = pcall_log_files_ref (log);
  self->calls = pcall_call_list_ref (calls);
  self->children = pcall_child_list_ref (children);
  self->keep = keep;
  if (!live)
    self->merge = pcall_log_sections_new (log, calls, children, keep);
  else if ((self->live = pcall_log_live_new (engine, log, calls, children, keep, error)) == NULL)
    g_clear_pointer (&self, pcall_log_delivery_free);
  return self;
}

void
pcall_log_delivery_abort (PcallLogDelivery *self)
{
  g_clear_pointer (&self->live, pcall_log_live_free);
  g_clear_pointer (&self->merge, pcall_log_sections_free);
  pcall_log_sections_discard_all (self->log, self->calls, self->children, self->keep);
}

void
pcall_log_delivery_begin (PcallLogDelivery *self,
                          guint             index)
{
  if (self->live != NULL)
    pcall_log_live_begin (self->live, index);
}

void
pcall_log_delivery_end (PcallLogDelivery *self,
                        guint             index)
{
  if (self->live != NULL)
    pcall_log_live_end (self->live, index);
}

/* There is more to do: somebody has to ask for it. */
static void
come_back (gpointer data)
{
}

gboolean
pcall_log_delivery_complete (PcallLogDelivery *self,
                             gint64            until)
{
  gboolean complete;

  if (self->live != NULL)
    return pcall_log_live_is_idle (self->live);

  self->merging = TRUE;
  complete = pcall_log_sections_step (self->merge, until);
  self->merging = FALSE;
  if (!complete)
    pcall_engine_set_timer (self->engine, &self->timer, 0, come_back, NULL);
  return complete;
}

gboolean
pcall_log_delivery_is_writing (PcallLogDelivery *self)
{
  return self->merging || (self->live != NULL && pcall_log_live_is_writing (self->live));
}

void
pcall_log_delivery_free (PcallLogDelivery *self)
{
  g_clear_pointer (&self->live, pcall_log_live_free);
  g_clear_pointer (&self->merge, pcall_log_sections_free);
  pcall_engine_unset_timer (self->engine, &self->timer);
  pcall_engine_unref (self->engine);
  pcall_log_files_unref (self->log);
  pcall_call_list_unref (self->calls);
  pcall_child_list_unref (self->children);
  g_free (self);
}
