/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <math.h>
#include <unistd.h>

#include "pcall-error.h"
#include "pcall-task-private.h"

/* Running a task.
 *
 * States: a task is unstarted until start() succeeds. Then it has an engine, a scheduler, and a
 * source in the main context; when the scheduler tells that it has finished, the source goes, and
 * the engine with its descriptors, unless somebody was given one of them.
 *
 * Ownership: neither the source nor the scheduler holds a reference to the task, so that dropping
 * it while it runs ends everything. Whatever calls user code holds one meanwhile.
 *
 * Threads: `requests` and, under `lock`, `engine` are what other threads touch. They only say what
 * they want; it is done in the next dispatch.
 *
 * Processes: a fork copies all of this, and the copy shares the epoll instance with the original.
 * `owner` tells which of them we are in; a copy does nothing but close. */

typedef enum
{
  REQUEST_TERMINATE = 1 << 0,
  REQUEST_CANCEL = 1 << 1,
} Request;

/* Besides the signals of a task. */
#define LISTENS_TO_NOTIFY (SIGNAL_FINISHED + 1)
#define LISTENERS_UNKNOWN G_MAXUINT

typedef struct
{
  GSource    source;
  PcallTask *task;
} TaskSource;

gboolean
pcall_task_is_ours (PcallTask *self)
{
  return self->owner == getpid ();
}

/* Telling */

void
pcall_task_invalidate (PcallTask *self)
{
  self->listeners = LISTENERS_UNKNOWN;
  pcall_scheduler_invalidate (self->scheduler);
}

/* Those who hold a call or a child may have been notified of a change. */
static void
touch_if_watched (PcallTask *self)
{
  if (pcall_call_list_has_objects (self->calls) ||
      pcall_child_list_has_objects (pcall_scheduler_get_children (self->scheduler)))
    pcall_task_invalidate (self);
}

static guint
find_listeners (PcallTask *self)
{
  guint notify_id = g_signal_lookup ("notify", G_TYPE_OBJECT);
  guint listeners = 0;

  /* With whatever property for its detail */
  if (g_signal_handler_find (self, G_SIGNAL_MATCH_ID, notify_id, 0, NULL, NULL, NULL) != 0)
    listeners |= 1u << LISTENS_TO_NOTIFY;
  for (guint i = 0; i <= SIGNAL_FINISHED; i++)
    if (g_signal_has_handler_pending (self, pcall_task_signals[i], 0, TRUE))
      listeners |= 1u << i;
  return listeners;
}

/* Nothing is built for a signal that nobody listens to. Asking GObject takes a lock each time, so
 * it is asked again only when user code has run since. */
static guint
get_listeners (PcallTask *self)
{
  if (self->listeners == LISTENERS_UNKNOWN)
    self->listeners = find_listeners (self);
  return self->listeners;
}

static gboolean
has_listener (PcallTask *self,
              guint      signal)
{
  return (get_listeners (self) & (1u << signal)) != 0;
}

static void
notify (PcallTask         *self,
        PcallTaskProperty  property)
{
  if (!has_listener (self, LISTENS_TO_NOTIFY))
    return;

  pcall_task_notify (self, property);
  pcall_task_invalidate (self);
}

static void
emit (PcallTask       *self,
      PcallTaskSignal  signal,
      ...)
{
  va_list args;

  va_start (args, signal);
  g_signal_emit_valist (self, pcall_task_signals[signal], 0, args);
  va_end (args);
  pcall_task_invalidate (self);
}

static void
emit_for_call (PcallTask       *self,
               PcallTaskSignal  signal,
               guint            index)
{
  g_autoptr (PcallCall) call = NULL;

  if (!has_listener (self, signal))
    return;

  call = pcall_call_list_get_call (self->calls, index);
  emit (self, signal, call);
}

static void
started (gpointer data)
{
  PcallTask *self = data;

  g_list_model_items_changed (G_LIST_MODEL (self), 0, 0, pcall_task_get_n_calls (self));
  pcall_task_notify (self, PROP_RUNNING);
  pcall_task_invalidate (self);
}

static void
call_started (guint    index,
              gpointer data)
{
  PcallTask *self = data;

  touch_if_watched (self);
  emit_for_call (self, SIGNAL_CALL_STARTED, index);
}

static gboolean
hears_calls (gpointer data)
{
  const guint others = 1u << SIGNAL_FINISHED | 1u << SIGNAL_CHILD_EXITED;
  PcallTask *self = data;

  return pcall_call_list_has_objects (self->calls) ||
         pcall_child_list_has_objects (pcall_scheduler_get_children (self->scheduler)) ||
         (get_listeners (self) & ~others) != 0;
}

static void
call_progressed (guint       index,
                 gdouble     fraction,
                 const char *text,
                 gpointer    data)
{
  PcallTask *self = data;

  touch_if_watched (self);
  notify (self, PROP_FRACTION);
  if (has_listener (self, SIGNAL_CALL_PROGRESS))
    {
      g_autoptr (PcallCall) call = pcall_call_list_get_call (self->calls, index);

      emit (self, SIGNAL_CALL_PROGRESS, call, fraction, text);
    }
}

static void
call_message (guint         index,
              PcallPayload *message,
              GUnixFDList  *handles,
              gpointer      data)
{
  PcallTask *self = data;
  PcallTaskSignal signal =
      handles != NULL ? SIGNAL_CALL_MESSAGE_WITH_FD_LIST : SIGNAL_CALL_MESSAGE;

  if (has_listener (self, signal))
    {
      g_autoptr (PcallCall) call = pcall_call_list_get_call (self->calls, index);
      g_autoptr (GVariant) value = pcall_payload_unbox (message);

      /* What has no descriptors takes one argument less, and does not look at the last one. */
      emit (self, signal, call, value, handles);
    }
}

static void
call_failed (PcallTask *self,
             guint      index)
{
  if (has_listener (self, SIGNAL_CALL_FAILED))
    {
      g_autoptr (PcallCall) call = pcall_call_list_get_call (self->calls, index);

      emit (self, SIGNAL_CALL_FAILED, call, pcall_call_list_get_error (self->calls, index));
    }
}

static void
call_finished (guint    index,
               gpointer data)
{
  PcallTask *self = data;
  PcallCallState state = pcall_call_list_get_state (self->calls, index);

  touch_if_watched (self);
  notify (self, PROP_N_FINISHED);
  if (state != PCALL_CALL_STATE_SUCCEEDED)
    notify (self, PROP_N_FAILED);
  notify (self, PROP_FRACTION);

  if (state == PCALL_CALL_STATE_FAILED || state == PCALL_CALL_STATE_CRASHED)
    call_failed (self, index);
  if (state == PCALL_CALL_STATE_TIMED_OUT)
    emit_for_call (self, SIGNAL_CALL_TIMED_OUT, index);
  emit_for_call (self, SIGNAL_CALL_FINISHED, index);
}

static void
child_exited (guint    position,
              gpointer data)
{
  PcallTask *self = data;

  touch_if_watched (self);
  if (has_listener (self, SIGNAL_CHILD_EXITED))
    {
      PcallChildList *children = pcall_scheduler_get_children (self->scheduler);
      g_autoptr (PcallChild) child = pcall_child_list_get_child (children, position);

      emit (self, SIGNAL_CHILD_EXITED, child);
    }
}

/* The end */

static void
drop_source (PcallTask *self)
{
  if (self->source == NULL)
    return;

  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
}

static void
drop_engine (PcallTask *self)
{
  PcallEngine *engine;

  g_mutex_lock (&self->lock);
  engine = g_steal_pointer (&self->engine);
  g_mutex_unlock (&self->lock);

  g_clear_pointer (&engine, pcall_engine_unref);
}

static void
finished (gpointer data)
{
  PcallTask *self = data;
  self->finished = TRUE;
  drop_source (self);
  if (!self->fd_given)
    drop_engine (self);

  pcall_task_notify (self, PROP_RUNNING);
  g_signal_emit (self, pcall_task_signals[SIGNAL_FINISHED], 0);
  pcall_task_complete_joins (self);
}

static const PcallSchedulerFuncs scheduler_funcs = {
  .started = started,
  .call_started = call_started,
  .hears_calls = hears_calls,
  .call_progressed = call_progressed,
  .call_message = call_message,
  .call_finished = call_finished,
  .child_exited = child_exited,
  .finished = finished,
};

void
pcall_task_shut_down (PcallTask *self)
{
  PcallScheduler *scheduler = g_steal_pointer (&self->scheduler);

  drop_source (self);
  if (scheduler != NULL && pcall_task_is_ours (self) && self->engine != NULL)
    pcall_engine_detach (self->engine);
  drop_engine (self);

  if (scheduler == NULL)
    return;
  if (!pcall_task_is_ours (self))
    pcall_scheduler_forget (scheduler);
  else if (self->finished)
    pcall_scheduler_free (scheduler);
  else
    pcall_scheduler_abandon (scheduler);
}

/* Requests from any thread */

static void
woken (gpointer data)
{
  PcallTask *self = data;
  guint requests = g_atomic_int_and (&self->requests, 0);

  if (requests & REQUEST_CANCEL)
    pcall_scheduler_stop (self->scheduler, "cancelled");
  else if (requests & REQUEST_TERMINATE)
    pcall_scheduler_stop (self->scheduler, "terminated");
}

static void
request (PcallTask *self,
         Request    what)
{
  g_mutex_lock (&self->lock);
  if (self->engine != NULL)
    {
      g_atomic_int_or (&self->requests, what);
      pcall_engine_wake (self->engine);
    }
  g_mutex_unlock (&self->lock);
}

void
pcall_task_cancel (PcallTask *self)
{
  request (self, REQUEST_CANCEL);
}

/**
 * pcall_task_terminate:
 * @self: a task
 *
 * Ends the task: the process group of each child gets `SIGTERM`, and after
 * [property@Pcall.Task:grace-period] `SIGKILL`. Calls that run, and those that wait, end in
 * [enum@Pcall.CallState.cancelled]; those that have ended keep what they have.
 *
 * This returns at once, and may be called from any thread: the children are ended as soon as the
 * task is dispatched, by its main context or in [method@Pcall.Task.join]. It does nothing to a task
 * that does not run, and nothing in a forked child.
 *
 * Since: 1.0
 */
void
pcall_task_terminate (PcallTask *self)
{
  g_return_if_fail (PCALL_IS_TASK (self));

  if (pcall_task_is_ours (self))
    request (self, REQUEST_TERMINATE);
}

/* Dispatching */

static gboolean
task_source_dispatch (GSource     *source,
                      GSourceFunc  callback,
                      gpointer     data)
{
  g_autoptr (PcallTask) self = g_object_ref (((TaskSource *) source)->task);

  if (!pcall_task_is_ours (self))
    return G_SOURCE_REMOVE;

  pcall_task_invalidate (self);
  pcall_scheduler_dispatch (self->scheduler, 0);
  return self->finished ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void
attach_source (PcallTask *self)
{
  static GSourceFuncs funcs = { .dispatch = task_source_dispatch };
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  self->source = g_source_new (&funcs, sizeof (TaskSource));
  ((TaskSource *) self->source)->task = self;
  g_source_set_static_name (self->source, "[pcall] task");
  g_source_add_unix_fd (self->source, pcall_engine_get_fd (self->engine), G_IO_IN);
  g_source_attach (self->source, context);
}

/**
 * pcall_task_get_fd:
 * @self: a task that was started
 *
 * Gets a descriptor that is readable when [method@Pcall.Task.dispatch] has something to do, for
 * event loops other than GLib's. It belongs to the task and is the same until the task is gone.
 *
 * Returns: the descriptor, or -1 if the task was not started or had finished before
 *
 * Since: 1.0
 */
int
pcall_task_get_fd (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), -1);

  if (self->engine == NULL)
    return -1;

  self->fd_given = TRUE;
  return pcall_engine_get_fd (self->engine);
}

/**
 * pcall_task_dispatch:
 * @self: a task
 *
 * Does what there is to do now, without waiting: signals are emitted in here. For event loops other
 * than GLib's: see [method@Pcall.Task.get_fd].
 *
 * Returns: %FALSE when there is nothing to come: the task has finished, or was not started
 *
 * Since: 1.0
 */
gboolean
pcall_task_dispatch (PcallTask *self)
{
  g_autoptr (PcallTask) keep = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  if (self->scheduler == NULL || !pcall_task_is_ours (self))
    return FALSE;

  keep = g_object_ref (self);
  pcall_task_invalidate (self);
  pcall_scheduler_dispatch (self->scheduler, 0);
  return !self->finished;
}

/**
 * pcall_task_get_running:
 * @self: a task
 *
 * Tells whether the task has been started and has not finished.
 *
 * Returns: %TRUE if it runs
 *
 * Since: 1.0
 */
gboolean
pcall_task_get_running (PcallTask *self)
{
  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);

  return self->scheduler != NULL && !self->finished;
}

/* Starting */

gint64
pcall_task_to_microseconds (gdouble seconds)
{
  /* Three hundred years are no limit, and fit. */
  return seconds > 1e10 ? 0 : (gint64) ceil (seconds * G_USEC_PER_SEC);
}

static gboolean
check_targets (PcallTask *self,
               GError   **error)
{
  for (guint i = 0; i < self->targets->len; i++)
    if (pcall_start_choose (g_ptr_array_index (self->targets, i), self->start_method, error) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
check_startable (PcallTask *self,
                 GError   **error)
{
  if (self->owner != 0)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_START,
                         "the task was started before; a task runs once");
  else if (self->targets->len == 0)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                         "the task has no target; add one with pcall_task_add_target()");
  else
    return pcall_arguments_check (self->arguments, error) && check_targets (self, error);
  return FALSE;
}

static gboolean
make_calls (PcallTask *self,
            GError   **error)
{
  guint n_calls = pcall_task_get_n_calls (self);

  self->calls = pcall_call_list_new (self->arguments, self->targets, n_calls);
  if (self->calls == NULL)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "there is no memory for %u calls", n_calls);
  return self->calls != NULL;
}

static void
make_scheduler (PcallTask *self)
{
  PcallSchedulerOptions options = {
    .timeout = pcall_task_to_microseconds (self->timeout),
    .deadline = pcall_task_to_microseconds (self->deadline),
    .grace_period = pcall_task_to_microseconds (self->grace_period),
    .max_children = self->max_children,
    .calls_per_child = self->calls_per_child,
    .calls_per_worker = self->calls_per_child_set ? self->calls_per_child : 0,
    .start_method = self->start_method,
    .failure_policy = self->failure_policy,
    .log_mode = self->log_mode,
    .log_directory = self->log_directory,
    .keep_logs = self->keep_logs,
    .max_log_size = self->max_log_size,
  };

  self->scheduler = pcall_scheduler_new (self->engine, self->calls, self->arguments, self->targets,
                                         &options, &scheduler_funcs, self);
}

/* Nothing has run, and nobody was told. */
static void
undo_start (PcallTask *self)
{
  g_clear_pointer (&self->scheduler, pcall_scheduler_free);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
  drop_source (self);
  drop_engine (self);
  self->owner = 0;
}

/**
 * pcall_task_start:
 * @self: a task
 * @error: return location for an error
 *
 * Starts the task: makes children for a few milliseconds; the others follow from the thread-default
 * main context, in [method@Pcall.Task.join] or in [method@Pcall.Task.dispatch]. From here on the
 * task cannot be changed.
 *
 * Fails with [error@Pcall.Error.arguments] where there is nothing to call or an argument list was bad, with
 * [error@Pcall.Error.target] where a target cannot be started that way, and with
 * [error@Pcall.Error.start] if the task was started before or not even one child could be made;
 * nothing is left running then, and an unstarted task can be tried again. Where others could be
 * made later calls wait for their turn.
 *
 * Returns: %TRUE if the task was started
 *
 * Since: 1.0
 */
gboolean
pcall_task_start (PcallTask *self,
                  GError   **error)
{
  g_autoptr (PcallTask) keep = NULL;

  g_return_val_if_fail (PCALL_IS_TASK (self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  if (!check_startable (self, error) || !make_calls (self, error))
    return FALSE;

  keep = g_object_ref (self);
  self->engine = pcall_engine_new (woken, self, error);
  if (self->engine == NULL)
    {
      g_clear_pointer (&self->calls, pcall_call_list_unref);
      return FALSE;
    }

  self->owner = getpid ();
  self->listeners = LISTENERS_UNKNOWN;
  make_scheduler (self);
  attach_source (self);
  if (!pcall_scheduler_start (self->scheduler, error))
    {
      undo_start (self);
      return FALSE;
    }

  return TRUE;
}
