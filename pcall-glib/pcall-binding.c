/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-binding.h"

#include "pcall-task-private.h"

/* The results of a task as a binding takes them: many at a time, and as bytes or numbers of which
 * it makes its own values. Who has GVariant uses pcall_task_dup_results () or a PcallCall.
 *
 * The rest of what is for bindings stands where it belongs: the fork in start/, what a child calls
 * in child/. */

/**
 * pcall_task_get_result_data:
 * @self: a task that was started
 * @index: which call, counted from 0; less than the number of calls
 * @length: (out): return location for the number of bytes
 *
 * Gets the result of a call that is bytes, an `ay`, without making anything of it. It belongs to
 * the task.
 *
 * Returns: (transfer none) (nullable) (array length=length): the bytes, or %NULL while the call has
 *   not succeeded, and where its result is something else
 *
 * Since: 1.0
 */
const guint8 *
pcall_task_get_result_data (PcallTask *self,
                            guint      index,
                            gsize     *length)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  g_return_val_if_fail (length != NULL, NULL);

  *length = 0;
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  locker = pcall_monitor_locker_new_updated (self->monitor);
  if (!pcall_task_check_call (self, G_STRFUNC, index))
    return NULL;

  return pcall_call_list_peek_result_data (self->calls, index, length);
}

/**
 * pcall_task_dup_result_numbers: (rename-to pcall_task_get_result_numbers)
 * @self: a task that was started
 * @index: the first call, counted from 0; less than the number of calls
 * @type: (out): return location for the type of the numbers, a character
 *
 * Gets the results of as many calls, from @index on, as have results that are single numbers of
 * one type: that of a `GVariant`, such as `i`, or `X`, `D` or `B` for what a binding's batch has
 * written, see [func@Pcall.get_batch_memory]. A number has eight bytes, the first of which are
 * those that it has in memory.
 *
 * This is for language bindings, which need not ask for each call.
 *
 * Returns: (transfer full) (nullable): the numbers, or %NULL where the result of the call at @index
 *   is something else, or not there
 *
 * Since: 1.0
 */
GBytes *
pcall_task_dup_result_numbers (PcallTask *self,
                               guint      index,
                               guint8    *type)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  char number_type;
  guint64 *numbers;
  gsize n;

  g_return_val_if_fail (type != NULL, NULL);

  *type = '\0';
  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  locker = pcall_monitor_locker_new_updated (self->monitor);
  if (!pcall_task_check_call (self, G_STRFUNC, index))
    return NULL;

  n = pcall_call_list_get_numbers (self->calls, index, &number_type, NULL);
  if (n == 0)
    return NULL;

  *type = number_type;
  numbers = g_new (guint64, n);
  pcall_call_list_get_numbers (self->calls, index, &number_type, numbers);
  return g_bytes_new_take (numbers, n * sizeof *numbers);
}

/**
 * pcall_task_dup_result_pieces: (rename-to pcall_task_get_result_pieces)
 * @self: a task that was started
 * @index: the first call, counted from 0; less than the number of calls
 *
 * Gets the results of as many calls, from @index on, as have results that are bytes, up to one that
 * is large.
 *
 * They come as one: first their number, then for each where its bytes end, counted from the
 * beginning of those of the first, all of these numbers of 64 bits; and then the bytes.
 *
 * This is for language bindings, which need not ask for each call.
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL where the result of the call at @index
 *   is something else, large, or not there
 *
 * Since: 1.0
 */
GBytes *
pcall_task_dup_result_pieces (PcallTask *self,
                              guint      index)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), NULL);

  locker = pcall_monitor_locker_new_updated (self->monitor);
  if (!pcall_task_check_call (self, G_STRFUNC, index))
    return NULL;

  return pcall_call_list_join_results (self->calls, index);
}

/**
 * pcall_call_dup_journal:
 * @self: a call
 *
 * Gets what the call has written into the journal of its worker, see
 * [method@Pcall.Worker.dup_journal], whether it has succeeded or not.
 *
 * Returns: (transfer full) (nullable): the bytes behind the head; %NULL if there are none, or the
 *   call has not ended
 *
 * Since: 1.0
 */
GBytes *
pcall_call_dup_journal (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  PcallCallList *calls;
  guint index;
  GBytes *journal;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  calls = pcall_call_get_list (self);
  index = pcall_call_get_index (self);
  locker = pcall_monitor_locker_new_updated (pcall_call_list_get_monitor (calls));
  if (!pcall_call_list_has_ended (calls, index))
    return NULL;
  journal = pcall_call_list_get_journal (calls, index);
  return journal != NULL ? g_bytes_ref (journal) : NULL;
}

static PcallTask *
dup_task (PcallMonitor *monitor)
{
  PcallTask *owner = pcall_monitor_ref_owner (monitor);
  PcallTask *task;

  if (owner == NULL)
    return NULL;

  task = g_object_ref (owner);
  pcall_monitor_unref_owner (monitor, owner);
  return task;
}

/**
 * pcall_call_dup_task:
 * @self: a call
 *
 * Gets the task whose call this is. This is for bindings, which keep arguments of their own with a
 * task.
 *
 * Returns: (transfer full) (nullable): the task, or %NULL if it is gone
 *
 * Since: 1.0
 */
PcallTask *
pcall_call_dup_task (PcallCall *self)
{
  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  return dup_task (pcall_call_list_get_monitor (pcall_call_get_list (self)));
}

/**
 * pcall_child_dup_task:
 * @self: a child
 *
 * Gets the task whose child this is. This is for bindings whose language waits for a process: who
 * waits for a child drives its task.
 *
 * Returns: (transfer full) (nullable): the task, or %NULL if it is gone
 *
 * Since: 1.0
 */
PcallTask *
pcall_child_dup_task (PcallChild *self)
{
  g_return_val_if_fail (PCALL_IS_CHILD (self), NULL);

  return dup_task (pcall_child_list_get_monitor (pcall_child_get_list (self)));
}
