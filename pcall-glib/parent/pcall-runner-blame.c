/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-runner-parts-private.h"

#include <sys/wait.h>

#include "pcall-error.h"

/* Why a call has no outcome of its own, as an error: the first of why it was stopped from here,
 * what became of its connection, how its child broke the protocol, and how that died. */

/* What has become of a worker that went into a pool is not known here. */
const PcallExit *
pcall_runner_get_exit (PcallRunner *self)
{
  static const PcallExit unknown = { .known = FALSE };

  return self->peer != NULL ? pcall_peer_get_exit (self->peer) : &unknown;
}

/* What happened, where the call did not say so itself, and as what it counts. */
static char *
describe_end (PcallRunner    *self,
              PcallCallState *state,
              PcallError     *code)
{
  const PcallExit *exit = pcall_runner_get_exit (self);
  const GError *rejected = pcall_peer_get_error (self->peer);
  g_autofree char *end = pcall_exit_describe (exit);
  char *false_start = NULL;

  *state = PCALL_CALL_STATE_FAILED;
  if (self->verdict != PCALL_CALL_STATE_PENDING)
    {
      *state = self->verdict;
      *code = *state == PCALL_CALL_STATE_TIMED_OUT ? PCALL_ERROR_TIMED_OUT : PCALL_ERROR_CANCELLED;
      return g_strdup (self->verdict_reason);
    }
  if (pcall_peer_get_loss (self->peer) != NULL)
    {
      *code = PCALL_ERROR_LOST;
      return g_strdup_printf ("the connection was lost: %s", pcall_peer_get_loss (self->peer));
    }
  if (self->klass->describe_false_start != NULL &&
      (false_start = self->klass->describe_false_start (self, end)) != NULL)
    {
      *code = PCALL_ERROR_START;
      return false_start;
    }
  if (rejected != NULL)
    {
      *code = PCALL_ERROR_PROTOCOL;
      return g_strdup (rejected->message);
    }
  if (!exit->known)
    {
      *code = PCALL_ERROR_STATUS_LOST;
      return g_steal_pointer (&end);
    }
  if (WIFSIGNALED (exit->status))
    {
      *state = PCALL_CALL_STATE_CRASHED;
      *code = PCALL_ERROR_CRASHED;
      return g_steal_pointer (&end);
    }
  *code = PCALL_ERROR_EXITED;
  return g_strdup_printf ("%s without handing over a result", end);
}

/* "call 3 (connect)", and where that is not here. */
static char *
describe_call (PcallRunner *self)
{
  const char *host = pcall_peer_get_host (self->peer);
  char *call = pcall_call_list_describe (self->setup->calls, self->job.index);
  G_GNUC_UNUSED g_autofree char *here = host != NULL ? call : NULL;

  return host != NULL ? g_strdup_printf ("%s on %s", call, host) : call;
}

PcallCallState
pcall_runner_blame (PcallRunner *self,
                    gboolean     has_log)
{
  PcallLogFiles *log = self->setup->context->log;
  PcallCallState state;
  PcallError code = PCALL_ERROR_FAILED;
  g_autofree char *cause = describe_end (self, &state, &code);
  g_autofree char *call = describe_call (self);
  g_autofree char *tail =
      has_log ? pcall_log_files_get_tail (log, self->job.index, self->pid) : NULL;

  pcall_outcome_set_error (&self->outcome,
                           tail == NULL
                               ? g_error_new (PCALL_ERROR, code, "%s: %s", call, cause)
                               : g_error_new (PCALL_ERROR, code, "%s: %s" PCALL_LAST_OUTPUT "%s",
                                              call, cause, tail));
  return state;
}
