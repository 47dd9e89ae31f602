/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-views-private.h"

/* Objects on demand.
 *
 * A record has one object at a time, as long as anybody refers to it. The last reference may go in
 * any thread, a garbage collector's say, at the moment in which another thread asks for the
 * object. So the table has weak references, which an object loses before it is finalized.
 *
 * A language's collector may hold a lock of its own when it finalizes an object, and who has
 * entered the monitor may wait for that lock. So nothing is locked when an object is finalized:
 * its entry stays until somebody else clears up.
 *
 * Who connected to an object and let it go wants to be told all the same. So a list holds the
 * object of a record until there is nothing left to tell of that. */

typedef struct
{
  GWeakRef object;
  gboolean held;
} View;

/* So many entries may be without an object. */
#define MAX_STALE 64

static void
view_free (View *view)
{
  g_weak_ref_clear (&view->object);
  g_free (view);
}

void
pcall_views_init (PcallViews   *self,
                  PcallMonitor *monitor)
{
  self->monitor = pcall_monitor_ref (monitor);
  self->table = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) view_free);
}

void
pcall_views_clear (PcallViews *self)
{
  g_clear_pointer (&self->table, g_hash_table_unref);
  g_clear_pointer (&self->monitor, pcall_monitor_unref);
}

gboolean
pcall_views_are_there (PcallViews *self)
{
  return g_atomic_int_get (&self->n_live) > 0;
}

static View *
find (PcallViews *self,
      guint       position)
{
  /* Nobody looks at most records. */
  if (g_hash_table_size (self->table) == 0)
    return NULL;
  return g_hash_table_lookup (self->table, GUINT_TO_POINTER (position));
}

gpointer
pcall_views_get (PcallViews *self,
                 guint       position)
{
  View *view = find (self, position);

  return view != NULL ? g_weak_ref_get (&view->object) : NULL;
}

static gboolean
is_stale (gpointer position,
          gpointer data,
          gpointer user_data)
{
  View *view = data;
  g_autoptr (GObject) object = g_weak_ref_get (&view->object);

  return object == NULL;
}

static void
clear_up (PcallViews *self)
{
  guint n_live = g_atomic_int_get (&self->n_live);

  if (g_hash_table_size (self->table) > 2 * n_live + MAX_STALE)
    g_hash_table_foreach_remove (self->table, is_stale, NULL);
}

void
pcall_views_add (PcallViews *self,
                 guint       position,
                 gpointer    object)
{
  View *view = g_new0 (View, 1);

  clear_up (self);
  g_weak_ref_init (&view->object, object);
  g_hash_table_replace (self->table, GUINT_TO_POINTER (position), view);
  g_atomic_int_inc (&self->n_live);
}

void
pcall_views_forget (PcallViews *self)
{
  g_atomic_int_add (&self->n_live, -1);
}

void
pcall_views_hold (PcallViews *self,
                  guint       position)
{
  View *view = find (self, position);

  view->held = TRUE;
  g_weak_ref_get (&view->object);
}

static void
notify (PcallViews   *self,
        guint         position,
        PcallViewFunc func,
        gboolean      last)
{
  View *view = find (self, position);
  gpointer object = view != NULL ? g_weak_ref_get (&view->object) : NULL;
  gboolean release;
  guint depth;

  if (object == NULL)
    return;

  release = last && view->held;
  view->held = view->held && !last;
  depth = pcall_monitor_begin_user_code (self->monitor);
  func (object);
  if (release)
    g_object_unref (object);
  g_object_unref (object);
  pcall_monitor_end_user_code (self->monitor, depth);
}

void
pcall_views_notify (PcallViews   *self,
                    guint         position,
                    PcallViewFunc func)
{
  notify (self, position, func, FALSE);
}

void
pcall_views_notify_last (PcallViews   *self,
                         guint         position,
                         PcallViewFunc func)
{
  notify (self, position, func, TRUE);
}

GArray *
pcall_views_list (PcallViews *self)
{
  GArray *positions = g_array_new (FALSE, FALSE, sizeof (guint));
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->table);
  while (g_hash_table_iter_next (&iter, &key, NULL))
    {
      guint position = GPOINTER_TO_UINT (key);

      g_array_append_val (positions, position);
    }
  return positions;
}
