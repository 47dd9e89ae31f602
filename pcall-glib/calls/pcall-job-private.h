/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-target.h"

G_BEGIN_DECLS

/* A way to make children, which a job only names. */
typedef struct _PcallStartMethods PcallStartMethods;

/* What a child is started for. */
typedef struct
{
  guint                    index;
  guint                    end;     /* of the calls that it is given, from the index on */
  guint                    attempt; /* 0, 1 …: how often a child for this call was started before */
  int                      child;   /* the position of one in whose place this is; -1 for none */
  int                      slot;    /* in the ledger, where it takes more calls; else -1 */
  PcallTarget             *target;
  const PcallStartMethods *methods;
} PcallJob;

G_END_DECLS
