/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A program that closes what is not its own, or puts something else there. */

#pragma once

#include <fcntl.h>
#include <glib.h>
#include <sys/resource.h>
#include <unistd.h>

#define CLOSING_MAX_FD 256

typedef enum
{
  NOTHING,  /* in its place */
  DEV_NULL, /* always ready, or an error */
  PIPE,     /* never ready */
} Instead;

static inline void
closing_list (gboolean *is_open)
{
  for (int fd = 0; fd < CLOSING_MAX_FD; fd++)
    is_open[fd] = fcntl (fd, F_GETFD) >= 0;
}

/* Gives its own descriptor, to be put in the place of one of pcall's. */
static inline int
closing_open_instead (Instead instead,
                      int     pipe_fd)
{
  return instead == DEV_NULL ? open ("/dev/null", O_RDWR | O_CLOEXEC) : pipe_fd;
}

/* The one of this place, or all for -1. FALSE if there is none. */
static inline gboolean
closing_close_new (const gboolean *before,
                   int             place,
                   Instead         instead)
{
  gboolean is_open[CLOSING_MAX_FD];
  gboolean found = FALSE;
  int n = 0;
  int pipe_fds[2];

  closing_list (is_open);
  g_assert_no_errno (pipe2 (pipe_fds, O_CLOEXEC));
  for (int fd = 0; fd < CLOSING_MAX_FD; fd++)
    if (is_open[fd] && !before[fd] && (place < 0 || n++ == place))
      {
        int other = closing_open_instead (instead, pipe_fds[0]);

        found = TRUE;
        if (instead == NOTHING)
          close (fd);
        else
          g_assert_no_errno (dup3 (other, fd, O_CLOEXEC));
        if (other != pipe_fds[0])
          close (other);
      }
  close (pipe_fds[0]);
  close (pipe_fds[1]);
  return found;
}

static inline gdouble
closing_get_processor_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}
