/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-engine-private.h"
#include "log/pcall-log-files-private.h"
#include "wire/pcall-channel-private.h"

G_BEGIN_DECLS

/* What a call writes on this machine, on its way to the parent: one call at a time. */
typedef struct
{
  PcallEngine   *engine;
  PcallLogFiles *files;      /* NULL: there is no room for any */
  PcallChannel  *up;
  guint          index;
  pid_t          pid;
  int            fd;         /* of the call's file; -1: there is none */
  int            out;        /* of that of its standard output; -1: it is not apart */
  char          *path;
  int            notify_fd;  /* -1: nobody tells that it has grown */
  int            notify[2];  /* those of the files; -1: none */
  PcallWatch     watch;
  PcallTimer     pause;      /* after something was sent */
} PcallCallLog;

/* All of these stay. */
void        pcall_call_log_init  (PcallCallLog  *self,
                                  PcallEngine   *engine,
                                  PcallLogFiles *files,
                                  PcallChannel  *up);
/* A call begins in that process: the path of its file, which is empty; NULL where there is none.
 * @split: whether standard output is to have one of its own beside it. */
const char *pcall_call_log_begin (PcallCallLog  *self,
                                  guint          index,
                                  pid_t          pid,
                                  gboolean       split);
/* It has ended: sends the rest, and removes the file. */
void        pcall_call_log_end   (PcallCallLog  *self);
/* The same where nobody wants it. */
void        pcall_call_log_drop  (PcallCallLog  *self);

G_END_DECLS
