/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Processes as pid and pidfd, forked here without anything else of the library: how they are
 * signalled, waited for and described, also when something else in the program waits for them. */

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pcall-glib/base/pcall-process-private.h>

#include "task-support.h"

/* A child that does @func and exits with what that returns. It leads its group. */
static PcallProcess
fork_process (int (*func) (gpointer data), gpointer data)
{
  PcallProcess process = PCALL_PROCESS_NONE;
  g_autoptr (GError) error = NULL;
  gboolean opened;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    {
      setpgid (0, 0);
      _exit (func (data));
    }
  setpgid (pid, pid);
  opened = pcall_process_open (&process, pid, &error);
  g_assert_no_error (error);
  g_assert_true (opened);
  g_assert_cmpint (process.pid, ==, pid);
  return process;
}

static int
return_number (gpointer data)
{
  return GPOINTER_TO_INT (data);
}

static int
kill_itself (gpointer data)
{
  int signum = GPOINTER_TO_INT (data);

  /* Whoever started this program may have it ignore some, as nohup does. */
  signal (signum, SIG_DFL);
  raise (signum);
  return 0;
}

static int
sleep_on (gpointer data)
{
  for (;;)
    pause ();
  return 0;
}

static void
wait_for_end (const PcallProcess *process)
{
  struct pollfd ended = { .fd = process->pidfd, .events = POLLIN };
  int n;

  do
    n = poll (&ended, 1, SUPPORT_LIMIT_S * 1000);
  while (n < 0 && errno == EINTR);
  g_assert_cmpint (n, ==, 1);
}

static PcallExit
reap (const PcallProcess *process)
{
  PcallExit end = { .known = 99 };

  wait_for_end (process);
  g_assert_true (pcall_process_reap (process, &end));
  return end;
}

static void
assert_no_child (void)
{
  g_assert_cmpint (waitpid (-1, NULL, WNOHANG), ==, -1);
  g_assert_cmpint (errno, ==, ECHILD);
}

/* The end */

static void
test_reap (void)
{
  static const int numbers[] = { 0, 1, 42, 255 };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      PcallProcess process = fork_process (return_number, GINT_TO_POINTER (numbers[i]));
      PcallExit end = reap (&process);
      g_autofree char *expected = g_strdup_printf ("exited with status %d", numbers[i]);
      g_autofree char *text = pcall_exit_describe (&end);

      g_assert_true (end.known);
      g_assert_true (WIFEXITED (end.status));
      g_assert_cmpint (WEXITSTATUS (end.status), ==, numbers[i]);
      g_assert_cmpstr (text, ==, expected);
      g_assert_cmpint (end.usage.ru_maxrss, >, 100);
      pcall_process_clear (&process);
      g_assert_cmpint (process.pidfd, ==, -1);
      assert_no_child ();
    }
}

static void
test_reap_killed (void)
{
  static const int numbers[] = { SIGKILL, SIGTERM, SIGHUP, SIGUSR1 };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      PcallProcess process = fork_process (kill_itself, GINT_TO_POINTER (numbers[i]));
      PcallExit end = reap (&process);

      g_assert_true (end.known);
      g_assert_true (WIFSIGNALED (end.status));
      g_assert_cmpint (WTERMSIG (end.status), ==, numbers[i]);
      g_assert_false (WCOREDUMP (end.status));
      pcall_process_clear (&process);
    }
}

static void
test_not_ended (void)
{
  PcallProcess process = fork_process (sleep_on, NULL);
  PcallExit end = { .status = 77 };

  g_assert_false (pcall_process_reap (&process, &end));
  g_assert_cmpint (end.status, ==, 77);

  /* Stopped is not ended. */
  g_assert_no_errno (kill (process.pid, SIGSTOP));
  while (waitid (P_PID, process.pid, &(siginfo_t){ 0 }, WSTOPPED) < 0)
    g_assert_cmpint (errno, ==, EINTR);
  g_assert_false (pcall_process_reap (&process, &end));

  pcall_process_destroy (&process);
  g_assert_cmpint (process.pid, ==, 0);
  g_assert_cmpint (process.pidfd, ==, -1);
  assert_no_child ();
}

static int
be_busy (gpointer data)
{
  struct rusage usage;

  do
    getrusage (RUSAGE_SELF, &usage);
  while (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec < 50000);
  return 0;
}

static void
test_usage (void)
{
  PcallProcess process = fork_process (be_busy, NULL);
  PcallExit end = reap (&process);

  g_assert_cmpint (end.usage.ru_utime.tv_usec + end.usage.ru_stime.tv_usec, >=, 40000);
  pcall_process_clear (&process);
}

/* Others took the status: what the kernel remembers of it is right, and else it is not known, which
 * no description makes look like a success. */
static void
test_status_taken (void)
{
  static const int numbers[] = { 0, 42 };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      PcallProcess process = fork_process (return_number, GINT_TO_POINTER (numbers[i]));
      g_autofree char *text = NULL;
      PcallExit end;

      g_assert_cmpint (waitpid (process.pid, NULL, 0), ==, process.pid);
      end = reap (&process);
      text = pcall_exit_describe (&end);
      if (end.known)
        {
          g_assert_true (WIFEXITED (end.status));
          g_assert_cmpint (WEXITSTATUS (end.status), ==, numbers[i]);
        }
      else
        {
          g_test_message ("this kernel does not remember the status");
          g_assert_nonnull (strstr (text, "taken by something else"));
        }
      g_assert_cmpint (end.usage.ru_maxrss, ==, 0);
      pcall_process_clear (&process);
    }
}

static int
kill_itself_when_told (gpointer data)
{
  support_pipe_get (data);
  return kill_itself (GINT_TO_POINTER (SIGTERM));
}

/* Nothing is left of such a child when it ends: it has to be there when it is opened. */
static void
test_status_ignored (void)
{
  SupportPipe end_now;
  PcallProcess process;
  PcallExit end;

  support_pipe_open (&end_now);
  signal (SIGCHLD, SIG_IGN);
  process = fork_process (kill_itself_when_told, &end_now);
  support_pipe_put (&end_now, 0);
  end = reap (&process);
  if (end.known)
    g_assert_cmpint (WTERMSIG (end.status), ==, SIGTERM);
  signal (SIGCHLD, SIG_DFL);
  pcall_process_clear (&process);
  support_pipe_close (&end_now);
}

static void
test_open_fails (void)
{
  PcallProcess process = { 1, 2, 3 };
  g_autoptr (GError) error = NULL;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (0);
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  g_assert_false (pcall_process_open (&process, pid, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "pidfd_open"));
  g_assert_cmpint (process.pid, ==, 1);
  g_assert_cmpint (process.pidfd, ==, 2);
}

/* The group. A descendant holds the write end of a pipe: its end shows in the pipe's. */

typedef struct
{
  SupportPipe alive;
  SupportPipe ready;
} Family;

static int
leave_grandchild (gpointer data)
{
  Family *self = data;

  close (self->alive.read_fd);
  if (fork () == 0)
    {
      signal (SIGTERM, SIG_IGN);
      support_pipe_put (&self->ready, 0);
      sleep_on (NULL);
    }
  support_pipe_get (&self->ready);
  return 7;
}

static void
assert_all_gone (Family *self)
{
  struct pollfd gone = { .fd = self->alive.read_fd, .events = POLLIN };

  g_assert_no_errno (close (self->alive.write_fd));
  g_assert_cmpint (poll (&gone, 1, SUPPORT_LIMIT_S * 1000), ==, 1);
  g_assert_cmpint (gone.revents & POLLHUP, !=, 0);
  g_assert_no_errno (close (self->alive.read_fd));
  support_pipe_close (&self->ready);
}

static void
test_group_of_ended (void)
{
  PcallProcess process;
  PcallExit end;
  Family family;

  support_pipe_open (&family.alive);
  support_pipe_open (&family.ready);
  process = fork_process (leave_grandchild, &family);
  end = reap (&process);
  g_assert_cmpint (WEXITSTATUS (end.status), ==, 7);
  assert_all_gone (&family);
  pcall_process_clear (&process);
}

/* Also where the leader was waited for by others, as long as the kernel knows the group. */
static void
test_group_of_taken (void)
{
  PcallProcess process;
  PcallExit end;
  Family family;

  support_pipe_open (&family.alive);
  support_pipe_open (&family.ready);
  process = fork_process (leave_grandchild, &family);
  g_assert_cmpint (waitpid (process.pid, NULL, 0), ==, process.pid);
  end = reap (&process);
  g_assert_true (!end.known || WEXITSTATUS (end.status) == 7);
  assert_all_gone (&family);
  pcall_process_clear (&process);
}

static int
leave_obedient_grandchild (gpointer data)
{
  Family *self = data;

  close (self->alive.read_fd);
  if (fork () == 0)
    sleep_on (NULL);
  return 7;
}

static PcallProcess
reap_leader_alone (int (*leader) (gpointer data), Family *family)
{
  PcallProcess process;
  PcallExit end;

  support_pipe_open (&family->alive);
  support_pipe_open (&family->ready);
  process = fork_process (leader, family);
  wait_for_end (&process);
  g_assert_true (pcall_process_reap_alone (&process, &end));
  g_assert_cmpint (WEXITSTATUS (end.status), ==, 7);
  return process;
}

static void
test_rest_obeys (void)
{
  Family family;
  PcallProcess process = reap_leader_alone (leave_obedient_grandchild, &family);

  assert_all_gone (&family);
  while (pcall_process_has_rest (&process))
    sched_yield ();
  pcall_process_end_rest (&process);
  g_assert_cmpint (process.pidfd, ==, -1);
}

static void
test_rest_does_not_obey (void)
{
  Family family;
  PcallProcess process = reap_leader_alone (leave_grandchild, &family);

  g_assert_true (pcall_process_has_rest (&process));
  pcall_process_end_rest (&process);
  assert_all_gone (&family);
}

static int
stay_with_grandchild (gpointer data)
{
  Family *self = data;

  close (self->alive.read_fd);
  if (fork () == 0)
    sleep_on (NULL);
  support_pipe_put (&self->ready, 0);
  return sleep_on (NULL);
}

static void
test_signal_group (void)
{
  PcallProcess process;
  PcallExit end;
  Family family;

  support_pipe_open (&family.alive);
  support_pipe_open (&family.ready);
  process = fork_process (stay_with_grandchild, &family);
  support_pipe_get (&family.ready);
  pcall_process_signal (&process, SIGTERM);
  assert_all_gone (&family);
  end = reap (&process);
  g_assert_cmpint (WTERMSIG (end.status), ==, SIGTERM);
  pcall_process_clear (&process);
}

static int
move_out (gpointer data)
{
  SupportPipe *pipe = data;

  g_assert_no_errno (setpgid (0, getppid ()));
  support_pipe_put (pipe, 0);
  return sleep_on (NULL);
}

/* A child that has moved to another group hears its own signals all the same. Here its new group is
 * ours: which must hear nothing. */
static void
test_signal_moved (void)
{
  SupportPipe pipe;
  PcallProcess process;
  PcallExit end;

  if (getpgrp () != getpid () && setpgid (0, 0) < 0)
    {
      g_test_skip ("no process group of our own");
      return;
    }
  support_pipe_open (&pipe);
  process = fork_process (move_out, &pipe);
  support_pipe_get (&pipe);
  pcall_process_signal (&process, SIGUSR1);
  end = reap (&process);
  g_assert_cmpint (WTERMSIG (end.status), ==, SIGUSR1);

  pcall_process_clear (&process);
  support_pipe_close (&pipe);
}

static void
test_signal_nobody (void)
{
  PcallProcess process = fork_process (return_number, NULL);
  PcallExit end = reap (&process);

  g_assert_true (end.known);
  pcall_process_signal (&process, SIGKILL);
  pcall_process_clear (&process);
}

/* The pid is given to another process, which leads a group of that number: neither is hit. */
static gboolean
write_last_pid (pid_t pid)
{
  g_autofree char *text = g_strdup_printf ("%d", pid - 1);
  FILE *file = fopen ("/proc/sys/kernel/ns_last_pid", "we");
  gboolean written = file != NULL && fputs (text, file) >= 0;

  return (file == NULL || fclose (file) == 0) && written;
}

/* A process with just that pid, if it can be had. */
static pid_t
fork_as (pid_t wanted)
{
  for (int i = 0; i < 50; i++)
    {
      pid_t pid = write_last_pid (wanted) ? fork () : -1;

      if (pid < 0)
        return -1;
      if (pid == 0)
        {
          setpgid (0, 0);
          sleep_on (NULL);
        }
      setpgid (pid, pid);
      if (pid == wanted)
        return pid;
      kill (pid, SIGKILL);
      waitpid (pid, NULL, 0);
    }
  return -1;
}

static void
test_signal_recycled (void)
{
  PcallProcess process = fork_process (return_number, GINT_TO_POINTER (3));
  siginfo_t info = { 0 };
  PcallExit end;
  pid_t other;

  g_assert_cmpint (waitpid (process.pid, NULL, 0), ==, process.pid);
  other = fork_as (process.pid);
  if (other < 0)
    {
      g_test_skip ("the same pid cannot be had again");
      pcall_process_clear (&process);
      return;
    }

  pcall_process_signal (&process, SIGKILL);
  end = reap (&process);
  g_assert_true (!end.known || WEXITSTATUS (end.status) == 3);
  /* Of the two signals, SIGKILL would come first. */
  kill (other, SIGSTOP);
  g_assert_no_errno (waitid (P_PID, other, &info, WEXITED | WSTOPPED));
  g_assert_cmpint (info.si_code, ==, CLD_STOPPED);

  pcall_process_clear (&process);
  kill (other, SIGKILL);
  g_assert_cmpint (waitpid (other, NULL, 0), ==, other);
}

/* Nobody waits here for what was left, and yet it is reaped. */
static void
test_leave (void)
{
  PcallProcess process = fork_process (sleep_on, NULL);
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  pid_t pid = process.pid;

  pcall_process_leave (&process);
  g_assert_cmpint (process.pidfd, ==, -1);
  g_assert_cmpint (waitpid (pid, NULL, WNOHANG), ==, 0);
  kill (pid, SIGKILL);
  while (kill (pid, 0) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until);
      sched_yield ();
    }
  g_assert_cmpint (waitpid (pid, NULL, WNOHANG), ==, -1);
}

/* Ends of the caller */

static int
ignore_all (gpointer data)
{
  sigset_t all;

  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  return sleep_on (NULL);
}

static void
test_destroy (void)
{
  PcallProcess stubborn = fork_process (ignore_all, NULL);
  PcallProcess stopped = fork_process (sleep_on, NULL);
  PcallProcess ended = fork_process (return_number, NULL);
  PcallProcess taken = fork_process (return_number, NULL);

  g_assert_no_errno (kill (stopped.pid, SIGSTOP));
  wait_for_end (&ended);
  g_assert_cmpint (waitpid (taken.pid, NULL, 0), ==, taken.pid);
  pcall_process_destroy (&stubborn);
  pcall_process_destroy (&stopped);
  pcall_process_destroy (&ended);
  pcall_process_destroy (&taken);
  assert_no_child ();
}

/* Words */

static void
test_describe (void)
{
  static const struct
  {
    PcallExit end;
    const char *text;
  } rows[] = {
    { { .known = TRUE, .status = W_EXITCODE (0, 0) }, "exited with status 0" },
    { { .known = TRUE, .status = W_EXITCODE (255, 0) }, "exited with status 255" },
    { { .known = TRUE, .status = SIGSEGV }, "killed by signal 11 (Segmentation fault)" },
    { { .known = TRUE, .status = SIGSEGV | WCOREFLAG },
      "killed by signal 11 (Segmentation fault), core dumped" },
    { { .known = TRUE, .status = SIGTERM }, "killed by signal 15 (Terminated)" },
    { { .known = TRUE, .status = 40 }, "killed by signal 40 (Real-time signal 6)" },
    { { .known = FALSE, .status = 0 },
      "ended, but its exit status was taken by something else in this program" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree char *text = pcall_exit_describe (&rows[i].end);

      g_assert_cmpstr (text, ==, rows[i].text);
    }
}

/* Whether memory was wanting depends on the machine: see test-oom.c. */
static void
test_describe_killed (void)
{
  const PcallExit end = { .known = TRUE, .status = SIGKILL };
  g_autofree char *text = pcall_exit_describe (&end);

  g_assert_true (g_regex_match_simple ("^killed by signal 9 \\(Killed\\)(, perhaps out of memory.*)?$",
                                       text, G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT));
}

int
main (int argc, char *argv[])
{
  g_setenv ("LC_ALL", "C", TRUE);
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/process/rest/obeys", test_rest_obeys);
  g_test_add_func ("/pcall/process/rest/does-not-obey", test_rest_does_not_obey);
  g_test_add_func ("/pcall/process/reap/exited", test_reap);
  g_test_add_func ("/pcall/process/reap/killed", test_reap_killed);
  g_test_add_func ("/pcall/process/reap/not-ended", test_not_ended);
  g_test_add_func ("/pcall/process/reap/usage", test_usage);
  g_test_add_func ("/pcall/process/reap/taken", test_status_taken);
  g_test_add_func ("/pcall/process/reap/ignored", test_status_ignored);
  g_test_add_func ("/pcall/process/open-fails", test_open_fails);
  g_test_add_func ("/pcall/process/group/ended", test_group_of_ended);
  g_test_add_func ("/pcall/process/group/taken", test_group_of_taken);
  g_test_add_func ("/pcall/process/signal/group", test_signal_group);
  g_test_add_func ("/pcall/process/signal/moved", test_signal_moved);
  g_test_add_func ("/pcall/process/signal/nobody", test_signal_nobody);
  g_test_add_func ("/pcall/process/signal/recycled", test_signal_recycled);
  g_test_add_func ("/pcall/process/destroy", test_destroy);
  g_test_add_func ("/pcall/process/leave", test_leave);
  g_test_add_func ("/pcall/process/describe", test_describe);
  g_test_add_func ("/pcall/process/describe/killed", test_describe_killed);

  return g_test_run ();
}
