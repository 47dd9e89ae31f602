/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-views-private.h"

/* Objects on demand.
 *
 * A record has one object at a time, as long as anybody refers to it. The last reference may go in
 * any thread, a garbage collector's say, at the moment in which another thread asks for the
 * object: then it lives on. So an object leaves the table when it is disposed of, and not later.
 *
 * Who connected to an object and let it go wants to be told all the same. So the object of a record
 * is held until there is nothing left to tell of that.
 *
 * What the objects are is known to who has the list, and not to the list. */

typedef struct
{
  gpointer object;
  gboolean held;
} View;

void
pcall_views_init (PcallViews           *self,
                  const PcallViewClass *class,
                  gpointer              list,
                  PcallMonitor         *monitor)
{
  self->class = class;
  self->list = list;
  self->monitor = pcall_monitor_ref (monitor);
  self->table = g_hash_table_new_full (NULL, NULL, NULL, g_free);
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
  return g_hash_table_size (self->table) > 0;
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
                 guint       position,
                 gboolean    hold)
{
  View *view = find (self, position);

  if (view != NULL)
    return g_object_ref (view->object);

  view = g_new0 (View, 1);
  view->object = self->class->make (self->list, position);
  view->held = hold;
  g_hash_table_replace (self->table, GUINT_TO_POINTER (position), view);
  return hold ? g_object_ref (view->object) : view->object;
}

void
pcall_views_remove (PcallViews *self,
                    guint       position,
                    gpointer    object)
{
  View *view;

  if (!pcall_monitor_enter_to_dispose (self->monitor, object))
    return;

  view = find (self, position);
  if (view != NULL && view->object == object)
    g_hash_table_remove (self->table, GUINT_TO_POINTER (position));
  pcall_monitor_leave (self->monitor);
}

static void
notify (PcallViews *self,
        guint       position,
        guint       change,
        gboolean    last)
{
  View *view = find (self, position);
  gpointer object;
  gboolean release;
  guint depth;

  if (view == NULL)
    return;

  object = g_object_ref (view->object);
  release = last && view->held;
  view->held = view->held && !last;
  depth = pcall_monitor_begin_user_code (self->monitor);
  self->class->notify (object, change);
  if (release)
    g_object_unref (object);
  g_object_unref (object);
  pcall_monitor_end_user_code (self->monitor, depth);
}

void
pcall_views_notify (PcallViews *self,
                    guint       position,
                    guint       change)
{
  notify (self, position, change, FALSE);
}

void
pcall_views_notify_last (PcallViews *self,
                         guint       position,
                         guint       change)
{
  notify (self, position, change, TRUE);
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
