/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Control groups: whether this process may make one, and what is there of pcall's. */

#pragma once

#include <stdlib.h>
#include <string.h>

#include "task-support.h"

static inline GVariant *
cgroup_tell (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents ("/proc/self/cgroup", &text, NULL, error))
    return NULL;
  return g_variant_new_string (strstr (text, "0::") + strlen ("0::"));
}

/* That of this process, in which groups are made, as a directory. Looked for as a child would: by
 * what is mounted where systemd mounts it. */
static inline char *
cgroup_find_own (void)
{
  static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
  g_autoptr (GVariant) path = g_variant_ref_sink (cgroup_tell (NULL, NULL, NULL, NULL));
  g_autofree char *name = g_strdup (g_variant_get_string (path, NULL));

  for (gsize i = 0; i < G_N_ELEMENTS (mounts); i++)
    {
      char *own = g_build_filename (mounts[i], g_strstrip (name), NULL);
      g_autofree char *procs = g_build_filename (own, "cgroup.procs", NULL);
      g_autofree char *controllers = g_build_filename (own, "cgroup.controllers", NULL);

      if (access (procs, W_OK) == 0 && access (controllers, F_OK) == 0)
        return own;
      g_free (own);
    }
  return NULL;
}

static inline gboolean
cgroup_enter (const char *directory)
{
  g_autofree char *procs = g_build_filename (directory, "cgroup.procs", NULL);
  int fd = open (procs, O_WRONLY | O_CLOEXEC);
  gboolean entered = fd >= 0 && write (fd, "0", 1) == 1;

  if (fd >= 0)
    close (fd);
  return entered;
}

/* Where this program is while it runs, apart from other tests, and where it was before. */
static char *cgroup_home, *cgroup_before;
static pid_t cgroup_pid;

static inline void
cgroup_leave (void)
{
  if (getpid () == cgroup_pid && cgroup_enter (cgroup_before))
    rmdir (cgroup_home);
}

/* FALSE where that cannot be: then @home is removed. */
static inline gboolean
cgroup_move_to (const char *home, const char *before)
{
  g_autofree char *kill_file = g_build_filename (home, "cgroup.kill", NULL);

  if (access (kill_file, W_OK) != 0 || !cgroup_enter (home))
    {
      rmdir (home);
      return FALSE;
    }

  cgroup_pid = getpid ();
  cgroup_home = g_strdup (home);
  cgroup_before = g_strdup (before);
  atexit (cgroup_leave);
  return TRUE;
}

/* Skips the test where this process may not make control groups. @own: that of this process, from
 * now on, in which nobody else makes any. */
static inline gboolean
cgroup_skip (char **own)
{
  g_autofree char *before = cgroup_home == NULL ? cgroup_find_own () : NULL;
  g_autofree char *home = before != NULL ? g_build_filename (before, "test-XXXXXX", NULL) : NULL;

  if (home != NULL && g_mkdtemp_full (home, 0755) != NULL)
    cgroup_move_to (home, before);
  *own = g_strdup (cgroup_home);
  if (*own != NULL)
    return FALSE;

  g_test_skip ("no control groups to be had");
  return TRUE;
}

/* Whether there is a task's group in @own. */
static inline gboolean
cgroup_has_groups (const char *own)
{
  g_autoptr (GDir) dir = g_dir_open (own, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "pcall-"))
      return TRUE;
  return FALSE;
}
