/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "log/pcall-log-record-private.h"
#include "pcall-log.h"

G_BEGIN_DECLS

/* By what way the records of GLib's log get into a child's file. Which it is depends on what the
 * application has set for itself; GLib does not tell, so children find out, and their parent
 * remembers. It is only ever learnt that a later one is right. */
typedef enum
{
  PCALL_LOG_ROUTE_UNKNOWN, /* the child says whether it is the next */
  PCALL_LOG_ROUTE_WRITER,  /* the application has no writer function: the child sets one */
  PCALL_LOG_ROUTE_HANDLER, /* nor a default handler: the child sets one, for unstructured records */
  PCALL_LOG_ROUTE_NONE,    /* it has both: they write what they write */
} PcallLogRoute;

/* In the parent; from any thread. */
PcallLogRoute pcall_log_route_get   (void);
void          pcall_log_route_learn (PcallLogRoute route);

/* In a child: records go to @fd from here on, which stays open. -1: nowhere. @out: the file that
 * standard output goes to; -1 if that is the same. Async-signal-safe. */
void pcall_log_writer_begin (int                fd,
                             int                out,
                             const PcallLogKey *key);

/* In a worker, whose call has ended: records go nowhere again. */
void pcall_log_writer_end (void);

/* In a worker: sets what there is to set beside what the program has set for itself. */
void pcall_log_writer_install_in_worker (void);

/* In the parent, as long as it may fork: in a child GLib's complaint about a second writer function
 * ends in pcall_log_writer_install(). In the parent itself such an error of GLib's, which ends the
 * process, is left to GLib's default handler. */
gboolean pcall_log_route_set_trap   (void);
void     pcall_log_route_unset_trap (gboolean was_set);

/* In a child, with the trap set: sets what there is to set. Where the parent was wrong about that,
 * @wrong is called with what is right, and must not return. */
void pcall_log_writer_install (PcallLogRoute                route,
                               void (*wrong) (PcallLogRoute route));

/* What a record of a call has gained, in the main log. */
#define PCALL_LOG_FIELD_CALL "PCALL_CALL"
#define PCALL_LOG_FIELD_PID "PCALL_PID"
#define PCALL_LOG_FIELD_TARGET "PCALL_TARGET"
#define PCALL_LOG_FIELD_HOST "PCALL_HOST"
#define PCALL_LOG_FIELD_OLD_API "GLIB_OLD_LOG_API"

/* In a log file alone: what a language's own log has given to pcall_log_record(). */
#define PCALL_LOG_FIELD_RECORD "PCALL_RECORD"

/* Whether it is one of the first four. A record that brings one by itself is not believed. */
gboolean pcall_log_is_own_field   (const char      *key);
/* From here on, in this thread: what is logged has those fields from pcall. */
void     pcall_log_writer_pass_on (gboolean         passes);
/* Whether GLib takes the record for one of its old interface, and so for settled. */
gboolean pcall_log_is_old_api     (const GLogField *fields);

/* In a child: whether there is a log file, and nothing in it, nor in that of standard output. */
gboolean pcall_log_writer_is_unused (void);

/* In a child: how many records were lost, and why; 0 if none. */
guint64     pcall_log_writer_get_lost    (const char **reason);
/* Why a write to the log file may just have failed. */
const char *pcall_log_writer_find_reason (void);

G_END_DECLS
