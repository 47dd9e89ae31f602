/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-worker.h"

#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "wire/pcall-channel-private.h"
#include "wire/pcall-normal-private.h"
#include "calls/pcall-arguments-private.h"
#include "child/pcall-current-private.h"
#include "base/pcall-error-private.h"
#include "pcall-error.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-thread-private.h"
#include "log/pcall-log-writer-private.h"
#include "share/pcall-journal-private.h"
#include "child/pcall-worker-private.h"

/* The worker's side of a spawn: say hello, take calls, report.
 *
 * States: connected, from when it is made; started, from when it said hello; in between, busy with
 * one call or not; stopped, when the parent has no more calls. A second call while it is busy, or
 * anything else that a parent would not send, ends the process: a worker that is not understood is
 * of no use, and its parent sees that it ended.
 *
 * Threads: the frames are read, and calls run, in the main context that it was started in. A thread
 * waits for nothing but the end of the channel, and then ends the process at once, whatever the
 * others are at: a call may be busy for ever, and its parent gone. It does not read, so that a call
 * costs no switch from one thread to another.
 *
 * Ownership: while it is started and not stopped, its source holds a reference. */

struct _PcallWorker
{
  GObject          parent_instance;

  PcallChannel     channel;
  int              journal_fd; /* -1: it has none, or that is mapped */
  GBytes          *journal;
  pid_t            owner; /* a fork of the process is no worker */
  PcallFrameQueue  frames;
  GVariant        *common; /* arguments of all calls; NULL: there are none */
  GMainContext    *context;
  GSource         *source; /* NULL unless it is started and not stopped */
  PcallWorkerFunc  func;
  gpointer         user_data;
  GDestroyNotify   destroy;
  gboolean         busy;
  gboolean         stopped;
};

typedef enum
{
  SIGNAL_STOPPED,
} PcallWorkerSignal;

static guint signals[SIGNAL_STOPPED + 1];

static void pcall_worker_initable_init (GInitableIface *iface);

/**
 * PcallWorker:
 *
 * The inside of a worker program: takes calls from the task that started the program, one after
 * the other.
 *
 * A worker program is what a [ctor@Pcall.Target.new_worker] names. It makes one worker, starts it
 * with a function that runs a call, and ends when there are no more. pcall's own worker program,
 * and those of the language bindings, are made of this, and any program can be.
 *
 * ```c
 * static void
 * run_call (PcallWorker *worker, const char *name, GVariant *args, GVariant *kwargs, gpointer data)
 * {
 *   if (strcmp (name, "sum") == 0)
 *     pcall_worker_return_value (worker, sum (args));
 *   else
 *     …
 * }
 *
 * int
 * main (void)
 * {
 *   g_autoptr (GError) error = NULL;
 *   g_autoptr (PcallWorker) worker = pcall_worker_new (&error);
 *
 *   if (worker == NULL)
 *     g_error ("%s", error->message);
 *   pcall_worker_start (worker, run_call, NULL, NULL);
 *   pcall_worker_run (worker);
 *   return 0;
 * }
 * ```
 *
 * From the moment it is made, the process ends at once when the parent does, or gives it up: in the
 * middle of a call too, without any handler. Between calls the main context is free to run what
 * else there is.
 *
 * Since: 1.0
 */
G_DEFINE_FINAL_TYPE_WITH_CODE (PcallWorker, pcall_worker, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_INITABLE, pcall_worker_initable_init))

G_NORETURN static void
give_up (const char *reason)
{
  fprintf (stderr, "pcall: worker: %s\n", reason);
  fflush (stderr);
  _exit (EXIT_FAILURE);
}

/* The end of the channel */

static void
wait_for_end (int fd)
{
  struct pollfd ended = { .fd = fd, .events = POLLRDHUP };

  while (poll (&ended, 1, -1) <= 0)
    if (errno != EINTR)
      give_up ("poll is refused");
}

static gpointer
watch_channel (gpointer data)
{
  wait_for_end (GPOINTER_TO_INT (data));
  _exit (EXIT_FAILURE);
  return NULL;
}

static gboolean
start_watching (int      fd,
                GError **error)
{
  return pcall_thread_start ("pcall-watch", watch_channel, GINT_TO_POINTER (fd), error);
}

/* Connecting */

/* Programs that this one starts are not to find it. */
static gboolean
take_number (const char *variable,
             guint       base,
             guint64     limit,
             guint64    *number)
{
  const char *text = g_getenv (variable);
  gboolean valid = text != NULL &&
                   g_ascii_string_to_unsigned (text, base, 0, limit, number, NULL);

  g_unsetenv (variable);
  return valid;
}

static gboolean
take_descriptor (const char *variable,
                 int        *fd)
{
  guint64 number;

  if (!take_number (variable, 10, G_MAXINT, &number) ||
      fcntl ((int) number, F_SETFD, FD_CLOEXEC) < 0)
    return FALSE;

  *fd = (int) number;
  return TRUE;
}

static gboolean
connect_channel (PcallWorker *self,
                 GError     **error)
{
  int fd = -1;
  int life_fd;
  guint64 cookie = 0;
  gboolean has_fd = take_descriptor (PCALL_ENV_FD, &fd);
  gboolean has_cookie = take_number (PCALL_ENV_COOKIE, 16, G_MAXUINT64, &cookie);

  take_descriptor (PCALL_ENV_LIFE_FD, &life_fd);
  take_descriptor (PCALL_ENV_JOURNAL_FD, &self->journal_fd);
  if (!has_fd || !has_cookie)
    {
      g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_START,
                           "there is no task that this program is a worker of: it is started by "
                           "one, as the command line of a target, and can be connected to it once");
      return FALSE;
    }

  pcall_channel_init (&self->channel, fd, cookie);
  /* To look for what is not normal takes GLib 25 ms for a megabyte of bytes. Whoever has the cookie
   * started this program, and could have made it do anything. */
  self->channel.trusts = TRUE;
  return start_watching (fd, error);
}

static gboolean
pcall_worker_init_initable (GInitable    *initable,
                            GCancellable *cancellable,
                            GError      **error)
{
  PcallWorker *self = PCALL_WORKER (initable);

  if (!connect_channel (self, error))
    return FALSE;

  self->owner = getpid ();
  pcall_current_open (self->channel.fd, self->channel.nonce);
  return TRUE;
}

static void
pcall_worker_initable_init (GInitableIface *iface)
{
  iface->init = pcall_worker_init_initable;
}

/* Calls */

/* GLib reads another value where it goes no deeper. */
static void
refuse_call (PcallWorker *self,
             guint        index)
{
  g_autoptr (GError) error =
      g_error_new (PCALL_ERROR, PCALL_ERROR_ARGUMENTS,
                   "call %u: its arguments are " PCALL_NORMAL_TOO_DEEP, index);

  pcall_worker_return_error (self, error);
}

static void
run_call (PcallWorker      *self,
          const PcallFrame *frame)
{
  g_autoptr (GVariant) value = pcall_payload_get_value (
      frame->payload, pcall_frame_payload_type (PCALL_FRAME_CALL));
  g_autoptr (GVariant) args = NULL;
  g_autoptr (GVariant) kwargs = NULL;
  const char *name;
  const char *log_file;
  const char *log_key;

  g_variant_get (value, "(&sv@a{sv}&s&s)", &name, &args, &kwargs, &log_file, &log_key);
  if (self->busy)
    give_up ("the parent sent a call while another one runs");
  if (!g_variant_is_of_type (args, G_VARIANT_TYPE_TUPLE))
    give_up ("the parent sent arguments that are no tuple");

  if (self->common != NULL)
    pcall_arguments_join (self->common, &args, &kwargs);
  self->busy = TRUE;
  pcall_current_begin (frame->call_index);
  pcall_worker_output_redirect (log_file, log_key);
  if (pcall_normal_is_too_deep (args) || pcall_normal_is_too_deep (kwargs))
    refuse_call (self, frame->call_index);
  else
    self->func (self, name, args, kwargs, self->user_data);
}

static void
stop (PcallWorker *self)
{
  g_autoptr (GSource) source = g_steal_pointer (&self->source);

  self->stopped = TRUE;
  g_signal_emit (self, signals[SIGNAL_STOPPED], 0);
  if (source != NULL)
    g_source_destroy (source);
}

static void
take_common (PcallWorker      *self,
             const PcallFrame *frame)
{
  g_clear_pointer (&self->common, g_variant_unref);
  self->common =
      pcall_payload_get_value (frame->payload, pcall_frame_payload_type (PCALL_FRAME_COMMON));
}

static void
take_frame (PcallWorker      *self,
            const PcallFrame *frame)
{
  g_autofree char *refusal = NULL;

  if (frame->type == PCALL_FRAME_COMMON)
    take_common (self, frame);
  else if (frame->type == PCALL_FRAME_CALL)
    run_call (self, frame);
  else if (frame->type == PCALL_FRAME_STOP)
    stop (self);
  else
    {
      refusal = g_strdup_printf ("the parent sent a frame of type %s, which is not its to send",
                                 pcall_frame_type_name (frame->type));
      give_up (refusal);
    }
}

static void
receive (PcallWorker *self)
{
  g_autoptr (GError) error = NULL;

  switch (pcall_channel_receive (&self->channel, G_MAXSIZE, &self->frames, &error))
    {
    case PCALL_CHANNEL_OPEN:
      break;
    case PCALL_CHANNEL_CLOSED:
      _exit (EXIT_FAILURE);
    case PCALL_CHANNEL_BROKEN:
      give_up (error->message);
    default:
      g_assert_not_reached ();
    }
}

static gboolean
channel_ready (gint         fd,
               GIOCondition condition,
               gpointer     data)
{
  g_autoptr (PcallWorker) self = g_object_ref (data);
  PcallFrame *frame;

  if (self->owner != getpid ())
    return G_SOURCE_REMOVE;

  receive (self);
  while ((frame = pcall_frame_queue_pop (&self->frames)) != NULL)
    {
      take_frame (self, frame);
      pcall_frame_free (frame);
    }

  return self->stopped ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

static void
pcall_worker_finalize (GObject *object)
{
  PcallWorker *self = PCALL_WORKER (object);

  /* The channel stays open: its end is for the process to make. */
  pcall_frame_queue_clear (&self->frames);
  g_clear_pointer (&self->channel.payload, pcall_payload_unref);
  g_clear_object (&self->channel.handles);
  pcall_descriptors_clear (&self->channel.descriptors);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_clear_pointer (&self->common, g_variant_unref);
  g_clear_pointer (&self->journal, g_bytes_unref);
  pcall_fd_clear (&self->journal_fd);
  if (self->destroy != NULL)
    self->destroy (self->user_data);

  G_OBJECT_CLASS (pcall_worker_parent_class)->finalize (object);
}

static void
pcall_worker_class_init (PcallWorkerClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = pcall_worker_finalize;

  /**
   * PcallWorker::stopped:
   * @self: the worker
   *
   * There are no more calls: the program should end. A few seconds later it is ended.
   *
   * Since: 1.0
   */
  signals[SIGNAL_STOPPED] = g_signal_new ("stopped", PCALL_TYPE_WORKER, G_SIGNAL_RUN_LAST, 0, NULL,
                                          NULL, NULL, G_TYPE_NONE, 0);
}

static void
pcall_worker_init (PcallWorker *self)
{
  self->channel.fd = -1;
  self->journal_fd = -1;
}

/**
 * pcall_worker_new:
 * @error: return location for an error
 *
 * Makes the worker of this process, of what the task that started it left in the environment. That
 * is taken out of it, so that programs started from here do not find it.
 *
 * To be called early, while the process has one thread. Fails with [error@Pcall.Error.start] where
 * the program was not started by a task, or this has been called before.
 *
 * Returns: (transfer full): the worker
 *
 * Since: 1.0
 */
PcallWorker *
pcall_worker_new (GError **error)
{
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  return g_initable_new (PCALL_TYPE_WORKER, NULL, error, NULL);
}

/**
 * pcall_worker_capture_log:
 * @self: a worker
 *
 * Sets GLib's log writer function of this program to one that writes the records of each call into
 * its log, with their levels and fields, and others as GLib does.
 *
 * The program cannot set one afterwards: GLib ends a program that does. One that it has set before
 * is left in place, and should call [func@Pcall.log_writer]; then only records of [func@GLib.log]
 * and the like are caught besides, unless there is a default handler too. Once in a program.
 *
 * Since: 1.0
 */
void
pcall_worker_capture_log (PcallWorker *self)
{
  g_return_if_fail (PCALL_IS_WORKER (self));

  pcall_log_writer_install_in_worker ();
}

static void
say_hello (void)
{
  GVariantDict knows = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&knows, PCALL_WORKER_KNOWS_COMMON, "b", TRUE);
  pcall_current_greet (g_variant_new ("(ui@a{sv})", PCALL_FRAME_VERSION, (int) getpid (),
                                      g_variant_dict_end (&knows)));
}

/**
 * pcall_worker_start:
 * @self: a worker that is not started
 * @func: (scope notified) (closure user_data) (destroy destroy): what runs a call
 * @user_data: what to call it with
 * @destroy: (nullable): frees @user_data
 *
 * Tells the task that this program is ready, and from now on runs @func for each call, in the
 * thread-default main context of now. For it to do so, that has to be iterated: by
 * [method@Pcall.Worker.run], or by a main loop of the program's own, which ends when
 * [signal@Pcall.Worker::stopped] is emitted.
 *
 * Since: 1.0
 */
void
pcall_worker_start (PcallWorker    *self,
                    PcallWorkerFunc func,
                    gpointer        user_data,
                    GDestroyNotify  destroy)
{
  g_return_if_fail (PCALL_IS_WORKER (self));
  g_return_if_fail (func != NULL);
  g_return_if_fail (self->func == NULL);

  self->func = func;
  self->user_data = user_data;
  self->destroy = destroy;
  self->context = g_main_context_ref_thread_default ();
  self->source = g_unix_fd_source_new (self->channel.fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_static_name (self->source, "[pcall] worker");
  g_source_set_callback (self->source, G_SOURCE_FUNC (channel_ready), g_object_ref (self),
                         g_object_unref);
  g_source_attach (self->source, self->context);
  say_hello ();
}

/**
 * pcall_worker_run:
 * @self: a worker that was started
 *
 * Runs calls until there are no more: iterates the main context that the worker was started in.
 *
 * Since: 1.0
 */
void
pcall_worker_run (PcallWorker *self)
{
  g_autoptr (PcallWorker) keep = NULL;

  g_return_if_fail (PCALL_IS_WORKER (self));
  g_return_if_fail (self->func != NULL);

  keep = g_object_ref (self);
  while (!self->stopped)
    g_main_context_iteration (self->context, TRUE);
}

/* What next() waits for. */
typedef struct
{
  char     *name; /* NULL while there is no call */
  GVariant *args;
  GVariant *kwargs;
} NextCall;

static void
keep_call (PcallWorker *self,
           const char  *name,
           GVariant    *args,
           GVariant    *kwargs,
           gpointer     data)
{
  NextCall *next = data;

  next->name = g_strdup (name);
  next->args = g_variant_ref (args);
  next->kwargs = g_variant_ref (kwargs);
}

/**
 * pcall_worker_next:
 * @self: a worker that was not started, but by this
 * @name: (out): return location for what is to be called
 * @args: (out): return location for the positional arguments, a tuple
 * @kwargs: (out): return location for the keyword arguments, an `a{sv}`
 *
 * Waits for the next call: for programs that would rather ask than be called, as where a callback
 * may not come through. Starts the worker the first time, and iterates the main context that this
 * was in.
 *
 * What came of a call is to be reported before this is called again.
 *
 * Returns: %FALSE if there are no more calls
 *
 * Since: 1.0
 */
gboolean
pcall_worker_next (PcallWorker  *self,
                   char        **name,
                   GVariant    **args,
                   GVariant    **kwargs)
{
  NextCall *next;

  g_return_val_if_fail (PCALL_IS_WORKER (self), FALSE);
  g_return_val_if_fail (name != NULL && args != NULL && kwargs != NULL, FALSE);
  g_return_val_if_fail (self->func == NULL || self->func == keep_call, FALSE);
  g_return_val_if_fail (!self->busy, FALSE);

  if (self->func == NULL)
    pcall_worker_start (self, keep_call, g_new0 (NextCall, 1), g_free);

  next = self->user_data;
  while (!self->stopped && next->name == NULL)
    g_main_context_iteration (self->context, TRUE);

  *name = g_steal_pointer (&next->name);
  *args = g_steal_pointer (&next->args);
  *kwargs = g_steal_pointer (&next->kwargs);
  return *name != NULL;
}

/**
 * pcall_worker_dup_journal:
 * @self: a worker
 *
 * Gets the journal of this worker: a mebibyte of memory, in which a call can write down how far it
 * has come. [method@Pcall.Call.dup_journal] has it afterwards, also when the call has crashed. So a
 * call that does many things, one after the other, loses only the one that it crashed in. Writing
 * to it costs no system call.
 *
 * It begins with a head of 16 bytes: a `guint32`, how many bytes behind the head the parent is to
 * read; four bytes that are left alone; and a `gint64`, by [func@GLib.get_monotonic_time], when the
 * part of the call began that runs now. Where that is not 0, [property@Pcall.Task:timeout] is how
 * long each part may take, and not the whole call. The head is all zero when a call begins. What is
 * behind it is anything.
 *
 * Workers of a task that has a [class@Pcall.Pool] or a [class@Pcall.Launcher] have a journal.
 *
 * Returns: (transfer full) (nullable): the memory, which may be written to; %NULL if there is none
 *
 * Since: 1.0
 */
GBytes *
pcall_worker_dup_journal (PcallWorker *self)
{
  g_return_val_if_fail (PCALL_IS_WORKER (self), NULL);

  if (self->journal_fd >= 0)
    self->journal = pcall_journal_map (g_steal_fd (&self->journal_fd));
  return self->journal != NULL ? g_bytes_ref (self->journal) : NULL;
}

/**
 * pcall_worker_exit:
 * @self: a worker
 * @status: the exit status
 *
 * Ends the program at once: standard output and error are written, and nothing else is done. For
 * what a language calls exiting, where a call does that and the language's own way would have to
 * pass through main loops that go on. Does not return.
 *
 * Since: 1.0
 */
void
pcall_worker_exit (PcallWorker *self,
                   gint         status)
{
  g_return_if_fail (PCALL_IS_WORKER (self));

  fflush (stdout);
  fflush (stderr);
  _exit (status);
}

/**
 * pcall_worker_get_stopped:
 * @self: a worker
 *
 * Tells whether the task has no more calls for this worker.
 *
 * Returns: %TRUE if there are no more
 *
 * Since: 1.0
 */
gboolean
pcall_worker_get_stopped (PcallWorker *self)
{
  g_return_val_if_fail (PCALL_IS_WORKER (self), FALSE);

  return self->stopped;
}

/* A process that the call forked, and that came back from it too, has no say. */
static void
end_call (PcallWorker *self)
{
  if (self->owner != getpid ())
    _exit (EXIT_SUCCESS);

  self->busy = FALSE;
  pcall_worker_output_restore ();
}

/**
 * pcall_worker_return_value:
 * @self: a worker that runs a call
 * @result: (nullable): the result of the call; a floating reference is taken. %NULL means "no
 *   value" and becomes the empty tuple `()`
 *
 * Ends the call that runs with a result.
 *
 * To be called in the thread that runs the worker's main context. Waits while the parent is behind
 * with reading.
 *
 * Since: 1.0
 */
void
pcall_worker_return_value (PcallWorker *self,
                           GVariant    *result)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_if_fail (PCALL_IS_WORKER (self));
  g_return_if_fail (self->busy);

  owned = g_variant_ref_sink (result != NULL ? result : g_variant_new_tuple (NULL, 0));
  end_call (self);
  pcall_current_return (PCALL_FRAME_RESULT, owned);
}

/**
 * pcall_worker_return_error:
 * @self: a worker that runs a call
 * @error: the error
 *
 * Ends the call that runs with an error. The parent gets its domain, code and message, and the
 * details that [func@Pcall.set_error_details] set in this call.
 *
 * To be called in the thread that runs the worker's main context. Waits while the parent is behind
 * with reading.
 *
 * Since: 1.0
 */
void
pcall_worker_return_error (PcallWorker  *self,
                           const GError *error)
{
  g_autoptr (GVariant) value = NULL;

  g_return_if_fail (PCALL_IS_WORKER (self));
  g_return_if_fail (error != NULL);
  g_return_if_fail (self->busy);

  value = pcall_error_to_variant (error, pcall_current_get_error_details ());
  end_call (self);
  pcall_current_return (PCALL_FRAME_ERROR, value);
}
