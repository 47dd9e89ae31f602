/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "wire/pcall-number-private.h"
#include "calls/pcall-arguments-private.h"
#include "calls/pcall-views-private.h"
#include "pcall-call.h"
#include "log/pcall-log-files-private.h"
#include "base/pcall-monitor-private.h"
#include "wire/pcall-outcome-private.h"
#include "wire/pcall-payload-private.h"

G_BEGIN_DECLS

/* All the calls of a task, compactly: what is known of each stands in a record, and a PcallCall
 * is made when somebody asks for one. There is one object for an index until the call has ended,
 * and as long as any reference to it lives. For who has entered the monitor. */
typedef struct _PcallCallList PcallCallList;

/* NULL where there is no memory for so many. @view: what shows its records, as pcall_call_view. */
PcallCallList *pcall_call_list_new   (PcallMonitor         *monitor,
                                      PcallArguments       *arguments,
                                      GPtrArray            *targets,
                                      guint                 n_calls,
                                      const PcallViewClass *view);
/* There is one call more. FALSE if there is no memory for it. */
gboolean       pcall_call_list_add   (PcallCallList  *self);
/* From any thread. */
PcallCallList *pcall_call_list_ref   (PcallCallList  *self);
void           pcall_call_list_unref (PcallCallList  *self);
PcallMonitor  *pcall_call_list_get_monitor (PcallCallList *self);

/* A full reference. */
PcallCall     *pcall_call_list_get_call       (PcallCallList *self,
                                               guint          index);
/* Whether anybody holds a call. */
gboolean       pcall_call_list_has_objects    (PcallCallList *self);
guint          pcall_call_list_get_n_calls    (PcallCallList *self);
guint          pcall_call_list_get_n_finished (PcallCallList *self);
guint          pcall_call_list_get_n_failed   (PcallCallList *self);
/* The sum of what the calls have done, each from 0 to 1. */
gdouble        pcall_call_list_get_done       (PcallCallList *self);
/* av in call order, or NULL while a call has not succeeded. */
GVariant      *pcall_call_list_get_results    (PcallCallList *self);
/* The call whose error stands for all: that of the lowest index, cancelled calls last. FALSE if no
 * call has failed. */
gboolean       pcall_call_list_find_first_failed (PcallCallList *self,
                                                  guint         *index);

PcallCallState pcall_call_list_get_state (PcallCallList *self,
                                          guint          index);
/* "call 3 (connect)" */
char          *pcall_call_list_describe  (PcallCallList *self,
                                          guint          index);

PcallCallList *pcall_call_get_list       (PcallCall     *self);

/* What is heard of a call, before it shows in the record. */

/* It begins; FALSE if that was heard before. */
gboolean pcall_call_list_expect_begin (PcallCallList *self,
                                       guint          index);
/* It has ended; FALSE if that was heard before. */
gboolean pcall_call_list_expect_end   (PcallCallList *self,
                                       guint          index);
/* Whether nothing was heard of it. */
gboolean pcall_call_list_is_untouched (PcallCallList *self,
                                       guint          index);
gboolean pcall_call_list_has_ended    (PcallCallList *self,
                                       guint          index);
/* How many have, by pcall_call_list_expect_end(). */
guint    pcall_call_list_get_n_known_ended (PcallCallList *self);
/* Of @n calls from the first on, how many in a row are so. */
guint    pcall_call_list_count_pending (PcallCallList *self,
                                        guint          first,
                                        guint          n);

/* What shows in the record. */

/* How a call ended. */
typedef struct
{
  PcallCallState state;
  pid_t          pid;  /* 0 if it had not begun */
  gint64         took; /* microseconds; -1 if the record knows since when it runs */
  gboolean       has_log;
} PcallCallEnd;

void     pcall_call_list_begin        (PcallCallList *self,
                                       guint          index,
                                       pid_t          pid,
                                       gint64         began);
/* It runs on another machine; @host stays for ever. */
void     pcall_call_list_set_host     (PcallCallList *self,
                                       guint          index,
                                       const char    *host);
void     pcall_call_list_set_progress (PcallCallList *self,
                                       guint          index,
                                       gdouble        fraction,
                                       const char    *text);
/* The one step into a terminal state. Takes what is in @outcome. */
void     pcall_call_list_finish       (PcallCallList      *self,
                                       guint               index,
                                       const PcallCallEnd *end,
                                       PcallOutcome       *outcome);
/* Calls of which nothing was heard have succeeded, each in @took microseconds and with a number of
 * that @type. */
void     pcall_call_list_book         (PcallCallList *self,
                                       guint          first,
                                       guint          n,
                                       pid_t          pid,
                                       gint64         took,
                                       char           type,
                                       const guint64 *numbers);
/* The same of one call, with another result. Takes @result. */
void     pcall_call_list_book_payload (PcallCallList *self,
                                       guint          index,
                                       pid_t          pid,
                                       gint64         took,
                                       PcallPayload  *result);
/* The descriptors of a result. */
void     pcall_call_list_set_handles  (PcallCallList *self,
                                       guint          index,
                                       GUnixFDList   *handles);
/* What it has written into the journal of its worker. */
void     pcall_call_list_set_journal  (PcallCallList *self,
                                       guint          index,
                                       GBytes        *journal);
/* A call that has begun has a log file in @log, … */
void     pcall_call_list_set_log      (PcallCallList *self,
                                       PcallLogFiles *log);
/* … which is about to go: what the call wrote can be had all the same. */
void     pcall_call_list_keep_output  (PcallCallList *self,
                                       guint          index);
/* … which is gone. Calls user code. */
void     pcall_call_list_drop_log     (PcallCallList *self,
                                       guint          index);

/* Who holds the call is notified of what has changed. These call user code. */
void     pcall_call_list_notify_started    (PcallCallList *self,
                                            guint          index);
void     pcall_call_list_notify_progressed (PcallCallList *self,
                                            guint          index);
void     pcall_call_list_notify_finished   (PcallCallList *self,
                                            guint          index);

/* What is to be said of the call where its log is. */
void     pcall_call_list_set_log_note (PcallCallList *self,
                                       guint          index,
                                       const char    *note);
/* The task is gone: calls that somebody still looks at end as cancelled, if they have not ended.
 * Calls user code. */
void     pcall_call_list_abandon      (PcallCallList *self,
                                       const char    *reason);
/* The same for all calls, where somebody still has the task. */
void     pcall_call_list_abandon_all  (PcallCallList *self,
                                       const char    *reason);

/* What stands in a record. */
const char   *pcall_call_list_get_target_name   (PcallCallList *self,
                                                 guint          index);
GVariant     *pcall_call_list_get_args          (PcallCallList *self,
                                                 guint          index);
GVariant     *pcall_call_list_get_kwargs        (PcallCallList *self,
                                                 guint          index);
/* A full reference. */
GVariant     *pcall_call_list_get_result        (PcallCallList *self,
                                                 guint          index);
/* The results of calls from @index on that are bytes, see pcall_task_dup_result_pieces(). */
GBytes        *pcall_call_list_join_results (PcallCallList *self,
                                             guint          index);
/* How many calls from @index on have results that are numbers of the same @type, and which:
 * @numbers may be NULL. */
guint          pcall_call_list_get_numbers (PcallCallList *self,
                                            guint          index,
                                            char          *type,
                                            guint64       *numbers);
/* As in pcall_payload_peek_bytestring(). */
const guint8 *pcall_call_list_peek_result_data  (PcallCallList *self,
                                                 guint          index,
                                                 gsize         *length);
/* As in pcall_payload_dup_bytestring(). */
GBytes       *pcall_call_list_dup_result_bytes  (PcallCallList *self,
                                                 guint          index);
/* NULL if there is none. */
GBytes       *pcall_call_list_get_journal       (PcallCallList *self,
                                                 guint          index);
/* NULL if there are none. */
GUnixFDList  *pcall_call_list_get_handles       (PcallCallList *self,
                                                 guint          index);
const GError *pcall_call_list_get_error         (PcallCallList *self,
                                                 guint          index);
GVariant     *pcall_call_list_get_error_details (PcallCallList *self,
                                                 guint          index);
pid_t         pcall_call_list_get_pid           (PcallCallList *self,
                                                 guint          index);
/* NULL for this machine. */
const char   *pcall_call_list_get_host          (PcallCallList *self,
                                                 guint          index);
gdouble       pcall_call_list_get_progress      (PcallCallList *self,
                                                 guint          index);
const char   *pcall_call_list_get_progress_text (PcallCallList *self,
                                                 guint          index);
gdouble       pcall_call_list_get_elapsed       (PcallCallList *self,
                                                 guint          index);
gboolean      pcall_call_list_has_log           (PcallCallList *self,
                                                 guint          index);
const char   *pcall_call_list_get_log_file      (PcallCallList *self,
                                                 guint          index);
const char   *pcall_call_list_get_log_note      (PcallCallList *self,
                                                 guint          index);
/* A full reference; NULL where nothing is captured, or the call has not begun. */
GBytes       *pcall_call_list_get_output        (PcallCallList *self,
                                                 guint          index);
/* Of a call that has ended: lets go of its arguments, where these were added, and of its result,
 * which is the byte 0 from here on. */
void          pcall_call_list_drop_data         (PcallCallList *self,
                                                 guint          index);
/* In dispose() of the object, from any thread, which need not have entered. */
void          pcall_call_list_forget_call       (PcallCallList *self,
                                                 guint          index,
                                                 PcallCall     *call);

/* What may change of what a PcallCall shows of its record. */
typedef enum
{
  PCALL_CALL_STARTED,
  PCALL_CALL_PROGRESSED,
  PCALL_CALL_FINISHED,
  PCALL_CALL_LOG_FILE_CHANGED,
} PcallCallChange;

extern const PcallViewClass pcall_call_view;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallCallList, pcall_call_list_unref)

G_END_DECLS
