/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include "base/pcall-conditions-private.h"
#include "base/pcall-process-private.h"

G_BEGIN_DECLS

/* How many descriptors a program can be given. Those of this process that are to be given have
 * higher numbers, see pcall_spawn_lift(). */
#define PCALL_SPAWN_MAX_FDS 8

/* A program that is to be executed. */
typedef struct
{
  const char   *what;    /* it is, for people: "worker program" */
  const char   *program; /* a path */
  char * const *argv;
  char        **environment;
  int           fds[PCALL_SPAWN_MAX_FDS]; /* what it finds as descriptor 0, 1 …; -1: what this
                                             process has there, or what is always empty */
  guint         n_fds;
  int           null_fd;     /* of /dev/null */
  int           life;        /* which of these is of the life pipe */
  int           life_signal; /* what its group gets when this process ends */
  const PcallConditions *conditions; /* under which it runs; NULL: those of this process */
} PcallSpawn;

/* Takes @fd, and returns the same or one that is no number of the program's; -1 with errno set
 * where that cannot be, or @fd is -1. */
int      pcall_spawn_lift (int               fd);
/* Executes it. On failure nothing is left of it, and the error says which call failed. */
gboolean pcall_spawn_run  (const PcallSpawn *self,
                           PcallProcess     *process,
                           int              *error_number,
                           GError          **error);

G_END_DECLS
