/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>

#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

#define PCALL_TYPE_WORKER (pcall_worker_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallWorker, pcall_worker, PCALL, WORKER, GObject)

/**
 * PcallWorkerFunc:
 * @worker: the worker
 * @name: what is to be called: what was given to [ctor@Pcall.Target.new_worker]
 * @args: the positional arguments of the call, a tuple
 * @kwargs: the keyword arguments of the call, an `a{sv}`
 * @user_data: what was given with the function
 *
 * A function that runs a call in a worker program: it finds out what @name stands for, calls that,
 * and reports what came of it, with [method@Pcall.Worker.return_value] or
 * [method@Pcall.Worker.return_error].
 *
 * It may report before it returns, or later, from the same main context: what is asynchronous can
 * go on meanwhile. The next call comes only after that. Until then
 * [func@Pcall.get_call_index], [func@Pcall.report_progress], [func@Pcall.send_message] and
 * [func@Pcall.set_error_details] are about this call.
 *
 * A name that stands for nothing is [error@Pcall.Error.target], by convention with a message that
 * tells where it was looked for.
 *
 * Since: 1.0
 */
typedef void (*PcallWorkerFunc) (PcallWorker *worker,
                                 const char  *name,
                                 GVariant    *args,
                                 GVariant    *kwargs,
                                 gpointer     user_data);

PCALL_AVAILABLE_IN_1_0
PcallWorker *pcall_worker_new          (GError         **error) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
void         pcall_worker_start        (PcallWorker     *self,
                                        PcallWorkerFunc  func,
                                        gpointer         user_data,
                                        GDestroyNotify   destroy);
PCALL_AVAILABLE_IN_1_0
void         pcall_worker_capture_log  (PcallWorker     *self);
PCALL_AVAILABLE_IN_1_0
void         pcall_worker_run          (PcallWorker     *self);
PCALL_AVAILABLE_IN_1_0
gboolean     pcall_worker_next         (PcallWorker     *self,
                                        char           **name,
                                        GVariant       **args,
                                        GVariant       **kwargs);
PCALL_AVAILABLE_IN_1_0
void         pcall_worker_exit         (PcallWorker     *self,
                                        gint             status);
PCALL_AVAILABLE_IN_1_0
GBytes      *pcall_worker_dup_journal  (PcallWorker     *self) G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
gboolean     pcall_worker_get_stopped  (PcallWorker     *self);
PCALL_AVAILABLE_IN_1_0
void         pcall_worker_return_value (PcallWorker     *self,
                                        GVariant        *result);
PCALL_AVAILABLE_IN_1_0
void         pcall_worker_return_error (PcallWorker     *self,
                                        const GError    *error);

G_END_DECLS
