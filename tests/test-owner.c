/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* One owner at a time: tasks that are run, joined, dispatched, looked at, ended and dropped by any
 * thread, while a main loop runs in another one. And what holds for one thread: who only looks makes
 * progress, and nothing is told before start() has returned. */

#include <glib/gstdio.h>
#include <poll.h>

#include "tally.h"
#include "task-support.h"
#include "traces.h"

static GVariant *
square (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint32 n;

  g_variant_get (args, "(i)", &n);
  return g_variant_new_int32 (n * n);
}

static GVariant *
wait_for_byte (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  return NULL;
}

/* Two pipes */
static GVariant *
tell_and_wait (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  SupportPipe *pipes = user_data;

  support_pipe_put (&pipes[0], 0);
  support_pipe_get (&pipes[1]);
  return NULL;
}

static PcallTask *
new_squares (void)
{
  PcallTask *task = pcall_task_new_for_func (square, NULL, NULL);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1,), (2,), (3,), (4,)]"));
  return task;
}

static void
assert_squares (GVariant *results)
{
  support_assert_variant (results, "[<1>, <4>, <9>, <16>]");
}

/* Ways to run a task in a worker thread */

static void
by_run (void)
{
  PcallTask *task = new_squares ();
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = pcall_task_run (task, NULL, &error);

  g_assert_no_error (error);
  assert_squares (results);
  g_object_unref (task);
}

static void
join_and_drop (PcallTask *task)
{
  g_autoptr (GVariant) results = NULL;

  support_join (task);
  results = pcall_task_get_results (task);
  assert_squares (results);
  g_object_unref (task);
}

static void
by_join (void)
{
  PcallTask *task = new_squares ();

  support_start (task);
  join_and_drop (task);
}

static void
by_dispatch (void)
{
  PcallTask *task = new_squares ();
  struct pollfd ready = { .events = POLLIN };

  support_start (task);
  ready.fd = pcall_task_get_fd (task);
  while (pcall_task_dispatch (task))
    g_assert_cmpint (poll (&ready, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  join_and_drop (task);
}

static void
by_looking (void)
{
  PcallTask *task = new_squares ();

  support_start (task);
  while (pcall_task_get_running (task))
    g_thread_yield ();
  join_and_drop (task);
}

static void
by_reuse (void)
{
  PcallTask *task = new_squares ();

  pcall_task_set_calls_per_child (task, 0);
  support_start (task);
  join_and_drop (task);
}

/* Dropped while it runs, in the middle of what the main loop does with it. */
static void
by_dropping (void)
{
  PcallTask *task = support_task (support_sleep, 2);

  support_start (task);
  g_object_unref (task);
}

static void
by_terminating (void)
{
  PcallTask *task = support_task (support_sleep, 2);
  g_autoptr (GError) error = NULL;

  support_start (task);
  pcall_task_terminate (task);
  error = support_join_failing (task);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_CANCELLED);
  g_object_unref (task);
}

static void
joined (GObject *object, GAsyncResult *result, gpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (pcall_task_join_finish (PCALL_TASK (object), result, &error));
  g_assert_no_error (error);
  *(gboolean *) data = TRUE;
}

/* In a context of its own, with the task attached to the default one. */
static void
by_join_async (void)
{
  GMainContext *context = g_main_context_new ();
  PcallTask *task = new_squares ();
  gboolean done = FALSE;

  support_start (task);
  g_main_context_push_thread_default (context);
  pcall_task_join_async (task, NULL, joined, &done);
  while (!done)
    g_main_context_iteration (context, TRUE);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  join_and_drop (task);
}

typedef struct
{
  const char *name;
  void (*run) (void);
} Way;

static const Way ways[] = {
  { "run", by_run },
  { "join", by_join },
  { "dispatch", by_dispatch },
  { "look", by_looking },
  { "reuse", by_reuse },
  { "drop", by_dropping },
  { "terminate", by_terminating },
  { "join-async", by_join_async },
};

typedef struct
{
  const Way *way;
  GMainLoop *loop;
  guint n_rounds;
  gint n_left; /* atomic */
} Job;

static gpointer
work (gpointer data)
{
  Job *job = data;

  for (guint i = 0; i < job->n_rounds; i++)
    job->way->run ();
  if (g_atomic_int_dec_and_test (&job->n_left))
    g_main_loop_quit (job->loop);
  return NULL;
}

static gpointer
run_loop (gpointer data)
{
  g_main_loop_run (data);
  return NULL;
}

static gboolean
keep_busy (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
work_in_threads (const Way *way, guint n_threads, guint n_rounds, gboolean in_background)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Job job = { way, loop, n_rounds, n_threads };
  g_autofree GThread **threads = g_new (GThread *, n_threads);
  GThread *background = in_background ? g_thread_new ("loop", run_loop, loop) : NULL;
  guint source = g_idle_add (keep_busy, NULL);

  for (guint i = 0; i < n_threads; i++)
    threads[i] = g_thread_new (way->name, work, &job);
  if (background == NULL)
    g_main_loop_run (loop);
  for (guint i = 0; i < n_threads; i++)
    g_thread_join (threads[i]);
  if (background != NULL)
    g_thread_join (background);
  g_source_remove (source);
}

static void
test_way (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  guint n_rounds = traces_rounds (5, 1000);

  work_in_threads (data, 1, n_rounds, FALSE);
  work_in_threads (data, 1, n_rounds, TRUE);
  work_in_threads (data, 10, traces_rounds (1, 100), FALSE);
  traces_assert_back (before);
}

/* The usual way to make a blocking job asynchronous */

typedef struct
{
  GMainLoop *loop;
  guint n_left;
} Jobs;

static void
run_job (GTask *job, gpointer source, gpointer data, GCancellable *cancellable)
{
  PcallTask *task = new_squares ();
  GError *error = NULL;
  GVariant *results = pcall_task_run (task, cancellable, &error);

  g_assert_no_error (error);
  g_object_unref (task);
  g_task_return_pointer (job, results, (GDestroyNotify) g_variant_unref);
}

static void
job_done (GObject *object, GAsyncResult *result, gpointer data)
{
  Jobs *self = data;
  g_autoptr (GVariant) results = g_task_propagate_pointer (G_TASK (result), NULL);

  assert_squares (results);
  if (--self->n_left == 0)
    g_main_loop_quit (self->loop);
}

static void
test_run_in_thread (void)
{
  static const guint sizes[] = { 1, 10, 100 };

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++)
    {
      g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
      Jobs self = { loop, sizes[i] };

      for (guint j = 0; j < sizes[i]; j++)
        {
          g_autoptr (GTask) job = g_task_new (NULL, NULL, job_done, &self);

          g_task_run_in_thread (job, run_job);
        }
      g_main_loop_run (loop);
    }
}

/* A blocking call attaches nothing: its signals come in here, and nowhere else. */

static void
assert_thread (PcallTask *task, PcallCall *call, GThread *thread)
{
  g_assert_true (g_thread_self () == thread);
}

static void
by_run_here (void)
{
  PcallTask *task = new_squares ();
  g_autoptr (GVariant) results = NULL;

  g_signal_connect (task, "call-started", G_CALLBACK (assert_thread), g_thread_self ());
  g_signal_connect (task, "call-finished", G_CALLBACK (assert_thread), g_thread_self ());
  results = pcall_task_run (task, NULL, NULL);
  assert_squares (results);
  g_object_unref (task);
}

static void
test_attaches_nothing (void)
{
  static const Way way = { "here", by_run_here };

  work_in_threads (&way, 2, traces_rounds (10, 200), FALSE);
}

/* Several threads and one task */

typedef struct
{
  PcallTask *task;
  GError *error;
  gboolean joined;
} Joiner;

static gpointer
join_it (gpointer data)
{
  Joiner *self = data;

  self->joined = pcall_task_join (self->task, SUPPORT_LIMIT_S, NULL, &self->error);
  return NULL;
}

static void
join_by_many (PcallTask *task, Joiner *joiners, gsize n_joiners)
{
  GThread *threads[8];

  g_assert_cmpuint (n_joiners, <=, G_N_ELEMENTS (threads));
  for (gsize i = 0; i < n_joiners; i++)
    {
      joiners[i] = (Joiner){ .task = task };
      threads[i] = g_thread_new ("joiner", join_it, &joiners[i]);
    }
  for (gsize i = 0; i < n_joiners; i++)
    g_thread_join (threads[i]);
}

static void
test_joined_by_many (void)
{
  guint n_rounds = traces_rounds (20, 1000);

  for (guint round = 0; round < n_rounds; round++)
    {
      PcallTask *task = new_squares ();
      Tally *tally = tally_new (task);
      Joiner joiners[4];

      support_start (task);
      join_by_many (task, joiners, G_N_ELEMENTS (joiners));
      for (gsize i = 0; i < G_N_ELEMENTS (joiners); i++)
        {
          g_assert_no_error (joiners[i].error);
          g_assert_true (joiners[i].joined);
        }
      tally_assert_complete (tally);
      tally_free (tally);
      g_assert_finalize_object (task);
    }
}

static GVariant *
fail_second (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  if (pcall_get_call_index () != 1)
    return NULL;
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_BUSY, "busy");
  return NULL;
}

/* With the same answer. */
static void
test_failure_for_all (void)
{
  PcallTask *task = support_task (fail_second, 3);
  Joiner joiners[4];

  support_start (task);
  join_by_many (task, joiners, G_N_ELEMENTS (joiners));
  for (gsize i = 0; i < G_N_ELEMENTS (joiners); i++)
    {
      g_assert_false (joiners[i].joined);
      g_assert_error (joiners[i].error, G_IO_ERROR, G_IO_ERROR_BUSY);
      g_clear_error (&joiners[i].error);
    }
  g_assert_finalize_object (task);
}

/* Who drives gives up before the end: another takes over. */
static void
test_taken_over (void)
{
  SupportPipe gate;
  PcallTask *task;
  Joiner joiner = { NULL };
  GThread *thread;
  g_autoptr (GError) error = NULL;

  support_pipe_open (&gate);
  task = pcall_task_new_for_func (wait_for_byte, &gate, NULL);
  joiner.task = task;
  support_start (task);
  thread = g_thread_new ("joiner", join_it, &joiner);
  g_assert_false (pcall_task_join (task, 0.01, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  support_pipe_put (&gate, 0);
  g_thread_join (thread);
  g_assert_no_error (joiner.error);
  g_assert_true (joiner.joined);
  support_join (task);

  g_assert_finalize_object (task);
  support_pipe_close (&gate);
}

/* Two threads, each of which joins, while it is told of one task, the other's task. */
typedef struct
{
  PcallTask *own;
  PcallTask *other;
  gint *n_inside;
} Crossed;

static void
join_other (PcallTask *task, PcallCall *call, Crossed *self)
{
  gint64 limit = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  g_atomic_int_inc (self->n_inside);
  while (g_atomic_int_get (self->n_inside) < 2)
    g_assert_cmpint (g_get_monotonic_time (), <, limit);
  support_join (self->other);
}

static void
test_crossed (void)
{
  PcallTask *tasks[] = { support_task (support_index, 1), support_task (support_index, 1) };
  gint n_inside = 0;
  Crossed crossed[2];
  Joiner joiners[2];
  GThread *threads[2];

  for (gsize i = 0; i < 2; i++)
    {
      crossed[i] = (Crossed){ tasks[i], tasks[1 - i], &n_inside };
      g_signal_connect (tasks[i], "call-finished", G_CALLBACK (join_other), &crossed[i]);
      support_start (tasks[i]);
    }
  for (gsize i = 0; i < 2; i++)
    {
      joiners[i] = (Joiner){ .task = tasks[i] };
      threads[i] = g_thread_new ("crossed", join_it, &joiners[i]);
    }
  for (gsize i = 0; i < 2; i++)
    g_thread_join (threads[i]);
  for (gsize i = 0; i < 2; i++)
    {
      g_assert_no_error (joiners[i].error);
      g_assert_finalize_object (tasks[i]);
    }
}

/* Looking */

/* Also waiting calls have their turn. */
static void
test_look (void)
{
  PcallTask *task = support_task (support_index, 20);
  Tally *tally = tally_new (task);
  guint last = 0;

  pcall_task_set_max_children (task, 2);
  support_start (task);
  for (;;)
    {
      g_autoptr (GPtrArray) living = pcall_task_get_living_children (task);
      guint n = pcall_task_get_n_finished (task);

      g_assert_cmpuint (n, >=, last);
      last = n;
      if (living->len == 0 && n == 20)
        break;
      g_thread_yield ();
    }
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpint (support_state (task, 19), ==, PCALL_CALL_STATE_SUCCEEDED);

  /* Nothing was told yet. */
  support_join (task);
  tally_assert_complete (tally);
  tally_free (tally);
  g_assert_finalize_object (task);
}

/* What only looked sees the log of all calls, in the end. */
static GVariant *
say (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  printf ("said\n");
  return NULL;
}

static guint n_said;

static GLogWriterOutput
count_said (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0 && strcmp (fields[i].value, "said") == 0)
      n_said++;
  return level <= G_LOG_LEVEL_WARNING ? g_log_writer_default (level, fields, n_fields, data)
                                      : G_LOG_WRITER_HANDLED;
}

static void
look_and_drop (gconstpointer data)
{
  PcallTask *task = support_task (say, 2);

  support_start (task);
  while (pcall_task_get_running (task))
    g_thread_yield ();
  g_assert_cmpuint (n_said, ==, 0);
  g_object_unref (task);
  g_assert_cmpuint (n_said, ==, 2);
}

static void
test_look_and_drop (void)
{
  traces_in_subprocess (look_and_drop, NULL);
}

/* Starting */

typedef struct
{
  gboolean returned;
  guint n_told;
} Starting;

static void
told (PcallTask *task, gpointer what, Starting *self)
{
  g_assert_true (self->returned);
  self->n_told++;
}

static GVariant *
exit_at_once (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  _exit (3);
}

/* In a process of its own, whose first task this is. */
static void
first_task_dies (gconstpointer data)
{
  PcallTask *task = support_task (exit_at_once, 1);
  Starting self = { FALSE, 0 };

  g_signal_connect (task, "call-started", G_CALLBACK (told), &self);
  g_signal_connect (task, "call-failed", G_CALLBACK (told), &self);
  g_signal_connect (task, "call-finished", G_CALLBACK (told), &self);
  g_signal_connect (task, "child-exited", G_CALLBACK (told), &self);
  support_start (task);
  self.returned = TRUE;
  support_iterate_to_end (task);
  g_assert_cmpuint (self.n_told, >=, 3);
  g_assert_finalize_object (task);
}

static void
test_first_task_dies (void)
{
  guint n_rounds = traces_rounds (20, 1000);

  for (guint i = 0; i < n_rounds; i++)
    traces_in_subprocess (first_task_dies, NULL);
}

static gpointer
wait_for_quit (gpointer data)
{
  g_main_loop_run (data);
  return NULL;
}

/* All that may run at once run when start() has returned, whatever else the process has. */
static void
begin_all (void)
{
  enum { N = 20 };
  SupportPipe pipes[2];
  PcallTask *task;
  g_autoptr (GPtrArray) children = NULL;

  support_pipe_open (&pipes[0]);
  support_pipe_open (&pipes[1]);
  task = pcall_task_new_for_func (tell_and_wait, pipes, NULL);
  pcall_task_set_n_calls (task, N);
  support_start (task);
  children = pcall_task_get_living_children (task);
  g_assert_cmpuint (children->len, ==, N);
  /* Nobody looks at the task meanwhile. */
  for (guint i = 0; i < N; i++)
    support_pipe_get (&pipes[0]);
  for (guint i = 0; i < N; i++)
    support_pipe_put (&pipes[1], 0);
  support_join (task);
  g_assert_finalize_object (task);
  support_pipe_close (&pipes[0]);
  support_pipe_close (&pipes[1]);
}

static void
test_begins_all (void)
{
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (GMainLoop) loop = g_main_loop_new (context, FALSE);
  GThread *thread;

  begin_all ();
  thread = g_thread_new ("second", wait_for_quit, loop);
  begin_all ();
  while (!g_main_loop_is_running (loop))
    g_thread_yield ();
  g_main_loop_quit (loop);
  g_thread_join (thread);
}

/* Threads that do all of it, to tasks of their own and of each other */

#define N_THREADS 8

typedef struct
{
  GMutex lock;
  PcallTask *tasks[N_THREADS]; /* what others may do something to */
  gint n_started;
  gint n_finished_told;
  gint n_dropped;
  gint64 until;
} Stress;

static void
count_finished (PcallTask *task, Stress *self)
{
  g_atomic_int_inc (&self->n_finished_told);
}

static PcallTask *
take_any (Stress *self, GRand *rand)
{
  PcallTask *task;

  g_mutex_lock (&self->lock);
  task = self->tasks[g_rand_int_range (rand, 0, N_THREADS)];
  if (task != NULL)
    g_object_ref (task);
  g_mutex_unlock (&self->lock);
  return task;
}

static void
put (Stress *self, guint index, PcallTask *task)
{
  PcallTask *before;

  g_mutex_lock (&self->lock);
  before = self->tasks[index];
  self->tasks[index] = task != NULL ? g_object_ref (task) : NULL;
  g_mutex_unlock (&self->lock);
  g_clear_object (&before);
}

static void
look_at (PcallTask *task)
{
  g_autoptr (GPtrArray) living = pcall_task_get_living_children (task);

  for (guint i = 0; i < living->len; i++)
    pcall_child_get_exit_status (living->pdata[i]);
  if (g_list_model_get_n_items (G_LIST_MODEL (task)) > 0)
    {
      g_autoptr (PcallCall) call = pcall_task_get_call (task, 0);
      g_autoptr (GVariant) result = pcall_call_get_result (call);
      g_autoptr (GError) error = pcall_call_get_error (call);
    }
}

static void
do_something (Stress *self, GRand *rand)
{
  g_autoptr (PcallTask) task = take_any (self, rand);

  if (task == NULL)
    return;
  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      pcall_task_join (task, g_rand_int_range (rand, 0, 3) * 0.001, NULL, NULL);
      break;
    case 1:
      pcall_task_dispatch (task);
      break;
    case 2:
      pcall_task_terminate (task);
      break;
    case 3:
      pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
      break;
    default:
      look_at (task);
    }
}

static void
finish_own (Stress *self, PcallTask *task, GCancellable *cancellable, GRand *rand)
{
  switch (g_rand_int_range (rand, 0, 4))
    {
    case 0:
      g_cancellable_cancel (cancellable);
      pcall_task_join (task, SUPPORT_LIMIT_S, cancellable, NULL);
      break;
    case 1:
      g_atomic_int_inc (&self->n_dropped);
      return;
    case 2:
      while (pcall_task_get_running (task))
        g_thread_yield ();
      G_GNUC_FALLTHROUGH;
    default:
      pcall_task_join (task, SUPPORT_LIMIT_S, cancellable, NULL);
    }
  g_assert_false (pcall_task_get_running (task));
}

static gpointer
stress (gpointer data)
{
  Stress *self = data;
  static gint next;
  guint index = g_atomic_int_add (&next, 1) % N_THREADS;
  g_autoptr (GRand) rand = g_rand_new_with_seed (g_test_rand_int () + index);

  while (g_get_monotonic_time () < self->until)
    {
      g_autoptr (GCancellable) cancellable = g_cancellable_new ();
      PcallTask *task = new_squares ();

      if (g_rand_boolean (rand))
        pcall_task_set_calls_per_child (task, 0);
      g_signal_connect (task, "finished", G_CALLBACK (count_finished), self);
      put (self, index, task);
      if (pcall_task_start (task, NULL))
        g_atomic_int_inc (&self->n_started);
      for (guint i = 0; i < 4; i++)
        do_something (self, rand);
      finish_own (self, task, cancellable, rand);
      g_object_unref (task);
    }
  put (self, index, NULL);
  return NULL;
}

static gboolean
is_over (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

static void
test_stress (void)
{
  g_autofree char *before = traces_take ();
  Stress self = { .until = g_get_monotonic_time () +
                           traces_rounds (2, 60) * G_USEC_PER_SEC };
  GThread *threads[N_THREADS];
  guint source = g_timeout_add (1, is_over, NULL);

  g_mutex_init (&self.lock);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("stress", stress, &self);
  while (g_get_monotonic_time () < self.until)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_source_remove (source);
  while (g_main_context_iteration (NULL, FALSE))
    ;

  g_test_message ("%d tasks, %d dropped", self.n_started, self.n_dropped);
  g_assert_cmpint (self.n_finished_told, <=, self.n_started);
  g_assert_cmpint (self.n_finished_told, >=, self.n_started - self.n_dropped);
  g_mutex_clear (&self.lock);
  traces_assert_back (before);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  /* GLib makes its worker thread for the first of these, and keeps it. */
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));
  traces_begin_without_log ();
  g_log_set_writer_func (count_said, NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/owner/in-a-thread/%s", ways[i].name);

      g_test_add_data_func (path, &ways[i], test_way);
    }
  g_test_add_func ("/pcall/owner/attaches-nothing", test_attaches_nothing);
  g_test_add_func ("/pcall/owner/joined-by-many", test_joined_by_many);
  g_test_add_func ("/pcall/owner/failure-for-all", test_failure_for_all);
  g_test_add_func ("/pcall/owner/taken-over", test_taken_over);
  g_test_add_func ("/pcall/owner/crossed", test_crossed);
  g_test_add_func ("/pcall/owner/look", test_look);
  g_test_add_func ("/pcall/owner/look-and-drop", test_look_and_drop);
  g_test_add_func ("/pcall/owner/first-task-dies", test_first_task_dies);
  g_test_add_func ("/pcall/owner/begins-all", test_begins_all);
  g_test_add_func ("/pcall/owner/stress", test_stress);
  /* Last: GLib keeps its threads for a while. */
  g_test_add_func ("/pcall/owner-of-jobs/run-in-thread", test_run_in_thread);

  return g_test_run ();
}
