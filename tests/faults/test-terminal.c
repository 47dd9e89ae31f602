/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that ask something at the terminal: each gets an answer at once, and is never stopped. The
 * terminal stays the parent's.
 *
 * Each test runs in a process that is the session leader of a terminal of its own, whose other side
 * this program has. */

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "spawn-support.h"

#define CTRL_C '\003'

/* The terminal, in the process that has it. */
static int terminal;

/* The other side, and what is asked of it: a byte to type. */
typedef struct
{
  int         other_side;
  SupportPipe typing;
} Keyboard;

static Keyboard keyboard;

static void
type (char byte)
{
  support_pipe_put (&keyboard.typing, (guint8) byte);
}

static void
enter_session (const char *name)
{
  g_assert_cmpint (setsid (), ==, getpid ());
  terminal = open (name, O_RDWR);
  g_assert_cmpint (terminal, >=, 0);
  g_assert_no_errno (ioctl (terminal, TIOCSCTTY, 0));
  g_assert_cmpint (tcgetpgrp (terminal), ==, getpgrp ());
}

/* Types what is asked for, and reads what comes, so that nobody waits for room. */
static void
serve (pid_t pid)
{
  struct pollfd fds[] = { { keyboard.other_side, POLLIN, 0 },
                          { keyboard.typing.read_fd, POLLIN, 0 } };
  gint64 until = g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC;
  int status;
  char bytes[256];

  while (waitpid (pid, &status, WNOHANG) == 0)
    {
      if (g_get_monotonic_time () >= until)
        {
          kill (pid, SIGKILL);
          g_error ("waited for %d s", SUPPORT_LIMIT_S);
        }
      poll (fds, G_N_ELEMENTS (fds), 10);
      if (fds[0].revents & POLLIN)
        g_assert_cmpint (read (keyboard.other_side, bytes, sizeof bytes), !=, 0);
      if (fds[1].revents & POLLIN)
        {
          bytes[0] = (char) support_pipe_get (&keyboard.typing);
          g_assert_cmpint (write (keyboard.other_side, bytes, 1), ==, 1);
        }
    }
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

static void
at_terminal (void (*func) (void))
{
  pid_t pid;

  keyboard.other_side = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  g_assert_cmpint (keyboard.other_side, >=, 0);
  g_assert_no_errno (grantpt (keyboard.other_side));
  g_assert_no_errno (unlockpt (keyboard.other_side));
  support_pipe_open (&keyboard.typing);

  pid = fork ();
  if (pid == 0)
    {
      enter_session (ptsname (keyboard.other_side));
      func ();
      g_assert_cmpint (tcgetpgrp (terminal), ==, getpgrp ());
      _exit (0);
    }
  serve (pid);
  support_pipe_close (&keyboard.typing);
  g_assert_no_errno (close (keyboard.other_side));
}

/* What calls ask; the answer is an errno, 0 for success. */

static int
ask_by_name (void)
{
  return open ("/dev/tty", O_RDWR) < 0 ? errno : 0;
}

static int
ask_in_grandchild (void)
{
  pid_t pid = fork ();
  int status;

  if (pid == 0)
    _exit (ask_by_name ());
  return waitpid (pid, &status, 0) == pid && WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

/* As getpass() does with what it has open: from the background this is SIGTTOU. */
static int
change_modes (void)
{
  struct termios modes;

  return tcgetattr (terminal, &modes) < 0 || tcsetattr (terminal, TCSAFLUSH, &modes) < 0 ? errno
                                                                                         : 0;
}

static int
write_there (void)
{
  return write (terminal, "x", 1) < 0 ? errno : 0;
}

/* And this is SIGTTIN. */
static int
read_there (void)
{
  char bytes[8];

  type ('\n');
  return read (terminal, bytes, sizeof bytes) < 0 ? errno : 0;
}

static int
take_foreground (void)
{
  return tcsetpgrp (terminal, getpgrp ()) < 0 ? errno : 0;
}

static int
start_program (void)
{
  int status = system ("stty -F /dev/tty -echo 2>/dev/null");

  return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static int
open_by_path (void)
{
  int fd = open (ttyname (terminal), O_RDWR);

  return fd < 0 || tcgetpgrp (fd) >= 0 ? -1 : errno;
}

static const struct
{
  int (*ask) (void);
  int  answer;
} asks[] = {
  { ask_by_name, ENXIO },   { ask_in_grandchild, ENXIO }, { change_modes, 0 },
  { write_there, 0 },       { take_foreground, ENOTTY },  { start_program, 1 },
  { open_by_path, ENOTTY }, { read_there, 0 },
};

static GVariant *
ask (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  return g_variant_new_int32 (asks[pcall_get_call_index ()].ask ());
}

/* A write from the background is SIGTTOU where the terminal is set to that. */
static void
set_tostop (void)
{
  struct termios modes;

  g_assert_no_errno (tcgetattr (terminal, &modes));
  modes.c_lflag |= TOSTOP;
  g_assert_no_errno (tcsetattr (terminal, TCSANOW, &modes));
}

static void
run_asks (guint calls_per_child, PcallLogMode log_mode)
{
  g_autoptr (PcallTask) task = support_task (ask, G_N_ELEMENTS (asks));

  pcall_task_set_calls_per_child (task, calls_per_child);
  pcall_task_set_log_mode (task, log_mode);
  pcall_task_set_max_children (task, 1);
  support_run (task, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      g_autofree char *answer = g_strdup_printf ("%d", asks[i].answer);

      support_assert_result (task, i, answer);
    }
}

static void
ask_in_forks (void)
{
  set_tostop ();
  for (guint calls_per_child = 0; calls_per_child < 3; calls_per_child++)
    {
      run_asks (calls_per_child, PCALL_LOG_MODE_SECTIONS);
      run_asks (calls_per_child, PCALL_LOG_MODE_LIVE);
      run_asks (calls_per_child, PCALL_LOG_MODE_INHERIT);
    }
}

static void
test_forks (void)
{
  at_terminal (ask_in_forks);
}

/* Standard streams that are the terminal, or are not, are all the same. */
static void
ask_with_streams (void)
{
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    dup2 (terminal, fd);
  ask_in_forks ();
}

static void
test_streams (void)
{
  at_terminal (ask_with_streams);
}

/* Workers */

static void
ask_in_workers (void)
{
  static const struct
  {
    const char *command;
    int         status;
  } commands[] = {
    { "stty -F /dev/tty -echo 2>/dev/null", 1 },
    { "read answer < /dev/tty", 2 },
    { "(echo asking > /dev/tty) 2>/dev/null", 2 },
    { "true", 0 },
  };
  g_autoptr (PcallTask) task = symbol_task ("run_command", 1);
  GVariantBuilder list;

  g_variant_builder_init (&list, G_VARIANT_TYPE ("a(s)"));
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    g_variant_builder_add (&list, "(s)", commands[i].command);
  pcall_task_set_instance_args (task, g_variant_builder_end (&list));
  support_run (task, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    {
      g_autofree char *status = g_strdup_printf ("%d", commands[i].status);

      support_assert_result (task, i, status);
    }
}

static void
test_workers (void)
{
  at_terminal (ask_in_workers);
}

/* What is typed is for the parent */

static int interrupted;

static void
note_interrupt (int signum)
{
  g_atomic_int_set (&interrupted, TRUE);
}

static void
interrupt_parent (void)
{
  g_autoptr (PcallTask) task = support_task (support_sleep, 2);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) living = NULL;

  sigaction (SIGINT, &(struct sigaction) { .sa_handler = note_interrupt }, NULL);
  support_start (task);
  type (CTRL_C);
  while (!g_atomic_int_get (&interrupted))
    g_assert_false (pcall_task_join (task, 0.01, NULL, NULL));

  g_assert_false (pcall_task_join (task, 0.1, NULL, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
  living = pcall_task_dup_living_children (task);
  g_assert_cmpuint (living->len, ==, 2);
  g_assert_cmpint (open ("/dev/tty", O_RDWR), >=, 0);
}

static void
test_interrupt (void)
{
  at_terminal (interrupt_parent);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  support_add ("/pcall/terminal/forks", test_forks);
  support_add ("/pcall/terminal/streams", test_streams);
  support_add ("/pcall/terminal/workers", test_workers);
  support_add ("/pcall/terminal/interrupt", test_interrupt);

  return g_test_run ();
}
