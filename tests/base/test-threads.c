/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Marks: the same while other threads sleep, and none of any worth when one of them has run,
 * however short that was. */

#include <gio/gio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/base/pcall-threads-private.h>

#include "task-support.h"

/* A thread that sleeps until it is woken, counts that, and sleeps again. */

typedef struct
{
  GThread *thread;
  SupportPipe pipe;
  gint n_woken;
} Sleeper;

static gpointer
sleep_and_count (gpointer data)
{
  Sleeper *self = data;

  while (support_pipe_get (&self->pipe) != 0)
    g_atomic_int_inc (&self->n_woken);
  return NULL;
}

static void
sleeper_start (Sleeper *self)
{
  *self = (Sleeper){ .n_woken = 0 };
  support_pipe_open (&self->pipe);
  self->thread = g_thread_new ("sleeper", sleep_and_count, self);
}

static void
sleeper_wake (Sleeper *self)
{
  gint n = g_atomic_int_get (&self->n_woken);

  support_pipe_put (&self->pipe, 1);
  while (g_atomic_int_get (&self->n_woken) == n)
    ;
}

static void
sleeper_end (Sleeper *self)
{
  support_pipe_put (&self->pipe, 0);
  g_thread_join (self->thread);
  support_pipe_close (&self->pipe);
}

/* A thread that never sleeps */

typedef struct
{
  GThread *thread;
  gint n_turns;
  gint stop;
} Runner;

static gpointer
run (gpointer data)
{
  Runner *self = data;

  while (!g_atomic_int_get (&self->stop))
    g_atomic_int_inc (&self->n_turns);
  return NULL;
}

static void
runner_start (Runner *self)
{
  *self = (Runner){ .stop = FALSE };
  self->thread = g_thread_new ("runner", run, self);
}

static void
runner_wait (Runner *self)
{
  gint n = g_atomic_int_get (&self->n_turns);

  while (g_atomic_int_get (&self->n_turns) == n)
    ;
}

static void
runner_end (Runner *self)
{
  g_atomic_int_set (&self->stop, TRUE);
  g_thread_join (self->thread);
}

/* All threads have gone to sleep, and the mark lasts: this never comes where it is lost without
 * need. */
static guint64
take_lasting_mark (void)
{
  gint64 end = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  guint64 mark;

  do
    {
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      mark = pcall_threads_mark ();
      g_usleep (1000);
    }
  while (!pcall_threads_have_slept (mark));

  g_assert_cmpuint (pcall_threads_mark (), ==, mark);
  return mark;
}

static void
test_alone (void)
{
  guint64 mark = take_lasting_mark ();

  g_assert_false (pcall_threads_have_slept (0));
  g_assert_false (pcall_threads_have_slept (mark + 1));
  g_assert_true (pcall_threads_is_marked (mark));
  g_assert_false (pcall_threads_is_marked (mark + 1));
  g_assert_false (pcall_threads_is_marked (0));
}

/* A child of the same numbers: it has no other thread, and neither has its parent. */
static void
test_child (void)
{
  guint64 mark = take_lasting_mark ();
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      g_usleep (1000);
      _exit (pcall_threads_have_slept (mark) ? 1 : 0);
    }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
}

static void
test_asleep (void)
{
  Sleeper sleeper;

  sleeper_start (&sleeper);
  g_assert_true (pcall_threads_exist ());
  take_lasting_mark ();
  sleeper_end (&sleeper);
}

static void
test_woken (void)
{
  guint n_rounds = g_test_slow () ? 300000 : 3000;
  Sleeper sleeper;

  sleeper_start (&sleeper);
  for (guint i = 0; i < n_rounds; i++)
    {
      guint64 mark = i % 100 == 0 ? take_lasting_mark () : pcall_threads_mark ();

      sleeper_wake (&sleeper);
      g_assert_false (pcall_threads_have_slept (mark));
      g_assert_false (pcall_threads_is_marked (mark));
      g_assert_cmpuint (pcall_threads_mark (), !=, mark);
    }
  sleeper_end (&sleeper);
}

static void
test_runs (void)
{
  Runner runner;

  runner_start (&runner);
  for (guint i = 0; i < 1000; i++)
    {
      guint64 mark = pcall_threads_mark ();

      runner_wait (&runner);
      g_assert_false (pcall_threads_have_slept (mark));
    }
  runner_end (&runner);
}

/* It has not slept yet, and the mark does not know it. */
static void
test_new (void)
{
  for (guint i = 0; i < 100; i++)
    {
      guint64 mark = take_lasting_mark ();
      Runner runner;

      runner_start (&runner);
      runner_wait (&runner);
      g_assert_false (pcall_threads_have_slept (mark));
      runner_end (&runner);
    }
}

/* As many as before, but others */
static void
test_other (void)
{
  for (guint i = 0; i < 100; i++)
    {
      Sleeper before;
      Runner after;
      guint64 mark;

      sleeper_start (&before);
      mark = take_lasting_mark ();
      sleeper_end (&before);
      runner_start (&after);
      g_assert_false (pcall_threads_have_slept (mark));
      runner_end (&after);
    }
}

static gpointer
have_slept (gpointer data)
{
  return GINT_TO_POINTER (pcall_threads_have_slept (*(guint64 *) data));
}

static void
test_of_another_thread (void)
{
  guint64 mark = take_lasting_mark ();
  GThread *thread = g_thread_new ("stranger", have_slept, &mark);

  g_assert_null (g_thread_join (thread));
}

static void
test_many (void)
{
  Sleeper sleepers[100];

  for (gsize i = 0; i < G_N_ELEMENTS (sleepers); i++)
    sleeper_start (&sleepers[i]);
  g_assert_cmpuint (pcall_threads_mark (), ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (sleepers); i++)
    sleeper_end (&sleepers[i]);
  take_lasting_mark ();
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);

  /* The first two need a process that never had another thread. */
  g_test_add_func ("/threads/child", test_child);
  g_test_add_func ("/threads/alone", test_alone);
  g_test_add_func ("/threads/asleep", test_asleep);
  g_test_add_func ("/threads/woken", test_woken);
  g_test_add_func ("/threads/runs", test_runs);
  g_test_add_func ("/threads/new", test_new);
  g_test_add_func ("/threads/other", test_other);
  g_test_add_func ("/threads/of-another-thread", test_of_another_thread);
  g_test_add_func ("/threads/many", test_many);

  return g_test_run ();
}
