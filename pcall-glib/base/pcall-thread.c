/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-thread-private.h"

#include <pthread.h>
#include <signal.h>

#include "pcall-error.h"

gboolean
pcall_thread_start (const char *name,
                    GThreadFunc func,
                    gpointer    data,
                    GError    **error)
{
  g_autoptr (GError) failure = NULL;
  sigset_t all, before;
  GThread *thread;

  /* A thread begins with the mask of the one that makes it. */
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  thread = g_thread_try_new (name, func, data, &failure);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (thread == NULL)
    {
      g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "thread %s: %s", name, failure->message);
      return FALSE;
    }

  g_thread_unref (thread);
  return TRUE;
}
