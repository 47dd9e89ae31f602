/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who may enter and who may drive, what becomes of an object that is disposed of while another
 * thread has entered, and that nothing of it is locked in a fork. */

#include <glib-object.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/base/pcall-monitor-private.h>

#include "task-support.h"

/* A thing leaves the state when it is disposed of, as calls and children do. */

typedef struct
{
  GObject parent_instance;
  PcallMonitor *monitor;
  gpointer *held; /* where another thread puts it that finds it as it is disposed of */
} Thing;

typedef GObjectClass ThingClass;

GType thing_get_type (void);
G_DEFINE_TYPE (Thing, thing, G_TYPE_OBJECT)

/* How often that was put off, done, and how many are gone; atomic. */
static gint n_left, n_disposed, n_finalized;

static gpointer
in_other_thread (GThreadFunc func, gpointer data)
{
  return g_thread_join (g_thread_new ("other", func, data));
}

static gpointer
find_owner (gpointer monitor)
{
  return pcall_monitor_ref_owner (monitor);
}

static void
thing_dispose (GObject *object)
{
  Thing *self = (Thing *) object;

  if (self->held != NULL)
    *g_steal_pointer (&self->held) = in_other_thread (find_owner, self->monitor);
  if (pcall_monitor_enter_to_dispose (self->monitor, object))
    {
      g_atomic_int_inc (&n_disposed);
      pcall_monitor_leave (self->monitor);
    }
  else
    g_atomic_int_inc (&n_left);
  G_OBJECT_CLASS (thing_parent_class)->dispose (object);
}

static void
thing_finalize (GObject *object)
{
  g_atomic_int_inc (&n_finalized);
  pcall_monitor_unref (((Thing *) object)->monitor);
  G_OBJECT_CLASS (thing_parent_class)->finalize (object);
}

static void
thing_class_init (ThingClass *class)
{
  class->dispose = thing_dispose;
  class->finalize = thing_finalize;
}

static void
thing_init (Thing *self)
{
}

static gpointer
thing_new (PcallMonitor *monitor)
{
  Thing *self = g_object_new (thing_get_type (), NULL);

  self->monitor = pcall_monitor_ref (monitor);
  return self;
}

static void
forget_counts (void)
{
  n_left = n_disposed = n_finalized = 0;
}

static void
assert_counts (gint left, gint disposed, gint finalized)
{
  g_assert_cmpint (g_atomic_int_get (&n_left), ==, left);
  g_assert_cmpint (g_atomic_int_get (&n_disposed), ==, disposed);
  g_assert_cmpint (g_atomic_int_get (&n_finalized), ==, finalized);
}

/* What another thread finds */

/* Only an object that is disposed of tries to enter and does not wait. */
static gpointer
try_to_enter (gpointer monitor)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);

  if (!pcall_monitor_enter_to_dispose (monitor, object))
    return NULL;

  pcall_monitor_leave (monitor);
  return monitor;
}

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
      g_autoptr (PcallMonitorLocker) inner = pcall_monitor_locker_new (counter->monitor);
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

/* Orphans */

static gpointer
drop (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

static void
test_dispose (void)
{
  for (guint depth = 0; depth < 3; depth++)
    {
      g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();

      forget_counts ();
      for (guint i = 0; i < depth; i++)
        pcall_monitor_enter (monitor);
      g_object_unref (thing_new (monitor));
      assert_counts (0, 1, 1);
      for (guint i = 0; i < depth; i++)
        pcall_monitor_leave (monitor);
      assert_counts (0, 1, 1);
      g_assert_nonnull (in_other_thread (try_to_enter, monitor));
    }
}

/* They may be all that keeps the monitor. */
static void
test_orphans (void)
{
  for (guint steps_out = 0; steps_out < 2; steps_out++)
    {
      PcallMonitor *monitor = pcall_monitor_new ();
      gpointer things[3];

      forget_counts ();
      for (gsize i = 0; i < G_N_ELEMENTS (things); i++)
        things[i] = thing_new (monitor);
      pcall_monitor_enter (monitor);
      pcall_monitor_enter (monitor);
      for (gsize i = 0; i < G_N_ELEMENTS (things); i++)
        in_other_thread (drop, things[i]);
      assert_counts (3, 0, 0);

      if (steps_out)
        {
          guint depth = pcall_monitor_step_out (monitor);

          assert_counts (3, 3, 3);
          pcall_monitor_step_in (monitor, depth);
        }
      pcall_monitor_leave (monitor);
      assert_counts (3, 3 * steps_out, 3 * steps_out);
      if (!steps_out)
        pcall_monitor_unref (monitor);
      pcall_monitor_leave (monitor);
      assert_counts (3, 3, 3);
      if (steps_out)
        pcall_monitor_unref (monitor);
    }
}

static gint64
time_leaves (PcallMonitor *monitor, guint n)
{
  gint64 start = g_get_monotonic_time ();

  for (guint i = 0; i < n; i++)
    {
      pcall_monitor_enter (monitor);
      pcall_monitor_leave (monitor);
    }
  return g_get_monotonic_time () - start;
}

static void
wait_until_finalized (gint n)
{
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;

  while (g_atomic_int_get (&n_finalized) < n && g_get_monotonic_time () < until)
    g_usleep (1000);
}

/* Somebody has found the orphan, and holds it. Only the first who leaves waits for that, and nobody
 * need leave any more when it is let go of. */
static void
test_found_orphan (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  gpointer thing = thing_new (monitor);
  gint64 first;

  forget_counts ();
  pcall_monitor_enter (monitor);
  in_other_thread (drop, thing);
  g_object_ref (thing);
  first = g_get_monotonic_time ();
  pcall_monitor_leave (monitor);
  first = g_get_monotonic_time () - first;
  assert_counts (1, 0, 0);
  g_assert_cmpint (time_leaves (monitor, 10), <, first);

  g_object_unref (thing);
  wait_until_finalized (1);
  assert_counts (1, 1, 1);
}

/* The owner became an orphan while it was held: its last holder drops it, and nobody need leave. */
static void
test_held_owner (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  gpointer thing = thing_new (monitor);
  gpointer held;

  forget_counts ();
  pcall_monitor_set_owner (monitor, thing, NULL);
  pcall_monitor_enter (monitor);
  in_other_thread (drop, thing);
  held = pcall_monitor_ref_owner (monitor);
  g_assert_true (held == thing);
  pcall_monitor_leave (monitor);
  assert_counts (1, 0, 0);
  pcall_monitor_unref_owner (monitor, held);
  assert_counts (1, 1, 1);
}

/* A loop finds the owner, and drives, when another thread has dropped the last reference and not yet
 * taken the owner out. */
static void
test_found_owner (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();
  gpointer thing = thing_new (monitor);
  gpointer held = NULL;

  forget_counts ();
  ((Thing *) thing)->held = &held;
  pcall_monitor_set_owner (monitor, thing, NULL);
  g_object_unref (thing);
  g_assert_true (held == thing);
  assert_counts (1, 0, 0);
  pcall_monitor_enter (monitor);
  pcall_monitor_leave (monitor);
  assert_counts (1, 0, 0);
  pcall_monitor_unref_owner (monitor, held);
  assert_counts (1, 1, 1);
}

typedef struct
{
  gpointer thing;
  gint is_near; /* atomic */
} Race;

static gpointer
drop_in_race (gpointer data)
{
  Race *race = data;

  g_atomic_int_set (&race->is_near, TRUE);
  return drop (race->thing);
}

/* One leaves while the other disposes. Both may do it, where the other got in when the one had taken
 * the orphan already; one of them does, and the object goes once. */
static void
test_dispose_race (void)
{
  g_autoptr (PcallMonitor) monitor = pcall_monitor_new ();

  for (guint i = 0; i < 500; i++)
    {
      Race race = { thing_new (monitor), FALSE };
      GThread *thread;

      forget_counts ();
      pcall_monitor_enter (monitor);
      thread = g_thread_new ("dropper", drop_in_race, &race);
      while (!g_atomic_int_get (&race.is_near))
        g_thread_yield ();
      pcall_monitor_leave (monitor);
      g_thread_join (thread);
      /* Where the other was slow to let go, the orphan waits for this. */
      pcall_monitor_enter (monitor);
      pcall_monitor_leave (monitor);
      g_assert_cmpint (g_atomic_int_get (&n_disposed), >=, 1);
      g_assert_cmpint (g_atomic_int_get (&n_finalized), ==, 1);
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

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/monitor/enter", test_enter);
  g_test_add_func ("/monitor/one-at-a-time", test_one_at_a_time);
  g_test_add_func ("/monitor/drive", test_drive);
  g_test_add_func ("/monitor/wait", test_wait);
  g_test_add_func ("/monitor/wait-until", test_wait_until);
  g_test_add_func ("/monitor/dispose", test_dispose);
  g_test_add_func ("/monitor/orphans", test_orphans);
  g_test_add_func ("/monitor/found-orphan", test_found_orphan);
  g_test_add_func ("/monitor/held-owner", test_held_owner);
  g_test_add_func ("/monitor/found-owner", test_found_owner);
  g_test_add_func ("/monitor/dispose-race", test_dispose_race);
  g_test_add_func ("/monitor/owner", test_owner);
  g_test_add_func ("/monitor/update", test_update);
  g_test_add_func ("/monitor/fork", test_fork);
  return g_test_run ();
}
