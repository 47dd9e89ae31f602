/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whose turn it is: the calls of a task that wait. */
typedef struct
{
  guint  n_calls;
  guint  next;
  GQueue retries; /* PcallTurn */
} PcallTurns;

typedef struct
{
  guint index;
  guint attempt; /* 0, 1 …: how often its turn came before */
  int   child;   /* as in PcallJob */
} PcallTurn;

void      pcall_turns_init     (PcallTurns *self,
                                guint       n_calls);
/* No call waits any more. */
void      pcall_turns_clear    (PcallTurns *self);
gboolean  pcall_turns_are_left (PcallTurns *self);
/* The next one; there must be one. */
PcallTurn pcall_turns_peek     (PcallTurns *self);
PcallTurn pcall_turns_take     (PcallTurns *self);
/* It is this one's turn again, before all others. */
void      pcall_turns_put_back (PcallTurns *self,
                                PcallTurn   turn);

G_END_DECLS
