/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The kernel tells nobody whom it has killed for want of memory, but counts it in the control group
 * of the one that was killed, whatever limit it was. A count of 0 says that it was somebody else.
 *
 * Children are in the group of their parent, unless somebody has moved them. Within a container the
 * group's path may be that of the host, and its files then stand at the root of what is mounted. */

#include "base/pcall-oom-private.h"

#include <string.h>

/* Of version 1, where memory has a hierarchy of its own; and of version 2. */
typedef struct
{
  const char *controller; /* as in /proc/self/cgroup */
  const char *mount;
  const char *file;
} Hierarchy;

static const Hierarchy hierarchies[] = {
  { "memory", "memory", "memory.oom_control" },
  { "", "", "memory.events" },
};

static const char key[] = "oom_kill ";

static gint64
find_count (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, key))
      return g_ascii_strtoll (*line + strlen (key), NULL, 10);
  return -1;
}

static gint64
read_count (const char      *cgroups,
            const Hierarchy *hierarchy,
            const char      *group)
{
  g_autofree char *path =
      g_build_filename (cgroups, hierarchy->mount, group, hierarchy->file, NULL);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? find_count (text) : -1;
}

/* A line is "number:controllers:path", where several controllers have commas between them. */
static gint64
count_in (const char      *cgroups,
          const Hierarchy *hierarchy,
          const char      *line)
{
  g_auto (GStrv) parts = g_strsplit (line, ":", 3);
  g_auto (GStrv) controllers = NULL;
  gint64 count;

  if (g_strv_length (parts) < 3)
    return -1;
  controllers = g_strsplit (parts[1], ",", -1);
  if (*hierarchy->controller == '\0'
          ? *parts[1] != '\0'
          : !g_strv_contains ((const char *const *) controllers, hierarchy->controller))
    return -1;

  count = read_count (cgroups, hierarchy, parts[2]);
  return count >= 0 ? count : read_count (cgroups, hierarchy, "");
}

gint64
pcall_oom_count_kills_at (const char *proc,
                          const char *cgroups)
{
  g_autofree char *path = g_build_filename (proc, "self", "cgroup", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;
  gint64 count = -1;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return -1;
  lines = g_strsplit (text, "\n", -1);
  for (gsize i = 0; i < G_N_ELEMENTS (hierarchies); i++)
    for (char **line = lines; *line != NULL && count < 0; line++)
      count = count_in (cgroups, &hierarchies[i], *line);
  return count;
}

gint64
pcall_oom_count_kills (void)
{
  return pcall_oom_count_kills_at ("/proc", "/sys/fs/cgroup");
}

char *
pcall_oom_describe (gint64 n_kills)
{
  if (n_kills == 0)
    return g_strdup ("");
  if (n_kills < 0)
    return g_strdup (", perhaps out of memory");
  return g_strdup_printf (", perhaps out of memory: its control group counts %" G_GINT64_FORMAT
                          " of such kills",
                          n_kills);
}
