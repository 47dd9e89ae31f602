/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* One child and its calls, for the two kinds of which a script can play the child's side: the
 * states, what counts as the outcome of a call, what a child may not send, and what becomes of a
 * call whose child has ended.
 *
 * A script is what the child does, a letter each:
 *
 *   g  waits to be let go            H  says hello, h of a version that does not exist
 *   r  is ready                      c  takes a call     t  is told to stop
 *   R  hands over the result         E  hands over an error
 *   o  hands over another call's     Q  asks for another child
 *   p  reports progress, and some that is none
 *   M  sends a message               N  has a note on the log
 *   F  says that it ends             X  sends what is no frame
 *   C  closes its channel            .  tells this program, and waits until it is asked
 *   x  exits with 3                  k  is killed        a  dies in its lock trial
 *   s  sleeps for ever               T  sleeps for ever, and ignores SIGTERM
 */

#include <pcall-glib/parent/pcall-roster-private.h>
#include <pcall-glib/parent/pcall-runner-private.h>

#include "children-support.h"

#define N_CALLS 3

static const char *script;
static SupportPipe at_dot, go_on;

/* The child */

static GVariant *
make_error (void)
{
  return g_variant_new_parsed ("('pcall-test', 5, 'its own', @a{sv} {})");
}

static void
report_progress (PcallChannel *channel, guint index)
{
  static const gdouble fractions[] = { 0.5, 1.5, -0.5 };

  for (gsize i = 0; i < G_N_ELEMENTS (fractions); i++)
    child_send (channel, PCALL_FRAME_PROGRESS, index, g_variant_new ("(ds)", fractions[i], "text"));
}

static void
take_from_parent (PcallChannel *channel, PcallFrameType type, guint *index)
{
  g_autoptr (PcallFrame) frame = child_receive (channel);

  CHILD_CHECK (frame != NULL && frame->type == type);
  *index = frame->call_index;
}

static void
wait_for_go (PcallChannel *channel)
{
  guint8 byte;

  CHILD_CHECK (recv (channel->fd, &byte, 1, 0) == 1);
}

static void
end_in (char way)
{
  if (way == 'x')
    _exit (3);
  if (way == 'k')
    kill (getpid (), SIGKILL);
  if (way == 'a')
    raise (SIGALRM);
  if (way == 'T')
    signal (SIGTERM, SIG_IGN);
  child_sleep ();
}

static void
play_letter (PcallChannel *channel, char letter, guint *index)
{
  switch (letter)
    {
    case 'g':
      wait_for_go (channel);
      break;
    case 'H':
    case 'h':
      child_send (channel, PCALL_FRAME_HELLO, 0,
                  g_variant_new ("(ui@a{sv})", letter == 'H' ? PCALL_FRAME_VERSION : 9, getpid (),
                                 g_variant_new_parsed ("@a{sv} {}")));
      break;
    case 'r':
      child_send (channel, PCALL_FRAME_READY, *index, g_variant_new_tuple (NULL, 0));
      break;
    case 'c':
      take_from_parent (channel, PCALL_FRAME_CALL, index);
      break;
    case 't':
      take_from_parent (channel, PCALL_FRAME_STOP, index);
      break;
    case 'R':
      child_send_result (channel, *index, "7");
      break;
    case 'o':
      child_send_result (channel, *index + 1, "7");
      break;
    case 'E':
      child_send (channel, PCALL_FRAME_ERROR, *index, make_error ());
      break;
    case 'Q':
      child_send (channel, PCALL_FRAME_AGAIN, *index, g_variant_new_uint32 (PCALL_LOG_ROUTE_NONE));
      break;
    case 'p':
      report_progress (channel, *index);
      break;
    case 'M':
      child_send (channel, PCALL_FRAME_MESSAGE, *index,
                  g_variant_new_variant (g_variant_new_int32 (1)));
      break;
    case 'N':
      child_send (channel, PCALL_FRAME_NOTE, *index, g_variant_new_string ("a note"));
      break;
    case 'F':
      child_send (channel, PCALL_FRAME_FINAL, *index, g_variant_new_int32 (0));
      break;
    case 'X':
      CHILD_CHECK (write (channel->fd, "this is no frame, whatever it may be", 36) == 36);
      break;
    case 'C':
      pcall_channel_clear (channel);
      break;
    case '.':
      support_pipe_put (&at_dot, 1);
      support_pipe_get (&go_on);
      break;
    default:
      end_in (letter);
    }
}

static void
play (PcallChannel *channel, guint index)
{
  for (const char *letter = script; *letter != '\0'; letter++)
    play_letter (channel, *letter, &index);
}

/* The owner */

typedef struct
{
  PcallEngine *engine;
  PcallMonitor *monitor;
  PcallCallList *calls;
  PcallChildList *children;
  PcallEventQueue events;
  PcallStartContext context;
  PcallRunnerSetup setup;
  GPtrArray *targets;

  PcallRoster roster;
  guint next; /* the call that is given next */
  guint n_given;
  GString *told; /* states as "hsibo", then "e" and the fate; finished calls as their state */
  PcallFate fate;
  gboolean ended;
  gboolean wants_each_progress;
} Fixture;

static const PcallStartMethods scripted = { .start = children_start };

static gboolean
wants_call_events (gpointer data)
{
  return TRUE;
}

static gboolean
wants_each_progress (gpointer data)
{
  return ((Fixture *) data)->wants_each_progress;
}

static void
began (PcallRunner *runner, gpointer data)
{
  g_string_append_printf (((Fixture *) data)->told, "+%u", pcall_runner_get_job (runner)->index);
}

static void
finished (PcallRunner *runner, PcallCallState state, gpointer data)
{
  g_string_append_printf (((Fixture *) data)->told, "-%u", pcall_runner_get_job (runner)->index);
}

static PcallJob
make_job (Fixture *self, guint index)
{
  return (PcallJob){ .index = index,
                     .end = index + 1,
                     .child = -1,
                     .slot = -1,
                     .target = g_ptr_array_index (self->targets, 0),
                     .methods = &scripted };
}

/* Gives an idle child the next call, or tells it that there is none. */
static void
feed (Fixture *self, PcallRunner *runner)
{
  PcallJob job = make_job (self, self->next);

  pcall_roster_put (&self->roster, runner);
  if (pcall_roster_find (&self->roster, &job) == NULL)
    return;
  g_assert_true (pcall_roster_find (&self->roster, &job) == runner);
  if (self->next < self->n_given)
    {
      self->next++;
      pcall_roster_give (&self->roster, runner, &job);
      g_assert_null (pcall_roster_find (&self->roster, &job));
      g_assert_cmpuint (self->roster.idle.length, ==, 0);
    }
  else
    pcall_roster_retire_all (&self->roster, NULL);
}

static void
changed (PcallRunner *runner, PcallRunnerState before, gpointer data)
{
  Fixture *self = data;
  PcallRunnerState state = pcall_runner_get_state (runner);

  g_assert_cmpint (state, >, PCALL_RUNNER_HELD);
  g_string_append_c (self->told, "hsiboe"[state]);
  if (state == PCALL_RUNNER_IDLE)
    feed (self, runner);
  if (state != PCALL_RUNNER_ENDED)
    return;

  self->fate = pcall_runner_get_fate (runner);
  pcall_roster_remove (&self->roster, runner);
  if (self->fate == PCALL_FATE_DONE)
    pcall_runner_finish (runner);
  else
    pcall_runner_give_up_call (runner);
  self->ended = TRUE;
}

static const PcallRunnerFuncs funcs = {
  .wants_call_events = wants_call_events,
  .wants_each_progress = wants_each_progress,
  .began = began,
  .finished = finished,
  .changed = changed,
};

static void
set_up (Fixture *self)
{
  PcallConditions *conditions = pcall_conditions_new ();
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  const char *argv[] = { "worker", NULL };
  g_autoptr (GError) error = NULL;

  *self = (Fixture){ .engine = children_engine_new (), .told = g_string_new (NULL) };
  self->monitor = pcall_monitor_new ();
  self->targets = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (self->targets, pcall_target_new_worker (argv, "name"));
  self->calls = pcall_call_list_new (self->monitor, arguments, self->targets, N_CALLS,
                                     &pcall_call_view);
  self->children = pcall_child_list_new (self->calls, &pcall_child_view);
  pcall_start_context_init (&self->context, arguments, conditions);
  pcall_conditions_unref (conditions);
  g_assert_true (
      pcall_start_context_open (&self->context, PCALL_LOG_MODE_INHERIT, NULL, FALSE, &error));
  self->setup = (PcallRunnerSetup){ .engine = self->engine,
                                    .context = &self->context,
                                    .calls = self->calls,
                                    .children = self->children,
                                    .events = &self->events,
                                    .funcs = &funcs,
                                    .data = self };
  pcall_monitor_enter (self->monitor);
  support_pipe_open (&at_dot);
  support_pipe_open (&go_on);
  children_func = play;
}

static void
tear_down (Fixture *self)
{
  pcall_event_queue_clear (&self->events);
  pcall_monitor_leave (self->monitor);
  pcall_start_context_close (&self->context);
  pcall_start_context_clear (&self->context);
  pcall_child_list_unref (self->children);
  pcall_call_list_unref (self->calls);
  g_ptr_array_unref (self->targets);
  pcall_monitor_unref (self->monitor);
  pcall_engine_unref (self->engine);
  g_string_free (self->told, TRUE);
  support_pipe_close (&at_dot);
  support_pipe_close (&go_on);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
}

/* What becomes of a script */

typedef enum
{
  LEFT_ALONE,
  EACH_PROGRESS,  /* is wanted */
  STOPPED_AT_DOT, /* and goes on then, as far as it can */
  TIMED_OUT,
} Interference;

typedef struct
{
  const char *name;
  const PcallRunnerClass *klass;
  PcallReadyReasons says_ready;
  const char *script;
  Interference interference;
  guint n_calls;    /* that there are for it */
  const char *told; /* see the fixture */
  PcallFate fate;
  const char *states; /* of calls, after all: . pending, s succeeded, f failed, x crashed,
                         t timed out, c cancelled */
  const char *events; /* B began, E ended, p progress, m message, C child ended */
  const char *error;  /* of the first call that failed, as a pattern */
} Row;

#define ONCE &pcall_runner_once, 0
#define ONCE_READY &pcall_runner_once, PCALL_READY_LOCKS
#define PUSH &pcall_runner_push, 0
#define NO_RESULT "call 0 (name): exited with status 0 without handing over a result"

static const Row rows[] = {
  /* A child for one call */
  { "once/result", ONCE, "gRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s", "BCE", NULL },
  { "once/no-final", ONCE, "gR", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "s", "BCE", NULL },
  { "once/error", ONCE, "gEF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "f", "BCE", "its own" },
  { "once/reports", ONCE, "gpMNRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s", "BpmCE",
    NULL },
  { "once/newest-report", ONCE, "gpppRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s", "BpCE",
    NULL },
  { "once/newest-report-each", ONCE, "gpppRF", EACH_PROGRESS, 1, "s+0boe-0", PCALL_FATE_DONE, "s",
    "BpppCE", NULL },
  { "once/newest-report-in-order", ONCE, "gppMppRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE,
    "s", "BpmpCE", NULL },
  { "once/reports-after-result", ONCE, "gRpMF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s",
    "BCE", NULL },
  { "once/result-then-crash", ONCE, "gRk", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "s", "BCE",
    NULL },
  { "once/result-then-error", ONCE, "gRE", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "s", "BCE",
    NULL },
  { "once/error-then-result", ONCE, "gER", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "its own" },
  { "once/result-then-garbage", ONCE, "gRXs", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "s", "BCE",
    NULL },
  { "once/nothing", ONCE, "g", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE", NO_RESULT },
  { "once/final-alone", ONCE, "gF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "f", "BCE",
    NO_RESULT },
  { "once/exit", ONCE, "gx", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "call 0 (name): exited with status 3 without handing over a result" },
  { "once/crash", ONCE, "gk", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "x", "BCE",
    "call 0 (name): killed by signal 9*" },
  { "once/garbage", ONCE, "gXs", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "call 0 (name): *" },
  { "once/other-call", ONCE, "gos", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "*the child sent a frame about call 1, which it does not run" },
  { "once/may-not-send", ONCE, "gHs", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "*the child sent a frame of type *, which it may not send" },
  { "once/again-too-late", ONCE, "gpQs", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BpCE",
    "*the child asked for another one without need" },
  { "once/stopped", ONCE, "g.s", STOPPED_AT_DOT, 1, "s+0be-0", PCALL_FATE_DONE, "c", "BCE",
    "call 0 (name): stopped here" },
  { "once/stopped-after-result", ONCE, "gR.s", STOPPED_AT_DOT, 1, "s+0be-0", PCALL_FATE_DONE, "s",
    "BCE", NULL },
  { "once/result-after-stopped", ONCE, "g.RF", STOPPED_AT_DOT, 1, NULL, PCALL_FATE_DONE, "c", "BCE",
    "call 0 (name): stopped here" },
  { "once/timed-out", ONCE, "gs", TIMED_OUT, 1, "s+0be-0", PCALL_FATE_DONE, "t", "BCE",
    "call 0 (name): timed out after 0.05 s" },
  { "once/timed-out-and-stays", ONCE, "gT", TIMED_OUT, 1, "s+0be-0", PCALL_FATE_DONE, "t", "BCE",
    "call 0 (name): timed out after 0.05 s" },

  /* It says whether it is ready. */
  { "ready/result", ONCE_READY, "grRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s", "BCE",
    NULL },
  { "ready/twice", ONCE_READY, "grrRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s", "BCE",
    NULL },
  { "ready/reports-before", ONCE_READY, "gpMrRF", LEFT_ALONE, 1, "s+0boe-0", PCALL_FATE_DONE, "s",
    "BCE", NULL },
  { "ready/lock-trial", ONCE_READY, "ga", LEFT_ALONE, 1, "se", PCALL_FATE_REPLACED, ".", "", NULL },
  { "ready/alarm-in-call", ONCE_READY, "gra", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "x", "BCE",
    "call 0 (name): killed by signal 14*" },
  { "ready/alarm-unasked", ONCE, "ga", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "x", "BCE",
    "call 0 (name): killed by signal 14*" },
  { "ready/again", ONCE_READY, "gQ", LEFT_ALONE, 1, "se", PCALL_FATE_REPLACED, ".", "", NULL },
  { "ready/crash-before", ONCE_READY, "gk", LEFT_ALONE, 1, "se-0", PCALL_FATE_DONE, "x", "CE",
    "call 0 (name): killed by signal 9*" },
  { "ready/stopped-before", ONCE_READY, "g.s", STOPPED_AT_DOT, 1, "se-0", PCALL_FATE_DONE, "c",
    "CE", "call 0 (name): stopped here" },

  /* A worker */
  { "push/one", PUSH, "HcRt", LEFT_ALONE, 1, "s+0b-0ie", PCALL_FATE_DONE, "s", "BEC", NULL },
  { "push/three", PUSH, "HcRcEcRt", LEFT_ALONE, 3, "s+0b-0i+1b-1i+2b-2ie", PCALL_FATE_DONE, "sfs",
    "BEBEBEC", "its own" },
  { "push/reports", PUSH, "HcpMNRt", LEFT_ALONE, 1, "s+0b-0ie", PCALL_FATE_DONE, "s", "BpmEC",
    NULL },
  { "push/crash", PUSH, "HcRck", LEFT_ALONE, 2, "s+0b-0i+1be-1", PCALL_FATE_DONE, "sx", "BEBCE",
    "call 1 (name): killed by signal 9*" },
  { "push/no-hello", PUSH, "x", LEFT_ALONE, 1, "se-0", PCALL_FATE_DONE, "f", "CE",
    "call 0 (name): worker program worker: exited with status 3 before it said hello" },
  { "push/wrong-version", PUSH, "hs", LEFT_ALONE, 1, "se-0", PCALL_FATE_DONE, "f", "CE",
    "*worker program worker: it speaks version 9 of the protocol, not 1" },
  { "push/hello-twice", PUSH, "HcHs", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "*the child sent a frame of type *, which it may not send" },
  { "push/result-before-hello", PUSH, "Rs", LEFT_ALONE, 1, "se-0", PCALL_FATE_DONE, "f", "CE",
    "*which it may not send" },
  { "push/result-while-idle", PUSH, "HcRtRs", LEFT_ALONE, 1, "s+0b-0ie", PCALL_FATE_DONE, "s",
    "BEC", NULL },
  { "push/call-unread", PUSH, "H.x", LEFT_ALONE, 1, "s+0be", PCALL_FATE_UNTOUCHED, ".", "B", NULL },
  { "push/closed-and-stays", PUSH, "HcCs", LEFT_ALONE, 1, "s+0be-0", PCALL_FATE_DONE, "f", "BCE",
    "*the worker closed its channel, and went on" },
  { "push/stopped", PUSH, "Hc.s", STOPPED_AT_DOT, 1, "s+0be-0", PCALL_FATE_DONE, "c", "BCE",
    "call 0 (name): stopped here" },
  { "push/stopped-after-result", PUSH, "HcR.s", STOPPED_AT_DOT, 1, NULL, PCALL_FATE_DONE, "s",
    "BEC", NULL },
};

static void
stop_at_dot (Fixture *self, PcallRunner *runner)
{
  support_pipe_get (&at_dot);
  pcall_runner_stop (runner, PCALL_CALL_STATE_CANCELLED, "stopped here");
  pcall_runner_stop (runner, PCALL_CALL_STATE_TIMED_OUT, "stopped once more");
  support_pipe_put (&go_on, 1);
}

/* Until the child has been told of its call, and read nothing of it. */
static void
pass_dot (Fixture *self)
{
  while (strstr (self->told->str, "+0") == NULL)
    {
      pcall_engine_wait (self->engine, -1);
      pcall_engine_dispatch (self->engine, 1);
    }
  support_pipe_get (&at_dot);
  support_pipe_put (&go_on, 1);
}

static void
assert_events (Fixture *self, const char *expected)
{
  g_autoptr (GString) found = g_string_new (NULL);
  static const char letters[] = "BpmE?C";

  while (!pcall_event_queue_is_empty (&self->events))
    {
      g_autoptr (PcallEvent) event
          = pcall_event_queue_take (&self->events, self->calls, self->children);

      g_string_append_c (found, letters[event->type]);
    }
  g_assert_cmpstr (found->str, ==, expected);
}

static void
assert_states (Fixture *self, const Row *row)
{
  static const char letters[] = "..sfxtc";
  const GError *error;
  guint first;

  for (guint i = 0; row->states[i] != '\0'; i++)
    g_assert_cmpint (letters[pcall_call_list_get_state (self->calls, i)], ==, row->states[i]);
  if (!pcall_call_list_find_first_failed (self->calls, &first))
    {
      g_assert_null (row->error);
      return;
    }
  error = pcall_call_list_get_error (self->calls, first);
  if (row->error == NULL || !g_pattern_match_simple (row->error, error->message))
    g_error ("the error is: %s", error->message);
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  g_autoptr (GError) error = NULL;
  PcallRunner *runner;
  int error_number;
  Fixture fixture;
  PcallJob job;

  set_up (&fixture);
  script = row->script;
  children_say_ready = row->says_ready;
  fixture.n_given = row->n_calls;
  fixture.next = 1;
  fixture.wants_each_progress = row->interference == EACH_PROGRESS;
  if (row->interference == TIMED_OUT)
    fixture.setup.timeout = 50000;
  fixture.setup.grace_period = strchr (row->script, 'T') != NULL ? 20000 : 0;
  job = make_job (&fixture, 0);
  runner = pcall_runner_new (row->klass, &fixture.setup, &job, &error_number, &error);
  g_assert_no_error (error);
  g_assert_cmpint (pcall_runner_get_state (runner), ==, PCALL_RUNNER_HELD);
  pcall_roster_add (&fixture.roster, runner);

  pcall_runner_release (runner);
  if (row->interference == STOPPED_AT_DOT)
    {
      if (row->klass == &pcall_runner_push)
        while (strchr (fixture.told->str, 'b') == NULL)
          {
            pcall_engine_wait (fixture.engine, -1);
            pcall_engine_dispatch (fixture.engine, 1);
          }
      stop_at_dot (&fixture, runner);
    }
  else if (strchr (row->script, '.') != NULL)
    pass_dot (&fixture);
  children_drive_until (fixture.engine, &fixture.ended);

  if (row->told != NULL)
    g_assert_cmpstr (fixture.told->str, ==, row->told);
  g_assert_cmpint (fixture.fate, ==, row->fate);
  g_assert_cmpuint (fixture.roster.n, ==, 0);
  assert_events (&fixture, row->events);
  assert_states (&fixture, row);
  pcall_runner_free (runner);
  tear_down (&fixture);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/runner/%s", rows[i].name);

      g_test_add_data_func (path, &rows[i], test_row);
    }

  return g_test_run ();
}
