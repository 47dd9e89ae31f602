/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <sys/wait.h>

#include "calls/pcall-child-private.h"

/* The children of a task, compactly: one array of small records, and few objects. What a task
 * keeps of each child stands close together, since every fork makes each page of it that is
 * written next cost a page fault. */

struct _PcallChildList
{
  gatomicrefcount ref_count;
  GArray         *records; /* PcallChildRecord */
  PcallViews      views;   /* PcallChild */
  PcallCallList  *calls;
};

PcallChildList *
pcall_child_list_new (PcallCallList        *calls,
                      const PcallViewClass *view)
{
  PcallChildList *self = g_new0 (PcallChildList, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->records = g_array_new (FALSE, FALSE, sizeof (PcallChildRecord));
  pcall_views_init (&self->views, view, self, pcall_call_list_get_monitor (calls));
  self->calls = pcall_call_list_ref (calls);
  return self;
}

PcallChildList *
pcall_child_list_ref (PcallChildList *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_child_list_unref (PcallChildList *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  pcall_views_clear (&self->views);
  pcall_call_list_unref (self->calls);
  g_array_unref (self->records);
  g_free (self);
}

guint
pcall_child_list_add (PcallChildList *self,
                      pid_t           pid,
                      guint           index)
{
  PcallChildRecord record = { .pid = pid, .index = index, .running = TRUE, .exit_status = -1 };

  g_array_append_val (self->records, record);
  return self->records->len - 1;
}

static PcallChildRecord *
get_record (PcallChildList *self,
            guint           position)
{
  g_assert (position < self->records->len);
  return &g_array_index (self->records, PcallChildRecord, position);
}

void
pcall_child_list_set_call (PcallChildList *self,
                           guint           position,
                           guint           index)
{
  get_record (self, position)->index = index;
}

void
pcall_child_list_set_host (PcallChildList *self,
                           guint           position,
                           const char     *host)
{
  get_record (self, position)->host = host;
}

void
pcall_child_list_replace (PcallChildList *self,
                          guint           position,
                          pid_t           pid)
{
  get_record (self, position)->pid = pid;
}

void
pcall_child_list_notify_replaced (PcallChildList *self,
                                  guint           position)
{
  pcall_views_notify (&self->views, position, PCALL_CHILD_REPLACED);
}

static gdouble
seconds (const struct timeval *time)
{
  return time->tv_sec + time->tv_usec / (gdouble) G_USEC_PER_SEC;
}

static void
take_status (PcallChildRecord *record,
             const PcallExit  *exit)
{
  if (!exit->known)
    return;

  if (WIFEXITED (exit->status))
    record->exit_status = WEXITSTATUS (exit->status);
  if (WIFSIGNALED (exit->status))
    record->term_signal = WTERMSIG (exit->status);
  record->core_dumped = WIFSIGNALED (exit->status) && WCOREDUMP (exit->status);
}

void
pcall_child_list_set_exit (PcallChildList  *self,
                           guint            position,
                           const PcallExit *exit)
{
  PcallChildRecord *record = get_record (self, position);

  record->running = FALSE;
  take_status (record, exit);
  record->user_time = seconds (&exit->usage.ru_utime);
  record->system_time = seconds (&exit->usage.ru_stime);
  record->max_rss = (guint64) exit->usage.ru_maxrss * 1024;
}

void
pcall_child_list_notify_exited (PcallChildList *self,
                                guint           position)
{
  pcall_views_notify_last (&self->views, position, PCALL_CHILD_EXITED);
}

void
pcall_child_list_abandon (PcallChildList *self)
{
  const PcallExit unknown = { .known = FALSE };

  for (guint i = 0; i < self->records->len; i++)
    if (get_record (self, i)->running)
      {
        pcall_child_list_set_exit (self, i, &unknown);
        pcall_child_list_notify_exited (self, i);
      }
}

void
pcall_child_list_notify_log (PcallChildList *self,
                             guint           index)
{
  g_autoptr (GArray) positions = pcall_views_list (&self->views);

  for (guint i = 0; i < positions->len; i++)
    {
      guint position = g_array_index (positions, guint, i);

      if (get_record (self, position)->index == index)
        pcall_views_notify (&self->views, position, PCALL_CHILD_LOG_FILE_CHANGED);
    }
}

gboolean
pcall_child_list_has_objects (PcallChildList *self)
{
  return pcall_views_are_there (&self->views);
}

guint
pcall_child_list_get_n (PcallChildList *self)
{
  return self->records->len;
}

PcallChild *
pcall_child_list_get_child (PcallChildList *self,
                            guint           position)
{
  return pcall_views_get (&self->views, position, get_record (self, position)->running);
}

void
pcall_child_list_forget_child (PcallChildList *self,
                               guint           position,
                               PcallChild     *child)
{
  pcall_views_remove (&self->views, position, child);
}

PcallMonitor *
pcall_child_list_get_monitor (PcallChildList *self)
{
  return self->views.monitor;
}

const PcallChildRecord *
pcall_child_list_get_record (PcallChildList *self,
                             guint           position)
{
  return get_record (self, position);
}

const char *
pcall_child_list_get_log_file (PcallChildList *self,
                               guint           position)
{
  PcallChildRecord *record = get_record (self, position);

  /* The call may have another child by now. */
  return pcall_call_list_get_pid (self->calls, record->index) == record->pid
             ? pcall_call_list_get_log_file (self->calls, record->index)
             : NULL;
}
