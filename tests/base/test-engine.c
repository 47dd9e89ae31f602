/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The engine by itself: pipes stand for children. What its users rely on is that nothing which was
 * unwatched or unset is called any more, from wherever that was done. */

#include <errno.h>
#include <gio/gio.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <pcall-glib/base/pcall-engine-private.h>

#include "task-support.h"

#define SOON (g_get_monotonic_time () + SUPPORT_LIMIT_S * G_USEC_PER_SEC)

static PcallEngine *
new_engine (void)
{
  g_autoptr (GError) error = NULL;
  PcallEngine *engine = pcall_engine_new (&error);

  g_assert_no_error (error);
  g_assert_nonnull (engine);
  return engine;
}

static gboolean
is_ready (PcallEngine *engine)
{
  struct pollfd ready = { .fd = pcall_engine_get_fd (engine), .events = POLLIN };

  return poll (&ready, 1, 0) == 1;
}

/* A watched pipe that counts its calls */

typedef struct _Watched Watched;

struct _Watched
{
  PcallEngine *engine;
  PcallWatch watch;
  SupportPipe pipe;
  guint n_calls;
  guint32 events;
  Watched *other;
};

static void
count_and_read (gpointer data, guint32 events)
{
  Watched *self = data;

  g_atomic_int_inc (&self->n_calls); /* another thread looks */
  self->events = events;
  support_pipe_get (&self->pipe);
}

static void
count_only (gpointer data, guint32 events)
{
  ((Watched *) data)->n_calls++;
}

static void
watched_init (Watched *self, PcallEngine *engine, PcallWatchFunc func)
{
  g_autoptr (GError) error = NULL;
  gboolean watched;

  *self = (Watched){ .engine = engine };
  support_pipe_open (&self->pipe);
  watched = pcall_engine_watch (engine, &self->watch, self->pipe.read_fd, EPOLLIN, func, self,
                                &error);
  g_assert_no_error (error);
  g_assert_true (watched);
}

static void
watched_clear (Watched *self)
{
  pcall_engine_unwatch (self->engine, &self->watch);
  support_pipe_close (&self->pipe);
}

static void
test_watch (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched a, b;

  watched_init (&a, engine, count_and_read);
  watched_init (&b, engine, count_and_read);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls, ==, 0);
  g_assert_false (is_ready (engine));

  support_pipe_put (&a.pipe, 0);
  g_assert_true (is_ready (engine));
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls, ==, 1);
  g_assert_cmpuint (a.events, ==, EPOLLIN);
  g_assert_cmpuint (b.n_calls, ==, 0);
  g_assert_false (is_ready (engine));

  watched_clear (&a);
  watched_clear (&b);
}

/* As long as it is ready it is called, and not after it was unwatched. */
static void
test_until_unwatched (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched a;

  watched_init (&a, engine, count_only);
  support_pipe_put (&a.pipe, 0);
  for (int i = 0; i < 5; i++)
    pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls, ==, 5);

  pcall_engine_unwatch (engine, &a.watch);
  pcall_engine_unwatch (engine, &a.watch);
  g_assert_false (is_ready (engine));
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls, ==, 5);

  watched_clear (&a);
}

static void
test_watch_fails (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (GError) error = NULL;
  PcallWatch watch = { 0 };

  g_assert_false (
      pcall_engine_watch (engine, &watch, 987654, EPOLLIN, count_only, NULL, &error));
  g_assert_error (error, PCALL_ERROR, PCALL_ERROR_START);
  g_assert_nonnull (strstr (error->message, "epoll_ctl"));
  g_assert_null (watch.engine);
}

/* Each unwatches the other: only one of them is called, whichever it is. */
static void
unwatch_other (gpointer data, guint32 events)
{
  Watched *self = data;

  self->n_calls++;
  pcall_engine_unwatch (self->engine, &self->other->watch);
}

static void
test_unwatch_sibling (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched a, b;

  watched_init (&a, engine, unwatch_other);
  watched_init (&b, engine, unwatch_other);
  a.other = &b;
  b.other = &a;
  support_pipe_put (&a.pipe, 0);
  support_pipe_put (&b.pipe, 0);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls + b.n_calls, ==, 1);

  watched_clear (&a);
  watched_clear (&b);
}

/* The same, where the other is gone altogether, and its memory used for something else. */
static Watched *survivor;

static void
free_other (gpointer data, guint32 events)
{
  Watched *self = data;

  survivor = self;
  if (self->other == NULL)
    return;
  self->other->other = NULL;
  watched_clear (self->other);
  memset (self->other, 0xff, sizeof *self->other);
  g_clear_pointer (&self->other, g_free);
}

static void
test_free_sibling (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched *a = g_new (Watched, 1);
  Watched *b = g_new (Watched, 1);
  Watched third;

  watched_init (a, engine, free_other);
  watched_init (b, engine, free_other);
  watched_init (&third, engine, count_and_read);
  a->other = b;
  b->other = a;
  support_pipe_put (&a->pipe, 0);
  support_pipe_put (&b->pipe, 0);
  support_pipe_put (&third.pipe, 0);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (third.n_calls, ==, 1);

  watched_clear (&third);
  watched_clear (survivor);
  g_clear_pointer (&survivor, g_free);
}

/* Unwatches itself and watches again, under the same structure, for another descriptor. */
static void
rewatch (gpointer data, guint32 events)
{
  Watched *self = data;
  gboolean watched;

  self->n_calls++;
  pcall_engine_unwatch (self->engine, &self->watch);
  support_pipe_put (&self->other->pipe, 0);
  watched = pcall_engine_watch (self->engine, &self->watch, self->other->pipe.read_fd, EPOLLIN,
                                count_only, self->other, NULL);
  g_assert_true (watched);
}

static void
test_rewatch (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched a;
  Watched other = { 0 };

  support_pipe_open (&other.pipe);
  watched_init (&a, engine, rewatch);
  a.other = &other;
  support_pipe_put (&a.pipe, 0);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls, ==, 1);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (a.n_calls, ==, 1);
  g_assert_cmpuint (other.n_calls, ==, 1);

  watched_clear (&a);
  support_pipe_close (&other.pipe);
}

/* More than one batch holds: all have their turn, also where the first ones stay ready. */
static void
test_many (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autofree Watched *watched = g_new (Watched, 300);

  for (guint i = 0; i < 300; i++)
    {
      watched_init (&watched[i], engine, count_only);
      support_pipe_put (&watched[i].pipe, 0);
    }
  for (guint i = 0; i < 300; i++)
    pcall_engine_dispatch (engine, G_MAXUINT);
  for (guint i = 0; i < 300; i++)
    {
      g_assert_cmpuint (watched[i].n_calls, >, 0);
      g_assert_cmpuint (watched[i].n_calls, <=, 300);
      watched_clear (&watched[i]);
    }
}

/* Timers */

typedef struct _Timed Timed;

struct _Timed
{
  PcallEngine *engine;
  PcallTimer timer;
  char name;
  GString *order;
  Timed *other;
};

static void
add_name (gpointer data)
{
  Timed *self = data;

  g_string_append_c (self->order, self->name);
}

static void
set_timer (Timed *self, gint64 due, PcallTimerFunc func)
{
  pcall_engine_set_timer (self->engine, &self->timer, due, func, self);
}

static void
dispatch_until (PcallEngine *engine, GString *order, gsize length)
{
  gint64 limit = SOON;

  while (order->len < length)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, limit);
      pcall_engine_wait (engine, limit);
      pcall_engine_dispatch (engine, G_MAXUINT);
    }
}

static void
test_timers (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (GString) order = g_string_new (NULL);
  gint64 now = g_get_monotonic_time ();
  Timed timers[5];

  for (gsize i = 0; i < G_N_ELEMENTS (timers); i++)
    timers[i] = (Timed){ .engine = engine, .name = 'a' + i, .order = order };
  set_timer (&timers[3], now + 40000, add_name);
  set_timer (&timers[1], now + 20000, add_name);
  set_timer (&timers[0], now + 10000, add_name);
  set_timer (&timers[4], now + 20000, add_name);
  set_timer (&timers[2], now + 30000, add_name);
  /* One moves back, one goes. */
  set_timer (&timers[0], now + 50000, add_name);
  pcall_engine_unset_timer (engine, &timers[2].timer);
  pcall_engine_unset_timer (engine, &timers[2].timer);

  dispatch_until (engine, order, 4);
  g_assert_cmpstr (order->str, ==, "beda");
  g_assert_cmpint (g_get_monotonic_time (), >=, now + 50000);
  pcall_engine_wait (engine, g_get_monotonic_time () + 1000);
  g_assert_false (pcall_engine_dispatch (engine, G_MAXUINT));
  g_assert_cmpstr (order->str, ==, "beda");
}

/* Times that have passed, also before there was a clock */
static void
test_timers_passed (void)
{
  static const gint64 times[] = { 1, 0, -1, G_MININT64 };

  for (gsize i = 0; i < G_N_ELEMENTS (times); i++)
    {
      g_autoptr (PcallEngine) engine = new_engine ();
      g_autoptr (GString) order = g_string_new (NULL);
      Timed timed = { .engine = engine, .name = 'a', .order = order };

      set_timer (&timed, times[i], add_name);
      dispatch_until (engine, order, 1);
    }
}

/* A timer that was forgotten before its time leaves a wake-up, which is for nothing, once. */
static void
test_timers_unset (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (GString) order = g_string_new (NULL);
  Timed a = { .engine = engine, .name = 'a', .order = order };
  Timed b = { .engine = engine, .name = 'b', .order = order };

  set_timer (&a, g_get_monotonic_time () + 10000, add_name);
  set_timer (&b, g_get_monotonic_time () + 60000, add_name);
  pcall_engine_unset_timer (engine, &a.timer);
  dispatch_until (engine, order, 1);
  g_assert_cmpstr (order->str, ==, "b");
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_false (is_ready (engine));
}

/* What a timer does may concern the others that are due with it. */
static void
unset_other (gpointer data)
{
  Timed *self = data;

  add_name (self);
  pcall_engine_unset_timer (self->engine, &self->other->timer);
}

static void
set_again (gpointer data)
{
  Timed *self = data;

  add_name (self);
  if (self->order->len < 5)
    set_timer (self, g_get_monotonic_time (), set_again);
}

static void
test_timers_in_timers (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (GString) order = g_string_new (NULL);
  Timed a = { .engine = engine, .name = 'a', .order = order };
  Timed b = { .engine = engine, .name = 'b', .order = order, .other = &a };

  a.other = &b;
  set_timer (&a, 1, unset_other);
  set_timer (&b, 2, unset_other);
  dispatch_until (engine, order, 1);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpstr (order->str, ==, "a");

  g_string_truncate (order, 0);
  set_timer (&b, 1, set_again);
  dispatch_until (engine, order, 5);
  g_assert_cmpstr (order->str, ==, "bbbbb");
}

/* Waking and waiting */

static gpointer
wake_in_thread (gpointer data)
{
  pcall_engine_wake (data);
  return NULL;
}

/* A wake-up ends the wait, whether it comes before or after its beginning, and nothing is ready. */
static void
test_wake (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  GThread *thread = g_thread_new ("waker", wake_in_thread, engine);
  gint64 begun = g_get_monotonic_time ();

  pcall_engine_wait (engine, -1);
  g_thread_join (thread);
  g_assert_false (is_ready (engine));
  g_assert_false (pcall_engine_dispatch (engine, G_MAXUINT));

  /* Many are one. */
  for (int i = 0; i < 1000; i++)
    pcall_engine_wake (engine);
  pcall_engine_wait (engine, -1);
  begun = g_get_monotonic_time ();
  pcall_engine_wait (engine, begun + 5000);
  g_assert_cmpint (g_get_monotonic_time (), >=, begun + 5000);
}

/* What another thread has dealt with does not end the wait; its wake-up does. */
static gpointer
steal_and_wake (gpointer data)
{
  Watched *self = data;

  support_pipe_put (&self->pipe, 0);
  while (!pcall_engine_dispatch (self->engine, G_MAXUINT))
    ;
  pcall_engine_wake (self->engine);
  return NULL;
}

static void
test_stolen (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched a;

  watched_init (&a, engine, count_and_read);
  for (guint i = 1; i <= 100; i++)
    {
      GThread *thread = g_thread_new ("thief", steal_and_wake, &a);

      while ((guint) g_atomic_int_get (&a.n_calls) < i)
        pcall_engine_wait (engine, -1);
      g_thread_join (thread);
    }
  watched_clear (&a);
}

static void
test_wait (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  gint64 begun = g_get_monotonic_time ();
  gint64 limit = begun + 30000;

  pcall_engine_wait (engine, 0);
  pcall_engine_wait (engine, 1);
  pcall_engine_wait (engine, begun);
  while (g_get_monotonic_time () < limit)
    pcall_engine_wait (engine, limit);
  g_assert_cmpint (g_get_monotonic_time (), <, limit + 30 * G_USEC_PER_SEC);
}

/* For who watches the descriptor of what has ended. */
static void
test_stay_ready (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (GString) order = g_string_new (NULL);
  Timed timed = { .engine = engine, .name = 'a', .order = order };

  g_assert_false (is_ready (engine));
  pcall_engine_stay_ready (engine);
  g_assert_true (is_ready (engine));
  set_timer (&timed, G_MAXINT64, add_name);
  pcall_engine_stay_ready (engine);
  pcall_engine_wait (engine, -1);
  g_assert_true (is_ready (engine));
  pcall_engine_unset_timer (engine, &timed.timer);
}

/* Somebody else closed what is watched: that is told, and the engine goes on. */
static void
test_closed_by_others (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  Watched a, b;

  watched_init (&a, engine, count_and_read);
  watched_init (&b, engine, count_and_read);
  g_assert_no_errno (close (a.pipe.read_fd));
  support_expect_log ();
  pcall_engine_unwatch (engine, &a.watch);
  support_assert_logged ("CRITICAL: epoll_ctl: *: descriptor * was closed by something else *");
  g_assert_null (a.watch.engine);
  g_assert_true (pcall_engine_is_blind (engine));

  support_pipe_put (&b.pipe, 0);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (b.n_calls, ==, 1);

  g_assert_no_errno (close (a.pipe.write_fd));
  watched_clear (&b);
}

/* It is the engine's own. Timers and watches go on, and waiting takes its time. */
static void
test_own_closed_by_others (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (GString) order = g_string_new (NULL);
  Timed timed = { .engine = engine, .name = 'a', .order = order };
  int fd = dup (pcall_engine_get_fd (engine));
  Watched watched;
  gint64 begun;

  watched_init (&watched, engine, count_and_read);
  g_assert_no_errno (close (pcall_engine_get_fd (engine)));
  support_expect_log ();
  pcall_engine_wait (engine, -1);
  support_assert_logged ("CRITICAL: poll: *: descriptor * was closed by something else *");

  support_pipe_put (&watched.pipe, 0);
  set_timer (&timed, 1, add_name);
  pcall_engine_dispatch (engine, G_MAXUINT);
  g_assert_cmpuint (watched.n_calls, ==, 1);
  g_assert_cmpstr (order->str, ==, "a");

  begun = g_get_monotonic_time ();
  pcall_engine_wait (engine, -1);
  g_assert_cmpint (g_get_monotonic_time () - begun, >=, PCALL_ENGINE_PAUSE_US);

  g_assert_no_errno (dup2 (fd, pcall_engine_get_fd (engine)));
  close (fd);
  watched_clear (&watched);
}

/* It was closed, and the number is another engine's by now: what that watches is not called. */
static void
test_number_taken (void)
{
  g_autoptr (PcallEngine) engine = new_engine ();
  g_autoptr (PcallEngine) other = new_engine ();
  int fd = dup (pcall_engine_get_fd (engine));
  Watched watched;

  watched_init (&watched, other, count_and_read);
  support_pipe_put (&watched.pipe, 0);
  g_assert_no_errno (dup2 (pcall_engine_get_fd (other), pcall_engine_get_fd (engine)));
  support_expect_log ();
  pcall_engine_dispatch (engine, G_MAXUINT);
  support_assert_logged ("CRITICAL: epoll_wait: *: descriptor * was closed by something else *");
  g_assert_cmpuint (watched.n_calls, ==, 0);
  pcall_engine_dispatch (other, G_MAXUINT);
  g_assert_cmpuint (watched.n_calls, ==, 1);

  g_assert_no_errno (dup2 (fd, pcall_engine_get_fd (engine)));
  close (fd);
  watched_clear (&watched);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  support_watch_log ();

  g_test_add_func ("/pcall/engine/watch/ready", test_watch);
  g_test_add_func ("/pcall/engine/watch/until-unwatched", test_until_unwatched);
  g_test_add_func ("/pcall/engine/watch/fails", test_watch_fails);
  g_test_add_func ("/pcall/engine/watch/closed-by-others", test_closed_by_others);
  g_test_add_func ("/pcall/engine/closed-by-others", test_own_closed_by_others);
  g_test_add_func ("/pcall/engine/number-taken", test_number_taken);
  g_test_add_func ("/pcall/engine/unwatch/sibling", test_unwatch_sibling);
  g_test_add_func ("/pcall/engine/unwatch/free-sibling", test_free_sibling);
  g_test_add_func ("/pcall/engine/unwatch/watch-again", test_rewatch);
  g_test_add_func ("/pcall/engine/many", test_many);
  g_test_add_func ("/pcall/engine/timers/order", test_timers);
  g_test_add_func ("/pcall/engine/timers/passed", test_timers_passed);
  g_test_add_func ("/pcall/engine/timers/unset", test_timers_unset);
  g_test_add_func ("/pcall/engine/timers/in-timers", test_timers_in_timers);
  g_test_add_func ("/pcall/engine/wake", test_wake);
  g_test_add_func ("/pcall/engine/stolen", test_stolen);
  g_test_add_func ("/pcall/engine/stay-ready", test_stay_ready);
  g_test_add_func ("/pcall/engine/wait", test_wait);

  return g_test_run ();
}
