/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "child/pcall-main-context-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/pcall-child-code-private.h"
#include "base/pcall-fd-private.h"

/* A call that runs a main loop in the usual way, g_main_loop_new (NULL, …), runs the default main
 * context. That is a copy of its parent's, with all of the parent's sources; the descriptor that
 * wakes it is the parent's very own; and where another thread of the parent was running it, it
 * waits for ever for a thread that is not there. GLib has no way to make another one.
 *
 * So the copy is emptied, in those children that use it: the parent has a source in it, the guard,
 * that stands before all others and does nothing. When the loop of a child comes to it for the
 * first time, it takes the parent's sources out, without telling anybody that they go, for who
 * would be told are functions of the parent's; and it puts a new descriptor in the place of the one
 * that wakes. From there on it runs the child's thread-default context along: what GIO does
 * asynchronously in a call ends there. */

/* More descriptors than a call has in its thread-default context. */
#define MANY_FDS 256

static struct
{
  GMutex        lock;
  guint         n_users; /* in this process */
  GSource      *guard;   /* in the default context */
  guint         mark;    /* in a child: sources with smaller numbers are its parent's */
  gboolean      adopts;  /* in a child: at the next use */
  GMainContext *own;     /* in a child: its thread-default context */
  gint          priority;
  GPollFD      *fds;     /* MANY_FDS, of the own context, as the guard polls them */
  gint          n_fds;
} default_context;

/* Taking over */

/* Its callback's data is not freed, and neither is the source: both would call what is the
 * parent's. */
static void
take_out (GSource *source)
{
  g_source_ref (source);
  source->callback_funcs = NULL;
  source->callback_data = NULL;
  g_source_destroy (source);
}

static void
take_out_all (GMainContext *context)
{
  for (guint id = 1; id <= default_context.mark; id++)
    {
      GSource *source = g_main_context_find_source_by_id (context, id);

      if (source != NULL && source != default_context.guard)
        take_out (source);
    }
}

static gboolean
is_eventfd (int fd)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
  g_autofree char *target = g_file_read_link (path, NULL);

  return target != NULL && strstr (target, "eventfd") != NULL;
}

/* Of the descriptors that are left, one wakes the context. What the call has added has a higher
 * number. */
static int
find_wakeup (GMainContext *context)
{
  g_autofree GPollFD *fds = NULL;
  gint n, timeout;
  int found = -1;

  n = g_main_context_query (context, G_MAXINT, &timeout, NULL, 0);
  fds = g_new0 (GPollFD, n);
  n = MIN (n, g_main_context_query (context, G_MAXINT, &timeout, fds, n));
  for (gint i = 0; i < n; i++)
    if (is_eventfd (fds[i].fd) && (found < 0 || fds[i].fd < found))
      found = fds[i].fd;
  return n == 1 ? fds[0].fd : found;
}

static void
replace_wakeup (GMainContext *context)
{
  int wakeup = find_wakeup (context);
  int fd = wakeup >= 0 ? eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;

  if (fd < 0)
    return;
  while (dup3 (fd, wakeup, O_CLOEXEC) < 0 && (errno == EINTR || errno == EBUSY))
    ;
  close (fd);
}

/* Running the thread-default context along */

static void
poll_along (GSource *guard,
            gint     n_fds)
{
  gint n = MIN (n_fds, MANY_FDS);

  for (gint i = 0; i < default_context.n_fds; i++)
    g_source_remove_poll (guard, &default_context.fds[i]);
  default_context.n_fds = n;
  for (gint i = 0; i < n; i++)
    g_source_add_poll (guard, &default_context.fds[i]);
}

static gboolean
is_same (const GPollFD *fds,
         gint           n)
{
  gboolean same = n == default_context.n_fds;

  for (gint i = 0; same && i < n; i++)
    same = fds[i].fd == default_context.fds[i].fd && fds[i].events == default_context.fds[i].events;
  return same;
}

/* What is ready is found by g_main_context_check(), so the guard is to be checked in any case. */
static void
prepare_own (GSource *guard,
             gint    *timeout)
{
  GPollFD fds[MANY_FDS];
  gboolean ready = g_main_context_prepare (default_context.own, &default_context.priority);
  gint n;

  n = g_main_context_query (default_context.own, default_context.priority, timeout, fds, MANY_FDS);
  if (default_context.fds == NULL)
    default_context.fds = g_new (GPollFD, MANY_FDS);
  if (!is_same (fds, MIN (n, MANY_FDS)))
    {
      poll_along (guard, 0);
      memcpy (default_context.fds, fds, MIN (n, MANY_FDS) * sizeof *fds);
      poll_along (guard, n);
    }
  if (ready)
    *timeout = 0;
}

static gboolean
runs_along (void)
{
  return default_context.own != NULL && g_main_context_is_owner (default_context.own);
}

/* The guard */

static gboolean
guard_prepare (GSource *guard,
               gint    *timeout)
{
  *timeout = -1;
  if (default_context.adopts)
    {
      default_context.adopts = FALSE;
      take_out_all (g_source_get_context (guard));
      replace_wakeup (g_source_get_context (guard));
    }
  if (runs_along ())
    prepare_own (guard, timeout);
  return FALSE;
}

static gboolean
guard_check (GSource *guard)
{
  return runs_along () && g_main_context_check (default_context.own, default_context.priority,
                                                default_context.fds, default_context.n_fds);
}

static gboolean
guard_dispatch (GSource     *guard,
                GSourceFunc  callback,
                gpointer     data)
{
  if (runs_along ())
    g_main_context_dispatch (default_context.own);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs guard_funcs = {
  .prepare = guard_prepare,
  .check = guard_check,
  .dispatch = guard_dispatch,
};

static GSourceFuncs mark_funcs = { .prepare = NULL };

/* In the parent */

/* A fork of the process that had it has a copy, with the guard, and nobody that uses it. */
PCALL_CHILD_CODE static void
forked (void)
{
  memset (&default_context.lock, 0, sizeof default_context.lock);
  default_context.n_users = 0;
}

__attribute__ ((constructor)) static void
register_fork_handler (void)
{
  pthread_atfork (NULL, NULL, forked);
}

/* GLib ends the process where it gets no descriptor for a main context, and whether there is one
 * cannot be asked. */
static gboolean
can_have_default (void)
{
  int probe = eventfd (0, EFD_CLOEXEC);

  if (probe < 0)
    return FALSE;
  close (probe);
  return TRUE;
}

static GSource *
make_guard (void)
{
  GSource *guard = g_source_new (&guard_funcs, sizeof (GSource));

  g_source_set_static_name (guard, "[pcall] children's default context");
  g_source_set_priority (guard, G_MININT);
  g_source_attach (guard, NULL);
  return guard;
}

void
pcall_main_context_hold (void)
{
  g_mutex_lock (&default_context.lock);
  if (default_context.n_users++ == 0 && default_context.guard == NULL && can_have_default ())
    default_context.guard = make_guard ();
  g_mutex_unlock (&default_context.lock);
}

/* A child needs the guard for itself. */
void
pcall_main_context_release (void)
{
  g_mutex_lock (&default_context.lock);
  if (default_context.n_users > 0 && --default_context.n_users == 0 &&
      default_context.guard != NULL && default_context.own == NULL)
    {
      g_source_destroy (default_context.guard);
      g_clear_pointer (&default_context.guard, g_source_unref);
    }
  g_mutex_unlock (&default_context.lock);
}

/* Its number is higher than those of all sources that are there. */
static guint
mark_sources (void)
{
  GSource *source = g_source_new (&mark_funcs, sizeof (GSource));
  guint mark = g_source_attach (source, NULL);

  g_source_destroy (source);
  g_source_unref (source);
  return mark;
}

guint
pcall_main_context_mark (void)
{
  GMainContext *context = g_main_context_default ();
  guint mark;

  if (default_context.guard == NULL || !g_main_context_acquire (context))
    return 0;

  mark = mark_sources ();
  g_main_context_release (context);
  return mark;
}

/* In the child */

/* An owner that is not there any more. GLib says in its sources that others release for their
 * owners. */
static void
release_for_lost_thread (GMainContext *context)
{
  while (!g_main_context_acquire (context))
    g_main_context_release (context);
  g_main_context_release (context);
}

/* Ready before any other source is asked. */
static gboolean
probe_prepare (GSource *probe,
               gint    *timeout)
{
  *timeout = 0;
  return TRUE;
}

static GSourceFuncs probe_funcs = { .prepare = probe_prepare };

static void
die_as_of_lock (const char     *domain,
                GLogLevelFlags  level,
                const char     *message,
                gpointer        data)
{
  raise (SIGALRM);
}

/* While GLib asks a source it counts that, and warns of who begins a step meanwhile. To begin one
 * is the only way to see what was counted. */
static void
begin_step (GMainContext *context)
{
  const GLogLevelFlags levels = G_LOG_LEVEL_WARNING | G_LOG_FLAG_FATAL | G_LOG_FLAG_RECURSION;
  GSource *probe = g_source_new (&probe_funcs, sizeof (GSource));
  guint handler = g_log_set_handler ("GLib", levels, die_as_of_lock, NULL);
  gint priority;

  g_source_set_priority (probe, G_MININT);
  g_source_attach (probe, context);
  g_main_context_prepare (context, &priority);
  g_source_destroy (probe);
  g_source_unref (probe);
  g_log_remove_handler ("GLib", handler);
}

/* Where this thread runs the context itself, no other was in it. */
void
pcall_main_context_try (void)
{
  GMainContext *context = g_main_context_default ();

  if (default_context.guard == NULL || g_main_context_is_owner (context))
    return;

  release_for_lost_thread (context);
  begin_step (context);
}

PCALL_CHILD_CODE void
pcall_main_context_adopt (GMainContext *own,
                          guint         mark)
{
  if (default_context.guard == NULL)
    return;

  if (mark == 0)
    release_for_lost_thread (g_main_context_default ());
  default_context.own = own;
  default_context.mark = mark != 0 ? mark : mark_sources ();
  default_context.adopts = TRUE;
}
