/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A program that closes the descriptors of a launcher and its task, all or one of them, or puts
 * other files in their place. That costs calls, but all of them end soon, none has a result that is
 * not its own, and nobody waits with a processor. */

#include "closing-support.h"
#include "launcher-support.h"

#define N_WORKERS 2
#define N_CALLS 4
#define MAX_CPU_S 2

/* Where one connection is taken, that is noticed when its agent does not answer. */
#define HEARTBEAT_S 0.3

/* What is lost is started anew after one second; what takes longer has not been noticed. */
#define MAX_TIME_S 15

typedef enum
{
  AT_ONCE,      /* before an agent is there */
  RUNNING,      /* when one has a call */
  WHILE_JOINED, /* by another thread; what it closes alone may be another's at once */
} Moment;

typedef struct
{
  const char            *name;
  PcallLauncherTransport transport;
  Instead                instead;
} Row;

static const Row rows[] = {
  { "streams/nothing", PCALL_LAUNCHER_STREAMS, NOTHING },
  { "streams/dev-null", PCALL_LAUNCHER_STREAMS, DEV_NULL },
  { "streams/pipe", PCALL_LAUNCHER_STREAMS, PIPE },
  { "connect/nothing", PCALL_LAUNCHER_CONNECT, NOTHING },
  { "connect/dev-null", PCALL_LAUNCHER_CONNECT, DEV_NULL },
  { "connect/pipe", PCALL_LAUNCHER_CONNECT, PIPE },
};

/* What is run: all is taken, or one after the other, each from a task of its own. */
typedef struct
{
  const Row *row;
  Moment     moment;
  gboolean   each;
} Run;

/* Of one task */
typedef struct
{
  const Run *run;
  PcallTask *task;
  char      *go; /* a file that its calls wait for */
  int        place;
  gboolean   before[CLOSING_MAX_FD];
  gboolean   found;
} Taking;

/* Critical warnings, from two threads. */
static GLogWriterOutput
write_nothing (GLogLevelFlags   level,
               const GLogField *fields,
               gsize            n_fields,
               gpointer         data)
{
  return G_LOG_WRITER_HANDLED;
}

static PcallTask *
make_task (const Run *run, const char *go)
{
  g_autoptr (PcallLauncher) launcher = run->row->transport == PCALL_LAUNCHER_STREAMS
                                           ? launcher_new_shell ("eval exec \"$PCALL_AGENT\"",
                                                                 N_WORKERS)
                                           : launcher_new_connect (N_WORKERS);
  PcallTask *task = launcher_task (launcher, "run_command", N_CALLS);
  g_autofree char *command = g_strdup_printf ("until test -e %s; do sleep 0.01; done", go);

  if (run->each)
    pcall_launcher_set_heartbeat (launcher, HEARTBEAT_S);
  pcall_task_set_common_args (task, g_variant_new ("(s)", command));
  return task;
}

static gboolean
one_runs (gpointer task)
{
  for (guint i = 0; i < N_CALLS; i++)
    if (support_state (task, i) == PCALL_CALL_STATE_RUNNING)
      return TRUE;
  return FALSE;
}

static gpointer
take (gpointer data)
{
  Taking *self = data;

  if (self->run->moment != AT_ONCE)
    g_assert_true (traces_wait_until (one_runs, self->task));
  self->found = closing_close_new (self->before, self->place, self->run->row->instead);
  g_assert_true (g_file_set_contents (self->go, "", 0, NULL));
  return NULL;
}

static void
assert_all_ended (PcallTask *task)
{
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpuint (pcall_task_get_n_finished (task), ==, N_CALLS);
  for (guint i = 0; i < N_CALLS; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GVariant) result = support_end (task, i, &error);

      if (result != NULL)
        g_assert_cmpint (g_variant_get_int32 (result), ==, 0);
    }
}

static void
join_and_take (Taking *self)
{
  GThread *thread = NULL;

  support_start (self->task);
  if (self->run->moment == WHILE_JOINED)
    thread = g_thread_new ("taking", take, self);
  else
    take (self);
  pcall_task_join (self->task, SUPPORT_LIMIT_S, NULL, NULL);
  g_clear_pointer (&thread, g_thread_join);
}

/* FALSE if there is no descriptor of that place. */
static gboolean
run_with_taken (const Run *run, int place)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *go = g_build_filename (directory, "go", NULL);
  Taking taking = { .run = run, .go = go, .place = place };
  gdouble used = closing_get_processor_time ();
  gint64 begun = g_get_monotonic_time ();

  closing_list (taking.before);
  taking.task = make_task (run, go);
  join_and_take (&taking);
  assert_all_ended (taking.task);
  g_test_message ("place %d: %u failed after %.3f s", place,
                  pcall_task_get_n_failed (taking.task),
                  (g_get_monotonic_time () - begun) / 1e6);
  g_assert_cmpfloat ((g_get_monotonic_time () - begun) / 1e6, <, MAX_TIME_S);
  /* Those that ran are lost, and agents that come anew have the others. */
  if (run->moment != AT_ONCE)
    g_assert_cmpuint (pcall_task_get_n_failed (taking.task), <=, N_WORKERS);
  g_object_unref (taking.task);
  /* The launcher's thread closes numbers that may be another's by then. */
  g_assert_true (traces_wait_until (traces_have_no_thread, NULL));
  g_assert_cmpfloat (closing_get_processor_time () - used, <, MAX_CPU_S);
  launcher_remove_directory (directory);
  return taking.found;
}

static void
run_here (gconstpointer data)
{
  const Run *run = data;
  g_autoptr (PcallTask) first = symbol_task ("get_index", 1);
  int n = 0;

  /* What is made once in a process is there before. */
  support_run (first, NULL);
  if (!run->each)
    g_assert_true (run_with_taken (run, -1));
  else
    while (run_with_taken (run, n))
      n++;
}

static void
test_taken (gconstpointer data)
{
  traces_in_subprocess (run_here, data);
}

static void
add (const Row *row, Moment moment, gboolean each)
{
  static const char * const names[] = { "at-once", "running", "while-joined" };
  static Run runs[G_N_ELEMENTS (rows) * G_N_ELEMENTS (names) * 2];
  static guint n;
  g_autofree char *path = g_strdup_printf ("/pcall/taken/%s/%s/%s", each ? "each" : "all",
                                           row->name, names[moment]);

  runs[n] = (Run) { row, moment, each };
  g_test_add_data_func (path, &runs[n++], test_taken);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  g_log_set_writer_func (write_nothing, NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      add (&rows[i], AT_ONCE, FALSE);
      /* What is closed while the launcher's thread is at work may be that thread's at once. */
      if (rows[i].instead != NOTHING || g_test_slow ())
        add (&rows[i], RUNNING, FALSE);
      if (rows[i].instead != NOTHING)
        add (&rows[i], WHILE_JOINED, FALSE);
      if (g_test_slow () ||
          (rows[i].instead == DEV_NULL && rows[i].transport == PCALL_LAUNCHER_CONNECT))
        add (&rows[i], RUNNING, TRUE);
      if (g_test_slow ())
        {
          add (&rows[i], AT_ONCE, TRUE);
          if (rows[i].instead != NOTHING)
            add (&rows[i], WHILE_JOINED, TRUE);
        }
    }

  return g_test_run ();
}
