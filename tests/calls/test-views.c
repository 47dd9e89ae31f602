/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Objects on demand: one for a record, which goes with its last reference, is kept while it is held,
 * and lives on where it is asked for in the moment in which it goes. */

#include <glib-object.h>

#include <pcall-glib/calls/pcall-views-private.h>

#include "task-support.h"

/* A view of a record, as calls and children are */

typedef struct
{
  GObject parent_instance;
  PcallViews *views;
  guint position;
  guint n_notified;
} Thing;

typedef GObjectClass ThingClass;

GType thing_get_type (void);
G_DEFINE_TYPE (Thing, thing, G_TYPE_OBJECT)

static gint n_alive; /* atomic */

static void
thing_dispose (GObject *object)
{
  Thing *self = (Thing *) object;

  pcall_views_remove (self->views, self->position, self);
  G_OBJECT_CLASS (thing_parent_class)->dispose (object);
}

static void
thing_finalize (GObject *object)
{
  g_atomic_int_add (&n_alive, -1);
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
  g_atomic_int_inc (&n_alive);
}

typedef struct
{
  PcallMonitor *monitor;
  PcallViews views;
} Fixture;

static PcallMonitor *told_monitor;

static gpointer
enter_and_leave (gpointer monitor)
{
  pcall_monitor_enter (monitor);
  pcall_monitor_leave (monitor);
  return monitor;
}

/* What is told */
enum
{
  NEWS,
  LET_GO, /* user code lets the object go in the middle of it */
};

static void
notify (gpointer object, guint change)
{
  Thing *thing = object;

  thing->n_notified++;
  g_assert_true (pcall_monitor_is_in_user_code ());
  /* It would wait for ever, if this were called entered. */
  g_assert_nonnull (g_thread_join (g_thread_new ("other", enter_and_leave, told_monitor)));
  if (change == LET_GO)
    g_object_unref (object);
  g_assert_true (G_IS_OBJECT (object));
}

static gpointer
make (gpointer list, guint position)
{
  Thing *thing = g_object_new (thing_get_type (), NULL);

  thing->views = list;
  thing->position = position;
  return thing;
}

static const PcallViewClass thing_view = { make, notify };

static void
set_up (Fixture *self, gconstpointer data)
{
  g_assert_cmpint (n_alive, ==, 0);
  self->monitor = told_monitor = pcall_monitor_new ();
  pcall_views_init (&self->views, &thing_view, &self->views, self->monitor);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  g_assert_false (pcall_views_are_there (&self->views));
  g_assert_cmpint (n_alive, ==, 0);
  pcall_views_clear (&self->views);
  pcall_monitor_unref (self->monitor);
}

static Thing *
get (PcallViews *views, guint position)
{
  return pcall_views_get (views, position, FALSE);
}

static gboolean
is_there (PcallViews *views, guint position)
{
  g_autoptr (GArray) list = pcall_views_list (views);

  for (guint i = 0; i < list->len; i++)
    if (g_array_index (list, guint, i) == position)
      return TRUE;
  return FALSE;
}

static void
assert_list (PcallViews *views, const guint *positions, guint n)
{
  g_autoptr (GArray) list = pcall_views_list (views);

  g_assert_cmpuint (list->len, ==, n);
  for (guint i = 0; i < n; i++)
    g_assert_true (is_there (views, positions[i]));
}

static void
test_one (Fixture *self, gconstpointer data)
{
  static const guint positions[] = { 0, 1, 7, G_MAXUINT - 1 };
  Thing *things[G_N_ELEMENTS (positions)];

  pcall_monitor_enter (self->monitor);
  g_assert_false (pcall_views_are_there (&self->views));
  assert_list (&self->views, NULL, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (positions); i++)
    {
      things[i] = get (&self->views, positions[i]);
      assert_list (&self->views, positions, i + 1);
    }

  for (gsize i = 0; i < G_N_ELEMENTS (positions); i++)
    {
      Thing *again = get (&self->views, positions[i]);

      g_assert_true (again == things[i]);
      g_object_unref (again);
      g_assert_cmpint (n_alive, ==, G_N_ELEMENTS (positions) - i);
      g_object_unref (things[i]);
      assert_list (&self->views, positions + i + 1, G_N_ELEMENTS (positions) - i - 1);
    }
  pcall_monitor_leave (self->monitor);
}

/* Another has taken its place: that one stays. */
static void
test_another (Fixture *self, gconstpointer data)
{
  Thing *thing, *other, *found;

  pcall_monitor_enter (self->monitor);
  thing = get (&self->views, 1);
  g_object_run_dispose (G_OBJECT (thing));
  g_assert_false (is_there (&self->views, 1));
  other = get (&self->views, 1);
  g_assert_true (other != thing);
  g_object_unref (thing);
  found = get (&self->views, 1);
  g_assert_true (found == other);
  g_object_unref (found);
  g_object_unref (other);
  pcall_monitor_leave (self->monitor);
}

/* g: somebody asks for the object and keeps it; G: the same, and if it is made then, it is held; u:
 * lets it go; n and l: something is told, and the last. Digits in @told: how often that object was
 * told so far, - where there is none. */
static void
test_steps (Fixture *self, gconstpointer data)
{
  static const struct
  {
    const char *steps;
    const char *told;
  } cases[] = {
    { "n", "-" },       { "l", "-" },           { "gu", "0-" },
    { "ggunu", "0001-" }, { "Gnul", "011-" },   { "gGunul", "0001--" },
    { "Gul", "00-" },   { "Gunnl", "0012-" },   { "Gunglu", "00112-" },
    { "Glnu", "012-" }, { "glnu", "012-" },     { "Gllu", "012-" },
    { "GulnGunl", "00--001-" },
  };

  pcall_monitor_enter (self->monitor);
  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Thing *mine = NULL;
      const char *told = cases[i].told;

      for (const char *step = cases[i].steps; *step != '\0'; step++, told++)
        {
          g_autoptr (GObject) found = NULL;

          if (*step == 'g' || *step == 'G')
            mine = pcall_views_get (&self->views, 3, *step == 'G');
          else if (*step == 'u')
            g_object_unref (mine);
          else if (*step == 'n')
            pcall_views_notify (&self->views, 3, NEWS);
          else
            pcall_views_notify_last (&self->views, 3, NEWS);

          g_assert_false (pcall_monitor_is_in_user_code ());
          g_assert_cmpint (n_alive, ==, *told != '-');
          g_assert_cmpint (is_there (&self->views, 3), ==, *told != '-');
          if (*told == '-')
            continue;
          found = pcall_views_get (&self->views, 3, FALSE);
          g_assert_cmpuint (((Thing *) found)->n_notified, ==, (guint) (*told - '0'));
        }
    }
  pcall_monitor_leave (self->monitor);
}

static void
test_let_go_when_told (Fixture *self, gconstpointer data)
{
  pcall_monitor_enter (self->monitor);
  get (&self->views, 3);
  pcall_views_notify (&self->views, 3, LET_GO);
  g_assert_cmpint (n_alive, ==, 0);

  pcall_views_get (&self->views, 3, TRUE);
  pcall_views_notify_last (&self->views, 3, LET_GO);
  g_assert_cmpint (n_alive, ==, 0);
  pcall_monitor_leave (self->monitor);
}

/* The last reference goes in another thread while this one has entered, which finds the object still
 * there, or lets it go by leaving. */

static gpointer
drop (gpointer object)
{
  g_object_unref (object);
  return NULL;
}

static void
test_resurrect (Fixture *self, gconstpointer data)
{
  for (guint found = 0; found < 2; found++)
    {
      Thing *thing, *again = NULL;

      pcall_monitor_enter (self->monitor);
      thing = get (&self->views, 3);
      g_thread_join (g_thread_new ("other", drop, thing));
      g_assert_cmpint (n_alive, ==, 1);
      if (found)
        {
          again = get (&self->views, 3);
          g_assert_true (again == thing);
        }
      pcall_monitor_leave (self->monitor);
      g_assert_cmpint (n_alive, ==, found);

      if (found)
        g_object_unref (again);
      pcall_monitor_enter (self->monitor);
      pcall_monitor_leave (self->monitor);
      g_assert_cmpint (n_alive, ==, 0);
      g_assert_false (pcall_views_are_there (&self->views));
    }
}

/* Many ask for the same object and let it go, without rest. */

#define N_THREADS 4
#define N_ROUNDS 10

static gpointer
ask_and_drop (gpointer data)
{
  Fixture *self = data;

  for (guint i = 0; i < N_ROUNDS; i++)
    {
      Thing *thing, *again;

      pcall_monitor_enter (self->monitor);
      thing = get (&self->views, 3);
      again = get (&self->views, 3);
      g_assert_true (thing == again);
      pcall_monitor_leave (self->monitor);

      g_assert_cmpuint (thing->position, ==, 3);
      g_object_unref (again);
      g_assert_cmpuint (thing->position, ==, 3);
      g_object_unref (thing);
    }
  return NULL;
}

static void
test_race (Fixture *self, gconstpointer data)
{
  GThread *threads[N_THREADS];

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("asker", ask_and_drop, self);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  /* Where one was slow to let go, the orphan waits for this. */
  pcall_monitor_enter (self->monitor);
  pcall_monitor_leave (self->monitor);
  g_assert_cmpint (n_alive, ==, 0);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/views/one", test_one);
  ADD ("/views/another", test_another);
  ADD ("/views/steps", test_steps);
  ADD ("/views/let-go-when-told", test_let_go_when_told);
  ADD ("/views/resurrect", test_resurrect);
  ADD ("/views/race", test_race);
  return g_test_run ();
}
