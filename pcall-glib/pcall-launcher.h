/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#if !defined(PCALL_INSIDE) && !defined(PCALL_COMPILATION)
#error "Only <pcall-glib/pcall.h> can be included directly."
#endif

#include <gio/gio.h>

#include <pcall-glib/pcall-enums.h>
#include <pcall-glib/pcall-version-macros.h>

G_BEGIN_DECLS

#define PCALL_TYPE_LAUNCHER (pcall_launcher_get_type ())

PCALL_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (PcallLauncher, pcall_launcher, PCALL, LAUNCHER, GObject)

PCALL_AVAILABLE_IN_1_0
PcallLauncher *pcall_launcher_new            (const char * const    *command,
                                              guint                  n_workers,
                                              PcallLauncherTransport transport)
    G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallLauncher *pcall_launcher_new_slurm      (guint                  n_workers,
                                              const char * const    *srun_options)
    G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallLauncher *pcall_launcher_new_ssh        (const char * const    *hosts,
                                              const char * const    *ssh_options)
    G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallLauncher *pcall_launcher_new_for_string (const char            *text,
                                              GError               **error)
    G_GNUC_WARN_UNUSED_RESULT;
PCALL_AVAILABLE_IN_1_0
PcallLauncher *pcall_launcher_get_default    (GError               **error);

PCALL_AVAILABLE_IN_1_0
void           pcall_launcher_close          (PcallLauncher         *self);

PCALL_AVAILABLE_IN_1_0
const char * const *
               pcall_launcher_get_command    (PcallLauncher         *self);
PCALL_AVAILABLE_IN_1_0
guint          pcall_launcher_get_n_workers  (PcallLauncher         *self);
PCALL_AVAILABLE_IN_1_0
PcallLauncherTransport
               pcall_launcher_get_transport  (PcallLauncher         *self);
PCALL_AVAILABLE_IN_1_0
guint          pcall_launcher_get_n_connected (PcallLauncher        *self);

PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_workers_per_launch (PcallLauncher *self,
                                       guint workers_per_launch);
PCALL_AVAILABLE_IN_1_0
guint
pcall_launcher_get_workers_per_launch (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_address (PcallLauncher *self,
                            const char *address);
PCALL_AVAILABLE_IN_1_0
const char *
pcall_launcher_get_address (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_prologue (PcallLauncher *self,
                             const char *prologue);
PCALL_AVAILABLE_IN_1_0
const char *
pcall_launcher_get_prologue (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_environment (PcallLauncher *self,
                                const char * const *environment);
PCALL_AVAILABLE_IN_1_0
const char * const *
pcall_launcher_get_environment (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_working_directory (PcallLauncher *self,
                                      const char *working_directory);
PCALL_AVAILABLE_IN_1_0
const char *
pcall_launcher_get_working_directory (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_agent (PcallLauncher *self,
                          const char *agent);
PCALL_AVAILABLE_IN_1_0
const char *
pcall_launcher_get_agent (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_idle_timeout (PcallLauncher *self,
                                 gdouble idle_timeout);
PCALL_AVAILABLE_IN_1_0
gdouble
pcall_launcher_get_idle_timeout (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_start_timeout (PcallLauncher *self,
                                  gdouble start_timeout);
PCALL_AVAILABLE_IN_1_0
gdouble
pcall_launcher_get_start_timeout (PcallLauncher *self);
PCALL_AVAILABLE_IN_1_0
void
pcall_launcher_set_heartbeat (PcallLauncher *self,
                              gdouble heartbeat);
PCALL_AVAILABLE_IN_1_0
gdouble
pcall_launcher_get_heartbeat (PcallLauncher *self);

G_END_DECLS
