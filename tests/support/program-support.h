/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A program, which is a fork of a test, and what comes out of it. */

#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void (*ProgramFunc) (gconstpointer data);

typedef struct
{
  int out; /* our end */
  int err; /* -1: it is the same as out */
  pid_t pid;
} Program;

static inline int
new_file (int *theirs)
{
  int fd = memfd_create ("output", MFD_CLOEXEC);
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);

  g_assert_no_errno (fd);
  *theirs = g_open (path, O_WRONLY | O_APPEND | O_CLOEXEC);
  g_assert_no_errno (*theirs);
  return fd;
}

static inline int
new_pipe (int *theirs)
{
  int fds[2];

  g_assert_no_errno (pipe2 (fds, O_CLOEXEC));
  *theirs = fds[1];
  return fds[0];
}

static inline void
run_here (int out, int err, ProgramFunc func, gconstpointer data)
{
  fflush (stdout);
  dup2 (out, STDOUT_FILENO);
  dup2 (err, STDERR_FILENO);
  func (data);
  fflush (stdout);
  _exit (EXIT_SUCCESS);
}

/* @out_is_pipe: standard output is one, and else a file, as standard error is. */
static inline void
program_start (Program *self, gboolean out_is_pipe, gboolean is_same, ProgramFunc func,
               gconstpointer data)
{
  int out, err = -1;

  self->out = out_is_pipe ? new_pipe (&out) : new_file (&out);
  self->err = is_same ? -1 : new_file (&err);
  fflush (stdout);
  self->pid = fork ();
  g_assert_cmpint (self->pid, >=, 0);
  if (self->pid == 0)
    run_here (out, is_same ? out : err, func, data);
  close (out);
  if (!is_same)
    close (err);
}

static inline GString *
read_all (int fd)
{
  GString *text = g_string_new (NULL);
  char bytes[4096];
  gssize n;

  while ((n = read (fd, bytes, sizeof bytes)) > 0)
    g_string_append_len (text, bytes, n);
  g_assert_no_errno (n);
  close (fd);
  return text;
}

static inline void
program_end (Program *self)
{
  int status;

  g_assert_cmpint (waitpid (self->pid, &status, 0), ==, self->pid);
  if (status != 0)
    g_error ("the program ended with status %d: %s", status,
             self->err >= 0 ? read_all (self->err)->str : "");
}

/* Runs it to its end. */
static inline void
run_program (ProgramFunc func, gconstpointer data, GString **out, GString **err)
{
  Program program;

  program_start (&program, FALSE, err == NULL, func, data);
  program_end (&program);
  *out = read_all (program.out);
  if (err != NULL)
    *err = read_all (program.err);
}
