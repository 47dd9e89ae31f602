/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pcall-child-log-private.h"
#include "pcall-current-private.h"
#include "pcall-error-private.h"
#include "pcall-output-private.h"
#include "pcall-receipt-private.h"
#include "pcall-target-private.h"

/* A forked child that takes one call after the other, by itself.
 *
 * Between two calls there is no system call, but for one that looks whether the call wrote something:
 * the next call comes from the ledger, and what came of the last one goes into the ring of the
 * child's slot. The parent is sent a frame only when it sleeps, when the ring is half full, and when
 * it is full; then the child waits.
 *
 * User code may drop the task that it is called by: what is needed behind it is kept here. */

#define PAGE 4096

/* Present where the program was built for coverage. */
extern void __gcov_dump (void) __attribute__ ((weak));

typedef struct
{
  PcallLedger     *ledger;
  const PcallRing *ring;
  PcallArguments  *arguments;
  GPtrArray       *targets;
  PcallChildLog    log;
  int              slot;
  guint            index;
  guint            least;  /* index that can come from the counter */
  guint            n_left; /* calls that may come; 0: without limit */
  gint64           began;
  GVariant        *args; /* where all calls have the same; else NULL */
  GVariant        *kwargs;
  gboolean         pressing; /* the parent was told that the ring fills */
} Series;

/* A process that a call forks, and that comes back from the call too, is not this child. It finds a
 * zero there: the kernel wipes the page in a fork. */
static const guint8 *
make_mark (void)
{
  guint8 *page = mmap (NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (page == MAP_FAILED || madvise (page, PAGE, MADV_WIPEONFORK) < 0)
    return NULL;

  *page = TRUE;
  return page;
}

static void
wake_if_asleep (Series *self)
{
  if (pcall_ledger_must_wake (self->ledger, self->slot))
    pcall_current_wake ();
}

static void
wake_if_pressing (Series *self)
{
  gboolean pressing = pcall_ring_get_room (self->ring) < self->ring->size / 2;

  if (pressing && !self->pressing)
    pcall_current_wake ();
  self->pressing = pressing;
}

static void
put_receipt (Series              *self,
             const PcallReceipt  *receipt,
             const PcallOutgoing *outcome)
{
  while (!pcall_receipt_put (self->ring, receipt, outcome))
    {
      pcall_current_wake ();
      pcall_ring_wait (self->ring, sizeof *receipt + receipt->length + 8);
    }
  wake_if_asleep (self);
  wake_if_pressing (self);
}

/* Takes @value. */
static void
hand_over (Series        *self,
           PcallFrameType type,
           GVariant      *value)
{
  g_autoptr (GVariant) owned = g_variant_take_ref (value);
  PcallOutgoing outcome = pcall_current_get_outcome (type, owned);
  PcallReceipt receipt = { .index = self->index, .began = self->began };

  receipt.has_log = pcall_child_log_end (&self->log, self->index);
  if (!pcall_receipt_set_outcome (&receipt, self->ring, &outcome))
    pcall_current_return (type, owned);
  receipt.n_frames = pcall_current_end ();
  receipt.ended = self->began = g_get_monotonic_time ();
  put_receipt (self, &receipt, &outcome);
}

static PcallTarget *
get_target (Series *self)
{
  return g_ptr_array_index (self->targets, self->targets->len > 1 ? self->index : 0);
}

static void
prepare_arguments (Series *self)
{
  guint length;

  if (pcall_arguments_get_length (self->arguments, &length))
    return;
  self->args = pcall_arguments_build_args (self->arguments, self->index);
  self->kwargs = pcall_arguments_build_kwargs (self->arguments, self->index);
}

/* As the target gives it. */
static GVariant *
invoke (Series  *self,
        GError **error)
{
  g_autoptr (GVariant) args = NULL;
  g_autoptr (GVariant) kwargs = NULL;

  if (self->args != NULL)
    return pcall_target_invoke (get_target (self), self->args, self->kwargs, error);

  args = pcall_arguments_build_args (self->arguments, self->index);
  kwargs = pcall_arguments_build_kwargs (self->arguments, self->index);
  return pcall_target_invoke (get_target (self), args, kwargs, error);
}

static void
run_call (Series *self)
{
  g_autoptr (GError) error = NULL;
  GVariant *result = invoke (self, &error);

  if (!pcall_current_is_ours ())
    _exit (error != NULL ? EXIT_FAILURE : EXIT_SUCCESS);

  if (error != NULL)
    hand_over (self, PCALL_FRAME_ERROR,
               pcall_error_to_variant (error, pcall_current_get_error_details ()));
  else
    hand_over (self, PCALL_FRAME_RESULT,
               result != NULL ? result : g_variant_new_tuple (NULL, 0));
}

/* FALSE if the call must not begin. */
static gboolean
begin_call (Series *self)
{
  pcall_current_begin (self->index);
  pcall_child_log_begin (&self->log, self->index);
  if (!pcall_ledger_enter (self->ledger, self->slot, self->index, self->began))
    return FALSE;

  wake_if_asleep (self);
  if (self->log.error_number != 0)
    pcall_output_note_no_file (self->log.error_number);
  return TRUE;
}

/* A counter that goes back was written over, and might for ever. */
static gboolean
take_next (Series *self)
{
  if (self->n_left > 0 && --self->n_left == 0)
    return FALSE;
  if (!pcall_ledger_take (self->ledger, self->slot, &self->index) || self->index < self->least)
    return FALSE;

  self->least = self->index + 1;
  return TRUE;
}

G_NORETURN static void
end (Series *self)
{
  pcall_child_log_close (&self->log);
  pcall_current_leave (EXIT_SUCCESS);
  if (__gcov_dump != NULL)
    __gcov_dump ();
  _exit (EXIT_SUCCESS);
}

void
pcall_child_series (const PcallStartContext *context,
                    const PcallJob          *job,
                    int                      log_error_number,
                    int                      out,
                    int                      err)
{
  Series self = {
    .ledger = pcall_ledger_ref (context->ledger),
    .ring = pcall_ledger_get_ring (context->ledger, job->slot),
    .arguments = pcall_arguments_ref (context->arguments),
    .targets = g_ptr_array_ref (context->targets),
    .log = { .out = out, .err = err },
    .slot = job->slot,
    .index = job->index,
    .n_left = context->calls_per_child,
    .began = g_get_monotonic_time (),
  };

  pcall_current_set_mark (make_mark ());
  pcall_child_log_open (&self.log, context, job, log_error_number);
  prepare_arguments (&self);
  do
    {
      if (!begin_call (&self))
        break;
      run_call (&self);
    }
  while (take_next (&self));
  end (&self);
}
