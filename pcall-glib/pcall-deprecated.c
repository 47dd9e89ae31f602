/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-deprecated.h"

/* Former names of functions, for programs that were written with them. Each does what the function
 * under its new name does, which bindings have under the old one. */

/**
 * pcall_call_get_args:
 * @self: a call
 *
 * The former name of [method@Pcall.Call.dup_args].
 *
 * Returns: (transfer full): a tuple
 *
 * Deprecated: 1.0: Use pcall_call_dup_args() instead.
 * Since: 1.0
 */
GVariant *
pcall_call_get_args (PcallCall *self)
{
  return pcall_call_dup_args (self);
}

/**
 * pcall_call_get_kwargs:
 * @self: a call
 *
 * The former name of [method@Pcall.Call.dup_kwargs].
 *
 * Returns: (transfer full): an `a{sv}`
 *
 * Deprecated: 1.0: Use pcall_call_dup_kwargs() instead.
 * Since: 1.0
 */
GVariant *
pcall_call_get_kwargs (PcallCall *self)
{
  return pcall_call_dup_kwargs (self);
}

/**
 * pcall_call_get_result:
 * @self: a call
 *
 * The former name of [method@Pcall.Call.dup_result].
 *
 * Returns: (transfer full) (nullable): the result, or %NULL
 *
 * Deprecated: 1.0: Use pcall_call_dup_result() instead.
 * Since: 1.0
 */
GVariant *
pcall_call_get_result (PcallCall *self)
{
  return pcall_call_dup_result (self);
}

/**
 * pcall_call_get_result_fd_list:
 * @self: a call
 *
 * The former name of [method@Pcall.Call.dup_result_fd_list].
 *
 * Returns: (transfer full) (nullable): the list, or %NULL
 *
 * Deprecated: 1.0: Use pcall_call_dup_result_fd_list() instead.
 * Since: 1.0
 */
GUnixFDList *
pcall_call_get_result_fd_list (PcallCall *self)
{
  return pcall_call_dup_result_fd_list (self);
}

/**
 * pcall_call_get_error:
 * @self: a call
 *
 * The former name of [method@Pcall.Call.dup_error].
 *
 * Returns: (transfer full) (nullable): the error, or %NULL
 *
 * Deprecated: 1.0: Use pcall_call_dup_error() instead.
 * Since: 1.0
 */
GError *
pcall_call_get_error (PcallCall *self)
{
  return pcall_call_dup_error (self);
}

/**
 * pcall_call_get_error_details:
 * @self: a call
 *
 * The former name of [method@Pcall.Call.dup_error_details].
 *
 * Returns: (transfer full) (nullable): an `a{sv}`, or %NULL
 *
 * Deprecated: 1.0: Use pcall_call_dup_error_details() instead.
 * Since: 1.0
 */
GVariant *
pcall_call_get_error_details (PcallCall *self)
{
  return pcall_call_dup_error_details (self);
}

/**
 * pcall_call_get_output:
 * @self: a call
 *
 * Another name of [method@Pcall.Call.dup_output], as other getters have one.
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL
 *
 * Deprecated: 1.0: Use pcall_call_dup_output() instead.
 * Since: 1.0
 */
GBytes *
pcall_call_get_output (PcallCall *self)
{
  return pcall_call_dup_output (self);
}

/**
 * pcall_task_get_results:
 * @self: a task
 *
 * The former name of [method@Pcall.Task.dup_results].
 *
 * Returns: (transfer full) (nullable): an `av`, or %NULL
 *
 * Deprecated: 1.0: Use pcall_task_dup_results() instead.
 * Since: 1.0
 */
GVariant *
pcall_task_get_results (PcallTask *self)
{
  return pcall_task_dup_results (self);
}

/**
 * pcall_task_get_call:
 * @self: a task that was started
 * @index: which call, counted from 0
 *
 * The former name of [method@Pcall.Task.dup_call].
 *
 * Returns: (transfer full): the call
 *
 * Deprecated: 1.0: Use pcall_task_dup_call() instead.
 * Since: 1.0
 */
PcallCall *
pcall_task_get_call (PcallTask *self,
                     guint      index)
{
  return pcall_task_dup_call (self, index);
}

/**
 * pcall_task_get_first_failed:
 * @self: a task
 *
 * The former name of [method@Pcall.Task.dup_first_failed].
 *
 * Returns: (transfer full) (nullable): the call, or %NULL
 *
 * Deprecated: 1.0: Use pcall_task_dup_first_failed() instead.
 * Since: 1.0
 */
PcallCall *
pcall_task_get_first_failed (PcallTask *self)
{
  return pcall_task_dup_first_failed (self);
}

/**
 * pcall_task_get_children:
 * @self: a task
 *
 * The former name of [method@Pcall.Task.dup_children].
 *
 * Returns: (transfer container) (element-type PcallChild): the children
 *
 * Deprecated: 1.0: Use pcall_task_dup_children() instead.
 * Since: 1.0
 */
GPtrArray *
pcall_task_get_children (PcallTask *self)
{
  return pcall_task_dup_children (self);
}

/**
 * pcall_task_get_living_children:
 * @self: a task
 *
 * The former name of [method@Pcall.Task.dup_living_children].
 *
 * Returns: (transfer container) (element-type PcallChild): the children
 *
 * Deprecated: 1.0: Use pcall_task_dup_living_children() instead.
 * Since: 1.0
 */
GPtrArray *
pcall_task_get_living_children (PcallTask *self)
{
  return pcall_task_dup_living_children (self);
}

/**
 * pcall_task_get_result_numbers:
 * @self: a task that was started
 * @index: the first call, counted from 0
 * @type: (out): return location for the type of the numbers
 *
 * The former name of [method@Pcall.Task.dup_result_numbers].
 *
 * Returns: (transfer full) (nullable): the numbers, or %NULL
 *
 * Deprecated: 1.0: Use pcall_task_dup_result_numbers() instead.
 * Since: 1.0
 */
GBytes *
pcall_task_get_result_numbers (PcallTask *self,
                               guint      index,
                               guint8    *type)
{
  return pcall_task_dup_result_numbers (self, index, type);
}

/**
 * pcall_task_get_result_pieces:
 * @self: a task that was started
 * @index: the first call, counted from 0
 *
 * The former name of [method@Pcall.Task.dup_result_pieces].
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL
 *
 * Deprecated: 1.0: Use pcall_task_dup_result_pieces() instead.
 * Since: 1.0
 */
GBytes *
pcall_task_get_result_pieces (PcallTask *self,
                              guint      index)
{
  return pcall_task_dup_result_pieces (self, index);
}
