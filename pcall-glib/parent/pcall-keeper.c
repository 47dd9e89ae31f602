/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-keeper-private.h"

#include <unistd.h>

#include "base/pcall-lifeline-private.h"
#include "base/pcall-seconds-private.h"
#include "base/pcall-thread-private.h"
#include "start/pcall-command-private.h"

/* Workers between tasks.
 *
 * A worker is kept from when a task has no more calls for it until another task takes it. Here it
 * is idle, or it leaves: it was told that there are no more calls, and is given some time to end,
 * as a task would. What it says here is not its to say, and it is killed.
 *
 * A program may run no loop while there are workers, so a thread looks after them: that they are
 * reaped when they end, and end when they have been idle for long. It is there as long as there is
 * any worker, and so is the engine, which is dispatched by the thread alone, and with the lock.
 *
 * In a forked copy of the process the lock is in whatever state, and the workers are the parent's:
 * nothing is touched there, nor freed.
 *
 * The thread touches no object: a language that wraps them may take locks for that, which another
 * thread holds while it waits for ours. */

/* How long one that leaves may take to end by itself, and then after SIGTERM. */
#define LEAVE_US (3 * G_USEC_PER_SEC)

struct _PcallKeeper
{
  gatomicrefcount ref_count;
  pid_t           owner;
  GMutex          lock;
  gdouble         idle_timeout;
  PcallEngine    *engine; /* NULL where there is no guest */
  GQueue          idle;   /* Guest; the first came last */
  guint           n;      /* guests, those that leave too */
  gboolean        watched; /* by the thread */
  gboolean        closed;
};

typedef struct
{
  PcallKeeper    *keeper;
  PcallWarmWorker worker;
  char          **argv;    /* of its program */
  PcallTimer      timer;   /* idle: when it has been for long; leaving: when it should be gone */
  gboolean        leaving;
} Guest;

static gboolean
is_ours (PcallKeeper *self)
{
  return self->owner == getpid ();
}

PcallKeeper *
pcall_keeper_new (void)
{
  PcallKeeper *self = g_new0 (PcallKeeper, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->owner = getpid ();
  return self;
}

void
pcall_keeper_unref (PcallKeeper *self)
{
  if (!is_ours (self) || !g_atomic_ref_count_dec (&self->ref_count))
    return;

  g_assert (self->n == 0 && self->engine == NULL);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* From here on with the lock, but for the functions of the header. */

/* Forgets a guest, and what it had; not its worker. */
static void
remove_guest (Guest *guest)
{
  PcallKeeper *self = guest->keeper;

  pcall_engine_unset_timer (self->engine, &guest->timer);
  g_queue_remove (&self->idle, guest);
  self->n--;
  pcall_lifeline_release ();
  pcall_conditions_unref (guest->worker.conditions);
  g_strfreev (guest->argv);
  g_free (guest);
}

static void
lose_patience (gpointer data)
{
  Guest *guest = data;

  pcall_peer_terminate (guest->worker.peer, LEAVE_US);
}

static void
begin_to_leave (Guest *guest)
{
  PcallKeeper *self = guest->keeper;

  guest->leaving = TRUE;
  g_queue_remove (&self->idle, guest);
  pcall_engine_set_timer (self->engine, &guest->timer, g_get_monotonic_time () + LEAVE_US,
                          lose_patience, guest);
}

static void
dismiss (gpointer data)
{
  Guest *guest = data;

  if (guest->leaving)
    return;

  begin_to_leave (guest);
  pcall_peer_send (guest->worker.peer, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
}

/* What the engine tells of a worker */

static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  Guest *guest = data;

  begin_to_leave (guest);
  pcall_peer_terminate (guest->worker.peer, 0);
}

/* It is about to end, and nothing reaches it any more. */
static void
channel_closed (gpointer data)
{
  begin_to_leave (data);
}

static void
worker_ended (gpointer data)
{
  Guest *guest = data;
  PcallPeer *peer = guest->worker.peer;

  remove_guest (guest);
  pcall_peer_free (peer);
}

static const PcallPeerFuncs funcs = {
  .frame = frame_came,
  .closed = channel_closed,
  .ended = worker_ended,
};

/* The engine and the thread */

/* Once the last guest has gone, or none came. */
static void
drop_engine (PcallKeeper *self)
{
  if (self->n == 0 && !self->watched)
    g_clear_pointer (&self->engine, pcall_engine_unref);
}

static gpointer
look_after (gpointer data)
{
  PcallKeeper *self = data;

  g_mutex_lock (&self->lock);
  while (self->n > 0)
    {
      g_mutex_unlock (&self->lock);
      pcall_engine_wait (self->engine, -1);
      g_mutex_lock (&self->lock);
      pcall_engine_dispatch (self->engine, G_MAXUINT);
    }
  self->watched = FALSE;
  drop_engine (self);
  g_mutex_unlock (&self->lock);
  pcall_keeper_unref (self);
  return NULL;
}

/* After a guest has gone that the thread did not see go. */
static void
let_thread_end (PcallKeeper *self)
{
  if (self->n == 0)
    pcall_engine_wake (self->engine);
}

static gboolean
start_thread (PcallKeeper *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  if (!pcall_thread_start ("pcall-pool", look_after, self, NULL))
    {
      pcall_keeper_unref (self);
      return FALSE;
    }

  self->watched = TRUE;
  return TRUE;
}

/* What a guest needs. FALSE where it is not to be had: then workers are for their task to end. */
static gboolean
prepare (PcallKeeper *self)
{
  if (self->engine == NULL)
    self->engine = pcall_engine_new (NULL);
  if (self->engine != NULL && pcall_lifeline_hold (NULL))
    return TRUE;

  drop_engine (self);
  return FALSE;
}

/* Putting and taking */

static Guest *
add_guest (PcallKeeper     *self,
           PcallTarget     *target,
           PcallWarmWorker *worker)
{
  gint64 limit = pcall_seconds_to_microseconds (self->idle_timeout);
  Guest *guest = g_new0 (Guest, 1);

  guest->keeper = self;
  guest->worker = *worker;
  pcall_conditions_ref (worker->conditions);
  guest->argv = g_strdupv ((char **) pcall_command_get_argv (target));
  self->n++;
  g_queue_push_head (&self->idle, guest);
  if (limit > 0)
    pcall_engine_set_timer (self->engine, &guest->timer, g_get_monotonic_time () + limit, dismiss,
                            guest);
  return guest;
}

static gboolean
put (PcallKeeper     *self,
     PcallTarget     *target,
     guint            most,
     PcallWarmWorker *worker)
{
  Guest *guest;

  if (self->closed || self->idle.length >= most || !prepare (self))
    return FALSE;

  guest = add_guest (self, target, worker);
  /* A thread that is still there sees the guest before it would end. */
  if (!self->watched && !start_thread (self))
    {
      remove_guest (guest);
      drop_engine (self);
      return FALSE;
    }

  pcall_peer_leave (worker->peer);
  if (!pcall_peer_enter (worker->peer, self->engine, &funcs, guest, NULL))
    {
      /* Nobody would know of its end. */
      remove_guest (guest);
      pcall_peer_destroy (worker->peer);
      let_thread_end (self);
    }
  return TRUE;
}

gboolean
pcall_keeper_put (PcallKeeper     *self,
                  PcallTarget     *target,
                  guint            most,
                  PcallWarmWorker *worker)
{
  gboolean took;

  if (!is_ours (self) || !pcall_peer_is_quiet (worker->peer))
    return FALSE;

  g_mutex_lock (&self->lock);
  took = put (self, target, most, worker);
  g_mutex_unlock (&self->lock);
  return took;
}

static gboolean
may_run (Guest                 *guest,
         const PcallConditions *conditions,
         guint                  limit)
{
  return (limit == 0 || guest->worker.n_ended < limit) &&
         pcall_peer_is_quiet (guest->worker.peer) &&
         pcall_conditions_equal (guest->worker.conditions, conditions);
}

static Guest *
find_guest (PcallKeeper           *self,
            PcallTarget           *target,
            const PcallConditions *conditions,
            guint                  limit)
{
  const char * const *argv = pcall_command_get_argv (target);

  for (GList *l = self->idle.head; l != NULL; l = l->next)
    {
      Guest *guest = l->data;

      if (g_strv_equal ((const char * const *) guest->argv, argv) &&
          may_run (guest, conditions, limit))
        return guest;
    }
  return NULL;
}

gboolean
pcall_keeper_take (PcallKeeper           *self,
                   PcallTarget           *target,
                   const PcallConditions *conditions,
                   guint                  limit,
                   PcallWarmWorker       *worker)
{
  Guest *guest;

  if (!is_ours (self))
    return FALSE;

  g_mutex_lock (&self->lock);
  guest = find_guest (self, target, conditions, limit);
  if (guest != NULL)
    {
      *worker = guest->worker;
      worker->conditions = NULL;
      pcall_peer_leave (worker->peer);
      remove_guest (guest);
      let_thread_end (self);
    }
  g_mutex_unlock (&self->lock);
  return guest != NULL;
}

void
pcall_keeper_close (PcallKeeper *self)
{
  if (!is_ours (self))
    return;

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  while (self->idle.length > 0)
    dismiss (g_queue_peek_head (&self->idle));
  g_mutex_unlock (&self->lock);
}

/* What it is told, and tells */

void
pcall_keeper_set_idle_timeout (PcallKeeper *self,
                               gdouble      idle_timeout)
{
  if (!is_ours (self))
    return;

  g_mutex_lock (&self->lock);
  self->idle_timeout = idle_timeout;
  g_mutex_unlock (&self->lock);
}

gdouble
pcall_keeper_get_idle_timeout (PcallKeeper *self)
{
  gdouble idle_timeout;

  if (!is_ours (self))
    return self->idle_timeout;

  g_mutex_lock (&self->lock);
  idle_timeout = self->idle_timeout;
  g_mutex_unlock (&self->lock);
  return idle_timeout;
}

guint
pcall_keeper_get_n_idle (PcallKeeper *self)
{
  guint n;

  if (!is_ours (self))
    return 0;

  g_mutex_lock (&self->lock);
  n = self->idle.length;
  g_mutex_unlock (&self->lock);
  return n;
}
