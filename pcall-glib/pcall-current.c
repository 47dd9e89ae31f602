/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-current.h"

#include <unistd.h>

#include "pcall-channel-private.h"
#include "pcall-current-private.h"

/* What a target may call from inside a child.
 *
 * User code may have threads, which share the channel under a lock, and may fork, which makes a
 * process that is not a child of any task: its pid tells. */

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
  gboolean     finished;
} current;

static GMutex current_lock;

void
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
  pcall_channel_init (&current.channel, fd, nonce);
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

void
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

static void
send_frames (const PcallOutgoing *frames,
             guint                n_frames)
{
  if (!pcall_channel_send (&current.channel, frames, n_frames))
    _exit (EXIT_FAILURE);
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
}

void
pcall_current_return (PcallFrameType outcome,
                      GVariant      *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing frame = pcall_outgoing_new (outcome, current.index, owned);

  g_mutex_lock (&current_lock);
  send_frames (&frame, 1);
  end_call ();
  g_mutex_unlock (&current_lock);
}

void
pcall_current_finish (PcallFrameType outcome,
                      GVariant      *value,
                      gint32         status)
{
  PcallOutgoing frames[] = {
    pcall_outgoing_new (outcome, current.index, value),
    { PCALL_FRAME_FINAL, current.index, &status, sizeof status, NULL },
  };

  /* A process that the call forked, and that came back from it too, has no say. */
  if (!pcall_current_is_ours ())
    _exit (status);

  g_mutex_lock (&current_lock);
  send_frames (frames, G_N_ELEMENTS (frames));
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
  const PcallOutgoing frame = { PCALL_FRAME_WAKE, current.index, "", 1, NULL };

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
  const PcallOutgoing frame = { PCALL_FRAME_FINAL, current.index, &status, sizeof status, NULL };

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
 * [signal@Pcall.Task::call-progress], in order.
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

  g_return_if_fail (fraction == fraction);
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
  if (check_inside (G_STRFUNC))
    pcall_current_send (PCALL_FRAME_MESSAGE, owned);
}

/**
 * pcall_set_error_details:
 * @details: (nullable): an `a{sv}`, or %NULL for none; a floating reference is taken
 *
 * Sets what goes with the error if this call fails with one: by convention `type`, `message` and
 * `traceback`, strings. The parent finds it in [property@Pcall.Call:error-details].
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

  g_mutex_lock (&current_lock);
  g_clear_pointer (&current.error_details, g_variant_unref);
  current.error_details = g_steal_pointer (&owned);
  g_mutex_unlock (&current_lock);
}
