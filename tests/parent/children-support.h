/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Children that do what a script says, in place of pcall's own side of the channel, and an engine
 * that is driven until something has come true. */

#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <pcall-glib/base/pcall-engine-private.h>
#include <pcall-glib/pcall-error.h>
#include <pcall-glib/start/pcall-start-private.h>
#include <pcall-glib/wire/pcall-channel-private.h>

#include "task-support.h"

#define CHILDREN_NONCE G_GUINT64_CONSTANT (0x00c0ffee12345678)

/* What the next child does: the call with @index. When it comes back the child exits with 0. */
typedef void (*ChildFunc) (PcallChannel *channel, guint index);

static ChildFunc children_func;
static PcallReadyReasons children_say_ready;

G_NORETURN static inline void
children_run (int fd, guint64 nonce, guint index)
{
  PcallChannel channel;

  signal (SIGALRM, SIG_DFL);
  setpgid (0, 0);
  pcall_channel_init (&channel, fd, nonce);
  children_func (&channel, index);
  _exit (0);
}

/* As the start methods of pcall do it. */
static inline void
children_start_one (PcallStarted *started, guint64 nonce, guint index)
{
  g_autoptr (GError) error = NULL;
  int fds[2];
  pid_t pid;

  *started = (PcallStarted){ .says_ready = children_say_ready };
  g_assert_no_errno (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds));
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      close (fds[0]);
      children_run (fds[1], nonce, index);
    }
  close (fds[1]);
  setpgid (pid, pid);
  g_assert_true (pcall_process_open (&started->process, pid, &error));
  started->fd = fds[0];
}

static inline gboolean
children_start (const PcallStartContext *context,
                const PcallJob *job,
                PcallStarted *started,
                GError **error)
{
  children_start_one (started, context->nonce, job->index);
  return TRUE;
}

/* In the child. It is an error of the test if that fails: the child says so by its exit status. */

#define CHILD_CHECK(condition)                                                                     \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (!(condition))                                                                              \
      _exit (__LINE__ % 100 + 100);                                                                \
  }                                                                                                \
  G_STMT_END

static inline void
child_send (PcallChannel *channel, PcallFrameType type, guint index, GVariant *value)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (value);
  PcallOutgoing frame = pcall_outgoing_new (type, index, owned);

  CHILD_CHECK (pcall_channel_send (channel, &frame, 1));
}

static inline void
child_send_result (PcallChannel *channel, guint index, const char *text)
{
  child_send (channel, PCALL_FRAME_RESULT, index,
              g_variant_new_variant (g_variant_new_parsed (text)));
}

/* The next frame from the parent; NULL if that has closed. */
static inline PcallFrame *
child_receive (PcallChannel *channel)
{
  PcallFrameQueue frames = { .head = NULL };
  PcallFrame *frame;

  while ((frame = pcall_frame_queue_pop (&frames)) == NULL)
    {
      /* A whole frame at a time: what follows it stays in the socket. */
      PcallChannelStatus status = pcall_channel_receive (channel, 1, &frames, NULL);

      CHILD_CHECK (status != PCALL_CHANNEL_BROKEN);
      if (status == PCALL_CHANNEL_CLOSED && frames.head == NULL)
        return NULL;
      if (frames.head == NULL)
        poll (&(struct pollfd){ .fd = channel->fd, .events = POLLIN }, 1, -1);
    }
  return frame;
}

G_NORETURN static inline void
child_sleep (void)
{
  for (;;)
    pause ();
}

/* In this program */

static inline PcallEngine *
children_engine_new (void)
{
  g_autoptr (GError) error = NULL;
  PcallEngine *engine = pcall_engine_new (&error);

  g_assert_no_error (error);
  return engine;
}

static inline void
children_drive_until (PcallEngine *engine, const gboolean *done)
{
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  while (!*done)
    {
      if (g_get_monotonic_time () > limit)
        g_error ("waited for %d s", SUPPORT_LIMIT_S);
      pcall_engine_wait (engine, limit);
      pcall_engine_dispatch (engine, 1);
    }
}
