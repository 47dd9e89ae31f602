/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-target.h"

#include "pcall-target-private.h"

/**
 * PcallTarget:
 *
 * What a [class@Pcall.Task] calls.
 *
 * A target is immutable and may be used by any number of tasks, at the same time too. It keeps its
 * user data until the last of them is gone.
 *
 * ```c
 * g_autoptr (PcallTarget) target = pcall_target_new ("connect", connect_to, NULL, NULL);
 * g_autoptr (PcallTask) task = pcall_task_new (target);
 * ```
 *
 * Since: 1.0
 */
struct _PcallTarget
{
  GObject         parent_instance;

  char           *name;
  PcallFunc       func;
  gpointer        user_data;
  GDestroyNotify  destroy;
};

typedef enum
{
  PROP_NAME = 1,
} PcallTargetProperty;

static GParamSpec *properties[PROP_NAME + 1];

G_DEFINE_FINAL_TYPE (PcallTarget, pcall_target, G_TYPE_OBJECT)

static void
pcall_target_finalize (GObject *object)
{
  PcallTarget *self = PCALL_TARGET (object);

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_free (self->name);

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
 * pcall_target_get_name:
 * @self: a target
 *
 * Gets what the target is called in messages and logs.
 *
 * Returns: (nullable): the name
 *
 * Since: 1.0
 */
const char *
pcall_target_get_name (PcallTarget *self)
{
  g_return_val_if_fail (PCALL_IS_TARGET (self), NULL);

  return self->name;
}

GVariant *
pcall_target_invoke (PcallTarget *self,
                     GVariant    *args,
                     GVariant    *kwargs,
                     GError     **error)
{
  return self->func (args, kwargs, self->user_data, error);
}
