/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* One epoll descriptor: descriptors and timers behind it, and it behind one GSource, or any other
 * event loop. It knows what to call, and not what for.
 *
 * One thread at a time uses it; what any may call at any time is said to be so. Watches and timers
 * are parts of the structures that use them; zero-initialise them. */
typedef struct _PcallEngine PcallEngine;

typedef void (*PcallWatchFunc) (gpointer data,
                                guint32  events);
typedef void (*PcallTimerFunc) (gpointer data);

typedef struct
{
  PcallEngine   *engine; /* that calls it; NULL: it is not active */
  int            fd;
  guint32        events;
  PcallWatchFunc func;
  gpointer       data;
  GList          link; /* among those that are */
} PcallWatch;

typedef struct
{
  gint64         due; /* microseconds of the monotonic clock */
  PcallTimerFunc func;
  gpointer       data;
  GSequenceIter *position; /* NULL while not set */
} PcallTimer;

PcallEngine *pcall_engine_new   (GError      **error);
/* From any thread. */
PcallEngine *pcall_engine_ref   (PcallEngine  *self);
void         pcall_engine_unref (PcallEngine  *self);

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

/* The epoll descriptor, which is readable when there is something to dispatch. */
int pcall_engine_get_fd (PcallEngine *self);

/* A descriptor of the engine's, or of a watch, was closed by something else in this program. From
 * here on nobody waits for descriptors: all that is watched is called as if it were ready, again
 * and again, so that what there is to be found out is. @why is for the log. From any thread. */
void     pcall_engine_go_blind (PcallEngine *self,
                                const char  *why,
                                int          fd);
/* Whether a loop is to dispatch after PCALL_ENGINE_PAUSE_US, whatever the descriptor says. */
gboolean pcall_engine_is_blind (PcallEngine *self);

#define PCALL_ENGINE_PAUSE_US 10000

/* Waits until there is something to dispatch, or until it is woken, or until @until (-1: without
 * limit), by milliseconds. One thread at a time; others may do anything else meanwhile. */
void pcall_engine_wait (PcallEngine *self,
                        gint64       until);
/* Ends that wait, or the next one. From any thread. */
void pcall_engine_wake (PcallEngine *self);

/* From here on the descriptor is ready, for good: there is nothing more to come. */
void pcall_engine_stay_ready (PcallEngine *self);

/* Calls what is ready, @most at the most, each in its turn; FALSE if there is nothing. Does not
 * wait, and is not to be called from what it calls. */
gboolean pcall_engine_dispatch (PcallEngine *self,
                                guint        most);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallEngine, pcall_engine_unref)

G_END_DECLS
