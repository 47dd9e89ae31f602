/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>

#include <pcall-glib/pcall-call.h>
#include <pcall-glib/pcall-child.h>
#include <pcall-glib/pcall-enums.h>
#include <pcall-glib/pcall-target.h>
#include <pcall-glib/pcall-task.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/* What bindings of a language use, and other programs have no need of. */

/**
 * PcallBytesFunc:
 * @index: which call of its task this is, counted from 0
 * @value: (out) (optional) (nullable) (transfer full): return location for a result that is not
 *   bytes, %NULL before
 * @user_data: what was given with the function
 * @error: return location for an error
 *
 * A function that pcall calls in a child process, as [callback@Pcall.Func] is, but one that finds
 * its arguments by itself and whose result is, as a rule, bytes.
 *
 * Returns: (transfer full) (nullable): the result; %NULL without @value or @error set is a failure
 *   of the call, unless its result is in [func@Pcall.set_result_memory]
 *
 * Since: 1.0
 */
typedef GBytes *(*PcallBytesFunc) (guint      index,
                                   GVariant **value,
                                   gpointer   user_data,
                                   GError   **error);

/**
 * PcallBatchFunc:
 * @first: the index of the first call
 * @n_calls: how many follow one another, at least 1
 * @bytes: (out) (optional) (nullable) (transfer full): return location for the result of the call
 *   behind those that are counted, where that is bytes
 * @value: (out) (optional) (nullable) (transfer full): return location for that result where it is
 *   not bytes
 * @user_data: what was given with the function
 * @error: return location for the error of that call
 *
 * A function that pcall calls in a child process to run several calls, one after the other. The
 * result of each goes into the memory that [func@Pcall.get_batch_memory] tells of.
 *
 * It may come back at any time, with fewer calls than it was given: those that it has not begun
 * are run later. It should when it has taken longer than two milliseconds, and has to where a
 * result is not of the type that those before it have.
 *
 * Returns: how many calls have ended with their results in that memory; it is of no meaning with
 *   @error set, which is that of the call that the memory says it is in. 0 without a result or
 *   @error set is a failure of the first call, unless its result is in
 *   [func@Pcall.set_result_memory]
 *
 * Since: 1.0
 */
typedef guint (*PcallBatchFunc) (guint      first,
                                 guint      n_calls,
                                 GBytes   **bytes,
                                 GVariant **value,
                                 gpointer   user_data,
                                 GError   **error);

/**
 * PcallForkFunc:
 * @user_data: what was given with the function
 *
 * A function that forks this process, as `fork()` does, with what a language's
 * runtime needs done before and after.
 *
 * It is called with all signals blocked (but for `SIGCHLD` where that has no handler), and with a
 * main context for the child pushed as the thread's default.
 *
 * Returns: as `fork()`: 0 in the child, the child's pid in the parent, and -1
 *   with `errno` set when that failed. 0 in the process that called it is taken for a
 *   failure, too: what threw may have come back so
 *
 * Since: 1.0
 */
typedef gint (*PcallForkFunc) (gpointer user_data);

/**
 * PcallForkHooks: (skip)
 * @enter: (nullable): called first, to be let into the runtime
 * @before: (nullable): called before the fork
 * @after_in_parent: (nullable): called after it in the parent, also when it failed
 * @after_in_child: (nullable): called after it in the child
 * @leave: (nullable): called last, in both, with what @enter gave
 *
 * What a language's runtime needs done around a fork.
 *
 * Since: 1.0
 */
typedef struct
{
  gint (*enter) (void);
  void (*before) (void);
  void (*after_in_parent) (void);
  void (*after_in_child) (void);
  void (*leave) (gint state);
} PcallForkHooks;

/**
 * PcallRecordFunc:
 * @index: which call of its task has logged, counted from 0
 * @log_level: the level
 * @message: what it says, in valid UTF-8
 * @data: (nullable): what the call has given to [func@Pcall.log_record] with it; %NULL for what
 *   pcall says about the log of the call
 * @user_data: what was given with the function
 *
 * A function that logs what a call has logged, in the log of its language.
 *
 * Since: 1.0
 */
typedef void (*PcallRecordFunc) (guint          index,
                                 GLogLevelFlags log_level,
                                 const char    *message,
                                 GBytes        *data,
                                 gpointer       user_data);

/* What to call */
PCALL_AVAILABLE_IN_1_0
PcallTarget  *pcall_target_new_for_bytes    (const char           *name,
                                             PcallBytesFunc        func,
                                             gpointer              user_data,
                                             GDestroyNotify        destroy)
                                             G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
void          pcall_target_set_batch_func   (PcallTarget          *self,
                                             PcallBatchFunc        func,
                                             gpointer              user_data,
                                             GDestroyNotify        destroy);
PCALL_AVAILABLE_IN_1_0
PcallTarget  *pcall_target_new_worker_with_label
                                            (const char * const   *worker_argv,
                                             const char           *name,
                                             const char           *label)
                                             G_GNUC_WARN_UNUSED_RESULT;

/* How to start it */
PCALL_AVAILABLE_IN_1_0
gboolean      pcall_task_start_with_flags   (PcallTask            *self,
                                             PcallStartFlags       flags,
                                             GError              **error);
PCALL_AVAILABLE_IN_1_0
void          pcall_set_fork_func           (PcallForkFunc         func,
                                             gpointer              user_data,
                                             GDestroyNotify        destroy);
PCALL_AVAILABLE_IN_1_0
void          pcall_set_fork_hooks          (const PcallForkHooks *hooks);

/* Calls that come while it runs */
PCALL_AVAILABLE_IN_1_0
gboolean      pcall_task_feed               (PcallTask            *self,
                                             GVariant             *args,
                                             GError              **error);
PCALL_AVAILABLE_IN_1_0
void          pcall_task_end_feed           (PcallTask            *self);
PCALL_AVAILABLE_IN_1_0
void          pcall_task_forget_call        (PcallTask            *self,
                                             guint                 index);

/* Waiting for its end */
PCALL_AVAILABLE_IN_1_0
gboolean      pcall_task_try_join           (PcallTask            *self);

/* In a child */
PCALL_AVAILABLE_IN_1_0
guint64       pcall_get_batch_memory        (guint                *n_calls,
                                             guint                *n_bytes);
PCALL_AVAILABLE_IN_1_0
gboolean      pcall_set_result_memory       (gint                  fd,
                                             GError              **error);

PCALL_AVAILABLE_IN_1_0
gboolean      pcall_log_record              (GLogLevelFlags        log_level,
                                             const char           *message,
                                             GBytes               *data);

/* What it has logged */
PCALL_AVAILABLE_IN_1_0
void          pcall_set_record_func         (PcallRecordFunc       func,
                                             gpointer              user_data,
                                             GDestroyNotify        destroy);

/* How far it is */
PCALL_AVAILABLE_IN_1_0
char         *pcall_format_progress         (guint64               n_finished,
                                             guint64               n_calls)
                                             G_GNUC_WARN_UNUSED_RESULT;

/* What came of it */
PCALL_AVAILABLE_IN_1_0
GBytes       *pcall_task_dup_result_numbers (PcallTask            *self,
                                             guint                 index,
                                             guint8               *type) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
GBytes       *pcall_task_dup_result_pieces  (PcallTask            *self,
                                             guint                 index) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
const guint8 *pcall_task_get_result_data    (PcallTask            *self,
                                             guint                 index,
                                             gsize                *length);
PCALL_AVAILABLE_IN_1_0
PcallTask    *pcall_call_dup_task           (PcallCall            *self) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallTask    *pcall_child_dup_task          (PcallChild           *self) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
GBytes       *pcall_call_dup_journal        (PcallCall            *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
