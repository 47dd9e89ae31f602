/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The library's own threads handle no signals, and who starts one goes on as before. */

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include <pcall-glib/pcall.h>

#include <pcall-glib/base/pcall-thread-private.h>

typedef struct
{
  GMutex mutex;
  GCond changed;
  gboolean over;
  sigset_t mask;
} Note;

static gpointer
note_mask (gpointer data)
{
  Note *self = data;

  g_mutex_lock (&self->mutex);
  pthread_sigmask (SIG_BLOCK, NULL, &self->mask);
  self->over = TRUE;
  g_cond_signal (&self->changed);
  g_mutex_unlock (&self->mutex);
  return NULL;
}

static void
test_signals (void)
{
  static const int signals[] = { SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGUSR1 };
  Note self = { .over = FALSE };
  sigset_t usr2, before, after;
  g_autoptr (GError) error = NULL;

  g_mutex_init (&self.mutex);
  g_cond_init (&self.changed);
  sigemptyset (&usr2);
  sigaddset (&usr2, SIGUSR2);
  pthread_sigmask (SIG_BLOCK, &usr2, &before);

  g_assert_true (pcall_thread_start ("test", note_mask, &self, &error));
  g_assert_no_error (error);
  pthread_sigmask (SIG_SETMASK, &before, &after);
  g_assert_true (sigismember (&after, SIGUSR2));
  g_mutex_lock (&self.mutex);
  while (!self.over)
    g_cond_wait (&self.changed, &self.mutex);
  g_mutex_unlock (&self.mutex);

  for (gsize i = 0; i < G_N_ELEMENTS (signals); i++)
    {
      g_assert_false (sigismember (&after, signals[i]));
      g_assert_true (sigismember (&self.mask, signals[i]));
    }
  g_mutex_clear (&self.mutex);
  g_cond_clear (&self.changed);
}

/* They take more than that for themselves. */
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define LIMITS_MEMORY
#endif

#ifdef LIMITS_MEMORY
/* Without memory for its stack. Those of threads that have ended are used again, so that this is
 * tried in a process that has had none. */
static void
test_no_room (void)
{
  struct rlimit limit;
  g_autoptr (GError) error = NULL;

  if (!g_test_subprocess ())
    {
      g_test_trap_subprocess (NULL, 0, 0);
      g_test_trap_assert_passed ();
      return;
    }

  getrlimit (RLIMIT_AS, &limit);
  limit.rlim_cur = 1 << 20;
  g_assert_no_errno (setrlimit (RLIMIT_AS, &limit));
  g_assert_false (pcall_thread_start ("test", note_mask, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_true (g_str_has_prefix (error->message, "thread test: "));
}
#endif

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/pcall/thread/signals", test_signals);
#ifdef LIMITS_MEMORY
  g_test_add_func ("/pcall/thread/no-room", test_no_room);
#endif
  return g_test_run ();
}
