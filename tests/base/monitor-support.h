/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What tests of the monitor share: things that are disposed of in its state, and another thread. */

#pragma once

#include <glib-object.h>

#include <pcall-glib/base/pcall-monitor-private.h>

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
static GMutex finalized_lock;
static GCond one_finalized;

static inline gpointer
in_other_thread (GThreadFunc func, gpointer data)
{
  return g_thread_join (g_thread_new ("other", func, data));
}

static inline gpointer
find_owner (gpointer monitor)
{
  return pcall_monitor_ref_owner (monitor);
}

static inline void
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

static inline void
thing_finalize (GObject *object)
{
  g_mutex_lock (&finalized_lock);
  g_atomic_int_inc (&n_finalized);
  g_cond_broadcast (&one_finalized);
  g_mutex_unlock (&finalized_lock);
  pcall_monitor_unref (((Thing *) object)->monitor);
  G_OBJECT_CLASS (thing_parent_class)->finalize (object);
}

static inline void
thing_class_init (ThingClass *class)
{
  class->dispose = thing_dispose;
  class->finalize = thing_finalize;
}

static inline void
thing_init (Thing *self)
{
}

static inline gpointer
thing_new (PcallMonitor *monitor)
{
  Thing *self = g_object_new (thing_get_type (), NULL);

  self->monitor = pcall_monitor_ref (monitor);
  return self;
}

static inline void
forget_counts (void)
{
  n_left = n_disposed = n_finalized = 0;
}

static inline void
assert_counts (gint left, gint disposed, gint finalized)
{
  g_assert_cmpint (g_atomic_int_get (&n_left), ==, left);
  g_assert_cmpint (g_atomic_int_get (&n_disposed), ==, disposed);
  g_assert_cmpint (g_atomic_int_get (&n_finalized), ==, finalized);
}
/* Only an object that is disposed of tries to enter and does not wait. */
static inline gpointer
try_to_enter (gpointer monitor)
{
  g_autoptr (GObject) object = g_object_new (G_TYPE_OBJECT, NULL);

  if (!pcall_monitor_enter_to_dispose (monitor, object))
    return NULL;

  pcall_monitor_leave (monitor);
  return monitor;
}
