/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <gio/gio.h>
#include <gio/gunixfdlist.h>

#include "wire/pcall-channel-private.h"
#include "wire/pcall-number-private.h"

G_BEGIN_DECLS

/* A call's outcome, as one value: a result, which is a payload with the descriptors that came with
 * it or a number, or an error with its details. Zero is none. */
typedef struct
{
  PcallPayload *result; /* as it is in a v */
  PcallNumber   number; /* the result where it is one */
  GUnixFDList  *handles;
  GError       *error;
  GVariant     *details;
} PcallOutcome;

static inline gboolean
pcall_outcome_is_set (const PcallOutcome *self)
{
  return self->result != NULL || self->number.type != '\0' || self->error != NULL;
}

static inline gboolean
pcall_outcome_is_success (const PcallOutcome *self)
{
  return self->result != NULL || self->number.type != '\0';
}

void         pcall_outcome_clear     (PcallOutcome       *self);
/* Leaves none in its place. */
PcallOutcome pcall_outcome_steal     (PcallOutcome       *self);

/* Sets one that is none: from the payload of a RESULT or an ERROR frame, … */
void         pcall_outcome_set       (PcallOutcome       *self,
                                      PcallFrameType      type,
                                      PcallPayload       *payload);
/* … from such a frame, with its descriptors, … */
void         pcall_outcome_set_frame (PcallOutcome       *self,
                                      const PcallFrame   *frame);
/* … and an error. Takes @error. */
void         pcall_outcome_set_error (PcallOutcome       *self,
                                      GError             *error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (PcallOutcome, pcall_outcome_clear)

G_END_DECLS
