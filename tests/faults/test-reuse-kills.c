/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SIGKILL to children that run one call after the other: at random moments, and, by a tracer,
 * after each machine instruction from the end of one call to the beginning of the next. Whenever
 * that is: each call ends once, with its right result or as crashed, and has run once at the
 * most; a call that the child had not entered does not suffer. */

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "first-task.h"
#include "tally.h"
#include "traces.h"

#define MAX_CALLS 20000

/* What calls say, in memory that all processes here share. */
typedef struct
{
  gint  n_begun[MAX_CALLS];
  gint  n_ended[MAX_CALLS];
  guint sum; /* so that work is work */
  guint n_steps; /* that a child made from the end of one call to the beginning of the next */
} Board;

static Board *board;

static void
clear_board (void)
{
  for (guint i = 0; i < MAX_CALLS; i++)
    g_atomic_int_set (&board->n_begun[i], 0);
  for (guint i = 0; i < MAX_CALLS; i++)
    g_atomic_int_set (&board->n_ended[i], 0);
}

static guint32
expected (guint index)
{
  return index * 2654435761u;
}

/* Each tenth call has a message, each hundredth a result that does not fit into shared memory. */
static GVariant *
work (GVariant *args,
      GVariant *kwargs,
      gpointer  user_data,
      GError  **error)
{
  guint index = pcall_get_call_index ();
  GVariant *result = g_variant_new_uint32 (expected (index));

  g_atomic_int_inc (&board->n_begun[index]);
  if (index % 10 == 3)
    pcall_send_message (g_variant_new_uint32 (index));
  if (index % 50 == 7)
    g_print ("output\n");
  for (guint i = 0; i < index % 32 * 100; i++)
    board->sum += i;
  if (index % 100 == 99)
    result = g_variant_new ("(u@ay)", expected (index),
                            g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, g_malloc0 (100000),
                                                     100000, TRUE, NULL, NULL));
  g_atomic_int_inc (&board->n_ended[index]);
  return result;
}

static void
assert_result (GVariant *result,
               guint     index)
{
  guint32 value;

  if (index % 100 == 99)
    g_variant_get (result, "(u@ay)", &value, NULL);
  else
    value = g_variant_get_uint32 (result);
  g_assert_cmpuint (value, ==, expected (index));
}

/* How many have crashed, of those from @first to @last. */
static guint
assert_calls (PcallTask *task,
              guint      first,
              guint      last)
{
  guint n_crashed = 0;

  for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
    {
      g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
      g_autoptr (GVariant) result = pcall_call_dup_result (call);

      g_assert_cmpint (g_atomic_int_get (&board->n_begun[i]), <=, 1);
      if (pcall_call_get_state (call) == PCALL_CALL_STATE_SUCCEEDED)
        {
          g_assert_cmpint (g_atomic_int_get (&board->n_ended[i]), ==, 1);
          assert_result (result, i);
          continue;
        }
      g_assert_cmpint (pcall_call_get_state (call), ==, PCALL_CALL_STATE_CRASHED);
      g_assert_cmpuint (i, >=, first);
      g_assert_cmpuint (i, <=, last);
      n_crashed++;
    }
  return n_crashed;
}

static PcallTask *
new_task (guint n_calls,
          guint calls_per_child)
{
  PcallTask *task = pcall_task_new_for_func (work, NULL, NULL);

  g_assert_cmpuint (n_calls, <=, MAX_CALLS);
  pcall_task_set_n_calls (task, n_calls);
  pcall_task_set_max_children (task, 3);
  pcall_task_set_calls_per_child (task, calls_per_child);
  clear_board ();
  return task;
}

/* At random moments */

static guint
kill_one (PcallTask *task)
{
  g_autoptr (GPtrArray) living = pcall_task_dup_living_children (task);
  PcallChild *child;

  if (living->len == 0)
    return 0;
  child = g_ptr_array_index (living, g_test_rand_int_range (0, living->len));
  return kill (pcall_child_get_pid (child), SIGKILL) == 0;
}

static guint
kill_at_random (PcallTask *task)
{
  guint n_killed = 0;

  while (pcall_task_get_running (task))
    {
      gint64 until = g_get_monotonic_time () + g_test_rand_int_range (0, 3000);

      while (g_get_monotonic_time () < until && pcall_task_get_running (task))
        pcall_task_join (task, g_test_rand_int_range (0, 2) * 0.0005, NULL, NULL);
      n_killed += pcall_task_get_running (task) ? kill_one (task) : 0;
    }
  pcall_task_join (task, -1, NULL, NULL);
  return n_killed;
}

/* Where nobody listens, what ended is booked without being told of. */
static void
test_random (void)
{
  guint n_wanted = traces_rounds (40, 10000);
  guint n_killed = 0, n_crashed = 0;

  while (n_killed < n_wanted || n_crashed == 0)
    {
      g_autofree char *before = traces_take ();
      PcallTask *task = new_task (MAX_CALLS, g_test_rand_int_range (0, 3) * 100);
      Tally *tally = g_test_rand_bit () ? tally_new (task) : NULL;

      g_assert_true (pcall_task_start (task, NULL));
      n_killed += kill_at_random (task);
      if (tally != NULL)
        tally_assert_complete (tally);
      g_assert_cmpuint (pcall_task_get_n_finished (task), ==, MAX_CALLS);
      n_crashed += assert_calls (task, 0, MAX_CALLS - 1);
      g_clear_pointer (&tally, tally_free);
      g_assert_finalize_object (task);
      traces_assert_back (before);
    }
  g_assert_cmpuint (n_crashed, <=, n_killed);
  g_test_message ("%u kills, %u calls crashed", n_killed, n_crashed);
}

/* After each instruction */

#define N_STEPPED 12
#define FROM_CALL 3 /* at the end of which the tracer begins to count */
#define MAX_STEPS 1000000
#define N_STOPS 60 /* in the short form */

enum
{
  TRACER_KILLED,
  TRACER_SAW_CALL, /* the next one began */
  TRACER_FAILED,
};

static struct
{
  guint n_forks;
  guint stop; /* after how many instructions to kill */
  pid_t tracer;
} kill_plan;

static gboolean
wait_for (pid_t pid,
          int  *status)
{
  while (waitpid (pid, status, __WALL) < 0)
    if (errno != EINTR)
      return FALSE;
  return WIFSTOPPED (*status);
}

/* Runs on until the child tells, by a signal to itself, that the call is about to end. */
static gboolean
run_to_end_of_call (pid_t pid)
{
  int status;

  while (wait_for (pid, &status))
    {
      gboolean told = WSTOPSIG (status) == SIGUSR1 && status >> 16 == 0;

      if (told)
        return TRUE;
      if (ptrace (PTRACE_CONT, pid, NULL, 0) < 0)
        return FALSE;
    }
  return FALSE;
}

static int
kill_after (pid_t pid,
            guint n_steps)
{
  int status;

  if (!run_to_end_of_call (pid))
    return TRACER_FAILED;

  for (guint i = 0; i < n_steps; i++)
    {
      if (g_atomic_int_get (&board->n_begun[FROM_CALL + 1]) > 0)
        {
          kill (pid, SIGKILL);
          board->n_steps = i;
          return TRACER_SAW_CALL;
        }
      if (ptrace (PTRACE_SINGLESTEP, pid, NULL, 0) < 0 || !wait_for (pid, &status))
        return TRACER_FAILED;
    }

  kill (pid, SIGKILL);
  return TRACER_KILLED;
}

G_NORETURN static void
trace (pid_t pid,
       int   gate)
{
  if (ptrace (PTRACE_SEIZE, pid, NULL, NULL) < 0 || write (gate, "x", 1) != 1)
    {
      kill (pid, SIGKILL);
      _exit (TRACER_FAILED);
    }
  for (int fd = 0; fd < 1024; fd++)
    close (fd);
  _exit (kill_after (pid, kill_plan.stop));
}

/* The first child does not return from its fork before it is traced. */
static gint
fork_traced (gpointer user_data)
{
  int gate[2];
  pid_t pid;
  char byte;

  if (kill_plan.n_forks++ > 0)
    return fork ();

  g_assert_no_errno (pipe (gate));
  pid = fork ();
  if (pid == 0)
    {
      prctl (PR_SET_PTRACER, PR_SET_PTRACER_ANY);
      while (read (gate[0], &byte, 1) < 0)
        ;
      close (gate[0]);
      close (gate[1]);
      return 0;
    }

  kill_plan.tracer = fork ();
  if (kill_plan.tracer == 0)
    trace (pid, gate[1]);
  close (gate[0]);
  close (gate[1]);
  return pid;
}

static GVariant *
tell_end (GVariant *args,
          GVariant *kwargs,
          gpointer  user_data,
          GError  **error)
{
  guint index = pcall_get_call_index ();

  g_atomic_int_inc (&board->n_begun[index]);
  g_atomic_int_inc (&board->n_ended[index]);
  if (index == FROM_CALL)
    raise (SIGUSR1);
  return g_variant_new_uint32 (expected (index));
}

static int
end_of_tracer (void)
{
  int status = 0;

  g_assert_cmpint (waitpid (kill_plan.tracer, &status, 0), ==, kill_plan.tracer);
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

/* FALSE where the next call had begun by then. */
static gboolean
kill_once (guint  stop,
           guint *n_crashed)
{
  PcallTask *task = pcall_task_new_for_func (tell_end, NULL, NULL);
  Tally *tally;
  gboolean begun;
  int end;

  kill_plan.n_forks = 0;
  kill_plan.stop = stop;
  clear_board ();
  pcall_task_set_n_calls (task, N_STEPPED);
  pcall_task_set_max_children (task, 1);
  pcall_task_set_calls_per_child (task, 0);
  tally = tally_new (task);
  g_assert_true (pcall_task_start (task, NULL));
  pcall_task_join (task, TEST_LIMIT, NULL, NULL);
  tally_assert_complete (tally);

  end = end_of_tracer ();
  g_assert_cmpint (end, !=, TRACER_FAILED);
  begun = end == TRACER_SAW_CALL;
  *n_crashed += assert_calls (task, FROM_CALL, FROM_CALL + 1);
  g_assert_cmpint (g_atomic_int_get (&board->n_begun[FROM_CALL + 2]), ==, 1);
  tally_free (tally);
  g_assert_finalize_object (task);
  return !begun;
}

/* How many instructions there are; a sanitizer adds its own. */
static guint
count_steps (void)
{
  guint n_crashed = 0;

  g_assert_false (kill_once (MAX_STEPS, &n_crashed));
  return board->n_steps;
}

/* All instructions are too many for the short form: some then, others each time. */
static void
test_each_instruction (void)
{
  g_autofree char *before = traces_take ();
  guint n_crashed = 0, n_rounds = 0;
  guint stride, stop;

  pcall_set_fork_func (fork_traced, NULL, NULL);
  stride = traces_rounds (count_steps () / N_STOPS + 1, 1);
  stop = g_test_rand_int_range (0, stride);
  while (stop < MAX_STEPS && kill_once (stop, &n_crashed))
    {
      stop += stride;
      n_rounds++;
    }
  pcall_set_fork_func (NULL, NULL, NULL);

  g_test_message ("killed after %u of %u instructions: %u calls crashed, %u had ended", n_rounds,
                  stop, n_crashed, n_rounds - n_crashed);
  g_assert_cmpuint (stop, <, MAX_STEPS);
  g_assert_cmpuint (n_crashed, >, 0);
  g_assert_cmpuint (n_crashed, <, n_rounds);
  traces_assert_back (before);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  traces_begin ();
  run_first_task ();
  board = mmap (NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  g_assert_true (board != MAP_FAILED);

  g_test_add_func ("/pcall/reuse-kills/random", test_random);
  g_test_add_func ("/pcall/reuse-kills/each-instruction", test_each_instruction);

  return g_test_run ();
}
