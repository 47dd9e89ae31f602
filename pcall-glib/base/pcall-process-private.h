/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sys/resource.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* A child process: pid and pidfd as one value. The pidfd names the process however often the pid
 * is used again; the pid is for people, and for the process group of the same number. */
typedef struct
{
  pid_t pid;
  int   pidfd;
  int   life_fd; /* what pcall_lifeline_keep() keeps for it, or -1 */
} PcallProcess;

#define PCALL_PROCESS_NONE ((PcallProcess) { 0, -1, -1 })

/* How a process ended. @known is FALSE when something else in this program took the status and
 * the kernel does not remember it: that is never to be read as success. */
typedef struct
{
  gboolean      known;
  int           status; /* as of waitpid() */
  struct rusage usage;  /* all zero unless we reaped the process ourselves */
} PcallExit;

/* Opens the child @pid of this process, which must not have been waited for. On failure @self is
 * untouched, and the child is the caller's to end. */
gboolean pcall_process_open (PcallProcess *self,
                             pid_t         pid,
                             GError      **error);

/* Where pidfd_open() is refused, as by the filter of a container that is older than it, a child can
 * show itself instead (Linux 6.5), through the other end of @socket. Whether that is to be done; to
 * be asked before the child is made. */
gboolean pcall_process_is_to_show    (int           socket);
/* In the child, before anything else. Async-signal-safe. */
void     pcall_process_show          (int           socket);
/* In the parent, in place of pcall_process_open(); waits for the child. */
gboolean pcall_process_open_shown    (PcallProcess *self,
                                      pid_t         pid,
                                      int           socket,
                                      GError      **error);

/* FALSE if something else in this program has closed the pidfd. */
gboolean pcall_process_is_held (const PcallProcess *self);

/* Closes its descriptors. The process is neither signalled nor waited for. */
void pcall_process_clear (PcallProcess *self);

/* Sends @signum to the process and to its process group. Never reaches another process that got
 * the same pid. Does nothing where none of them is left. */
void pcall_process_signal (const PcallProcess *self,
                           int                 signum);

/* Sends it to the process, and not to its group. */
void pcall_process_signal_alone (const PcallProcess *self,
                                 int                 signum);

/* If the process has ended: kills what is left of its group, takes its status and returns TRUE.
 * Does not wait. */
gboolean pcall_process_reap (const PcallProcess *self,
                             PcallExit          *exit);

/* The same, but what is left of its group is told to end, by SIGTERM. Then whether there is such a
 * rest, which may end by and by, and the end of it, which clears @self. */
gboolean pcall_process_reap_alone (const PcallProcess *self,
                                   PcallExit          *exit);
gboolean pcall_process_has_rest   (const PcallProcess *self);
void     pcall_process_end_rest   (PcallProcess       *self);

/* Kills the process and its group, waits for its end and clears @self. For processes that ran
 * nothing of the user's yet. */
void pcall_process_destroy (PcallProcess *self);

/* A thread waits for its end, and that of its group. Clears @self. */
void pcall_process_leave (PcallProcess *self);

/* "killed by signal 11 (Segmentation fault), core dumped", "exited with status 42", or that it is
 * not known. With SIGKILL also whether that may have been for want of memory. */
char *pcall_exit_describe (const PcallExit *exit);

G_END_DECLS
