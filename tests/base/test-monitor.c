/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who may enter and who may drive, who finds the owner, and that nothing of it is locked in a
 * fork. */

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor-support.h"
#include "task-support.h"

/* What another thread may */

static gpointer
try_to_drive (gpointer monitor)
{
  gboolean driven, may;

  pcall_monitor_enter (monitor);
  driven = pcall_monitor_is_driven (monitor);
  g_assert_false (pcall_monitor_is_mine (monitor));
  may = pcall_monitor_try_drive (monitor);
  g_assert_cmpint (may, ==, !driven);
  g_assert_true (pcall_monitor_is_driven (monitor));
  g_assert_cmpint (pcall_monitor_is_mine (monitor), ==, may);
  if (may)
    pcall_monitor_stop_driving (monitor);
  pcall_monitor_leave (monitor);
  return may ? monitor : NULL;
}

/* e and l: enter and leave; o and i: step out and in; b and f: user code begins, and has finished.
 * After each step others may enter (.) or not (#). */
static void
test_enter (void)
{
  static const struct
  {
    const char *steps;
    const char *others;
  } cases[] = {
    { "el", "#." },           { "elel", "#.#." },
    { "eelell", "#####." }, { "eoil", "#.#." },
    { "eeeoilll", "###.###." }, { "eoeoilil", "#.#.#.#." },
    { "ebfl", "#.#." },       { "eebelfll", "##.#.##." },
    { "ebebflfl", "#.#.#.#." }, { "eoebelflil", "#.#.#.#.#." },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
      guint depths[8], n_out = 0, n_user = 0;

      for (const char *step = cases[i].steps; *step != '\0'; step++)
        {
          gboolean free = cases[i].others[step - cases[i].steps] == '.';

          if (*step == 'e')
            pcall_monitor_enter (monitor);
          else if (*step == 'l')
            pcall_monitor_leave (monitor);
          else if (*step == 'o')
            depths[n_out++] = pcall_monitor_step_out (monitor);
          else if (*step == 'i')
            pcall_monitor_step_in (monitor, depths[--n_out]);
          else if (*step == 'b')
            depths[n_out++] = pcall_monitor_begin_user_code (monitor);
          else
            pcall_monitor_end_user_code (monitor, depths[--n_out]);
          n_user += (*step == 'b') - (*step == 'f');

          g_assert_cmpint (in_other_thread (try_to_enter, monitor) != NULL, ==, free);
          g_assert_cmpint (pcall_monitor_is_in_user_code (), ==, n_user > 0);
        }
    }
}

/* Many at once */

#define N_THREADS 4
#define N_ROUNDS 2000

typedef struct
{
  PcallMonitor *monitor;
  volatile guint n;
} Counter;

static gpointer
count_entered (gpointer data)
{
  Counter *counter = data;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      PcallMonitorLocker *outer = pcall_monitor_locker_new (counter->monitor);
      G_GNUC_UNUSED g_autoptr (PcallMonitorLocker) inner =
          pcall_monitor_locker_new (counter->monitor);
      guint depth;

      counter->n = counter->n + 1;
      depth = pcall_monitor_step_out (counter->monitor);
      pcall_monitor_step_in (counter->monitor, depth);
      counter->n = counter->n + 1;
      pcall_monitor_leave (outer);
      counter->n = counter->n + 1;
    }
  return NULL;
}

static void
test_one_at_a_time (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  Counter counter = { monitor, 0 };
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("counter", count_entered, &counter);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (counter.n, ==, 3 * N_THREADS * N_ROUNDS);
}

/* d and s: drive and stop. After each step others may drive (.) or not (#). */
static void
test_drive (void)
{
  static const struct
  {
    const char *steps;
    const char *others;
  } cases[] = {
    { "ds", "#." },
    { "dsds", "#.#." },
    { "ddss", "###." },
    { "ddsddsss", "#######." },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();

      for (const char *step = cases[i].steps; *step != '\0'; step++)
        {
          gboolean free = cases[i].others[step - cases[i].steps] == '.';

          pcall_monitor_enter (monitor);
          if (*step == 's')
            pcall_monitor_stop_driving (monitor);
          else
            g_assert_true (pcall_monitor_try_drive (monitor));
          g_assert_cmpint (pcall_monitor_is_driven (monitor), ==, !free);
          g_assert_cmpint (pcall_monitor_is_mine (monitor), ==, !free);
          pcall_monitor_leave (monitor);

          g_assert_cmpint (in_other_thread (try_to_drive, monitor) != NULL, ==, free);
        }
    }
}

/* Waiting */

typedef struct
{
  PcallMonitor *monitor;
  GAsyncQueue *waiting; /* a token of each thread that is about to wait */
  gint n_ended;
} Waiters;

static gpointer
wait_entered_twice (gpointer data)
{
  Waiters *self = data;
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  pcall_monitor_enter (self->monitor);
  pcall_monitor_enter (self->monitor);
  g_async_queue_push (self->waiting, self);
  do
    g_assert_true (pcall_monitor_wait (self->monitor, until));
  while (pcall_monitor_is_driven (self->monitor));
  self->n_ended++;
  pcall_monitor_leave (self->monitor);
  pcall_monitor_leave (self->monitor);
  return NULL;
}

/* Who has entered here finds all of them waiting: each lets others in only by that. */
static void
waiters_start (Waiters *self, GThread **threads)
{
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("waiter", wait_entered_twice, self);
  for (guint i = 0; i < N_THREADS; i++)
    g_assert_nonnull (g_async_queue_timeout_pop (self->waiting, SUPPORT_LIMIT_S * G_USEC_PER_SEC));
}

static void
test_wait (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  g_autoptr (GAsyncQueue) waiting = g_async_queue_new ();
  Waiters waiters = { monitor, waiting, 0 };
  GThread *threads[N_THREADS];

  pcall_monitor_enter (monitor);
  g_assert_true (pcall_monitor_try_drive (monitor));
  pcall_monitor_leave (monitor);
  waiters_start (&waiters, threads);

  pcall_monitor_enter (monitor);
  pcall_monitor_stop_driving (monitor);
  pcall_monitor_leave (monitor);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpint (waiters.n_ended, ==, N_THREADS);
  g_assert_nonnull (in_other_thread (try_to_enter, monitor));
}

static void
test_wait_until (void)
{
  static const gint64 from_now[] = { -G_USEC_PER_SEC, 0, 1000 };

  for (gsize i = 0; i < G_N_ELEMENTS (from_now); i++)
    {
      g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
      gint64 until = MAX (g_get_monotonic_time () + from_now[i], 0);

      pcall_monitor_enter (monitor);
      while (pcall_monitor_wait (monitor, until))
        g_assert_cmpint (g_get_monotonic_time (), <, until + SUPPORT_LIMIT_S * G_USEC_PER_SEC);
      g_assert_cmpint (g_get_monotonic_time (), >=, until);
      g_assert_null (in_other_thread (try_to_enter, monitor));
      pcall_monitor_leave (monitor);
    }
}
/* The owner */

static guint n_updates;

static void
count_update (gpointer owner)
{
  g_assert_true (G_IS_OBJECT (owner));
  n_updates++;
}

static void
test_owner (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  g_autoptr (GObject) owner = g_object_new (G_TYPE_OBJECT, NULL);
  gpointer weak = owner;
  gpointer found;

  g_assert_null (pcall_monitor_ref_owner (monitor));
  g_object_add_weak_pointer (owner, &weak);
  pcall_monitor_set_owner (monitor, owner, count_update);
  found = pcall_monitor_ref_owner (monitor);
  g_assert_true (found == owner);
  g_clear_object (&owner);
  g_assert_nonnull (weak);

  pcall_monitor_set_owner (monitor, NULL, NULL);
  g_assert_null (pcall_monitor_ref_owner (monitor));
  pcall_monitor_unref_owner (monitor, found);
  g_assert_null (weak);
  g_assert_nonnull (in_other_thread (try_to_enter, monitor));
}

static gpointer
update (gpointer monitor)
{
  pcall_monitor_update (monitor);
  return NULL;
}

static void
test_update (void)
{
  static const struct
  {
    gboolean owned, entered, driven, by_other;
    guint n_updates;
  } cases[] = {
    { FALSE, FALSE, FALSE, FALSE, 0 }, { TRUE, FALSE, FALSE, FALSE, 1 },
    { TRUE, TRUE, FALSE, FALSE, 0 },   { TRUE, FALSE, TRUE, FALSE, 0 },
    { TRUE, FALSE, FALSE, TRUE, 1 },   { TRUE, FALSE, TRUE, TRUE, 1 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
      g_autoptr (GObject) owner = g_object_new (G_TYPE_OBJECT, NULL);

      n_updates = 0;
      pcall_monitor_enter (monitor);
      if (cases[i].owned)
        pcall_monitor_set_owner (monitor, owner, count_update);
      if (cases[i].driven)
        g_assert_true (pcall_monitor_try_drive (monitor));
      if (!cases[i].entered)
        pcall_monitor_leave (monitor);

      if (cases[i].by_other)
        in_other_thread (update, monitor);
      else
        update (monitor);
      g_assert_cmpuint (n_updates, ==, cases[i].n_updates);
      if (cases[i].entered)
        pcall_monitor_leave (monitor);
    }
}

/* A fork */

typedef struct
{
  PcallMonitor *monitor;
  GAsyncQueue *has_entered, *may_leave;
} Holder;

static gpointer
hold_and_drive (gpointer data)
{
  Holder *self = data;

  pcall_monitor_enter (self->monitor);
  g_assert_true (pcall_monitor_try_drive (self->monitor));
  g_async_queue_push (self->has_entered, self);
  g_assert_nonnull (g_async_queue_timeout_pop (self->may_leave, SUPPORT_LIMIT_S * G_USEC_PER_SEC));
  pcall_monitor_stop_driving (self->monitor);
  pcall_monitor_leave (self->monitor);
  return NULL;
}

/* Whatever stands locked there belongs to a thread that the copy does not have. */
static void
use_copy (PcallMonitor *monitor, GObject *thing)
{
  gpointer owner;

  pcall_monitor_enter (monitor);
  pcall_monitor_step_in (monitor, pcall_monitor_step_out (monitor));
  g_assert_false (pcall_monitor_is_driven (monitor));
  g_assert_true (pcall_monitor_is_mine (monitor));
  g_assert_true (pcall_monitor_try_drive (monitor));
  pcall_monitor_end_user_code (monitor, pcall_monitor_begin_user_code (monitor));
  pcall_monitor_stop_driving (monitor);
  pcall_monitor_leave (monitor);

  owner = pcall_monitor_ref_owner (monitor);
  g_assert_true (owner == thing);
  pcall_monitor_unref_owner (monitor, owner);
  pcall_monitor_update (monitor);
  g_assert_cmpuint (n_updates, ==, 0);
  g_object_unref (thing);
  assert_counts (0, 1, 1);
  pcall_monitor_unref (monitor);
}

/* What is made there is locked as ever. */
static void
use_new (void)
{
  PcallMonitor *monitor = pcall_monitor_new ();

  pcall_monitor_enter (monitor);
  g_assert_null (in_other_thread (try_to_enter, monitor));
  pcall_monitor_leave (monitor);
  g_assert_nonnull (in_other_thread (try_to_enter, monitor));
  pcall_monitor_unref (monitor);
}

static void
test_fork (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  g_autoptr (GAsyncQueue) has_entered = g_async_queue_new ();
  g_autoptr (GAsyncQueue) may_leave = g_async_queue_new ();
  Holder holder = { monitor, has_entered, may_leave };
  GObject *thing = thing_new (monitor);
  GThread *thread;
  int status;
  pid_t pid;

  forget_counts ();
  n_updates = 0;
  pcall_monitor_set_owner (monitor, thing, count_update);
  thread = g_thread_new ("holder", hold_and_drive, &holder);
  g_assert_nonnull (g_async_queue_timeout_pop (has_entered, SUPPORT_LIMIT_S * G_USEC_PER_SEC));
  pid = fork ();
  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      alarm (SUPPORT_LIMIT_S);
      use_copy (monitor, thing);
      use_new ();
      _exit (0);
    }

  g_assert_cmpint (TEMP_FAILURE_RETRY (waitpid (pid, &status, 0)), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
  g_async_queue_push (may_leave, &holder);
  g_thread_join (thread);
  g_object_unref (thing);
  assert_counts (0, 1, 1);
}
/* An object that is told to go, and not by its last reference, while somebody else is in there */

typedef struct
{
  GObject       parent;
  PcallMonitor *monitor;
  guint         n_disposed;
} Owner;

typedef GObjectClass OwnerClass;

static GType owner_get_type (void);

G_DEFINE_TYPE (Owner, owner, G_TYPE_OBJECT)

static void
owner_dispose (GObject *object)
{
  Owner *self = (Owner *) object;

  if (pcall_monitor_enter_to_dispose (self->monitor, self))
    {
      self->n_disposed++;
      pcall_monitor_leave (self->monitor);
    }
  G_OBJECT_CLASS (owner_parent_class)->dispose (object);
}

static void
owner_class_init (OwnerClass *klass)
{
  klass->dispose = owner_dispose;
}

static void
owner_init (Owner *self)
{
}

typedef struct
{
  PcallMonitor *monitor;
  SupportPipe   entered, leave;
  gboolean      drives;
} Inside;

static gpointer
be_inside (gpointer data)
{
  Inside *self = data;

  pcall_monitor_enter (self->monitor);
  if (self->drives)
    pcall_monitor_try_drive (self->monitor);
  support_pipe_put (&self->entered, 1);
  support_pipe_get (&self->leave);
  if (self->drives)
    {
      guint depth = pcall_monitor_begin_user_code (self->monitor);

      support_pipe_put (&self->entered, 1);
      support_pipe_get (&self->leave);
      pcall_monitor_end_user_code (self->monitor, depth);
      pcall_monitor_stop_driving (self->monitor);
    }
  pcall_monitor_leave (self->monitor);
  return NULL;
}

static void
test_run_dispose (void)
{
  for (guint drives = 0; drives < 2; drives++)
    {
      g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
      Inside inside = { .monitor = monitor, .drives = drives };
      Owner *owner = g_object_new (owner_get_type (), NULL);
      GThread *thread;

      owner->monitor = monitor;
      pcall_monitor_set_owner (monitor, owner, NULL);
      support_pipe_open (&inside.entered);
      support_pipe_open (&inside.leave);
      thread = g_thread_new ("inside", be_inside, &inside);
      support_pipe_get (&inside.entered);
      g_object_run_dispose (G_OBJECT (owner));
      g_assert_cmpuint (owner->n_disposed, ==, 0);
      /* Who drives has stepped out, and goes on with it. */
      support_pipe_put (&inside.leave, 1);
      if (drives)
        {
          support_pipe_get (&inside.entered);
          g_assert_cmpuint (owner->n_disposed, ==, 0);
          support_pipe_put (&inside.leave, 1);
        }
      g_thread_join (thread);
      g_assert_cmpuint (owner->n_disposed, ==, 1);
      pcall_monitor_set_owner (monitor, NULL, NULL);
      g_assert_finalize_object (owner);
      support_pipe_close (&inside.entered);
      support_pipe_close (&inside.leave);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/monitor/enter", test_enter);
  g_test_add_func ("/monitor/one-at-a-time", test_one_at_a_time);
  g_test_add_func ("/monitor/drive", test_drive);
  g_test_add_func ("/monitor/wait", test_wait);
  g_test_add_func ("/monitor/wait-until", test_wait_until);
  g_test_add_func ("/monitor/owner", test_owner);
  g_test_add_func ("/monitor/update", test_update);
  g_test_add_func ("/monitor/run-dispose", test_run_dispose);
  g_test_add_func ("/monitor/fork", test_fork);
  return g_test_run ();
}
