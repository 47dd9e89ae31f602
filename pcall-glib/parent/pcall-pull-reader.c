/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-error.h"
#include "parent/pcall-pull-reader-private.h"

/* Results of calls that are told together, a column of them, one step at a time: to tell of a
 * call may end everything. Where nobody listens, all that can be is booked at once. */

static void
set_column (PcallRunner     *self,
            PcallPayload *payload,
            guint         first,
            gint64        took)
{
  PcallResultBlock *block = (PcallResultBlock *) payload->bytes;

  self->block = payload;
  self->block_first = first;
  self->block_at = 0;
  self->block_took = took / block->n;
}

void
pcall_pull_reader_take (PcallRunner           *self,
                       const PcallCompletion *completion)
{
  guint32 position = pcall_ring_get_tail (pcall_runner_get_ring (self));
  PcallPayload *payload = NULL;
  GError *error = NULL;

  if (pcall_completion_take (pcall_runner_get_ring (self), completion, &payload, &error))
    {
      set_column (self, payload, completion->index, completion->took);
      self->block_kept = pcall_runner_pull_was_in_time (self, position);
    }
  else
    {
      g_clear_pointer (&payload, pcall_payload_unref);
      pcall_runner_pull_break_off (self, error);
    }
}

/* What the child has not told, and now will not, or not soon. TRUE if there is something. */
gboolean
pcall_pull_reader_harvest (PcallRunner *self)
{
  guint first;
  gint64 took;
  PcallPayload *payload =
      pcall_ledger_harvest (pcall_runner_get_ledger (self), self->job.slot, &first, &took);

  if (payload == NULL)
    return FALSE;

  set_column (self, payload, first, took);
  self->block_kept = self->end_state == PCALL_CALL_STATE_PENDING;
  return TRUE;
}

/* Ended in time, though the child was ended from here before it said so. */
static gboolean
is_kept (PcallRunner *self,
         guint     index)
{
  return self->block_kept || index < self->end_index;
}

static void
take_cell (PcallRunner          *self,
           const PcallResultBlock *block,
           guint              index)
{
  guint position = self->block_at++;

  if (is_kept (self, index) && pcall_result_block_has_numbers (block))
    self->number = (PcallNumber) { block->cells[position], block->type };
  else if (is_kept (self, index))
    self->result = pcall_result_block_get_payload (block, position);
  pcall_runner_pull_conclude (self, self->block_took, FALSE);
}

static void
book_bytes (PcallRunner          *self,
            const PcallResultBlock *block,
            guint              index,
            guint              n)
{
  for (guint i = 0; i < n; i++)
    pcall_call_list_book_payload (self->setup->calls, index + i, self->pid, self->block_took,
                                  pcall_result_block_get_payload (block, self->block_at + i));
}

/* As many as can be taken at once, without anybody to tell. */
static guint
book_cells (PcallRunner          *self,
            const PcallResultBlock *block,
            guint              index)
{
  const PcallRunnerSetup *setup = self->setup;
  guint n = block->n - self->block_at;

  if (self->begun || !self->block_kept ||
      setup->funcs->is_watched (setup->data))
    return 0;

  n = pcall_call_list_count_pending (setup->calls, index, n);
  n = pcall_ledger_settle_row (pcall_runner_get_ledger (self), self->job.slot, index, n);
  if (n == 0)
    return 0;

  if (pcall_result_block_has_numbers (block))
    pcall_call_list_book (setup->calls, index, n, self->pid, self->block_took, block->type,
                          block->cells + self->block_at);
  else
    book_bytes (self, block, index, n);
  pcall_runner_pull_adopt (self, index + n - 1);
  pcall_runner_note_child (self);
  self->idle = TRUE;
  self->block_at += n;
  self->n_ended += n;
  setup->funcs->returned (self, setup->data);
  return n;
}

/* A step through the column, whose calls may be known to have ended: what the child has not told
 * is told by it later. */
void
pcall_pull_reader_step (PcallRunner *self)
{
  g_autoptr (PcallPayload) keep = pcall_payload_ref (self->block);
  const PcallResultBlock *block = (PcallResultBlock *) keep->bytes;
  guint index = self->block_first + self->block_at;

  if (self->block_at >= block->n)
    g_clear_pointer (&self->block, pcall_payload_unref);
  else if (index >= pcall_call_list_get_n_calls (self->setup->calls))
    self->broken = !pcall_runner_pull_check (self, index);
  else if (pcall_call_list_get_state (self->setup->calls, index) > PCALL_CALL_STATE_RUNNING)
    self->block_at++;
  else if (book_cells (self, block, index) == 0 &&
           pcall_runner_pull_begin_late (self, index, self->block_took))
    take_cell (self, block, index);
}
