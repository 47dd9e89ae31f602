/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-explain-private.h"

#include <errno.h>
#include <string.h>

/* How a runner comes by its child: it is made for it, it was in a pool, or an agent on another
 * machine is to start it. */

static void
channel_closed (gpointer data)
{
  PcallRunner *self = data;

  if (self->klass->closed != NULL && !self->detached)
    self->klass->closed (self);
}

static void
child_ended (gpointer data)
{
  PcallRunner *self = data;

  if (self->klass->ended != NULL && !self->detached)
    self->klass->ended (self);
  pcall_engine_unset_timer (self->setup->engine, &self->timeout);
  pcall_runner_set_state (self, PCALL_RUNNER_ENDED);
}

static void
child_killed (const char *reason,
              gpointer    data)
{
  pcall_explain_killed (data, reason);
}

static const PcallPeerFuncs funcs = {
  .frame = pcall_runner_hear,
  .killed = child_killed,
  .ended = child_ended,
};

/* That it is called makes the peer look whether the child left something unread. */
static const PcallPeerFuncs funcs_with_closed = {
  .frame = pcall_runner_hear,
  .killed = child_killed,
  .closed = channel_closed,
  .ended = child_ended,
};

static void
list_child (PcallRunner *self)
{
  PcallChildList *children = self->setup->children;
  PcallEvent *event;

  if (self->job.child < 0)
    {
      self->child = pcall_child_list_add (children, self->pid, self->job.index);
      pcall_child_list_set_host (children, self->child, pcall_peer_get_host (self->peer));
      return;
    }

  self->child = self->job.child;
  event = pcall_runner_add_event (self, PCALL_EVENT_CHILD_REPLACED, self->child);
  if (event != NULL)
    event->pid = self->pid;
}

/* Not by calloc(), which gives other memory than was freed last. What is written for the first time
 * since a fork costs the parent a page fault. */
static PcallRunner *
make_runner (const PcallRunnerClass *klass,
             const PcallRunnerSetup *setup,
             const PcallJob         *job)
{
  PcallRunner *self = memset (g_malloc (klass->size), 0, klass->size);

  self->klass = klass;
  self->setup = setup;
  self->job = *job;
  self->link.data = self;
  self->has_call = TRUE;
  return self;
}

PcallRunner *
pcall_runner_new_warm (const PcallRunnerSetup *setup,
                       const PcallJob         *job,
                       PcallWarmWorker        *worker)
{
  PcallRunner *self = make_runner (&pcall_runner_push, setup, job);

  self->pid = pcall_peer_get_pid (worker->peer);
  self->n_ended = worker->n_ended;
  self->klass->warm (self, worker);
  if (!pcall_peer_enter (worker->peer, setup->engine, &funcs_with_closed, self, NULL))
    {
      pcall_peer_destroy (worker->peer);
      pcall_runner_free (self);
      return NULL;
    }

  self->peer = worker->peer;
  self->made = g_get_monotonic_time ();
  list_child (self);
  pcall_explain_taken (self);
  return self;
}

PcallRunner *
pcall_runner_new_remote (const PcallRunnerSetup *setup,
                         const PcallJob         *job,
                         PcallPeer              *peer)
{
  PcallRunner *self = make_runner (&pcall_runner_away, setup, job);

  self->made = g_get_monotonic_time ();
  self->peer = peer;
  if (!pcall_peer_enter (peer, setup->engine, &funcs_with_closed, self, NULL))
    {
      pcall_runner_free (self);
      return NULL;
    }

  list_child (self);
  pcall_explain (setup->events, "call %u: an agent on %s is to start a worker for it", job->index,
                 pcall_peer_get_host (peer));
  return self;
}

void
pcall_runner_learn_pid (PcallRunner *self,
                        pid_t        pid)
{
  PcallEvent *event = pcall_runner_add_event (self, PCALL_EVENT_CHILD_REPLACED, self->child);

  self->pid = pid;
  if (event != NULL)
    event->pid = pid;
}

PcallRunner *
pcall_runner_new (const PcallRunnerClass *klass,
                  const PcallRunnerSetup *setup,
                  const PcallJob         *job,
                  int                    *error_number,
                  GError                **error)
{
  PcallStarted started = { .error_number = 0 };
  gint64 before = g_get_monotonic_time ();
  PcallRunner *self;

  if (!job->methods->start (setup->context, job, &started, error))
    {
      *error_number = started.error_number;
      return NULL;
    }

  self = make_runner (klass, setup, job);
  self->started = started;
  self->pid = started.process.pid;
  self->made = before;
  self->peer = pcall_peer_new (setup->engine, &started, setup->context->nonce,
                               klass->closed != NULL ? &funcs_with_closed : &funcs, self, error);
  if (self->peer != NULL)
    {
      list_child (self);
      pcall_explain_made (self, g_get_monotonic_time () - before);
      return self;
    }

  *error_number = ENOMEM;
  pcall_runner_free (self);
  return NULL;
}
