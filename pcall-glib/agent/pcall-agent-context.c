/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "agent/pcall-agent-context-private.h"

#include <string.h>

/* What an agent starts workers with, and what its parent has to say about that: a command, an
 * environment, a directory. */

/* What the launcher has for the environment goes before what the task says that it is. */
static void
set_variable (PcallConditions *conditions,
              const char      *name,
              const char      *value)
{
  g_setenv (name, value, TRUE);
  if (conditions->environment != NULL)
    conditions->environment = g_environ_setenv (conditions->environment, name, value, TRUE);
}

void
pcall_agent_context_prepare (PcallStartContext       *context,
                             const PcallRemoteLaunch *launch)
{
  for (guint i = 0; launch->environment[i] != NULL; i++)
    {
      const char *equals = strchr (launch->environment[i], '=');
      g_autofree char *name =
          equals != NULL ? g_strndup (launch->environment[i], equals - launch->environment[i])
                         : NULL;

      if (name != NULL && *name != '\0')
        set_variable (launch->conditions, name, equals + 1);
    }

  pcall_conditions_unref (context->conditions);
  context->conditions = pcall_conditions_ref (launch->conditions);
}

PcallTarget *
pcall_agent_make_target (const PcallRemoteLaunch *launch)
{
  return launch->argv[0] != NULL
             ? pcall_target_new_worker ((const char * const *) launch->argv, "worker")
             : pcall_target_new_symbol ("module", "worker");
}

gboolean
pcall_agent_context_open (PcallStartContext *context,
                          GError           **error)
{
  g_autoptr (PcallArguments) arguments = pcall_arguments_new ();
  g_autoptr (PcallConditions) conditions = pcall_conditions_new ();

  pcall_start_context_init (context, arguments, conditions);
  context->gives_journal = TRUE;
  pcall_start_context_use (context, &pcall_start_spawn);
  if (pcall_start_context_open (context, PCALL_LOG_MODE_SECTIONS, NULL, FALSE, NULL))
    return TRUE;

  pcall_start_context_close (context);
  return pcall_start_context_open (context, PCALL_LOG_MODE_INHERIT, NULL, FALSE, error);
}
