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

/* FALSE where this process may not have so many descriptors. */
static gboolean
allow_descriptors (rlim_t n, struct rlimit *before)
{
  struct rlimit wanted;

  g_assert_no_errno (getrlimit (RLIMIT_NOFILE, before));
  wanted.rlim_cur = MAX (n, before->rlim_cur);
  wanted.rlim_max = MAX (n, before->rlim_max);
  return setrlimit (RLIMIT_NOFILE, &wanted) == 0;
}

/* All of them together do not keep an agent away; there are more than may stay. */
static void
test_strangers (void)
{
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher = launcher_new_with_port (directory);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 3);
  g_autofree char *much = g_malloc0 (100000);
  guint n = traces_rounds (1100, 10000);
  g_autofree int *silent = g_new (int, n);
  struct rlimit before;
  guint16 port;

  if (!allow_descriptors (n + 2000, &before))
    {
      g_test_skip ("no descriptors to be had");
      launcher_remove_directory (directory);
      return;
    }

  support_start (task);
  port = wait_for_port (directory);
  for (guint i = 0; i < n; i++)
    silent[i] = connect_to (port);
  send_rubbish (port, "", 0);
  send_rubbish (port, "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", 42);
  send_rubbish (port, much, 100000);
  send_rubbish (port, "PCL1\1l\16\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\377\377\377\377\0\0\0\0", 32);
  if (g_test_slow ()) /* too little: that is waited for as long as strangers may stay */
    send_rubbish (port, "GET / HTTP/1.1\r\n\r\n", 18);
  let_go (directory);
  support_join (task);
  g_assert_cmpuint (pcall_task_get_n_failed (task), ==, 0);
  for (guint i = 0; i < n; i++)
    close (silent[i]);
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
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
launcher_new_mock (const char *mode, guint n_workers)
{
  g_autofree char *program =
      g_test_build_filename (G_TEST_DIST, "launcher", "mock-agent.py", NULL);
  const char *command[] = { "/usr/bin/python3", program, mode, "{n}", "--for={agent}", NULL };

  return pcall_launcher_new (command, n_workers, PCALL_LAUNCHER_CONNECT);
}

static const char * const good_mocks[] = { "good", "swapped" };

static void
test_good_mocks (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good_mocks); i++)
    {
      g_autoptr (PcallLauncher) launcher = launcher_new_mock (good_mocks[i], 1);
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

/* Each has a call before any of them is over, twice. */
static void
test_crowd (void)
{
  guint n = traces_rounds (1000, 10000);
  g_autoptr (PcallLauncher) launcher = launcher_new_mock ("crowd", n);
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 2 * n);
  struct rlimit before;

  if (!allow_descriptors (n + 1000, &before))
    {
      g_test_skip ("no descriptors to be had");
      return;
    }

  /* They are one program, which may be slow. */
  g_setenv ("PCALL_WORKER_START_TIMEOUT", "240", TRUE);
  pcall_launcher_set_heartbeat (launcher, 0);
  /* A file for each that runs would be as many descriptors again. */
  pcall_task_set_log_mode (task, PCALL_LOG_MODE_INHERIT);
  pcall_task_set_max_children (task, n);
  support_run (task, NULL);
  for (guint i = 0; i < 2 * n; i++)
    {
      g_autofree char *index = g_strdup_printf ("uint32 %u", i);

      support_assert_result (task, i, index);
    }
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, n);
  g_unsetenv ("PCALL_WORKER_START_TIMEOUT");
  g_assert_no_errno (setrlimit (RLIMIT_NOFILE, &before));
}

/* What the crew's thread has logged */

static GMutex log_lock;
static GString *logged;

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  if ((level & G_LOG_LEVEL_MASK) < G_LOG_LEVEL_MESSAGE)
    return g_log_writer_default (level, fields, n_fields, data);

  g_mutex_lock (&log_lock);
  for (gsize i = 0; i < n_fields; i++)
    if (strcmp (fields[i].key, "MESSAGE") == 0)
      g_string_append_printf (logged, "%s\n", (const char *) fields[i].value);
  g_mutex_unlock (&log_lock);
  return G_LOG_WRITER_HANDLED;
}

static gboolean
was_logged (gpointer words)
{
  gboolean was;

  g_mutex_lock (&log_lock);
  was = strstr (logged->str, words) != NULL;
  g_mutex_unlock (&log_lock);
  return was;
}

static void
assert_logged (const char *words)
{
  if (!traces_wait_until (was_logged, (gpointer) words))
    g_error ("'%s' was not logged, but '%s'", words, logged->str);
}

/* What is in the log, where that is not the call's error */
typedef struct
{
  const char *mode;
  PcallError code;
  const char *pattern;
  const char *words;
} BadMock;

static const BadMock bad_mocks[] = {
  { "garbage-first", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: frame magic is " },
  { "other-secret", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: the proof is wrong" },
  { "replay", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: the proof is wrong" },
  { "other-version", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: the agent speaks version 77 " },
  { "garbage", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: frame magic is " },
  { "half", PCALL_ERROR_START, "*before an agent came*", "an agent was refused: it was closed" },
  { "result-first", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: it sent something that nobody had asked for" },
  { "exit-first", PCALL_ERROR_START, "*before an agent came*",
    "an agent was refused: it told of the end of a worker " },
  { "garbage-in-call", PCALL_ERROR_LOST, "*the connection was lost: frame magic is *", NULL },
  { "silent-in-call", PCALL_ERROR_LOST, "*the connection was lost: *", NULL },
  { "crash-and-leave", PCALL_ERROR_CRASHED, "*killed by signal 9*", NULL },
  { "reset-in-call", PCALL_ERROR_LOST, "*the connection was lost: *", NULL },
};

static void
try_bad_mock (const BadMock *bad)
{
  g_autofree char *before = traces_take ();
  PcallLauncher *launcher = launcher_new_mock (bad->mode, 1);
  PcallTask *task = launcher_task (launcher, "mock", 1);

  g_string_truncate (logged, 0);
  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, bad->code, bad->pattern);
  if (bad->words != NULL)
    assert_logged (bad->words);
  g_object_unref (task);
  g_object_unref (launcher);
  traces_assert_back (before);
}

static void
run_bad_mock (gconstpointer data)
{
  for (guint i = 0; i < traces_rounds (1, 100); i++)
    try_bad_mock (data);
}

/* What a shell over there says is in nobody's way, and can be read. */
static void
test_noise (void)
{
  g_autoptr (PcallLauncher) launcher =
      launcher_new_shell ("echo Welcome, \\377; echo all; eval exec \"$PCALL_AGENT\"", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 2);

  g_string_truncate (logged, 0);
  support_run (task, NULL);
  assert_logged ("before the agent: Welcome, ");
  assert_logged ("\nall\n");
}

static gboolean
has_gone (gpointer launcher)
{
  return pcall_launcher_get_n_connected (launcher) == 0;
}

/* A worker that has ended has no result; who says so is not believed any more. */
static void
test_result_after_exit (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_mock ("result-after-exit", 1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 1);

  support_start (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_CRASHED, "*killed by signal 9*");
  g_assert_true (traces_wait_until (has_gone, launcher));
}

/* One told that its worker ended before the call began, and was gone with that. */
static void
test_exit_before_call (void)
{
  g_autofree char *program =
      g_test_build_filename (G_TEST_DIST, "launcher", "mock-agent.py", NULL);
  g_autofree char *directory = launcher_make_directory ();
  g_autofree char *once = g_build_filename (directory, "once", NULL);
  const char *command[] = { "/bin/sh", "-c",
                            "if mkdir $1; then exec $0 exit-before-call; else exec $0 good; fi",
                            program, once, "{n}", "--for={agent}", NULL };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallTask) task = launcher_task (launcher, "mock", 1);

  support_run (task, "[<uint32 0>]");
  g_assert_no_errno (g_rmdir (once));
  launcher_remove_directory (directory);
}

/* All that is refused beside one that is not: the task goes on. */
static void
test_bad_ones_first (void)
{
  g_autofree char *program =
      g_test_build_filename (G_TEST_DIST, "launcher", "mock-agent.py", NULL);
  g_autoptr (GString) script = g_string_new ("");
  const char *command[] = { "/bin/sh", "-c", NULL, program, "{n}", "--for={agent}", NULL };
  g_autoptr (PcallLauncher) launcher = NULL;
  g_autoptr (PcallTask) task = NULL;

  for (gsize i = 0; i < G_N_ELEMENTS (bad_mocks); i++)
    if (bad_mocks[i].words != NULL)
      g_string_append_printf (script, "$0 %s; ", bad_mocks[i].mode);
  g_string_append (script, "exec $0 good");
  command[2] = script->str;
  launcher = pcall_launcher_new (command, 1, PCALL_LAUNCHER_CONNECT);
  task = launcher_task (launcher, "mock", 2);
  g_string_truncate (logged, 0);
  support_run (task, "[<uint32 0>, <uint32 1>]");
  for (gsize i = 0; i < G_N_ELEMENTS (bad_mocks); i++)
    if (bad_mocks[i].words != NULL)
      assert_logged (bad_mocks[i].words);
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
  traces_begin_without_log ();
  logged = g_string_new (NULL);
  g_log_set_writer_func (write_log, NULL, NULL);

  launcher_add ("/pcall/connect/one-command-for-all", test_one_command_for_all);
  launcher_add ("/pcall/connect/per-launch", test_per_launch);
  launcher_add ("/pcall/connect/addresses", test_addresses);
  launcher_add ("/pcall/connect/bad-address-first", test_bad_address_first);
  launcher_add ("/pcall/connect/strangers", test_strangers);
  launcher_add ("/pcall/connect/no-descriptors", test_no_descriptors);
  launcher_add ("/pcall/connect/good-mocks", test_good_mocks);
  launcher_add ("/pcall/connect/crowd", test_crowd);
  launcher_add ("/pcall/connect/exit-before-call", test_exit_before_call);
  launcher_add ("/pcall/connect/result-after-exit", test_result_after_exit);
  launcher_add ("/pcall/connect/noise", test_noise);
  launcher_add ("/pcall/connect/bad-ones-first", test_bad_ones_first);
  add_tables ();

  return g_test_run ();
}
