/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-run-private.h"

G_BEGIN_DECLS

/* The children of a task that take calls. Zero-initialise it; it does not own the runs. */
typedef struct
{
  guint  n;    /* all of them */
  GQueue idle; /* PcallRun */
} PcallPool;

/* A child was started. */
void      pcall_pool_add    (PcallPool      *self,
                             PcallRun       *run);
/* A child has ended. */
void      pcall_pool_remove (PcallPool      *self,
                             PcallRun       *run);
/* A child has ended its call, and may take another. */
void      pcall_pool_put    (PcallPool      *self,
                             PcallRun       *run);
/* The child that can take a call of @job; NULL if none waits. */
PcallRun *pcall_pool_find   (PcallPool      *self,
                             const PcallJob *job);
/* Gives the call to @run, which is among those that wait. */
void      pcall_pool_give   (PcallPool      *self,
                             PcallRun       *run,
                             const PcallJob *job);
/* Tells one of those that wait, the one that has waited longest, or all of them, that there are no
 * more calls. */
void      pcall_pool_retire     (PcallPool *self);
void      pcall_pool_retire_all (PcallPool *self);

G_END_DECLS
