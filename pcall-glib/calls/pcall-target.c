/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-target.h"

#include "pcall-binding.h"
#include "base/pcall-child-code-private.h"
#include "calls/pcall-target-private.h"

/**
 * PcallTarget:
 *
 * What a [class@Pcall.Task] calls: a function of this program, or a name that a worker program
 * resolves.
 *
 * A target is immutable and may be used by any number of tasks, at the same time too. It keeps its
 * user data until the last of them is gone.
 *
 * ```c
 * g_autoptr (PcallTarget) target = pcall_target_new ("connect", connect_to, NULL, NULL);
 * g_autoptr (PcallTask) task = pcall_task_new (target);
 * ```
 *
 * A function runs in a forked copy of this process, a name in a fresh process, which has nothing
 * of this one: see [Workers](workers.html).
 *
 * Since: 1.0
 */
struct _PcallTarget
{
  GObject          parent_instance;

  PcallTargetKind  kind;
  char            *name;
  PcallFunc        func;        /* of a callback */
  gpointer         user_data;
  GDestroyNotify   destroy;
  char            *module;      /* of a symbol */
  char            *wire_name;   /* of a symbol or a worker's name */
  char           **worker_argv; /* of a worker's name */
  PcallBatchFunc   batch_func;  /* of a callback; NULL: it runs calls one by one */
  gpointer         batch_data;
  GDestroyNotify   batch_destroy;
};

typedef enum
{
  PROP_NAME = 1,
  PROP_MODULE,
  PROP_WORKER_ARGV,
} PcallTargetProperty;

static GParamSpec *properties[PROP_WORKER_ARGV + 1];

PCALL_CHILD_CODE GType pcall_target_get_type (void);
G_DEFINE_FINAL_TYPE (PcallTarget, pcall_target, G_TYPE_OBJECT)

static void
pcall_target_finalize (GObject *object)
{
  PcallTarget *self = PCALL_TARGET (object);

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  if (self->batch_destroy != NULL)
    self->batch_destroy (self->batch_data);
  g_free (self->name);
  g_free (self->module);
  g_free (self->wire_name);
  g_strfreev (self->worker_argv);

  G_OBJECT_CLASS (pcall_target_parent_class)->finalize (object);
}

static void
pcall_target_get_property (GObject    *object,
                           guint       prop_id,
                           GValue     *value,
                           GParamSpec *pspec)
{
  PcallTarget *self = PCALL_TARGET (object);

  switch ((PcallTargetProperty) prop_id)
    {
    case PROP_NAME:
      g_value_set_string (value, self->name);
      break;
    case PROP_MODULE:
      g_value_set_string (value, self->module);
      break;
    case PROP_WORKER_ARGV:
      g_value_set_boxed (value, self->worker_argv);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
    }
}

static void
pcall_target_class_init (PcallTargetClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->finalize = pcall_target_finalize;
  object_class->get_property = pcall_target_get_property;

  /**
   * PcallTarget:name: (getter get_name)
   *
   * What the target is called in messages and logs.
   *
   * Since: 1.0
   */
  properties[PROP_NAME] =
      g_param_spec_string ("name", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * PcallTarget:module: (getter get_module)
   *
   * The shared object in which the worker program looks for the target.
   *
   * Since: 1.0
   */
  properties[PROP_MODULE] =
      g_param_spec_string ("module", NULL, NULL, NULL, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  /**
   * PcallTarget:worker-argv: (getter get_worker_argv)
   *
   * The command line of the worker program that runs the target.
   *
   * Since: 1.0
   */
  properties[PROP_WORKER_ARGV] =
      g_param_spec_boxed ("worker-argv", NULL, NULL, G_TYPE_STRV,
                          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);

  g_object_class_install_properties (object_class, G_N_ELEMENTS (properties), properties);
}

static void
pcall_target_init (PcallTarget *self)
{
}

/**
 * pcall_target_new:
 * @name: (nullable): what to call the target in messages and logs
 * @func: (scope notified) (closure user_data) (destroy destroy): the function to call
 * @user_data: what to call it with, besides its arguments
 * @destroy: (nullable): frees @user_data, in the parent
 *
 * Makes a target of a function. It is called in forked children, which see @user_data as it was at
 * the time of the fork.
 *
 * Returns: (transfer full): the target
 *
 * Since: 1.0
 */
PcallTarget *
pcall_target_new (const char     *name,
                  PcallFunc       func,
                  gpointer        user_data,
                  GDestroyNotify  destroy)
{
  PcallTarget *self;

  g_return_val_if_fail (func != NULL, NULL);

  self = g_object_new (PCALL_TYPE_TARGET, NULL);
  self->name = g_strdup (name);
  self->func = func;
  self->user_data = user_data;
  self->destroy = destroy;
  return self;
}

/**
 * pcall_target_new_symbol:
 * @module: the path of a shared object, or a name without a slash, which is looked for as the
 *   dynamic linker does
 * @symbol: the name of a [callback@Pcall.Func] in it
 *
 * Makes a target of a function in a shared object. pcall's own worker program, a fresh process,
 * loads the object and calls the function, with %NULL as its user data. With
 * [enum@Pcall.StartMethod.fork] a forked child does the same.
 *
 * Nothing is looked up before: where the module or the symbol is missing, or cannot be loaded, the
 * call fails with [error@Pcall.Error.target]. A relative path is one from the current directory
 * at the time when the worker is started.
 *
 * Returns: (transfer full): the target
 *
 * Since: 1.0
 */
PcallTarget *
pcall_target_new_symbol (const char *module,
                         const char *symbol)
{
  PcallTarget *self;

  g_return_val_if_fail (module != NULL && *module != '\0', NULL);
  g_return_val_if_fail (symbol != NULL && *symbol != '\0', NULL);
  g_return_val_if_fail (g_utf8_validate (module, -1, NULL), NULL);
  g_return_val_if_fail (g_utf8_validate (symbol, -1, NULL), NULL);

  self = g_object_new (PCALL_TYPE_TARGET, NULL);
  self->kind = PCALL_TARGET_SYMBOL;
  self->name = g_strdup (symbol);
  self->module = g_strdup (module);
  self->wire_name = g_strconcat (module, ":", symbol, NULL);
  return self;
}

/**
 * pcall_target_new_worker:
 * @worker_argv: (array zero-terminated=1): the command line of a worker program; a name without a
 *   slash is looked for in `PATH`
 * @name: what the worker is to run
 *
 * Makes a target of a name that a worker program resolves: any program that takes its calls with a
 * [class@Pcall.Worker]. It is executed directly, not through a shell.
 *
 * Targets with the same command line are run by the same workers, one call after the other.
 *
 * Returns: (transfer full): the target
 *
 * Since: 1.0
 */
PcallTarget *
pcall_target_new_worker (const char * const *worker_argv,
                         const char         *name)
{
  return pcall_target_new_worker_with_label (worker_argv, name, name);
}

/**
 * pcall_target_new_worker_with_label:
 * @worker_argv: (array zero-terminated=1): the command line of a worker program; a name without a
 *   slash is looked for in `PATH`
 * @name: what the worker is to run
 * @label: what to call the target in messages and logs
 *
 * Makes a target as [ctor@Pcall.Target.new_worker] does, with a @name that is not for people to
 * read: it may be long, such as the source of a function.
 *
 * Returns: (transfer full): the target
 *
 * Since: 1.0
 */
PcallTarget *
pcall_target_new_worker_with_label (const char * const *worker_argv,
                                    const char         *name,
                                    const char         *label)
{
  PcallTarget *self;

  g_return_val_if_fail (worker_argv != NULL && worker_argv[0] != NULL, NULL);
  g_return_val_if_fail (*worker_argv[0] != '\0', NULL);
  g_return_val_if_fail (name != NULL && g_utf8_validate (name, -1, NULL), NULL);
  g_return_val_if_fail (label != NULL && g_utf8_validate (label, -1, NULL), NULL);

  self = g_object_new (PCALL_TYPE_TARGET, NULL);
  self->kind = PCALL_TARGET_WORKER;
  self->name = g_strdup (label);
  self->wire_name = g_strdup (name);
  self->worker_argv = g_strdupv ((char **) worker_argv);
  return self;
}

/**
 * pcall_target_get_name:
 * @self: a target
 *
 * Gets what the target is called in messages and logs. For a symbol that is the symbol, and for a
 * worker's target its label or what the worker is given.
 *
 * Returns: (nullable): the name
 *
 * Since: 1.0
 */
PCALL_CHILD_CODE const char *
pcall_target_get_name (PcallTarget *self)
{
  g_return_val_if_fail (PCALL_IS_TARGET (self), NULL);

  return self->name;
}

/**
 * pcall_target_get_module:
 * @self: a target
 *
 * Gets the shared object in which the target is looked for.
 *
 * Returns: (nullable): the module, or %NULL unless the target was made of a symbol
 *
 * Since: 1.0
 */
const char *
pcall_target_get_module (PcallTarget *self)
{
  g_return_val_if_fail (PCALL_IS_TARGET (self), NULL);

  return self->module;
}

/**
 * pcall_target_get_worker_argv:
 * @self: a target
 *
 * Gets the command line of the worker program that runs the target.
 *
 * Returns: (transfer none) (nullable) (array zero-terminated=1): the command line, or %NULL unless
 *   the target was made for a worker
 *
 * Since: 1.0
 */
const char * const *
pcall_target_get_worker_argv (PcallTarget *self)
{
  g_return_val_if_fail (PCALL_IS_TARGET (self), NULL);

  return (const char * const *) self->worker_argv;
}

/**
 * pcall_target_set_batch_func:
 * @self: a target that was made of a function, and is in no task yet
 * @func: (scope notified) (closure user_data) (destroy destroy): the function to call for several
 *   calls
 * @user_data: what to call it with
 * @destroy: (nullable): frees @user_data, in the parent
 *
 * Gives the target a function that runs several calls at once, where a child runs many: see
 * [property@Pcall.Task:calls-per-child]. A call that is to be run alone, as those are that have a
 * time limit, is run by the target's own function.
 *
 * This is for language bindings.
 *
 * Since: 1.0
 */
void
pcall_target_set_batch_func (PcallTarget    *self,
                             PcallBatchFunc  func,
                             gpointer        user_data,
                             GDestroyNotify  destroy)
{
  g_return_if_fail (PCALL_IS_TARGET (self));
  g_return_if_fail (func != NULL && self->func != NULL && self->batch_func == NULL);

  self->batch_func = func;
  self->batch_data = user_data;
  self->batch_destroy = destroy;
}

gboolean
pcall_target_has_batches (PcallTarget *self)
{
  return self->batch_func != NULL;
}

guint
pcall_target_invoke_batch (PcallTarget *self,
                           guint        first,
                           guint        n_calls,
                           GVariant   **value,
                           GError     **error)
{
  g_autoptr (GBytes) bytes = NULL;
  guint n = self->batch_func (first, n_calls, &bytes, value, self->batch_data, error);

  if (bytes != NULL)
    *value = g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
  return n;
}

PcallTargetKind
pcall_target_get_kind (PcallTarget *self)
{
  return self->kind;
}

const char *
pcall_target_get_wire_name (PcallTarget *self)
{
  return self->wire_name;
}

PCALL_CHILD_CODE GVariant *
pcall_target_invoke (PcallTarget *self,
                     GVariant    *args,
                     GVariant    *kwargs,
                     GError     **error)
{
  PcallFunc func = self->func;

  if (func == NULL)
    func = pcall_symbol_resolve (self->wire_name, error);
  return func != NULL ? func (args, kwargs, self->user_data, error) : NULL;
}
