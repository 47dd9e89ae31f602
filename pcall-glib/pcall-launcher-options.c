/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-launcher-private.h"
#include "base/pcall-seconds-private.h"

/* How agents are started, and what they are like. None of it can be changed once a task has used
 * the launcher. */

static gboolean
check_unused (PcallLauncher *self,
              const char    *function)
{
  gboolean used = pcall_launcher_is_used (self);

  if (used)
    g_critical ("%s: a task has used the launcher; it cannot be changed any more", function);
  return !used;
}

/**
 * pcall_launcher_set_workers_per_launch:
 * @self: a launcher that no task has used
 * @workers_per_launch: the number
 *
 * Sets how many workers one command starts, where it has `{n}` for that number; 0 for all that are
 * needed at a time.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_workers_per_launch (PcallLauncher *self,
                                       guint workers_per_launch)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (self->plan.n_per_launch == workers_per_launch)
    return;

  self->plan.n_per_launch = workers_per_launch;
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_WORKERS_PER_LAUNCH);
}

/**
 * pcall_launcher_get_workers_per_launch:
 * @self: a launcher
 *
 * Gets how many workers one command starts.
 *
 * Returns: the number, 0 for all
 *
 * Since: 1.0
 */
guint
pcall_launcher_get_workers_per_launch (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), 0);

  return self->plan.n_per_launch;
}

/**
 * pcall_launcher_set_address:
 * @self: a launcher that no task has used
 * @address: (nullable): the value
 *
 * Sets at which address of this machine agents that connect find this process: a name or a number.
 * %NULL stands for all that it has, of which an agent tries one after the other.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_address (PcallLauncher *self,
                            const char *address)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (g_strcmp0 (self->plan.address, address) == 0)
    return;

  g_free (self->plan.address);
  self->plan.address = g_strdup (address);
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_ADDRESS);
}

/**
 * pcall_launcher_get_address:
 * @self: a launcher
 *
 * Gets the address at which agents find this process.
 *
 * Returns: (nullable): the value, or %NULL
 *
 * Since: 1.0
 */
const char *
pcall_launcher_get_address (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), NULL);

  return self->plan.address;
}

/**
 * pcall_launcher_set_prologue:
 * @self: a launcher that no task has used
 * @prologue: (nullable): the value
 *
 * Sets what a shell runs on the other machine before the agent, as `module load gcc`. %NULL stands
 * for nothing; then no shell is needed there.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_prologue (PcallLauncher *self,
                             const char *prologue)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (g_strcmp0 (self->plan.prologue, prologue) == 0)
    return;

  g_free (self->plan.prologue);
  self->plan.prologue = g_strdup (prologue);
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_PROLOGUE);
}

/**
 * pcall_launcher_get_prologue:
 * @self: a launcher
 *
 * Gets what a shell runs before the agent.
 *
 * Returns: (nullable): the value, or %NULL
 *
 * Since: 1.0
 */
const char *
pcall_launcher_get_prologue (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), NULL);

  return self->plan.prologue;
}

/**
 * pcall_launcher_set_environment:
 * @self: a launcher that no task has used
 * @environment: (nullable) (array zero-terminated=1) (element-type filename): the value
 *
 * Sets what workers have in their environment besides what they find there, as "NAME=value".
 *
 * Since: 1.0
 */
void
pcall_launcher_set_environment (PcallLauncher *self,
                                const char * const *environment)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (self->plan.environment == (char **) environment ||
      (environment != NULL && self->plan.environment != NULL &&
       g_strv_equal ((const char * const *) self->plan.environment, environment)))
    return;

  g_strfreev (self->plan.environment);
  self->plan.environment = g_strdupv ((char **) environment);
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_ENVIRONMENT);
}

/**
 * pcall_launcher_get_environment:
 * @self: a launcher
 *
 * Gets what workers have in their environment besides.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1) (element-type filename): the value,
 *   or %NULL
 *
 * Since: 1.0
 */
const char * const *
pcall_launcher_get_environment (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), NULL);

  return (const char * const *) self->plan.environment;
}

/**
 * pcall_launcher_set_working_directory:
 * @self: a launcher that no task has used
 * @working_directory: (nullable) (type filename): the value
 *
 * Sets the directory in which workers run, on the other machine. %NULL stands for the one in which
 * the command starts the agent: Slurm takes that of this process, ssh the home directory.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_working_directory (PcallLauncher *self,
                                      const char *working_directory)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (g_strcmp0 (self->plan.directory, working_directory) == 0)
    return;

  g_free (self->plan.directory);
  self->plan.directory = g_strdup (working_directory);
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_WORKING_DIRECTORY);
}

/**
 * pcall_launcher_get_working_directory:
 * @self: a launcher
 *
 * Gets the directory in which workers run.
 *
 * Returns: (nullable) (type filename): the value, or %NULL
 *
 * Since: 1.0
 */
const char *
pcall_launcher_get_working_directory (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), NULL);

  return self->plan.directory;
}

/**
 * pcall_launcher_set_agent:
 * @self: a launcher that no task has used
 * @agent: (nullable) (type filename): the value
 *
 * Sets where the agent, the program `pcall-agent`, is on the other machine. %NULL stands for the
 * path that it has on this one.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_agent (PcallLauncher *self,
                          const char *agent)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (g_strcmp0 (self->plan.agent, agent) == 0)
    return;

  g_free (self->plan.agent);
  self->plan.agent = g_strdup (agent);
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_AGENT);
}

/**
 * pcall_launcher_get_agent:
 * @self: a launcher
 *
 * Gets the path of the agent program.
 *
 * Returns: (nullable) (type filename): the value, or %NULL
 *
 * Since: 1.0
 */
const char *
pcall_launcher_get_agent (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), NULL);

  return self->plan.agent;
}

/**
 * pcall_launcher_set_idle_timeout:
 * @self: a launcher that no task has used
 * @idle_timeout: seconds
 *
 * Sets how long an agent stays that no task needs, in seconds; 0 for as long as the launcher.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_idle_timeout (PcallLauncher *self,
                                 gdouble idle_timeout)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (!pcall_seconds_check (idle_timeout, "idle-timeout"))
    return;
  if (self->idle_timeout == idle_timeout)
    return;

  self->idle_timeout = idle_timeout;
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_IDLE_TIMEOUT);
}

/**
 * pcall_launcher_get_idle_timeout:
 * @self: a launcher
 *
 * Gets how long an agent stays that no task needs.
 *
 * Returns: seconds, 0 for none
 *
 * Since: 1.0
 */
gdouble
pcall_launcher_get_idle_timeout (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), 0.0);

  return self->idle_timeout;
}

/**
 * pcall_launcher_set_start_timeout:
 * @self: a launcher that no task has used
 * @start_timeout: seconds
 *
 * Sets how long a command may take until all of its agents have come, in seconds; 0 for as long as
 * it likes: a queue may be long.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_start_timeout (PcallLauncher *self,
                                  gdouble start_timeout)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (!pcall_seconds_check (start_timeout, "start-timeout"))
    return;
  if (self->start_timeout == start_timeout)
    return;

  self->start_timeout = start_timeout;
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_START_TIMEOUT);
}

/**
 * pcall_launcher_get_start_timeout:
 * @self: a launcher
 *
 * Gets how long a command may take to bring its first worker.
 *
 * Returns: seconds, 0 for none
 *
 * Since: 1.0
 */
gdouble
pcall_launcher_get_start_timeout (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), 0.0);

  return self->start_timeout;
}

/**
 * pcall_launcher_set_heartbeat:
 * @self: a launcher that no task has used
 * @heartbeat: seconds
 *
 * Sets how often an agent from which nothing comes is asked whether it is there, in seconds; 0 for
 * never. One that does not answer in as much time again is lost.
 *
 * Since: 1.0
 */
void
pcall_launcher_set_heartbeat (PcallLauncher *self,
                              gdouble heartbeat)
{
  g_return_if_fail (PCALL_IS_LAUNCHER (self));
  if (!check_unused (self, G_STRFUNC))
    return;
  if (!pcall_seconds_check (heartbeat, "heartbeat"))
    return;
  if (self->heartbeat == heartbeat)
    return;

  self->heartbeat = heartbeat;
  pcall_launcher_notify (self, PCALL_LAUNCHER_PROP_HEARTBEAT);
}

/**
 * pcall_launcher_get_heartbeat:
 * @self: a launcher
 *
 * Gets how often an agent is asked whether it is there.
 *
 * Returns: seconds, 0 for none
 *
 * Since: 1.0
 */
gdouble
pcall_launcher_get_heartbeat (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), 0.0);

  return self->heartbeat;
}
