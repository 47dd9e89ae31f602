/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-pool.h"

#include "base/pcall-seconds-private.h"
#include "parent/pcall-pool-private.h"

/* What a program sees of workers that stay. Where they are, and who sees to their end, is the
 * keeper's; it outlives the pool where they take their time. */

#define DEFAULT_IDLE_TIMEOUT 10.0

struct _PcallPool
{
  GObject      parent_instance;

  PcallKeeper *keeper;
  guint        max_children; /* atomic */
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
 * have the same command line, were started under the same conditions, such as
 * [property@Pcall.Task:nice] and [property@Pcall.Task:environment], and have not had as many calls
 * yet as [property@Pcall.Task:calls-per-child] allows. They keep what calls have left in them:
 * modules, caches, global variables; and where the task says nothing else, they have the
 * environment and the directory that this process had when they were started. A pool has no use for
 * children that are forked.
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

static guint
find_room (PcallPool *self)
{
  guint told = g_atomic_int_get (&self->max_children);

  return told != 0 ? told : g_get_num_processors ();
}

gboolean
pcall_pool_put (PcallPool       *self,
                PcallTarget     *target,
                PcallWarmWorker *worker)
{
  return pcall_keeper_put (self->keeper, target, find_room (self), worker);
}

gboolean
pcall_pool_take (PcallPool             *self,
                 PcallTarget           *target,
                 const PcallConditions *conditions,
                 guint                  limit,
                 PcallWarmWorker       *worker)
{
  return pcall_keeper_take (self->keeper, target, conditions, limit, worker);
}

/* GObject */

static void
pcall_pool_finalize (GObject *object)
{
  PcallPool *self = PCALL_POOL (object);

  pcall_keeper_close (self->keeper);
  pcall_keeper_unref (self->keeper);

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
  self->keeper = pcall_keeper_new ();
  pcall_keeper_set_idle_timeout (self->keeper, DEFAULT_IDLE_TIMEOUT);
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
  g_return_if_fail (PCALL_IS_POOL (self));
  if (!pcall_seconds_check (idle_timeout, "idle-timeout"))
    return;
  if (pcall_keeper_get_idle_timeout (self->keeper) == idle_timeout)
    return;

  pcall_keeper_set_idle_timeout (self->keeper, idle_timeout);
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

  return pcall_keeper_get_idle_timeout (self->keeper);
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
  g_return_val_if_fail (PCALL_IS_POOL (self), 0);

  return pcall_keeper_get_n_idle (self->keeper);
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
  g_return_if_fail (PCALL_IS_POOL (self));

  pcall_keeper_close (self->keeper);
}
