/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A parent that is going to be killed.
 *
 *   victim busy | stopped | masked | masked-stopped | exec | exec-itself | closed | ended
 *     one task with three calls of that kind; prints "child PID" for each process that must die
 *     with this one, then "foreign PID" for one that holds copies of all descriptors and must not,
 *     then "ready"
 *   victim spawn-busy | spawn-stopped | spawn-exec | spawn-exec-itself | spawn-closed
 *     the same with calls in workers
 *   victim agent-busy | agent-stopped | agent-exec | agent-connect-busy | agent-connect-exec
 *     the same with workers of agents, and with the commands that brought these
 *   victim fork-session
 *     as busy, with a process that has left the group and is no other program
 *   victim spawn-cgroup
 *     workers in a control group of their own, each with a daemon
 *   victim agent-pending | agent-connect-pending
 *     commands whose agents have not come yet
 *   victim starting | spawn-starting
 *     one task with so many calls that they are still being started after "ready"
 *   victim pool
 *     workers that wait in a pool, without a task
 *   victim threads
 *     as busy, started by a thread that has ended, with others that run */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/pcall.h>

#define N_CALLS 3
#define LONG_S 100

static guint n_reported;

static void
report (pid_t pid)
{
  pcall_send_message (g_variant_new_int32 (pid));
}

static void
block_all_signals (void)
{
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
}

static void
be_busy (void)
{
  gint64 until = g_get_monotonic_time () + LONG_S * G_USEC_PER_SEC;

  while (g_get_monotonic_time () < until)
    ;
}

static void
be_stopped (void)
{
  raise (SIGSTOP);
  sleep (LONG_S);
}

static void
be_masked (void)
{
  block_all_signals ();
  sleep (LONG_S);
}

static void
be_masked_and_stopped (void)
{
  block_all_signals ();
  raise (SIGSTOP);
  sleep (LONG_S);
}

/* The program that was executed knows nothing of pipes and parents. */
static void
be_waiting_for_program (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      execlp ("sleep", "sleep", "100", NULL);
      _exit (88);
    }
  report (pid);
  waitpid (pid, NULL, 0);
}

static void
be_with_session (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      setsid ();
      sleep (LONG_S);
      _exit (88);
    }
  report (pid);
  sleep (LONG_S);
}

static void
be_another_program (void)
{
  execlp ("sleep", "sleep", "100", NULL);
}

static void
be_closed (void)
{
  closefrom (STDERR_FILENO + 1);
  sleep (LONG_S);
}

typedef struct
{
  const char *name;
  void (*be) (void);
  guint       n_reports; /* of each child */
  const char *symbol;    /* instead of @be: what a worker calls */
  const char *launcher;  /* what brings agents; NULL: there are none */
} Mode;

#define STREAMS "eval exec $PCALL_AGENT"
#define CONNECT "for i in 1 2 3; do {agent} & done; : {n}; wait"
/* As in an engine's queue */
#define PENDING_STREAMS "sleep 100; eval exec $PCALL_AGENT"
#define PENDING_CONNECT "sleep 100 & wait; exec {agent} {n}"


static const Mode modes[] = {
  { "busy", be_busy, 1, NULL, NULL },
  { "threads", be_busy, 1, NULL, NULL },
  { "stopped", be_stopped, 1, NULL, NULL },
  { "masked", be_masked, 1, NULL, NULL },
  { "masked-stopped", be_masked_and_stopped, 1, NULL, NULL },
  { "exec", be_waiting_for_program, 2, NULL, NULL },
  { "exec-itself", be_another_program, 1, NULL, NULL },
  { "closed", be_closed, 1, NULL, NULL },
  { "fork-session", be_with_session, 2, NULL, NULL },
  { "spawn-cgroup", NULL, 2, "be_with_daemon", NULL },
  { "spawn-busy", NULL, 1, "be_busy", NULL },
  { "spawn-stopped", NULL, 1, "be_stopped", NULL },
  { "spawn-exec", NULL, 2, "wait_for_program", NULL },
  { "spawn-exec-itself", NULL, 1, "be_another_program", NULL },
  { "spawn-closed", NULL, 1, "be_closed", NULL },
  { "agent-busy", NULL, 1, "be_busy", STREAMS },
  { "agent-stopped", NULL, 1, "be_stopped", STREAMS },
  { "agent-exec", NULL, 2, "wait_for_program", STREAMS },
  { "agent-connect-busy", NULL, 1, "be_busy", CONNECT },
  { "agent-connect-exec", NULL, 2, "wait_for_program", CONNECT },
  { "agent-pending", NULL, 0, "be_busy", PENDING_STREAMS },
  { "agent-connect-pending", NULL, 0, "be_busy", PENDING_CONNECT },
};

static GVariant *
be_what_was_asked (GVariant *args,
                   GVariant *kwargs,
                   gpointer  user_data,
                   GError  **error)
{
  const Mode *mode = user_data;

  report (getpid ());
  mode->be ();
  return NULL;
}

static void
print_line (const char *what,
            pid_t       pid)
{
  printf ("%s %d\n", what, pid);
  fflush (stdout);
}

static void
on_call_message (PcallTask *task,
                 PcallCall *call,
                 GVariant  *message,
                 gpointer   data)
{
  print_line ("child", g_variant_get_int32 (message));
  n_reported++;
}

/* Another child of this program, forked while the task runs: it has a copy of all there is. */
static void
fork_foreigner (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      sleep (LONG_S);
      _exit (0);
    }
  print_line ("foreign", pid);
}

static gpointer
start (gpointer data)
{
  if (!pcall_task_start (data, NULL))
    _exit (88);
  return NULL;
}

static gpointer
sleep_in_thread (gpointer data)
{
  sleep (LONG_S);
  return NULL;
}

static PcallTask *
new_task_for_symbol (const char *symbol)
{
  g_autofree char *module =
      g_build_filename (g_getenv ("G_TEST_BUILDDIR"), "libspawn-targets.so", NULL);
  g_autoptr (PcallTarget) target = pcall_target_new_symbol (module, symbol);

  return pcall_task_new (target);
}

static void
use_agents (PcallTask  *task,
            const char *script)
{
  const char *command[] = { "/bin/sh", "-c", script, NULL };
  gboolean connect = strstr (script, "{n}") != NULL;
  PcallLauncher *launcher = pcall_launcher_new (
      command, N_CALLS, connect ? PCALL_LAUNCHER_CONNECT : PCALL_LAUNCHER_STREAMS);

  pcall_task_set_launcher (task, launcher);
}

/* All that the program has started itself */
static void
print_children (void)
{
  g_autofree char *path =
      g_strdup_printf ("/proc/self/task/%d/children", getpid ());
  g_autofree char *text = NULL;
  g_auto (GStrv) pids = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return;
  pids = g_strsplit (g_strstrip (text), " ", -1);
  for (guint i = 0; pids[i] != NULL; i++)
    print_line ("child", atoi (pids[i]));
}

static void
run_mode (const Mode *mode)
{
  PcallTask *task =
      mode->symbol != NULL ? new_task_for_symbol (mode->symbol)
                           : pcall_task_new_for_func (be_what_was_asked, (gpointer) mode, NULL);

  pcall_task_set_n_calls (task, N_CALLS);
  pcall_task_set_max_children (task, N_CALLS);
  if (mode->launcher != NULL)
    use_agents (task, mode->launcher);
  pcall_task_set_own_cgroup (task, g_str_equal (mode->name, "spawn-cgroup"));
  g_signal_connect (task, "call-message", G_CALLBACK (on_call_message), NULL);

  if (g_str_equal (mode->name, "threads"))
    {
      g_thread_new ("sleeper", sleep_in_thread, NULL);
      g_thread_join (g_thread_new ("starter", start, task));
    }
  else
    {
      start (task);
    }

  while (n_reported < N_CALLS * mode->n_reports)
    pcall_task_join (task, 0.01, NULL, NULL);
  if (mode->launcher != NULL)
    print_children ();
  fork_foreigner ();
  print_line ("ready", getpid ());
  pcall_task_join (task, -1, NULL, NULL);
}

static GVariant *
be_long (GVariant *args,
         GVariant *kwargs,
         gpointer  user_data,
         GError  **error)
{
  sleep (LONG_S);
  return NULL;
}

static void
start_many (PcallTask *task)
{
  pcall_task_set_n_calls (task, 300);
  pcall_task_set_max_children (task, 300);
  start (task);
  print_line ("ready", getpid ());
  pcall_task_join (task, -1, NULL, NULL);
}

static void
keep_pool (void)
{
  PcallPool *pool = pcall_pool_new ();
  PcallTask *task = new_task_for_symbol ("get_pid");

  pcall_task_set_n_calls (task, N_CALLS);
  pcall_task_set_pool (task, pool);
  start (task);
  pcall_task_join (task, -1, NULL, NULL);
  for (guint i = 0; i < N_CALLS; i++)
    print_line ("child", pcall_call_get_pid (pcall_task_dup_call (task, i)));
  fork_foreigner ();
  print_line ("ready", getpid ());
  sleep (LONG_S);
}

int
main (int    argc,
      char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";

  if (g_str_equal (name, "starting"))
    start_many (pcall_task_new_for_func (be_long, NULL, NULL));
  if (g_str_equal (name, "spawn-starting"))
    start_many (new_task_for_symbol ("be_stopped"));

  if (g_str_equal (name, "pool"))
    keep_pool ();

  for (gsize i = 0; i < G_N_ELEMENTS (modes); i++)
    if (g_str_equal (modes[i].name, name))
      run_mode (&modes[i]);

  fprintf (stderr, "victim: no such mode\n");
  return 2;
}
