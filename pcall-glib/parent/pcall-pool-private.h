/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-keeper-private.h"
#include "pcall-pool.h"

G_BEGIN_DECLS

/* As pcall_keeper_put() and pcall_keeper_take(). */
gboolean pcall_pool_put  (PcallPool       *self,
                          PcallTarget     *target,
                          PcallWarmWorker *worker);
gboolean pcall_pool_take (PcallPool             *self,
                          PcallTarget           *target,
                          const PcallConditions *conditions,
                          guint                  limit,
                          PcallWarmWorker       *worker);

G_END_DECLS
