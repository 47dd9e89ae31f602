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
  PcallMonitor *monitor;
  GHashTable   *table; /* position → View */
} PcallViews;

typedef void (*PcallViewFunc) (gpointer object);

void     pcall_views_init   (PcallViews   *self,
                             PcallMonitor *monitor);
void     pcall_views_clear  (PcallViews   *self);

gboolean pcall_views_are_there (PcallViews *self);
/* A full reference, or NULL. */
gpointer pcall_views_get    (PcallViews   *self,
                             guint         position);
/* @object shows the record from here on. */
void     pcall_views_add    (PcallViews   *self,
                             guint         position,
                             gpointer      object);
/* In dispose() of the object, from any thread, which need not have entered: it no longer does. */
void     pcall_views_remove (PcallViews   *self,
                             guint         position,
                             gpointer      object);
/* Keeps the object, which must be there, until it is released. */
void     pcall_views_hold   (PcallViews   *self,
                             guint         position);
/* Calls @notify, which calls user code, with the object if there is one; steps out meanwhile. */
void     pcall_views_notify (PcallViews   *self,
                             guint         position,
                             PcallViewFunc notify);
/* The same, and then no longer keeps it. */
void     pcall_views_notify_last (PcallViews    *self,
                                  guint          position,
                                  PcallViewFunc  notify);
/* The positions that have an object. */
GArray  *pcall_views_list   (PcallViews   *self);

G_END_DECLS
