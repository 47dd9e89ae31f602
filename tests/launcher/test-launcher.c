/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The launcher itself: its properties, what is wrong with what it is given, and that tasks share
 * its agents. */

#include <signal.h>
#include <unistd.h>

#include "launcher-support.h"

static void
test_properties (void)
{
  static const char * const environment[] = { "A=b", NULL };
  const char *command[] = { "srun", "-n", "{n}", NULL };
  g_autoptr (PcallLauncher) launcher = pcall_launcher_new (command, 3, PCALL_LAUNCHER_CONNECT);
  g_autofree char *address = NULL;
  guint n_connected = 1;

  g_assert_true (g_strv_equal (pcall_launcher_get_command (launcher), command));
  g_assert_cmpuint (pcall_launcher_get_n_workers (launcher), ==, 3);
  g_assert_cmpint (pcall_launcher_get_transport (launcher), ==, PCALL_LAUNCHER_CONNECT);
  g_assert_cmpfloat (pcall_launcher_get_heartbeat (launcher), ==, 30.0);
  g_assert_cmpfloat (pcall_launcher_get_start_timeout (launcher), ==, 0.0);
  g_object_set (launcher, "address", "127.0.0.1", "workers-per-launch", 2, "prologue", "true",
                "environment", environment, "working-directory", "/", "agent", "/bin/agent",
                "idle-timeout", 1.5, "start-timeout", 2.5, "heartbeat", 3.5, NULL);
  g_object_get (launcher, "address", &address, "n-connected", &n_connected, NULL);
  g_assert_cmpstr (address, ==, "127.0.0.1");
  g_assert_cmpuint (n_connected, ==, 0);
  g_assert_cmpuint (pcall_launcher_get_workers_per_launch (launcher), ==, 2);
  g_assert_cmpstr (pcall_launcher_get_prologue (launcher), ==, "true");
  g_assert_true (g_strv_equal (pcall_launcher_get_environment (launcher), environment));
  g_assert_cmpstr (pcall_launcher_get_working_directory (launcher), ==, "/");
  g_assert_cmpstr (pcall_launcher_get_agent (launcher), ==, "/bin/agent");
  g_assert_cmpfloat (pcall_launcher_get_idle_timeout (launcher), ==, 1.5);
  g_assert_cmpfloat (pcall_launcher_get_start_timeout (launcher), ==, 2.5);
  g_assert_cmpfloat (pcall_launcher_get_heartbeat (launcher), ==, 3.5);
}

static void
count_it (guint *n)
{
  (*n)++;
}

static void
test_notify (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  guint n = 0;

  g_signal_connect_swapped (launcher, "notify", G_CALLBACK (count_it), &n);
  pcall_launcher_set_prologue (launcher, "x");
  pcall_launcher_set_prologue (launcher, "x");
  pcall_launcher_set_heartbeat (launcher, 30.0);
  g_assert_cmpuint (n, ==, 1);
}

static void
test_task_property (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = symbol_task ("nothing", 1);
  g_autoptr (PcallLauncher) of_task = NULL;
  guint n = 0;

  g_signal_connect_swapped (task, "notify::launcher", G_CALLBACK (count_it), &n);
  g_assert_null (pcall_task_get_launcher (task));
  g_object_set (task, "launcher", launcher, NULL);
  pcall_task_set_launcher (task, launcher);
  g_object_get (task, "launcher", &of_task, NULL);
  g_assert_true (of_task == launcher);
  g_assert_cmpuint (n, ==, 1);
  pcall_task_set_launcher (task, NULL);
  g_assert_null (pcall_task_get_launcher (task));
}

/* What a word stands for */
typedef struct
{
  const char *text;
  const char *command; /* joined by spaces; NULL: it stands for nothing */
  guint n_workers;     /* 0: as many as there are processors */
  PcallLauncherTransport transport;
  const char *error;
} Word;

static const Word words[] = {
  { "slurm:40", "srun --export=ALL -n{n}", 40, PCALL_LAUNCHER_CONNECT, NULL },
  { "ssh:a", "ssh -o BatchMode=yes -o ServerAliveInterval=30 -T {host} exec {agent}", 1,
    PCALL_LAUNCHER_STREAMS, NULL },
  { "ssh:me@a,4/b", "ssh -o BatchMode=yes -o ServerAliveInterval=30 -T {host} exec {agent}", 5,
    PCALL_LAUNCHER_STREAMS, NULL },
  { "mpirun -n {n} --tag 'two words'", "mpirun -n {n} --tag two words", 0, PCALL_LAUNCHER_CONNECT,
    NULL },
  { "docker run -i image", "docker run -i image", 0, PCALL_LAUNCHER_STREAMS, NULL },
  { "slurm", NULL, 0, 0, "launcher: slurm: how many workers is to be said*" },
  { "slurm:", NULL, 0, 0, "launcher: slurm: \"\" is no number of workers" },
  { "slurm:x", NULL, 0, 0, "launcher: slurm: \"x\" is no number of workers" },
  { "slurm:0", NULL, 0, 0, "launcher: slurm: \"0\" is no number of workers" },
  { "slurm:-1", NULL, 0, 0, "launcher: slurm: \"-1\" is no number of workers" },
  { "ssh:", NULL, 0, 0, "launcher: ssh: there are no hosts" },
  { "ssh:a,,b", NULL, 0, 0, "launcher: ssh: \"\" is no host*" },
  { "ssh:0/a", NULL, 0, 0, "launcher: ssh: \"0/a\" is no host*" },
  { "ssh:x/a", NULL, 0, 0, "launcher: ssh: \"x/a\" is no host*" },
  { "ssh:4/", NULL, 0, 0, "launcher: ssh: \"4/\" is no host*" },
  { "ssh:-oProxyCommand=evil", NULL, 0, 0, "launcher: ssh: \"-oProxyCommand=evil\" is no host*" },
  { "", NULL, 0, 0, "launcher \"\": *expected*" },
  { "un'closed", NULL, 0, 0, "launcher \"un'closed\": *expected*" },
};

static void
test_words (void)
{
  g_unsetenv ("SLURM_NTASKS");
  for (gsize i = 0; i < G_N_ELEMENTS (words); i++)
    {
      const Word *word = &words[i];
      g_autoptr (GError) error = NULL;
      g_autoptr (PcallLauncher) launcher = pcall_launcher_new_for_string (word->text, &error);
      g_autofree char *joined = NULL;

      if (word->command == NULL)
        {
          g_assert_null (launcher);
          g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
          launcher_assert_matches (error->message, word->error);
          continue;
        }
      g_assert_no_error (error);
      joined = g_strjoinv (" ", (char **) pcall_launcher_get_command (launcher));
      g_assert_cmpstr (joined, ==, word->command);
      g_assert_cmpint (pcall_launcher_get_transport (launcher), ==, word->transport);
      g_assert_cmpuint (pcall_launcher_get_n_workers (launcher), ==,
                        word->n_workers > 0 ? word->n_workers : g_get_num_processors ());
    }
}

static void
test_job (void)
{
  g_autoptr (PcallLauncher) launcher = NULL;

  g_setenv ("SLURM_NTASKS", "7", TRUE);
  launcher = pcall_launcher_new_slurm (0, NULL);
  g_unsetenv ("SLURM_NTASKS");
  g_assert_cmpuint (pcall_launcher_get_n_workers (launcher), ==, 7);
}

/* Mistakes, each of which is told when a task is started, which can be tried again then */

static void
assert_useless (PcallLauncher *launcher, const char *pattern)
{
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 2);

  launcher_assert_no_start (task, PCALL_ERROR_START, pattern);
  pcall_task_set_launcher (task, NULL);
  support_run (task, "[<uint32 0>, <uint32 1>]");
}

static void
test_no_command (void)
{
  const char *none[] = { NULL };
  const char *missing[] = { "nonesuch-launcher", "-n", "{n}", NULL };
  const char *no_program[] = { "/nonesuch/launcher", NULL };
  const char *hosts[] = { "a", "-b", NULL };
  g_autoptr (PcallLauncher) empty = pcall_launcher_new (none, 1, PCALL_LAUNCHER_STREAMS);
  g_autoptr (PcallLauncher) lost = pcall_launcher_new (missing, 2, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallLauncher) gone = pcall_launcher_new (no_program, 1, PCALL_LAUNCHER_STREAMS);
  g_autoptr (PcallLauncher) nobody = pcall_launcher_new_ssh (none, NULL);
  g_autoptr (PcallLauncher) option = pcall_launcher_new_ssh (hosts, NULL);

  assert_useless (empty, "launcher: its command is empty");
  assert_useless (lost, "launcher nonesuch-launcher: not found in PATH, *");
  assert_useless (gone, "launcher /nonesuch/launcher: execve: No such file or directory");
  assert_useless (nobody, "launcher: ssh: there are no hosts");
  assert_useless (option, "launcher: ssh: \"-b\" is no host*");
}

static void
test_no_address (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_connect (1);

  pcall_launcher_set_address (launcher, "192.0.2.77");
  assert_useless (launcher, "launcher: 192.0.2.77: Cannot assign requested address");
}

static void
test_callback (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = support_task (support_index, 2);

  pcall_task_set_launcher (task, launcher);
  launcher_assert_no_start (task, PCALL_ERROR_TARGET,
                            "a function of this program (*) is not there on another machine: *");
  pcall_task_set_launcher (task, NULL);
  support_run (task, "[<uint32 0>, <uint32 1>]");
}

static void
test_fork (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  pcall_task_set_start_method (task, PCALL_START_METHOD_FORK);
  launcher_assert_no_start (task, PCALL_ERROR_TARGET, "*cannot be forked here*");
}

static void
test_own_cgroup (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  pcall_task_set_own_cgroup (task, TRUE);
  launcher_assert_no_start (task, PCALL_ERROR_TARGET, "own-cgroup is for children of this process, *");
}

static void
test_changed_too_late (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  support_run (task, "[<uint32 0>]");
  support_expect_log ();
  pcall_launcher_set_prologue (launcher, "too late");
  support_assert_logged ("CRITICAL: pcall_launcher_set_prologue: a task has used the launcher*");
  g_assert_null (pcall_launcher_get_prologue (launcher));
}

static void
test_no_seconds (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);

  support_expect_log ();
  pcall_launcher_set_heartbeat (launcher, -1.0);
  support_assert_logged ("CRITICAL: heartbeat is -1; expected a number of seconds*");
  g_assert_cmpfloat (pcall_launcher_get_heartbeat (launcher), ==, 30.0);
}

static void
test_nothing_to_call (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("@a(i) []"));
  support_run (task, "@av []");
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 0);
}

/* Sharing */

static void
assert_parents (PcallTask *task, guint n_calls, GHashTable *parents)
{
  for (guint i = 0; i < n_calls; i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_hash_table_add (parents, GINT_TO_POINTER (g_variant_get_int32 (result)));
    }
}

/* The same agent, task after task. */
static void
test_one_after_the_other (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (GHashTable) parents = g_hash_table_new (NULL, NULL);

  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (PcallTask) task = launcher_task (launcher, "get_parent", 3);

      support_run (task, NULL);
      assert_parents (task, 3, parents);
    }
  g_assert_cmpuint (g_hash_table_size (parents), ==, 1);
}

static void
test_at_once (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (GHashTable) parents = g_hash_table_new (NULL, NULL);
  PcallTask *tasks[4];

  for (guint i = 0; i < G_N_ELEMENTS (tasks); i++)
    {
      tasks[i] = launcher_task (launcher, "get_parent", 10);
      support_start (tasks[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (tasks); i++)
    support_join (tasks[i]);
  for (guint i = 0; i < G_N_ELEMENTS (tasks); i++)
    {
      assert_parents (tasks[i], 10, parents);
      g_object_unref (tasks[i]);
    }
  g_assert_cmpuint (g_hash_table_size (parents), <=, 2);
}

/* The agents that a task waits for are those of one that nobody drives meanwhile. */

static PcallLauncher *
new_ready_agents (guint n_workers)
{
  PcallLauncher *launcher = launcher_new_agents (n_workers);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", n_workers);

  support_run (task, NULL);
  return launcher;
}

static void
test_joined_in_turn (void)
{
  g_autoptr (PcallLauncher) launcher = new_ready_agents (2);
  g_autoptr (PcallTask) first = launcher_task (launcher, "get_index", 5);
  g_autoptr (PcallTask) second = launcher_task (launcher, "get_index", 5);

  support_start (first);
  support_start (second);
  support_join (second);
  support_join (first);
}

static void
run_another (PcallTask *task, PcallCall *call, PcallLauncher *launcher)
{
  g_autoptr (PcallTask) another = launcher_task (launcher, "get_index", 2);

  support_run (another, "[<uint32 0>, <uint32 1>]");
}

static void
test_run_in_handler (void)
{
  g_autoptr (PcallLauncher) launcher = new_ready_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 3);

  g_signal_connect (task, "call-started", G_CALLBACK (run_another), launcher);
  support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>]");
}

static gboolean
run_in_loop (gpointer launcher)
{
  run_another (NULL, NULL, launcher);
  return G_SOURCE_REMOVE;
}

static void
note_finished (PcallTask *task, gboolean *finished)
{
  *finished = TRUE;
}

/* A loop that does not go round, as a callback waits. */
static void
test_run_in_loop (void)
{
  g_autoptr (PcallLauncher) launcher = new_ready_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 3);
  gboolean finished = FALSE;

  g_signal_connect (task, "finished", G_CALLBACK (note_finished), &finished);
  support_start (task);
  g_idle_add_full (G_PRIORITY_HIGH, run_in_loop, launcher, NULL);
  while (!finished)
    g_main_context_iteration (NULL, TRUE);
}

static gpointer
run_in_thread (gpointer data)
{
  for (guint i = 0; i < 5; i++)
    {
      g_autoptr (PcallTask) task = launcher_task (data, "get_index", 3);

      support_run (task, "[<uint32 0>, <uint32 1>, <uint32 2>]");
    }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  GThread *threads[3];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("user", run_in_thread, launcher);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

/* No more than there are calls, and no more than there may be. */
static void
test_as_many_as_needed (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (3);
  g_autoptr (PcallTask) one = launcher_task (launcher, "get_index", 1);
  g_autoptr (PcallTask) many = launcher_task (launcher, "run_command", 6);

  support_run (one, "[<uint32 0>]");
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 1);
  pcall_task_set_common_args (many, g_variant_new_parsed ("('sleep 0.2',)"));
  support_run (many, NULL);
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), <=, 3);
}

/* Calls that are added later have agents started, where there are too few, or none any more. */

static gboolean
has_two (gpointer launcher)
{
  return pcall_launcher_get_n_connected (launcher) == 2;
}

static void
test_fed (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (2);
  g_autoptr (PcallTask) task = launcher_task (launcher, "sleep_long", 1);

  feed_task (task, "()");
  support_start (task);
  feed_task (task, "()");
  g_assert_true (traces_wait_until (has_two, launcher));
  pcall_task_terminate (task);
  g_error_free (support_join_failing (task));
}

static gboolean
has_ended (gpointer task)
{
  return pcall_task_get_n_finished (task) == pcall_task_get_n_calls (task);
}

static void
test_fed_after_loss (void)
{
  static const char kill_agent[] =
      "('kill -9 $(sed -n \"s/^PPid:.//p\" /proc/$PPID/status)',)";
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  feed_task (task, kill_agent);
  support_start (task);
  g_assert_true (traces_wait_until (has_ended, task));
  feed_task (task, "('exit 7',)");
  pcall_task_end_feed (task);
  g_error_free (support_join_failing (task));
  launcher_assert_error (task, 0, PCALL_ERROR_LOST, "*connection was lost*");
  support_assert_result (task, 1, "7");
}

static gboolean
is_alone (gpointer launcher)
{
  return pcall_launcher_get_n_connected (launcher) == 0;
}

static void
test_idle (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);

  pcall_launcher_set_idle_timeout (launcher, 0.05);
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

      support_run (task, "[<uint32 0>]");
      g_assert_true (traces_wait_until (is_alone, launcher));
    }
}

static void
test_closed (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "get_index", 1);

  support_run (task, "[<uint32 0>]");
  pcall_launcher_close (launcher);
  pcall_launcher_close (launcher);
  g_assert_cmpuint (pcall_launcher_get_n_connected (launcher), ==, 0);
  assert_useless (launcher, "launcher: it was closed");
}

static void
close_it (PcallTask *task, PcallCall *call, GVariant *message, PcallLauncher *launcher)
{
  pcall_launcher_close (launcher);
}

/* The call that runs ends as it likes; others have nobody to run them. */
static void
test_closed_while_running (void)
{
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "report", 3);
  g_autoptr (Tally) tally = NULL;

  pcall_task_set_calls_per_child (task, 1);
  g_signal_connect (task, "call-message", G_CALLBACK (close_it), launcher);
  tally = tally_new (task);
  support_start (task);
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  support_assert_result (task, 0, "true");
  launcher_assert_error (task, 2, PCALL_ERROR_START, "*the launcher was closed");
}

/* What is set for workers */

static void
test_surroundings (void)
{
  static const char * const environment[] = { "PCALL_TEST_A=one two", "PCALL_TEST_B=", NULL };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);

  pcall_launcher_set_environment (launcher, environment);
  pcall_launcher_set_working_directory (launcher, "/usr");
  pcall_launcher_set_prologue (launcher, "PCALL_TEST_C=three; export PCALL_TEST_C");
  pcall_task_set_common_args (
      task, g_variant_new ("(s)", "test \"$PCALL_TEST_A\" = 'one two' &&"
                                  " test \"${PCALL_TEST_B-x}\" = '' &&"
                                  " test $PCALL_TEST_C = three && test $(pwd) = /usr &&"
                                  " ! env | grep PCALL_AGENT && ! env | grep PCALL_LAUNCHER"));
  support_run (task, "[<0>]");
}

/* The task's own go before the launcher's, and all else that is set for its children goes there. */
static void
test_conditions (void)
{
  static const char * const of_launcher[] = { "PCALL_TEST_A=launcher", NULL };
  static const char * const of_task[] = { "PATH=/usr/bin:/bin", "PCALL_TEST_B=task", NULL };
  g_autoptr (PcallLauncher) launcher = launcher_new_agents (1);
  g_autoptr (PcallTask) task = launcher_task (launcher, "run_command", 1);
  g_autoptr (PcallTask) next = launcher_task (launcher, "run_command", 1);

  pcall_launcher_set_environment (launcher, of_launcher);
  pcall_launcher_set_working_directory (launcher, "/usr");
  pcall_task_set_working_directory (task, "/");
  pcall_task_set_environment (task, of_task);
  pcall_task_set_max_open_files (task, 77);
  pcall_task_set_common_args (
      task, g_variant_new ("(s)", "test $(pwd) = / && test $PCALL_TEST_A = launcher &&"
                                  " test $PCALL_TEST_B = task && test -z \"$G_TEST_SRCDIR\" &&"
                                  " test $(ulimit -n) = 77"));
  support_run (task, "[<0>]");

  /* And are not those of the next task. */
  pcall_task_set_common_args (
      next, g_variant_new ("(s)", "test $(pwd) = /usr && test $PCALL_TEST_A = launcher &&"
                                  " test -z \"$PCALL_TEST_B\" && test -n \"$G_TEST_SRCDIR\" &&"
                                  " test $(ulimit -n) != 77"));
  support_run (next, "[<0>]");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin_without_log ();
  support_watch_log ();

  launcher_add ("/pcall/launcher/properties", test_properties);
  launcher_add ("/pcall/launcher/notify", test_notify);
  launcher_add ("/pcall/launcher/task-property", test_task_property);
  launcher_add ("/pcall/launcher/words", test_words);
  launcher_add ("/pcall/launcher/job", test_job);
  launcher_add ("/pcall/launcher/no-command", test_no_command);
  launcher_add ("/pcall/launcher/no-address", test_no_address);
  launcher_add ("/pcall/launcher/callback", test_callback);
  launcher_add ("/pcall/launcher/fork", test_fork);
  launcher_add ("/pcall/launcher/own-cgroup", test_own_cgroup);
  launcher_add ("/pcall/launcher/changed-too-late", test_changed_too_late);
  launcher_add ("/pcall/launcher/no-seconds", test_no_seconds);
  launcher_add ("/pcall/launcher/nothing-to-call", test_nothing_to_call);
  launcher_add ("/pcall/launcher/one-after-the-other", test_one_after_the_other);
  launcher_add ("/pcall/launcher/at-once", test_at_once);
  launcher_add ("/pcall/launcher/joined-in-turn", test_joined_in_turn);
  launcher_add ("/pcall/launcher/run-in-handler", test_run_in_handler);
  launcher_add ("/pcall/launcher/run-in-loop", test_run_in_loop);
  launcher_add ("/pcall/launcher/threads", test_threads);
  launcher_add ("/pcall/launcher/as-many-as-needed", test_as_many_as_needed);
  launcher_add ("/pcall/launcher/fed", test_fed);
  launcher_add_killing ("/pcall/launcher/fed-after-loss", test_fed_after_loss);
  launcher_add ("/pcall/launcher/idle", test_idle);
  launcher_add ("/pcall/launcher/closed", test_closed);
  launcher_add ("/pcall/launcher/closed-while-running", test_closed_while_running);
  launcher_add ("/pcall/launcher/surroundings", test_surroundings);
  launcher_add ("/pcall/launcher/conditions", test_conditions);

  return g_test_run ();
}
