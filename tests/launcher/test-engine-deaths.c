/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What becomes of calls when a part of a real engine dies while they run: the worker, the agent, the
 * command that brought it, a daemon, a job. Either they go on, or each that ran is told of as lost,
 * with its host, and the others run elsewhere. Nothing is left. With -m slow each death is died a
 * hundred times, and how long it takes until it is told of is said.
 *
 *   test-engine-deaths ssh | slurm
 */

#include <stdio.h>
#include <sys/wait.h>

#include "engine-parts.h"

#define N_CALLS 6

/* How often, and after how many seconds again, srun is told to end */
#define N_TRIES 3
#define AGAIN_S 3

/* Calls that wait until they are told to end. */
typedef struct
{
  PcallLauncher *launcher;
  PcallTask     *task;
  char          *directory; /* where each that runs tells its worker's pid */
  pid_t          workers[N_WORKERS];
  int            agents[N_WORKERS]; /* their pidfds */
  pid_t          other;     /* a job that needs all there is */
} Work;

/* A job that needs all there is, beside the launcher's. */

static pid_t
start_job (const char *option, const char *value)
{
  const char *argv[] = { "srun", "--quiet", "-J", "other", "--exclusive", "-N2", option, value,
                         "sleep", "1000", NULL };
  g_autoptr (GError) error = NULL;
  GPid pid = 0;

  g_spawn_async (NULL, (char **) argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                 NULL, NULL, &pid, &error);
  g_assert_no_error (error);
  return pid;
}

static void
end_other (Work *work)
{
  if (work->other == 0)
    return;
  g_free (run_and_read ("scancel -n other"));
  g_assert_cmpint (waitpid (work->other, NULL, 0), ==, work->other);
}

/* Deaths */

static void
kill_worker (Work *work)
{
  g_assert_no_errno (kill (work->workers[0], SIGKILL));
}

static void
kill_agent (Work *work)
{
  g_assert_no_errno (kill (launcher_get_parent (work->workers[0]), SIGKILL));
}

static const char *
get_command (void)
{
  return is_slurm () ? "srun" : "ssh";
}

static void
kill_command (Work *work)
{
  g_assert_no_errno (kill (find_child (get_command (), work->other), SIGKILL));
}

static void
end_command (Work *work)
{
  g_assert_no_errno (kill (find_child (get_command (), work->other), SIGTERM));
}

static void
kill_slurmstepd (Work *work)
{
  kill_and_wait (find_ancestor (work->workers[0], "slurmstepd"));
}

static void
kill_slurmd (Work *work)
{
  kill_and_wait (find_daemon ("slurmd-node1"));
  kill_and_wait (find_daemon ("slurmd-node2"));
}

static void
kill_slurmctld (Work *work)
{
  wait_for_state ();
  kill_and_wait (find_daemon ("slurmctld"));
}

static void
kill_session (Work *work)
{
  kill_and_wait (find_ancestor (work->workers[0], "sshd"));
}

static void
kill_sshd (Work *work)
{
  kill_and_wait (find_daemon ("sshd"));
}

static void
cancel_jobs (const char *state)
{
  g_autofree char *command = g_strdup_printf ("scancel -t %s", state);

  g_free (run_and_read (command));
}

static void
cancel_job (int number)
{
  g_autofree char *command = g_strdup_printf ("scancel %d", number);

  g_free (run_and_read (command));
}

static void
cancel_running (Work *work)
{
  cancel_jobs ("R");
}

static void
cancel_pending (Work *work)
{
  cancel_jobs ("PD");
}

static void
preempt (Work *work)
{
  work->other = start_job ("-p", "urgent");
}

/* It is to begin anew, when what it had is over for sure: a few seconds later. */
static void
requeue (Work *work)
{
  g_autofree char *jobs = list_jobs ("R");
  g_autofree char *command = g_strdup_printf ("scontrol requeue %d", atoi (jobs));

  g_free (run_and_read (command));
}

/* One of the two that run, and not the one that waits. */
static void
end_one_of_several (Work *work)
{
  g_autofree char *jobs = list_jobs ("R");

  cancel_job (atoi (jobs));
}

typedef enum
{
  PLAIN,
  BATCH,   /* a job that may be requeued */
  WAITING, /* a job does, while the calls run */
} Jobs;

/* What is to become of calls, of which two run */
typedef struct
{
  const char *name;
  void      (*die) (Work *work);
  void      (*revive) (void);
  Jobs        jobs;
  gboolean    in_turn; /* the worker dies, and its agent soon after that */
  guint       n_lost;
  PcallError  code;
  const char *pattern;
} Death;

#define LOST PCALL_ERROR_LOST, "call * (*) on *: *"

static const Death deaths[] = {
  { "worker", kill_worker, NULL, PLAIN, FALSE, 1, PCALL_ERROR_CRASHED,
    "call * (*) on *: killed by signal 9 *" },
  { "agent", kill_agent, NULL, PLAIN, FALSE, 1, LOST },
};

static const Death slurm_deaths[] = {
  { "srun", kill_command, NULL, PLAIN, TRUE, 2, LOST },
  { "srun-told-to-end", end_command, NULL, PLAIN, TRUE, 2, LOST },
  { "scancel", cancel_running, NULL, PLAIN, TRUE, 2, LOST },
  { "preempted", preempt, NULL, PLAIN, TRUE, 2, LOST },
  { "slurmstepd", kill_slurmstepd, NULL, PLAIN, FALSE, 0, 0, NULL },
  { "slurmd", kill_slurmd, revive_slurmd, PLAIN, FALSE, 0, 0, NULL },
  { "slurmctld", kill_slurmctld, revive_slurmctld, PLAIN, FALSE, 0, 0, NULL },
  { "scancel-beside-pending", end_one_of_several, NULL, WAITING, TRUE, 1, LOST },
  { "scancel-of-pending", cancel_pending, NULL, WAITING, FALSE, 0, 0, NULL },
};

/* sbatch asks seldom whether its job has ended. */
static const Death slow_deaths[] = {
  { "requeued", requeue, NULL, BATCH, TRUE, 2, LOST },
};

static const Death ssh_deaths[] = {
  { "ssh", kill_command, NULL, PLAIN, FALSE, 1, LOST },
  { "ssh-told-to-end", end_command, NULL, PLAIN, FALSE, 1, LOST },
  { "sshd-session", kill_session, NULL, PLAIN, FALSE, 1, LOST },
  { "sshd", kill_sshd, revive_sshd, PLAIN, FALSE, 0, 0, NULL },
};

/* Three commands for one agent each, of which two have a node each, and one waits for one. */
static PcallLauncher *
launcher_new_waiting (void)
{
  const char *command[] = { "srun", "--quiet", "--export=ALL", "--exclusive", "-N1", "-n{n}",
                            NULL };
  PcallLauncher *launcher =
      pcall_launcher_new (command, N_WORKERS + 1, PCALL_LAUNCHER_CONNECT);

  pcall_launcher_set_workers_per_launch (launcher, 1);
  return launcher;
}

/* One batch job for both */
static PcallLauncher *
launcher_new_batch (void)
{
  const char *command[] = { "sbatch", "--quiet", "--wait", "--requeue", "--output=/dev/null",
                            "-n{n}", "--wrap", "srun --quiet {agent}", NULL };

  return pcall_launcher_new (command, N_WORKERS, PCALL_LAUNCHER_CONNECT);
}

static PcallLauncher *
launcher_new_with (Jobs jobs)
{
  if (jobs == WAITING)
    return launcher_new_waiting ();
  return jobs == BATCH ? launcher_new_batch () : launcher_new_engine (N_WORKERS);
}

static guint
count_running (Work *work)
{
  g_autoptr (GDir) dir = g_dir_open (work->directory, 0, NULL);
  const char *name;
  guint n = 0;

  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir)) != NULL)
    if (g_str_has_prefix (name, "worker-") && strchr (name, '.') == NULL)
      {
        g_autofree char *path = g_build_filename (work->directory, name, NULL);

        work->workers[n++ % N_WORKERS] = read_pid (path);
      }
  return n;
}

/* Who asks a task something drives it. */
static gboolean
are_running (gpointer data)
{
  Work *work = data;

  return pcall_task_get_n_failed (work->task) == 0 && count_running (work) == N_WORKERS;
}

static void
open_agents (Work *work)
{
  for (guint i = 0; i < N_WORKERS; i++)
    {
      work->agents[i] = traces_open_pidfd (launcher_get_parent (work->workers[i]));
      g_assert_cmpint (work->agents[i], >=, 0);
    }
}

static void
begin (Work *work, const Death *death)
{
  work->directory = launcher_make_directory ();
  work->launcher = launcher_new_with (death->jobs);
  work->task = launcher_task (work->launcher, "wait_for_go", N_CALLS);
  pcall_task_set_common_args (work->task, g_variant_new ("(s)", work->directory));
  support_start (work->task);
  g_assert_true (traces_wait_until (are_running, work));
  open_agents (work);
  if (death->jobs == WAITING)
    g_assert_true (traces_wait_until (has_job, (gpointer) "PD"));
}

static void
end (Work *work)
{
  pcall_launcher_close (work->launcher);
  g_object_unref (work->task);
  g_object_unref (work->launcher);
  launcher_remove_directory (work->directory);
  g_free (work->directory);
}

static guint
count_ended (const Work *work)
{
  guint n = 0;

  for (guint i = 0; i < N_WORKERS; i++)
    n += traces_wait_for_end (work->agents[i], 0);
  return n;
}

static void
let_go (Work *work)
{
  g_autofree char *go = g_build_filename (work->directory, "go", NULL);

  g_assert_true (g_file_set_contents (go, "", 0, NULL));
}

typedef struct
{
  const Work  *work;
  const Death *death;
} Dying;

/* Where all are killed in turn, none is left that the next call could go to. */
static gboolean
have_died (gpointer data)
{
  const Dying *dying = data;
  const Death *death = dying->death;

  return pcall_task_get_n_failed (dying->work->task) >= death->n_lost &&
         (!death->in_turn || count_ended (dying->work) >= death->n_lost);
}

/* Milliseconds until all that is lost is told of. */
static gdouble
let_die (Work *work, const Death *death)
{
  Dying dying = { work, death };
  gint64 died = g_get_monotonic_time ();

  death->die (work);
  g_assert_true (traces_wait_until (have_died, &dying));
  return (g_get_monotonic_time () - died) / 1000.0;
}

static void
assert_failure (Work *work, guint index, const Death *death)
{
  g_autoptr (GError) error = support_error (work->task, index);

  if (death->in_turn && g_error_matches (error, PCALL_ERROR, PCALL_ERROR_CRASHED))
    launcher_assert_matches (error->message, "call * (*) on *: killed by signal *");
  else
    launcher_assert_error (work->task, index, death->code, death->pattern);
}

/* Where a machine is busy, an agent may still tell that its worker was killed, and begin the next
 * call. */
static void
assert_outcome (Work *work, const Death *death)
{
  guint n_lost = 0;

  for (guint i = 0; i < N_CALLS; i++)
    if (support_state (work->task, i) != PCALL_CALL_STATE_SUCCEEDED)
      {
        assert_failure (work, i, death);
        n_lost++;
      }
  g_assert_cmpuint (n_lost, >=, death->n_lost);
  g_assert_cmpuint (n_lost, <=, death->n_lost * (death->in_turn ? 2 : 1));
}

static gdouble
die_once (const Death *death)
{
  Work work = { NULL };
  g_autoptr (Tally) tally = NULL;
  gdouble told;

  begin (&work, death);
  tally = tally_new (work.task);
  told = let_die (&work, death);
  end_other (&work);
  let_go (&work);
  pcall_task_join (work.task, SUPPORT_LIMIT_S, NULL, NULL);
  assert_outcome (&work, death);
  if (death->revive != NULL)
    death->revive ();
  for (guint i = 0; i < N_WORKERS; i++)
    close (work.agents[i]);
  end (&work);
  return told;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gdouble difference = *(const gdouble *) a - *(const gdouble *) b;

  return difference < 0 ? -1 : difference > 0;
}

static void
say_times (GArray *times)
{
  const gdouble *sorted = (const gdouble *) times->data;

  g_array_sort (times, compare_times);
  g_test_message ("told after %.1f ms (median), %.1f ms (p99 of %u), %.1f ms at the most",
                  sorted[times->len / 2], sorted[(times->len * 99 - 1) / 100], times->len,
                  sorted[times->len - 1]);
}

static void
run_rounds (gdouble (*round) (const Death *death), const Death *death)
{
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (gdouble));

  for (guint i = 0; i < traces_rounds (1, 100); i++)
    {
      g_autofree char *before = traces_take ();
      gdouble told = round (death);

      g_array_append_val (times, told);
      g_assert_true (traces_wait_until (has_no_remains, NULL));
      g_assert_true (traces_wait_until (launcher_logs_are_swept, NULL));
      traces_assert_back (before);
    }
  if (death->n_lost > 0)
    say_times (times);
}

static void
test_death (gconstpointer data)
{
  run_rounds (die_once, data);
}

/* Slurm alone: of calls none runs yet */

static void
kill_waiting_command (Work *work)
{
  kill_command (work);
  /* Slurm does not notice. */
  cancel_jobs ("PD");
}

/* srun misses a signal that comes just before it waits for its job to begin, and one that comes while
 * it sends something may stop it for ever. */
static void
end_waiting_command (Work *work)
{
  pid_t pid = find_child (get_command (), work->other);
  int pidfd = traces_open_pidfd (pid);
  gboolean ended = FALSE;

  g_assert_cmpint (pidfd, >=, 0);
  for (guint i = 0; i < N_TRIES && !ended; i++)
    {
      kill (pid, SIGTERM);
      ended = traces_wait_for_end (pidfd, AGAIN_S);
    }
  close (pidfd);
  if (!ended)
    kill_waiting_command (work);
}

static const Death waiting_deaths[] = {
  { "pending-scancel", cancel_pending, NULL, WAITING, FALSE, N_CALLS, PCALL_ERROR_START,
    "call * launcher \"srun *\": * before an agent came*" },
  { "pending-srun-told-to-end", end_waiting_command, NULL, WAITING, FALSE, N_CALLS,
    PCALL_ERROR_START, "call * launcher \"srun *\": * before an agent came*" },
  { "pending-srun", kill_waiting_command, NULL, WAITING, FALSE, N_CALLS, PCALL_ERROR_START,
    "call * launcher \"srun *\": killed by signal 9 * before an agent came*" },
};

static gdouble
die_waiting (const Death *death)
{
  const char *all[] = { "--quiet", "--exclusive", "-N2", NULL };
  Work work = { NULL };
  gdouble told;

  work.other = start_job ("-p", "all");
  g_assert_true (traces_wait_until (has_job, (gpointer) "R"));
  work.directory = launcher_make_directory ();
  work.launcher = pcall_launcher_new_slurm (N_WORKERS, all);
  work.task = launcher_task (work.launcher, "get_index", N_CALLS);
  support_start (work.task);
  g_assert_true (traces_wait_until (has_job, (gpointer) "PD"));
  told = let_die (&work, death);
  pcall_task_join (work.task, SUPPORT_LIMIT_S, NULL, NULL);
  assert_outcome (&work, death);
  end_other (&work);
  end (&work);
  return told;
}

static void
test_waiting (gconstpointer data)
{
  run_rounds (die_waiting, data);
}

/* A time limit, at which Slurm looks twice a minute: many jobs come to theirs together. */

#define N_LIMITED_JOBS 50
#define N_LIMITED (N_LIMITED_JOBS * N_WORKERS)

static gboolean
have_ended (gpointer task)
{
  return pcall_task_get_n_finished (task) == N_LIMITED;
}

static void
test_time_limit (void)
{
  const char *command[] = { "srun", "--quiet", "--export=ALL", "--time=1", "-n{n}", NULL };
  g_autofree char *directory = launcher_make_directory ();
  g_autoptr (PcallLauncher) launcher =
      pcall_launcher_new (command, N_LIMITED, PCALL_LAUNCHER_CONNECT);
  g_autoptr (PcallTask) task = launcher_task (launcher, "wait_for_go", N_LIMITED);
  g_autoptr (Tally) tally = tally_new (task);

  pcall_launcher_set_workers_per_launch (launcher, N_WORKERS);
  pcall_task_set_common_args (task, g_variant_new ("(s)", directory));
  support_start (task);
  for (guint i = 0; i < 3 && !traces_wait_until (have_ended, task); i++)
    ;
  g_error_free (support_join_failing (task));
  tally_assert_complete (tally);
  for (guint i = 0; i < N_LIMITED; i++)
    launcher_assert_error (task, i, PCALL_ERROR_LOST,
                           "call * (*) on node*: the connection was lost: *");
  pcall_launcher_close (launcher);
  g_assert_true (traces_wait_until (has_no_remains, NULL));
  launcher_remove_directory (directory);
}

static void
add_all (const Death *rows, gsize n, GTestDataFunc func)
{
  for (gsize i = 0; i < n; i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/engine-deaths/", rows[i].name, NULL);

      g_test_add_data_func (path, &rows[i], func);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();

  engine = argc > 1 ? argv[1] : "";
  if (!g_str_equal (engine, "ssh") && !g_str_equal (engine, "slurm"))
    {
      fprintf (stderr, "test-engine-deaths: ssh or slurm?\n");
      return 2;
    }

  add_all (deaths, G_N_ELEMENTS (deaths), test_death);
  if (is_slurm ())
    {
      add_all (slurm_deaths, G_N_ELEMENTS (slurm_deaths), test_death);
      add_all (waiting_deaths, G_N_ELEMENTS (waiting_deaths), test_waiting);
      if (g_test_slow ())
        {
          add_all (slow_deaths, G_N_ELEMENTS (slow_deaths), test_death);
          launcher_add_killing ("/pcall/engine-deaths/time-limit", test_time_limit);
        }
    }
  else
    add_all (ssh_deaths, G_N_ELEMENTS (ssh_deaths), test_death);
  return g_test_run ();
}
