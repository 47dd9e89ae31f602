/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-target.h"

G_BEGIN_DECLS

/* In a child: calls the function. */
GVariant *pcall_target_invoke (PcallTarget *self,
                               GVariant    *args,
                               GVariant    *kwargs,
                               GError     **error);

G_END_DECLS
