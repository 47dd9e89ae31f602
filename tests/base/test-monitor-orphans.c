/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What becomes of an object that is disposed of while another thread has entered, or holds it. */

#include "monitor-support.h"
#include "task-support.h"

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

  g_mutex_lock (&finalized_lock);
  while (g_atomic_int_get (&n_finalized) < n &&
         g_cond_wait_until (&one_finalized, &finalized_lock, until))
    ;
  g_mutex_unlock (&finalized_lock);
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
int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/monitor/dispose", test_dispose);
  g_test_add_func ("/monitor/orphans", test_orphans);
  g_test_add_func ("/monitor/found-orphan", test_found_orphan);
  g_test_add_func ("/monitor/held-owner", test_held_owner);
  g_test_add_func ("/monitor/found-owner", test_found_owner);
  g_test_add_func ("/monitor/dispose-race", test_dispose_race);
  return g_test_run ();
}
