/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-binding.h"

#include "child/pcall-bytes-private.h"
#include "child/pcall-current-private.h"
#include "pcall-current.h"
#include "pcall-error.h"

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

/* A language that could not tell of an exception comes back like this: it must not be taken for a
 * call that returned no value. */
void
pcall_bytes_set_error (GError **error)
{
  g_set_error (error, PCALL_ERROR, PCALL_ERROR_FAILED,
               "call %u: its function came back with neither a result nor an error",
               pcall_get_call_index ());
}

static GVariant *
invoke (GVariant  *args,
        GVariant  *kwargs,
        gpointer   user_data,
        GError   **error)
{
  BytesTarget *self = user_data;
  GVariant *value = NULL;
  guint index = pcall_get_call_index ();
  GError *failure = NULL;
  g_autoptr (GBytes) bytes = self->func (index, &value, self->user_data, &failure);

  if (failure != NULL)
    g_propagate_error (error, failure);
  else if (bytes != NULL)
    return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
  else if (value == NULL && !pcall_current_has_memory (index))
    pcall_bytes_set_error (error);
  return value;
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

static struct
{
  PcallOpenBlock             *memory;
  const PcallBlockLimits *limits;
} batch;

void
pcall_bytes_set_batch (PcallOpenBlock         *memory,
                       const PcallBlockLimits *limits)
{
  batch.memory = memory;
  batch.limits = limits;
}

/**
 * pcall_get_batch_memory:
 * @n_calls: (out): return location for how many calls it has room for
 * @n_bytes: (out): return location for how many bytes
 *
 * Gets the memory into which a [callback@Pcall.BatchFunc] puts the results of its calls. The parent
 * reads it too, so that a child that dies loses the call that it is in and no other.
 *
 * It begins with eight numbers of 64 bits. The first says which call the child is in, as how many
 * of the batch have ended: set it before a call is begun, when the result of the one before it is
 * there. The second is the type of all results, a character: `X` for integers of 64 bits, `D` for
 * doubles, `B` for 0 and 1 and, where there is no value, 2, and `p` for bytes. The third is to be 1
 * where it is certain that only the last call that ended has written to standard output or error,
 * else 0. The others are not used.
 *
 * Then there is a number for each call, @n_calls of them: its result, or where its bytes end,
 * counted from the beginning of those of the first; and then the bytes.
 *
 * This is for language bindings, and for use inside a child that runs calls in batches.
 *
 * Returns: the address of the memory, or 0 outside of such a child
 *
 * Since: 1.0
 */
guint64
pcall_get_batch_memory (guint *n_calls,
                        guint *n_bytes)
{
  g_return_val_if_fail (n_calls != NULL && n_bytes != NULL, 0);

  *n_calls = batch.memory != NULL ? batch.limits->n_calls : 0;
  *n_bytes = batch.memory != NULL ? batch.limits->n_bytes : 0;
  return (guintptr) batch.memory;
}
