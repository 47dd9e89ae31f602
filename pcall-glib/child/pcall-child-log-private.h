/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "child/pcall-child-main-private.h"

G_BEGIN_DECLS

/* The log files of a forked child that runs one call after the other. */
typedef struct
{
  PcallLogFiles   *log; /* NULL: nothing is captured */
  PcallLedger     *ledger;
  int              slot;
  gboolean         keep;
  gboolean         exact;   /* each call has a file of its own, though nothing be in it */
  guint            name;    /* the index in that of the file; PCALL_NO_CALL: there is none */
  int              out;     /* standard output and error as they were */
  int              err;
  int              error_number; /* why there is no file; 0: not known to the parent */
} PcallChildLog;

/* There is a file for the call with @index, unless @error_number says why not. */
void     pcall_child_log_open  (PcallChildLog           *self,
                                const PcallStartContext *context,
                                const PcallJob          *job,
                                int                      error_number);
/* A call begins: where what it writes goes. */
void     pcall_child_log_begin (PcallChildLog           *self,
                                guint                    index);
/* It has ended: whether it has a file now. */
gboolean pcall_child_log_end   (PcallChildLog           *self,
                                guint                    index);
/* There are no more calls. */
void     pcall_child_log_close (PcallChildLog           *self);

G_END_DECLS
