/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-launcher-private.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pcall-enum-types.h"
#include "pcall-error.h"
#include "base/pcall-child-code-private.h"
#include "base/pcall-seconds-private.h"

/* A launcher: how workers are started on other machines.
 *
 * Until a task uses it, it is a plan, which can be changed. Then it has a crew, which has the
 * connections and outlives it, as long as a task needs it. */

#define DEFAULT_HEARTBEAT_S 30.0
#define ENV_WORKER_DIR "PCALL_WORKER_DIR"
#define ENV_LAUNCHER "PCALL_LAUNCHER"
#define AGENT "pcall-agent"
#define OPTION_FLAGS (G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY)

static GParamSpec *properties[PCALL_LAUNCHER_PROP_HEARTBEAT + 1];

/**
 * PcallLauncher:
 *
 * Starts the workers of a task on other machines, by an engine that is there already: Slurm, ssh,
 * or any command that starts a program elsewhere.
 *
 * The engine places, queues and limits. What it starts is an agent of pcall, which connects back or
 * speaks on its standard streams, and starts workers there. So a call that runs elsewhere has its
 * results, log, progress, exit status and signals as one that runs here, and nothing is left of it
 * when this process ends.
 *
 * ```c
 * g_autoptr (PcallLauncher) launcher = pcall_launcher_new_slurm (40, NULL);
 * g_autoptr (PcallTask) task = pcall_task_new (target);
 *
 * pcall_task_set_launcher (task, launcher);
 * ```
 *
 * The target must be one that a worker program resolves: a function of this program is not there on
 * another machine. A call is given to a worker when that is there; until then it waits.
 *
 * A launcher keeps its agents when a task has ended, for the next one, until it is closed or
 * dropped, and may be used by several tasks at once, from any thread.
 *
 * What crosses to an agent that connects is authenticated, and not encrypted; what goes through
 * ssh's streams is both.
 *
 * Since: 1.0
 */
G_DEFINE_FINAL_TYPE (PcallLauncher, pcall_launcher, G_TYPE_OBJECT)

void
pcall_launcher_notify (PcallLauncher         *self,
                       PcallLauncherProperty  property)
{
  g_object_notify_by_pspec (G_OBJECT (self), properties[property]);
}

/* Using it */

gboolean
pcall_launcher_is_used (PcallLauncher *self)
{
  gboolean used;

  g_mutex_lock (&self->lock);
  used = self->crew != NULL || self->closed;
  g_mutex_unlock (&self->lock);
  return used;
}

/* Where this library's programs are, on this machine; on others, most likely, too. */
static char *
find_agent (void)
{
  const char *told = secure_getenv (ENV_WORKER_DIR);

  return g_build_filename (told != NULL ? told : PCALL_LIBEXECDIR, AGENT, NULL);
}

static PcallCrew *
make_crew (PcallLauncher *self)
{
  const PcallCrewPlan *from = &self->plan;
  PcallCrewPlan plan = {
    .command = g_strdupv (from->command),
    .hosts = g_strdupv (from->hosts),
    .n_workers = from->n_workers,
    .n_per_launch = from->n_per_launch,
    .transport = from->transport,
    .address = g_strdup (from->address),
    .prologue = g_strdup (from->prologue),
    .environment = g_strdupv (from->environment),
    .directory = g_strdup (from->directory),
    .agent = from->agent != NULL ? g_strdup (from->agent) : find_agent (),
    .idle_timeout = pcall_seconds_to_microseconds (self->idle_timeout),
    .start_timeout = pcall_seconds_to_microseconds (self->start_timeout),
    .heartbeat = pcall_seconds_to_microseconds (self->heartbeat),
  };

  return pcall_crew_new (&plan);
}

static gboolean
check_usable (PcallLauncher *self,
              GError       **error)
{
  const char *mistake = self->mistake;

  if (mistake == NULL && self->closed)
    mistake = "it was closed";
  if (mistake == NULL && (self->plan.command == NULL || self->plan.command[0] == NULL))
    mistake = "its command is empty";
  if (mistake != NULL)
    g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "launcher: %s", mistake);
  return mistake == NULL;
}

PcallCrew *
pcall_launcher_use (PcallLauncher *self,
                    GError       **error)
{
  PcallCrew *crew = NULL;

  g_mutex_lock (&self->lock);
  if (check_usable (self, error))
    {
      if (self->crew == NULL)
        self->crew = make_crew (self);
      crew = pcall_crew_ref (self->crew);
    }
  g_mutex_unlock (&self->lock);
  return crew;
}

/**
 * pcall_launcher_close:
 * @self: a launcher
 *
 * Ends the agents that have no call, and the others when their worker has ended; calls that wait
 * for one fail. The commands that have started them are to end with them, and are made to where
 * they do not. This does not wait for any of it.
 *
 * A launcher that is dropped is closed. A task that uses one holds it.
 *
 * Since: 1.0
 */
void
pcall_launcher_close (PcallLauncher *self)
{
  PcallCrew *crew;

  g_return_if_fail (PCALL_IS_LAUNCHER (self));

  g_mutex_lock (&self->lock);
  self->closed = TRUE;
  crew = self->crew != NULL ? pcall_crew_ref (self->crew) : NULL;
  g_mutex_unlock (&self->lock);
  if (crew == NULL)
    return;

  pcall_crew_close (crew);
  pcall_crew_unref (crew);
}

static struct
{
  GMutex         lock;
  PcallLauncher *launcher; /* NULL: it was not made yet */
} of_environment;

/* That of the process that was forked is of no use here, and another thread may have had the
 * lock. */
PCALL_CHILD_CODE static void
forked (void)
{
  memset (&of_environment, 0, sizeof of_environment);
}

__attribute__ ((constructor)) static void
register_fork_handler (void)
{
  pthread_atfork (NULL, NULL, forked);
}

/**
 * pcall_launcher_get_default:
 * @error: return location for an error
 *
 * Gets the launcher that the environment variable `PCALL_LAUNCHER` tells, as
 * [ctor@Pcall.Launcher.new_for_string] takes it: that of each task that has none of its own, and
 * whose targets can run elsewhere. It is made once in a process.
 *
 * Returns: (transfer none) (nullable): the launcher; %NULL without @error where the variable is not
 *   set, and with it where it means nothing
 *
 * Since: 1.0
 */
PcallLauncher *
pcall_launcher_get_default (GError **error)
{
  PcallLauncher *found;
  const char *text = secure_getenv (ENV_LAUNCHER);

  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (text == NULL || *text == '\0')
    return NULL;

  g_mutex_lock (&of_environment.lock);
  if (of_environment.launcher == NULL)
    of_environment.launcher = pcall_launcher_new_for_string (text, error);
  found = of_environment.launcher;
  g_mutex_unlock (&of_environment.lock);
  if (found == NULL)
    g_prefix_error (error, ENV_LAUNCHER ": ");
  return found;
}

/* GObject */

static void
pcall_launcher_finalize (GObject *object)
{
  PcallLauncher *self = PCALL_LAUNCHER (object);

  pcall_launcher_close (self);
  g_clear_pointer (&self->crew, pcall_crew_unref);
  pcall_crew_plan_clear (&self->plan);
  g_free (self->mistake);
  g_mutex_clear (&self->lock);

  G_OBJECT_CLASS (pcall_launcher_parent_class)->finalize (object);
}

static void
pcall_launcher_get_property (GObject    *object,
                             guint       prop_id,
                             GValue     *value,
                             GParamSpec *pspec)
{
  PcallLauncher *self = PCALL_LAUNCHER (object);

  switch ((PcallLauncherProperty) prop_id)
    {
    case PCALL_LAUNCHER_PROP_COMMAND:
      g_value_set_boxed (value, self->plan.command);
      break;
    case PCALL_LAUNCHER_PROP_N_WORKERS:
      g_value_set_uint (value, self->plan.n_workers);
      break;
    case PCALL_LAUNCHER_PROP_TRANSPORT:
      g_value_set_enum (value, self->plan.transport);
      break;
    case PCALL_LAUNCHER_PROP_N_CONNECTED:
      g_value_set_uint (value, pcall_launcher_get_n_connected (self));
      break;
    case PCALL_LAUNCHER_PROP_WORKERS_PER_LAUNCH:
      g_value_set_uint (value, pcall_launcher_get_workers_per_launch (self));
      break;
    case PCALL_LAUNCHER_PROP_ADDRESS:
      g_value_set_string (value, pcall_launcher_get_address (self));
      break;
    case PCALL_LAUNCHER_PROP_PROLOGUE:
      g_value_set_string (value, pcall_launcher_get_prologue (self));
      break;
    case PCALL_LAUNCHER_PROP_ENVIRONMENT:
      g_value_set_boxed (value, pcall_launcher_get_environment (self));
      break;
    case PCALL_LAUNCHER_PROP_WORKING_DIRECTORY:
      g_value_set_string (value, pcall_launcher_get_working_directory (self));
      break;
    case PCALL_LAUNCHER_PROP_AGENT:
      g_value_set_string (value, pcall_launcher_get_agent (self));
      break;
    case PCALL_LAUNCHER_PROP_IDLE_TIMEOUT:
      g_value_set_double (value, pcall_launcher_get_idle_timeout (self));
      break;
    case PCALL_LAUNCHER_PROP_START_TIMEOUT:
      g_value_set_double (value, pcall_launcher_get_start_timeout (self));
      break;
    case PCALL_LAUNCHER_PROP_HEARTBEAT:
      g_value_set_double (value, pcall_launcher_get_heartbeat (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_launcher_set_property (GObject      *object,
                             guint         prop_id,
                             const GValue *value,
                             GParamSpec   *pspec)
{
  PcallLauncher *self = PCALL_LAUNCHER (object);

  switch ((PcallLauncherProperty) prop_id)
    {
    case PCALL_LAUNCHER_PROP_COMMAND:
      self->plan.command = g_value_dup_boxed (value);
      break;
    case PCALL_LAUNCHER_PROP_N_WORKERS:
      self->plan.n_workers = g_value_get_uint (value);
      break;
    case PCALL_LAUNCHER_PROP_TRANSPORT:
      self->plan.transport = g_value_get_enum (value);
      break;
    case PCALL_LAUNCHER_PROP_WORKERS_PER_LAUNCH:
      pcall_launcher_set_workers_per_launch (self, g_value_get_uint (value));
      break;
    case PCALL_LAUNCHER_PROP_ADDRESS:
      pcall_launcher_set_address (self, g_value_get_string (value));
      break;
    case PCALL_LAUNCHER_PROP_PROLOGUE:
      pcall_launcher_set_prologue (self, g_value_get_string (value));
      break;
    case PCALL_LAUNCHER_PROP_ENVIRONMENT:
      pcall_launcher_set_environment (self, g_value_get_boxed (value));
      break;
    case PCALL_LAUNCHER_PROP_WORKING_DIRECTORY:
      pcall_launcher_set_working_directory (self, g_value_get_string (value));
      break;
    case PCALL_LAUNCHER_PROP_AGENT:
      pcall_launcher_set_agent (self, g_value_get_string (value));
      break;
    case PCALL_LAUNCHER_PROP_IDLE_TIMEOUT:
      pcall_launcher_set_idle_timeout (self, g_value_get_double (value));
      break;
    case PCALL_LAUNCHER_PROP_START_TIMEOUT:
      pcall_launcher_set_start_timeout (self, g_value_get_double (value));
      break;
    case PCALL_LAUNCHER_PROP_HEARTBEAT:
      pcall_launcher_set_heartbeat (self, g_value_get_double (value));
      break;
    case PCALL_LAUNCHER_PROP_N_CONNECTED:
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_launcher_constructed (GObject *object)
{
  PcallLauncher *self = PCALL_LAUNCHER (object);

  if (self->plan.n_workers == 0)
    self->plan.n_workers = g_get_num_processors ();

  G_OBJECT_CLASS (pcall_launcher_parent_class)->constructed (object);
}

static void
install_what (void)
{
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;

  /**
   * PcallLauncher:command: (getter get_command)
   *
   * The command that starts agents elsewhere. In its words, `{n}` stands for how many, and
   * `{agent}` for how one is started, quoted for a shell where it is not a word of its own; where
   * neither that nor `$PCALL_AGENT` is in any of them, it is appended.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_COMMAND] =
      g_param_spec_boxed ("command", NULL, NULL, G_TYPE_STRV, flags);

  /**
   * PcallLauncher:n-workers: (getter get_n_workers)
   *
   * How many workers there are at the most. As many are started as tasks have calls for.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_N_WORKERS] =
      g_param_spec_uint ("n-workers", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * PcallLauncher:transport: (getter get_transport)
   *
   * How agents and this process speak to each other.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_TRANSPORT] =
      g_param_spec_enum ("transport", NULL, NULL, PCALL_TYPE_LAUNCHER_TRANSPORT,
                         PCALL_LAUNCHER_CONNECT, flags);

  /**
   * PcallLauncher:n-connected: (getter get_n_connected)
   *
   * How many agents are there now. It does not notify.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_N_CONNECTED] =
      g_param_spec_uint ("n-connected", NULL, NULL, 0, G_MAXUINT, 0,
                         G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
}

static void
install_places (void)
{
  /**
   * PcallLauncher:workers-per-launch:
   *
   * How many workers one command starts, where it has `{n}` for that number; 0 for all that are
   * needed at a time.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_WORKERS_PER_LAUNCH] =
      g_param_spec_uint ("workers-per-launch", NULL, NULL, 0, G_MAXUINT, 0, OPTION_FLAGS);

  /**
   * PcallLauncher:address: (getter get_address) (setter set_address)
   *
   * At which address of this machine agents that connect find this process: a name or a number.
   * %NULL stands for all that it has, of which an agent tries one after the other.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_ADDRESS] =
      g_param_spec_string ("address", NULL, NULL, NULL, OPTION_FLAGS);
}

static void
install_programs (void)
{
  /**
   * PcallLauncher:prologue: (getter get_prologue) (setter set_prologue)
   *
   * What a shell runs on the other machine before the agent, as `module load gcc`. %NULL stands for
   * nothing; then no shell is needed there.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_PROLOGUE] =
      g_param_spec_string ("prologue", NULL, NULL, NULL, OPTION_FLAGS);

  /**
   * PcallLauncher:environment: (getter get_environment) (setter set_environment)
   *
   * What workers have in their environment besides what they find there, as "NAME=value".
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_ENVIRONMENT] =
      g_param_spec_boxed ("environment", NULL, NULL, G_TYPE_STRV, OPTION_FLAGS);

  /**
   * PcallLauncher:working-directory: (type filename)
   *
   * The directory in which workers run, on the other machine. %NULL stands for the one in which the
   * command starts the agent: Slurm takes that of this process, ssh the home directory.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_WORKING_DIRECTORY] =
      g_param_spec_string ("working-directory", NULL, NULL, NULL, OPTION_FLAGS);

  /**
   * PcallLauncher:agent: (type filename) (getter get_agent) (setter set_agent)
   *
   * Where the agent, the program `pcall-agent`, is on the other machine. %NULL stands for the path
   * that it has on this one.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_AGENT] =
      g_param_spec_string ("agent", NULL, NULL, NULL, OPTION_FLAGS);
}

static void
install_times (void)
{
  /**
   * PcallLauncher:idle-timeout: (getter get_idle_timeout) (setter set_idle_timeout)
   *
   * How long an agent stays that no task needs, in seconds; 0 for as long as the launcher.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_IDLE_TIMEOUT] =
      g_param_spec_double ("idle-timeout", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0,
                           OPTION_FLAGS);

  /**
   * PcallLauncher:start-timeout: (getter get_start_timeout) (setter set_start_timeout)
   *
   * How long a command may take until all of its agents have come, in seconds; 0 for as long as it
   * likes: a queue may be long. Where none came by then the command is ended. Those that came go
   * on, and others are asked for.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_START_TIMEOUT] =
      g_param_spec_double ("start-timeout", NULL, NULL, 0.0, G_MAXDOUBLE, 0.0,
                           OPTION_FLAGS);

  /**
   * PcallLauncher:heartbeat: (getter get_heartbeat) (setter set_heartbeat)
   *
   * How often an agent from which nothing comes is asked whether it is there, in seconds; 0 for
   * never. One that does not answer in as much time again is lost.
   *
   * Since: 1.0
   */
  properties[PCALL_LAUNCHER_PROP_HEARTBEAT] =
      g_param_spec_double ("heartbeat", NULL, NULL, 0.0, G_MAXDOUBLE, DEFAULT_HEARTBEAT_S,
                           OPTION_FLAGS);
}

static void
pcall_launcher_class_init (PcallLauncherClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->constructed = pcall_launcher_constructed;
  object_class->finalize = pcall_launcher_finalize;
  object_class->get_property = pcall_launcher_get_property;
  object_class->set_property = pcall_launcher_set_property;

  install_what ();
  install_places ();
  install_programs ();
  install_times ();
  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
pcall_launcher_init (PcallLauncher *self)
{
  g_mutex_init (&self->lock);
  self->heartbeat = DEFAULT_HEARTBEAT_S;
}

/**
 * pcall_launcher_get_command:
 * @self: a launcher
 *
 * Gets the command that starts agents elsewhere.
 *
 * Returns: (transfer none) (array zero-terminated=1) (element-type filename): the command
 *
 * Since: 1.0
 */
const char * const *
pcall_launcher_get_command (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), NULL);

  return (const char * const *) self->plan.command;
}

/**
 * pcall_launcher_get_n_workers:
 * @self: a launcher
 *
 * Gets how many workers there are at the most.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
pcall_launcher_get_n_workers (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), 0);

  return self->plan.n_workers;
}

/**
 * pcall_launcher_get_transport:
 * @self: a launcher
 *
 * Gets how agents and this process speak to each other.
 *
 * Returns: the transport
 *
 * Since: 1.0
 */
PcallLauncherTransport
pcall_launcher_get_transport (PcallLauncher *self)
{
  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), PCALL_LAUNCHER_CONNECT);

  return self->plan.transport;
}

/**
 * pcall_launcher_get_n_connected:
 * @self: a launcher
 *
 * Gets how many agents are there now.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
pcall_launcher_get_n_connected (PcallLauncher *self)
{
  guint n;

  g_return_val_if_fail (PCALL_IS_LAUNCHER (self), 0);

  g_mutex_lock (&self->lock);
  n = self->crew != NULL ? pcall_crew_get_n_connected (self->crew) : 0;
  g_mutex_unlock (&self->lock);
  return n;
}
