/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "pcall-error.h"
#include "parent/pcall-run-series-private.h"

/* Results of calls that are told together, a column of them, one step at a time: to tell of a
 * call may end everything. Where nobody listens, all that can be is booked at once. */

static void
set_column (PcallRun     *self,
            PcallPayload *payload,
            guint         first,
            gint64        took)
{
  PcallColumn *column = (PcallColumn *) payload->bytes;

  self->column = payload;
  self->column_first = first;
  self->column_at = 0;
  self->column_took = took / column->n;
}

void
pcall_run_column_take (PcallRun           *self,
                       const PcallReceipt *receipt)
{
  guint32 position = pcall_ring_get_tail (pcall_run_get_ring (self));
  PcallPayload *payload = NULL;
  GError *error = NULL;

  if (pcall_receipt_take (pcall_run_get_ring (self), receipt, &payload, &error))
    {
      set_column (self, payload, receipt->index, receipt->took);
      self->column_kept = pcall_run_series_was_in_time (self, position);
    }
  else
    {
      g_clear_pointer (&payload, pcall_payload_unref);
      pcall_run_series_break_off (self, error);
    }
}

/* What the child has not told, and now will not, or not soon. TRUE if there is something. */
gboolean
pcall_run_column_harvest (PcallRun *self)
{
  guint first;
  gint64 took;
  PcallPayload *payload =
      pcall_ledger_harvest (pcall_run_get_ledger (self), self->job.slot, &first, &took);

  if (payload == NULL)
    return FALSE;

  set_column (self, payload, first, took);
  self->column_kept = self->end_state == PCALL_CALL_STATE_PENDING;
  return TRUE;
}

/* Ended in time, though the child was ended from here before it said so. */
static gboolean
is_kept (PcallRun *self,
         guint     index)
{
  return self->column_kept || index < self->end_index;
}

static void
take_cell (PcallRun          *self,
           const PcallColumn *column,
           guint              index)
{
  guint position = self->column_at++;

  if (is_kept (self, index) && pcall_column_has_numbers (column))
    self->number = (PcallNumber) { column->cells[position], column->type };
  else if (is_kept (self, index))
    self->result = pcall_column_get_payload (column, position);
  pcall_run_series_conclude (self, self->column_took, FALSE);
}

static void
book_bytes (PcallRun          *self,
            const PcallColumn *column,
            guint              index,
            guint              n)
{
  for (guint i = 0; i < n; i++)
    pcall_call_list_book_payload (self->setup->calls, index + i, self->pid, self->column_took,
                                  pcall_column_get_payload (column, self->column_at + i));
}

/* As many as can be taken at once, without anybody to tell. */
static guint
book_cells (PcallRun          *self,
            const PcallColumn *column,
            guint              index)
{
  const PcallRunSetup *setup = self->setup;
  guint n = column->n - self->column_at;

  if (self->begun || !self->column_kept ||
      setup->funcs->is_watched (setup->data))
    return 0;

  n = pcall_call_list_count_pending (setup->calls, index, n);
  n = pcall_ledger_settle_row (pcall_run_get_ledger (self), self->job.slot, index, n);
  if (n == 0)
    return 0;

  if (pcall_column_has_numbers (column))
    pcall_call_list_book (setup->calls, index, n, self->pid, self->column_took, column->type,
                          column->cells + self->column_at);
  else
    book_bytes (self, column, index, n);
  pcall_run_series_adopt (self, index + n - 1);
  pcall_run_note_child (self);
  self->idle = TRUE;
  self->column_at += n;
  self->n_ended += n;
  setup->funcs->returned (self, setup->data);
  return n;
}

/* A step through the column, whose calls may be known to have ended: what the child has not told
 * is told by it later. */
void
pcall_run_column_step (PcallRun *self)
{
  g_autoptr (PcallPayload) keep = pcall_payload_ref (self->column);
  const PcallColumn *column = (PcallColumn *) keep->bytes;
  guint index = self->column_first + self->column_at;

  if (self->column_at >= column->n)
    g_clear_pointer (&self->column, pcall_payload_unref);
  else if (index >= pcall_call_list_get_n_calls (self->setup->calls))
    self->broken = !pcall_run_series_check (self, index);
  else if (pcall_call_list_get_state (self->setup->calls, index) > PCALL_CALL_STATE_RUNNING)
    self->column_at++;
  else if (book_cells (self, column, index) == 0 &&
           pcall_run_series_begin_late (self, index, self->column_took))
    take_cell (self, column, index);
}
