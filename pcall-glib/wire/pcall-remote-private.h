/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>

#include "base/pcall-conditions-private.h"
#include "base/pcall-process-private.h"

G_BEGIN_DECLS

/* What is in the frames between a parent and an agent, once they trust each other. All of it is
 * pure: values of the types that pcall_frame_payload_type() tells, and what they stand for. */

/* What an agent says of itself, in its HELLO. */
typedef struct
{
  guint32 version; /* of frames */
  pid_t   pid;
  char   *host;
  guint32 launch;  /* the number of the command that started it; 0 where it knows none */
} PcallRemoteHello;

GVariant *pcall_remote_hello_to_variant   (const PcallRemoteHello *self);
/* Takes what is not there for an empty name. */
void      pcall_remote_hello_from_variant (PcallRemoteHello       *self,
                                           GVariant               *value);
void      pcall_remote_hello_clear        (PcallRemoteHello       *self);

/* A worker to be started: LAUNCH. */
typedef struct
{
  char **argv;        /* empty: pcall's own worker program */
  char **environment; /* "NAME=VALUE", besides what it has otherwise */
  PcallConditions *conditions; /* under which it is to run, where these differ from the agent's */
} PcallRemoteLaunch;

/* @directory: where the worker is to run if @conditions do not say it; NULL: where the agent does.
 *   */
GVariant *pcall_remote_launch_new          (const char * const    *argv,
                                            const char * const    *environment,
                                            const PcallConditions *conditions,
                                            const char            *directory);
void      pcall_remote_launch_from_variant (PcallRemoteLaunch     *self,
                                            GVariant              *value);
void      pcall_remote_launch_clear        (PcallRemoteLaunch     *self);

/* How a worker ended: EXIT. */
typedef struct
{
  PcallExit exit;
  gint64    begun;     /* index of the call that it had been handed and not ended; -1 for none */
  char     *complaint; /* how it broke the protocol; NULL if it did not */
} PcallRemoteExit;

GVariant *pcall_remote_exit_to_variant   (const PcallRemoteExit *self);
void      pcall_remote_exit_from_variant (PcallRemoteExit       *self,
                                          GVariant              *value);
void      pcall_remote_exit_clear        (PcallRemoteExit       *self);

G_END_DECLS
