/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What may be wrong with another machine, and with the way there: its disk is full, the link goes
 * down, it loses its power. The other machine is a namespace of this one. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher-support.h"

/* The network */

#define ADDRESS "10.213.77.1"

/* One that has the other end of the link, and nothing else */
static pid_t node = -1;

G_GNUC_PRINTF (1, 2) static gboolean
run (const char *format, ...)
{
  g_autofree char *command = NULL;
  va_list args;

  va_start (args, format);
  command = g_strdup_vprintf (format, args);
  va_end (args);
  return system (command) == 0;
}

static void
be_node (int fd)
{
  g_assert_no_errno (unshare (CLONE_NEWNET));
  g_assert_cmpint (write (fd, "", 1), ==, 1);
  for (;;)
    pause ();
}

static void
start_node (void)
{
  SupportPipe ready;

  support_pipe_open (&ready);
  node = fork ();
  if (node == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      be_node (ready.write_fd);
    }
  close (ready.write_fd);
  g_assert_cmpint (read (ready.read_fd, &(char) { 0 }, 1), ==, 1);
  close (ready.read_fd);
}

static void
end_node (void)
{
  kill (node, SIGKILL);
  waitpid (node, NULL, 0);
}

static void
open_link (void)
{
  g_assert_no_errno (unshare (CLONE_NEWNET));
  start_node ();
  g_assert_true (run ("ip link add pc0 type veth peer name pc1 netns %d", node));
  g_assert_true (run ("ip addr add " ADDRESS "/24 dev pc0 && ip link set pc0 up"));
  g_assert_true (run ("nsenter -t %d -n sh -c 'ip addr add 10.213.77.2/24 dev pc1;"
                      " ip link set pc1 up'", node));
}

static void
set_link (const char *state)
{
  g_assert_true (run ("ip link set pc0 %s", state));
}

static PcallLauncher *
launcher_new_over_link (gdouble heartbeat)
{
  g_autofree char *pid = g_strdup_printf ("%d", node);
  const char *command[] = { "nsenter", "-t", pid, "-n", "{agent}", NULL };
  PcallLauncher *launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);

  pcall_launcher_set_address (launcher, ADDRESS);
  pcall_launcher_set_heartbeat (launcher, heartbeat);
  return launcher;
}

static void
go_down (PcallTask *task, PcallCall *call, gpointer data)
{
  set_link ("down");
}

static void
go_up (PcallTask *task, PcallChild *child, gpointer data)
{
  set_link ("up");
}

/* The call returns while there is no link: its result comes when there is one. */
static void
link_comes_back (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *path = g_build_filename (directory, "down", NULL);
  g_autofree char *command =
      g_strdup_printf ("until test -e %s; do sleep 0.01; done; echo words", path);
  g_autoptr (PcallLauncher) launcher = launcher_new_over_link (30);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);

  pcall_task_set_common_args (task, g_variant_new ("(s)", command));
  support_start (task);
  while (support_state (task, 0) != PCALL_CALL_STATE_RUNNING)
    pcall_task_join (task, 0.01, NULL, NULL);
  set_link ("down");
  g_assert_true (g_file_set_contents (path, "", 0, NULL));
  g_assert_false (pcall_task_join (task, 0.3, NULL, NULL));
  set_link ("up");
  support_join (task);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 0);
  g_assert_cmpuint (count_children (task), ==, 1);
  launcher_remove_directory (directory);
}

static PcallTask *
stay_once_task (PcallLauncher *launcher, const char *directory)
{
  PcallTask *task = launcher_task (launcher, "run_command", 2);
  g_autofree char *command = g_strdup_printf ("mkdir %s/once && sleep 100; true", directory);

  pcall_task_set_common_args (task, g_variant_new ("(s)", command));
  return task;
}

static void
remove_once (const char *directory)
{
  g_autofree char *once = g_build_filename (directory, "once", NULL);

  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* The link is down for longer than an agent may be silent; then there is another agent. */
static void
link_goes_down (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_over_link (0.2);
  g_autoptr (PcallTask) task = stay_once_task (launcher, directory);

  g_signal_connect (task, "call-started", G_CALLBACK (go_down), NULL);
  g_signal_connect (task, "child-exited", G_CALLBACK (go_up), NULL);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, "*it did not answer for 0.2 s");
  remove_once (directory);
}

static void
lose_power (PcallTask *task, PcallCall *call, gpointer data)
{
  if (pcall_call_get_index (call) != 0)
    return;

  set_link ("down");
  g_assert_true (run ("kill -KILL $(ps -o ppid= -p %d)", pcall_call_get_pid (call)));
  set_link ("up");
}

/* Nothing tells that the other side is gone. When it is asked it knows nothing of a connection. */
static void
power_is_lost (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_over_link (0.2);
  g_autoptr (PcallTask) task = stay_once_task (launcher, directory);

  pcall_task_set_retries (task, 1);
  g_signal_connect (task, "call-started", G_CALLBACK (lose_power), NULL);
  support_run (task, "[<0>, <0>]");
  g_assert_cmpuint (count_children (task), ==, 2);
  remove_once (directory);
}

static void
tell_worker (PcallTask *task, PcallCall *call, GVariant *message, gpointer fd)
{
  gint32 pid = g_variant_get_int32 (message);

  g_assert_cmpint (write (GPOINTER_TO_INT (fd), &pid, sizeof pid), ==, sizeof pid);
}

static void
run_and_wait (int fd)
{
  g_autofree char *pid = g_strdup_printf ("%d", node);
  /* In a group of its own, as elsewhere, it does not hear of what becomes of its command. */
  const char *command[] = { "nsenter", "-t", pid, "-n", "setsid", "--wait", "{agent}", NULL };
  PcallLauncher *launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
  PcallTask *task = launcher_task (launcher, "sleep_long", 1);

  pcall_launcher_set_address (launcher, ADDRESS);
  g_signal_connect (task, "call-message", G_CALLBACK (tell_worker), GINT_TO_POINTER (fd));
  support_run (task, NULL);
  _exit (1);
}

/* Until its kernel is sure that there is nobody */
#define KEEPALIVE_LIMIT 200.0

/* Nothing tells an agent that its parent is gone. It asks, and its worker ends with it. */
static void
parent_loses_power (void)
{
  SupportPipe told;
  gint32 worker;
  int pidfd;
  pid_t pid;

  support_pipe_open (&told);
  pid = fork ();
  if (pid == 0)
    run_and_wait (told.write_fd);
  g_assert_cmpint (read (told.read_fd, &worker, sizeof worker), ==, sizeof worker);
  pidfd = traces_open_pidfd (worker);
  g_assert_cmpint (pidfd, >=, 0);
  set_link ("down");
  g_assert_no_errno (kill (pid, SIGKILL));
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  g_assert_true (traces_wait_for_end (pidfd, KEEPALIVE_LIMIT));
  close (pidfd);
  close (told.read_fd);
  close (told.write_fd);
}

/* The disk */

/* Its log files are in a file system of @options, which is the agent's alone. */
static PcallLauncher *
launcher_new_with_disk (const char *directory, const char *options)
{
  g_autofree char *script = g_strdup_printf (
      "mount -t tmpfs -o %s none %s && XDG_RUNTIME_DIR=%s eval exec \"$PCALL_AGENT\"", options,
      directory, directory);
  const char *command[] = { "unshare", "--mount", "/bin/sh", "-c", script, NULL };

  return pcall_launcher_new (command, 1, PCALL_LAUNCHER_STREAMS);
}

#define WRITE "head -c %u /dev/zero | tr '\\0' x"

/* It becomes full while a call writes, and the call that follows has room again. */
static void
disk_is_full (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *too_much = g_strdup_printf ("! " WRITE, 1000000);
  g_autofree char *enough = g_strdup_printf (WRITE, 30000);
  g_autoptr (PcallLauncher) launcher = launcher_new_with_disk (directory, "size=64k");
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 2);

  pcall_task_set_instance_args (
      task, g_variant_new_parsed ("[(%s,), (%s,), (%s,)]", too_much, enough, too_much));
  support_run (task, "[<0>, <0>, <0>]");
  g_assert_cmpuint (count_children (task), ==, 1);
  launcher_remove_directory (directory);
}

/* It has no room for a single file. */
static void
disk_takes_nothing (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher =
      launcher_new_with_disk (directory, "size=64k,nr_inodes=1");
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 3);

  pcall_task_set_common_args (task, g_variant_new_parsed ("('echo words',)"));
  support_run (task, "[<0>, <0>, <0>]");
  launcher_remove_directory (directory);
}

typedef struct
{
  const char *path;
  const char *need;  /* a command that succeeds where it can be tried */
  GTestFunc   func;
  gboolean    kills; /* an agent, which leaves its log files */
} Row;

static const char link_need[] =
    "unshare --net ip link add pc0 type veth peer name pc1 && nsenter --version";
static const char disk_need[] = "unshare --mount mount -t tmpfs -o size=64k none /tmp";

static const Row rows[] = {
  { "link-comes-back", link_need, link_comes_back, FALSE },
  { "link-goes-down", link_need, link_goes_down, FALSE },
  { "power-is-lost", link_need, power_is_lost, TRUE },
  { "parent-loses-power", link_need, parent_loses_power, TRUE },
  { "disk-is-full", disk_need, disk_is_full, FALSE },
  { "disk-takes-nothing", disk_need, disk_takes_nothing, FALSE },
};

/* In a process of its own, which a namespace is for. */
static void
run_row (gconstpointer data)
{
  const Row *row = data;
  g_autofree char *before = NULL;

  if (row->need == link_need)
    open_link ();
  before = traces_take ();
  row->func ();
  if (row->kills)
    g_assert_true (traces_wait_until (launcher_logs_are_swept, NULL));
  traces_assert_back (before);
  if (row->need == link_need)
    end_node ();
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;

  if (!g_test_subprocess () && !run ("(%s) > /dev/null 2>&1", row->need))
    {
      g_test_skip ("no such namespace, or nothing to set it up with");
      return;
    }
  traces_in_subprocess (run_row, row);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/nodes/", rows[i].path, NULL);

      if (rows[i].func == parent_loses_power && traces_rounds (0, 1) == 0) /* it takes minutes */
        continue;

      g_test_add_data_func (path, &rows[i], test_row);
    }

  return g_test_run ();
}
