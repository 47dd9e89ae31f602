/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-crew-parts-private.h"

#include <string.h>

#include "parent/pcall-crew-environment-private.h"

/* What is executed to bring agents, and in which environment.
 *
 * In the launcher's command {n} stands for how many agents it is to bring, {host} for where, and
 * {agent} for how they are started: as words of their own where it is one, else quoted for a shell.
 * A command that names the agent in no way gets it appended. */

#define N "{n}"
#define HOST "{host}"
#define AGENT "{agent}"

/* The agent, behind what is to be done before it. */
static char **
make_agent_argv (const PcallCrewPlan *plan)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  if (plan->prologue != NULL)
    {
      g_autofree char *agent = g_shell_quote (plan->agent);
      g_autofree char *script = g_strdup_printf ("%s\nexec %s", plan->prologue, agent);

      g_strv_builder_add_many (builder, "/bin/sh", "-c", script, NULL);
    }
  else
    g_strv_builder_add (builder, plan->agent);
  return g_strv_builder_end (builder);
}

static char *
quote_all (char **argv)
{
  GString *line = g_string_new (NULL);

  for (guint i = 0; argv[i] != NULL; i++)
    {
      g_autofree char *quoted = g_shell_quote (argv[i]);

      g_string_append_printf (line, i > 0 ? " %s" : "%s", quoted);
    }
  return g_string_free (line, FALSE);
}

static gboolean
names_agent (const PcallCrewPlan *plan)
{
  for (guint i = 0; plan->command[i] != NULL; i++)
    if (strstr (plan->command[i], AGENT) != NULL ||
        strstr (plan->command[i], PCALL_ENV_AGENT) != NULL)
      return TRUE;
  return FALSE;
}

static gboolean
has_number (const PcallCrewPlan *plan)
{
  for (guint i = 0; plan->command[i] != NULL; i++)
    if (strstr (plan->command[i], N) != NULL)
      return TRUE;
  return FALSE;
}

guint
pcall_crew_get_launch_size (PcallCrew *self)
{
  const PcallCrewPlan *plan = &self->plan;

  if (plan->transport == PCALL_LAUNCHER_STREAMS || !has_number (plan))
    return 1;
  return plan->n_per_launch > 0 ? plan->n_per_launch : plan->n_workers;
}

static const char *
get_host (PcallCrew   *self,
          PcallLaunch *launch)
{
  return self->plan.hosts != NULL ? self->plan.hosts[launch->slot] : "";
}

static char *
replace (PcallCrew   *self,
         PcallLaunch *launch,
         const char  *word,
         const char  *agent)
{
  GString *text = g_string_new (word);
  g_autofree char *n = g_strdup_printf ("%u", launch->n_expected);

  g_string_replace (text, N, n, 0);
  g_string_replace (text, HOST, get_host (self, launch), 0);
  g_string_replace (text, AGENT, agent, 0);
  return g_string_free (text, FALSE);
}

char **
pcall_crew_make_argv (PcallCrew   *self,
                      PcallLaunch *launch)
{
  const PcallCrewPlan *plan = &self->plan;
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) agent_argv = make_agent_argv (plan);
  g_autofree char *agent = quote_all (agent_argv);

  for (guint i = 0; plan->command[i] != NULL; i++)
    {
      g_autofree char *word = replace (self, launch, plan->command[i], agent);

      if (strcmp (plan->command[i], AGENT) == 0)
        g_strv_builder_addv (builder, (const char **) agent_argv);
      else
        g_strv_builder_add (builder, word);
    }
  if (!names_agent (plan))
    g_strv_builder_addv (builder, (const char **) agent_argv);
  return g_strv_builder_end (builder);
}

char **
pcall_crew_make_environment (PcallCrew   *self,
                             PcallLaunch *launch)
{
  const PcallCrewPlan *plan = &self->plan;
  g_auto (GStrv) agent_argv = make_agent_argv (plan);
  g_autofree char *agent = quote_all (agent_argv);
  g_autofree char *number = g_strdup_printf ("%u", launch->number);
  char secret[PCALL_SECRET_TEXT_SIZE];
  char **environment = g_environ_setenv (g_get_environ (), PCALL_ENV_AGENT, agent, TRUE);

  environment = g_environ_setenv (environment, PCALL_ENV_AGENT_LAUNCH, number, TRUE);
  if (plan->transport == PCALL_LAUNCHER_STREAMS)
    {
      environment = g_environ_unsetenv (environment, PCALL_ENV_AGENT_ADDRESS);
      return g_environ_unsetenv (environment, PCALL_ENV_AGENT_SECRET);
    }

  pcall_secret_to_text (&self->secret, secret);
  environment =
      g_environ_setenv (environment, PCALL_ENV_AGENT_ADDRESS, self->listener.addresses, TRUE);
  return g_environ_setenv (environment, PCALL_ENV_AGENT_SECRET, secret, TRUE);
}
