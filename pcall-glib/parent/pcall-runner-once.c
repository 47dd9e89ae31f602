/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-runner-parts-private.h"

/* A child that is made for one call, and ends with it.
 *
 * HELD → STARTING → BUSY → OVER → ENDED. It is BUSY when the child has said that it is ready; at
 * once, where it need not say so. */

static void
release (PcallRunner *self)
{
  pcall_start_go (&self->started);
  if (!self->started.says_ready)
    pcall_runner_begin_call (self, g_get_monotonic_time ());
}

static void
take_ready (PcallRunner *self)
{
  if (!self->started.says_ready || self->begun || pcall_outcome_is_set (&self->outcome) ||
      self->verdict != PCALL_CALL_STATE_PENDING)
    return;

  pcall_runner_learn_ready (self);
  pcall_runner_begin_call (self, g_get_monotonic_time ());
}

static void
take_frame (PcallRunner      *self,
            const PcallFrame *frame)
{
  switch (frame->type)
    {
    case PCALL_FRAME_READY:
      take_ready (self);
      break;
    case PCALL_FRAME_RESULT:
    case PCALL_FRAME_ERROR:
      pcall_runner_take_outcome (self, frame);
      break;
    case PCALL_FRAME_FINAL:
      pcall_runner_take_final (self);
      break;
    case PCALL_FRAME_NOTE:
    case PCALL_FRAME_PROGRESS:
    case PCALL_FRAME_MESSAGE:
      pcall_runner_take_report (self, frame);
      break;
    case PCALL_FRAME_AGAIN:
    case PCALL_FRAME_HELLO:
    case PCALL_FRAME_CALL:
    case PCALL_FRAME_STOP:
    case PCALL_FRAME_WAKE:
    case PCALL_FRAME_CHALLENGE:
    case PCALL_FRAME_PROOF:
    case PCALL_FRAME_LAUNCH:
    case PCALL_FRAME_TERMINATE:
    case PCALL_FRAME_BEGUN:
    case PCALL_FRAME_LOG:
    case PCALL_FRAME_OUT:
    case PCALL_FRAME_JOURNAL:
    case PCALL_FRAME_CLOSED:
    case PCALL_FRAME_UNABLE:
    case PCALL_FRAME_EXIT:
    case PCALL_FRAME_PING:
    case PCALL_FRAME_PONG:
    case PCALL_FRAME_LEAVING:
    case PCALL_FRAME_WITHDRAW:
    case PCALL_FRAME_RETURNED:
    case PCALL_FRAME_COMMON:
    default:
      g_assert_not_reached ();
    }
}

static void
drain (PcallRunner *self)
{
  pcall_peer_drain (self->peer);
}

#define OF_A_CALL                                                                                  \
  (1u << PCALL_FRAME_READY | 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |                  \
   1u << PCALL_FRAME_FINAL | 1u << PCALL_FRAME_NOTE | 1u << PCALL_FRAME_PROGRESS |                 \
   1u << PCALL_FRAME_MESSAGE)

const PcallRunnerClass pcall_runner_once = {
  .size = sizeof (PcallRunner),
  .frames = OF_A_CALL | 1u << PCALL_FRAME_AGAIN,
  .of_a_call = OF_A_CALL,
  .release = release,
  .frame = take_frame,
  .drain = drain,
  .settle_log = pcall_runner_settle_own_log,
};
