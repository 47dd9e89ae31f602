/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-scheduler-parts-private.h"

#include "base/pcall-limits-private.h"

/* Assigning calls to children.
 *
 * Calls wait for their turn; one whose turn it is gets a child of its own, or is given to a worker
 * that has none. Those children are told to end when no call waits, or when the
 * next one needs another child and there is no room.
 *
 * Children are started in bursts of a few milliseconds, each followed by a pause, so that the main
 * loop gets to all that it has to do between them. When the system has no room for one more child
 * (descriptors, processes, memory) while others run, the rest wait until one of those has ended. */

#define PAUSE_US 1000

/* How often, and after how long, to look whether others have made room: a second in all. */
#define MAX_STARVED 50
#define STARVED_PAUSE_US 20000

static gboolean
has_waiting_calls (PcallScheduler *self)
{
  return pcall_queue_are_left (&self->queue);
}

PcallJob
pcall_scheduler_make_job (PcallScheduler *self,
                          PcallTurn       turn,
                          int             slot)
{
  gboolean one_target = self->targets->len == 1;
  PcallTarget *target = g_ptr_array_index (self->targets, one_target ? 0 : turn.index);

  return (PcallJob) {
    .index = turn.index,
    .end = turn.end,
    .attempt = turn.attempt,
    .child = turn.child,
    .slot = slot,
    .target = target,
    .methods = pcall_start_choose (target, self->options.start_method, NULL),
  };
}

static PcallRunner *
find_waiting_child (PcallScheduler *self)
{
  PcallJob job;

  if (self->roster.idle.length == 0)
    return NULL;
  job = pcall_scheduler_make_job (self, pcall_queue_peek (&self->queue), -1);
  return job.methods->takes_calls ? pcall_roster_find (&self->roster, &job) : NULL;
}

/* Whether the next call may have one child more, of those that take calls. */
static gboolean
may_have_worker (PcallScheduler *self)
{
  if (self->options.crew != NULL)
    return self->roster.n < self->room.max_workers && pcall_scheduler_has_arrival (self);
  return self->roster.n < self->room.max_workers ||
         !pcall_scheduler_make_job (self, pcall_queue_peek (&self->queue), -1).methods->takes_calls;
}

static gboolean
has_room (PcallScheduler *self)
{
  /* The end of a process takes about as long as its beginning. So when a call is over the next
   * child is made; it is held until the one before it is gone, with all that it had. */
  return !self->room.crowded &&
         self->crew.all.length - self->crew.n_over < self->room.max_children &&
         self->crew.n_over <= self->room.max_children && may_have_worker (self) &&
         (!self->shares || pcall_ledger_has_slot (self->context.ledger));
}

gboolean
pcall_scheduler_can_assign (PcallScheduler *self)
{
  return has_waiting_calls (self) &&
         (pcall_scheduler_is_stopped (self) || find_waiting_child (self) != NULL ||
          has_room (self));
}

static void
go_on (gpointer data)
{
  PcallScheduler *self = data;

  self->room.crowded = FALSE;
}

void
pcall_scheduler_pause (PcallScheduler *self,
                       gint64          length)
{
  pcall_engine_set_timer (self->engine, &self->timers.pause, g_get_monotonic_time () + length,
                          go_on, self);
}

/* There is room again when a child has ended. Where there is none, others have taken it: the first
 * call of a task fails then, and later ones look again for a while. */
static gboolean
wait_for_room (PcallScheduler *self,
               const GError   *reason)
{
  if (self->crew.all.length == 0 && (!self->started || self->room.n_starved++ >= MAX_STARVED))
    return FALSE;

  pcall_explain (&self->events, "there is no room for one more child than %u: %s",
                 self->crew.all.length, reason->message);
  self->room.crowded = TRUE;
  if (self->crew.all.length == 0)
    pcall_scheduler_pause (self, STARVED_PAUSE_US);
  return TRUE;
}

/* Those that take calls wait by themselves for what they are given. */
static void
join_crew (PcallScheduler *self,
           PcallRunner    *runner)
{
  GList *link = pcall_runner_get_link (runner);

  self->room.n_starved = 0;
  if (pcall_runner_get_job (runner)->methods->takes_calls)
    {
      g_queue_push_head_link (&self->crew.all, link);
      pcall_roster_add (&self->roster, runner);
      pcall_runner_release (runner);
      return;
    }

  g_queue_push_tail_link (&self->crew.all, link);
  if (self->crew.held == NULL)
    self->crew.held = link;
}

/* Whose turn it is, and where; FALSE if children have taken all that there was. */
static gboolean
take_turn (PcallScheduler *self,
           PcallTurn      *turn,
           PcallJob       *job)
{
  int slot = self->shares ? pcall_ledger_open_slot (self->context.ledger) : -1;

  if (!pcall_queue_take (&self->queue, slot, turn))
    {
      pcall_ledger_close_slot (self->context.ledger, slot);
      return FALSE;
    }

  if (self->shares && self->context.log != NULL)
    pcall_ledger_set_log (self->context.ledger, slot, turn->index);
  *job = pcall_scheduler_make_job (self, *turn, slot);
  return TRUE;
}

static const PcallRunnerClass *
choose_class (const PcallJob *job)
{
  if (job->slot >= 0)
    return &pcall_runner_pull;
  return job->methods->takes_calls ? &pcall_runner_push : &pcall_runner_once;
}

/* A call that was on its way to a dead worker before gets a fresh one: others in the pool may be
 * dead, too, and nobody know it yet. */
static PcallRunner *
find_in_pool (PcallScheduler *self,
              const PcallJob *job)
{
  PcallWarmWorker worker;

  if (self->options.pool == NULL || !job->methods->takes_calls || job->attempt > 0 ||
      !pcall_pool_take (self->options.pool, job->target, self->context.conditions,
                        self->options.calls_per_worker, &worker))
    return NULL;
  return pcall_runner_new_warm (&self->setup, job, &worker);
}

/* NULL without an error where no agent is there any more, which another task has. */
static PcallRunner *
make_runner (PcallScheduler *self,
             const PcallJob *job,
             int            *error_number,
             GError        **error)
{
  PcallRunner *runner;

  if (self->options.crew != NULL)
    return pcall_scheduler_send_away (self, job);

  runner = find_in_pool (self, job);
  return runner != NULL
             ? runner
             : pcall_runner_new (choose_class (job), &self->setup, job, error_number, error);
}

/* Makes a child for the next call, which pcall_scheduler_release() lets go on. NULL without an
 * error where there is no room for it while others run: then the call waits. @job says which it
 * is. */
static PcallRunner *
make_next (PcallScheduler *self,
           PcallJob       *job,
           GError        **error)
{
  g_autoptr (GError) failure = NULL;
  int error_number = 0;
  PcallTurn next;
  PcallRunner *runner;

  if (!take_turn (self, &next, job))
    return NULL;

  runner = make_runner (self, job, &error_number, &failure);
  if (runner != NULL)
    {
      join_crew (self, runner);
      return runner;
    }

  if (job->slot >= 0)
    pcall_ledger_close_slot (self->context.ledger, job->slot);
  if (failure == NULL ||
      (pcall_limits_is_want_of_room (error_number) && wait_for_room (self, failure)))
    {
      pcall_queue_put_back (&self->queue, job->slot, next);
      return NULL;
    }

  g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

void
pcall_scheduler_release (PcallScheduler *self)
{
  while (self->crew.held != NULL && self->crew.n_released < self->room.max_children &&
         !pcall_scheduler_is_stopped (self))
    {
      PcallRunner *runner = self->crew.held->data;

      self->crew.held = self->crew.held->next;
      self->crew.n_released++;
      pcall_runner_release (runner);
    }
}

/* The first call fails. */
static void
put_back_rest (PcallScheduler *self,
               const PcallJob *job)
{
  PcallTurn rest = { job->index + 1, job->end, 0, -1 };

  if (rest.index < rest.end)
    pcall_queue_put_back (&self->queue, job->slot, rest);
}

static void
start_or_fail_next (PcallScheduler *self)
{
  g_autoptr (GError) error = NULL;
  PcallJob job;
  PcallRunner *runner = make_next (self, &job, &error);

  if (runner != NULL)
    pcall_scheduler_release (self);
  else if (error != NULL)
    {
      put_back_rest (self, &job);
      pcall_scheduler_finish_unstarted (self, job.slot, job.index, PCALL_CALL_STATE_FAILED,
                                        error->code, error->message);
    }
}

static void
survey (PcallScheduler *self)
{
  guint now = pcall_monitor_get_n_user_code (self->monitor) + 1;

  /* Other threads may change what was seen at any time. */
  if (self->surveyed == now && !self->context.has_threads)
    return;

  /* Or this thread may, in between. */
  if (self->surveyed != now)
    self->context.mark = 0;
  pcall_start_context_survey (&self->context);
  self->surveyed = now;
}

static void
start_next (PcallScheduler *self)
{
  PcallRunner *waiting = find_waiting_child (self);

  if (waiting != NULL)
    {
      PcallTurn next;
      PcallJob job;

      pcall_queue_take (&self->queue, -1, &next);
      job = pcall_scheduler_make_job (self, next, -1);
      pcall_roster_give (&self->roster, waiting, &job);
      pcall_scheduler_send_ahead (self, waiting);
      return;
    }

  survey (self);
  start_or_fail_next (self);
}

/* Children that wait for calls are of no use where there are none, and in the way where the next
 * call needs another child and has no room. */
static void
retire_children (PcallScheduler *self)
{
  if (!has_waiting_calls (self) && pcall_scheduler_call_back (self))
    return;
  if (self->roster.idle.length == 0)
    return;
  if (!has_waiting_calls (self) && self->queue.is_open)
    return;
  if (!has_waiting_calls (self))
    pcall_roster_retire_all (&self->roster, self->options.pool);
  else if (!pcall_scheduler_can_assign (self))
    pcall_roster_retire (&self->roster, self->options.pool);
}

/* Its call waits for another in its place, which will not be made. */
static void
finish_child (PcallScheduler *self,
              guint           position)
{
  PcallEvent *event = pcall_event_queue_add (&self->events, PCALL_EVENT_CHILD_ENDED, position);

  event->exit = (PcallExit) { .known = FALSE };
}

int
pcall_scheduler_get_own_slot (PcallScheduler *self)
{
  return self->shares ? pcall_ledger_own_slot (self->context.ledger) : -1;
}

void
pcall_scheduler_drop_turn (PcallScheduler  *self,
                           const PcallTurn *turn,
                           PcallCallState   state,
                           const char      *reason)
{
  gboolean timed_out = state == PCALL_CALL_STATE_TIMED_OUT;

  if (turn->child >= 0)
    finish_child (self, turn->child);
  for (guint i = turn->index; i < turn->end; i++)
    pcall_scheduler_finish_unstarted (self, pcall_scheduler_get_own_slot (self), i, state,
                                      timed_out ? PCALL_ERROR_TIMED_OUT : PCALL_ERROR_CANCELLED,
                                      reason);
}

static void
drop_next (PcallScheduler *self)
{
  PcallTurn next;

  if (pcall_queue_take (&self->queue, pcall_scheduler_get_own_slot (self), &next))
    pcall_scheduler_drop_turn (self, &next, self->stop.state, self->stop.reason);
}

static void
start_or_drop_next (PcallScheduler *self)
{
  if (pcall_scheduler_is_stopped (self))
    drop_next (self);
  else
    start_next (self);
}

gboolean
pcall_scheduler_assign_first (PcallScheduler *self,
                              GError        **error)
{
  g_autofree char *call = NULL;
  PcallJob job;

  /* Agents come when they come. */
  if (!has_waiting_calls (self) || self->options.crew != NULL)
    return TRUE;

  survey (self);
  if (make_next (self, &job, error) != NULL)
    return TRUE;

  call = pcall_call_list_describe (self->calls, job.index);
  g_prefix_error (error, "%s: ", call);
  return FALSE;
}

void
pcall_scheduler_assign (PcallScheduler *self,
                        gint64          begun,
                        gint64          length)
{
  gint64 now = g_get_monotonic_time ();
  gint64 longest = now - begun;

  while (pcall_scheduler_can_assign (self))
    {
      gint64 before = now;

      if (now + longest - begun > length)
        {
          pcall_scheduler_pause (self, PAUSE_US);
          return;
        }

      start_or_drop_next (self);
      now = g_get_monotonic_time ();
      longest = MAX (longest, now - before);
    }
  retire_children (self);
  pcall_scheduler_want (self);
}

