/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Whom a signal for strays reaches: all below a child that have left its process group, in whatever
 * depth and of whichever thread, and nobody else. */

#include <signal.h>
#include <sys/wait.h>

#include <pcall-glib/base/pcall-strays-private.h>

#include "task-support.h"

#define MAX_PROCESSES 8

/* A tree of processes is written as it is walked: each letter makes one, under the one before;
 * ")" goes back up.
 *
 *   c  stays in the group of who made it
 *   g  makes a group of its own
 *   s  makes a session of its own
 *   t  makes a group of its own, and is made by another thread
 *   o  makes a group of its own, and has lost its parent
 *
 * The root is the child. Each tells its number and pid, and answers to a byte until it ends. */
typedef struct
{
  const char *path;
  const char *tree;
  const char *reached; /* a digit for each process that the signal ends, in the order of the tree */
} Row;

static const Row rows[] = {
  { "/find-strays/none", "", "" },
  { "/find-strays/in-group", "c)", "0" },
  { "/find-strays/own-group", "g)", "1" },
  { "/find-strays/own-session", "s)", "1" },
  { "/find-strays/several", "g)c)g)s)", "1011" },
  { "/find-strays/below-one-in-group", "cg))", "01" },
  { "/find-strays/below-one-in-own-group", "gg))", "11" },
  { "/find-strays/member-of-a-stray-group", "gc))", "11" },
  { "/find-strays/deep", "ccccccg)))))))", "0000001" },
  { "/find-strays/of-a-thread", "t)", "1" },
  { "/find-strays/below-one-of-a-thread", "tc))", "11" },
  { "/find-strays/orphan", "o)g)", "01" },
};

typedef struct
{
  SupportPipe ask;    /* read by the process alone, ended by this program */
  SupportPipe answer; /* the pid; a byte for each that was asked; its end */
} Line;

static Line lines[MAX_PROCESSES];
static const char *rest; /* of the tree */
static guint n_made;

static void make_below (void);

/* One line is held open by the process that it is of, and by nobody else. */
G_NORETURN static void
be_process (guint number, char kind)
{
  if (kind == 's')
    g_assert_cmpint (setsid (), ==, getpid ());
  else if (kind != 'c')
    g_assert_no_errno (setpgid (0, 0));

  make_below ();
  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      close (lines[i].ask.write_fd);
      if (i != number)
        close (lines[i].answer.write_fd);
    }
  g_assert_cmpint (write (lines[number].answer.write_fd, &(pid_t){ getpid () }, sizeof (pid_t)), ==,
                   sizeof (pid_t));
  for (;;)
    support_pipe_put (&lines[number].answer, support_pipe_get (&lines[number].ask));
}

static const char *
skip_tree (const char *tree)
{
  guint depth = 1;

  for (; depth > 0; tree++)
    {
      if (*tree == ')')
        depth--;
      else
        {
          depth++;
          n_made++;
        }
    }
  return tree;
}

/* The fork's copy goes on with the tree below; the original skips that. */
static pid_t
make_process (char kind)
{
  guint number = n_made++;
  pid_t pid = fork ();

  g_assert_cmpint (pid, >=, 0);
  if (pid == 0)
    be_process (number, kind);
  rest = skip_tree (rest);
  return pid;
}

static gpointer
make_in_thread (gpointer data)
{
  make_process ('t');
  return NULL;
}

/* Until the thread ends: who has made a process is a thread as long as it lives. */
static gpointer
make_and_stay (gpointer data)
{
  make_in_thread (NULL);
  g_atomic_int_set ((gint *) data, TRUE);
  for (;;)
    pause ();
  return NULL;
}

static void
make_of_thread (void)
{
  gint made = FALSE;

  g_thread_unref (g_thread_new ("maker", make_and_stay, &made));
  while (!g_atomic_int_get (&made))
    g_thread_yield ();
}

static void
make_orphan (void)
{
  pid_t pid = fork ();

  if (pid == 0)
    {
      make_process ('o');
      _exit (0);
    }
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  n_made++;
  rest = skip_tree (rest);
}

static void
make_below (void)
{
  while (*rest != '\0' && *rest != ')')
    {
      char kind = *rest++;

      if (kind == 't')
        make_of_thread ();
      else if (kind == 'o')
        make_orphan ();
      else
        make_process (kind);
    }
}

static pid_t
read_pid (guint number)
{
  pid_t pid = 0;

  close (lines[number].answer.write_fd);
  g_assert_cmpint (read (lines[number].answer.read_fd, &pid, sizeof pid), ==, sizeof pid);
  return pid;
}

/* Who was reached has ended, or is about to; who was not answers. */
static gboolean
has_ended (guint number)
{
  guint8 byte = 1;
  gssize n;

  if (write (lines[number].ask.write_fd, &byte, 1) != 1)
    return TRUE;
  n = read (lines[number].answer.read_fd, &byte, 1);
  g_assert_cmpint (n, >=, 0);
  return n == 0;
}

static void
test_row (gconstpointer data)
{
  const Row *row = data;
  gsize n = strlen (row->reached);
  pid_t pids[MAX_PROCESSES + 1] = { 0 };
  pid_t child;

  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      support_pipe_open (&lines[i].ask);
      support_pipe_open (&lines[i].answer);
    }
  rest = row->tree;
  n_made = 1;
  child = fork ();
  if (child == 0)
    be_process (0, 'g');
  for (guint i = 0; i <= n; i++)
    pids[i] = read_pid (i);
  g_assert_cmpint (pids[0], ==, child);

  pcall_strays_signal (child, SIGKILL);

  g_assert_false (has_ended (0));
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpint (has_ended (i + 1), ==, row->reached[i] == '1');
      if (row->reached[i] == '0')
        kill (pids[i + 1], SIGKILL);
    }
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  for (guint i = 0; i < MAX_PROCESSES; i++)
    {
      support_pipe_close (&lines[i].ask);
      close (lines[i].answer.read_fd);
      if (i > n)
        close (lines[i].answer.write_fd);
    }
}

/* It is the signal that was asked for. */
static void
test_signal (void)
{
  SupportPipe pipe;
  pid_t child;
  guint8 told = 0;

  support_pipe_open (&pipe);
  child = fork ();
  if (child == 0)
    {
      pid_t stray = fork ();
      int status;

      if (stray == 0)
        {
          setpgid (0, 0);
          support_pipe_put (&pipe, 0);
          for (;;)
            pause ();
        }
      g_assert_cmpint (waitpid (stray, &status, 0), ==, stray);
      support_pipe_put (&pipe, WIFSIGNALED (status) ? WTERMSIG (status) : G_MAXUINT8);
      for (;;)
        pause ();
    }
  support_pipe_get (&pipe);
  pcall_strays_signal (child, SIGUSR2);
  told = support_pipe_get (&pipe);
  g_assert_cmpint (told, ==, SIGUSR2);
  kill (child, SIGKILL);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  support_pipe_close (&pipe);
}

/* There is no such process: nothing happens. */
static void
test_nobody (void)
{
  pid_t child = fork ();

  if (child == 0)
    _exit (0);
  g_assert_cmpint (waitpid (child, NULL, 0), ==, child);
  pcall_strays_signal (child, SIGKILL);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  signal (SIGPIPE, SIG_IGN);

  if (!g_file_test ("/proc/thread-self/children", G_FILE_TEST_EXISTS))
    {
      g_print ("1..0 # SKIP this kernel does not tell of children\n");
      return 0;
    }

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    g_test_add_data_func (rows[i].path, &rows[i], test_row);
  g_test_add_func ("/find-strays/signal", test_signal);
  g_test_add_func ("/find-strays/nobody", test_nobody);

  return g_test_run ();
}
