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
#include <pcall-glib/pcall-launcher.h>
#include <pcall-glib/pcall-pool.h>
#include <pcall-glib/pcall-target.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

/**
 * PCALL_PRIORITY_DEFAULT:
 *
 * The default of [property@Pcall.Task:priority]: less urgent than input, and than GTK's redraw,
 * which is at `G_PRIORITY_HIGH_IDLE + 20`, and more urgent than %G_PRIORITY_DEFAULT_IDLE. So a
 * window stays alive while children start and end.
 *
 * Since: 1.0
 */
#define PCALL_PRIORITY_DEFAULT 130

#define PCALL_TYPE_TASK (pcall_task_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallTask, pcall_task, PCALL, TASK, GObject)

/* What to call */
PCALL_AVAILABLE_IN_1_0
PcallTask *pcall_task_new                 (PcallTarget    *target) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallTask *pcall_task_new_for_func        (PcallFunc       func,
                                           gpointer        user_data,
                                           GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallTask *pcall_task_new_for_named_func  (const char     *name,
                                           PcallFunc       func,
                                           gpointer        user_data,
                                           GDestroyNotify  destroy) G_GNUC_WARN_UNUSED_RESULT;

/* In C the target is called as its function is. Not in C++, where the function may be a lambda.
 * The data may be a literal, with commas in it. */
#ifndef __cplusplus
#ifndef __GI_SCANNER__
#define pcall_task_new_for_func(func, ...) \
  (pcall_task_new_for_named_func (#func, (func), __VA_ARGS__))
#endif
#endif

PCALL_AVAILABLE_IN_1_0
void       pcall_task_add_target          (PcallTask      *self,
                                           PcallTarget    *target);
PCALL_AVAILABLE_IN_1_0
void       pcall_task_set_common_args     (PcallTask      *self,
                                           GVariant       *cargs);
PCALL_AVAILABLE_IN_1_0
void       pcall_task_set_instance_args   (PcallTask      *self,
                                           GVariant       *iargs);
PCALL_AVAILABLE_IN_1_0
void       pcall_task_set_common_kwargs   (PcallTask      *self,
                                           GVariant       *ckwargs);
PCALL_AVAILABLE_IN_1_0
void       pcall_task_set_instance_kwargs (PcallTask      *self,
                                           GVariant       *ikwargs);
PCALL_AVAILABLE_IN_1_0
void       pcall_task_set_argument        (PcallTask      *self,
                                           const char     *name,
                                           GVariant       *values);

/* How to call it */
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_timeout        (PcallTask          *self,
                                                   gdouble             timeout);
PCALL_AVAILABLE_IN_1_0
gdouble             pcall_task_get_timeout        (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_deadline       (PcallTask          *self,
                                                   gdouble             deadline);
PCALL_AVAILABLE_IN_1_0
gdouble             pcall_task_get_deadline       (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_grace_period   (PcallTask          *self,
                                                   gdouble             grace_period);
PCALL_AVAILABLE_IN_1_0
gdouble             pcall_task_get_grace_period   (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_max_children   (PcallTask          *self,
                                                   guint               max_children);
PCALL_AVAILABLE_IN_1_0
guint               pcall_task_get_max_children   (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_calls_per_child (PcallTask         *self,
                                                    guint              calls_per_child);
PCALL_AVAILABLE_IN_1_0
guint               pcall_task_get_calls_per_child (PcallTask         *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_n_calls        (PcallTask          *self,
                                                   guint               n_calls);
PCALL_AVAILABLE_IN_1_0
guint               pcall_task_get_n_calls        (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_start_method   (PcallTask          *self,
                                                   PcallStartMethod    start_method);
PCALL_AVAILABLE_IN_1_0
PcallStartMethod    pcall_task_get_start_method   (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_failure_policy (PcallTask          *self,
                                                   PcallFailurePolicy  failure_policy);
PCALL_AVAILABLE_IN_1_0
PcallFailurePolicy  pcall_task_get_failure_policy (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_log_mode       (PcallTask          *self,
                                                   PcallLogMode        log_mode);
PCALL_AVAILABLE_IN_1_0
PcallLogMode        pcall_task_get_log_mode       (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_log_directory  (PcallTask          *self,
                                                   const char         *log_directory);
PCALL_AVAILABLE_IN_1_0
const char         *pcall_task_get_log_directory  (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_launcher       (PcallTask          *self,
                                                   PcallLauncher      *launcher);
PCALL_AVAILABLE_IN_1_0
PcallLauncher      *pcall_task_get_launcher       (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_retries        (PcallTask          *self,
                                                   guint               retries);
PCALL_AVAILABLE_IN_1_0
guint               pcall_task_get_retries        (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_keep_logs      (PcallTask          *self,
                                                   gboolean            keep_logs);
PCALL_AVAILABLE_IN_1_0
gboolean            pcall_task_get_keep_logs      (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_max_log_size   (PcallTask          *self,
                                                   guint64             max_log_size);
PCALL_AVAILABLE_IN_1_0
guint64             pcall_task_get_max_log_size   (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_output_mode    (PcallTask          *self,
                                                   PcallOutputMode     output_mode);
PCALL_AVAILABLE_IN_1_0
PcallOutputMode     pcall_task_get_output_mode    (PcallTask          *self);

PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_priority       (PcallTask          *self,
                                                   gint                priority);
PCALL_AVAILABLE_IN_1_0
gint                pcall_task_get_priority       (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_pool           (PcallTask          *self,
                                                   PcallPool          *pool);
PCALL_AVAILABLE_IN_1_0
PcallPool          *pcall_task_get_pool           (PcallTask          *self);

PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_show_progress  (PcallTask          *self,
                                                   gboolean            show_progress);
PCALL_AVAILABLE_IN_1_0
gboolean            pcall_task_get_show_progress  (PcallTask          *self);

/* In what children */
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_child_name     (PcallTask          *self,
                                                   const char         *child_name);
PCALL_AVAILABLE_IN_1_0
const char         *pcall_task_get_child_name     (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_nice           (PcallTask          *self,
                                                   gint                nice);
PCALL_AVAILABLE_IN_1_0
gint                pcall_task_get_nice           (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_cpu_affinity   (PcallTask          *self,
                                                   const char         *cpu_affinity);
PCALL_AVAILABLE_IN_1_0
const char         *pcall_task_get_cpu_affinity   (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_max_address_space (PcallTask       *self,
                                                      guint64          max_address_space);
PCALL_AVAILABLE_IN_1_0
guint64             pcall_task_get_max_address_space (PcallTask       *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_max_open_files (PcallTask          *self,
                                                   guint64             max_open_files);
PCALL_AVAILABLE_IN_1_0
guint64             pcall_task_get_max_open_files (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_working_directory (PcallTask       *self,
                                                      const char      *working_directory);
PCALL_AVAILABLE_IN_1_0
const char         *pcall_task_get_working_directory (PcallTask       *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_environment    (PcallTask          *self,
                                                   const char * const *environment);
PCALL_AVAILABLE_IN_1_0
const char * const *pcall_task_get_environment    (PcallTask          *self);
PCALL_AVAILABLE_IN_1_0
void                pcall_task_set_own_cgroup     (PcallTask          *self,
                                                   gboolean            own_cgroup);
PCALL_AVAILABLE_IN_1_0
gboolean            pcall_task_get_own_cgroup     (PcallTask          *self);

/* Running it */
PCALL_AVAILABLE_IN_1_0
gboolean   pcall_task_start       (PcallTask           *self,
                                   GError             **error);
PCALL_AVAILABLE_IN_1_0
gboolean   pcall_task_join        (PcallTask           *self,
                                   gdouble              timeout,
                                   GCancellable        *cancellable,
                                   GError             **error);
PCALL_AVAILABLE_IN_1_0
void       pcall_task_join_async  (PcallTask           *self,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data);
PCALL_AVAILABLE_IN_1_0
gboolean   pcall_task_join_finish (PcallTask           *self,
                                   GAsyncResult        *result,
                                   GError             **error);
PCALL_AVAILABLE_IN_1_0
GVariant  *pcall_task_run         (PcallTask           *self,
                                   GCancellable        *cancellable,
                                   GError             **error) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
void       pcall_task_run_async   (PcallTask           *self,
                                   GCancellable        *cancellable,
                                   GAsyncReadyCallback  callback,
                                   gpointer             user_data);
PCALL_AVAILABLE_IN_1_0
GVariant  *pcall_task_run_finish  (PcallTask           *self,
                                   GAsyncResult        *result,
                                   GError             **error) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
void       pcall_task_terminate   (PcallTask           *self);
PCALL_AVAILABLE_IN_1_0
int        pcall_task_get_fd      (PcallTask           *self);
PCALL_AVAILABLE_IN_1_0
gboolean   pcall_task_dispatch    (PcallTask           *self);

/* What came of it */
PCALL_AVAILABLE_IN_1_0
gboolean   pcall_task_get_running         (PcallTask *self);
PCALL_AVAILABLE_IN_1_0
guint      pcall_task_get_n_finished      (PcallTask *self);
PCALL_AVAILABLE_IN_1_0
guint      pcall_task_get_n_failed        (PcallTask *self);
PCALL_AVAILABLE_IN_1_0
gdouble    pcall_task_get_fraction        (PcallTask *self);
PCALL_AVAILABLE_IN_1_0
GVariant  *pcall_task_dup_results         (PcallTask *self) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallCall *pcall_task_dup_call            (PcallTask *self,
                                           guint      index) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallCall *pcall_task_dup_first_failed    (PcallTask *self) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
GPtrArray *pcall_task_dup_children        (PcallTask *self) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
GPtrArray *pcall_task_dup_living_children (PcallTask *self) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
