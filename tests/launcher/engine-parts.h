/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The parts of a real engine: how they are found, and come again. */

#pragma once

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine-support.h"

/* Processes, of which any may just be ending */

/* sshd's are "sshd" or "sshd-session", by its version. */
static inline gboolean
is_named (pid_t pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/comm", pid);
  g_autofree char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) && g_str_has_prefix (text, name);
}

static inline pid_t
find_ancestor (pid_t pid, const char *name)
{
  do
    pid = launcher_get_parent (pid);
  while (pid > 0 && !is_named (pid, name));
  g_assert_cmpint (pid, >, 0);
  return pid;
}

/* One of this process, and not the other one. */
static inline pid_t
find_child (const char *name, pid_t other)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *entry;

  g_assert_nonnull (dir);
  while ((entry = g_dir_read_name (dir)) != NULL)
    if (atoi (entry) != other && launcher_get_parent (atoi (entry)) == getpid () &&
        is_named (atoi (entry), name))
      return atoi (entry);
  g_error ("there is no %s", name);
  return 0;
}

static inline pid_t
read_pid (const char *path)
{
  g_autofree char *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return atoi (text);
}

static inline const char *
get_engine_dir (void)
{
  const char *dir = g_getenv ("PCALL_TEST_ENGINE_DIR");

  g_assert_nonnull (dir);
  return dir;
}

static inline char *
get_pid_path (const char *name)
{
  return g_strdup_printf ("%s/run/%s.pid", get_engine_dir (), name);
}

static inline pid_t
find_daemon (const char *name)
{
  g_autofree char *path = get_pid_path (name);

  return read_pid (path);
}

static inline gboolean
is_file (gpointer path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static inline void
kill_and_wait (pid_t pid)
{
  int pidfd = traces_open_pidfd (pid);

  g_assert_cmpint (pidfd, >=, 0);
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_true (traces_wait_for_end (pidfd, TEST_LIMIT));
  close (pidfd);
}

/* All that comes of a launcher has the engine's directory in its environment. */
static inline gboolean
is_remains (const char *entry)
{
  static const char * const names[] = { "pcall-agent", "pcall-worker", "pcall-heir", "srun" };
  g_autofree char *path = g_strdup_printf ("/proc/%s/environ", entry);
  g_autofree char *environment = NULL;
  const char *dir = get_engine_dir ();
  gsize size = 0;
  gboolean is = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    is |= is_named (atoi (entry), names[i]);
  return is && g_file_get_contents (path, &environment, &size, NULL) &&
         memmem (environment, size, dir, strlen (dir)) != NULL;
}

static inline gboolean
has_no_remains (gpointer data)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc", 0, NULL);
  const char *entry;

  g_assert_nonnull (dir);
  while ((entry = g_dir_read_name (dir)) != NULL)
    if (is_remains (entry))
      return FALSE;
  return !is_slurm () || has_no_job (NULL);
}

/* Daemons that come again, as a system's would */

/* It is nobody's child, and tells its number when it listens. */
static inline void
revive (const char *name, const char *command)
{
  g_autofree char *script =
      g_strdup_printf ("cd %s && rm -f run/%s.pid && setsid -f %s >> log/%s 2>&1 < /dev/null",
                       get_engine_dir (), name, command, name);
  const char *argv[] = { "/bin/sh", "-c", script, NULL };
  g_autofree char *path = get_pid_path (name);
  g_autoptr (GError) error = NULL;

  g_spawn_sync (NULL, (char **) argv, NULL, 0, NULL, NULL, NULL, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_true (traces_wait_until (is_file, path));
}

static inline gboolean
is_controlled (gpointer data)
{
  g_autofree char *answer = run_and_read ("scontrol ping");

  return strstr (answer, "is UP") != NULL;
}

static inline void
revive_slurmctld (void)
{
  revive ("slurmctld", "slurmctld -D");
  g_assert_true (traces_wait_until (is_controlled, NULL));
}

static inline void
revive_slurmd (void)
{
  revive ("slurmd-node1", "slurmd -D -N node1");
  revive ("slurmd-node2", "slurmd -D -N node2");
}

static inline void
revive_sshd (void)
{
  revive ("sshd", "$(command -v sshd) -D -e -f sshd_config");
}

static inline gint64
get_time_of_state (void)
{
  g_autofree char *path = g_build_filename (get_engine_dir (), "state", "job_state", NULL);
  struct stat state = { .st_mtime = 0 };

  stat (path, &state);
  return state.st_mtim.tv_sec * G_USEC_PER_SEC + state.st_mtim.tv_nsec / 1000;
}

static inline gboolean
is_state_newer (gpointer time)
{
  return get_time_of_state () > *(const gint64 *) time;
}

/* It writes down what it knows a few seconds after something has changed, and forgets all else: that
 * is not what is tried here. */
static inline void
wait_for_state (void)
{
  gint64 now = g_get_real_time ();
  g_autofree char *jobs = list_jobs ("R");
  g_autofree char *command = g_strdup_printf ("scontrol update JobId=%d Comment=new", atoi (jobs));

  g_free (run_and_read (command));
  g_assert_true (traces_wait_until (is_state_newer, &now));
}
