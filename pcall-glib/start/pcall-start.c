/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start/pcall-start-private.h"

#include <errno.h>

#include "pcall-error.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "base/pcall-random-private.h"
#include "calls/pcall-target-private.h"
#include "start/pcall-own-cgroup-private.h"

/* What all children of a task are started with, whatever the start method: the life pipe, a log,
 * something to read nothing from, a control group if they are to have one, and a number that no
 * stranger knows. */

const PcallStartMethods *
pcall_start_choose (PcallTarget      *target,
                    PcallStartMethod  method,
                    GError          **error)
{
  PcallTargetKind kind = pcall_target_get_kind (target);

  if (kind == PCALL_TARGET_CALLBACK && method == PCALL_START_METHOD_SPAWN)
    g_set_error_literal (error, PCALL_ERROR, PCALL_ERROR_TARGET,
                         "a callback cannot be spawned, only forked; its start method is 'spawn'");
  else if (kind == PCALL_TARGET_WORKER && method == PCALL_START_METHOD_FORK)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_TARGET,
                 "what a worker program runs cannot be forked, only spawned, and \"%s\" is such a "
                 "target; the start method is 'fork'",
                 pcall_target_get_name (target));
  else if (kind == PCALL_TARGET_CALLBACK || method == PCALL_START_METHOD_FORK)
    return &pcall_start_fork;
  else
    return &pcall_start_spawn;
  return NULL;
}

void
pcall_start_context_init (PcallStartContext *self,
                          PcallArguments    *arguments,
                          PcallConditions   *conditions)
{
  *self = (PcallStartContext) {
    .arguments = pcall_arguments_ref (arguments),
    .conditions = pcall_conditions_ref (conditions),
    .null_fd = -1,
  };
}

void
pcall_start_context_use (PcallStartContext       *self,
                         const PcallStartMethods *methods)
{
  guint i = 0;

  while (self->methods[i] != NULL && self->methods[i] != methods)
    i++;
  self->methods[i] = methods;
}

/* The methods in use, one after the other. */
#define FOR_EACH_METHOD(self, i)                                                                   \
  for (guint i = 0; i < PCALL_MAX_START_METHODS && (self)->methods[i] != NULL; i++)

static void
clear_methods (PcallStartContext *self)
{
  FOR_EACH_METHOD (self, i)
    if (self->methods[i]->clear != NULL)
      self->methods[i]->clear (self);
}

static gboolean
check (gboolean    worked,
       const char *what,
       GError    **error)
{
  if (!worked)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "%s: %s", what, g_strerror (errno));
  return worked;
}

static gboolean
make_cgroup (PcallStartContext *self,
             GError           **error)
{
  if (!self->conditions->own_cgroup)
    return TRUE;

  self->cgroup = pcall_own_cgroup_new (self->null_fd, error);
  if (self->cgroup == NULL)
    return FALSE;

  self->conditions->cgroup_procs = pcall_own_cgroup_get_procs (self->cgroup);
  return TRUE;
}

static void
free_cgroup (PcallStartContext *self)
{
  if (self->cgroup == NULL)
    return;

  self->conditions->cgroup_procs = NULL;
  g_clear_pointer (&self->cgroup, pcall_own_cgroup_free);
}

gboolean
pcall_start_context_open (PcallStartContext *self,
                          PcallLogMode       log_mode,
                          const char        *log_directory,
                          gboolean           keep_logs,
                          GError           **error)
{
  guint64 numbers[3];
  gboolean capture = log_mode != PCALL_LOG_MODE_INHERIT;

  self->keep_logs = keep_logs;
  self->follows_logs = log_mode == PCALL_LOG_MODE_LIVE;
  if (!check (pcall_random_fill (numbers, sizeof numbers), "getrandom", error))
    return FALSE;
  self->nonce = numbers[0];

  self->holds_life = pcall_lifeline_hold (error);
  if (!self->holds_life)
    return FALSE;

  self->null_fd = pcall_fd_lift (open ("/dev/null", O_RDWR | O_CLOEXEC));
  if (!check (self->null_fd >= 0, "/dev/null", error) || !make_cgroup (self, error))
    return FALSE;

  if (capture)
    self->log = pcall_log_files_new (log_directory, keep_logs, numbers[1], numbers[2], error);
  if (capture && self->log == NULL)
    return FALSE;

  FOR_EACH_METHOD (self, i)
    if (self->methods[i]->prepare != NULL)
      self->methods[i]->prepare (self);
  return TRUE;
}

void
pcall_start_context_close (PcallStartContext *self)
{
  if (self->log != NULL)
    pcall_log_files_close (self->log);
  if (self->cgroup != NULL)
    pcall_own_cgroup_end (self->cgroup);
  free_cgroup (self);
  if (self->holds_life)
    pcall_lifeline_release ();
  self->holds_life = FALSE;

  clear_methods (self);
  pcall_fd_clear (&self->null_fd);
}

void
pcall_start_context_clear (PcallStartContext *self)
{
  clear_methods (self);
  pcall_fd_clear (&self->null_fd);
  free_cgroup (self);
  g_clear_pointer (&self->log, pcall_log_files_unref);
  g_clear_pointer (&self->ledger, pcall_ledger_unref);
  g_clear_pointer (&self->targets, g_ptr_array_unref);
  g_clear_pointer (&self->conditions, pcall_conditions_unref);
  g_clear_pointer (&self->arguments, pcall_arguments_unref);
}

void
pcall_start_context_survey (PcallStartContext *self)
{
  FOR_EACH_METHOD (self, i)
    if (self->methods[i]->survey != NULL)
      self->methods[i]->survey (self);
}
