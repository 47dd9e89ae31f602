/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "start/pcall-own-cgroup-private.h"

#include <errno.h>
#include <gio/gunixmounts.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-cgroup-private.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-lifeline-private.h"
#include "start/pcall-command-private.h"
#include "start/pcall-spawn-private.h"

/* Whatever a call starts is in the control group of its task (cgroups(7), version 2), and nothing
 * that it does brings it out: not a process group or a session of its own, nor the end of all who
 * have made it. So with the end of the task the kernel can end all of it.
 *
 * A child goes there by itself, before it runs anything of the user's. CLONE_INTO_CGROUP would do
 * it more cheaply, but is not for fork (), which runs the handlers of other libraries.
 *
 * When this process is killed nobody is left to end the group, so that has a warden: a program
 * that waits on the life pipe. It is not in the group. */

#define WARDEN "pcall-warden"
#define ADVICE                                                                                     \
  "run this program where it may make control groups, as systemd-run --user --scope does"

/* What is killed is gone in a moment; a process that waits for a disk is not waited for. */
#define LIMIT_MS 200

struct _PcallOwnCgroup
{
  char        *directory;
  char        *procs;
  PcallProcess warden;
};

static void
set_error (GError    **error,
           const char *what,
           const char *of,
           int         error_number)
{
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "own-cgroup: %s%s%s: %s; " ADVICE, what,
               of != NULL ? " " : "", of != NULL ? of : "", g_strerror (error_number));
}

/* Where this process is among all groups, as "/user.slice/…". */
static char *
read_own_path (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents ("/proc/self/cgroup", &text, NULL, NULL))
    return NULL;

  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    if (g_str_has_prefix (*line, "0::"))
      return g_strdup (*line + strlen ("0::"));
  return NULL;
}

/* The mount has what is below @root. */
static char *
find_below (const char *mount,
            const char *root,
            const char *path)
{
  const char *rest = path;

  if (root != NULL && strcmp (root, "/") != 0)
    {
      if (!g_str_has_prefix (path, root))
        return NULL;
      rest += strlen (root);
    }
  return *rest == '\0' || *rest == '/' ? g_build_filename (mount, rest, NULL) : NULL;
}

static char *
find_own_directory (void)
{
  g_autofree char *path = read_own_path ();
  GList *mounts = path != NULL ? g_unix_mounts_get (NULL) : NULL;
  char *found = NULL;

  for (GList *l = mounts; l != NULL && found == NULL; l = l->next)
    if (strcmp (g_unix_mount_get_fs_type (l->data), "cgroup2") == 0)
      found = find_below (g_unix_mount_get_mount_path (l->data),
                          g_unix_mount_get_root_path (l->data), path);
  g_list_free_full (mounts, (GDestroyNotify) g_unix_mount_free);
  return found;
}

static gboolean
make_directory (PcallOwnCgroup *self,
                GError        **error)
{
  g_autofree char *own = find_own_directory ();
  g_autofree char *kill_file = NULL;
  g_autofree char *template = NULL;

  if (own == NULL)
    {
      set_error (error, "control groups of version 2", NULL, ENOENT);
      return FALSE;
    }

  template = g_build_filename (own, "pcall-XXXXXX", NULL);
  if (g_mkdtemp_full (template, 0755) == NULL)
    {
      set_error (error, "mkdir in", own, errno);
      return FALSE;
    }

  self->directory = g_steal_pointer (&template);
  self->procs = g_build_filename (self->directory, "cgroup.procs", NULL);
  kill_file = g_build_filename (self->directory, "cgroup.kill", NULL);
  if (access (kill_file, W_OK) == 0)
    return TRUE;
  set_error (error, kill_file, NULL, errno);
  return FALSE;
}

static gboolean
start_warden (PcallOwnCgroup *self,
              int             null_fd,
              GError        **error)
{
  g_autofree char *program = pcall_command_find_own (WARDEN, "program", error);
  char *argv[] = { (char *) WARDEN, self->directory, NULL };
  char *environment[] = { NULL };
  int error_number;
  gboolean started;
  PcallSpawn spawn = {
    .what = "program",
    .program = program,
    .argv = argv,
    .environment = environment,
    .n_fds = 3,
    .null_fd = null_fd,
    .life = 0,
    .life_signal = SIGURG, /* it ignores that */
  };

  if (program == NULL)
    return FALSE;

  spawn.fds[0] = pcall_spawn_lift (pcall_lifeline_open ());
  spawn.fds[1] = spawn.fds[2] = null_fd;
  if (spawn.fds[0] < 0)
    {
      set_error (error, "life pipe", NULL, errno);
      return FALSE;
    }

  started = pcall_spawn_run (&spawn, &self->warden, &error_number, error);
  close (spawn.fds[0]);
  return started;
}

PcallOwnCgroup *
pcall_own_cgroup_new (int      null_fd,
                      GError **error)
{
  PcallOwnCgroup *self = g_new0 (PcallOwnCgroup, 1);

  self->warden = (PcallProcess) { 0, -1, -1 };
  if (make_directory (self, error) && start_warden (self, null_fd, error))
    return self;

  pcall_own_cgroup_end (self);
  pcall_own_cgroup_free (self);
  return NULL;
}

const char *
pcall_own_cgroup_get_procs (const PcallOwnCgroup *self)
{
  return self->procs;
}

/* What is in the group and below, as pidfds */

static void
add_processes (GArray     *processes,
               const char *directory)
{
  g_autofree char *path = g_build_filename (directory, "cgroup.procs", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;

  lines = g_strsplit (text, "\n", -1);
  for (char **line = lines; *line != NULL; line++)
    {
      pid_t pid = (pid_t) g_ascii_strtoll (*line, NULL, 10);
      struct pollfd process = { .events = POLLIN };

      process.fd = pid > 0 ? (int) syscall (SYS_pidfd_open, pid, 0) : -1;
      if (process.fd >= 0)
        g_array_append_val (processes, process);
    }
}

static void
add_all_processes (GArray     *processes,
                   const char *directory)
{
  g_autoptr (GDir) dir = g_dir_open (directory, 0, NULL);
  const char *name;

  add_processes (processes, directory);
  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (directory, name, NULL);

      if (g_file_test (path, G_FILE_TEST_IS_DIR))
        add_all_processes (processes, path);
    }
}

/* Those that this process inherits, as PID 1 or a subreaper, are its own to reap. Which these are
 * is certain when all have ended. */
static void
reap (GArray *processes)
{
  for (guint i = 0; i < processes->len; i++)
    {
      struct pollfd *process = &g_array_index (processes, struct pollfd, i);

      poll (process, 1, LIMIT_MS);
    }
  for (guint i = 0; i < processes->len; i++)
    {
      int pidfd = g_array_index (processes, struct pollfd, i).fd;

      waitid (P_PIDFD, pidfd, NULL, WEXITED | WNOHANG | __WALL);
      close (pidfd);
    }
}

static void
dismiss_warden (PcallOwnCgroup *self)
{
  if (self->warden.pid > 0)
    pcall_process_destroy (&self->warden);
}

static void
leave_to_warden (PcallOwnCgroup *self)
{
  if (self->warden.pid <= 0)
    return;

  pcall_process_signal (&self->warden, SIGTERM);
  pcall_process_leave (&self->warden);
}

void
pcall_own_cgroup_end (PcallOwnCgroup *self)
{
  g_autoptr (GArray) processes = g_array_new (FALSE, FALSE, sizeof (struct pollfd));

  if (self->directory != NULL)
    add_all_processes (processes, self->directory);
  if (self->directory == NULL || pcall_cgroup_kill (self->directory, LIMIT_MS))
    dismiss_warden (self);
  else
    leave_to_warden (self);
  reap (processes);
}

void
pcall_own_cgroup_free (PcallOwnCgroup *self)
{
  g_free (self->procs);
  g_free (self->directory);
  g_free (self);
}
