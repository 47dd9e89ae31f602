/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-scheduler-private.h"

#include <signal.h>

#include "pcall-error.h"
#include "pcall-limits-private.h"
#include "pcall-log-delivery-private.h"
#include "pcall-run-private.h"

/* Which call runs where, and when.
 *
 * Calls wait in order of their index: those before `next_call` have been taken, save a few that
 * wait in `retries` because their child could not be started for want of room, or died in its lock
 * trial. A call that was taken is in `runs` until its child has ended.
 *
 * Children are started in bursts of a few milliseconds, each followed by a pause, so that the main
 * loop gets to all that it has to do between them. When the system has no room for one more child
 * (descriptors, processes, memory) while others run, the rest wait until one of those has ended.
 *
 * A function that is told something may call back: join, terminate, dispatch. So telling comes
 * last in each step, and every loop looks anew at what there is. */

#define FIRST_BURST_US 10000
#define BURST_US 4000
#define PAUSE_US 1000

/* How often, and after how long, to look whether others have made room: a second in all. */
#define MAX_STARVED 50
#define STARVED_PAUSE_US 20000

/* Forks until a child gets through its lock trial. Seen: up to 73 % fail; 0.73^100 is 10^-14. */
#define MAX_ATTEMPTS 100

/* Of this process, for a child: its channel, its pidfd, and its log where that is read as it comes */
#define DESCRIPTORS_PER_CHILD 2
#define DESCRIPTORS_PER_LIVE_CHILD 3

/* How long dropping a task may wait for its children to go. */
#define ABANDON_WAIT_US 10000

typedef struct
{
  guint index;
  guint attempt;
  int   child; /* as in PcallJob */
} Retry;

struct _PcallScheduler
{
  PcallEngine               *engine;
  PcallCallList             *calls;
  GPtrArray                 *targets;
  const PcallSchedulerFuncs *funcs; /* NULL once abandoned */
  gpointer                   data;

  PcallSchedulerOptions      options;
  guint                      n_calls;
  guint                      max_children;

  PcallStartContext          context;
  PcallRunSetup              setup;
  gboolean                   surveyed;

  guint                      next_call;
  GQueue                     retries; /* Retry */
  GQueue                     runs;    /* PcallRun, by their own links */
  GList                     *held;    /* of these, the first that was not let go; all after it too */
  guint                      n_gone;  /* of these, those that were let go */
  guint                      n_over;  /* of these, those whose call is over */
  guint                      telling; /* how deep we are in telling the end of a call */
  PcallChildList            *children;
  gboolean                   started;
  gboolean                   crowded;
  guint                      n_starved; /* how often in a row there was no room for any child */
  PcallTimer                 pause_timer;
  PcallTimer                 deadline_timer;
  PcallLogDelivery          *logs; /* NULL: there are none, or nobody is told any more */

  PcallCallState             stop_state; /* of calls that were not begun; PENDING: not stopped */
  char                      *stop_reason;
  gboolean                   finished;
};

static gboolean
is_stopped (PcallScheduler *self)
{
  return self->stop_state != PCALL_CALL_STATE_PENDING;
}

static gboolean
has_waiting_calls (PcallScheduler *self)
{
  return self->retries.length > 0 || self->next_call < self->n_calls;
}

static gboolean
has_room (PcallScheduler *self)
{
  /* The end of a process takes about as long as its beginning. So when a call is over the next child
   * is made; it is held until the one before it is gone, with all that it had. */
  return !self->crowded && self->runs.length - self->n_over < self->max_children &&
         self->n_over <= self->max_children;
}

static gboolean
can_start (PcallScheduler *self)
{
  return has_waiting_calls (self) && (is_stopped (self) || has_room (self));
}

static void
go_on (gpointer data)
{
  PcallScheduler *self = data;

  self->crowded = FALSE;
}

static void
pause_for (PcallScheduler *self,
           gint64          length)
{
  pcall_engine_set_timer (self->engine, &self->pause_timer, g_get_monotonic_time () + length, go_on,
                          self);
}

static Retry
take_call (PcallScheduler *self)
{
  Retry *retry = g_queue_pop_head (&self->retries);
  Retry taken;

  if (retry == NULL)
    return (Retry) { self->next_call++, 0, -1 };

  taken = *retry;
  g_free (retry);
  return taken;
}

static void
put_back (PcallScheduler *self,
          Retry           call)
{
  g_queue_push_head (&self->retries, g_memdup2 (&call, sizeof call));
}

static void
stop_all (PcallScheduler *self,
          PcallCallState  state,
          const char     *reason)
{
  if (self->finished || is_stopped (self))
    return;

  self->stop_state = state;
  self->stop_reason = g_strdup (reason);
  for (GList *l = self->runs.head; l != NULL; l = l->next)
    pcall_run_end (l->data, state, reason);

  /* Calls that wait are finished from the loop, so that nothing is told from in here. */
  pause_for (self, 0);
}

static void
after_failure (PcallScheduler *self)
{
  if (self->options.failure_policy == PCALL_FAILURE_POLICY_STOP && !is_stopped (self))
    stop_all (self, PCALL_CALL_STATE_CANCELLED, "cancelled, because another call failed");
}

/* That all is over is told only when this has been told, though somebody who is told may join. */
static void
tell_finished_call (PcallScheduler *self,
                    guint           index)
{
  if (pcall_call_list_get_state (self->calls, index) != PCALL_CALL_STATE_SUCCEEDED)
    after_failure (self);
  if (self->funcs == NULL)
    return;

  self->telling++;
  self->funcs->call_finished (index, self->data);
  self->telling--;
}

static void
finish_unstarted (PcallScheduler *self,
                  guint           index,
                  PcallCallState  state,
                  PcallError      code,
                  const char     *reason)
{
  g_autofree char *call = pcall_call_list_describe (self->calls, index);

  if (pcall_call_list_finish (self->calls, index, state, NULL,
                              g_error_new (PCALL_ERROR, code, "%s: %s", call, reason), NULL))
    tell_finished_call (self, index);
}

static void
drop_next (PcallScheduler *self)
{
  const PcallExit unknown = { .known = FALSE };
  gboolean timed_out = self->stop_state == PCALL_CALL_STATE_TIMED_OUT;
  Retry next = take_call (self);

  if (next.child >= 0)
    pcall_child_list_set_exit (self->children, next.child, &unknown);
  finish_unstarted (self, next.index, self->stop_state,
                    timed_out ? PCALL_ERROR_TIMED_OUT : PCALL_ERROR_CANCELLED, self->stop_reason);
}

/* There is room again when a child has ended. Where there is none, others have taken it: the first
 * call of a task fails then, and later ones look again for a while. */
static gboolean
wait_for_room (PcallScheduler *self)
{
  if (self->runs.length == 0 && (!self->started || self->n_starved++ >= MAX_STARVED))
    return FALSE;

  self->crowded = TRUE;
  if (self->runs.length == 0)
    pause_for (self, STARVED_PAUSE_US);
  return TRUE;
}

/* Makes a child for the next call, which let_go() lets go on. NULL without an error where
 * there is no room for it while others run: then the call waits. */
static PcallRun *
make_next (PcallScheduler *self,
           guint          *index,
           GError        **error)
{
  Retry next = take_call (self);
  gboolean one_target = self->targets->len == 1;
  PcallJob job = { next.index, g_ptr_array_index (self->targets, one_target ? 0 : next.index),
                   next.attempt, next.child };
  g_autoptr (GError) failure = NULL;
  int error_number = 0;
  PcallRun *run = pcall_run_new (&self->setup, &job, &error_number, &failure);

  *index = next.index;
  if (run != NULL)
    {
      self->n_starved = 0;
      g_queue_push_tail_link (&self->runs, pcall_run_get_link (run));
      if (self->held == NULL)
        self->held = pcall_run_get_link (run);
      return run;
    }

  if (pcall_limits_is_want_of_room (error_number) && wait_for_room (self))
    {
      put_back (self, next);
      return NULL;
    }

  g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

static void
let_go (PcallScheduler *self)
{
  while (self->held != NULL && self->n_gone < self->max_children && !is_stopped (self))
    {
      PcallRun *run = self->held->data;

      self->held = self->held->next;
      self->n_gone++;
      pcall_run_go (run);
    }
}

static void
start_or_fail_next (PcallScheduler *self)
{
  g_autoptr (GError) error = NULL;
  guint index;
  PcallRun *run = make_next (self, &index, &error);

  if (run != NULL)
    let_go (self);
  else if (error != NULL)
    finish_unstarted (self, index, PCALL_CALL_STATE_FAILED, error->code, error->message);
}

static void
release (PcallScheduler *self)
{
  if (self->engine != NULL)
    {
      pcall_engine_unset_timer (self->engine, &self->pause_timer);
      pcall_engine_unset_timer (self->engine, &self->deadline_timer);
    }
  g_clear_pointer (&self->logs, pcall_log_delivery_free);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  pcall_start_context_close (&self->context);
}

static gboolean
is_over (PcallScheduler *self)
{
  return self->runs.length == 0 && !has_waiting_calls (self);
}

/* Whether somebody further out is at the end of the task, and called us. */
static gboolean
is_ending (PcallScheduler *self)
{
  return self->telling > 0 || (self->logs != NULL && pcall_log_delivery_is_writing (self->logs));
}

static void
check_finished (PcallScheduler *self)
{
  if (self->finished || is_ending (self) || !is_over (self))
    return;

  if (self->logs != NULL &&
      !pcall_log_delivery_complete (self->logs, g_get_monotonic_time () + BURST_US))
    return;

  self->finished = TRUE;
  release (self);
  if (self->funcs != NULL)
    self->funcs->finished (self->data);
}

static void
survey (PcallScheduler *self)
{
  /* Other threads may change what was seen at any time. */
  if (self->surveyed && !self->context.has_threads)
    return;

  self->context.methods->survey (&self->context);
  self->surveyed = TRUE;
}

static void
start_or_drop_next (PcallScheduler *self)
{
  if (is_stopped (self))
    {
      drop_next (self);
    }
  else
    {
      survey (self);
      start_or_fail_next (self);
    }
}

/* Begins nothing that would, going by the longest step since @begun, last longer than @length. */
static void
burst (PcallScheduler *self,
       gint64          begun,
       gint64          length)
{
  gint64 now = g_get_monotonic_time ();
  gint64 longest = now - begun;

  while (can_start (self))
    {
      gint64 before = now;

      if (now + longest - begun > length)
        {
          pause_for (self, PAUSE_US);
          return;
        }

      start_or_drop_next (self);
      now = g_get_monotonic_time ();
      longest = MAX (longest, now - before);
    }
}

void
pcall_scheduler_dispatch (PcallScheduler *self,
                          gint64          until)
{
  let_go (self);
  if (self->finished)
    return;

  /* Who waits here has nothing else to do, so there is no pause; and it does not wait for nothing. */
  if (can_start (self) || is_over (self))
    until = 0;
  pcall_engine_dispatch (self->engine, until);
  let_go (self);
  burst (self, g_get_monotonic_time (), BURST_US);
  check_finished (self);
}

void
pcall_scheduler_touch (PcallScheduler *self)
{
  self->surveyed = FALSE;
}

/* What a run tells */

static void
run_begun (PcallRun *run,
           gboolean  first,
           gpointer  data)
{
  PcallScheduler *self = data;
  guint index = pcall_run_get_job (run)->index;

  if (self->logs != NULL)
    pcall_log_delivery_begin (self->logs, index);
  if (first && self->funcs != NULL)
    self->funcs->call_started (index, self->data);
}

static void
run_progressed (PcallRun   *run,
                gdouble     fraction,
                const char *text,
                gpointer    data)
{
  PcallScheduler *self = data;

  if (self->funcs != NULL)
    self->funcs->call_progressed (pcall_run_get_job (run)->index, fraction, text, self->data);
}

static void
run_messaged (PcallRun     *run,
              PcallPayload *message,
              gpointer      data)
{
  PcallScheduler *self = data;

  if (self->funcs != NULL)
    self->funcs->call_message (pcall_run_get_job (run)->index, message, self->data);
}

static void
tell_exited_child (PcallScheduler *self,
                   gboolean        begun,
                   guint           child)
{
  self->telling++;
  if (begun && self->funcs != NULL)
    self->funcs->child_exited (child, self->data);
  self->telling--;
}

static void
finish_run (PcallScheduler *self,
            PcallRun       *run)
{
  guint index = pcall_run_get_job (run)->index;
  guint child;
  gboolean begun = pcall_run_get_child (run, &child);

  if (self->funcs == NULL && !self->options.keep_logs)
    pcall_run_discard_log (run);
  if (self->calls == NULL)
    {
      pcall_run_free (run);
      return;
    }

  pcall_run_settle (run, self->options.keep_logs);
  pcall_run_free (run);

  self->telling++;
  if (self->logs != NULL)
    pcall_log_delivery_end (self->logs, index);
  self->telling--;
  tell_exited_child (self, begun, child);
  tell_finished_call (self, index);
}

/* Nothing of the call has run. */
static void
try_again (PcallScheduler *self,
           PcallRun       *run)
{
  PcallJob job = *pcall_run_get_job (run);
  guint child;
  gboolean begun = pcall_run_get_child (run, &child);

  pcall_run_discard_log (run);
  pcall_run_free (run);
  if (job.attempt + 1 < MAX_ATTEMPTS)
    put_back (self, (Retry) { job.index, job.attempt + 1, begun ? (int) child : -1 });
  else
    finish_unstarted (self, job.index, PCALL_CALL_STATE_FAILED, PCALL_ERROR_START,
                      "other threads of this process held locks of GLib at every fork");
}

static void
run_over (PcallRun *run,
          gpointer  data)
{
  PcallScheduler *self = data;

  self->n_over++;
}

static void
run_ended (PcallRun *run,
           gpointer  data)
{
  PcallScheduler *self = data;
  GList *link = pcall_run_get_link (run);

  if (self->held == link)
    self->held = link->next;
  g_queue_unlink (&self->runs, link);
  self->n_gone -= pcall_run_has_gone (run);
  self->n_over -= pcall_run_is_over (run);
  self->crowded = FALSE;

  if (pcall_run_is_to_be_tried_again (run))
    try_again (self, run);
  else
    finish_run (self, run);
}

static const PcallRunFuncs run_funcs = {
  .begun = run_begun,
  .progressed = run_progressed,
  .messaged = run_messaged,
  .over = run_over,
  .ended = run_ended,
};

/* Ends */

void
pcall_scheduler_stop (PcallScheduler *self,
                      const char     *reason)
{
  stop_all (self, PCALL_CALL_STATE_CANCELLED, reason);
}

static void
deadline_passed (gpointer data)
{
  PcallScheduler *self = data;
  g_autofree char *reason = g_strdup_printf ("the task's deadline of %g s passed",
                                             self->options.deadline / (gdouble) G_USEC_PER_SEC);

  stop_all (self, PCALL_CALL_STATE_TIMED_OUT, reason);
}

/* Beginning */

static gboolean
make_first (PcallScheduler *self,
            GError        **error)
{
  g_autofree char *call = NULL;
  guint index;

  if (self->n_calls == 0)
    return TRUE;

  survey (self);
  if (make_next (self, &index, error) != NULL)
    return TRUE;

  call = pcall_call_list_describe (self->calls, index);
  g_prefix_error (error, "%s: ", call);
  return FALSE;
}

static guint
find_max_children (guint                        n_calls,
                   const PcallSchedulerOptions *options)
{
  if (options->max_children != 0)
    return options->max_children;
  return pcall_limits_find_room (n_calls, options->log_mode == PCALL_LOG_MODE_LIVE
                                              ? DESCRIPTORS_PER_LIVE_CHILD
                                              : DESCRIPTORS_PER_CHILD);
}

PcallScheduler *
pcall_scheduler_new (PcallEngine                 *engine,
                     PcallCallList               *calls,
                     PcallArguments              *arguments,
                     GPtrArray                   *targets,
                     const PcallSchedulerOptions *options,
                     const PcallSchedulerFuncs   *funcs,
                     gpointer                     data)
{
  PcallScheduler *self = g_new0 (PcallScheduler, 1);

  self->engine = pcall_engine_ref (engine);
  self->calls = pcall_call_list_ref (calls);
  self->n_calls = pcall_call_list_get_n_calls (calls);
  self->targets = g_ptr_array_ref (targets);
  self->options = *options;
  self->funcs = funcs;
  self->data = data;
  self->max_children = find_max_children (self->n_calls, options);
  pcall_start_context_init (&self->context, &pcall_start_fork, arguments);
  self->setup = (PcallRunSetup) { engine, &self->context, calls, NULL,
                                  options->timeout, options->grace_period, &run_funcs, self };
  return self;
}

/* The first child of a process finds out how records get into its log. Others need not, and a child
 * whose call has begun is never replaced, if they are made when that is known. */
static void
wait_for_first (PcallScheduler *self,
                gint64          until)
{
  while (self->context.log != NULL && pcall_log_route_get () == PCALL_LOG_ROUTE_UNKNOWN &&
         self->runs.head != NULL && pcall_run_finds_out (self->runs.head->data) &&
         g_get_monotonic_time () < until)
    pcall_engine_dispatch (self->engine, until);
}

static gboolean
prepare_logs (PcallScheduler *self,
              GError        **error)
{
  if (self->context.log == NULL)
    return TRUE;

  pcall_call_list_set_log (self->calls, self->context.log);
  self->logs = pcall_log_delivery_new (self->engine, self->context.log, self->calls, self->children,
                                       self->options.log_mode == PCALL_LOG_MODE_LIVE,
                                       self->options.keep_logs, error);
  return self->logs != NULL;
}

gboolean
pcall_scheduler_start (PcallScheduler *self,
                       GError        **error)
{
  gint64 begun = g_get_monotonic_time ();

  if (!pcall_start_context_open (&self->context, self->options.log_mode, self->options.log_directory,
                                 self->options.keep_logs, error))
    return FALSE;

  self->children = self->setup.children = pcall_child_list_new (self->calls);
  if (!prepare_logs (self, error) || !make_first (self, error))
    return FALSE;

  if (self->options.deadline > 0)
    pcall_engine_set_timer (self->engine, &self->deadline_timer,
                            g_get_monotonic_time () + self->options.deadline, deadline_passed,
                            self);
  pause_for (self, 0);

  self->started = TRUE;
  self->funcs->started (self->data);
  let_go (self);
  wait_for_first (self, begun + FIRST_BURST_US);
  burst (self, begun, FIRST_BURST_US);
  return TRUE;
}

static void
free_memory (PcallScheduler *self)
{
  g_clear_pointer (&self->context.arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
  g_clear_pointer (&self->children, pcall_child_list_unref);
  pcall_start_context_clear (&self->context);
  g_queue_clear_full (&self->retries, g_free);
  g_free (self->stop_reason);
  g_free (self);
}

void
pcall_scheduler_free (PcallScheduler *self)
{
  g_assert (self->runs.length == 0);

  release (self);
  free_memory (self);
}

void
pcall_scheduler_forget (PcallScheduler *self)
{
  GList *link;

  while ((link = g_queue_pop_head_link (&self->runs)) != NULL)
    pcall_run_free (link->data);
  g_clear_pointer (&self->engine, pcall_engine_unref);
  free_memory (self);
}

/* Dropped while running */

static void
run_until (PcallScheduler *self,
           gint64          until)
{
  do
    pcall_scheduler_dispatch (self, until);
  while (!self->finished && (until < 0 || g_get_monotonic_time () < until));
}

static gpointer
reap (gpointer data)
{
  PcallScheduler *self = data;
  sigset_t all;

  /* The application's handlers are for its own threads. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, NULL);

  run_until (self, -1);
  pcall_scheduler_free (self);
  return NULL;
}

/* Lets go of all that another thread may use. */
static void
detach (PcallScheduler *self)
{
  for (GList *l = self->runs.head; l != NULL; l = l->next)
    pcall_run_detach (l->data);

  g_clear_pointer (&self->children, pcall_child_list_unref);
  g_clear_pointer (&self->context.arguments, pcall_arguments_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->calls, pcall_call_list_unref);
}

void
pcall_scheduler_abandon (PcallScheduler *self)
{
  static const char reason[] = "the task was dropped";
  GThread *thread = NULL;

  self->funcs = NULL;
  if (self->logs != NULL)
    pcall_log_delivery_abort (self->logs);
  g_clear_pointer (&self->logs, pcall_log_delivery_free);
  self->next_call = self->n_calls;
  g_queue_clear_full (&self->retries, g_free);
  pcall_scheduler_stop (self, reason);
  run_until (self, g_get_monotonic_time () + ABANDON_WAIT_US);

  pcall_call_list_abandon (self->calls, reason);
  pcall_child_list_abandon (self->children);
  detach (self);
  if (!self->finished)
    thread = g_thread_try_new ("pcall-reaper", reap, self, NULL);
  if (thread != NULL)
    {
      g_thread_unref (thread);
      return;
    }

  run_until (self, -1);
  pcall_scheduler_free (self);
}

gboolean
pcall_scheduler_is_over (PcallScheduler *self)
{
  return self->finished || (is_over (self) && is_ending (self));
}

PcallChildList *
pcall_scheduler_get_children (PcallScheduler *self)
{
  return self->children;
}
