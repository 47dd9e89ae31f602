/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Agents that connect, and others who do. */

#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher-support.h"

#define N_SILENT 300

static void
test_one_command_for_all (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *script = g_strdup_printf (
      "i=0; while [ $i -lt {n} ]; do {agent} & i=$((i + 1)); done; echo {n} >> %s/n; wait",
      directory);
  const char *command[] = { "/bin/sh", "-c", script, NULL };
  g_autofree char *path = g_build_filename (directory, "n", NULL);
  g_autofree char *text = NULL;
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new (command, 3, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 6);
  g_autoptr (PcallTask) next = launcher_task (launcher, "get_index", 2);

  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 0.2',)"));
  support_run (task, NULL);
  support_run (next, NULL);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "3\n");
  launcher_remove_directory (directory);
}

static void
test_per_launch (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *script = g_strdup_printf (
      "i=0; while [ $i -lt {n} ]; do {agent} & i=$((i + 1)); done; echo {n} >> %s/n; wait",
      directory);
  const char *command[] = { "/bin/sh", "-c", script, NULL };
  g_autofree char *path = g_build_filename (directory, "n", NULL);
  g_autofree char *text = NULL;
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new (command, 5, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 5);

  pcall_launcher_set_workers_per_launch (launcher, 2);
  pcall_task_set_common_args (task, g_variant_new_parsed ("('sleep 0.2',)"));
  support_run (task, NULL);
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  g_assert_cmpuint (strlen (text), ==, 6);
  g_assert_nonnull (strstr (text, "1\n"));
  launcher_remove_directory (directory);
}

static const char * const addresses[] = { "127.0.0.1", "localhost", "127.3.2.1", NULL };

static void
test_addresses (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (addresses); i++)
    {
      g_autoptr (PcallLauncher) launcher = launcher_new_connect (1);
      g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

      pcall_launcher_set_address (launcher, addresses[i]);
      support_run (task, "[<uint32 0>]");
    }
}

/* The first of its addresses leads nowhere. */
static void
test_bad_address_first (void)
{
  const char *command[] = {
    "/bin/sh", "-c", "PCALL_AGENT_ADDRESS=\"127.0.0.1:1 $PCALL_AGENT_ADDRESS\" exec {agent} {n}",
    NULL
  };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  support_run (task, "[<uint32 0>]");
}

/* What an agent is told that it cannot use is a word in the log of the command. */
typedef struct
{
  const char *script;
  const char *pattern;
} BadAgent;

static const BadAgent bad_agents[] = {
  { "PCALL_AGENT_SECRET=00112233445566778899aabbccddeeff exec {agent} {n}",
    "*exited with status 1 before an agent came; last output: *" },
  { "unset PCALL_AGENT_SECRET; exec {agent} {n}", "*last output: *PCALL_AGENT_SECRET: there is *" },
  { "PCALL_AGENT_ADDRESS=nowhere exec {agent} {n}", "*nowhere: this is no address" },
  { "PCALL_AGENT_ADDRESS=127.0.0.1:1 exec {agent} {n}", "*127.0.0.1:1: Connection refused" },
  { "PCALL_AGENT_ADDRESS='' exec {agent} {n}", "*PCALL_AGENT_ADDRESS: there is none" },
};

static void
run_bad_agent (gconstpointer data)
{
  const BadAgent *bad = data;
  const char *command[] = { "/bin/sh", "-c", bad->script, NULL };
  g_autofree char *before = traces_take ();
  PcallLauncher *launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
  PcallTask *task = launcher_task (launcher, "get_index", 3);

  support_start (task);
  g_error_free (support_join_failing (task));
  for (guint i = 0; i < 3; i++)
    launcher_assert_error (task, i, PCALL_ERROR_START, bad->pattern);
  g_object_unref (task);
  g_object_unref (launcher);
  traces_assert_back (before);
}

/* Others who connect */

/* The address is told in a file; agents come when another is there. */
static PcallLauncher *
launcher_new_with_port (const char *directory)
{
  g_autofree char *script = g_strdup_printf (
      "echo $PCALL_AGENT_ADDRESS > %s/t; mv %s/t %s/port; until test -e %s/go; do sleep 0.01; done;"
      " exec {agent} {n}", directory, directory, directory, directory);
  const char *command[] = { "/bin/sh", "-c", script, NULL };
  PcallLauncher *launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);

  pcall_launcher_set_address (launcher, "127.0.0.1");
  return launcher;
}

static gboolean
is_file (gpointer path)
{
  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static guint16
wait_for_port (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, "port", NULL);
  g_autofree char *text = NULL;

  g_assert_true (traces_wait_until (is_file, path));
  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  return (guint16) atoi (strrchr (text, ':') + 1);
}

static void
let_go (const char *directory)
{
  g_autofree char *path = g_build_filename (directory, "go", NULL);

  g_assert_true (g_file_set_contents (path, "", 0, NULL));
}

static int
connect_to (guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET,
                                 .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                 .sin_port = htons (port) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  g_assert_no_errno (fd);
  g_assert_no_errno (connect (fd, (struct sockaddr *) &address, sizeof address));
  return fd;
}

static void
send_rubbish (guint16 port, const char *text, gsize size)
{
  int fd = connect_to (port);
  char bytes[256];
  gssize n = 1;

  if (size > 0)
    send (fd, text, size, MSG_NOSIGNAL);
  /* It is closed, and nothing but the challenge was said. */
  if (size > 0)
    while (n > 0)
      n = recv (fd, bytes, sizeof bytes, 0);
  close (fd);
}

/* All of them together do not keep an agent away. */
static void
test_strangers (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_with_port (directory);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 3);
  g_autofree char *much = g_malloc0 (100000);
  int silent[N_SILENT];
  guint16 port;

  support_start (task);
  port = wait_for_port (directory);
  for (guint i = 0; i < N_SILENT; i++)
    silent[i] = connect_to (port);
  send_rubbish (port, "", 0);
  send_rubbish (port, "GET / HTTP/1.1\r\nHost: here\r\n\r\n", 30);
  send_rubbish (port, much, 100000);
  send_rubbish (port, "PCL1\1l\16\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\377\377\377\377\0\0\0\0", 32);
  let_go (directory);
  support_join (task);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 0);
  for (guint i = 0; i < N_SILENT; i++)
    close (silent[i]);
  launcher_remove_directory (directory);
}

/* There is no descriptor for one more, for a while. */
static void
test_no_descriptors (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_with_port (directory);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);
  struct rlimit before, low = { 0 };
  int fds[4];
  guint16 port;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, &before));
  support_start (task);
  port = wait_for_port (directory);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = connect_to (port);
  low.rlim_cur = (rlim_t) fds[3] + 1;
  low.rlim_max = before.rlim_max;
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &low));
  /* Whatever it has tried by now, it goes on when there is room. */
  pcall_task_join (task, 0.3, NULL, NULL);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
  let_go (directory);
  support_join (task);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  launcher_remove_directory (directory);
}

/* Agents of another kind */

static PcallLauncher *
launcher_new_mock (const char *mode)
{
  g_autofree char *program =
      g_test_build_filename (G_TEST_DIST, "launcher", "mock-agent.py", NULL);
  const char *command[] = { "/usr/bin/python3", program, mode, "", "{n}", "--for={agent}", NULL };

  return pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
}

static const char * const good_mocks[] = { "good", "swapped" };

static void
test_good_mocks (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good_mocks); i++)
    {
      g_autoptr (PcallLauncher) launcher = launcher_new_mock (good_mocks[i]);
      g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 20);
      g_autoptr (PcallTask) next = launcher_task (launcher, "mock", 1);
      g_autoptr (GPtrArray) children = NULL;

      support_run (task, NULL);
      support_assert_result (task, 19, "uint32 19");
      support_run (next, "[<uint32 0>]");
      children = pcall_task_dup_children (task);
      g_assert_cmpint (pcall_child_get_exit_status (children->pdata[0]), ==, 0);
      g_assert_cmpuint (pcall_child_get_max_rss (children->pdata[0]), ==, 7 * 1024);
    }
}

/* What calls have in common crosses once. */
static void
test_common_arguments (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_mock ("common");
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 20);
  gsize size = 100000;
  guint8 *bytes = g_malloc0 (size);
  GVariant *value = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, bytes, size, TRUE, g_free,
                                             bytes);

  pcall_task_set_common_args (task, g_variant_new_tuple (&value, 1));
  support_run (task, NULL);
  support_assert_result (task, 19, "uint32 19");
}

typedef struct
{
  const char *mode;
  PcallError code;
  const char *pattern;
} BadMock;

static const BadMock bad_mocks[] = {
  { "other-version", PCALL_ERROR_START, "*before an agent came*" },
  { "garbage", PCALL_ERROR_START, "*before an agent came*" },
  { "result-first", PCALL_ERROR_START, "*before an agent came*" },
  { "exit-first", PCALL_ERROR_START, "*before an agent came*" },
  { "garbage-in-call", PCALL_ERROR_LOST, "*the connection was lost: frame magic is *" },
  { "silent-in-call", PCALL_ERROR_LOST, "*the connection was lost: *" },
};

static void
run_bad_mock (gconstpointer data)
{
  const BadMock *bad = data;
  g_autofree char *before = traces_take ();
  PcallLauncher *launcher = launcher_new_mock (bad->mode);
  PcallTask *task = launcher_task (launcher, "mock", 1);

  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, bad->code, bad->pattern);
  g_object_unref (task);
  g_object_unref (launcher);
  traces_assert_back (before);
}

static void
add_tables (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (bad_agents); i++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/connect/bad-agent/%" G_GSIZE_FORMAT, i);

      g_test_add_data_func (path, &bad_agents[i], run_bad_agent);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (bad_mocks); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/connect/mock/", bad_mocks[i].mode, NULL);

      g_test_add_data_func (path, &bad_mocks[i], run_bad_mock);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  launcher_add ("/pcall/connect/one-command-for-all", test_one_command_for_all);
  launcher_add ("/pcall/connect/per-launch", test_per_launch);
  launcher_add ("/pcall/connect/addresses", test_addresses);
  launcher_add ("/pcall/connect/bad-address-first", test_bad_address_first);
  if (g_test_slow ()) /* it waits for the end of their patience */
    launcher_add ("/pcall/connect/strangers", test_strangers);
  launcher_add ("/pcall/connect/no-descriptors", test_no_descriptors);
  launcher_add ("/pcall/connect/good-mocks", test_good_mocks);
  launcher_add ("/pcall/connect/common-arguments", test_common_arguments);
  add_tables ();

  return g_test_run ();
}
