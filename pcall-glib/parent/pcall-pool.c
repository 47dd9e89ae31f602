/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-pool.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

#include "base/pcall-lifeline-private.h"
#include "parent/pcall-pool-private.h"
#include "start/pcall-command-private.h"

/* Workers between tasks.
 *
 * A worker belongs to the pool from when a task has no more calls for it until another task takes
 * it. Here it is idle, or it leaves: it was told that there are no more calls, and is given some
 * time to end, as a task would. What it says here is not its to say, and it is killed.
 *
 * A program may run no loop while the pool has workers, so a thread looks after them: that they are
 * reaped when they end, and end when they have been idle for long. It is there as long as there is
 * any worker.
 *
 * The core is what the thread has in common with the pool, behind a lock; it outlives the pool. The
 * engine is dispatched by the thread alone, and with the lock. In a forked copy of the process the
 * lock is in whatever state, and the workers are the parent's: there the pool is empty, and nothing
 * of the core is touched.
 *
 * The thread touches no object: a language that wraps them may take locks for that, which another
 * thread holds while it waits for ours. */

#define DEFAULT_IDLE_TIMEOUT 10.0

/* How long one that leaves may take to end by itself, and then after SIGTERM. */
#define LEAVE_US (3 * G_USEC_PER_SEC)

typedef struct
{
  gatomicrefcount ref_count;
  GMutex          lock;
  PcallEngine    *engine; /* NULL where there is no member */
  GQueue          idle;   /* Member; the first came last */
  guint           n;      /* members, those that leave too */
  gboolean        watched; /* by the thread */
  gboolean        closed;
} Core;

typedef struct
{
  Core           *core;
  PcallWarmWorker worker;
  char          **argv;    /* of its program */
  PcallTimer      timer;   /* idle: when it has been for long; leaving: when it should be gone */
  gboolean        leaving;
} Member;

struct _PcallPool
{
  GObject parent_instance;

  pid_t   owner;
  Core   *core;
  guint   max_children; /* atomic */
  gdouble idle_timeout; /* under the lock of the core */
};

typedef enum
{
  PROP_MAX_CHILDREN = 1,
  PROP_IDLE_TIMEOUT,
} PcallPoolProperty;

static GParamSpec *properties[PROP_IDLE_TIMEOUT + 1];

/**
 * PcallPool:
 *
 * Worker programs that stay when a task has ended, for the next one.
 *
 * A worker program takes a while to start: an interpreter a few hundred milliseconds. Tasks that
 * have the same pool, as [property@Pcall.Task:pool], use the workers of those before them, if these
 * have the same command line. They keep what calls have left in them: modules, caches, global
 * variables; and they have the environment and the directory that this process had when they were
 * started. A pool has no use for children that are forked.
 *
 * A worker that dies between two tasks is reaped; one that crashes in a call costs that call, and
 * another is started in its place when there is one to run. Those that have been idle for
 * [property@Pcall.Pool:idle-timeout] end, and so do all when the pool is closed or dropped, or when
 * this process ends, in whatever way.
 *
 * A task tells of a worker that has gone back to its pool as of a child that has ended, whose exit
 * status it does not know.
 *
 * ```c
 * g_autoptr (PcallPool) pool = pcall_pool_new ();
 *
 * for (guint i = 0; i < n_rounds; i++)
 *   {
 *     g_autoptr (PcallTask) task = pcall_task_new (target);
 *
 *     pcall_task_set_pool (task, pool);
 *     pcall_task_set_instance_args (task, rounds[i]);
 *     …
 *   }
 * ```
 *
 * It may be used from any thread, and by several tasks at once.
 *
 * Since: 1.0
 */
G_DEFINE_FINAL_TYPE (PcallPool, pcall_pool, G_TYPE_OBJECT)

/* The core, locked but for its references */

static Core *
core_new (void)
{
  Core *core = g_new0 (Core, 1);

  g_atomic_ref_count_init (&core->ref_count);
  g_mutex_init (&core->lock);
  return core;
}

static void
core_unref (Core *core)
{
  if (!g_atomic_ref_count_dec (&core->ref_count))
    return;

  g_assert (core->n == 0);
  g_clear_pointer (&core->engine, pcall_engine_unref);
  g_mutex_clear (&core->lock);
  g_free (core);
}

/* Forgets a member, and what it had; not its worker. */
static void
remove_member (Member *member)
{
  Core *core = member->core;

  pcall_engine_unset_timer (core->engine, &member->timer);
  g_queue_remove (&core->idle, member);
  core->n--;
  pcall_lifeline_release ();
  g_strfreev (member->argv);
  g_free (member);
}

static void
lose_patience (gpointer data)
{
  Member *member = data;

  pcall_peer_terminate (member->worker.peer, LEAVE_US);
}

static void
dismiss (gpointer data)
{
  Member *member = data;
  Core *core = member->core;

  if (member->leaving)
    return;

  member->leaving = TRUE;
  g_queue_remove (&core->idle, member);
  pcall_peer_send (member->worker.peer, PCALL_FRAME_STOP, 0, g_variant_new_tuple (NULL, 0));
  pcall_engine_set_timer (core->engine, &member->timer, g_get_monotonic_time () + LEAVE_US,
                          lose_patience, member);
}

/* What the engine tells of a worker */

static void
frame_came (const PcallFrame *frame,
            gpointer          data)
{
  Member *member = data;

  member->leaving = TRUE;
  g_queue_remove (&member->core->idle, member);
  pcall_peer_terminate (member->worker.peer, 0);
}

/* Where the call did not close it, the worker is about to end. */
static void
channel_closed (gpointer data)
{
  dismiss (data);
}

static void
worker_ended (gpointer data)
{
  Member *member = data;
  PcallPeer *peer = member->worker.peer;

  remove_member (member);
  pcall_peer_free (peer);
}

static const PcallPeerFuncs funcs = {
  .frame = frame_came,
  .closed = channel_closed,
  .ended = worker_ended,
};

/* The thread */

static gpointer
look_after (gpointer data)
{
  Core *core = data;

  g_mutex_lock (&core->lock);
  while (core->n > 0)
    {
      g_mutex_unlock (&core->lock);
      pcall_engine_wait (core->engine, -1);
      g_mutex_lock (&core->lock);
      while (pcall_engine_dispatch (core->engine, G_MAXUINT))
        ;
    }
  core->watched = FALSE;
  g_clear_pointer (&core->engine, pcall_engine_unref);
  g_mutex_unlock (&core->lock);
  core_unref (core);
  return NULL;
}

/* Signals are for the threads of the program. */
static gboolean
start_thread (Core *core)
{
  sigset_t all, before;
  GThread *thread;

  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  g_atomic_ref_count_inc (&core->ref_count);
  thread = g_thread_try_new ("pcall-pool", look_after, core, NULL);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  if (thread == NULL)
    {
      core_unref (core);
      return FALSE;
    }

  g_thread_unref (thread);
  core->watched = TRUE;
  return TRUE;
}

/* Putting and taking */

static gboolean
is_ours (PcallPool *self)
{
  return self->owner == getpid ();
}

static guint
find_room (PcallPool *self)
{
  guint told = g_atomic_int_get (&self->max_children);

  return told != 0 ? told : g_get_num_processors ();
}

/* FALSE where workers cannot be looked after; then they are for their task to end. */
static gboolean
is_open (PcallPool *self)
{
  Core *core = self->core;

  if (core->closed || core->idle.length >= find_room (self))
    return FALSE;
  if (core->engine == NULL)
    core->engine = pcall_engine_new (NULL);
  return core->engine != NULL && pcall_lifeline_hold (NULL);
}

static Member *
add_member (PcallPool       *self,
            PcallTarget     *target,
            PcallWarmWorker *worker)
{
  Core *core = self->core;
  Member *member = g_new0 (Member, 1);

  member->core = core;
  member->worker = *worker;
  member->argv = g_strdupv ((char **) pcall_command_get_argv (target));
  core->n++;
  g_queue_push_head (&core->idle, member);
  if (self->idle_timeout > 0)
    pcall_engine_set_timer (core->engine, &member->timer,
                            g_get_monotonic_time () +
                                (gint64) (MIN (self->idle_timeout, 1e9) * G_USEC_PER_SEC),
                            dismiss, member);
  return member;
}

static gboolean
put (PcallPool       *self,
     PcallTarget     *target,
     PcallWarmWorker *worker)
{
  Core *core = self->core;
  Member *member;

  if (!is_open (self))
    return FALSE;

  member = add_member (self, target, worker);
  /* The thread sees a member in any case before it ends. */
  if (!core->watched && !start_thread (core))
    {
      remove_member (member);
      g_clear_pointer (&core->engine, pcall_engine_unref);
      return FALSE;
    }
  pcall_peer_leave (worker->peer);
  if (!pcall_peer_enter (worker->peer, core->engine, &funcs, member, NULL))
    {
      /* Nobody would know of its end. */
      remove_member (member);
      pcall_peer_destroy (worker->peer);
      pcall_engine_wake (core->engine);
    }
  return TRUE;
}

gboolean
pcall_pool_put (PcallPool       *self,
                PcallTarget     *target,
                PcallWarmWorker *worker)
{
  gboolean took;

  if (!is_ours (self) || !pcall_peer_is_quiet (worker->peer))
    return FALSE;

  g_mutex_lock (&self->core->lock);
  took = put (self, target, worker);
  g_mutex_unlock (&self->core->lock);
  return took;
}

static Member *
find_member (Core        *core,
             PcallTarget *target)
{
  const char * const *argv = pcall_command_get_argv (target);

  for (GList *l = core->idle.head; l != NULL; l = l->next)
    {
      Member *member = l->data;

      if (pcall_peer_is_quiet (member->worker.peer) &&
          g_strv_equal ((const char * const *) member->argv, argv))
        return member;
    }
  return NULL;
}

gboolean
pcall_pool_take (PcallPool       *self,
                 PcallTarget     *target,
                 PcallWarmWorker *worker)
{
  Core *core = self->core;
  Member *member;

  if (!is_ours (self))
    return FALSE;

  g_mutex_lock (&core->lock);
  member = find_member (core, target);
  if (member != NULL)
    {
      *worker = member->worker;
      pcall_peer_leave (worker->peer);
      remove_member (member);
      pcall_engine_wake (core->engine);
    }
  g_mutex_unlock (&core->lock);
  return member != NULL;
}

/* GObject */

static void
pcall_pool_finalize (GObject *object)
{
  PcallPool *self = PCALL_POOL (object);

  if (is_ours (self))
    {
      pcall_pool_close (self);
      core_unref (self->core);
    }

  G_OBJECT_CLASS (pcall_pool_parent_class)->finalize (object);
}

static void
pcall_pool_get_property (GObject    *object,
                         guint       prop_id,
                         GValue     *value,
                         GParamSpec *pspec)
{
  PcallPool *self = PCALL_POOL (object);

  switch ((PcallPoolProperty) prop_id)
    {
    case PROP_MAX_CHILDREN:
      g_value_set_uint (value, pcall_pool_get_max_children (self));
      break;
    case PROP_IDLE_TIMEOUT:
      g_value_set_double (value, pcall_pool_get_idle_timeout (self));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_pool_set_property (GObject      *object,
                         guint         prop_id,
                         const GValue *value,
                         GParamSpec   *pspec)
{
  PcallPool *self = PCALL_POOL (object);

  switch ((PcallPoolProperty) prop_id)
    {
    case PROP_MAX_CHILDREN:
      pcall_pool_set_max_children (self, g_value_get_uint (value));
      break;
    case PROP_IDLE_TIMEOUT:
      pcall_pool_set_idle_timeout (self, g_value_get_double (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_pool_class_init (PcallPoolClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->finalize = pcall_pool_finalize;
  object_class->get_property = pcall_pool_get_property;
  object_class->set_property = pcall_pool_set_property;

  /**
   * PcallPool:max-children: (getter get_max_children) (setter set_max_children)
   *
   * How many workers the pool keeps, and how many children a task that has the pool may have at
   * once, unless it says so itself; 0 for as many as there are processors.
   *
   * Since: 1.0
   */
  properties[PROP_MAX_CHILDREN] =
      g_param_spec_uint ("max-children", NULL, NULL, 0, G_MAXUINT, 0, flags);

  /**
   * PcallPool:idle-timeout: (getter get_idle_timeout) (setter set_idle_timeout)
   *
   * How long a worker stays without a call, in seconds; 0 for as long as the pool does.
   *
   * Since: 1.0
   */
  properties[PROP_IDLE_TIMEOUT] = g_param_spec_double ("idle-timeout", NULL, NULL, 0.0, G_MAXDOUBLE,
                                                       DEFAULT_IDLE_TIMEOUT, flags);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
pcall_pool_init (PcallPool *self)
{
  self->owner = getpid ();
  self->core = core_new ();
  self->idle_timeout = DEFAULT_IDLE_TIMEOUT;
}

/**
 * pcall_pool_new:
 *
 * Makes a pool, which has no worker yet: the tasks that have it bring theirs.
 *
 * Returns: (transfer full): the pool
 *
 * Since: 1.0
 */
PcallPool *
pcall_pool_new (void)
{
  return g_object_new (PCALL_TYPE_POOL, NULL);
}

/**
 * pcall_pool_set_max_children:
 * @self: a pool
 * @max_children: the number, 0 for as many as there are processors
 *
 * Sets how many workers the pool keeps, see [property@Pcall.Pool:max-children]. It holds for
 * workers that come from now on.
 *
 * Since: 1.0
 */
void
pcall_pool_set_max_children (PcallPool *self,
                             guint      max_children)
{
  g_return_if_fail (PCALL_IS_POOL (self));

  if ((guint) g_atomic_int_get (&self->max_children) == max_children)
    return;

  g_atomic_int_set (&self->max_children, max_children);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_CHILDREN]);
}

/**
 * pcall_pool_get_max_children:
 * @self: a pool
 *
 * Gets how many workers the pool keeps.
 *
 * Returns: the number, 0 for as many as there are processors
 *
 * Since: 1.0
 */
guint
pcall_pool_get_max_children (PcallPool *self)
{
  g_return_val_if_fail (PCALL_IS_POOL (self), 0);

  return g_atomic_int_get (&self->max_children);
}

/**
 * pcall_pool_set_idle_timeout:
 * @self: a pool
 * @idle_timeout: seconds, 0 for no limit
 *
 * Sets how long a worker stays without a call. It holds for workers that come from now on.
 *
 * Since: 1.0
 */
void
pcall_pool_set_idle_timeout (PcallPool *self,
                             gdouble    idle_timeout)
{
  gboolean changed;

  g_return_if_fail (PCALL_IS_POOL (self));
  g_return_if_fail (isfinite (idle_timeout) && idle_timeout >= 0);
  g_return_if_fail (is_ours (self));

  g_mutex_lock (&self->core->lock);
  changed = self->idle_timeout != idle_timeout;
  self->idle_timeout = idle_timeout;
  g_mutex_unlock (&self->core->lock);
  if (changed)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_IDLE_TIMEOUT]);
}

/**
 * pcall_pool_get_idle_timeout:
 * @self: a pool
 *
 * Gets how long a worker stays without a call.
 *
 * Returns: seconds, 0 for no limit
 *
 * Since: 1.0
 */
gdouble
pcall_pool_get_idle_timeout (PcallPool *self)
{
  g_return_val_if_fail (PCALL_IS_POOL (self), 0.0);

  return self->idle_timeout;
}

/**
 * pcall_pool_get_n_idle:
 * @self: a pool
 *
 * Gets how many workers are here and have no call.
 *
 * Returns: the number
 *
 * Since: 1.0
 */
guint
pcall_pool_get_n_idle (PcallPool *self)
{
  guint n;

  g_return_val_if_fail (PCALL_IS_POOL (self), 0);

  if (!is_ours (self))
    return 0;

  g_mutex_lock (&self->core->lock);
  n = self->core->idle.length;
  g_mutex_unlock (&self->core->lock);
  return n;
}

/**
 * pcall_pool_close:
 * @self: a pool
 *
 * Ends the workers that have no call, and does not wait for that. Those that have one end when
 * their task has no more for them, as they would without a pool. To close it again does nothing.
 *
 * Since: 1.0
 */
void
pcall_pool_close (PcallPool *self)
{
  Core *core;

  g_return_if_fail (PCALL_IS_POOL (self));

  core = self->core;
  if (!is_ours (self))
    return;

  g_mutex_lock (&core->lock);
  core->closed = TRUE;
  while (core->idle.length > 0)
    dismiss (g_queue_peek_head (&core->idle));
  g_mutex_unlock (&core->lock);
}
