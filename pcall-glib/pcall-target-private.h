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

/* Finds what a wire name of a symbol stands for: "MODULE:SYMBOL". PCALL_ERROR_TARGET says what is
 * missing, and where it was looked for. */
PcallFunc pcall_symbol_resolve (const char *wire_name,
                                GError    **error);

G_END_DECLS
