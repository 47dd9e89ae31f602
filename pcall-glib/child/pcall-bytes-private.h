/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "share/pcall-result-block-private.h"

G_BEGIN_DECLS

/* In a child: where batches put what came of their calls. */
void pcall_bytes_set_batch (PcallOpenBlock         *batch,
                            const PcallBlockLimits *limits);

/* Sets the error of a call whose function gave nothing at all. */
void pcall_bytes_set_error (GError                **error);

G_END_DECLS
