/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-bytes.h"

#include "pcall-current.h"

/* Targets of languages that have their own way to make bytes of a value.
 *
 * Such a language keeps the arguments as its own values, which a forked child inherits, and finds
 * them by the index of the call. What it does not have to make of a GVariant, on either side, is
 * most of what its part of a call costs. */

typedef struct
{
  PcallBytesFunc func;
  gpointer       user_data;
  GDestroyNotify destroy;
} BytesTarget;

static GVariant *
invoke (GVariant  *args,
        GVariant  *kwargs,
        gpointer   user_data,
        GError   **error)
{
  BytesTarget *self = user_data;
  GVariant *value = NULL;
  g_autoptr (GBytes) bytes = self->func (pcall_get_call_index (), &value, self->user_data, error);

  return bytes != NULL ? g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE) : value;
}

static void
bytes_target_free (gpointer data)
{
  BytesTarget *self = data;

  if (self->destroy != NULL)
    self->destroy (self->user_data);
  g_free (self);
}

/**
 * pcall_target_new_for_bytes: (constructor)
 * @name: (nullable): what to call the target in messages and logs
 * @func: (scope notified) (closure user_data) (destroy destroy): the function to call
 * @user_data: what to call it with, besides the index of the call
 * @destroy: (nullable): frees @user_data, in the parent
 *
 * Makes a target of a function that returns bytes, an `ay` to those who ask for the result as a
 * `GVariant`. [method@Pcall.Task.get_result_data] gives them as they are.
 *
 * This is for language bindings, whose arguments a forked child finds in memory: those of the task
 * are not handed to @func.
 *
 * Returns: (transfer full): the target
 *
 * Since: 1.0
 */
PcallTarget *
pcall_target_new_for_bytes (const char     *name,
                            PcallBytesFunc  func,
                            gpointer        user_data,
                            GDestroyNotify  destroy)
{
  BytesTarget *self;

  g_return_val_if_fail (func != NULL, NULL);

  self = g_new (BytesTarget, 1);
  *self = (BytesTarget) { func, user_data, destroy };
  return pcall_target_new (name, invoke, self, bytes_target_free);
}
