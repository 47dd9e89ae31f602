/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-outcome-private.h"

#include "base/pcall-error-private.h"

/* A call's outcome travels as one value: from the frame or the completion that told it, through
 * the queue of events, into the call's record. */

void
pcall_outcome_clear (PcallOutcome *self)
{
  g_clear_pointer (&self->result, pcall_payload_unref);
  self->number = (PcallNumber) { 0 };
  g_clear_object (&self->handles);
  g_clear_error (&self->error);
  g_clear_pointer (&self->details, g_variant_unref);
}

PcallOutcome
pcall_outcome_steal (PcallOutcome *self)
{
  PcallOutcome outcome = *self;

  *self = (PcallOutcome) { 0 };
  return outcome;
}

void
pcall_outcome_set (PcallOutcome   *self,
                   PcallFrameType  type,
                   PcallPayload   *payload)
{
  g_autoptr (GVariant) value = NULL;

  g_assert (!pcall_outcome_is_set (self));

  if (type == PCALL_FRAME_RESULT)
    {
      self->result = pcall_payload_ref (payload);
      return;
    }

  value = pcall_payload_get_value (payload, PCALL_ERROR_VARIANT_TYPE);
  self->error = pcall_error_from_variant (value, &self->details);
}

void
pcall_outcome_set_frame (PcallOutcome     *self,
                         const PcallFrame *frame)
{
  pcall_outcome_set (self, frame->type, frame->payload);
  if (self->result != NULL)
    g_set_object (&self->handles, frame->handles);
}

void
pcall_outcome_set_error (PcallOutcome *self,
                         GError       *error)
{
  g_assert (!pcall_outcome_is_set (self));

  self->error = error;
}
