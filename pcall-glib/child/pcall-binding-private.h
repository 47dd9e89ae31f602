/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-result-block-private.h"

G_BEGIN_DECLS

/* In a child: where batches put what came of their calls. */
void pcall_bytes_set_batch (PcallOpenBlock             *batch,
                            const PcallBlockLimits *limits);

GError *pcall_bytes_new_lost_error (guint index);

G_END_DECLS
