/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-call-private.h"

/* Where a call runs: on which machine, in which process, and into which file it writes. */

/* To tell where it is, what has happened is taken in first. */
static PcallMonitorLocker *
enter_updated (PcallCall *self)
{
  return pcall_monitor_locker_new_updated (
      pcall_call_list_get_monitor (pcall_call_get_list (self)));
}

/**
 * pcall_call_get_pid:
 * @self: a call
 *
 * Gets the process in which the call runs or ran, 0 before it has begun.
 *
 * Returns: the process id, or 0
 *
 * Since: 1.0
 */
gint
pcall_call_get_pid (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), 0);

  locker = enter_updated (self);
  return pcall_call_list_get_pid (pcall_call_get_list (self), pcall_call_get_index (self));
}

/**
 * pcall_call_get_host:
 * @self: a call
 *
 * Gets the machine on which the call runs or ran, as that calls itself.
 *
 * Returns: (nullable): the name; %NULL for this machine, and before the call has begun
 *
 * Since: 1.0
 */
const char *
pcall_call_get_host (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return pcall_call_list_get_host (pcall_call_get_list (self), pcall_call_get_index (self));
}

/**
 * pcall_call_get_log_file:
 * @self: a call
 *
 * Gets the file that holds what the child writes during the call, also while it runs. There is none
 * where the child inherited the standard streams, after a call that wrote nothing, and, unless logs
 * are kept, when what it wrote stands in the main log.
 *
 * Returns: (nullable) (type filename): the path
 *
 * Since: 1.0
 */
const char *
pcall_call_get_log_file (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return pcall_call_list_get_log_file (pcall_call_get_list (self), pcall_call_get_index (self));
}
