/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-current.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"
#include "child/pcall-current-private.h"
#include "base/pcall-error-private.h"
#include "pcall-binding.h"
#include "pcall-error.h"
#include "base/pcall-fd-private.h"
#include "wire/pcall-memory-private.h"
#include "wire/pcall-normal-private.h"

#define TOO_DEEP "it is " PCALL_NORMAL_TOO_DEEP

/* What a target may call from inside a child.
 *
 * User code may have threads, which share the channel under a lock, and may fork, which makes a
 * process that is not a child of any task: its pid tells. */

/* A result that somebody has written into memory. */
typedef struct
{
  int      fd; /* 0: none */
  gpointer data;
  gsize    size;
} Memory;

static struct
{
  pid_t        pid; /* 0: this process is no child */
  const guint8 *mark; /* NULL: the pid says whether this is it */
  PcallChannel channel;
  gboolean     has_call;
  guint        index;
  const guint64 *n_ended; /* NULL, or how many calls ended since the one of that index began */
  PcallFlushFunc flush;   /* to be called before a frame is sent; NULL for nothing */
  gpointer     flush_data;
  GVariant    *error_details;
  GUnixFDList *handles;
  Memory       memory;
  guint        attached; /* index of the call that both of these are for */
  GVariant    *refusal; /* of the handles of this call or an earlier one */
  gboolean     finished;
} current;

static GMutex current_lock;

PCALL_CHILD_CODE void
pcall_current_open (int     fd,
                    guint64 nonce)
{
  current.pid = getpid ();
  current.mark = NULL;
  current.has_call = FALSE;
  current.n_ended = NULL;
  current.flush = NULL;
  current.error_details = NULL;
  current_lock = (GMutex) { 0 };
  current.handles = NULL;
  current.memory = (Memory) { 0 };
  pcall_channel_init (&current.channel, fd, nonce);
  current.channel.attaches = TRUE;
}

void
pcall_current_set_mark (const guint8 *mark)
{
  current.mark = mark;
}

gboolean
pcall_current_is_ours (void)
{
  return current.mark != NULL ? *current.mark != 0 : current.pid == getpid ();
}

void
pcall_current_set_flush (PcallFlushFunc flush,
                         gpointer       data)
{
  current.flush = flush;
  current.flush_data = data;
}

static void
clear_memory (Memory *memory)
{
  if (memory->fd == 0)
    return;

  munmap (memory->data, memory->size);
  close (memory->fd);
  *memory = (Memory) { 0 };
}

PCALL_CHILD_CODE static void
clear_attachments (void)
{
  g_clear_object (&current.handles);
  clear_memory (&current.memory);
}

PCALL_CHILD_CODE void
pcall_current_begin (guint index)
{
  pcall_current_begin_batch (index, NULL);
}

void
pcall_current_begin_batch (guint          index,
                           const guint64 *n_ended)
{
  current.has_call = TRUE;
  current.index = index;
  current.n_ended = n_ended;
  current.finished = FALSE;
  g_clear_pointer (&current.error_details, g_variant_unref);
  clear_attachments ();
}

void
pcall_current_end_batch (guint index)
{
  current.index = index;
  current.n_ended = NULL;
}

static guint
get_index (void)
{
  return current.index + (current.n_ended != NULL ? (guint) *current.n_ended : 0);
}

static void
flush (gboolean is_before_frame)
{
  if (current.flush != NULL)
    current.flush (current.flush_data, current.channel.next_sent, is_before_frame);
}

void
pcall_current_flush (void)
{
  g_mutex_lock (&current_lock);
  flush (FALSE);
  g_mutex_unlock (&current_lock);
}

/* Nothing more can be told to the parent. Where it is not gone, it finds this in the log. */
G_NORETURN static void
give_up (int error_number)
{
  if (error_number == EBADF || error_number == ENOTSOCK)
    dprintf (STDERR_FILENO,
             "pcall: the call has closed the descriptor that leads to its parent (%s), as "
             "closefrom (3) does: those that it has not opened are not its own\n",
             g_strerror (error_number));
  _exit (EXIT_FAILURE);
}

static void
send_frames (const PcallOutgoing *frames,
             guint                n_frames)
{
  if (!pcall_channel_send (&current.channel, frames, n_frames))
    give_up (errno);
}

void
pcall_current_send (PcallFrameType type,
                    GVariant      *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing frame = pcall_outgoing_new (type, get_index (), owned);

  g_mutex_lock (&current_lock);
  if (!current.finished)
    {
      flush (TRUE);
      send_frames (&frame, 1);
    }
  g_mutex_unlock (&current_lock);
}

void
pcall_current_greet (GVariant *value)
{
  pcall_current_send (PCALL_FRAME_HELLO, value);
}

static void
end_call (void)
{
  current.finished = TRUE;
  current.has_call = FALSE;
  g_clear_pointer (&current.error_details, g_variant_unref);
  clear_attachments ();
}

/* What the call ends with instead of a result that cannot be sent. */
static PcallOutgoing
refuse (const char *what,
        const char *reason)
{
  g_autoptr (GError) error = g_error_new (PCALL_ERROR, PCALL_ERROR_FAILED,
                                          "call %u: %s could not be sent: %s", current.index, what,
                                          reason);

  g_clear_pointer (&current.refusal, g_variant_unref);
  current.refusal = g_variant_ref_sink (pcall_error_to_variant (error, NULL));
  return pcall_outgoing_new (PCALL_FRAME_ERROR, current.index, current.refusal);
}

static PcallOutgoing
refuse_handles (const char *reason)
{
  g_autofree char *what = g_strdup_printf ("the %d descriptors of its result",
                                           g_unix_fd_list_get_length (current.handles));

  return refuse (what, reason);
}

gboolean
pcall_current_has_attachments (guint index)
{
  return (current.handles != NULL || current.memory.fd != 0) && current.attached == index;
}

gboolean
pcall_current_has_memory (guint index)
{
  return current.memory.fd != 0 && current.attached == index;
}

PCALL_CHILD_CODE PcallOutgoing
pcall_current_get_outcome (PcallFrameType outcome,
                           GVariant      *value)
{
  PcallOutgoing frame;

  if (outcome == PCALL_FRAME_RESULT && pcall_normal_is_too_deep (value))
    return refuse ("its result", TOO_DEEP);
  if (outcome != PCALL_FRAME_RESULT || !pcall_current_has_attachments (current.index))
    return pcall_outgoing_new (outcome, current.index, value);
  if (current.handles != NULL &&
      g_unix_fd_list_get_length (current.handles) > PCALL_FRAME_MAX_HANDLES)
    return refuse_handles ("there can be " G_STRINGIFY (PCALL_FRAME_MAX_HANDLES) " at the most");

  if (current.memory.fd != 0)
    frame = (PcallOutgoing) { outcome, current.index, current.memory.data, current.memory.size,
                              NULL, NULL, current.memory.fd };
  else
    frame = pcall_outgoing_new (outcome, current.index, value);
  frame.handles = current.handles;
  return frame;
}

/* @frames begins with the outcome of the call. */
PCALL_CHILD_CODE static void
send_outcome (PcallOutgoing *frames,
              guint          n_frames)
{
  if (pcall_channel_send (&current.channel, frames, n_frames))
    return;
  if (errno != ETOOMANYREFS || frames->handles == NULL)
    give_up (errno);

  frames[0] = refuse_handles ("they are closed, or too many are on their way");
  send_frames (frames, n_frames);
}

void
pcall_current_return (PcallFrameType outcome,
                      GVariant      *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing frame = pcall_current_get_outcome (outcome, owned);

  g_mutex_lock (&current_lock);
  send_outcome (&frame, 1);
  end_call ();
  g_mutex_unlock (&current_lock);
}

PCALL_CHILD_CODE void
pcall_current_finish (PcallFrameType outcome,
                      GVariant      *value,
                      gint32         status)
{
  PcallOutgoing frames[] = {
    pcall_current_get_outcome (outcome, value),
    { PCALL_FRAME_FINAL, current.index, &status, sizeof status, NULL, NULL, 0 },
  };

  /* A process that the call forked, and that came back from it too, has no say. */
  if (!pcall_current_is_ours ())
    _exit (status);

  g_mutex_lock (&current_lock);
  send_outcome (frames, G_N_ELEMENTS (frames));
  current.finished = TRUE;
  g_mutex_unlock (&current_lock);
}

guint32
pcall_current_end (void)
{
  guint32 n_frames;

  g_mutex_lock (&current_lock);
  end_call ();
  n_frames = current.channel.next_sent;
  g_mutex_unlock (&current_lock);
  return n_frames;
}

/* The payload of a frame without a value is a byte. */
void
pcall_current_wake_locked (void)
{
  const PcallOutgoing frame = { PCALL_FRAME_WAKE, current.index, "", 1, NULL, NULL, 0 };

  send_frames (&frame, 1);
}

void
pcall_current_wake (void)
{
  g_mutex_lock (&current_lock);
  pcall_current_wake_locked ();
  g_mutex_unlock (&current_lock);
}

void
pcall_current_leave (gint32 status)
{
  const PcallOutgoing frame = { PCALL_FRAME_FINAL, current.index, &status, sizeof status,
                                NULL, NULL, 0 };

  g_mutex_lock (&current_lock);
  send_frames (&frame, 1);
  g_mutex_unlock (&current_lock);
}

GVariant *
pcall_current_get_error_details (void)
{
  return current.error_details;
}

static gboolean
check_inside (const char *function)
{
  if (current.has_call && pcall_current_is_ours ())
    return TRUE;

  g_warning ("%s: there is no call here; this can be called in a child of a task only", function);
  return FALSE;
}

/**
 * pcall_get_call_index:
 *
 * Gets the index of the call that runs here, counted from 0.
 *
 * Call it inside a child. Elsewhere it warns.
 *
 * Returns: the index, or %G_MAXUINT outside of a child
 *
 * Since: 1.0
 */
guint
pcall_get_call_index (void)
{
  return check_inside (G_STRFUNC) ? get_index () : G_MAXUINT;
}

/**
 * pcall_report_progress:
 * @fraction: how much of the call is done, from 0 to 1; other values are brought into that range
 * @text: (nullable): what to tell about it, in UTF-8
 *
 * Tells the parent how far this call has come. The parent emits
 * [signal@Pcall.Task::call-progress], in order; where nobody is connected to that, the newest of
 * several that come together stands for all of them.
 *
 * Waits while the parent is behind with reading. Call it inside a child, from any thread of it.
 * Elsewhere it warns and does nothing.
 *
 * Since: 1.0
 */
void
pcall_report_progress (gdouble     fraction,
                       const char *text)
{
  g_autofree char *valid = NULL;

  if (isnan (fraction))
    {
      g_critical ("%s: fraction is %g; expected a number from 0 to 1", G_STRFUNC, fraction);
      return;
    }
  if (!check_inside (G_STRFUNC))
    return;

  valid = g_utf8_make_valid (text != NULL ? text : "", -1);
  pcall_current_send (PCALL_FRAME_PROGRESS,
                      g_variant_new ("(ds)", CLAMP (fraction, 0.0, 1.0), valid));
}

/**
 * pcall_send_message:
 * @message: any value; a floating reference is taken
 *
 * Sends a message to the parent, which emits [signal@Pcall.Task::call-message]. Messages of a call
 * arrive in the order in which they were sent, and before its result.
 *
 * Waits while the parent is behind with reading. Call it inside a child, from any thread of it.
 * Elsewhere it warns and does nothing.
 *
 * Since: 1.0
 */
void
pcall_send_message (GVariant *message)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_if_fail (message != NULL);

  owned = g_variant_ref_sink (message);
  if (!check_inside (G_STRFUNC))
    return;
  if (pcall_normal_is_too_deep (owned))
    g_critical ("call %u: a message could not be sent: " TOO_DEEP, get_index ());
  else
    pcall_current_send (PCALL_FRAME_MESSAGE, owned);
}

/* FALSE where the descriptors could not be sent. */
static gboolean
send_message (GVariant    *message,
              GUnixFDList *fd_list)
{
  PcallOutgoing frame = pcall_outgoing_new (PCALL_FRAME_MESSAGE, get_index (), message);
  gboolean sent = TRUE;

  frame.handles = fd_list;
  g_mutex_lock (&current_lock);
  if (!current.finished)
    {
      flush (TRUE);
      sent = pcall_channel_send (&current.channel, &frame, 1);
    }
  if (!sent && errno != ETOOMANYREFS)
    give_up (errno);
  g_mutex_unlock (&current_lock);
  return sent;
}

static gboolean
check_n_handles (GUnixFDList *fd_list,
                 GError     **error)
{
  gint n = g_unix_fd_list_get_length (fd_list);

  if (n <= PCALL_FRAME_MAX_HANDLES)
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_FAILED,
               "a message can carry %d descriptors, not %d; send several", PCALL_FRAME_MAX_HANDLES,
               n);
  return FALSE;
}

/**
 * pcall_send_message_with_fd_list:
 * @message: any value; a floating reference is taken
 * @fd_list: the descriptors that go with it; a handle, `h`, in @message is an index of this list
 * @error: return location for an error
 *
 * Sends a message with descriptors to the parent, which emits
 * [signal@Pcall.Task::call-message-with-fd-list]. The parent gets duplicates; the list stays as it
 * is.
 *
 * Waits while the parent is behind with reading. Call it inside a child, from any thread of it.
 * Elsewhere it warns and does nothing. Fails with [error@Pcall.Error.failed] for more than 252
 * descriptors, where one of them is closed, and where this user has too many on their way; then
 * nothing was sent, and less can be tried.
 *
 * Returns: %FALSE with @error set where the descriptors could not be sent
 *
 * Since: 1.0
 */
gboolean
pcall_send_message_with_fd_list (GVariant    *message,
                                 GUnixFDList *fd_list,
                                 GError     **error)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_val_if_fail (message != NULL, FALSE);
  g_return_val_if_fail (G_IS_UNIX_FD_LIST (fd_list), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  owned = g_variant_ref_sink (message);
  if (!check_inside (G_STRFUNC))
    return TRUE;
  if (!check_n_handles (fd_list, error))
    return FALSE;
  if (pcall_normal_is_too_deep (owned))
    {
      g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_FAILED,
                           "the message could not be sent: " TOO_DEEP);
      return FALSE;
    }
  if (send_message (owned, fd_list))
    return TRUE;

  g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_FAILED,
                       "the descriptors of the message could not be sent: they are closed, or too "
                       "many are on their way");
  return FALSE;
}

/**
 * pcall_set_result_fd_list:
 * @fd_list: (nullable): the descriptors that go with the result of this call, or %NULL for none
 *
 * Sets the descriptors that the result of this call carries: a handle, `h`, in it is an index of
 * this list. The parent gets duplicates, from [method@Pcall.Call.dup_result_fd_list], if the call
 * succeeds.
 *
 * There can be 252 of them; with more, and where they cannot be sent, the call fails. Call it
 * inside a child. Elsewhere it warns and does nothing.
 *
 * Since: 1.0
 */
void
pcall_set_result_fd_list (GUnixFDList *fd_list)
{
  g_return_if_fail (fd_list == NULL || G_IS_UNIX_FD_LIST (fd_list));

  if (!check_inside (G_STRFUNC))
    return;

  g_mutex_lock (&current_lock);
  g_clear_object (&current.handles);
  if (fd_list != NULL && g_unix_fd_list_get_length (fd_list) > 0)
    current.handles = g_object_ref (fd_list);
  current.attached = get_index ();
  g_mutex_unlock (&current_lock);
}

/* What stands in @fd becomes the whole payload, and nobody can change it any more. */
static gboolean
take_memory (int     fd,
             Memory *memory)
{
  static const char type[] = "\0(ay)";
  struct iovec part = { (gpointer) type, sizeof type - 1 };
  struct stat stat;

  if (!pcall_memory_finish (fd, &part, 1) || fstat (fd, &stat) < 0)
    return FALSE;

  memory->size = stat.st_size;
  memory->data = mmap (NULL, memory->size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (memory->data == MAP_FAILED)
    return FALSE;

  memory->fd = pcall_fd_lift (fcntl (fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (memory->fd >= 0)
    return TRUE;
  munmap (memory->data, memory->size);
  return FALSE;
}

/**
 * pcall_set_result_memory:
 * @fd: a memfd that can be sealed
 * @error: return location for an error
 *
 * Makes what was written to @fd the result of this call, an `(ay)` of all these bytes, whatever its
 * function returns, if the call succeeds. It goes to the parent without being copied, and is mapped
 * there.
 *
 * This is for language bindings, which can write there what they would otherwise copy first. The
 * memory must not be mapped writable by then, and cannot be written to any more. @fd stays the
 * caller's, who may close it.
 *
 * Call it inside a child. Elsewhere it warns and does nothing.
 *
 * Returns: %FALSE with @error set where that is not possible
 *
 * Since: 1.0
 */
gboolean
pcall_set_result_memory (gint     fd,
                         GError **error)
{
  Memory memory = { 0 };

  g_return_val_if_fail (fd >= 0, FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  if (!check_inside (G_STRFUNC))
    return TRUE;

  if (!take_memory (fd, &memory))
    {
      int saved_errno = errno;

      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno),
                   "the memory at descriptor %d cannot become a result: %s", fd,
                   g_strerror (saved_errno));
      return FALSE;
    }

  g_mutex_lock (&current_lock);
  clear_memory (&current.memory);
  current.memory = memory;
  current.attached = get_index ();
  g_mutex_unlock (&current_lock);
  return TRUE;
}

/* @details, and what stands in @before under other names. */
static GVariant *
add_details (GVariant *before,
             GVariant *details)
{
  GVariantDict dict;
  GVariantIter iter;
  const char *name;
  GVariant *value;

  g_variant_dict_init (&dict, before);
  g_variant_iter_init (&iter, details);
  while (g_variant_iter_loop (&iter, "{&sv}", &name, &value))
    g_variant_dict_insert_value (&dict, name, value);
  return g_variant_ref_sink (g_variant_dict_end (&dict));
}

/**
 * pcall_set_error_details:
 * @details: (nullable): an `a{sv}`, or %NULL for none; a floating reference is taken
 *
 * Sets what goes with the error if this call fails with one: by convention `type`, `message` and
 * `traceback`, strings, which bindings set for an exception. The parent finds it in
 * [property@Pcall.Call:error-details].
 *
 * What was set in this call before stays, unless it has the name of one of @details; %NULL takes
 * all of it back.
 *
 * Call it inside a child. Elsewhere it warns and does nothing.
 *
 * Since: 1.0
 */
void
pcall_set_error_details (GVariant *details)
{
  g_autoptr (GVariant) owned = NULL;

  g_return_if_fail (details == NULL || g_variant_is_of_type (details, G_VARIANT_TYPE_VARDICT));

  owned = details != NULL ? g_variant_ref_sink (details) : NULL;
  if (!check_inside (G_STRFUNC))
    return;
  if (owned != NULL && pcall_normal_is_too_deep (owned))
    {
      g_critical ("call %u: details of an error cannot be sent: " TOO_DEEP, get_index ());
      return;
    }

  g_mutex_lock (&current_lock);
  if (owned != NULL && current.error_details != NULL)
    {
      GVariant *both = add_details (current.error_details, owned);

      g_variant_unref (owned);
      owned = both;
    }
  g_clear_pointer (&current.error_details, g_variant_unref);
  current.error_details = g_steal_pointer (&owned);
  g_mutex_unlock (&current_lock);
}
