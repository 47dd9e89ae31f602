/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "parent/pcall-runner-pull-parts-private.h"

#include "pcall-error.h"

/* What a child that takes its calls by itself tells of them.
 *
 * In its ring lies a completion for each call that ended, or for several whose results are a block.
 * Most calls have ended when they are first heard of; where nobody wants to know of single calls,
 * all of a block are booked at once.
 *
 * Frames (progress, messages, results that are too large) and completions are two ways with one
 * order: a completion says how many frames the child had sent before it, and waits until these are
 * received.
 *
 * The memory may hold anything: a child that has gone wild is rejected, and no other. */

/* Calls */

/* A call begins once. Memory that a child has gone wild in may say that it does again. */
static gboolean
has_begun (PcallPull *self,
           guint      index)
{
  if (pcall_call_list_is_untouched (self->base.setup->calls, index))
    return FALSE;

  pcall_ledger_ruin (pcall_pull_get_ledger (self));
  return TRUE;
}

/* FALSE if the child is not in that call. */
static gboolean
check (PcallPull *self,
       guint      index)
{
  PcallRunner *base = &self->base;

  if (!pcall_ledger_is_in (pcall_pull_get_ledger (self), base->job.slot, index) ||
      (base->begun ? base->job.index != index : has_begun (self, index)))
    {
      pcall_runner_reject (base, "the child spoke of a call that it does not run");
      return FALSE;
    }
  return TRUE;
}

gboolean
pcall_pull_reader_begin (PcallPull *self,
                         guint      index,
                         gint64     began)
{
  if (!check (self, index))
    return FALSE;
  if (self->base.begun)
    return TRUE;

  pcall_runner_adopt_call (&self->base, index);
  pcall_runner_begin_call (&self->base, began);
  return TRUE;
}

/* A call that has ended begins, where that is not known. TRUE if its end can be told now. */
static gboolean
begin_late (PcallPull *self,
            guint      index,
            gint64     took)
{
  PcallRunner *base = &self->base;
  const PcallRunnerSetup *setup = base->setup;

  if (base->begun && base->job.index == index)
    return TRUE;
  if (base->begun || setup->funcs->wants_call_events (setup->data))
    {
      self->broken = !pcall_pull_reader_begin (self, index, g_get_monotonic_time () - took);
      return FALSE;
    }
  if (!check (self, index))
    {
      self->broken = TRUE;
      return FALSE;
    }

  pcall_runner_adopt_call (base, index);
  pcall_call_list_expect_begin (setup->calls, index);
  base->begun = TRUE;
  return TRUE;
}

/* The file of a call that was seen to run has its name from here. */
static void
drop_link (PcallPull *self,
           gboolean   has_log)
{
  if (self->linked && !has_log)
    pcall_runner_discard_log (&self->base);
  self->linked = FALSE;
}

/* The call has ended, and its outcome is here. */
static void
finish_call (PcallPull *self,
             gint64     took,
             gboolean   has_log)
{
  PcallRunner *base = &self->base;

  pcall_ledger_settle (pcall_pull_get_ledger (self), base->job.slot, base->job.index);
  drop_link (self, has_log);
  pcall_runner_finish_call (base, MAX (took, 0), has_log);
}

static void
break_off (PcallPull *self,
           GError    *error)
{
  self->broken = TRUE;
  pcall_peer_reject (self->base.peer, error);
}

/* What is read after the child was stopped came too late. */
static gboolean
is_in_time (PcallPull *self)
{
  return self->base.verdict == PCALL_CALL_STATE_PENDING;
}

/* Blocks */

static void
set_block (PcallPull    *self,
           PcallPayload *payload,
           guint         first,
           gint64        took)
{
  PcallResultBlock *block = (PcallResultBlock *) payload->bytes;

  self->block = (PcallBlockReader) { payload, first, 0, took / block->n, is_in_time (self) };
}

static void
take_block (PcallPull             *self,
            const PcallCompletion *completion)
{
  PcallPayload *payload = NULL;
  GError *error = NULL;

  if (pcall_completion_take (pcall_pull_get_ring (self), completion, &payload, &error))
    {
      set_block (self, payload, completion->index, completion->took);
      return;
    }

  g_clear_pointer (&payload, pcall_payload_unref);
  break_off (self, error);
}

gboolean
pcall_pull_reader_harvest (PcallPull *self)
{
  guint first;
  gint64 took;
  PcallPayload *payload =
      pcall_ledger_harvest (pcall_pull_get_ledger (self), self->base.job.slot, &first, &took);

  if (payload == NULL)
    return FALSE;

  set_block (self, payload, first, took);
  return TRUE;
}

/* Ended in time, though the child was stopped before it said so. */
static gboolean
is_kept (PcallPull *self,
         guint      index)
{
  return self->block.kept || index < self->end_index;
}

static void
take_cell (PcallPull              *self,
           const PcallResultBlock *block,
           guint                   index)
{
  guint position = self->block.at++;
  PcallOutcome *outcome = &self->base.outcome;

  if (is_kept (self, index) && pcall_result_block_has_numbers (block))
    outcome->number = (PcallNumber) { block->cells[position], block->type };
  else if (is_kept (self, index))
    outcome->result = pcall_result_block_get_payload (block, position);
  finish_call (self, self->block.took, FALSE);
}

static void
book_bytes (PcallPull              *self,
            const PcallResultBlock *block,
            guint                   index,
            guint                   n)
{
  for (guint i = 0; i < n; i++)
    pcall_call_list_book_payload (self->base.setup->calls, index + i, self->base.pid,
                                  self->block.took,
                                  pcall_result_block_get_payload (block, self->block.at + i));
}

/* As many as can be booked at once, without anybody to tell. */
static guint
book_cells (PcallPull              *self,
            const PcallResultBlock *block,
            guint                   index)
{
  PcallRunner *base = &self->base;
  const PcallRunnerSetup *setup = base->setup;
  guint n = block->n - self->block.at;

  if (base->begun || !self->block.kept || setup->funcs->wants_call_events (setup->data))
    return 0;

  n = pcall_call_list_count_pending (setup->calls, index, n);
  n = pcall_ledger_settle_row (pcall_pull_get_ledger (self), base->job.slot, index, n);
  if (n == 0)
    return 0;

  if (pcall_result_block_has_numbers (block))
    pcall_call_list_book (setup->calls, index, n, base->pid, self->block.took, block->type,
                          block->cells + self->block.at);
  else
    book_bytes (self, block, index, n);
  pcall_runner_adopt_call (base, index + n - 1);
  self->block.at += n;
  base->n_ended += n;
  pcall_runner_set_state (base, PCALL_RUNNER_IDLE);
  return n;
}

/* A step through the block. Its calls may be known to have ended: what the child has not told is
 * told by it later. */
static void
step_in_block (PcallPull *self)
{
  const PcallResultBlock *block = (PcallResultBlock *) self->block.payload->bytes;
  guint index = self->block.first + self->block.at;

  if (self->block.at >= block->n)
    g_clear_pointer (&self->block.payload, pcall_payload_unref);
  else if (index >= pcall_call_list_get_n_calls (self->base.setup->calls))
    self->broken = !check (self, index);
  else if (pcall_call_list_has_ended (self->base.setup->calls, index))
    self->block.at++;
  else if (book_cells (self, block, index) == 0 && begin_late (self, index, self->block.took))
    take_cell (self, block, index);
}

/* The ring */

static void
take_completion (PcallPull             *self,
                 const PcallCompletion *completion)
{
  PcallRunner *base = &self->base;
  gboolean has_log = completion->has_log && base->setup->context->log != NULL;
  GError *error = NULL;

  if (!pcall_completion_take (pcall_pull_get_ring (self), completion, &self->spare, &error))
    {
      break_off (self, error);
      return;
    }

  if (self->spare != NULL && is_in_time (self) && !pcall_outcome_is_set (&base->outcome))
    pcall_outcome_set (&base->outcome, completion->type, self->spare);
  finish_call (self, completion->took, has_log);
}

gboolean
pcall_pull_reader_step (PcallPull     *self,
                        const guint32 *n_frames)
{
  PcallCompletion completion;
  GError *error = NULL;

  if (self->broken)
    return FALSE;
  if (self->block.payload != NULL)
    {
      step_in_block (self);
      return TRUE;
    }

  switch (pcall_completion_peek (pcall_pull_get_ring (self), n_frames, &completion, &error))
    {
    case PCALL_COMPLETION_THERE:
      if (completion.type == PCALL_COMPLETION_BLOCK)
        take_block (self, &completion);
      else if (begin_late (self, completion.index, completion.took))
        take_completion (self, &completion);
      return TRUE;
    case PCALL_COMPLETION_BROKEN:
      break_off (self, error);
      return FALSE;
    case PCALL_COMPLETION_NONE:
    default:
      return FALSE;
    }
}

/* A child may tell for ever, and so may others in the memory of one that has ended. */
void
pcall_pull_reader_read (PcallPull     *self,
                        const guint32 *n_frames)
{
  guint32 head = pcall_ring_get_head (pcall_pull_get_ring (self));

  while ((self->block.payload != NULL ||
          (gint32) (head - pcall_ring_get_tail (pcall_pull_get_ring (self))) > 0) &&
         pcall_pull_reader_step (self, n_frames))
    ;
}

gboolean
pcall_pull_reader_has_more (PcallPull *self)
{
  guint32 n_sent = pcall_ledger_get_sent (pcall_pull_get_ledger (self), self->base.job.slot);

  return self->block.payload != NULL || pcall_ring_get_filled (pcall_pull_get_ring (self)) > 0 ||
         (gint32) (n_sent - self->n_frames) > 0;
}

void
pcall_pull_reader_clear (PcallPull *self)
{
  g_clear_pointer (&self->spare, pcall_payload_unref);
  g_clear_pointer (&self->block.payload, pcall_payload_unref);
}
