/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-target.h"

G_BEGIN_DECLS

/* What a target is. */
typedef enum
{
  PCALL_TARGET_CALLBACK,
  PCALL_TARGET_SYMBOL,
  PCALL_TARGET_WORKER,
} PcallTargetKind;

PcallTargetKind pcall_target_get_kind (PcallTarget *self);

/* By what name a worker is to run it; NULL for a callback. */
const char *pcall_target_get_wire_name (PcallTarget *self);

/* In a child: calls the function. */
GVariant *pcall_target_invoke (PcallTarget *self,
                               GVariant    *args,
                               GVariant    *kwargs,
                               GError     **error);

/* Whether it can run several calls at once. */
gboolean  pcall_target_has_batches  (PcallTarget *self);
/* In a child: does that. How many have ended with what they put into the batch. */
guint     pcall_target_invoke_batch (PcallTarget *self,
                                     guint        first,
                                     guint        n_calls,
                                     GVariant   **value,
                                     GError     **error);

/* Finds what a wire name of a symbol stands for: "MODULE:SYMBOL". PCALL_ERROR_TARGET says what is
 * missing, and where it was looked for. */
PcallFunc pcall_symbol_resolve (const char *wire_name,
                                GError    **error);

G_END_DECLS
