/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#pragma once

#include <glib.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

/* Skips the test where this process may not have namespaces of its own: CLONE_NEWNS … */
static inline gboolean
skip_without_namespace (int flags)
{
  int status = 0;
  pid_t pid;

  if (g_test_subprocess ())
    return FALSE;

  pid = fork ();
  if (pid == 0)
    _exit (unshare (flags) == 0 ? 0 : 1);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  if (status == 0)
    return FALSE;

  g_test_skip ("no namespaces to be had");
  return TRUE;
}
