/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-conditions-private.h"
#include "calls/pcall-target-private.h"
#include "parent/pcall-peer-private.h"

G_BEGIN_DECLS

/* A worker that has no call, between two tasks. */
typedef struct
{
  PcallPeer       *peer;
  PcallConditions *conditions; /* that it was started under; not of one that was taken */
  guint            n_ended;    /* calls that it has run */
  gboolean         knows_common; /* it said so */
  gboolean         has_common; /* from the task before */
} PcallWarmWorker;

/* Keeps workers that no task has, and sees to their end. All of it from any thread; in a forked
 * copy of the process that made it, it is empty, and stays so. */
typedef struct _PcallKeeper PcallKeeper;

PcallKeeper *pcall_keeper_new   (void);
/* It goes when the workers have gone that it keeps. It must be closed. */
void         pcall_keeper_unref (PcallKeeper     *self);

/* Seconds that a worker stays, 0 for no limit; for those that come from now on. */
void         pcall_keeper_set_idle_timeout (PcallKeeper *self,
                                            gdouble      idle_timeout);
gdouble      pcall_keeper_get_idle_timeout (PcallKeeper *self);
/* How many are here that can be taken. */
guint        pcall_keeper_get_n_idle       (PcallKeeper *self);

/* Takes a worker that is quiet, and runs what @target does, from its task, unless there are @most
 * already. FALSE where it does not take it, and then all is as before. */
gboolean     pcall_keeper_put   (PcallKeeper     *self,
                                 PcallTarget     *target,
                                 guint            most,
                                 PcallWarmWorker *worker);
/* Gives one away that runs what @target does, under @conditions, and has run fewer than @limit
 * calls, 0 for any: to be moved to another engine, or seen to its end. FALSE if there is none. */
gboolean     pcall_keeper_take  (PcallKeeper           *self,
                                 PcallTarget           *target,
                                 const PcallConditions *conditions,
                                 guint                  limit,
                                 PcallWarmWorker       *worker);
/* Ends those that are here, and takes no more. Does not wait for that. */
void         pcall_keeper_close (PcallKeeper     *self);

G_END_DECLS
