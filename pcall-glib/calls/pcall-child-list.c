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
  grefcount        ref_count;
  GArray          *records;  /* PcallChildRecord */
  GHashTable      *children; /* position → PcallChild, weak */
  PcallCallList   *calls;
};

PcallChildList *
pcall_child_list_new (PcallCallList *calls)
{
  PcallChildList *self = g_new0 (PcallChildList, 1);

  g_ref_count_init (&self->ref_count);
  self->records = g_array_new (FALSE, FALSE, sizeof (PcallChildRecord));
  self->children = g_hash_table_new (NULL, NULL);
  self->calls = pcall_call_list_ref (calls);
  return self;
}

PcallChildList *
pcall_child_list_ref (PcallChildList *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_child_list_unref (PcallChildList *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;

  pcall_call_list_unref (self->calls);
  g_hash_table_unref (self->children);
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
pcall_child_list_replace (PcallChildList *self,
                          guint           position,
                          pid_t           pid)
{
  PcallChild *child = g_hash_table_lookup (self->children, GUINT_TO_POINTER (position));

  get_record (self, position)->pid = pid;
  if (child != NULL)
    pcall_child_notify_replaced (child);
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
  PcallChild *child = g_hash_table_lookup (self->children, GUINT_TO_POINTER (position));

  record->running = FALSE;
  take_status (record, exit);
  record->user_time = seconds (&exit->usage.ru_utime);
  record->system_time = seconds (&exit->usage.ru_stime);
  record->max_rss = (guint64) exit->usage.ru_maxrss * 1024;

  if (child == NULL)
    return;
  pcall_child_notify_exited (child);
  g_object_unref (child);
}

void
pcall_child_list_abandon (PcallChildList *self)
{
  const PcallExit unknown = { .known = FALSE };

  for (guint i = 0; i < self->records->len; i++)
    if (get_record (self, i)->running)
      pcall_child_list_set_exit (self, i, &unknown);
}

void
pcall_child_list_log_changed (PcallChildList *self,
                              guint           index)
{
  g_autoptr (GList) positions = g_hash_table_get_keys (self->children);

  for (GList *l = positions; l != NULL; l = l->next)
    {
      PcallChild *child = g_hash_table_lookup (self->children, l->data);

      if (child != NULL && get_record (self, GPOINTER_TO_UINT (l->data))->index == index)
        pcall_child_notify_log_file (child);
    }
}

gboolean
pcall_child_list_has_objects (PcallChildList *self)
{
  return g_hash_table_size (self->children) > 0;
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
  PcallChild *child = g_hash_table_lookup (self->children, GUINT_TO_POINTER (position));

  if (child != NULL)
    return g_object_ref (child);

  child = pcall_child_new (self, position);
  g_hash_table_insert (self->children, GUINT_TO_POINTER (position), child);
  /* Who connected to it and let it go wants to be told of its end all the same. */
  if (get_record (self, position)->running)
    g_object_ref (child);
  return child;
}

void
pcall_child_list_forget_child (PcallChildList *self,
                               guint           position)
{
  g_hash_table_remove (self->children, GUINT_TO_POINTER (position));
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
