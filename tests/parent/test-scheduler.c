/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which call of a task runs where, and when, and what is told of that: in order, once, and only to
 * who drives. Each test runs with a child for each call, and with children that take calls by
 * themselves. */

#include <poll.h>
#include <sys/wait.h>

#include <pcall-glib/parent/pcall-scheduler-private.h>
#include <pcall-glib/pcall-current.h>
#include <pcall-glib/pcall-error.h>

#include "task-support.h"

#define N_CALLS 12
#define MAX_CHILDREN 3

/* What all calls do; they are told by the parent's memory. */
typedef enum
{
  RETURN_INDEX,
  FAIL_AT_2,
  WAIT_FOR_GATE,
  WAIT_AT_2, /* the others return */
} Work;

static Work work;
static SupportPipe gate;

typedef struct
{
  PcallEngine *engine;
  PcallMonitor *monitor;
  PcallCallList *calls;
  PcallScheduler *scheduler;
  PcallSchedulerOptions options;

  guint n_started[N_CALLS];
  guint n_finished[N_CALLS];
  guint n_told; /* of anything */
  guint n_exited;
  guint n_ends; /* of the whole */
  void (*hook) (guint index);
  guint n_within; /* how deep we are in that */
} Fixture;

static Fixture *current;

static GVariant *
do_work (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  guint index = pcall_get_call_index ();

  if (work == FAIL_AT_2 && index == 2)
    {
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
      return NULL;
    }
  if (work == WAIT_FOR_GATE || (work == WAIT_AT_2 && index == 2))
    support_pipe_get (&gate);
  return g_variant_new_uint32 (index);
}

/* What is told */

static void
call_started (guint index, gpointer data)
{
  Fixture *self = data;

  self->n_told++;
  self->n_started[index]++;
  g_assert_cmpuint (self->n_finished[index], ==, 0);
  g_assert_cmpuint (self->n_ends, ==, 0);
}

static gboolean
wants_call_events (gpointer data)
{
  return TRUE;
}

static gboolean
wants_each_progress (gpointer data)
{
  return FALSE;
}

static void
call_progressed (guint index, gdouble fraction, const char *text, gpointer data)
{
  g_assert_not_reached ();
}

static void
call_message (guint index, PcallPayload *message, GUnixFDList *handles, gpointer data)
{
  g_assert_not_reached ();
}

static void
call_finished (guint index, PcallCallState state, gpointer data)
{
  Fixture *self = data;

  self->n_told++;
  self->n_finished[index]++;
  g_assert_cmpuint (self->n_ends, ==, 0);
  /* The state that is told of is the one that shows. */
  g_assert_cmpint (pcall_call_list_get_state (self->calls, index), ==, state);
  self->n_within++;
  if (self->hook != NULL)
    self->hook (index);
  self->n_within--;
}

static void
child_exited (guint position, gpointer data)
{
  Fixture *self = data;
  PcallChildList *children = pcall_scheduler_get_children (self->scheduler);

  self->n_told++;
  self->n_exited++;
  g_assert_false (pcall_child_list_get_record (children, position)->running);
}

/* At the end before that is told, and outside of what is told of calls. */
static void
writes_logs (gboolean at_end, gpointer data)
{
  Fixture *self = data;

  g_assert_cmpuint (self->n_ends, ==, 0);
  g_assert_cmpuint (self->n_within, ==, 0);
  g_assert_true (!at_end || pcall_scheduler_is_over (self->scheduler));
}

static void
explained (const char *text, gpointer data)
{
  g_assert_not_reached ();
}

static void
finished (gpointer data)
{
  Fixture *self = data;

  g_assert_cmpuint (self->n_within, ==, 0);
  self->n_told++;
  self->n_ends++;
}

static const PcallSchedulerFuncs funcs = {
  .call_started = call_started,
  .wants_call_events = wants_call_events,
  .wants_each_progress = wants_each_progress,
  .call_progressed = call_progressed,
  .call_message = call_message,
  .call_finished = call_finished,
  .child_exited = child_exited,
  .writes_logs = writes_logs,
  .explained = explained,
  .finished = finished,
};

static void
make (Fixture *self, guint n_calls)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (GPtrArray) targets = g_ptr_array_new_with_free_func (g_object_unref);

  g_ptr_array_add (targets, pcall_target_new ("work", do_work, NULL, NULL));
  self->calls = pcall_call_list_new (self->monitor, arguments, targets, n_calls, &pcall_call_view);
  self->scheduler = pcall_scheduler_new (self->engine, self->calls, arguments, targets,
                                         &self->options, &funcs, self);
}

static void
set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  *self = (Fixture){ .monitor = pcall_monitor_new (), .engine = pcall_engine_new (&error) };
  g_assert_no_error (error);
  self->options = (PcallSchedulerOptions){
    .max_children = MAX_CHILDREN,
    .calls_per_child = GPOINTER_TO_UINT (data),
    .calls_per_worker = 0,
    .log_mode = PCALL_LOG_MODE_INHERIT,
    .conditions = pcall_conditions_new (),
  };
  work = RETURN_INDEX;
  current = self;
  support_pipe_open (&gate);
  pcall_monitor_enter (self->monitor);
  g_assert_true (pcall_monitor_try_drive (self->monitor));
}

static gboolean
has_children (void)
{
  siginfo_t info = { 0 };

  return waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  g_clear_pointer (&self->scheduler, pcall_scheduler_free);
  pcall_monitor_stop_driving (self->monitor);
  pcall_monitor_leave (self->monitor);
  pcall_call_list_unref (self->calls);
  pcall_engine_unref (self->engine);
  pcall_monitor_unref (self->monitor);
  pcall_conditions_unref (self->options.conditions);
  support_pipe_close (&gate);
  /* Where a scheduler was dropped, a thread sees to their end. */
  while (has_children ())
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      g_usleep (1000);
    }
}

static void
start (Fixture *self, Work what, guint n_calls)
{
  g_autoptr (GError) error = NULL;

  work = what;
  make (self, n_calls);
  g_assert_true (pcall_scheduler_start (self->scheduler, FALSE, &error));
  g_assert_no_error (error);
  /* Whatever happened meanwhile, it waits for who drives. */
  g_assert_cmpuint (self->n_told, ==, 0);
}

static void
wait_for_more (Fixture *self)
{
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  guint depth = pcall_monitor_step_out (self->monitor);

  pcall_engine_wait (self->engine, limit);
  pcall_monitor_step_in (self->monitor, depth);
  g_assert_cmpint (g_get_monotonic_time (), <, limit);
}

static void
drive_to_end (Fixture *self)
{
  for (;;)
    {
      pcall_scheduler_drive (self->scheduler, 0);
      if (pcall_scheduler_is_told (self->scheduler))
        break;
      if (!pcall_scheduler_has_work (self->scheduler))
        wait_for_more (self);
    }
  g_assert_true (pcall_scheduler_is_over (self->scheduler));
  g_assert_cmpuint (self->n_ends, ==, 1);
  g_assert_cmpuint (self->n_exited, ==,
                    pcall_child_list_get_n (pcall_scheduler_get_children (self->scheduler)));
}

static void
open_gate (guint n)
{
  while (n-- > 0)
    support_pipe_put (&gate, 1);
}

/* As letters: . pending, r running, s succeeded, f failed, x crashed, t timed out, c cancelled */
static void
assert_states (Fixture *self, const char *expected)
{
  guint n = pcall_call_list_get_n_calls (self->calls);
  g_autoptr (GString) found = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_c (found, ".rsfxtc"[pcall_call_list_get_state (self->calls, i)]);
  g_assert_cmpstr (found->str, ==, expected);
}

static void
assert_told_once (Fixture *self, guint n_calls)
{
  for (guint i = 0; i < n_calls; i++)
    {
      g_assert_cmpuint (self->n_started[i], <=, 1);
      g_assert_cmpuint (self->n_finished[i], ==, 1);
    }
}

static guint
count_children (Fixture *self)
{
  return pcall_child_list_get_n (pcall_scheduler_get_children (self->scheduler));
}

static void
test_run (Fixture *self, gconstpointer data)
{
  g_autoptr (GVariant) results = NULL;

  start (self, RETURN_INDEX, 4);
  drive_to_end (self);
  assert_states (self, "ssss");
  assert_told_once (self, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (self->n_started[i], ==, 1);
  results = pcall_call_list_get_results (self->calls);
  support_assert_variant (results, "[<uint32 0>, <uint32 1>, <uint32 2>, <uint32 3>]");

  /* Nothing more comes of it. */
  pcall_scheduler_drive (self->scheduler, 0);
  pcall_scheduler_update (self->scheduler);
  pcall_scheduler_stop (self->scheduler, "too late");
  pcall_scheduler_stop_call (self->scheduler, 1);
  pcall_scheduler_drive (self->scheduler, 0);
  g_assert_cmpuint (self->n_ends, ==, 1);
  assert_states (self, "ssss");
}

static void
test_no_calls (Fixture *self, gconstpointer data)
{
  start (self, RETURN_INDEX, 0);
  drive_to_end (self);
  g_assert_cmpuint (self->n_told, ==, 1);
  g_assert_cmpuint (count_children (self), ==, 0);
}

/* As many as may run at once are made by the start, and no more. */
static void
test_max_children (Fixture *self, gconstpointer data)
{
  start (self, WAIT_FOR_GATE, N_CALLS);
  g_assert_cmpuint (count_children (self), ==, MAX_CHILDREN);
  pcall_scheduler_drive (self->scheduler, 0);
  pcall_scheduler_update (self->scheduler);
  g_assert_cmpuint (count_children (self), ==, MAX_CHILDREN);
  g_assert_false (pcall_scheduler_is_over (self->scheduler));
  g_assert_false (pcall_scheduler_is_told (self->scheduler));
  open_gate (N_CALLS);
  drive_to_end (self);
  assert_states (self, "ssssssssssss");
  assert_told_once (self, N_CALLS);
}

/* Who only looks makes progress, and tells nothing; who drives then is told of all. */
static void
test_update (Fixture *self, gconstpointer data)
{
  struct pollfd ready = { .fd = pcall_engine_get_fd (self->engine), .events = POLLIN };

  start (self, RETURN_INDEX, N_CALLS);
  while (!pcall_scheduler_is_over (self->scheduler))
    {
      wait_for_more (self);
      pcall_scheduler_update (self->scheduler);
    }
  assert_states (self, "ssssssssssss");
  g_assert_cmpuint (self->n_told, ==, 0);
  g_assert_true (pcall_scheduler_has_work (self->scheduler));
  g_assert_false (pcall_scheduler_is_told (self->scheduler));
  pcall_monitor_stop_driving (self->monitor);
  pcall_scheduler_update (self->scheduler);
  g_assert_cmpint (poll (&ready, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  g_assert_true (pcall_monitor_try_drive (self->monitor));
  drive_to_end (self);
  assert_told_once (self, N_CALLS);
}

/* A little at a time */
static void
test_slices (Fixture *self, gconstpointer data)
{
  start (self, RETURN_INDEX, N_CALLS);
  while (!pcall_scheduler_is_told (self->scheduler))
    {
      guint before = self->n_told;

      pcall_scheduler_drive (self->scheduler, 1);
      if (self->n_told == before && !pcall_scheduler_has_work (self->scheduler))
        wait_for_more (self);
    }
  assert_told_once (self, N_CALLS);
  g_assert_cmpuint (self->n_ends, ==, 1);
}

static void
drive_within (guint index)
{
  pcall_scheduler_drive (current->scheduler, 0);
}

/* User code drives again: all is told once, and the whole ends when it does further out. */
static void
test_within (Fixture *self, gconstpointer data)
{
  self->hook = drive_within;
  start (self, RETURN_INDEX, N_CALLS);
  drive_to_end (self);
  assert_told_once (self, N_CALLS);
  assert_states (self, "ssssssssssss");
}

static void
test_stop (Fixture *self, gconstpointer data)
{
  start (self, WAIT_FOR_GATE, 5);
  pcall_scheduler_stop (self->scheduler, "enough");
  pcall_scheduler_stop (self->scheduler, "more than enough");
  g_assert_cmpuint (self->n_told, ==, 0);
  drive_to_end (self);
  assert_states (self, "ccccc");
  assert_told_once (self, 5);
  for (guint i = 0; i < 5; i++)
    g_assert_true (
        g_str_has_suffix (pcall_call_list_get_error (self->calls, i)->message, "): enough"));
  g_assert_cmpuint (count_children (self), ==, MAX_CHILDREN);
}

/* One that runs, one that waits, and one that has ended */
static void
test_stop_call (Fixture *self, gconstpointer data)
{
  start (self, WAIT_AT_2, 6);
  pcall_scheduler_drive (self->scheduler, 0);
  while (pcall_call_list_get_n_finished (self->calls) < 5)
    {
      wait_for_more (self);
      pcall_scheduler_drive (self->scheduler, 0);
    }
  /* That it runs may not be known yet, of a call that a child has taken by itself. */
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 2), <=, PCALL_CALL_STATE_RUNNING);
  pcall_scheduler_stop_call (self->scheduler, 1);
  pcall_scheduler_stop_call (self->scheduler, 2);
  pcall_scheduler_stop_call (self->scheduler, 2);
  drive_to_end (self);
  assert_states (self, "sscsss");
  assert_told_once (self, 6);
}

static void
test_stop_waiting_call (Fixture *self, gconstpointer data)
{
  start (self, WAIT_FOR_GATE, 5);
  pcall_scheduler_stop_call (self->scheduler, 4);
  open_gate (5);
  drive_to_end (self);
  assert_states (self, "ssssc");
  assert_told_once (self, 5);
  g_assert_cmpuint (self->n_started[4], ==, 0);
}

static void
test_timeout (Fixture *self, gconstpointer data)
{
  self->options.timeout = 50000;
  start (self, WAIT_AT_2, 4);
  drive_to_end (self);
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 2), ==, PCALL_CALL_STATE_TIMED_OUT);
  assert_told_once (self, 4);
}

/* The deadline is that of all calls, of those too that have not begun. */
static void
test_deadline (Fixture *self, gconstpointer data)
{
  self->options.deadline = 50000;
  start (self, WAIT_FOR_GATE, 5);
  drive_to_end (self);
  assert_states (self, "ttttt");
  g_assert_true (g_str_has_suffix (pcall_call_list_get_error (self->calls, 4)->message,
                                   "the task's deadline of 0.05 s passed"));
  assert_told_once (self, 5);
}

static void
test_failure (Fixture *self, gconstpointer data)
{
  start (self, FAIL_AT_2, 5);
  drive_to_end (self);
  assert_states (self, "ssfss");
  g_assert_error (pcall_call_list_get_error (self->calls, 2), G_IO_ERROR, G_IO_ERROR_BUSY);
}

/* The first failure ends what runs and what waits; a child that takes calls by itself may have gone
 * on meanwhile. */
static void
test_failure_stops (Fixture *self, gconstpointer data)
{
  self->options.failure_policy = PCALL_FAILURE_POLICY_STOP;
  self->options.max_children = 1;
  start (self, FAIL_AT_2, 5);
  drive_to_end (self);
  assert_told_once (self, 5);
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 2), ==, PCALL_CALL_STATE_FAILED);
  if (self->options.calls_per_child != 1)
    return;
  assert_states (self, "ssfcc");
  g_assert_cmpuint (self->n_started[4], ==, 0);
}

/* Nobody is told any more but who holds a call, and nothing is left. */
static void
test_abandon (Fixture *self, gconstpointer data)
{
  g_autoptr (PcallCall) call = NULL;

  start (self, WAIT_FOR_GATE, 5);
  call = pcall_call_list_get_call (self->calls, 0);
  g_assert_true (pcall_scheduler_has_objects (self->scheduler));
  pcall_scheduler_abandon (g_steal_pointer (&self->scheduler));
  g_assert_cmpuint (self->n_told, ==, 0);
  g_assert_cmpint (pcall_call_list_get_state (self->calls, 0), ==, PCALL_CALL_STATE_CANCELLED);
}

static void
test_abandon_over (Fixture *self, gconstpointer data)
{
  start (self, RETURN_INDEX, 5);
  while (!pcall_scheduler_is_over (self->scheduler))
    {
      wait_for_more (self);
      pcall_scheduler_update (self->scheduler);
    }
  pcall_scheduler_abandon (g_steal_pointer (&self->scheduler));
  g_assert_cmpuint (self->n_told, ==, 0);
  assert_states (self, "sssss");
}

/* A copy of the process lets go of what is its parent's, and harms none of it. */
static void
test_forget (Fixture *self, gconstpointer data)
{
  int status;
  pid_t pid;

  start (self, WAIT_FOR_GATE, 5);
  pid = fork ();
  if (pid == 0)
    {
      pcall_scheduler_forget (self->scheduler);
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  open_gate (5);
  drive_to_end (self);
  assert_states (self, "sssss");
}

static void
test_start_fails (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  self->options.log_mode = PCALL_LOG_MODE_SECTIONS;
  self->options.log_directory = "/dev/null/none";
  make (self, 5);
  g_assert_false (pcall_scheduler_start (self->scheduler, FALSE, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_cmpuint (self->n_told, ==, 0);
}

static void
test_not_started (Fixture *self, gconstpointer data)
{
  make (self, 5);
  g_assert_cmpuint (self->n_told, ==, 0);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    void (*test) (Fixture *, gconstpointer);
  } tests[] = {
    { "run", test_run },
    { "no-calls", test_no_calls },
    { "max-children", test_max_children },
    { "update", test_update },
    { "slices", test_slices },
    { "within", test_within },
    { "stop", test_stop },
    { "stop-call", test_stop_call },
    { "stop-waiting-call", test_stop_waiting_call },
    { "timeout", test_timeout },
    { "deadline", test_deadline },
    { "failure", test_failure },
    { "failure-stops", test_failure_stops },
    { "abandon", test_abandon },
    { "abandon-over", test_abandon_over },
    { "forget", test_forget },
    { "start-fails", test_start_fails },
    { "not-started", test_not_started },
  };

  g_test_init (&argc, &argv, NULL);

  for (guint shared = 0; shared <= 1; shared++)
    for (gsize i = 0; i < G_N_ELEMENTS (tests); i++)
      {
        g_autofree char *path
            = g_strdup_printf ("/scheduler/%s/%s", shared ? "pull" : "once", tests[i].name);

        g_test_add (path, Fixture, GUINT_TO_POINTER (shared ? 0 : 1), set_up, tests[i].test,
                    tear_down);
      }

  return g_test_run ();
}
