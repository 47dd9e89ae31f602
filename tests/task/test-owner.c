/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* One owner at a time: tasks that are run, joined, dispatched, looked at, ended and dropped by any
 * thread, while a main loop runs in another one. */

#include <poll.h>

#include "task-support.h"
#include "traces.h"

static GVariant *
square (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint32 n;

  g_variant_get (args, "(i)", &n);
  return g_variant_new_int32 (n * n);
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
  results = pcall_task_dup_results (task);
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

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  /* GLib makes its worker thread for the first of these, and keeps it. */
  g_object_unref (g_task_new (NULL, NULL, NULL, NULL));
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (ways); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/owner/in-a-thread/%s", ways[i].name);

      g_test_add_data_func (path, &ways[i], test_way);
    }
  g_test_add_func ("/pcall/owner/attaches-nothing", test_attaches_nothing);
  /* Last: GLib keeps its threads for a while. */
  g_test_add_func ("/pcall/owner-of-jobs/run-in-thread", test_run_in_thread);

  return g_test_run ();
}
