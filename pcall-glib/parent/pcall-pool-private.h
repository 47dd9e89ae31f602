/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-peer-private.h"
#include "pcall-pool.h"

G_BEGIN_DECLS

/* A worker that has no call, between two tasks. */
typedef struct
{
  PcallPeer *peer;
  guint      n_ended; /* calls that it has run */
} PcallWarmWorker;

/* Takes a worker that is quiet, and runs what @target does, from its task; FALSE if the pool wants
 * it not, and then all is as before. From any thread. */
gboolean pcall_pool_put  (PcallPool       *self,
                          PcallTarget     *target,
                          PcallWarmWorker *worker);
/* Gives one away that runs what @target does, and has run fewer than @limit calls, 0 for any: to be
 * moved to another engine, or seen to its end. FALSE if there is none. From any thread. */
gboolean pcall_pool_take (PcallPool       *self,
                          PcallTarget     *target,
                          guint            limit,
                          PcallWarmWorker *worker);

G_END_DECLS
