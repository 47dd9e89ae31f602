/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-process-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"
#include "base/pcall-oom-private.h"
#include "base/pcall-strays-private.h"
#include "base/pcall-thread-private.h"

/* pid and pidfd as one value.
 *
 * Others in this program may wait for our children: a handler of SIGCHLD that calls waitpid
 * (-1), a thread that does, or SIGCHLD ignored, so that the kernel reaps. Then our own waitid()
 * gives ECHILD. Since Linux 6.15 a pidfd remembers the status all the same (PIDFD_GET_INFO);
 * before that it is lost, and we say so.
 *
 * The process group has the number of the pid. A signal through the pidfd reaches the right
 * group whether the process was reaped or not (PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9). Before
 * Linux had that, only the number was left, which cannot be used again while the process is a
 * zombie: then its group is killed before it is reaped.
 *
 * A pidfd that something else in this program has closed is of no use (EBADF). Then the number of
 * the pid has to do, which is the child's for as long as it is not reaped.
 *
 * What is left of a group belongs to somebody else once the child is gone: to init, or to a
 * subreaper. Where that is this process (PID 1 of a container, a session manager), nobody else will
 * reap it. */

/* From <linux/pidfd.h> of Linux 6.15: the headers that we build with may be older. */
struct pidfd_info_v0
{
  uint64_t mask;
  uint64_t cgroupid;
  uint32_t pid, tgid, ppid;
  uint32_t ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
  int32_t  exit_code;
};

#define PIDFD_GET_INFO_V0 _IOWR (0xFF, 11, struct pidfd_info_v0)
#define PIDFD_INFO_EXIT_BIT (UINT64_C (1) << 3)
#define PIDFD_SIGNAL_PROCESS_GROUP_FLAG (1u << 2)

/* A status is there a moment after the pidfd says that the process has ended: the one who reaps
 * is still at it. Microseconds, so this bounds the unthinkable. */
#define REAPED_BY_OTHERS_LIMIT_MS 100

/* How long to wait for what is left of a group, and how often to look. */
#define GROUP_LIMIT_US 2000
#define GROUP_PAUSE_US 100

/* Takes @pidfd, which may be -1. */
static gboolean
take_pidfd (PcallProcess *self,
            pid_t         pid,
            int           pidfd,
            GError      **error)
{
  int saved_errno = errno;

  if (pidfd < 0)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "pidfd_open: %s%s",
                   g_strerror (saved_errno),
                   pcall_fd_is_refusal (saved_errno)
                       ? "; a filter of system calls, such as a container's, does not let it pass"
                       : "");
      errno = saved_errno;
      return FALSE;
    }

  *self = (PcallProcess) { pid, pidfd, -1 };
  return TRUE;
}

gboolean
pcall_process_open (PcallProcess *self,
                    pid_t         pid,
                    GError      **error)
{
  return take_pidfd (self, pid, pcall_fd_lift (syscall (SYS_pidfd_open, pid, 0)), error);
}

/* Without pidfd_open() */

/* From <linux/socket.h> and <asm/socket.h> of Linux 6.5 */
#define SCM_PIDFD_TYPE 0x04
#define SO_PASSPIDFD_OPTION 76

/* How often to see whether the child is still there. */
#define SHOW_POLL_MS 10

/* Asked once: a filter stays. */
static gboolean
can_open (void)
{
  enum { UNKNOWN, YES, NO };
  static int answer = UNKNOWN;

  if (g_atomic_int_get (&answer) == UNKNOWN)
    {
      int pidfd = syscall (SYS_pidfd_open, getpid (), 0);

      g_atomic_int_set (&answer, pidfd < 0 && pcall_fd_is_refusal (errno) ? NO : YES);
      pcall_fd_clear (&pidfd);
    }
  return g_atomic_int_get (&answer) == YES;
}

static gboolean
pass_pidfd (int socket,
            int passes)
{
  return setsockopt (socket, SOL_SOCKET, SO_PASSPIDFD_OPTION, &passes, sizeof passes) == 0;
}

gboolean
pcall_process_is_to_show (int socket)
{
  return !can_open () && pass_pidfd (socket, TRUE);
}

void
pcall_process_show (int socket)
{
  struct iovec part = { (char[1]) { 0 }, 1 };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

  while (sendmsg (socket, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
    ;
}

/* FALSE if the child has ended before it showed itself. */
static gboolean
wait_for_show (int   socket,
               pid_t pid)
{
  struct pollfd shown = { .fd = socket, .events = POLLIN };
  siginfo_t info = { 0 };

  while (poll (&shown, 1, SHOW_POLL_MS) <= 0)
    if (waitid (P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != 0)
      return poll (&shown, 1, 0) > 0;
  return TRUE;
}

static int
receive_pidfd (int socket)
{
  char byte;
  struct iovec part = { &byte, 1 };
  union
  {
    struct cmsghdr header;
    char           bytes[CMSG_SPACE (sizeof (int))];
  } control;
  struct msghdr message = {
    .msg_iov = &part,
    .msg_iovlen = 1,
    .msg_control = &control,
    .msg_controllen = sizeof control,
  };
  struct cmsghdr *header;
  int pidfd = -1;
  gssize n;

  while ((n = recvmsg (socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
    ;
  header = n == 1 ? CMSG_FIRSTHDR (&message) : NULL;
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_PIDFD_TYPE)
    memcpy (&pidfd, CMSG_DATA (header), sizeof pidfd);
  return pidfd;
}

gboolean
pcall_process_open_shown (PcallProcess *self,
                          pid_t         pid,
                          int           socket,
                          GError      **error)
{
  int pidfd = wait_for_show (socket, pid) ? pcall_fd_lift (receive_pidfd (socket)) : -1;

  pass_pidfd (socket, FALSE);
  if (pidfd < 0)
    errno = EPERM;
  return take_pidfd (self, pid, pidfd, error);
}

/* Waits for it by number where the pidfd is gone. glibc's waitid() does not give the resource usage
 * that the system call has. */
static int
wait_for (const PcallProcess *self,
          siginfo_t          *info,
          int                 options,
          struct rusage      *usage)
{
  int result = syscall (SYS_waitid, P_PIDFD, self->pidfd, info, WEXITED | options, usage);

  if (result < 0 && errno == EBADF)
    result = syscall (SYS_waitid, P_PID, self->pid, info, WEXITED | options, usage);
  return result;
}

/* Whether it is not reaped yet, so that its number is nobody else's. */
static gboolean
is_ours (const PcallProcess *self)
{
  siginfo_t info;

  return wait_for (self, &info, WNOHANG | WNOWAIT, NULL) == 0;
}

gboolean
pcall_process_is_held (const PcallProcess *self)
{
  siginfo_t info;

  return waitid (P_PIDFD, self->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != EBADF;
}

void
pcall_process_clear (PcallProcess *self)
{
  pcall_fd_clear (&self->pidfd);
  pcall_fd_clear (&self->life_fd);
  *self = PCALL_PROCESS_NONE;
}

/* Without the flag, the number decides: where a process has it that is not a child of ours any
 * more, the group of our child must be empty, or the number could not have been given out. */
static gboolean
signal_group_by_number (const PcallProcess *self,
                        int                 signum)
{
  return (is_ours (self) || (kill (self->pid, 0) < 0 && errno == ESRCH)) &&
         kill (-self->pid, signum) == 0;
}

static gboolean
signal_group_by_pidfd (const PcallProcess *self,
                       int                 signum)
{
  return syscall (SYS_pidfd_send_signal, self->pidfd, signum, NULL,
                  PIDFD_SIGNAL_PROCESS_GROUP_FLAG) == 0;
}

/* Whether the kernel knows how; asked once. */
static gboolean
can_signal_group_by_pidfd (const PcallProcess *self)
{
  enum { UNKNOWN, YES, NO };
  static int answer = UNKNOWN;

  if (g_atomic_int_get (&answer) == UNKNOWN)
    g_atomic_int_set (&answer, signal_group_by_pidfd (self, 0) || errno == ESRCH ? YES : NO);
  return g_atomic_int_get (&answer) == YES;
}

/* TRUE if there is such a group, of zombies too. */
static gboolean
signal_group (const PcallProcess *self,
              int                 signum)
{
  if (!can_signal_group_by_pidfd (self))
    return signal_group_by_number (self, signum);
  return signal_group_by_pidfd (self, signum) ||
         (errno == EBADF && signal_group_by_number (self, signum));
}

/* By number only where it may not be done otherwise, and the number is surely the process's. */
static void
signal_process (const PcallProcess *self,
                int                 signum)
{
  if (syscall (SYS_pidfd_send_signal, self->pidfd, signum, NULL, 0) < 0 &&
      (pcall_fd_is_refusal (errno) || errno == EBADF) && is_ours (self))
    kill (self->pid, signum);
}

/* As long as it is certain whose children these are. */
static void
signal_strays (const PcallProcess *self,
               int                 signum)
{
  if (is_ours (self))
    pcall_strays_signal (self->pid, signum);
}

void
pcall_process_signal (const PcallProcess *self,
                      int                 signum)
{
  /* A child that moved itself to another group would not hear its own. */
  gboolean in_own_group = getpgid (self->pid) == self->pid;

  if (signum == SIGTERM || signum == SIGKILL)
    signal_strays (self, signum);
  signal_group (self, signum);
  if (!in_own_group)
    signal_process (self, signum);
}

/* Returns 1 if the process has ended, 0 if it runs, -1 with errno set otherwise. */
static int
wait_pidfd (const PcallProcess *self,
            int                 options,
            int                *status,
            struct rusage      *usage)
{
  siginfo_t info = { 0 };

  while (wait_for (self, &info, options, usage) < 0)
    if (errno != EINTR)
      return -1;

  if (info.si_pid == 0)
    return 0;

  if (info.si_code == CLD_EXITED)
    *status = W_EXITCODE (info.si_status, 0);
  else
    *status = info.si_status | (info.si_code == CLD_DUMPED ? WCOREFLAG : 0);
  return 1;
}

static gboolean
remembered_status (const PcallProcess *self,
                   int                *status)
{
  struct pidfd_info_v0 info = { .mask = PIDFD_INFO_EXIT_BIT };
  struct pollfd reaped = { .fd = self->pidfd, .events = 0 };

  /* A pidfd hangs up when its process has been reaped. */
  poll (&reaped, 1, REAPED_BY_OTHERS_LIMIT_MS);

  if (ioctl (self->pidfd, PIDFD_GET_INFO_V0, &info) < 0 || !(info.mask & PIDFD_INFO_EXIT_BIT))
    return FALSE;

  *status = info.exit_code;
  return TRUE;
}

/* What is left of the group of a child that has ended, and is being killed. */

/* Groups that take longer to die, as on a busy machine: a thread waits for these, for nobody may
 * come here again. A fork of this process has none of that. */
static struct
{
  GMutex   lock;
  GQueue   groups; /* PcallProcess, whose pidfd keeps others from being taken for it */
  gboolean waits;
} remains;

PCALL_CHILD_CODE static void
forked (void)
{
  memset (&remains, 0, sizeof remains);
}

__attribute__ ((constructor)) static void
register_fork_handler (void)
{
  pthread_atfork (NULL, NULL, forked);
}

/* Reaps those of the group that are ours by now. FALSE if some of these are still to end. */
static gboolean
reap_group (pid_t group,
            int   options)
{
  pid_t pid;

  while ((pid = waitpid (-group, NULL, options | __WALL)) > 0 || (pid < 0 && errno == EINTR))
    ;
  return pid < 0;
}

static gpointer
wait_for_remains (gpointer data)
{
  PcallProcess *process;

  do
    {
      g_mutex_lock (&remains.lock);
      process = g_queue_pop_head (&remains.groups);
      remains.waits = process != NULL;
      g_mutex_unlock (&remains.lock);

      /* While it has members its number is nobody else's. */
      if (process != NULL && signal_group_by_pidfd (process, 0))
        reap_group (process->pid, 0);
      if (process != NULL)
        pcall_process_clear (process);
      g_free (process);
    }
  while (process != NULL);
  return NULL;
}

static gboolean
start_waiting (void)
{
  return pcall_thread_start ("pcall-remains", wait_for_remains, NULL, NULL);
}

static void
leave_to_thread (const PcallProcess *self)
{
  int pidfd = fcntl (self->pidfd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  PcallProcess *copy;

  if (pidfd < 0)
    return;

  copy = g_new (PcallProcess, 1);
  *copy = (PcallProcess) { self->pid, pidfd, -1 };
  g_mutex_lock (&remains.lock);
  g_queue_push_tail (&remains.groups, copy);
  remains.waits = remains.waits || start_waiting ();
  g_mutex_unlock (&remains.lock);
}

/* A process that is killed is gone in a moment, and only in a process that inherits it is this
 * waited for, or more than one call of the system made. */
static void
reap_rest (const PcallProcess *self)
{
  gint64 until = g_get_monotonic_time () + GROUP_LIMIT_US;

  while (!reap_group (self->pid, WNOHANG))
    {
      if (g_get_monotonic_time () >= until)
        {
          leave_to_thread (self);
          return;
        }
      g_usleep (GROUP_PAUSE_US);
    }
}

void
pcall_process_signal_alone (const PcallProcess *self,
                            int                 signum)
{
  signal_process (self, signum);
}

/* @signum is for what is left of its group. */
static gboolean
reap (const PcallProcess *self,
      PcallExit          *exit,
      int                 signum)
{
  gboolean at_once = can_signal_group_by_pidfd (self);
  struct rusage usage = { 0 };
  int status = 0;
  gboolean has_rest;
  int ended = wait_pidfd (self, at_once ? WNOHANG : WNOHANG | WNOWAIT, &status, &usage);

  if (ended == 0)
    return FALSE;

  has_rest = signal_group (self, signum);
  if (ended > 0 && !at_once)
    ended = wait_pidfd (self, WNOHANG, &status, &usage);
  if (has_rest && signum == SIGKILL)
    reap_rest (self);

  *exit = (PcallExit) { .known = ended > 0 || remembered_status (self, &status), .usage = usage };
  exit->status = status;
  return TRUE;
}

gboolean
pcall_process_reap (const PcallProcess *self,
                    PcallExit          *exit)
{
  return reap (self, exit, SIGKILL);
}

gboolean
pcall_process_reap_alone (const PcallProcess *self,
                          PcallExit          *exit)
{
  return reap (self, exit, SIGTERM);
}

/* While it has members its number is nobody else's. */
gboolean
pcall_process_has_rest (const PcallProcess *self)
{
  if (!signal_group (self, 0))
    return FALSE;

  reap_group (self->pid, WNOHANG);
  return signal_group (self, 0);
}

void
pcall_process_end_rest (PcallProcess *self)
{
  if (signal_group (self, SIGKILL))
    reap_rest (self);
  pcall_process_clear (self);
}

void
pcall_process_destroy (PcallProcess *self)
{
  int status;

  pcall_process_signal (self, SIGKILL);
  wait_pidfd (self, 0, &status, NULL);
  pcall_process_clear (self);
}

void
pcall_process_leave (PcallProcess *self)
{
  leave_to_thread (self);
  pcall_process_clear (self);
}

static char *
describe_signal (int status)
{
  int signum = WTERMSIG (status);
  g_autofree char *memory = NULL;

  if (signum == SIGKILL)
    memory = pcall_oom_describe (pcall_oom_count_kills ());
  return g_strdup_printf ("killed by signal %d (%s)%s%s", signum, g_strsignal (signum),
                          WCOREDUMP (status) ? ", core dumped" : "", memory != NULL ? memory : "");
}

char *
pcall_exit_describe (const PcallExit *exit)
{
  if (!exit->known)
    return g_strdup ("ended, but its exit status was taken by something else in this program");
  if (WIFSIGNALED (exit->status))
    return describe_signal (exit->status);
  return g_strdup_printf ("exited with status %d", WEXITSTATUS (exit->status));
}
