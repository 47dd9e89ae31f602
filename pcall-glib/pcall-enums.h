/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <glib.h>

G_BEGIN_DECLS

/**
 * PcallCallState:
 * @PCALL_CALL_STATE_PENDING: the call waits for its turn
 * @PCALL_CALL_STATE_RUNNING: a child runs the call
 * @PCALL_CALL_STATE_SUCCEEDED: the call returned a value
 * @PCALL_CALL_STATE_FAILED: the call returned an error, ended without a result,
 *   could not be started, or its child broke the protocol
 * @PCALL_CALL_STATE_CRASHED: a signal killed the child during the call
 * @PCALL_CALL_STATE_TIMED_OUT: the call was ended because its `timeout`, or the
 *   `deadline` of the task, had passed
 * @PCALL_CALL_STATE_CANCELLED: the call was ended, or never begun, because the
 *   task was terminated or cancelled, or because another call failed under
 *   %PCALL_FAILURE_POLICY_STOP
 *
 * Where a call stands. The first two are passing; of the others every call
 * reaches exactly one, once.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_CALL_STATE_PENDING,
  PCALL_CALL_STATE_RUNNING,
  PCALL_CALL_STATE_SUCCEEDED,
  PCALL_CALL_STATE_FAILED,
  PCALL_CALL_STATE_CRASHED,
  PCALL_CALL_STATE_TIMED_OUT,
  PCALL_CALL_STATE_CANCELLED
} PcallCallState;

/**
 * PcallStartMethod:
 * @PCALL_START_METHOD_AUTOMATIC: what suits each target: fork for a callback,
 *   spawn for one that has a name
 * @PCALL_START_METHOD_FORK: a child is a copy of this process, for one call;
 *   what a worker program resolves cannot be forked, and starting then fails
 *   with %PCALL_ERROR_TARGET
 * @PCALL_START_METHOD_SPAWN: a child is a fresh worker program, for one call
 *   after the other; a callback cannot be spawned, and starting then fails with
 *   %PCALL_ERROR_TARGET
 *
 * How a child comes to be.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_START_METHOD_AUTOMATIC,
  PCALL_START_METHOD_FORK,
  PCALL_START_METHOD_SPAWN
} PcallStartMethod;

/**
 * PcallFailurePolicy:
 * @PCALL_FAILURE_POLICY_CONTINUE: the other calls go on
 * @PCALL_FAILURE_POLICY_STOP: calls that run are terminated and those that wait
 *   are never begun; all of them end as %PCALL_CALL_STATE_CANCELLED
 *
 * What becomes of the other calls of a task when one did not succeed.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_FAILURE_POLICY_CONTINUE,
  PCALL_FAILURE_POLICY_STOP
} PcallFailurePolicy;

/**
 * PcallLogMode:
 * @PCALL_LOG_MODE_SECTIONS: standard output and error of each child, and its
 *   records of GLib's log, go to a file of its own; when all calls have ended, the
 *   files are joined into the log of this process, through GLib's structured
 *   logging, a section for each call in call order
 * @PCALL_LOG_MODE_LIVE: the same, but lines and records are logged as they come,
 *   each whole, without sections
 * @PCALL_LOG_MODE_INHERIT: nothing is captured; children write where this
 *   process writes
 *
 * What becomes of that which children write.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_LOG_MODE_SECTIONS,
  PCALL_LOG_MODE_LIVE,
  PCALL_LOG_MODE_INHERIT
} PcallLogMode;

/**
 * PcallLauncherTransport:
 * @PCALL_LAUNCHER_CONNECT: the agent connects to this machine, over TCP: one command
 *   can start many, and whatever stands between cannot hold the frames up
 * @PCALL_LAUNCHER_STREAMS: the agent speaks on its standard input and output: one
 *   command starts one, and it needs no way back
 *
 * How an agent on another machine and this process speak to each other.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_LAUNCHER_CONNECT,
  PCALL_LAUNCHER_STREAMS
} PcallLauncherTransport;

/**
 * PcallOutputMode:
 * @PCALL_OUTPUT_MODE_LOG: each line is a message in the log of this process
 * @PCALL_OUTPUT_MODE_STREAMS: it goes to the standard output and error of this process, each to its
 *   own, as the bytes that it is
 *
 * What becomes of that which children print, where it is captured. Records that they log are
 * records in the log of this process in any case. See [What calls print and log](output.html).
 *
 * With %PCALL_OUTPUT_MODE_STREAMS, output of a call comes whole, and in call order; with
 * %PCALL_LOG_MODE_LIVE as it comes. Where this process's standard output and error are not the
 * same when the task starts, standard output has a file of its own beside
 * [property@Pcall.Call:log-file], whose name ends with `.out`.
 *
 * Since: 1.0
 */
typedef enum
{
  PCALL_OUTPUT_MODE_LOG,
  PCALL_OUTPUT_MODE_STREAMS
} PcallOutputMode;

/**
 * PcallStartFlags:
 * @PCALL_START_FLAGS_NONE: nothing is known
 * @PCALL_START_FLAGS_IN_LOOP: this thread runs a loop, which is not to be kept from all else, or a
 *   join follows: children are made for a few milliseconds, and the others follow
 * @PCALL_START_FLAGS_UNATTACHED: the task is not attached to the thread-default main context; the
 *   caller drives it to its end
 *
 * How a task is started, for those who know more about this thread than GLib does.
 *
 * Since: 1.0
 */
typedef enum /*< flags >*/
{
  PCALL_START_FLAGS_NONE = 0,
  PCALL_START_FLAGS_IN_LOOP = 1 << 0,
  PCALL_START_FLAGS_UNATTACHED = 1 << 1
} PcallStartFlags;

G_END_DECLS
