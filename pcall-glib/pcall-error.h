/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <glib.h>

#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/**
 * PcallError:
 * @PCALL_ERROR_FAILED: the call failed and gave no other reason
 * @PCALL_ERROR_CRASHED: a signal killed the child during the call
 * @PCALL_ERROR_EXITED: the child ended without handing over a result
 * @PCALL_ERROR_STATUS_LOST: the child ended without a result, and something else
 *   in this process took its exit status
 * @PCALL_ERROR_TIMED_OUT: the call ran longer than `timeout`, or the task longer
 *   than `deadline`
 * @PCALL_ERROR_CANCELLED: the call was terminated or never begun
 * @PCALL_ERROR_PROTOCOL: the child sent something that is no frame of this task
 * @PCALL_ERROR_ARGUMENTS: the task has nothing to call, or its arguments cannot
 *   be made into calls
 * @PCALL_ERROR_START: a child could not be started
 * @PCALL_ERROR_TARGET: a target does not resolve, or cannot be started the way
 *   that was asked for
 * @PCALL_ERROR_FORK_UNSAFE: forking this process is known to hang
 * @PCALL_ERROR_LOST: the connection to the machine that ran the call ended, and
 *   nobody knows what became of it there
 *
 * Errors of pcall itself. A call that fails with a `GError` of its own gives the
 * parent that very domain, code and message instead.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_ERROR_FAILED,
  PCALL_ERROR_CRASHED,
  PCALL_ERROR_EXITED,
  PCALL_ERROR_STATUS_LOST,
  PCALL_ERROR_TIMED_OUT,
  PCALL_ERROR_CANCELLED,
  PCALL_ERROR_PROTOCOL,
  PCALL_ERROR_ARGUMENTS,
  PCALL_ERROR_START,
  PCALL_ERROR_TARGET,
  PCALL_ERROR_FORK_UNSAFE,
  PCALL_ERROR_LOST
} PcallError;

/**
 * PCALL_ERROR:
 *
 * The error domain of pcall, with codes from [error@Pcall.Error].
 *
 * Since: 1.0
 */
#define PCALL_ERROR (pcall_error_quark ())

PCALL_AVAILABLE_IN_1_0
GQuark pcall_error_quark (void);

G_END_DECLS
