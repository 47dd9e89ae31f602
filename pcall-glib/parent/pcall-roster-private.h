/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-runner-private.h"

G_BEGIN_DECLS

/* The children of a task that take calls. Zero-initialise it; it does not own the runs. */
typedef struct
{
  guint  n;    /* all of them */
  GQueue idle; /* PcallRunner */
} PcallRoster;

/* A child was started. */
void      pcall_roster_add    (PcallRoster *self,
                               PcallRunner *runner);
/* A child has ended. */
void      pcall_roster_remove (PcallRoster *self,
                               PcallRunner *runner);
/* A child has ended its call, and may take another. */
void      pcall_roster_put    (PcallRoster *self,
                               PcallRunner *runner);
/* The child that can take a call of @job; NULL if none waits. */
PcallRunner *pcall_roster_find   (PcallRoster    *self,
                                  const PcallJob *job);
/* Gives the call to @run, which is among those that wait. */
void      pcall_roster_give   (PcallRoster    *self,
                               PcallRunner    *runner,
                               const PcallJob *job);
/* There are no more calls for one of those that wait, the one that has waited longest, or for all
 * of them: they go to @pool, or, where that is NULL or does not want them, are told so. */
void      pcall_roster_retire     (PcallRoster *self,
                                   PcallPool   *pool);
void      pcall_roster_retire_all (PcallRoster *self,
                                   PcallPool   *pool);

G_END_DECLS
