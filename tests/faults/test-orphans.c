/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What becomes of children whose parent was killed.
 *
 * A victim, a program of its own, starts children and tells who they are; then it gets SIGKILL,
 * and all of them must be dead within a second, whatever they do. Its orphans become children of
 * this process, so that none can hide. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup-support.h"
#include "traces.h"

#define ORPHAN_LIMIT 1.0

typedef struct
{
  pid_t      pid;
  FILE      *output;
  GPtrArray *children; /* pidfds */
  int        foreign;  /* pidfd, or -1 */
} Victim;

static void
victim_start (Victim     *self,
              const char *mode)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "victim", NULL);
  int fds[2];

  *self = (Victim) { .foreign = -1, .children = g_ptr_array_new () };
  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  self->pid = fork ();
  if (self->pid == 0)
    {
      dup2 (fds[1], STDOUT_FILENO);
      execl (program, program, mode, NULL);
      _exit (127);
    }
  close (fds[1]);
  self->output = fdopen (fds[0], "r");
}

static void
victim_wait_until_ready (Victim *self)
{
  char what[16] = "";
  int pid;

  while (fscanf (self->output, "%15s %d", what, &pid) == 2 && !g_str_equal (what, "ready"))
    {
      int pidfd = traces_open_pidfd (pid);

      g_assert_cmpint (pidfd, >=, 0);
      if (g_str_equal (what, "foreign"))
        self->foreign = pidfd;
      else
        g_ptr_array_add (self->children, GINT_TO_POINTER (pidfd));
    }
  g_assert_cmpstr (what, ==, "ready");
}

static void
reap (pid_t pid)
{
  while (waitpid (pid, NULL, 0) < 0)
    g_assert_cmpint (errno, ==, EINTR);
}

/* How long it took, in seconds. */
static gdouble
victim_kill (Victim *self)
{
  gint64 killed;

  g_assert_no_errno (kill (self->pid, SIGKILL));
  killed = g_get_monotonic_time ();
  for (guint i = 0; i < self->children->len; i++)
    {
      int pidfd = GPOINTER_TO_INT (g_ptr_array_index (self->children, i));

      if (!traces_wait_for_end (pidfd, ORPHAN_LIMIT))
        g_error ("process %u of %u outlives its parent", i + 1, self->children->len);
      close (pidfd);
    }
  return (g_get_monotonic_time () - killed) / (gdouble) G_USEC_PER_SEC;
}

static void
victim_clear (Victim *self)
{
  if (self->foreign >= 0)
    {
      g_assert_false (traces_wait_for_end (self->foreign, 0));
      traces_kill (self->foreign);
    }
  reap (self->pid);
  fclose (self->output);
  g_ptr_array_unref (self->children);
}

/* Orphans that are zombies now are ours to reap, and nothing else may be there. */
static gboolean
no_orphan_is_left (gpointer data)
{
  pid_t pid;

  while ((pid = waitpid (-1, NULL, WNOHANG)) > 0)
    ;
  return pid < 0 && errno == ECHILD;
}

static void
assert_no_orphan_within_limit (void)
{
  gint64 until = g_get_monotonic_time () + (gint64) (ORPHAN_LIMIT * G_USEC_PER_SEC);

  while (!no_orphan_is_left (NULL))
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      g_usleep (1000);
    }
}

static void
kill_victim (gconstpointer data)
{
  const char *mode = data;
  guint n_rounds = traces_rounds (3, 1000);
  gdouble slowest = 0;

  for (guint i = 0; i < n_rounds; i++)
    {
      Victim victim;
      gdouble seconds;

      victim_start (&victim, mode);
      victim_wait_until_ready (&victim);
      seconds = victim_kill (&victim);
      slowest = MAX (slowest, seconds);
      victim_clear (&victim);
      g_assert_true (traces_wait_until (no_orphan_is_left, NULL));
    }
  g_test_message ("all dead after %.1f ms at the most", slowest * 1000);
}

/* With its warden, and the group itself. */
static void
kill_victim_in_cgroup (gconstpointer data)
{
  g_autofree char *own = NULL;

  if (cgroup_skip (&own))
    return;

  kill_victim (data);
  g_assert_false (cgroup_has_groups (own));
}

/* At any moment, also between a fork and what the child does first. */
static void
kill_victim_while_starting (gconstpointer data)
{
  const char *mode = data;
  guint n_rounds = traces_rounds (8, 2000);

  for (guint i = 0; i < n_rounds; i++)
    {
      Victim victim;

      victim_start (&victim, mode);
      victim_wait_until_ready (&victim);
      g_usleep (g_test_rand_int_range (0, 20000));
      victim_kill (&victim);
      victim_clear (&victim);
      assert_no_orphan_within_limit ();
    }
}

static GVariant *
succeed (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  return NULL;
}

/* A parent that was killed cannot remove its log files; the next task of this user does. */
static void
files_of_the_killed_go (gconstpointer data)
{
  g_autofree char *before = traces_take ();
  g_autoptr (PcallTask) task = pcall_task_new_for_func (succeed, NULL, NULL);
  g_autoptr (GVariant) results = NULL;
  Victim victim;

  victim_start (&victim, "busy");
  victim_wait_until_ready (&victim);
  victim_kill (&victim);
  victim_clear (&victim);
  g_assert_true (traces_wait_until (no_orphan_is_left, NULL));

  results = pcall_task_run (task, NULL, NULL);
  g_assert_nonnull (results);
  g_clear_object (&task);
  traces_assert_back (before);
}

typedef struct
{
  const char   *path;
  void (*func) (gconstpointer data);
  gconstpointer data;
} Row;

static const Row rows[] = {
  { "/orphans/files-go", files_of_the_killed_go, NULL },
  { "/orphans/busy", kill_victim, "busy" },
  { "/orphans/threads", kill_victim, "threads" },
  { "/orphans/stopped", kill_victim, "stopped" },
  { "/orphans/masked", kill_victim, "masked" },
  { "/orphans/masked-stopped", kill_victim, "masked-stopped" },
  { "/orphans/exec", kill_victim, "exec" },
  { "/orphans/exec-itself", kill_victim, "exec-itself" },
  { "/orphans/closed", kill_victim, "closed" },
  { "/orphans/fork-session", kill_victim, "fork-session" },
  { "/orphans/spawn-cgroup", kill_victim_in_cgroup, "spawn-cgroup" },
  { "/orphans/while-starting", kill_victim_while_starting, "starting" },
  { "/orphans/spawn-busy", kill_victim, "spawn-busy" },
  { "/orphans/spawn-stopped", kill_victim, "spawn-stopped" },
  { "/orphans/spawn-exec", kill_victim, "spawn-exec" },
  { "/orphans/spawn-exec-itself", kill_victim, "spawn-exec-itself" },
  { "/orphans/spawn-closed", kill_victim, "spawn-closed" },
  { "/orphans/agent-busy", kill_victim, "agent-busy" },
  { "/orphans/agent-stopped", kill_victim, "agent-stopped" },
  { "/orphans/agent-exec", kill_victim, "agent-exec" },
  { "/orphans/agent-connect-busy", kill_victim, "agent-connect-busy" },
  { "/orphans/agent-connect-exec", kill_victim, "agent-connect-exec" },
  { "/orphans/agent-pending", kill_victim, "agent-pending" },
  { "/orphans/agent-connect-pending", kill_victim, "agent-connect-pending" },
  { "/orphans/pool", kill_victim, "pool" },
  { "/orphans/spawn-while-starting", kill_victim_while_starting, "spawn-starting" },
};

static void
test_orphans (gconstpointer data)
{
  const Row *row = data;

  row->func (row->data);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();
  g_assert_no_errno (prctl (PR_SET_CHILD_SUBREAPER, 1));

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_orphans);

  return g_test_run ();
}
