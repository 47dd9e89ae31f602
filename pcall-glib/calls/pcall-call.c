/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-call.h"

#include <sys/types.h>

#include "calls/pcall-call-private.h"
#include "pcall-enum-types.h"

/**
 * PcallCall:
 *
 * One invocation of a target with its arguments, as part of a [class@Pcall.Task].
 *
 * A call is [enum@Pcall.CallState.pending] until its turn comes, then running, and ends in exactly
 * one of the other states; [property@Pcall.Call:result] or [property@Pcall.Call:error] then tell
 * what came of it. Properties notify when they change, so that a list view can show a running task.
 *
 * Objects are made on demand by [method@Pcall.Task.dup_call] and by the signals of a task. There is
 * one for a call until the call has ended, and as long as anything refers to it. It may outlive the
 * task. It can be used in any thread.
 *
 * Since: 1.0
 */
struct _PcallCall
{
  GObject        parent_instance;

  PcallCallList *list;
  guint          index;
};

typedef enum
{
  PROP_INDEX = 1,
  PROP_TARGET_NAME,
  PROP_ARGS,
  PROP_KWARGS,
  PROP_STATE,
  PROP_RESULT,
  PROP_ERROR,
  PROP_ERROR_DETAILS,
  PROP_PID,
  PROP_PROGRESS,
  PROP_PROGRESS_TEXT,
  PROP_ELAPSED,
  PROP_LOG_FILE,
  PROP_HOST,
  PROP_OUTPUT,
} PcallCallProperty;

static GParamSpec *properties[PROP_OUTPUT + 1];

G_DEFINE_FINAL_TYPE (PcallCall, pcall_call, G_TYPE_OBJECT)

static void
pcall_call_dispose (GObject *object)
{
  PcallCall *self = PCALL_CALL (object);

  if (self->list != NULL)
    pcall_call_list_forget_call (self->list, self->index, self);

  G_OBJECT_CLASS (pcall_call_parent_class)->dispose (object);
}

static void
pcall_call_finalize (GObject *object)
{
  PcallCall *self = PCALL_CALL (object);

  g_clear_pointer (&self->list, pcall_call_list_unref);

  G_OBJECT_CLASS (pcall_call_parent_class)->finalize (object);
}

static void
pcall_call_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  PcallCall *self = PCALL_CALL (object);

  switch ((PcallCallProperty) prop_id)
    {
    case PROP_INDEX:
      g_value_set_uint (value, self->index);
      break;
    case PROP_TARGET_NAME:
      g_value_set_string (value, pcall_call_get_target_name (self));
      break;
    case PROP_ARGS:
      g_value_take_variant (value, pcall_call_dup_args (self));
      break;
    case PROP_KWARGS:
      g_value_take_variant (value, pcall_call_dup_kwargs (self));
      break;
    case PROP_STATE:
      g_value_set_enum (value, pcall_call_get_state (self));
      break;
    case PROP_RESULT:
      g_value_take_variant (value, pcall_call_dup_result (self));
      break;
    case PROP_ERROR:
      g_value_take_boxed (value, pcall_call_dup_error (self));
      break;
    case PROP_ERROR_DETAILS:
      g_value_take_variant (value, pcall_call_dup_error_details (self));
      break;
    case PROP_PID:
      g_value_set_int (value, pcall_call_get_pid (self));
      break;
    case PROP_PROGRESS:
      g_value_set_double (value, pcall_call_get_progress (self));
      break;
    case PROP_PROGRESS_TEXT:
      g_value_set_string (value, pcall_call_get_progress_text (self));
      break;
    case PROP_ELAPSED:
      g_value_set_double (value, pcall_call_get_elapsed (self));
      break;
    case PROP_LOG_FILE:
      g_value_set_string (value, pcall_call_get_log_file (self));
      break;
    case PROP_HOST:
      g_value_set_string (value, pcall_call_get_host (self));
      break;
    case PROP_OUTPUT:
      g_value_take_boxed (value, pcall_call_dup_output (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_call_class_init (PcallCallClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = pcall_call_dispose;
  object_class->finalize = pcall_call_finalize;
  object_class->get_property = pcall_call_get_property;

  /**
   * PcallCall:index: (getter get_index)
   *
   * Which call of its task this is, counted from 0.
   *
   * Since: 1.0
   */
  properties[PROP_INDEX] = g_param_spec_uint ("index", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * PcallCall:target-name: (getter get_target_name)
   *
   * The name of the target that is called.
   *
   * Since: 1.0
   */
  properties[PROP_TARGET_NAME] = g_param_spec_string ("target-name", NULL, NULL, NULL, flags);

  /**
   * PcallCall:args: (getter get_args)
   *
   * The positional arguments, a tuple. Built anew each time.
   *
   * Since: 1.0
   */
  properties[PROP_ARGS] =
      g_param_spec_variant ("args", NULL, NULL, G_VARIANT_TYPE_TUPLE, NULL, flags);

  /**
   * PcallCall:kwargs: (getter get_kwargs)
   *
   * The keyword arguments, an `a{sv}`. Built anew each time.
   *
   * Since: 1.0
   */
  properties[PROP_KWARGS] =
      g_param_spec_variant ("kwargs", NULL, NULL, G_VARIANT_TYPE_VARDICT, NULL, flags);

  /**
   * PcallCall:state: (getter get_state)
   *
   * Where the call stands.
   *
   * Since: 1.0
   */
  properties[PROP_STATE] = g_param_spec_enum ("state", NULL, NULL, PCALL_TYPE_CALL_STATE,
                                              PCALL_CALL_STATE_PENDING, flags);

  /**
   * PcallCall:result: (getter get_result)
   *
   * What the call returned, or %NULL while it has not succeeded.
   *
   * Since: 1.0
   */
  properties[PROP_RESULT] =
      g_param_spec_variant ("result", NULL, NULL, G_VARIANT_TYPE_ANY, NULL, flags);

  /**
   * PcallCall:error: (getter get_error)
   *
   * Why the call did not succeed, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_ERROR] = g_param_spec_boxed ("error", NULL, NULL, G_TYPE_ERROR, flags);

  /**
   * PcallCall:error-details: (getter get_error_details)
   *
   * What the call told about its error with [func@Pcall.set_error_details], an `a{sv}`, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_ERROR_DETAILS] =
      g_param_spec_variant ("error-details", NULL, NULL, G_VARIANT_TYPE_VARDICT, NULL, flags);

  /**
   * PcallCall:pid: (getter get_pid)
   *
   * The process in which the call runs or ran, 0 before it has begun.
   *
   * Since: 1.0
   */
  properties[PROP_PID] = g_param_spec_int ("pid", NULL, NULL, 0, G_MAXINT, 0, flags);

  /**
   * PcallCall:progress: (getter get_progress)
   *
   * How much of the call is done, from 0 to 1, as it told with [func@Pcall.report_progress]; 1 when
   * it has ended.
   *
   * Since: 1.0
   */
  properties[PROP_PROGRESS] =
      g_param_spec_double ("progress", NULL, NULL, 0.0, 1.0, 0.0, flags);

  /**
   * PcallCall:progress-text: (getter get_progress_text)
   *
   * What the call last told with its progress, or %NULL.
   *
   * Since: 1.0
   */
  properties[PROP_PROGRESS_TEXT] = g_param_spec_string ("progress-text", NULL, NULL, NULL, flags);

  /**
   * PcallCall:elapsed: (getter get_elapsed)
   *
   * Since when the call has been running, or how long it took, in seconds. Notifies when the call
   * has ended.
   *
   * Since: 1.0
   */
  properties[PROP_ELAPSED] =
      g_param_spec_double ("elapsed", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0, flags);

  /**
   * PcallCall:log-file: (type filename) (getter get_log_file)
   *
   * The file that holds what the child writes during the call, from its beginning on; %NULL where
   * there is none, and when it was removed after it had been joined into the main log.
   *
   * Since: 1.0
   */
  properties[PROP_LOG_FILE] = g_param_spec_string ("log-file", NULL, NULL, NULL, flags);

  /**
   * PcallCall:host: (getter get_host)
   *
   * The machine on which the call runs or ran, as that calls itself; %NULL for this one, and before
   * the call has begun.
   *
   * Since: 1.0
   */
  properties[PROP_HOST] = g_param_spec_string ("host", NULL, NULL, NULL, flags);

  /**
   * PcallCall:output: (getter get_output)
   *
   * What the call has written, or %NULL. Notifies when it has ended.
   *
   * Since: 1.0
   */
  properties[PROP_OUTPUT] = g_param_spec_boxed ("output", NULL, NULL, G_TYPE_BYTES, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
pcall_call_init (PcallCall *self)
{
}

static gpointer
make (gpointer list,
      guint    index)
{
  PcallCall *self = g_object_new (PCALL_TYPE_CALL, NULL);

  self->list = pcall_call_list_ref (list);
  self->index = index;
  return self;
}

/* Each ends with 0, which is no property. */
static void
notify (gpointer object,
        guint    change)
{
  static const guint changed[][PROP_HOST + 1] = {
    [PCALL_CALL_STARTED] = { PROP_STATE, PROP_PID, PROP_LOG_FILE, PROP_HOST },
    [PCALL_CALL_PROGRESSED] = { PROP_PROGRESS, PROP_PROGRESS_TEXT },
    [PCALL_CALL_FINISHED] = { PROP_STATE, PROP_RESULT, PROP_ERROR, PROP_ERROR_DETAILS,
                              PROP_PROGRESS, PROP_ELAPSED, PROP_LOG_FILE, PROP_OUTPUT },
    [PCALL_CALL_LOG_FILE_CHANGED] = { PROP_LOG_FILE },
  };

  g_object_freeze_notify (object);
  for (gsize i = 0; changed[change][i] != 0; i++)
    g_object_notify_by_pspec (object, properties[changed[change][i]]);
  g_object_thaw_notify (object);
}

const PcallViewClass pcall_call_view = { make, notify };

/* To tell where the call stands, what has happened is taken in first. */
static PcallMonitorLocker *
enter_updated (PcallCall *self)
{
  return pcall_monitor_locker_new_updated (pcall_call_list_get_monitor (self->list));
}

static GVariant *
ref_or_null (GVariant *variant)
{
  return variant != NULL ? g_variant_ref (variant) : NULL;
}

static GError *
copy_or_null (const GError *error)
{
  return error != NULL ? g_error_copy (error) : NULL;
}

PcallCallList *
pcall_call_get_list (PcallCall *self)
{
  return self->list;
}

/**
 * pcall_call_get_index:
 * @self: a call
 *
 * Gets which call of its task this is, counted from 0.
 *
 * Returns: the index
 *
 * Since: 1.0
 */
guint
pcall_call_get_index (PcallCall *self)
{
  g_return_val_if_fail (PCALL_IS_CALL (self), 0);

  return self->index;
}

/**
 * pcall_call_get_target_name:
 * @self: a call
 *
 * Gets the name of the target that is called.
 *
 * Returns: (nullable): the name
 *
 * Since: 1.0
 */
const char *
pcall_call_get_target_name (PcallCall *self)
{
  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  return pcall_call_list_get_target_name (self->list, self->index);
}

/**
 * pcall_call_dup_args: (rename-to pcall_call_get_args)
 * @self: a call
 *
 * Builds the positional arguments of the call.
 *
 * Returns: (transfer full): a tuple
 *
 * Since: 1.0
 */
GVariant *
pcall_call_dup_args (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  /* Another thread may be adding calls. */
  locker = pcall_monitor_locker_new (pcall_call_list_get_monitor (self->list));
  return pcall_call_list_get_args (self->list, self->index);
}

/**
 * pcall_call_dup_kwargs: (rename-to pcall_call_get_kwargs)
 * @self: a call
 *
 * Builds the keyword arguments of the call.
 *
 * Returns: (transfer full): an `a{sv}`
 *
 * Since: 1.0
 */
GVariant *
pcall_call_dup_kwargs (PcallCall *self)
{
  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  return pcall_call_list_get_kwargs (self->list, self->index);
}

/**
 * pcall_call_get_state:
 * @self: a call
 *
 * Tells where the call stands.
 *
 * Returns: the state
 *
 * Since: 1.0
 */
PcallCallState
pcall_call_get_state (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), PCALL_CALL_STATE_PENDING);

  locker = enter_updated (self);
  return pcall_call_list_get_state (self->list, self->index);
}

/**
 * pcall_call_dup_result: (rename-to pcall_call_get_result)
 * @self: a call
 *
 * Gets what the call returned; the empty tuple `()` where it returned no value. A result stays
 * readable when other calls of the task failed.
 *
 * Returns: (transfer full) (nullable): the result, or %NULL while the call has not
 *   succeeded
 *
 * Since: 1.0
 */
GVariant *
pcall_call_dup_result (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return pcall_call_list_get_result (self->list, self->index);
}

/**
 * pcall_call_dup_result_fd_list: (rename-to pcall_call_get_result_fd_list)
 * @self: a call
 *
 * Gets the descriptors that came with the result, as [func@Pcall.set_result_fd_list] set them in
 * the child: a handle, `h`, in the result is an index of this list.
 *
 * It is the same list each time. [method@Gio.UnixFDList.get] duplicates a descriptor,
 * [method@Gio.UnixFDList.steal_fds] takes all of them. What is left is closed when nothing refers
 * to the task, its calls and the list any more.
 *
 * Returns: (transfer full) (nullable): the list, or %NULL if there are no descriptors, or the call
 *   has not succeeded
 *
 * Since: 1.0
 */
GUnixFDList *
pcall_call_dup_result_fd_list (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;
  GUnixFDList *handles;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  handles = pcall_call_list_get_handles (self->list, self->index);
  return handles != NULL ? g_object_ref (handles) : NULL;
}

/**
 * pcall_call_dup_result_bytes:
 * @self: a call
 *
 * Gets a copy of a result that is bytes, an `ay` or an `(ay)`, for the caller alone: unlike others'
 * bytes, these may be written to.
 *
 * A large result costs nothing here: it is mapped once more, and each page of memory is copied when
 * it is written to. This is for language bindings, whose arrays can lie in such memory.
 *
 * Returns: (transfer full) (nullable): the bytes, or %NULL while the call has not succeeded, where
 *   its result is something else, and where there is no memory
 *
 * Since: 1.0
 */
GBytes *
pcall_call_dup_result_bytes (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return pcall_call_list_dup_result_bytes (self->list, self->index);
}

/**
 * pcall_call_dup_error: (rename-to pcall_call_get_error)
 * @self: a call
 *
 * Gets why the call did not succeed. An error that the call itself returned has the domain, code
 * and message that it had there; others are of the domain [error@Pcall.Error], and their message
 * names the call, the target and the cause.
 *
 * Returns: (transfer full) (nullable): the error, or %NULL
 *
 * Since: 1.0
 */
GError *
pcall_call_dup_error (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return copy_or_null (pcall_call_list_get_error (self->list, self->index));
}

/**
 * pcall_call_dup_error_details: (rename-to pcall_call_get_error_details)
 * @self: a call
 *
 * Gets what the call told about its error with [func@Pcall.set_error_details].
 *
 * Returns: (transfer full) (nullable): an `a{sv}`, or %NULL
 *
 * Since: 1.0
 */
GVariant *
pcall_call_dup_error_details (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return ref_or_null (pcall_call_list_get_error_details (self->list, self->index));
}

/**
 * pcall_call_get_progress:
 * @self: a call
 *
 * Gets how much of the call is done.
 *
 * Returns: the fraction, from 0 to 1
 *
 * Since: 1.0
 */
gdouble
pcall_call_get_progress (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), 0.0);

  locker = enter_updated (self);
  return pcall_call_list_get_progress (self->list, self->index);
}

/**
 * pcall_call_get_progress_text:
 * @self: a call
 *
 * Gets what the call last told with its progress.
 *
 * Returns: (nullable): the text
 *
 * Since: 1.0
 */
const char *
pcall_call_get_progress_text (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), NULL);

  locker = enter_updated (self);
  return pcall_call_list_get_progress_text (self->list, self->index);
}

/**
 * pcall_call_get_elapsed:
 * @self: a call
 *
 * Gets since when the call has been running, or how long it took.
 *
 * Returns: the time in seconds
 *
 * Since: 1.0
 */
gdouble
pcall_call_get_elapsed (PcallCall *self)
{
  g_autoptr (PcallMonitorLocker) locker = NULL;

  g_return_val_if_fail (PCALL_IS_CALL (self), 0.0);

  locker = enter_updated (self);
  return pcall_call_list_get_elapsed (self->list, self->index);
}
