/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-engine-private.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "pcall-error.h"
#include "base/pcall-fd-private.h"

/* One epoll descriptor.
 *
 * What is ready is drained into an array first and called second. A callback may unwatch anything:
 * that is struck out of the array.
 *
 * Whoever waits may do so while others dispatch, and so it only learns that something is ready.
 * What was ready may be dealt with before it looks; then it is woken by a descriptor of its own.
 *
 * Timers stand in a balanced tree, the first of them in a timerfd. Setting the timerfd back costs
 * a system call for each timer that is unset in time, which is nearly all of them; so it is left
 * as it is, and an expiry that finds nothing due sets it anew.
 *
 * What is watched may be closed by something else in this program (closefrom(), a descriptor that
 * is closed twice), and so may the engine's own descriptors. epoll says nothing of that, or goes on
 * telling of what is gone where a forked child has a copy. Once it notices, the engine is blind: it
 * calls all that is watched every few milliseconds, and who is called finds out what there is, or
 * that its descriptor is gone. So it does where a filter refuses a system call that it needs.
 *
 * epoll instances are shared with forked children. A child must not call anything here but
 * pcall_engine_unref(), which only closes. */

#define BATCH_SIZE 64

/* Who waits already has the files that were there, and hears of none that has taken their place. */
#define LOOK_MS 1000

typedef struct
{
  struct epoll_event events[BATCH_SIZE];
  int                n_events;
} Batch;

struct _PcallEngine
{
  gatomicrefcount ref_count;
  int             epoll_fd;
  int             timer_fd;
  int             wake_fd;
  int             blind; /* atomic */
  PcallWatch      timer_watch;
  GQueue          watches; /* those that are active */
  GSequence      *timers;
  gint64          armed; /* when the timerfd expires; G_MAXINT64 if it does not */
  Batch          *batch; /* that is being worked through */
};

static gint
compare_timers (gconstpointer a,
                gconstpointer b,
                gpointer      data)
{
  gint64 due_a = ((const PcallTimer *) a)->due;
  gint64 due_b = ((const PcallTimer *) b)->due;

  return (due_a > due_b) - (due_a < due_b);
}

void
pcall_engine_go_blind (PcallEngine *self,
                       const char  *why,
                       int          fd)
{
  int saved_errno = errno;

  if (!g_atomic_int_compare_and_exchange (&self->blind, FALSE, TRUE))
    return;
  if (pcall_fd_is_refusal (saved_errno))
    g_critical ("%s: %s: a filter of system calls does not let it pass", why,
                g_strerror (saved_errno));
  else
    g_critical ("%s: %s: descriptor %d was closed by something else in this program", why,
                g_strerror (saved_errno), fd);
}

gboolean
pcall_engine_is_blind (PcallEngine *self)
{
  return g_atomic_int_get (&self->blind);
}

/* Setting it takes back what has expired; 0 is never. */
static gboolean
set_timer_fd (PcallEngine *self,
              gint64       due)
{
  struct itimerspec when = {
    .it_value = { .tv_sec = due / G_USEC_PER_SEC, .tv_nsec = due % G_USEC_PER_SEC * 1000 },
  };

  return timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0;
}

static void
arm (PcallEngine *self,
     gint64       due)
{
  if (due >= self->armed)
    return;

  if (set_timer_fd (self, due))
    self->armed = due;
  else
    pcall_engine_go_blind (self, "timerfd_settime", self->timer_fd);
}

static PcallTimer *
first_timer (PcallEngine *self)
{
  GSequenceIter *first = g_sequence_get_begin_iter (self->timers);

  return g_sequence_iter_is_end (first) ? NULL : g_sequence_get (first);
}

static void
arm_first (PcallEngine *self)
{
  PcallTimer *timer = first_timer (self);

  if (timer != NULL)
    arm (self, timer->due);
}

static void
call_timers (PcallEngine *self)
{
  gint64 now = g_get_monotonic_time ();
  PcallTimer *timer;

  while ((timer = first_timer (self)) != NULL && timer->due <= now)
    {
      pcall_engine_unset_timer (self, timer);
      timer->func (timer->data);
    }
}

static void
timer_expired (gpointer data,
               guint32  events)
{
  PcallEngine *self = data;

  /* Not read: what is there now may be another file, from which nothing comes. */
  if (!set_timer_fd (self, 0))
    pcall_engine_go_blind (self, "timerfd_settime", self->timer_fd);
  self->armed = G_MAXINT64;
  call_timers (self);
  arm_first (self);
}

static void
engine_free (PcallEngine *self)
{
  g_assert (self->batch == NULL);

  g_clear_pointer (&self->timers, g_sequence_free);
  pcall_fd_clear (&self->wake_fd);
  pcall_fd_clear (&self->timer_fd);
  pcall_fd_clear (&self->epoll_fd);
  g_free (self);
}

static gboolean
check_descriptor (int         fd,
                  const char *call,
                  GError    **error)
{
  int saved_errno = errno;

  if (fd >= 0)
    return TRUE;

  g_set_error (error, PCALL_ERROR, PCALL_ERROR_START, "%s: %s", call, g_strerror (saved_errno));
  errno = saved_errno;
  return FALSE;
}

PcallEngine *
pcall_engine_new (GError **error)
{
  g_autoptr (PcallEngine) self = g_new0 (PcallEngine, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->epoll_fd = self->timer_fd = self->wake_fd = -1;
  self->armed = G_MAXINT64;
  self->timers = g_sequence_new (NULL);

  self->epoll_fd = pcall_fd_lift (epoll_create1 (EPOLL_CLOEXEC));
  if (!check_descriptor (self->epoll_fd, "epoll_create1", error))
    return NULL;
  self->timer_fd = pcall_fd_lift (timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!check_descriptor (self->timer_fd, "timerfd_create", error))
    return NULL;
  self->wake_fd = pcall_fd_lift (eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!check_descriptor (self->wake_fd, "eventfd", error))
    return NULL;

  if (!pcall_engine_watch (self, &self->timer_watch, self->timer_fd, EPOLLIN, timer_expired, self,
                           error))
    return NULL;

  return g_steal_pointer (&self);
}

PcallEngine *
pcall_engine_ref (PcallEngine *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_engine_unref (PcallEngine *self)
{
  if (g_atomic_ref_count_dec (&self->ref_count))
    engine_free (self);
}

gboolean
pcall_engine_watch (PcallEngine   *self,
                    PcallWatch    *watch,
                    int            fd,
                    guint32        events,
                    PcallWatchFunc func,
                    gpointer       data,
                    GError       **error)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  g_assert (watch->engine == NULL);

  /* A blind engine calls it all the same. */
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 && !pcall_engine_is_blind (self))
    return check_descriptor (-1, "epoll_ctl", error);

  *watch = (PcallWatch) {
    .engine = self,
    .fd = fd,
    .events = events,
    .func = func,
    .data = data,
    .link.data = watch,
  };
  g_queue_push_head_link (&self->watches, &watch->link);
  return TRUE;
}

void
pcall_engine_unwatch (PcallEngine *self,
                      PcallWatch  *watch)
{
  if (watch->engine == NULL)
    return;

  watch->engine = NULL;
  g_queue_unlink (&self->watches, &watch->link);
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL) < 0)
    pcall_engine_go_blind (self, "epoll_ctl", watch->fd);

  for (int i = 0; self->batch != NULL && i < self->batch->n_events; i++)
    if (self->batch->events[i].data.ptr == watch)
      self->batch->events[i].data.ptr = NULL;
}

void
pcall_engine_rewatch (PcallEngine *self,
                      PcallWatch  *watch,
                      guint32      events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  g_assert (watch->engine == self);
  watch->events = events;
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) < 0)
    pcall_engine_go_blind (self, "epoll_ctl", watch->fd);
}

void
pcall_engine_set_timer (PcallEngine   *self,
                        PcallTimer    *timer,
                        gint64         due,
                        PcallTimerFunc func,
                        gpointer       data)
{
  pcall_engine_unset_timer (self, timer);

  /* Zero would disarm, and less is no time. */
  timer->due = MAX (due, 1);
  timer->func = func;
  timer->data = data;
  timer->position = g_sequence_insert_sorted (self->timers, timer, compare_timers, NULL);
  arm (self, timer->due);
}

void
pcall_engine_unset_timer (PcallEngine *self,
                          PcallTimer  *timer)
{
  g_clear_pointer (&timer->position, g_sequence_remove);
}

void
pcall_engine_wake (PcallEngine *self)
{
  guint64 one = 1;

  /* EAGAIN: it is as awake as can be. */
  while (write (self->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

int
pcall_engine_get_fd (PcallEngine *self)
{
  return self->epoll_fd;
}

static int
milliseconds_until (gint64 until)
{
  gint64 left;

  if (until < 0)
    return -1;

  left = until - g_get_monotonic_time ();
  return CLAMP ((left + 999) / 1000, 0, G_MAXINT);
}

static gboolean
take_wake (PcallEngine *self)
{
  guint64 number;
  gssize n = read (self->wake_fd, &number, sizeof number);

  return n == sizeof number || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* FALSE where nothing came. The timer is asked for nothing but whether it is open. */
static gboolean
wait_for_descriptors (PcallEngine *self,
                      int          limit_ms)
{
  struct pollfd fds[] = {
    { .fd = self->epoll_fd, .events = POLLIN },
    { .fd = self->wake_fd, .events = POLLIN },
    { .fd = self->timer_fd },
  };
  int n = poll (fds, G_N_ELEMENTS (fds), limit_ms);

  if (n < 0 && errno != EINTR)
    pcall_engine_go_blind (self, "poll", self->epoll_fd);
  /* A signal ends the wait early, like anything else that ends it without an event. */
  if (n <= 0)
    return n < 0;

  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    if (fds[i].revents & POLLNVAL)
      {
        errno = EBADF;
        pcall_engine_go_blind (self, "poll", fds[i].fd);
        return TRUE;
      }
  if (fds[1].revents != 0 && !take_wake (self))
    pcall_engine_go_blind (self, "eventfd", self->wake_fd);
  return TRUE;
}

/* Whether epoll knows the timer: it is told of it what it was told before. */
static void
look_at_descriptors (PcallEngine *self)
{
  struct epoll_event event = { .events = self->timer_watch.events,
                               .data.ptr = &self->timer_watch };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, self->timer_fd, &event) < 0)
    pcall_engine_go_blind (self, "epoll_ctl", self->epoll_fd);
}

void
pcall_engine_wait (PcallEngine *self,
                   gint64       until)
{
  int limit_ms = milliseconds_until (until);

  while (!pcall_engine_is_blind (self))
    {
      gboolean is_last = limit_ms >= 0 && limit_ms <= LOOK_MS;

      if (wait_for_descriptors (self, is_last ? limit_ms : LOOK_MS) || is_last)
        return;
      look_at_descriptors (self);
      limit_ms = milliseconds_until (until);
    }
  g_usleep (limit_ms < 0 ? PCALL_ENGINE_PAUSE_US : MIN (limit_ms * 1000, PCALL_ENGINE_PAUSE_US));
}

void
pcall_engine_stay_ready (PcallEngine *self)
{
  /* Nobody reads from it any more. */
  arm (self, 1);
}

/* Each is called, whether or not it has something to do. A loop that watches the descriptor comes
 * again by the timer, where that is still there. */
static void
dispatch_blindly (PcallEngine *self)
{
  g_autoptr (GList) watches = g_list_copy (self->watches.head);

  for (GList *l = watches; l != NULL; l = l->next)
    {
      PcallWatch *watch = l->data;

      if (watch != &self->timer_watch && g_queue_find (&self->watches, watch) != NULL &&
          watch->events != 0)
        watch->func (watch->data, watch->events);
    }
  call_timers (self);
  set_timer_fd (self, g_get_monotonic_time () + PCALL_ENGINE_PAUSE_US);
}

/* Where the number of this engine's has become another engine's, events are for that. */
static gboolean
is_ours (PcallEngine *self,
         const Batch *batch)
{
  for (int i = 0; i < batch->n_events; i++)
    if (((const PcallWatch *) batch->events[i].data.ptr)->engine != self)
      {
        errno = EBADF;
        return FALSE;
      }
  return TRUE;
}

static void
take_events (PcallEngine *self,
             Batch       *batch,
             int          size)
{
  while ((batch->n_events = epoll_wait (self->epoll_fd, batch->events, size, 0)) < 0 &&
         errno == EINTR)
    ;
  if (batch->n_events < 0 || !is_ours (self, batch))
    pcall_engine_go_blind (self, "epoll_wait", self->epoll_fd);
}

gboolean
pcall_engine_dispatch (PcallEngine *self,
                       guint        most)
{
  Batch batch;

  g_assert (self->batch == NULL);

  if (!pcall_engine_is_blind (self))
    take_events (self, &batch, MIN (most, BATCH_SIZE));
  if (pcall_engine_is_blind (self))
    {
      dispatch_blindly (self);
      return FALSE;
    }

  self->batch = &batch;
  for (int i = 0; i < batch.n_events; i++)
    {
      PcallWatch *watch = batch.events[i].data.ptr;

      if (watch != NULL)
        watch->func (watch->data, batch.events[i].events);
    }
  self->batch = NULL;

  return batch.n_events > 0;
}
