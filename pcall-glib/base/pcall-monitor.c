/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "base/pcall-monitor-private.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "base/pcall-child-code-private.h"
#include "base/pcall-thread-private.h"

/* Who may do what with a task.
 *
 * There are two rights. To *enter* is to read and to change what is known of the task. One thread
 * at a time is in there, for a short while, and never calls user code: it reads from children,
 * starts others, and queues what there is to tell. Any thread may enter at any time.
 *
 * To *drive* is to tell: to call user code, in order, and to wait for the children. One thread at
 * a time drives, for as long as it likes, and steps out of the state meanwhile. Another that wants
 * to join waits for the right, and the source of a loop leaves the task alone until it has it.
 *
 * So user code never runs under a lock, and what it does to the task is done at once. Both rights
 * may be taken again by the thread that has them: user code joins, and a fork handler asks.
 *
 * But whoever has entered may need a lock of another language: a reference to an object that Python
 * knows takes Python's, and so does a fork. Who holds that lock must not wait for the monitor, and
 * nobody does but a collector, which drops the last reference to an object. So an object that is
 * disposed of while another thread has entered is left to that thread: an orphan, which it
 * disposes of when it leaves; or, where it holds the object itself, when it lets go of that. So is
 * the owner while a loop holds it and drives: it was found before it was taken out here. An orphan
 * that user code has found may be let go of when nobody comes any more: it has a keeper, a thread
 * that looks from time to time. Where it was no last reference, but g_object_run_dispose(), nobody
 * waits for one: a binding's wrapper has a reference as long as anybody else has. Such a one is
 * waited for until nobody drives, as the thread does whose user code it was.
 *
 * A fork copies a monitor in whatever state it is. The copy has one thread, which nothing can
 * hinder: so in there every right is granted, and nothing is locked. */

typedef struct _Orphan Orphan;

struct _Orphan
{
  Orphan  *next;
  GObject *object; /* a reference */
  gboolean is_held; /* somebody found it, and kept it when it was to be dropped */
  gboolean is_run;  /* it is to be disposed of whoever has a reference */
};

struct _PcallMonitor
{
  gatomicrefcount  ref_count;
  guint            generation; /* how many forks made the process that this belongs to */
  pthread_mutex_t  mutex; /* not GLib's, of which sanitizers know nothing */
  gpointer         holder;     /* who has entered; atomic */
  guint            depth;      /* how often */
  guint            n_user_code; /* how often user code was called */
  pthread_cond_t   changed;
  gpointer         driver;     /* atomic */
  guint            drive_depth;
  gpointer         owner;      /* atomic */
  gint             n_holders;  /* of the owner, by ref_owner(); atomic */
  PcallMonitorFunc update;
  gpointer         orphans;    /* a list of Orphan; atomic */
  gint             has_keeper; /* of orphans; atomic */
};

/* How often to look whether an orphan is left alone: longer than that takes, as a rule. */
#define MAX_LOOKS 200
#define LOOK_PAUSE_US 50
/* How long its keeper waits at first, and at most. */
#define KEEPER_PAUSE_US 1000
#define KEEPER_MAX_PAUSE_US (G_USEC_PER_SEC / 4)

static guint fork_generation;

/* Its address tells threads apart. */
static __thread guint user_code_depth;

static gpointer
this_thread (void)
{
  return &user_code_depth;
}

PCALL_CHILD_CODE static void
forked (void)
{
  fork_generation++;
}

__attribute__ ((constructor)) static void
register_fork_handler (void)
{
  pthread_atfork (NULL, NULL, forked);
}

static gboolean
is_copy (PcallMonitor *self)
{
  return self->generation != fork_generation;
}

/* By the clock that g_get_monotonic_time() tells. */
static void
init_cond (pthread_cond_t *cond)
{
  pthread_condattr_t attributes;

  pthread_condattr_init (&attributes);
  pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
  pthread_cond_init (cond, &attributes);
  pthread_condattr_destroy (&attributes);
}

PcallMonitor *
pcall_monitor_new (void)
{
  PcallMonitor *self = g_new0 (PcallMonitor, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->generation = fork_generation;
  pthread_mutex_init (&self->mutex, NULL);
  init_cond (&self->changed);
  return self;
}

PcallMonitor *
pcall_monitor_ref (PcallMonitor *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_monitor_unref (PcallMonitor *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  /* There is nothing to free for these, and a copy may have been locked by nobody who lives. */
  if (!is_copy (self))
    {
      pthread_mutex_destroy (&self->mutex);
      pthread_cond_destroy (&self->changed);
    }
  g_free (self);
}

static gboolean
is_entered_here (PcallMonitor *self)
{
  return g_atomic_pointer_get (&self->holder) == this_thread ();
}

static void
take (PcallMonitor *self,
      guint         depth)
{
  pthread_mutex_lock (&self->mutex);
  g_atomic_pointer_set (&self->holder, this_thread ());
  self->depth = depth;
}

static void
push_orphan (PcallMonitor *self,
             Orphan       *orphan)
{
  do
    orphan->next = g_atomic_pointer_get (&self->orphans);
  while (!g_atomic_pointer_compare_and_exchange (&self->orphans, orphan->next, orphan));
}

static void
push_new_orphan (PcallMonitor *self,
                 GObject      *object,
                 gboolean      is_run)
{
  Orphan *orphan = g_new0 (Orphan, 1);

  orphan->is_run = is_run;
  orphan->object = g_object_ref (object);
  push_orphan (self, orphan);
}

static void
drop_orphan (Orphan *orphan)
{
  g_object_unref (orphan->object);
  g_free (orphan);
}

static void
end_orphan (Orphan *orphan)
{
  if (orphan->is_run)
    g_object_run_dispose (orphan->object);
  drop_orphan (orphan);
}

static Orphan *
take_orphans (PcallMonitor *self)
{
  gpointer orphans = g_atomic_pointer_get (&self->orphans);

  while (!g_atomic_pointer_compare_and_exchange (&self->orphans, orphans, NULL))
    orphans = g_atomic_pointer_get (&self->orphans);
  return orphans;
}

/* An orphan's dispose() goes on in the thread that left it, for a moment. Only when that thread has
 * dropped its reference does the one that is dropped here dispose of the object again. One that is
 * known to be held is not waited for: that may take as long as its holder likes. */
static gboolean
is_left_alone (const Orphan *orphan,
               gboolean      is_held)
{
  for (guint i = 0; g_atomic_int_get ((gint *) &orphan->object->ref_count) > 1; i++)
    {
      if (is_held || i == MAX_LOOKS)
        return FALSE;
      if (i < MAX_LOOKS / 2)
        g_thread_yield ();
      else
        g_usleep (LOOK_PAUSE_US);
    }
  return TRUE;
}

/* Somebody is in the midst of something with the owner, and goes on with it. */
static gboolean
is_in_use (PcallMonitor *self)
{
  return g_atomic_int_get (&self->n_holders) > 0 || g_atomic_pointer_get (&self->driver) != NULL;
}

/* One that somebody has found meanwhile, and holds, waits for a keeper, and the owner for who holds
 * it by ref_owner(). TRUE if a keeper is needed. */
static gboolean
drop_orphans_but (PcallMonitor *self,
                  gboolean      owner_is_held,
                  gboolean      in_use)
{
  gboolean needs_keeper = FALSE;
  Orphan *next;

  for (Orphan *orphan = take_orphans (self); orphan != NULL; orphan = next)
    {
      next = orphan->next;
      if (orphan->is_run ? !in_use
                         : is_left_alone (orphan, orphan->is_held || owner_is_held))
        {
          end_orphan (orphan);
          continue;
        }
      orphan->is_held = !orphan->is_run && !owner_is_held;
      needs_keeper |= orphan->is_held;
      push_orphan (self, orphan);
    }
  return needs_keeper;
}

/* The last holder may have looked while they were taken out here. */
static gboolean
drop_all_orphans (PcallMonitor *self)
{
  gboolean owner_is_held, in_use, needs_keeper;

  do
    {
      owner_is_held = g_atomic_int_get (&self->n_holders) > 0;
      in_use = is_in_use (self);
      needs_keeper = drop_orphans_but (self, owner_is_held, in_use);
    }
  while ((owner_is_held && g_atomic_int_get (&self->n_holders) == 0) ||
         (in_use && !is_in_use (self)));
  return needs_keeper;
}

static gboolean
become_keeper (PcallMonitor *self)
{
  return g_atomic_int_compare_and_exchange (&self->has_keeper, FALSE, TRUE);
}

static gpointer
keep_orphans (gpointer monitor)
{
  g_autoptr (PcallMonitor) self = monitor;
  gulong pause = KEEPER_PAUSE_US;

  do
    {
      do
        {
          g_usleep (pause);
          pause = MIN (2 * pause, KEEPER_MAX_PAUSE_US);
          drop_all_orphans (self);
        }
      while (g_atomic_pointer_get (&self->orphans) != NULL);
      g_atomic_int_set (&self->has_keeper, FALSE);
    }
  while (g_atomic_pointer_get (&self->orphans) != NULL && become_keeper (self));
  return NULL;
}

static void
start_keeper (PcallMonitor *self)
{
  if (pcall_thread_start ("pcall-orphans", keep_orphans, pcall_monitor_ref (self), NULL))
    return;

  /* Then who leaves next has to look. */
  g_atomic_int_set (&self->has_keeper, FALSE);
  pcall_monitor_unref (self);
}

/* Each of them may be what keeps the monitor. */
static void
drop_orphans (PcallMonitor *self)
{
  g_autoptr (PcallMonitor) keep = NULL;

  if (g_atomic_pointer_get (&self->orphans) == NULL)
    return;

  keep = pcall_monitor_ref (self);
  if (drop_all_orphans (self) && become_keeper (self))
    start_keeper (self);
}

/* FALSE if somebody else has taken it, and is about to drop it. */
static gboolean
take_back_orphan (PcallMonitor *self,
                  gpointer      object)
{
  gboolean found = FALSE;
  Orphan *next;

  for (Orphan *orphan = take_orphans (self); orphan != NULL; orphan = next)
    {
      next = orphan->next;
      if (orphan->object != object)
        {
          push_orphan (self, orphan);
          continue;
        }
      drop_orphan (orphan);
      found = TRUE;
    }
  return found;
}

static guint
give (PcallMonitor *self)
{
  guint depth = self->depth;

  self->depth = 0;
  g_atomic_pointer_set (&self->holder, NULL);
  pthread_mutex_unlock (&self->mutex);
  drop_orphans (self);
  return depth;
}

void
pcall_monitor_enter (PcallMonitor *self)
{
  if (is_copy (self))
    return;
  if (is_entered_here (self))
    self->depth++;
  else
    take (self, 1);
}

void
pcall_monitor_leave (PcallMonitor *self)
{
  if (is_copy (self))
    return;

  g_assert (is_entered_here (self));
  if (--self->depth == 0)
    give (self);
}

guint
pcall_monitor_step_out (PcallMonitor *self)
{
  if (is_copy (self))
    return 0;

  g_assert (is_entered_here (self));
  return give (self);
}

void
pcall_monitor_step_in (PcallMonitor *self,
                       guint         depth)
{
  if (!is_copy (self))
    take (self, depth);
}

guint
pcall_monitor_begin_user_code (PcallMonitor *self)
{
  user_code_depth++;
  self->n_user_code++;
  return pcall_monitor_step_out (self);
}

void
pcall_monitor_end_user_code (PcallMonitor *self,
                             guint         depth)
{
  user_code_depth--;
  pcall_monitor_step_in (self, depth);
}

guint
pcall_monitor_get_n_user_code (PcallMonitor *self)
{
  return self->n_user_code;
}

gboolean
pcall_monitor_is_in_user_code (void)
{
  return user_code_depth > 0;
}

void
pcall_monitor_set_owner (PcallMonitor     *self,
                         gpointer          owner,
                         PcallMonitorFunc  update)
{
  g_atomic_pointer_set (&self->owner, owner);
  self->update = update;
}

/* Before dispose() has taken it out, another reference makes it live on. */
gpointer
pcall_monitor_ref_owner (PcallMonitor *self)
{
  gpointer owner;

  pcall_monitor_enter (self);
  if (self->owner != NULL)
    g_atomic_int_inc (&self->n_holders);
  owner = self->owner != NULL ? g_object_ref (self->owner) : NULL;
  pcall_monitor_leave (self);
  return owner;
}

/* It may have become an orphan meanwhile, and nobody else need ever enter again. This thread is
 * through with it: here it may be disposed of. */
void
pcall_monitor_unref_owner (PcallMonitor *self,
                           gpointer      owner)
{
  G_GNUC_UNUSED g_autoptr (PcallMonitor) keep = pcall_monitor_ref (self);

  g_atomic_int_add (&self->n_holders, -1);
  g_object_unref (owner);
  if (!is_copy (self))
    drop_orphans (self);
}

void
pcall_monitor_update (PcallMonitor *self)
{
  if (is_copy (self) || is_entered_here (self) || pcall_monitor_is_mine (self))
    return;

  pcall_monitor_enter (self);
  if (self->owner != NULL)
    self->update (self->owner);
  pcall_monitor_leave (self);
}

gboolean
pcall_monitor_try_enter (PcallMonitor *self)
{
  if (is_copy (self))
    return TRUE;
  if (is_entered_here (self))
    {
      self->depth++;
      return TRUE;
    }
  if (pthread_mutex_trylock (&self->mutex) != 0)
    return FALSE;

  g_atomic_pointer_set (&self->holder, this_thread ());
  self->depth = 1;
  return TRUE;
}

/* @run: who drives, or what that has called, is not through with the owner either. */
static gboolean
is_held_owner (PcallMonitor *self,
               gpointer      object,
               gboolean      run)
{
  return !is_copy (self) && object == g_atomic_pointer_get (&self->owner) &&
         (run ? is_in_use (self) : g_atomic_int_get (&self->n_holders) > 0);
}

static gboolean
try_enter_unheld (PcallMonitor *self,
                  gpointer      object,
                  gboolean      run)
{
  if (!pcall_monitor_try_enter (self))
    return FALSE;
  if (!is_held_owner (self, object, run))
    return TRUE;

  pcall_monitor_leave (self);
  return FALSE;
}

/* By g_object_run_dispose(), which has a reference beside that of its caller. Where the last one is
 * dropped there is one, and those by ref_owner(), which are counted before. */
static gboolean
is_run (PcallMonitor *self,
        gpointer      object)
{
  return object == g_atomic_pointer_get (&self->owner) &&
         g_atomic_int_get ((gint *) &G_OBJECT (object)->ref_count) >
             1 + g_atomic_int_get (&self->n_holders);
}

/* Whoever has entered looks for orphans after it has left, and who holds the owner after it has let
 * go. So they either see this one, or are through before it is tried again. */
gboolean
pcall_monitor_enter_to_dispose (PcallMonitor *self,
                                gpointer      object)
{
  gboolean run = is_run (self, object);

  while (!try_enter_unheld (self, object, run))
    {
      gboolean taken_back;

      push_new_orphan (self, object, run);
      if (is_held_owner (self, object, run) || !pcall_monitor_try_enter (self))
        return FALSE;

      taken_back = take_back_orphan (self, object);
      pcall_monitor_leave (self);
      if (!taken_back)
        return FALSE;
    }
  return TRUE;
}

gboolean
pcall_monitor_try_drive (PcallMonitor *self)
{
  if (is_copy (self))
    return TRUE;
  if (self->driver != NULL && self->driver != this_thread ())
    return FALSE;

  g_atomic_pointer_set (&self->driver, this_thread ());
  self->drive_depth++;
  return TRUE;
}

void
pcall_monitor_stop_driving (PcallMonitor *self)
{
  if (is_copy (self))
    return;

  g_assert (pcall_monitor_is_mine (self));
  if (--self->drive_depth > 0)
    return;

  g_atomic_pointer_set (&self->driver, NULL);
  pthread_cond_broadcast (&self->changed);
}

gboolean
pcall_monitor_is_driven (PcallMonitor *self)
{
  return !is_copy (self) && self->driver != NULL;
}

gboolean
pcall_monitor_is_mine (PcallMonitor *self)
{
  return is_copy (self) || g_atomic_pointer_get (&self->driver) == this_thread ();
}

static gboolean
wait_until (PcallMonitor *self,
            gint64        until)
{
  const struct timespec limit = {
    .tv_sec = until / G_USEC_PER_SEC,
    .tv_nsec = until % G_USEC_PER_SEC * 1000,
  };

  if (until < 0)
    return pthread_cond_wait (&self->changed, &self->mutex) == 0;
  return pthread_cond_timedwait (&self->changed, &self->mutex, &limit) != ETIMEDOUT;
}

gboolean
pcall_monitor_wait (PcallMonitor *self,
                    gint64        until)
{
  guint depth = self->depth;
  gboolean in_time;

  g_assert (is_entered_here (self));

  self->depth = 0;
  g_atomic_pointer_set (&self->holder, NULL);
  in_time = wait_until (self, until);
  g_atomic_pointer_set (&self->holder, this_thread ());
  self->depth = depth;
  return in_time;
}
