/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* One owner at a time, where several threads have the same task: who joins it gets the same answer,
 * whoever drives. And threads that do everything to tasks of their own and of each other. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "tally.h"
#include "task-support.h"
#include "traces.h"

static GVariant *
wait_for_byte (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  support_pipe_get (user_data);
  return NULL;
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
      PcallTask *task = support_task (support_index, 4);
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

typedef struct
{
  SupportPipe told;
  SupportPipe looked;
} End;

static void
wait_at_end (PcallTask *task, End *end)
{
  support_pipe_put (&end->told, 1);
  support_pipe_get (&end->looked);
}

/* While one thread is still telling that it has, others find a task that has finished. */
static void
test_finished_for_all (void)
{
  PcallTask *task = support_task (support_index, 1);
  Joiner joiner = { .task = task };
  GThread *thread;
  End end;

  support_pipe_open (&end.told);
  support_pipe_open (&end.looked);
  g_signal_connect (task, "finished", G_CALLBACK (wait_at_end), &end);
  support_start (task);
  thread = g_thread_new ("joiner", join_it, &joiner);
  support_pipe_get (&end.told);
  g_assert_false (pcall_task_dispatch (task));
  g_assert_false (pcall_task_get_running (task));
  g_assert_cmpint (pcall_task_get_fd (task), ==, -1);
  support_pipe_put (&end.looked, 1);
  g_thread_join (thread);
  g_assert_true (joiner.joined);
  support_pipe_close (&end.told);
  support_pipe_close (&end.looked);
  g_assert_finalize_object (task);
}

/* Who drives gives up before the end: another takes over. */
static void
test_taken_over (void)
{
  SupportPipe gate;
  PcallTask *task;
  Joiner joiner = { .task = NULL };
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

/* A thread joins a task that another is about to start, in vain as it turns out. */
typedef struct
{
  Joiner joiner;
  GThread *thread;
  gint tid; /* its; atomic */
} Hopeful;

static gpointer
join_too_early (gpointer data)
{
  Hopeful *self = data;

  g_atomic_int_set (&self->tid, gettid ());
  return join_it (&self->joiner);
}

static gboolean
is_asleep (gpointer data)
{
  Hopeful *self = data;
  g_autofree char *path = g_strdup_printf ("/proc/self/task/%d/stat",
                                           g_atomic_int_get (&self->tid));
  g_autofree char *stat = NULL;

  return g_file_get_contents (path, &stat, NULL, NULL) && strstr (stat, ") S ") != NULL;
}

/* Once it waits. */
static pid_t
fail_to_fork (gpointer data)
{
  Hopeful *self = data;

  self->thread = g_thread_new ("hopeful", join_too_early, self);
  g_assert_true (traces_wait_until (is_asleep, self));
  errno = EPERM;
  return -1;
}

static void
test_joined_in_vain (void)
{
  PcallTask *task = support_task (support_index, 1);
  Hopeful hopeful = { .joiner.task = task };
  g_autoptr (GError) error = NULL;

  pcall_set_fork_func (fail_to_fork, &hopeful, NULL);
  g_assert_false (pcall_task_start (task, &error));
  pcall_set_fork_func (NULL, NULL, NULL);
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_thread_join (hopeful.thread);
  g_assert_false (hopeful.joiner.joined);
  g_assert_error (hopeful.joiner.error, G_IO_ERROR, G_IO_ERROR_NOT_INITIALIZED);
  g_error_free (hopeful.joiner.error);

  support_run (task, "[<uint32 0>]");
  g_assert_finalize_object (task);
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
  g_autoptr (GPtrArray) living = pcall_task_dup_living_children (task);

  for (guint i = 0; i < living->len; i++)
    pcall_child_get_exit_status (living->pdata[i]);
  if (g_list_model_get_n_items (G_LIST_MODEL (task)) > 0)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, 0);
      G_GNUC_UNUSED g_autoptr (GVariant) result = pcall_call_dup_result (call);
      G_GNUC_UNUSED g_autoptr (GError) error = pcall_call_dup_error (call);
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
      PcallTask *task = support_task (support_index, 4);

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
  traces_begin ();

  g_test_add_func ("/pcall/owner-shared/joined-by-many", test_joined_by_many);
  g_test_add_func ("/pcall/owner-shared/failure-for-all", test_failure_for_all);
  g_test_add_func ("/pcall/owner-shared/finished-for-all", test_finished_for_all);
  g_test_add_func ("/pcall/owner-shared/taken-over", test_taken_over);
  g_test_add_func ("/pcall/owner-shared/crossed", test_crossed);
  g_test_add_func ("/pcall/owner-shared/joined-in-vain", test_joined_in_vain);
  g_test_add_func ("/pcall/owner-shared/stress", test_stress);

  return g_test_run ();
}
