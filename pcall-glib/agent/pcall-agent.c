/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/pcall-agent-context-private.h"
#include "agent/pcall-call-log-private.h"
#include "agent/pcall-heir-private.h"
#include "agent/pcall-uplink-private.h"
#include "base/pcall-error-private.h"
#include "base/pcall-fd-private.h"
#include "calls/pcall-target-private.h"
#include "child/pcall-worker-private.h"
#include "parent/pcall-peer-private.h"
#include "pcall-error.h"
#include "share/pcall-journal-private.h"
#include "start/pcall-start-private.h"
#include "wire/pcall-remote-private.h"

/* The agent: what a launcher's command starts on another machine.
 *
 * It starts workers as a task does on its own machine, one after the other, and passes frames
 * between them and the parent. So the parent knows how a worker ended and what it used, though it
 * is far away; and what has gone wrong here costs a worker and not the connection.
 *
 * The worker's side is that of any task: a peer, which is a process with its channel. The parent's
 * side is the uplink. The agent takes the parent at its word. It has one thread.
 *
 * Calls that the parent sends ahead wait here, and not in the worker: so it is known which of them
 * has begun, whatever becomes of that. What waits is sent back when it is asked for, or the worker
 * will not come to it; what waits when the worker ends is forgotten, as the parent knows by that.
 *
 * It ends when the parent closes the connection, with all that it has started, and as if all were
 * well: how a program ends that nobody needs any more is of interest to nobody. When it is told to
 * end by somebody else, as for a time limit, it says so, lets the call end that runs, if it comes
 * to that, and takes no other. */

#define ENV_WORKER_DIR "PCALL_WORKER_DIR"

/* How long a worker may take to end when the agent is to leave, and within what time two signals
 * are of one origin: who kills all that runs here is quick, and a crash is not to be told late. */
#define RETIRE_US (3 * G_USEC_PER_SEC)
#define TOGETHER_MS 50
#define KILLED_TOGETHER_MS 20

/* An outcome of so many bytes takes a while to be sent; one of so few goes whole or not at all,
 * also with another frame. */
#define LARGE 65536
#define SMALL 1024

typedef struct
{
  PcallChannel      up;
  PcallWatch        up_watch;
  PcallFrameQueue   frames; /* from there */
  PcallEngine      *engine;
  PcallStartContext context;
  gboolean          opened;  /* that was */
  PcallPeer        *worker;  /* NULL: there is none */
  pid_t             pid;     /* of that */
  gboolean          closed;  /* it closed its channel: what it is sent it does not get */
  gboolean          ending;  /* it was told to end: it is handed no more calls */
  gboolean          condemned; /* so it was because of its call, which has no outcome any more */
  GQueue            waiting; /* WaitingCall, that were sent ahead */
  gint64            call;    /* that it has; -1 for none */
  gint64            refused; /* the call whose message had descriptors; -1 for none */
  PcallCallLog      log;     /* of that call */
  int               signal_fd;
  PcallWatch        signal_watch;
  PcallTimer        patience; /* with a worker that is to end, as all of this is */
  gboolean          ordered;  /* the parent ordered the worker to end */
  gboolean          leaving;
} Agent;

typedef struct
{
  guint         index;
  PcallPayload *payload;
} WaitingCall;

static GVariant *
nothing (void)
{
  return g_variant_new_tuple (NULL, 0);
}

G_NORETURN static void
leave (Agent *self,
       int    status)
{
  if (self->worker != NULL)
    pcall_peer_terminate (self->worker, 0);
  pcall_call_log_drop (&self->log);
  if (self->opened)
    pcall_start_context_close (&self->context);
  pcall_uplink_close (&self->up);
  pcall_heir_dismiss ();
  _exit (status);
}

G_NORETURN static void
give_up (Agent      *self,
         const char *reason)
{
  fprintf (stderr, "pcall-agent: %s\n", reason);
  fflush (stderr);
  leave (self, EXIT_FAILURE);
}

static void
parent_is_gone (gpointer data)
{
  leave (data, EXIT_SUCCESS);
}

/* Calls */

static void
waiting_call_free (gpointer data)
{
  WaitingCall *call = data;

  pcall_payload_unref (call->payload);
  g_free (call);
}

/* Whether the worker may have more calls. */
static gboolean
hands_on (Agent *self)
{
  return self->worker != NULL && pcall_peer_get_error (self->worker) == NULL && !self->closed &&
         !self->ending && !self->leaving;
}

static void
send_back (Agent *self,
           guint  index)
{
  pcall_uplink_send (&self->up, PCALL_FRAME_RETURNED, index, nothing ());
}

/* The last one first: where it comes back to, the next one that comes goes before it. */
static void
send_all_back (Agent *self)
{
  WaitingCall *call;

  while ((call = g_queue_pop_tail (&self->waiting)) != NULL)
    {
      send_back (self, call->index);
      waiting_call_free (call);
    }
}

/* The parent's file is there; this one is what the worker writes into. */
static GVariant *
put_log (Agent    *self,
         GVariant *value)
{
  g_autoptr (GVariant) args = NULL;
  g_autoptr (GVariant) kwargs = NULL;
  const char *name, *log, *key;
  const char *path = NULL;

  g_variant_get (value, "(&sv@a{sv}&s&s)", &name, &args, &kwargs, &log, &key);
  if (*log != '\0' && self->context.log != NULL)
    path = pcall_call_log_begin (&self->log, (guint) self->call, self->pid,
                                 g_str_has_suffix (key, PCALL_LOG_KEY_SPLIT));
  return g_variant_new ("(sv@a{sv}ss)", name, args, kwargs, path != NULL ? path : "",
                        path != NULL ? key : "");
}

/* The next call, if the worker has none; NULL: there is none for it. */
static WaitingCall *
take_next (Agent *self)
{
  return self->call < 0 && hands_on (self) ? g_queue_pop_head (&self->waiting) : NULL;
}

/* Once the worker has the call, it may be that nothing more is heard of this process: this goes
 * before. */
static PcallOutgoing
tell_begun (const WaitingCall *call)
{
  static const guint8 unit;

  return (PcallOutgoing) {
    .type = PCALL_FRAME_BEGUN, .call_index = call->index, .data = &unit, .size = sizeof unit
  };
}

/* Hands the worker the call, which was told to have begun. */
static void
hand_on (Agent       *self,
         WaitingCall *call)
{
  g_autoptr (GVariant) value =
      pcall_payload_get_value (call->payload, pcall_frame_payload_type (PCALL_FRAME_CALL));

  pcall_journal_reset (pcall_peer_get_journal (self->worker));
  self->call = call->index;
  self->refused = -1;
  pcall_peer_send (self->worker, PCALL_FRAME_CALL, call->index, put_log (self, value));
  waiting_call_free (call);
}

static void
begin_next (Agent *self)
{
  WaitingCall *next = take_next (self);
  PcallOutgoing begun;

  if (next == NULL)
    return;

  begun = tell_begun (next);
  pcall_uplink_send_frames (&self->up, &begun, 1);
  hand_on (self, next);
}

/* From the worker */

/* What a worker may send at all; all else about it the parent hears from the agent. */
#define OF_A_WORKER                                                                                \
  (1u << PCALL_FRAME_HELLO | 1u << PCALL_FRAME_RESULT | 1u << PCALL_FRAME_ERROR |                  \
   1u << PCALL_FRAME_PROGRESS | 1u << PCALL_FRAME_MESSAGE | 1u << PCALL_FRAME_NOTE)

static void
send_refusal (Agent *self)
{
  g_autoptr (GError) error = g_error_new_literal (
      PCALL_ERROR, PCALL_ERROR_FAILED,
      "descriptors cannot come from another machine: send what is in them, or the name of a file "
      "that both can open");
  g_autoptr (GVariant) value = pcall_error_to_variant (error, NULL);

  pcall_uplink_send (&self->up, PCALL_FRAME_ERROR, (guint) self->call, value);
}

static gboolean
is_outcome (const PcallFrame *frame)
{
  return frame->type == PCALL_FRAME_RESULT || frame->type == PCALL_FRAME_ERROR;
}

static void
stop_worker (Agent *self)
{
  self->ending = TRUE;
  pcall_peer_send (self->worker, PCALL_FRAME_STOP, 0, nothing ());
}

static void
lose_patience (gpointer data)
{
  Agent *self = data;

  if (self->worker != NULL)
    pcall_peer_terminate (self->worker, 0);
}

/* It takes no call any more, and nobody else will see to its end. */
static void
retire_worker (Agent *self)
{
  stop_worker (self);
  pcall_engine_set_timer (self->engine, &self->patience, g_get_monotonic_time () + RETIRE_US,
                          lose_patience, self);
}

/* What the call wrote down, if it did. */
static void
send_journal (Agent *self)
{
  g_autoptr (GBytes) journal = pcall_journal_read (pcall_peer_get_journal (self->worker));

  if (journal != NULL)
    pcall_uplink_pass (&self->up, PCALL_FRAME_JOURNAL, (guint) self->call,
                       g_bytes_get_data (journal, NULL), g_bytes_get_size (journal));
}

/* With word of the next call, if one waits: so the parent has one thing to wake up for. While an
 * outcome is large, and so is long on its way, the worker is not to wait: word of the next call
 * goes before. */
static void
pass_outcome (Agent            *self,
              const PcallFrame *frame)
{
  WaitingCall *next = take_next (self);
  PcallOutgoing frames[2] = { { .type = frame->type,
                                .call_index = frame->call_index,
                                .data = pcall_payload_get_data (frame->payload),
                                .size = frame->payload->length,
                                .memory = frame->memory } };

  if (next == NULL)
    {
      pcall_uplink_send_frames (&self->up, frames, 1);
      return;
    }

  frames[1] = tell_begun (next);
  if (frame->payload->length >= LARGE)
    {
      pcall_uplink_send_frames (&self->up, &frames[1], 1);
      hand_on (self, next);
      pcall_uplink_send_frames (&self->up, frames, 1);
      return;
    }

  if (frame->payload->length <= SMALL)
    pcall_uplink_send_frames (&self->up, frames, 2);
  else
    for (guint i = 0; i < 2; i++)
      pcall_uplink_send_frames (&self->up, &frames[i], 1);
  hand_on (self, next);
}

static void
end_call (Agent            *self,
          const PcallFrame *frame)
{
  gboolean refused = frame->handles != NULL || self->refused == self->call;

  pcall_call_log_end (&self->log);
  send_journal (self);
  if (!self->condemned && refused)
    send_refusal (self);
  self->call = -1;
  if (!self->condemned && !refused)
    pass_outcome (self, frame);
  if (self->leaving)
    retire_worker (self);
  else
    begin_next (self);
}

static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  Agent *self = data;

  if ((OF_A_WORKER & 1u << frame->type) == 0)
    pcall_peer_reject (self->worker,
                       g_error_new (PCALL_ERROR, PCALL_ERROR_PROTOCOL,
                                    "the child sent a frame of type %s, which it may not send",
                                    pcall_frame_type_name (frame->type)));
  else if (is_outcome (frame) && self->call == frame->call_index)
    end_call (self, frame);
  else if (frame->handles != NULL)
    self->refused = self->call;
  else
    pcall_uplink_pass (&self->up, frame->type, frame->call_index,
                       pcall_payload_get_data (frame->payload), frame->payload->length);
}

static void
channel_closed (gpointer data)
{
  Agent *self = data;

  self->closed = TRUE;
  send_all_back (self);
  pcall_uplink_send (&self->up, PCALL_FRAME_CLOSED, 0, nothing ());
}

/* Whether this agent was told to end just now. */
static gboolean
take_signal (Agent *self)
{
  struct signalfd_siginfo info;

  if (read (self->signal_fd, &info, sizeof info) != sizeof info || self->leaving)
    return FALSE;

  self->leaving = TRUE;
  send_all_back (self);
  pcall_uplink_send (&self->up, PCALL_FRAME_LEAVING, 0, nothing ());
  return TRUE;
}

/* Who ends all that runs here may come to the worker first. That is not for the parent to take for
 * a crash. Where this agent is killed, too, the parent hears of that alone. */
static void
look_who_ended_it (Agent *self)
{
  const PcallExit *exit = pcall_peer_get_exit (self->worker);
  struct pollfd told = { .fd = self->signal_fd, .events = POLLIN };
  int signum = exit->known && WIFSIGNALED (exit->status) ? WTERMSIG (exit->status) : 0;

  if (self->ordered || self->leaving || (signum != SIGTERM && signum != SIGKILL))
    return;

  poll (&told, 1, signum == SIGKILL ? KILLED_TOGETHER_MS : TOGETHER_MS);
  take_signal (self);
}

/* A call that it was sent and did not read has not begun. */
static void
worker_ended (gpointer data)
{
  Agent *self = data;
  const GError *error = pcall_peer_get_error (self->worker);
  PcallRemoteExit told = {
    .exit = *pcall_peer_get_exit (self->worker),
    .begun = pcall_peer_left_unread (self->worker) ? -1 : self->call,
    .complaint = error != NULL ? error->message : NULL,
  };

  pcall_call_log_end (&self->log);
  if (self->call >= 0)
    send_journal (self);
  look_who_ended_it (self);
  pcall_uplink_send (&self->up, PCALL_FRAME_EXIT, 0, pcall_remote_exit_to_variant (&told));
  g_clear_pointer (&self->worker, pcall_peer_free);
  g_queue_clear_full (&self->waiting, waiting_call_free);
  self->call = -1;
  if (self->leaving)
    leave (self, EXIT_SUCCESS);
}

static const PcallPeerFuncs worker_funcs = {
  .frame = frame_came,
  .closed = channel_closed,
  .ended = worker_ended,
};

/* From the parent */

/* When there is a worker to be started: an agent that is killed before leaves no directory. */
static gboolean
open_for_workers (Agent   *self,
                  GError **error)
{
  if (self->opened)
    return TRUE;

  self->opened = pcall_agent_context_open (&self->context, error);
  if (self->opened)
    pcall_call_log_init (&self->log, self->engine, self->context.log, &self->up);
  else
    pcall_start_context_close (&self->context);
  return self->opened;
}

static gboolean
start_worker (Agent                   *self,
              const PcallRemoteLaunch *launch,
              GError                 **error)
{
  g_autoptr (PcallTarget) target = pcall_agent_make_target (launch);
  PcallJob job = { .target = target, .slot = -1, .child = -1, .methods = &pcall_start_spawn };
  PcallStarted started = { .error_number = 0 };

  if (!open_for_workers (self, error))
    return FALSE;
  pcall_agent_context_prepare (&self->context, launch);
  if (!pcall_start_spawn.start (&self->context, &job, &started, error))
    return FALSE;

  self->closed = self->ending = self->condemned = self->ordered = FALSE;
  self->pid = started.process.pid;
  self->worker =
      pcall_peer_new (self->engine, &started, self->context.nonce, &worker_funcs, self, error);
  if (self->worker != NULL)
    pcall_peer_keep_memory (self->worker);
  return self->worker != NULL;
}

static void
take_launch (Agent    *self,
             GVariant *value)
{
  g_autoptr (GError) error = NULL;
  PcallRemoteLaunch launch;

  if (self->worker != NULL)
    give_up (self, "the parent ordered a worker, and has one");

  pcall_remote_launch_from_variant (&launch, value);
  if (!start_worker (self, &launch, &error))
    pcall_uplink_send (&self->up, PCALL_FRAME_UNABLE, 0, g_variant_new_string (error->message));
  /* While the worker begins, nothing waits for this. */
  else
    pcall_heir_start (&self->up);
  pcall_remote_launch_clear (&launch);
}

/* That a worker has ended was told; by that the parent knows that the call has not begun. */
static void
take_call (Agent            *self,
           const PcallFrame *frame)
{
  WaitingCall *call;

  if (self->worker == NULL)
    return;
  if (!hands_on (self))
    {
      send_back (self, frame->call_index);
      return;
    }

  call = g_new (WaitingCall, 1);
  *call = (WaitingCall) { frame->call_index, pcall_payload_ref (frame->payload) };
  g_queue_push_tail (&self->waiting, call);
  begin_next (self);
}

static void
end_worker (Agent *self,
            gint64 grace)
{
  self->ordered = self->ending = TRUE;
  send_all_back (self);
  pcall_peer_terminate (self->worker, grace);
}

/* Where it does not wait and does not run either, it has ended: that was told. */
static void
withdraw_call (Agent *self,
               guint  index,
               gint64 grace)
{
  GList *l = self->waiting.head;

  while (l != NULL && ((WaitingCall *) l->data)->index != index)
    l = l->next;
  if (l != NULL)
    {
      send_back (self, index);
      waiting_call_free (l->data);
      g_queue_delete_link (&self->waiting, l);
    }
  else if (self->worker != NULL && self->call == index && grace >= 0)
    {
      self->condemned = TRUE;
      end_worker (self, grace);
    }
}

static void
take_frame (Agent            *self,
            const PcallFrame *frame)
{
  g_autoptr (GVariant) value =
      pcall_payload_get_value (frame->payload, pcall_frame_payload_type (frame->type));

  if (frame->type == PCALL_FRAME_LAUNCH)
    take_launch (self, value);
  else if (frame->type == PCALL_FRAME_CALL)
    take_call (self, frame);
  else if (frame->type == PCALL_FRAME_COMMON && self->worker != NULL)
    pcall_peer_send (self->worker, PCALL_FRAME_COMMON, 0, value);
  else if (frame->type == PCALL_FRAME_STOP && self->worker != NULL)
    stop_worker (self);
  else if (frame->type == PCALL_FRAME_TERMINATE && self->worker != NULL)
    end_worker (self, g_variant_get_int64 (value));
  else if (frame->type == PCALL_FRAME_WITHDRAW)
    withdraw_call (self, frame->call_index, g_variant_get_int64 (value));
  else if (frame->type == PCALL_FRAME_PING)
    pcall_uplink_send (&self->up, PCALL_FRAME_PONG, 0, nothing ());
}

static void
uplink_ready (gpointer data,
              guint32  events)
{
  Agent *self = data;
  g_autoptr (GError) error = NULL;
  PcallChannelStatus status =
      pcall_channel_receive (&self->up, G_MAXSSIZE, &self->frames, &error);
  PcallFrame *frame;

  while ((frame = pcall_frame_queue_pop (&self->frames)) != NULL)
    {
      take_frame (self, frame);
      pcall_frame_free (frame);
    }

  if (status == PCALL_CHANNEL_BROKEN)
    give_up (self, error->message);
  if (status == PCALL_CHANNEL_CLOSED)
    leave (self, EXIT_SUCCESS);
}

/* From whoever runs this machine */

static void
signal_came (gpointer data,
             guint32  events)
{
  Agent *self = data;

  if (!take_signal (self))
    return;
  if (self->worker == NULL)
    leave (self, EXIT_SUCCESS);
  if (self->call < 0)
    retire_worker (self);
}

static gboolean
watch_signals (Agent   *self,
               GError **error)
{
  sigset_t set;

  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigprocmask (SIG_BLOCK, &set, NULL);
  self->signal_fd = pcall_fd_lift (signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (self->signal_fd >= 0)
    return pcall_engine_watch (self->engine, &self->signal_watch, self->signal_fd, EPOLLIN,
                               signal_came, self, error);

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "signalfd: %s", g_strerror (errno));
  return FALSE;
}

/* The beginning */

/* Where this program stands, the worker program does, too, however it was copied there. */
static void
find_worker_dir (void)
{
  g_autofree char *self = g_file_read_link ("/proc/self/exe", NULL);
  g_autofree char *directory = self != NULL ? g_path_get_dirname (self) : NULL;

  if (directory != NULL)
    g_setenv (ENV_WORKER_DIR, directory, FALSE);
}

static gboolean
open_agent (Agent   *self,
            GError **error)
{
  find_worker_dir ();
  if (!pcall_uplink_open (&self->up, parent_is_gone, self, error))
    return FALSE;

  self->engine = pcall_engine_new (error);
  if (self->engine == NULL)
    return FALSE;
  if (!watch_signals (self, error) ||
      !pcall_engine_watch (self->engine, &self->up_watch, self->up.fd, EPOLLIN, uplink_ready, self,
                           error))
    return FALSE;

  pcall_uplink_greet (&self->up);
  return TRUE;
}

int
main (void)
{
  Agent agent = { .call = -1, .refused = -1, .signal_fd = -1, .log = { .fd = -1, .out = -1 } };
  g_autoptr (GError) error = NULL;

  if (!open_agent (&agent, &error))
    {
      fprintf (stderr, "pcall-agent: %s\n", error->message);
      return EXIT_FAILURE;
    }

  for (;;)
    {
      pcall_engine_wait (agent.engine, -1);
      pcall_engine_dispatch (agent.engine, G_MAXUINT);
    }
}
