/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-launcher-private.h"

#include <stdlib.h>
#include <string.h>

#include "pcall-enum-types.h"
#include "pcall-error.h"

/* The kinds of launchers: Slurm, ssh, any command, and what a word for one of these means.
 *
 * A constructor does not fail. What is wrong with what it was given is told where the launcher is
 * used, when a task is started. */

#define N "{n}"
#define HOST "{host}"

/**
 * pcall_launcher_new:
 * @command: (array zero-terminated=1) (element-type filename): what starts agents elsewhere
 * @n_workers: how many workers there are to be at the most, 0 for as many as this machine has
 *   processors
 * @transport: how the agents speak to this process
 *
 * Creates a launcher that starts agents with a command of any kind, such as `mpirun -n {n}`,
 * `flux run -n{n}`, `kubectl run -i …` or `docker run -i …`. See [property@Pcall.Launcher:command]
 * for what can stand in it.
 *
 * One with `{n}` is executed once for so many agents, which connect to this process; one without,
 * once for each. With [enum@Pcall.LauncherTransport.streams] it is once for each in any case.
 *
 * The command finds its program by `PATH`, on this machine, and runs in the directory and the
 * environment of this process. What it writes to its standard error is passed on to that of this
 * process.
 *
 * Returns: (transfer full): a new launcher
 *
 * Since: 1.0
 */
PcallLauncher *
pcall_launcher_new (const char * const    *command,
                    guint                  n_workers,
                    PcallLauncherTransport transport)
{
  g_return_val_if_fail (command != NULL, NULL);
  g_return_val_if_fail (transport <= PCALL_LAUNCHER_STREAMS, NULL);

  return g_object_new (PCALL_TYPE_LAUNCHER, "command", command, "n-workers", n_workers, "transport",
                       transport, NULL);
}

PcallLauncher *
pcall_launcher_new_mistake (char *mistake)
{
  static const char * const none[] = { NULL };
  PcallLauncher *self = pcall_launcher_new (none, 1, PCALL_LAUNCHER_STREAMS);

  self->mistake = mistake;
  return self;
}

static gboolean
parse_number (const char *text,
              guint      *number)
{
  guint64 parsed;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT16, &parsed, NULL))
    return FALSE;
  *number = (guint) parsed;
  return TRUE;
}

static void
add_options (GStrvBuilder       *builder,
             const char * const *options)
{
  for (guint i = 0; options != NULL && options[i] != NULL; i++)
    g_strv_builder_add (builder, options[i]);
}

/* Slurm */

/* How many tasks the job has that this process is part of. */
static gboolean
find_slurm_size (guint *n_workers)
{
  const char *told = g_getenv ("SLURM_NTASKS");

  return *n_workers > 0 || (told != NULL && parse_number (told, n_workers));
}

/**
 * pcall_launcher_new_slurm:
 * @n_workers: how many workers there are to be at the most, 0 for what `SLURM_NTASKS` says, as it
 *   does within a job
 * @srun_options: (nullable) (array zero-terminated=1) (element-type filename): options of `srun`
 *   besides, as `--partition=long`
 *
 * Creates a launcher that starts agents with Slurm: `srun --export=ALL -n{n}`. Outside of a job
 * that makes one; within, it takes of what the job has. Agents connect to this process.
 *
 * Returns: (transfer full): a new launcher
 *
 * Since: 1.0
 */
PcallLauncher *
pcall_launcher_new_slurm (guint               n_workers,
                          const char * const *srun_options)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) command = NULL;

  if (!find_slurm_size (&n_workers))
    return pcall_launcher_new_mistake (g_strdup (
        "slurm: how many workers is to be said, as in \"slurm:40\": this process is not part of a "
        "job of Slurm, where SLURM_NTASKS would tell"));

  g_strv_builder_add_many (builder, "srun", "--export=ALL", "-n" N, NULL);
  add_options (builder, srun_options);
  command = g_strv_builder_end (builder);
  return pcall_launcher_new ((const char * const *) command, n_workers, PCALL_LAUNCHER_CONNECT);
}

/* ssh */

/* "4/b" is four times "b". FALSE where it is no name of a host: what begins with a dash would be an
 * option, which can be a command. */
static gboolean
add_host (GStrvBuilder *hosts,
          const char   *text,
          guint        *n_hosts)
{
  const char *slash = strchr (text, '/');
  g_autofree char *digits = slash != NULL ? g_strndup (text, slash - text) : NULL;
  const char *host = slash != NULL ? slash + 1 : text;
  guint n = 1;

  if (*host == '\0' || *host == '-' || (digits != NULL && !parse_number (digits, &n)))
    return FALSE;

  for (guint i = 0; i < n; i++)
    g_strv_builder_add (hosts, host);
  *n_hosts += n;
  return TRUE;
}

static char **
parse_hosts (const char * const *texts,
             guint              *n_hosts,
             char              **mistake)
{
  g_autoptr (GStrvBuilder) hosts = g_strv_builder_new ();

  *n_hosts = 0;
  for (guint i = 0; texts[i] != NULL; i++)
    if (!add_host (hosts, texts[i], n_hosts))
      {
        *mistake = g_strdup_printf ("ssh: \"%s\" is no host; expected \"host\", \"user@host\", or "
                                    "\"4/host\" for four workers there", texts[i]);
        return NULL;
      }

  if (*n_hosts == 0)
    *mistake = g_strdup ("ssh: there are no hosts");
  return *n_hosts > 0 ? g_strv_builder_end (hosts) : NULL;
}

/* The user's come first: ssh takes what it is told first. */
static char **
make_ssh_command (const char * const *options)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_strv_builder_add (builder, "ssh");
  add_options (builder, options);
  g_strv_builder_add_many (builder, "-o", "BatchMode=yes", "-o", "ServerAliveInterval=30", "-T",
                           HOST, "exec {agent}", NULL);
  return g_strv_builder_end (builder);
}

/**
 * pcall_launcher_new_ssh:
 * @hosts: (array zero-terminated=1) (element-type filename): the hosts, as `ssh` takes them, each
 *   for
 *   one worker: "node1", "user@node2"; with a number before a slash for so many: "4/node3"
 * @ssh_options: (nullable) (array zero-terminated=1) (element-type filename): options of `ssh`
 *   besides, as `-p2222`
 *
 * Creates a launcher that starts agents with `ssh`, one by one, and speaks with them through it.
 * ssh must get there without a question: nobody is there to answer one.
 *
 * Returns: (transfer full): a new launcher
 *
 * Since: 1.0
 */
PcallLauncher *
pcall_launcher_new_ssh (const char * const *hosts,
                        const char * const *ssh_options)
{
  g_auto (GStrv) command = NULL;
  g_auto (GStrv) parsed = NULL;
  char *mistake = NULL;
  PcallLauncher *self;
  guint n_hosts;

  g_return_val_if_fail (hosts != NULL, NULL);

  parsed = parse_hosts (hosts, &n_hosts, &mistake);
  if (parsed == NULL)
    return pcall_launcher_new_mistake (mistake);

  command = make_ssh_command (ssh_options);
  self = pcall_launcher_new ((const char * const *) command, n_hosts, PCALL_LAUNCHER_STREAMS);
  self->plan.hosts = g_steal_pointer (&parsed);
  return self;
}

/* A word for one */

static PcallLauncher *
parse_slurm (const char *number)
{
  guint n = 0;

  if (number != NULL && !parse_number (number, &n))
    return pcall_launcher_new_mistake (
        g_strdup_printf ("slurm: \"%s\" is no number of workers", number));
  return pcall_launcher_new_slurm (n, NULL);
}

static PcallLauncher *
parse_ssh (const char *text)
{
  g_auto (GStrv) hosts = g_strsplit (text, ",", -1);

  return pcall_launcher_new_ssh ((const char * const *) hosts, NULL);
}

static PcallLauncher *
parse_command (const char *text,
               GError    **error)
{
  g_auto (GStrv) command = NULL;
  g_autoptr (GError) failure = NULL;

  if (!g_shell_parse_argv (text, NULL, &command, &failure))
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_START,
                   "launcher \"%s\": %s; expected \"slurm:40\", \"ssh:host,4/host\", or a command",
                   text, failure->message);
      return NULL;
    }
  return pcall_launcher_new ((const char * const *) command, 0,
                             strstr (text, N) != NULL ? PCALL_LAUNCHER_CONNECT
                                                      : PCALL_LAUNCHER_STREAMS);
}

/* What a constructor would tell later is told now. */
static PcallLauncher *
check (PcallLauncher *self,
       GError       **error)
{
  if (self->mistake == NULL)
    return self;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "launcher: %s", self->mistake);
  g_object_unref (self);
  return NULL;
}

/**
 * pcall_launcher_new_for_string:
 * @text: what kind of launcher
 * @error: return location for an error
 *
 * Creates the launcher that a word stands for, as a user of a program may give it:
 *
 * - `slurm:40`: [ctor@Pcall.Launcher.new_slurm] with forty workers; `slurm`: with as many as the
 *   job
 *   has that this process is part of;
 * - `ssh:a,4/b`: [ctor@Pcall.Launcher.new_ssh] with one worker on the host `a` and four on `b`;
 * - anything else is a command line, with words quoted as for a shell:
 *   [ctor@Pcall.Launcher.new], for agents that connect where it has `{n}`, and else speak on their
 *   standard streams; with as many workers as this machine has processors.
 *
 * Returns: (transfer full): a new launcher; %NULL with [error@Pcall.Error.start] where it means
 *   nothing
 *
 * Since: 1.0
 */
PcallLauncher *
pcall_launcher_new_for_string (const char *text,
                               GError    **error)
{
  g_return_val_if_fail (text != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (strcmp (text, "slurm") == 0)
    return check (parse_slurm (NULL), error);
  if (g_str_has_prefix (text, "slurm:"))
    return check (parse_slurm (text + strlen ("slurm:")), error);
  if (g_str_has_prefix (text, "ssh:"))
    return check (parse_ssh (text + strlen ("ssh:")), error);
  return parse_command (text, error);
}
