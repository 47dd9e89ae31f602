/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <gio/gunixfdlist.h>

#include "pcall-error.h"
#include "pcall-task-private.h"

/* What a task tells: its signals, and notifications of its properties.
 *
 * Nothing is built for a signal that nobody listens to. All of this runs in the thread that drives,
 * which steps out of the monitor for as long as user code runs. */

typedef enum
{
  SIGNAL_CALL_STARTED,
  SIGNAL_CALL_FINISHED,
  SIGNAL_CALL_FAILED,
  SIGNAL_CALL_TIMED_OUT,
  SIGNAL_CALL_PROGRESS,
  SIGNAL_CALL_MESSAGE,
  SIGNAL_CALL_MESSAGE_WITH_FD_LIST,
  SIGNAL_CHILD_EXITED,
  SIGNAL_FINISHED,
} PcallTaskSignal;

/* Besides the signals of a task. */
#define LISTENS_TO_NOTIFY (SIGNAL_FINISHED + 1)
#define LISTENERS_UNKNOWN G_MAXUINT

static guint signals[SIGNAL_FINISHED + 1];
static guint notify_signal;

static guint
new_signal (const char *name,
            guint       n_params,
            ...)
{
  va_list types;
  guint id;

  va_start (types, n_params);
  id = g_signal_new_valist (name, PCALL_TYPE_TASK, G_SIGNAL_RUN_LAST, NULL, NULL, NULL, NULL,
                            G_TYPE_NONE, n_params, types);
  va_end (types);
  return id;
}

/* What becomes of a call */
static void
install_for_calls (void)
{
  /**
   * PcallTask::call-started:
   * @self: the task
   * @call: the call
   *
   * A child runs the call.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_STARTED] = new_signal ("call-started", 1, PCALL_TYPE_CALL);

  /**
   * PcallTask::call-finished:
   * @self: the task
   * @call: the call
   *
   * The call has ended, whatever came of it. Emitted exactly once for each call.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_FINISHED] = new_signal ("call-finished", 1, PCALL_TYPE_CALL);

  /**
   * PcallTask::call-failed:
   * @self: the task
   * @call: the call
   * @error: why
   *
   * The call has failed or crashed. Emitted before [signal@Pcall.Task::call-finished].
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_FAILED] =
      new_signal ("call-failed", 2, PCALL_TYPE_CALL, G_TYPE_ERROR);

  /**
   * PcallTask::call-timed-out:
   * @self: the task
   * @call: the call
   *
   * The call has been ended because its time, or that of the task, was over. Emitted before
   * [signal@Pcall.Task::call-finished].
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_TIMED_OUT] = new_signal ("call-timed-out", 1, PCALL_TYPE_CALL);
}

/* What a call says itself */
static void
install_from_calls (void)
{
  /**
   * PcallTask::call-progress:
   * @self: the task
   * @call: the call
   * @fraction: how much of the call is done, from 0 to 1
   * @text: what the call told with it, perhaps empty
   *
   * The call has told how far it has come, with [func@Pcall.report_progress]. Emitted for each
   * report, in order. Where that is more than is needed, and a call may report thousands of times
   * in a moment, connect to `notify::progress` of a [class@Pcall.Call], or to `notify::fraction` of
   * the task, in its place: where nobody is connected here, reports that come together are as one,
   * the newest.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_PROGRESS] =
      new_signal ("call-progress", 3, PCALL_TYPE_CALL, G_TYPE_DOUBLE, G_TYPE_STRING);

  /**
   * PcallTask::call-message:
   * @self: the task
   * @call: the call
   * @message: the message
   *
   * The call has sent a message, with [func@Pcall.send_message].
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_MESSAGE] =
      new_signal ("call-message", 2, PCALL_TYPE_CALL, G_TYPE_VARIANT);

  /**
   * PcallTask::call-message-with-fd-list:
   * @self: the task
   * @call: the call
   * @message: the message
   * @fd_list: its descriptors; a handle, `h`, in @message is an index of this list
   *
   * The call has sent a message with descriptors, with [func@Pcall.send_message_with_fd_list]. Such
   * a message is not told by [signal@Pcall.Task::call-message], but in order with those that are.
   *
   * Who wants to keep a descriptor takes it from the list with [method@Gio.UnixFDList.get] or
   * [method@Gio.UnixFDList.steal_fds], or keeps the list; else they are closed.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CALL_MESSAGE_WITH_FD_LIST] =
      new_signal ("call-message-with-fd-list", 3, PCALL_TYPE_CALL, G_TYPE_VARIANT,
                  G_TYPE_UNIX_FD_LIST);
}

void
pcall_task_install_signals (void)
{
  install_for_calls ();
  install_from_calls ();

  /**
   * PcallTask::child-exited:
   * @self: the task
   * @child: the child
   *
   * A child has ended, and its process group with it.
   *
   * Since: 1.0
   */
  signals[SIGNAL_CHILD_EXITED] = new_signal ("child-exited", 1, PCALL_TYPE_CHILD);

  /**
   * PcallTask::finished:
   * @self: the task
   *
   * All calls have ended and no child is left. Emitted once, last.
   *
   * Since: 1.0
   */
  signals[SIGNAL_FINISHED] = new_signal ("finished", 0);

  notify_signal = g_signal_lookup ("notify", G_TYPE_OBJECT);
}

/* Listeners */

void
pcall_task_invalidate_listeners (PcallTask *self)
{
  self->listeners = LISTENERS_UNKNOWN;
}

void
pcall_task_invalidate (PcallTask *self)
{
  pcall_task_invalidate_listeners (self);
  if (self->scheduler != NULL)
    pcall_scheduler_invalidate (self->scheduler);
}

static guint
find_listeners (PcallTask *self)
{
  guint listeners = 0;

  /* With whatever property for its detail */
  if (g_signal_handler_find (self, G_SIGNAL_MATCH_ID, notify_signal, 0, NULL, NULL, NULL) != 0)
    listeners |= 1u << LISTENS_TO_NOTIFY;
  for (guint i = 0; i <= SIGNAL_FINISHED; i++)
    if (g_signal_has_handler_pending (self, signals[i], 0, TRUE))
      listeners |= 1u << i;
  return listeners;
}

/* Asking GObject takes a lock each time, so it is asked again only when user code has run since. */
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

static gboolean
wants_call_events (gpointer data)
{
  const guint others = 1u << SIGNAL_FINISHED | 1u << SIGNAL_CHILD_EXITED;
  PcallTask *self = data;

  return (get_listeners (self) & ~others) != 0;
}

static gboolean
wants_each_progress (gpointer data)
{
  return has_listener (data, SIGNAL_CALL_PROGRESS);
}

/* Those who hold a call or a child may have been notified of a change just before. */
static void
invalidate_if_watched (PcallTask *self)
{
  if (pcall_scheduler_has_objects (self->scheduler))
    pcall_task_invalidate_listeners (self);
}

/* Telling */

static guint
step_out (PcallTask *self)
{
  return pcall_monitor_begin_user_code (self->monitor);
}

static void
step_in (PcallTask *self,
         guint      depth)
{
  pcall_monitor_end_user_code (self->monitor, depth);
  pcall_task_invalidate_listeners (self);
}

static void
notify (PcallTask               *self,
        const PcallTaskProperty *changed,
        gsize                    n_changed)
{
  guint depth;

  if (!has_listener (self, LISTENS_TO_NOTIFY))
    return;

  depth = step_out (self);
  for (gsize i = 0; i < n_changed; i++)
    pcall_task_notify (self, changed[i]);
  step_in (self, depth);
}

static void
emit_for_call (PcallTask       *self,
               PcallTaskSignal  signal,
               guint            index)
{
  PcallCall *call;
  guint depth;

  if (!has_listener (self, signal))
    return;

  call = pcall_call_list_get_call (self->calls, index);
  depth = step_out (self);
  g_signal_emit (self, signals[signal], 0, call);
  g_object_unref (call);
  step_in (self, depth);
}

static void
emit_failed (PcallTask *self,
             guint      index)
{
  const GError *error = pcall_call_list_get_error (self->calls, index);
  PcallCall *call;
  guint depth;

  if (!has_listener (self, SIGNAL_CALL_FAILED))
    return;

  call = pcall_call_list_get_call (self->calls, index);
  depth = step_out (self);
  g_signal_emit (self, signals[SIGNAL_CALL_FAILED], 0, call, error);
  g_object_unref (call);
  step_in (self, depth);
}

static void
call_started (guint    index,
              gpointer data)
{
  PcallTask *self = data;

  invalidate_if_watched (self);
  emit_for_call (self, SIGNAL_CALL_STARTED, index);
}

static void
call_progressed (guint       index,
                 gdouble     fraction,
                 const char *text,
                 gpointer    data)
{
  static const PcallTaskProperty changed[] = { PROP_FRACTION };
  PcallTask *self = data;
  PcallCall *call;
  guint depth;

  invalidate_if_watched (self);
  pcall_task_draw_progress (self);
  notify (self, changed, G_N_ELEMENTS (changed));
  if (!has_listener (self, SIGNAL_CALL_PROGRESS))
    return;

  call = pcall_call_list_get_call (self->calls, index);
  depth = step_out (self);
  g_signal_emit (self, signals[SIGNAL_CALL_PROGRESS], 0, call, fraction, text);
  g_object_unref (call);
  step_in (self, depth);
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
  PcallCall *call;
  GVariant *value;
  guint depth;

  if (!has_listener (self, signal))
    return;

  call = pcall_call_list_get_call (self->calls, index);
  value = pcall_payload_unbox (message);
  depth = step_out (self);
  if (handles != NULL)
    g_signal_emit (self, signals[signal], 0, call, value, handles);
  else
    g_signal_emit (self, signals[signal], 0, call, value);
  g_variant_unref (value);
  g_object_unref (call);
  step_in (self, depth);
}

static void
call_finished (guint          index,
               PcallCallState state,
               gpointer       data)
{
  static const PcallTaskProperty succeeded[] = { PROP_N_FINISHED, PROP_FRACTION };
  static const PcallTaskProperty failed[] = { PROP_N_FINISHED, PROP_N_FAILED, PROP_FRACTION };
  PcallTask *self = data;

  invalidate_if_watched (self);
  pcall_task_draw_progress (self);
  if (state == PCALL_CALL_STATE_SUCCEEDED)
    notify (self, succeeded, G_N_ELEMENTS (succeeded));
  else
    notify (self, failed, G_N_ELEMENTS (failed));

  if (state == PCALL_CALL_STATE_FAILED || state == PCALL_CALL_STATE_CRASHED)
    emit_failed (self, index);
  if (state == PCALL_CALL_STATE_TIMED_OUT)
    emit_for_call (self, SIGNAL_CALL_TIMED_OUT, index);
  emit_for_call (self, SIGNAL_CALL_FINISHED, index);
}

static void
child_exited (guint    position,
              gpointer data)
{
  PcallTask *self = data;
  PcallChild *child;
  guint depth;

  invalidate_if_watched (self);
  if (!has_listener (self, SIGNAL_CHILD_EXITED))
    return;

  child = pcall_child_list_get_child (pcall_scheduler_get_children (self->scheduler), position);
  depth = step_out (self);
  g_signal_emit (self, signals[SIGNAL_CHILD_EXITED], 0, child);
  g_object_unref (child);
  step_in (self, depth);
}

/* A log writer is user code. */
static void
explained (const char *text,
           gpointer    data)
{
  PcallTask *self = data;
  guint depth = step_out (self);

  g_debug ("%s", text);
  step_in (self, depth);
}

static void
finished (gpointer data)
{
  PcallTask *self = data;
  GSList *joins;
  guint depth;

  pcall_task_close (self);
  joins = g_steal_pointer (&self->joins);
  depth = step_out (self);
  pcall_task_notify (self, PROP_RUNNING);
  g_signal_emit (self, signals[SIGNAL_FINISHED], 0);
  pcall_task_complete_joins (self, joins);
  step_in (self, depth);
}

const PcallSchedulerFuncs pcall_task_scheduler_funcs = {
  .call_started = call_started,
  .wants_call_events = wants_call_events,
  .wants_each_progress = wants_each_progress,
  .call_progressed = call_progressed,
  .call_message = call_message,
  .call_finished = call_finished,
  .child_exited = child_exited,
  .explained = explained,
  .writes_logs = pcall_task_hide_progress,
  .finished = finished,
};
