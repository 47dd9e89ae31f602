/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Children in a control group of their task: what they leave behind ends with it, wherever it has
 * gone, and the group goes, too. What becomes of it when the parent is killed: see test-orphans. */

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "cgroup-support.h"
#include "namespaces.h"
#include "spawn-support.h"

#define NOBODY 65534

/* In a group of its own, below that of its parent. */
static void
assert_is_below (GVariant *told)
{
  g_autoptr (GVariant) here = g_variant_ref_sink (cgroup_tell (NULL, NULL, NULL, NULL));
  g_autoptr (GVariant) value = g_variant_get_variant (told);
  g_autofree char *parent = g_strstrip (g_variant_dup_string (here, NULL));
  g_autofree char *path = g_strstrip (g_variant_dup_string (value, NULL));
  g_autofree char *directory = g_path_get_dirname (path);
  g_autofree char *name = g_path_get_basename (path);

  g_assert_cmpstr (directory, ==, parent);
  g_assert_true (g_str_has_prefix (name, "pcall-"));
}

static void
run_and_look (guint calls_per_child)
{
  PcallTask *task = support_task (cgroup_tell, 3);
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) results = NULL;

  pcall_task_set_own_cgroup (task, TRUE);
  pcall_task_set_calls_per_child (task, calls_per_child);
  results = pcall_task_run (task, NULL, &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < 3; i++)
    {
      g_autoptr (GVariant) told = g_variant_get_child_value (results, i);

      assert_is_below (told);
    }
  g_assert_finalize_object (task);
}

static void
test_inside (void)
{
  g_autofree char *own = NULL;
  g_autofree char *before = NULL;

  if (cgroup_skip (&own))
    return;

  before = traces_take ();
  run_and_look (1);
  run_and_look (0);
  traces_assert_back (before);
  g_assert_false (cgroup_has_groups (own));
}

/* Daemons */

static SupportPipe alive; /* held open by daemons, and by nobody else in the end */

static GVariant *
leave_daemon (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  pid_t pid = fork ();

  if (pid != 0)
    {
      waitpid (pid, NULL, 0);
      return NULL;
    }

  setsid ();
  if (fork () == 0 && fcntl (alive.write_fd, F_SETFD, 0) == 0)
    execlp ("sleep", "sleep", G_STRINGIFY (SUPPORT_LIMIT_S), NULL);
  _exit (0);
}

/* What returns leaves daemons behind; they are gone when the task is over. */
static void
test_left (void)
{
  g_autofree char *own = NULL;
  struct pollfd ended;
  PcallTask *task;
  guint8 byte;

  if (cgroup_skip (&own))
    return;

  support_pipe_open (&alive);
  task = support_task (leave_daemon, 3);
  pcall_task_set_own_cgroup (task, TRUE);
  support_run (task, "[<()>, <()>, <()>]");
  g_assert_false (cgroup_has_groups (own));
  close (alive.write_fd);
  ended = (struct pollfd){ .fd = alive.read_fd, .events = POLLIN };
  g_assert_cmpint (poll (&ended, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  g_assert_cmpint (read (alive.read_fd, &byte, 1), ==, 0);
  close (alive.read_fd);
  g_assert_finalize_object (task);
}

/* Where this process inherits them, it reaps them, too. */
static void
inherit (gconstpointer unused)
{
  PcallTask *task = support_task (leave_daemon, 10);

  g_assert_no_errno (prctl (PR_SET_CHILD_SUBREAPER, 1));
  support_pipe_open (&alive);
  pcall_task_set_own_cgroup (task, TRUE);
  support_run (task, NULL);
  g_assert_finalize_object (task);
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  g_assert_cmpint (errno, ==, ECHILD);
}

static void
test_inherited (void)
{
  g_autofree char *own = NULL;

  if (g_test_subprocess () || !cgroup_skip (&own))
    traces_in_subprocess (inherit, NULL);
}

static void
on_message (PcallTask *task, PcallCall *call, GVariant *message, gpointer data)
{
  g_ptr_array_add (data, GINT_TO_POINTER (traces_open_pidfd (g_variant_get_int32 (message))));
}

static void
assert_ended (gpointer data, gpointer unused)
{
  int pidfd = GPOINTER_TO_INT (data);

  g_assert_cmpint (pidfd, >=, 0);
  g_assert_true (traces_wait_for_end (pidfd, SUPPORT_LIMIT_S));
  close (pidfd);
}

/* Two workers, which tell who they and their daemons are. */
static PcallTask *
start_workers (GPtrArray *pidfds)
{
  PcallTask *task = symbol_task ("be_with_daemon", 2);

  pcall_task_set_own_cgroup (task, TRUE);
  g_signal_connect (task, "call-message", G_CALLBACK (on_message), pidfds);
  support_start (task);
  while (pidfds->len < 4)
    g_assert_false (pcall_task_join (task, 0.01, NULL, NULL));
  return task;
}

static void
test_ended (gconstpointer data)
{
  gboolean terminates = GPOINTER_TO_INT (data);
  g_autofree char *own = NULL;
  g_autofree char *before = NULL;
  g_autoptr (GPtrArray) pidfds = g_ptr_array_new ();
  PcallTask *task;

  if (cgroup_skip (&own))
    return;

  before = traces_take ();
  task = start_workers (pidfds);
  if (terminates)
    {
      pcall_task_terminate (task);
      g_error_free (support_join_failing (task));
      g_assert_false (cgroup_has_groups (own));
    }
  g_assert_finalize_object (task);
  g_ptr_array_foreach (pidfds, assert_ended, NULL);
  traces_assert_back (before);
  g_assert_false (cgroup_has_groups (own));
}

/* The warden alone, with a process in a group */

typedef struct
{
  char       *group;
  pid_t       member;
  SupportPipe life; /* its standard input */
  pid_t       pid;
} Warden;

static void
start_warden (Warden *self, const char *own)
{
  g_autofree char *program = g_build_filename (g_getenv ("PCALL_WORKER_DIR"), "pcall-warden", NULL);

  self->group = g_build_filename (own, "pcall-XXXXXX", NULL);
  g_assert_nonnull (g_mkdtemp_full (self->group, 0755));
  support_pipe_open (&self->life);
  self->member = fork ();
  if (self->member == 0)
    {
      g_assert_true (cgroup_enter (self->group));
      support_pipe_put (&self->life, 1);
      close (self->life.write_fd);
      support_sleep (NULL, NULL, NULL, NULL);
    }
  g_assert_cmpint (support_pipe_get (&self->life), ==, 1);

  self->pid = fork ();
  if (self->pid == 0)
    {
      dup2 (self->life.read_fd, STDIN_FILENO);
      execl (program, program, self->group, NULL);
      _exit (127);
    }
}

/* It catches SIGTERM, the last thing that it does before it waits. */
static gboolean
is_ready (gpointer data)
{
  const Warden *self = data;
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", self->pid);
  g_autofree char *text = NULL;
  const char *caught;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  caught = strstr (text, "SigCgt:\t");
  return g_ascii_strtoull (caught + strlen ("SigCgt:\t"), NULL, 16) == 1u << (SIGTERM - 1);
}

static void
assert_did_its_work (Warden *self)
{
  int status;

  g_assert_cmpint (waitpid (self->member, &status, 0), ==, self->member);
  g_assert_cmpint (WTERMSIG (status), ==, SIGKILL);
  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpint (access (self->group, F_OK), ==, -1);
  close (self->life.read_fd);
  g_free (self->group);
}

/* It waits, until it is told, or nobody holds the other end of its standard input. */
static void
test_warden (void)
{
  g_autofree char *own = NULL;
  Warden told, left;

  if (cgroup_skip (&own))
    return;
  if (g_getenv ("PCALL_WORKER_DIR") == NULL)
    {
      g_test_skip ("the library alone knows where its warden was installed");
      return;
    }

  start_warden (&told, own);
  g_assert_true (traces_wait_until (is_ready, &told));
  kill (told.pid, SIGINT);
  g_assert_cmpint (waitpid (told.member, NULL, WNOHANG), ==, 0);
  kill (told.pid, SIGTERM);
  assert_did_its_work (&told);
  close (told.life.write_fd);

  start_warden (&left, own);
  close (left.life.write_fd);
  assert_did_its_work (&left);
}

/* A worker does not stay in a pool, as it would be the task's. */
static void
test_pool (void)
{
  g_autofree char *own = NULL;
  g_autofree char *before = NULL;
  g_autoptr (PcallPool) pool = pcall_pool_new ();

  if (cgroup_skip (&own))
    return;

  before = traces_take ();
  for (guint i = 0; i < 2; i++)
    {
      PcallTask *task = symbol_task ("get_pid", 2);

      pcall_task_set_own_cgroup (task, TRUE);
      pcall_task_set_pool (task, pool);
      support_run (task, NULL);
      g_assert_finalize_object (task);
      traces_assert_back (before);
    }
}

/* A task in a task */

static GVariant *
run_inner (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  PcallTask *inner = support_task (leave_daemon, 1);

  pcall_task_set_own_cgroup (inner, TRUE);
  if (user_data == NULL)
    return pcall_task_run (inner, NULL, error);

  pcall_task_start (inner, error);
  pcall_task_join (inner, 0.01, NULL, NULL);
  pcall_send_message (NULL);
  return support_sleep (NULL, NULL, NULL, error);
}

static void
terminate (PcallTask *task, PcallCall *call, GVariant *message, gpointer data)
{
  pcall_task_terminate (task);
}

static void
test_inner (void)
{
  g_autofree char *own = NULL;
  PcallTask *task;

  if (cgroup_skip (&own))
    return;

  support_pipe_open (&alive);
  task = support_task (run_inner, 2);
  pcall_task_set_own_cgroup (task, TRUE);
  support_run (task, "[<[<()>]>, <[<()>]>]");
  g_assert_finalize_object (task);
  g_assert_false (cgroup_has_groups (own));

  /* The inner group is there, and its warden in the outer one. */
  task = (pcall_task_new_for_func) (run_inner, &alive, NULL);
  pcall_task_set_own_cgroup (task, TRUE);
  g_signal_connect (task, "call-message", G_CALLBACK (terminate), NULL);
  support_start (task);
  g_error_free (support_join_failing (task));
  g_assert_finalize_object (task);
  g_assert_false (cgroup_has_groups (own));
  support_pipe_close (&alive);
}

/* Not to be had */

static void
assert_refused (const char *expected)
{
  PcallTask *task = support_task (support_index, 1);
  g_autofree char *before = traces_take ();
  g_autoptr (GError) error = NULL;

  pcall_task_set_own_cgroup (task, TRUE);
  g_assert_false (pcall_task_start (task, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  if (!g_pattern_match_simple (expected, error->message))
    g_error ("%s is not %s", error->message, expected);
  g_assert_finalize_object (task);
  traces_assert_back (before);
}

static void
refuse_nobody (gconstpointer unused)
{
  g_assert_no_errno (setgroups (0, NULL));
  g_assert_no_errno (setresuid (NOBODY, NOBODY, NOBODY));
  assert_refused ("own-cgroup: mkdir in /*: Permission denied; run this program where it may *");
}

static void
refuse_hidden (gconstpointer unused)
{
  g_assert_no_errno (unshare (CLONE_NEWNS));
  g_assert_no_errno (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
  g_assert_no_errno (mount ("none", "/sys/fs/cgroup", "tmpfs", 0, NULL));
  assert_refused ("own-cgroup: *: No such file or directory; run this program where it may *");
}

static void
refuse_no_warden (gconstpointer unused)
{
  g_setenv ("PCALL_WORKER_DIR", "/nowhere", TRUE);
  assert_refused ("program pcall-warden: not found in /nowhere; PCALL_WORKER_DIR says *");
}

typedef struct
{
  const char *path;
  void (*refuse) (gconstpointer unused);
} Refusal;

static const Refusal refusals[] = {
  { "/own-cgroup/nobody", refuse_nobody },
  { "/own-cgroup/hidden", refuse_hidden },
  { "/own-cgroup/no-warden", refuse_no_warden },
};

static void
test_refused (gconstpointer data)
{
  const Refusal *refusal = data;
  g_autofree char *own = NULL;

  if (!g_test_subprocess () && cgroup_skip (&own))
    return;
  if (geteuid () != 0)
    {
      g_test_skip ("only root gives its rights away");
      return;
    }

  traces_in_subprocess (refusal->refuse, NULL);
  if (own != NULL)
    g_assert_false (cgroup_has_groups (own));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  g_test_add_func ("/own-cgroup/inside", test_inside);
  g_test_add_func ("/own-cgroup/left", test_left);
  g_test_add_func ("/own-cgroup/inherited", test_inherited);
  g_test_add_data_func ("/own-cgroup/terminated", GINT_TO_POINTER (TRUE), test_ended);
  g_test_add_data_func ("/own-cgroup/dropped", GINT_TO_POINTER (FALSE), test_ended);
  g_test_add_func ("/own-cgroup/warden", test_warden);
  g_test_add_func ("/own-cgroup/pool", test_pool);
  g_test_add_func ("/own-cgroup/inner", test_inner);
  for (gsize i = 0; i < G_N_ELEMENTS (refusals); i++)
    g_test_add_data_func (refusals[i].path, &refusals[i], test_refused);

  return g_test_run ();
}
