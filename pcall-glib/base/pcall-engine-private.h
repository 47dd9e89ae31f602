/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One epoll descriptor: descriptors, timers and a wake-up from other threads behind it, and it
 * behind one GSource, or any other event loop. It knows what to call, and not what for.
 *
 * All but pcall_engine_wake() is for one thread. Watches and timers are parts of the structures
 * that use them; zero-initialise them. */
typedef struct _PcallEngine PcallEngine;

typedef void (*PcallWatchFunc) (gpointer data,
                                guint32  events);
typedef void (*PcallTimerFunc) (gpointer data);

typedef struct
{
  int            fd;
  PcallWatchFunc func;
  gpointer       data;
  gboolean       active;
} PcallWatch;

typedef struct
{
  gint64         due; /* microseconds of the monotonic clock */
  PcallTimerFunc func;
  gpointer       data;
  GSequenceIter *position; /* NULL while not set */
} PcallTimer;

/* @wake is called in dispatch after pcall_engine_wake(), until pcall_engine_detach(). */
PcallEngine *pcall_engine_new   (PcallTimerFunc wake,
                                 gpointer       data,
                                 GError       **error);
PcallEngine *pcall_engine_ref   (PcallEngine   *self);
void         pcall_engine_unref (PcallEngine   *self);

void         pcall_engine_detach (PcallEngine *self);

/* Calls @func whenever @fd has one of @events (EPOLLIN …), until unwatched. The descriptor stays
 * the caller's, who must unwatch it before closing it. */
gboolean pcall_engine_watch   (PcallEngine   *self,
                               PcallWatch    *watch,
                               int            fd,
                               guint32        events,
                               PcallWatchFunc func,
                               gpointer       data,
                               GError       **error);
void     pcall_engine_unwatch (PcallEngine   *self,
                               PcallWatch    *watch);
/* Looks for @events from now on, and no others. */
void     pcall_engine_rewatch (PcallEngine   *self,
                               PcallWatch    *watch,
                               guint32        events);

/* Calls @func once, at @due or soon after. Setting a timer again moves it. */
void pcall_engine_set_timer   (PcallEngine   *self,
                               PcallTimer    *timer,
                               gint64         due,
                               PcallTimerFunc func,
                               gpointer       data);
void pcall_engine_unset_timer (PcallEngine   *self,
                               PcallTimer    *timer);

/* From any thread. */
void pcall_engine_wake (PcallEngine *self);

/* The epoll descriptor, which is readable when there is something to dispatch. */
int pcall_engine_get_fd (PcallEngine *self);

/* Waits until something is ready, or until @until (-1: without limit; 0: not at all), by
 * milliseconds, and calls what is ready then, a bounded number. */
void pcall_engine_dispatch (PcallEngine *self,
                            gint64       until);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallEngine, pcall_engine_unref)

G_END_DECLS
