/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Children that end badly, do not end, or leave something behind. */

#include "bad-children.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "task-support.h"

#define SLEEP_S 300
#define PAGE_SIZE 4096

void
bad_child_sleep (void)
{
  for (int i = 0; i < SLEEP_S; i++)
    sleep (1);
  _exit (77);
}

/* Ends */

static gpointer
forbidden_page (void)
{
  return mmap (NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void
limit (int    resource,
       rlim_t to)
{
  struct rlimit limits = { to, to };

  if (setrlimit (resource, &limits) < 0)
    setrlimit (resource, &(struct rlimit) { 0, 0 });
}

static void
crash (void)
{
  *(volatile char *) forbidden_page () = 1;
}

BAD_CHILD (segv)
{
  limit (RLIMIT_CORE, 0);
  crash ();
  return NULL;
}

/* The core goes where the parent's directory is. */
BAD_CHILD (segv_with_core)
{
  limit (RLIMIT_CORE, RLIM_INFINITY);
  crash ();
  return NULL;
}

BAD_CHILD (segv_after_output)
{
  limit (RLIMIT_CORE, 0);
  printf ("one\ntwo\nthree\n");
  fprintf (stderr, "the very last words\n");
  fflush (NULL);
  crash ();
  return NULL;
}

BAD_CHILD (segv_after_long_output)
{
  g_autofree char *text = g_malloc (1 << 20);

  limit (RLIMIT_CORE, 0);
  memset (text, 0xc3, 1 << 20);
  fwrite (text, 1, 1 << 20, stdout);
  fflush (NULL);
  crash ();
  return NULL;
}

static int
recurse (volatile int depth)
{
  volatile char frame[PAGE_SIZE] = { 0 };

  frame[depth % PAGE_SIZE] = 1;
  if (depth == G_MAXINT)
    return 0;
  return recurse (depth + 1) + frame[depth % PAGE_SIZE];
}

BAD_CHILD (stack_overflow)
{
  limit (RLIMIT_CORE, 0);
  limit (RLIMIT_STACK, 1 << 20);
  return g_variant_new_int32 (recurse (0));
}

BAD_CHILD (abort)
{
  limit (RLIMIT_CORE, 0);
  abort ();
}

BAD_CHILD (out_of_memory)
{
  limit (RLIMIT_CORE, 0);
  limit (RLIMIT_AS, 64 << 20);
  for (int i = 0; i < 1000; i++)
    memset (g_malloc (1 << 20), i, 1 << 20);
  return NULL;
}

BAD_CHILD (sigpipe)
{
  int fds[2];

  signal (SIGPIPE, SIG_DFL);
  if (pipe (fds) == 0 && close (fds[0]) == 0 && write (fds[1], "x", 1) < 0)
    return g_variant_new_string ("no SIGPIPE");
  return NULL;
}

BAD_CHILD (kill_itself)
{
  kill (getpid (), SIGKILL);
  return NULL;
}

BAD_CHILD (exit_0)
{
  _exit (0);
}

BAD_CHILD (exit_99)
{
  _exit (99);
}

BAD_CHILD (exit_3_with_handlers)
{
  exit (3);
}

/* Its parts are put together only when it is sent. */
BAD_CHILD (crash_while_serialising)
{
  GVariant *unreadable = g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, forbidden_page (),
                                                  PAGE_SIZE, TRUE, NULL, NULL);

  limit (RLIMIT_CORE, 0);
  return g_variant_new ("(i@ay)", 1, unreadable);
}

/* The kernel is the first to read it, and it does not crash. */
BAD_CHILD (unreadable_result)
{
  return g_variant_new_from_data (G_VARIANT_TYPE_BYTESTRING, forbidden_page (), PAGE_SIZE, TRUE,
                                  NULL, NULL);
}

/* Signals */

BAD_CHILD (ignore_sigterm)
{
  signal (SIGTERM, SIG_IGN);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (stop)
{
  raise (SIGSTOP);
  return g_variant_new_string ("went on");
}

/* Nobody lets a traced child go on after the signal that it stopped for. */
BAD_CHILD (traced_stop)
{
  ptrace (PTRACE_TRACEME, 0, NULL, NULL);
  raise (SIGUSR1);
  return g_variant_new_string ("went on");
}

/* The parent is told first, and lets it go on. */
BAD_CHILD (traced_message)
{
  ptrace (PTRACE_TRACEME, 0, NULL, NULL);
  pcall_send_message (g_variant_new_int32 (getpid ()));
  raise (SIGUSR1);
  return g_variant_new_string ("went on");
}

/* Output */

static void
write_output (guint n_megabytes)
{
  static char text[1 << 16];

  memset (text, 'x', sizeof text);
  for (guint i = 0; i < n_megabytes * ((1 << 20) / sizeof text); i++)
    if (write (STDOUT_FILENO, text, sizeof text) < 0)
      _exit (88);
}

/* Unlimited as far as its parent can know. */
BAD_CHILD (unlimited_output)
{
  write_output (64);
  bad_child_sleep ();
  return NULL;
}

BAD_CHILD (much_output)
{
  write_output (32);
  return g_variant_new_int32 (32);
}

/* Groups and descendants */

BAD_CHILD (other_group)
{
  return g_variant_new_boolean (setpgid (0, getpgid (getppid ())) == 0);
}

BAD_CHILD (other_group_hangs)
{
  setpgid (0, getpgid (getppid ()));
  signal (SIGTERM, SIG_IGN);
  bad_child_sleep ();
  return NULL;
}

/* Runs @body in a grandchild, and waits until that is where it wants to be. */
static pid_t
make_grandchild (gboolean escapes,
                 void (*body) (pid_t child))
{
  int ready[2];
  pid_t child = getpid ();
  pid_t pid;
  char byte;

  if (pipe (ready) < 0 || (pid = fork ()) < 0)
    _exit (88);
  if (pid == 0)
    {
      if (escapes)
        support_escape ();
      close (ready[1]);
      body (child);
      _exit (0);
    }

  close (ready[1]);
  while (read (ready[0], &byte, 1) < 0)
    ;
  close (ready[0]);
  return pid;
}

static void
hold_on (pid_t child)
{
  bad_child_sleep ();
}

BAD_CHILD (grandchild_holds_channel)
{
  pcall_send_message (g_variant_new_int32 (make_grandchild (FALSE, hold_on)));
  return g_variant_new_string ("child");
}

static void
leave_session (pid_t child)
{
  setsid ();
  bad_child_sleep ();
}

/* With the last task of this process at the latest */
BAD_CHILD (grandchild_in_session)
{
  pcall_send_message (g_variant_new_int32 (make_grandchild (FALSE, leave_session)));
  return g_variant_new_string ("child");
}

BAD_CHILD (escaped_grandchild)
{
  pcall_send_message (g_variant_new_int32 (make_grandchild (TRUE, hold_on)));
  return g_variant_new_string ("child");
}

/* As soon as the child has ended, and into whatever socket there is. */
static void
write_on (pid_t child)
{
  static char garbage[4096];

  signal (SIGPIPE, SIG_IGN);
  memset (garbage, 'g', sizeof garbage);
  while (getppid () == child)
    ;
  for (int i = 0; i < 1000000; i++)
    for (int fd = STDERR_FILENO + 1; fd < 64; fd++)
      send (fd, garbage, sizeof garbage, MSG_NOSIGNAL | MSG_DONTWAIT);
  bad_child_sleep ();
}

BAD_CHILD (escaped_grandchild_writes)
{
  pcall_send_message (g_variant_new_int32 (make_grandchild (TRUE, write_on)));
  return g_variant_new_string ("child");
}

/* Two processes come back from one call, and the wrong one first. */
BAD_CHILD (grandchild_returns)
{
  pid_t pid = fork ();

  if (pid == 0)
    return g_variant_new_string ("grandchild");
  waitpid (pid, NULL, 0);
  return g_variant_new_string ("child");
}

/* Inherited tasks */

BAD_CHILD (drop_task)
{
  PcallTask *task = *(PcallTask **) user_data;

  pcall_task_terminate (task);
  g_object_unref (task);
  return g_variant_new_string ("dropped");
}

static void
note_end (gpointer data,
          GObject *object)
{
  *(gboolean *) data = TRUE;
}

BAD_CHILD (drop_task_wholly)
{
  PcallTask *task = *(PcallTask **) user_data;
  gboolean gone = FALSE;

  g_object_weak_ref (G_OBJECT (task), note_end, &gone);
  while (!gone)
    g_object_unref (task);
  return g_variant_new_string ("dropped");
}
