/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-conditions-private.h"
#include "base/pcall-engine-private.h"
#include "base/pcall-monitor-private.h"
#include "parent/pcall-peer-private.h"
#include "pcall-enums.h"

G_BEGIN_DECLS

/* Agents on other machines, which a launcher's command starts there: see pcall-crew.c. All of this
 * may be called from any thread, and takes a lock for a short while. */
typedef struct _PcallCrew PcallCrew;

/* How agents are started, and what they are like. Times are in microseconds, 0 for none. */
typedef struct
{
  char                 **command; /* without what {n}, {host} and {agent} stand for */
  char                 **hosts;   /* one for each worker; NULL: the command knows where */
  guint                  n_workers;
  guint                  n_per_launch; /* that one command starts */
  PcallLauncherTransport transport;
  char                  *address;      /* NULL: all that this machine has */
  char                  *prologue;     /* what a shell runs before the agent; NULL for none */
  char                 **environment;  /* "NAME=VALUE", that workers have besides */
  char                  *directory;    /* in which they run; NULL: where they are started */
  char                  *agent;        /* the path of that program, there */
  gint64                 idle_timeout;
  gint64                 start_timeout;
  gint64                 heartbeat;
} PcallCrewPlan;

void       pcall_crew_plan_clear (PcallCrewPlan *self);

/* Takes what is in @plan. Nothing is started yet. */
PcallCrew *pcall_crew_new   (PcallCrewPlan *plan);
PcallCrew *pcall_crew_ref   (PcallCrew     *self);
void       pcall_crew_unref (PcallCrew     *self);
/* Agents that have no worker end, others when that has; no others are started. */
void       pcall_crew_close (PcallCrew     *self);
guint      pcall_crew_get_n_workers   (PcallCrew *self);
/* How many agents are there. */
guint      pcall_crew_get_n_connected (PcallCrew *self);
/* What tells an agent to start a worker for @target. Floating. */
GVariant  *pcall_crew_make_launch     (PcallCrew             *self,
                                       PcallTarget           *target,
                                       const PcallConditions *conditions);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (PcallCrew, pcall_crew_unref)

/* A task that uses agents. Zero-initialise it. */
typedef struct
{
  PcallCrew    *crew;
  GList         link;
  PcallMonitor *monitor; /* of the task, as is its engine: for who looks at it */
  PcallEngine  *engine;
  int           wake_fd; /* is readable when there is something to ask for, see below */
  guint         n_wanted;
  char         *failure; /* why no agent will come; NULL as long as one may */
} PcallCrewClient;

/* The task could use @n_wanted agents: those that are missing are started. FALSE where their
 * command cannot be. @monitor and @engine are there until it leaves. */
gboolean   pcall_crew_join        (PcallCrew       *self,
                                   PcallCrewClient *client,
                                   PcallMonitor    *monitor,
                                   PcallEngine     *engine,
                                   guint            n_wanted,
                                   GError         **error);
/* In a forked copy of the process this only closes. */
void       pcall_crew_leave       (PcallCrewClient *client);
/* From now on it could use so many, of those that it has too. */
void       pcall_crew_want        (PcallCrewClient *client,
                                   guint            n_wanted);
/* The descriptor is quiet until there is something new. */
void       pcall_crew_hear        (PcallCrewClient *client);
/* Whether an agent waits for a task. */
gboolean   pcall_crew_has_arrival (PcallCrewClient *client);
/* Gives one away, which has left its engine and is the caller's, until it is given back; NULL if
 * there is none. */
PcallPeer *pcall_crew_take        (PcallCrewClient *client);
/* Takes @peer, whose worker has ended, and which is in the engine of its task. In a forked copy of
 * the process this only closes. */
void       pcall_crew_give_back   (PcallCrew       *self,
                                   PcallPeer       *peer);
/* Why no agent will come, in words, for those that wait; NULL as long as one may. To be freed. */
char      *pcall_crew_take_failure (PcallCrewClient *client);

G_END_DECLS
