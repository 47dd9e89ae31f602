/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "wire/pcall-remote-private.h"

#include "wire/pcall-frame-private.h"

/* Names of files, command lines and environments are bytes, in no encoding: so they are here. */

#define HELLO_HOST "host"
#define HELLO_LAUNCH "launch"

GVariant *
pcall_remote_hello_to_variant (const PcallRemoteHello *self)
{
  GVariantDict more = G_VARIANT_DICT_INIT (NULL);
  g_autofree char *host = g_utf8_make_valid (self->host, -1);

  g_variant_dict_insert (&more, HELLO_HOST, "s", host);
  g_variant_dict_insert (&more, HELLO_LAUNCH, "u", self->launch);
  return g_variant_new ("(ui@a{sv})", self->version, (gint32) self->pid,
                        g_variant_dict_end (&more));
}

void
pcall_remote_hello_from_variant (PcallRemoteHello *self,
                                 GVariant         *value)
{
  g_autoptr (GVariant) more = NULL;
  gint32 pid;

  *self = (PcallRemoteHello) { .version = 0 };
  g_variant_get (value, "(ui@a{sv})", &self->version, &pid, &more);
  self->pid = MAX (pid, 0);
  if (!g_variant_lookup (more, HELLO_HOST, "s", &self->host))
    self->host = g_strdup ("");
  g_variant_lookup (more, HELLO_LAUNCH, "u", &self->launch);
}

void
pcall_remote_hello_clear (PcallRemoteHello *self)
{
  g_clear_pointer (&self->host, g_free);
}

/* Conditions, as what is not as it is */

#define LAUNCH_DIRECTORY "working-directory"
#define LAUNCH_ENVIRONMENT "environment"
#define LAUNCH_NICE "nice"
#define LAUNCH_AFFINITY "cpu-affinity"
#define LAUNCH_ADDRESS_SPACE "max-address-space"
#define LAUNCH_OPEN_FILES "max-open-files"

static GVariant *
conditions_to_variant (const PcallConditions *conditions,
                       const char            *directory)
{
  GVariantDict dict = G_VARIANT_DICT_INIT (NULL);

  if (conditions->working_directory != NULL)
    directory = conditions->working_directory;
  if (directory != NULL)
    g_variant_dict_insert (&dict, LAUNCH_DIRECTORY, "^ay", directory);
  if (conditions->environment != NULL)
    g_variant_dict_insert (&dict, LAUNCH_ENVIRONMENT, "^aay", conditions->environment);
  if (conditions->nice != 0)
    g_variant_dict_insert (&dict, LAUNCH_NICE, "i", conditions->nice);
  if (conditions->cpu_affinity != NULL)
    g_variant_dict_insert (&dict, LAUNCH_AFFINITY, "s", conditions->cpu_affinity);
  if (conditions->max_address_space != 0)
    g_variant_dict_insert (&dict, LAUNCH_ADDRESS_SPACE, "t", conditions->max_address_space);
  if (conditions->max_open_files != 0)
    g_variant_dict_insert (&dict, LAUNCH_OPEN_FILES, "t", conditions->max_open_files);
  return g_variant_dict_end (&dict);
}

static PcallConditions *
conditions_from_variant (GVariant *dict)
{
  PcallConditions *conditions = pcall_conditions_new ();
  const char *affinity;

  g_variant_lookup (dict, LAUNCH_DIRECTORY, "^ay", &conditions->working_directory);
  g_variant_lookup (dict, LAUNCH_ENVIRONMENT, "^aay", &conditions->environment);
  g_variant_lookup (dict, LAUNCH_NICE, "i", &conditions->nice);
  if (g_variant_lookup (dict, LAUNCH_AFFINITY, "&s", &affinity))
    pcall_conditions_set_cpu_affinity (conditions, affinity);
  g_variant_lookup (dict, LAUNCH_ADDRESS_SPACE, "t", &conditions->max_address_space);
  g_variant_lookup (dict, LAUNCH_OPEN_FILES, "t", &conditions->max_open_files);
  return conditions;
}

GVariant *
pcall_remote_launch_new (const char * const    *argv,
                         const char * const    *environment,
                         const PcallConditions *conditions,
                         const char            *directory)
{
  static const char * const none[] = { NULL };

  return g_variant_new ("(^aay^aay@a{sv})", argv, environment != NULL ? environment : none,
                        conditions_to_variant (conditions, directory));
}

void
pcall_remote_launch_from_variant (PcallRemoteLaunch *self,
                                  GVariant          *value)
{
  g_autoptr (GVariant) conditions = NULL;

  g_variant_get (value, "(^aay^aay@a{sv})", &self->argv, &self->environment, &conditions);
  self->conditions = conditions_from_variant (conditions);
}

void
pcall_remote_launch_clear (PcallRemoteLaunch *self)
{
  g_clear_pointer (&self->argv, g_strfreev);
  g_clear_pointer (&self->environment, g_strfreev);
  g_clear_pointer (&self->conditions, pcall_conditions_unref);
}

static guint64
to_microseconds (const struct timeval *time)
{
  return (guint64) time->tv_sec * G_USEC_PER_SEC + (guint64) time->tv_usec;
}

static struct timeval
from_microseconds (guint64 microseconds)
{
  return (struct timeval) { (time_t) (microseconds / G_USEC_PER_SEC),
                            (suseconds_t) (microseconds % G_USEC_PER_SEC) };
}

GVariant *
pcall_remote_exit_to_variant (const PcallRemoteExit *self)
{
  const struct rusage *usage = &self->exit.usage;
  g_autofree char *complaint =
      g_utf8_make_valid (self->complaint != NULL ? self->complaint : "", -1);

  return g_variant_new ("(bixttts)", self->exit.known, self->exit.status, self->begun,
                        to_microseconds (&usage->ru_utime), to_microseconds (&usage->ru_stime),
                        (guint64) usage->ru_maxrss, complaint);
}

void
pcall_remote_exit_from_variant (PcallRemoteExit *self,
                                GVariant        *value)
{
  guint64 user_time, system_time, max_rss;
  const char *complaint;

  *self = (PcallRemoteExit) { .begun = -1 };
  g_variant_get (value, "(bixttt&s)", &self->exit.known, &self->exit.status, &self->begun,
                 &user_time, &system_time, &max_rss, &complaint);
  self->exit.usage.ru_utime = from_microseconds (user_time);
  self->exit.usage.ru_stime = from_microseconds (system_time);
  self->exit.usage.ru_maxrss = (glong) MIN (max_rss, G_MAXLONG);
  if (*complaint != '\0')
    self->complaint = g_strdup (complaint);
}

void
pcall_remote_exit_clear (PcallRemoteExit *self)
{
  g_clear_pointer (&self->complaint, g_free);
}
