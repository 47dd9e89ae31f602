/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib-object.h>

#include "base/pcall-monitor-private.h"

G_BEGIN_DECLS

/* The objects that show records of a list, by the record's position: at most one for each, made
 * when somebody asks. For who has entered the monitor. */
typedef struct
{
  /* A full reference to a new object. */
  gpointer (*make)   (gpointer list,
                      guint    position);
  /* Calls user code. What changes there are is told where the list is. */
  void     (*notify) (gpointer object,
                      guint    change);
} PcallViewClass;

typedef struct
{
  const PcallViewClass *class;
  gpointer              list;
  PcallMonitor         *monitor;
  GHashTable           *table; /* position → View */
} PcallViews;

void     pcall_views_init   (PcallViews           *self,
                             const PcallViewClass *class,
                             gpointer              list,
                             PcallMonitor         *monitor);
void     pcall_views_clear  (PcallViews   *self);

gboolean pcall_views_are_there (PcallViews *self);
/* A full reference to the object, which is made if there is none. @hold: where it is made, it is
 * kept until the last has been told of it. */
gpointer pcall_views_get    (PcallViews   *self,
                             guint         position,
                             gboolean      hold);
/* In dispose() of the object, from any thread, which need not have entered: it no longer does. */
void     pcall_views_remove (PcallViews   *self,
                             guint         position,
                             gpointer      object);
/* Notifies the object, if there is one, of that change; steps out meanwhile. */
void     pcall_views_notify (PcallViews   *self,
                             guint         position,
                             guint         change);
/* The same, and then no longer keeps it. */
void     pcall_views_notify_last (PcallViews *self,
                                  guint       position,
                                  guint       change);
/* The positions that have an object. */
GArray  *pcall_views_list   (PcallViews   *self);

G_END_DECLS
