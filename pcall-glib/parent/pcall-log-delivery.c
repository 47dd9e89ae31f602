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
  PcallLogs         logs;
  PcallLogLive     *live;     /* as it comes */
  PcallLogSections *sections; /* in the end */
};

PcallLogDelivery *
pcall_log_delivery_new (PcallEngine     *engine,
                        PcallLogFiles   *files,
                        PcallCallList   *calls,
                        PcallChildList  *children,
                        gboolean         live,
                        gboolean         keep,
                        GError         **error)
{
  PcallLogDelivery *self = g_new0 (PcallLogDelivery, 1);

  pcall_logs_init (&self->logs, files, calls, children, keep);
  if (!live)
    self->sections = pcall_log_sections_new (&self->logs);
  else if ((self->live = pcall_log_live_new (engine, &self->logs, error)) == NULL)
    g_clear_pointer (&self, pcall_log_delivery_free);
  return self;
}

void
pcall_log_delivery_free (PcallLogDelivery *self)
{
  g_clear_pointer (&self->live, pcall_log_live_free);
  g_clear_pointer (&self->sections, pcall_log_sections_free);
  pcall_logs_clear (&self->logs);
  g_free (self);
}

void
pcall_log_delivery_abort (PcallLogDelivery *self)
{
  g_clear_pointer (&self->live, pcall_log_live_free);
  g_clear_pointer (&self->sections, pcall_log_sections_free);
  pcall_logs_remove_all (&self->logs);
}

void
pcall_log_delivery_begin (PcallLogDelivery *self,
                          guint             index,
                          pid_t             pid)
{
  if (self->live != NULL)
    pcall_log_live_begin (self->live, index, pid);
}

void
pcall_log_delivery_end (PcallLogDelivery *self,
                        guint             index)
{
  if (self->live != NULL)
    pcall_log_live_end (self->live, index);
}

gboolean
pcall_log_delivery_has_work (PcallLogDelivery *self)
{
  return self->live != NULL && pcall_log_live_has_work (self->live);
}

void
pcall_log_delivery_step (PcallLogDelivery *self,
                         gint64            until)
{
  if (self->live != NULL)
    pcall_log_live_step (self->live, until);
}

gboolean
pcall_log_delivery_complete (PcallLogDelivery *self,
                             gint64            until)
{
  if (self->sections != NULL)
    return pcall_log_sections_step (self->sections, until);

  pcall_log_live_step (self->live, until);
  return pcall_log_live_is_idle (self->live);
}
