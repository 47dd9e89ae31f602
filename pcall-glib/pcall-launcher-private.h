/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "parent/pcall-crew-private.h"
#include "pcall-launcher.h"

G_BEGIN_DECLS

/* The launcher is three files: what it is (pcall-launcher.c), the kinds that there are
 * (pcall-launcher-new.c), and how it starts agents (pcall-launcher-options.c). */

typedef enum
{
  PCALL_LAUNCHER_PROP_COMMAND = 1,
  PCALL_LAUNCHER_PROP_N_WORKERS,
  PCALL_LAUNCHER_PROP_TRANSPORT,
  PCALL_LAUNCHER_PROP_N_CONNECTED,
  PCALL_LAUNCHER_PROP_WORKERS_PER_LAUNCH,
  PCALL_LAUNCHER_PROP_ADDRESS,
  PCALL_LAUNCHER_PROP_PROLOGUE,
  PCALL_LAUNCHER_PROP_ENVIRONMENT,
  PCALL_LAUNCHER_PROP_WORKING_DIRECTORY,
  PCALL_LAUNCHER_PROP_AGENT,
  PCALL_LAUNCHER_PROP_IDLE_TIMEOUT,
  PCALL_LAUNCHER_PROP_START_TIMEOUT,
  PCALL_LAUNCHER_PROP_HEARTBEAT,
} PcallLauncherProperty;

struct _PcallLauncher
{
  GObject       parent_instance;

  GMutex        lock;    /* over the crew */
  PcallCrew    *crew;    /* NULL: no task has used it */
  gboolean      closed;
  PcallCrewPlan plan;    /* until then, without times; the public strings stay */
  gdouble       idle_timeout;
  gdouble       start_timeout;
  gdouble       heartbeat;
  char         *mistake; /* why it can start nothing; NULL where it can */
};

void           pcall_launcher_notify   (PcallLauncher         *self,
                                        PcallLauncherProperty  property);
gboolean       pcall_launcher_is_used  (PcallLauncher         *self);
/* The crew, from now on for good; NULL where there can be none. A full reference. */
PcallCrew     *pcall_launcher_use      (PcallLauncher         *self,
                                        GError               **error);
/* One that can start nothing, and why; takes @mistake. */
PcallLauncher *pcall_launcher_new_mistake (char               *mistake);

G_END_DECLS
