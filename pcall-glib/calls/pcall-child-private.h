/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "pcall-child.h"
#include "calls/pcall-call-private.h"
#include "base/pcall-process-private.h"

G_BEGIN_DECLS

/* All the children of a task, compactly: what is known of each stands in a record, and a PcallChild
 * is made when somebody asks for one. For who has entered the monitor, which is that of the
 * calls. */
typedef struct _PcallChildList PcallChildList;

/* @view: what shows its records, as pcall_child_view. */
PcallChildList *pcall_child_list_new   (PcallCallList        *calls,
                                        const PcallViewClass *view);
/* From any thread. */
PcallChildList *pcall_child_list_ref   (PcallChildList  *self);
void            pcall_child_list_unref (PcallChildList  *self);
PcallMonitor   *pcall_child_list_get_monitor (PcallChildList *self);

/* Adds a child that runs, for the call with @index first; returns its position. */
guint       pcall_child_list_add          (PcallChildList  *self,
                                           pid_t            pid,
                                           guint            index);
/* It runs on another machine; @host stays for ever. */
void        pcall_child_list_set_host     (PcallChildList  *self,
                                           guint            position,
                                           const char      *host);
/* It has another call. */
void        pcall_child_list_set_call     (PcallChildList  *self,
                                           guint            position,
                                           guint            index);
/* Another process has taken the place of one that ended before anything ran in it. */
void        pcall_child_list_replace      (PcallChildList  *self,
                                           guint            position,
                                           pid_t            pid);
/* The child has ended. */
void        pcall_child_list_set_exit     (PcallChildList  *self,
                                           guint            position,
                                           const PcallExit *exit);
/* The task is gone: nothing more will be known of children that run. Calls user code. */
void        pcall_child_list_abandon      (PcallChildList  *self);
/* Who holds the child is notified: that it is another, that it has ended, and that there is no log
 * file of the call with @index any more. These call user code. */
void        pcall_child_list_notify_replaced (PcallChildList *self,
                                              guint           position);
void        pcall_child_list_notify_exited   (PcallChildList *self,
                                              guint           position);
void        pcall_child_list_notify_log      (PcallChildList *self,
                                              guint           index);
/* Whether anybody holds a child. */
gboolean    pcall_child_list_has_objects  (PcallChildList  *self);
guint       pcall_child_list_get_n        (PcallChildList  *self);
/* A full reference. */
PcallChild *pcall_child_list_get_child    (PcallChildList  *self,
                                           guint            position);

/* What stands in a record. */
typedef struct
{
  pid_t    pid;         /* 0: it is not known yet */
  const char *host;     /* NULL: this machine */
  guint    index; /* of the call that it has, or had last */
  gboolean running;
  int      exit_status; /* -1 if there is none */
  int      term_signal;
  gboolean core_dumped;
  gdouble  user_time;   /* seconds */
  gdouble  system_time;
  guint64  max_rss;     /* bytes */
} PcallChildRecord;

const PcallChildRecord *pcall_child_list_get_record   (PcallChildList *self,
                                                       guint           position);
/* That of its call; NULL if there is none. */
const char             *pcall_child_list_get_log_file (PcallChildList *self,
                                                       guint           position);
/* In dispose() of the object, from any thread, which need not have entered. */
void                    pcall_child_list_forget_child (PcallChildList *self,
                                                       guint           position,
                                                       PcallChild     *child);

PcallChildList *pcall_child_get_list     (PcallChild *self);
guint           pcall_child_get_position (PcallChild *self);

/* What may change of what a PcallChild shows of its record. */
typedef enum
{
  PCALL_CHILD_REPLACED,
  PCALL_CHILD_EXITED,
  PCALL_CHILD_LOG_FILE_CHANGED,
} PcallChildChange;

extern const PcallViewClass pcall_child_view;

G_END_DECLS
