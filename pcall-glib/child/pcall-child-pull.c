/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "child/pcall-bytes-private.h"
#include "child/pcall-child-log-private.h"
#include "child/pcall-current-private.h"
#include "base/pcall-error-private.h"
#include "wire/pcall-number-private.h"
#include "child/pcall-stdio-private.h"
#include "child/pcall-title-private.h"
#include "share/pcall-completion-private.h"
#include "calls/pcall-target-private.h"

/* A forked child that takes one call after the other, by itself.
 *
 * Between two calls there is no system call, but for one that looks whether the call wrote
 * something: the next calls come from the ledger, and what came of the last ones goes into the
 * ring of the child's slot. The parent is sent a frame only when it sleeps, when the ring is
 * half full, and when it is full; then the child waits.
 *
 * Calls that take no time are run in batches, of as many as take about two milliseconds together. A
 * result that is a number, or bytes of a binding's, waits in the batch, where the parent finds
 * it should we die, and goes into the ring with the others. Whatever else comes of a call ends
 * its batch, as does a call that takes longer than the whole batch should.
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
  PcallConditions *conditions;
  PcallChildLog    log;
  int              slot;
  guint            least;   /* index that can come from the counter */
  guint            n_left;  /* calls that may come, where that is limited */
  gboolean         limited;
  gboolean         one_by_one;

  PcallSpan        claim;
  PcallSpan        span;    /* of the claim: what was entered */
  guint            index;   /* of that: the call that we are in */
  gint64           entered; /* when that was */
  gint64           began;   /* when the call did */
  PcallOpenBlock  *batch;   /* what came of the span, but for the call that we are in */
  guint            n_flushed;  /* of that, what the parent was told; under the channel's lock */
  gint64           flushed;    /* when that was */

  guint            n_last;     /* calls in the last span */
  gdouble          pace;       /* microseconds that a call takes, rather too much */
  GVariant        *args;       /* where all calls have the same; else NULL */
  GVariant        *kwargs;
  gboolean         pressing;   /* the parent was told that the ring fills */
} Pull;

/* How long a span should take, and how many times as many calls it may have as the last one. */
#define SPAN_US 2000
#define GROWTH 4

/* How much the pace of before counts, when calls have become faster. */
#define MEMORY 0.5

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
leave_if_not_ours (const GError *error)
{
  if (!pcall_current_is_ours ())
    _exit (error != NULL ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Telling */

static void
wake_if_asleep (Pull *self)
{
  if (pcall_ledger_must_wake (self->ledger, self->slot))
    pcall_current_wake ();
}

static void
wake_if_pressing (Pull *self)
{
  gboolean pressing = pcall_ring_get_room (self->ring) < self->ring->size / 2;

  if (pressing && !self->pressing)
    pcall_current_wake ();
  self->pressing = pressing;
}

static void
put_completion (Pull                  *self,
                const PcallCompletion *completion,
                const PcallOutgoing   *outcome)
{
  while (!pcall_completion_put (self->ring, completion, outcome))
    {
      pcall_current_wake ();
      pcall_ring_wait (self->ring, sizeof *completion + completion->length + 8);
    }
  wake_if_asleep (self);
  wake_if_pressing (self);
}

/* Tells what stands in the batch and was not told. In any thread that sends a frame, before
 * that; so the frames of a call come behind what came of the calls before it. */
static void
flush (gpointer data,
       guint32  n_frames,
       gboolean is_before_frame)
{
  Pull *self = data;
  gint64 now = g_get_monotonic_time ();
  PcallCompletion completion = { .index = self->span.first + self->n_flushed,
                           .n_frames = n_frames,
                           .took = now - self->flushed };
  guint n = MIN (self->batch->n_ended, pcall_span_get_length (self->span));
  PcallResultBlockPieces column;

  if (is_before_frame)
    pcall_ledger_set_sent (self->ledger, self->slot, n_frames + 1);
  if (n <= self->n_flushed)
    return;
  if (!pcall_open_block_get_pieces (self->batch, pcall_ledger_get_limits (self->ledger),
                               self->n_flushed, n, &column))
    _exit (EXIT_FAILURE);

  self->n_flushed = n;
  self->flushed = now;
  while (!pcall_completion_put_block (self->ring, &completion, &column))
    {
      pcall_current_wake_locked ();
      pcall_ring_wait (self->ring, sizeof completion + completion.length + 8);
    }
}

/* The calls before the one that we are in have ended, and @n of the span with them; so nobody
 * says any more that those after these have begun. */
static void
flush_span (Pull *self,
            guint n)
{
  pcall_ledger_shorten (self->ledger, self->slot, &self->span, self->index + 1);
  pcall_open_block_set_ended (self->batch, n);
  pcall_current_flush ();
  wake_if_asleep (self);
  wake_if_pressing (self);
}

/* A number is put into @number: that is quicker. */
static PcallOutgoing
describe (Pull          *self,
          PcallFrameType type,
          GVariant      *value,
          PcallNumber   *number)
{
  if (type != PCALL_FRAME_RESULT || pcall_current_has_attachments (self->index) ||
      !pcall_number_from_value (number, value))
    return pcall_current_get_outcome (type, value);

  return (PcallOutgoing) {
    .type = type,
    .data = &number->bits,
    .size = pcall_number_get_size (number->type),
    .boxed_type = g_variant_get_type_string (value),
  };
}

/* Takes @value. */
static void
send_outcome (Pull          *self,
              PcallFrameType type,
              GVariant      *value,
              gboolean       has_log)
{
  g_autoptr (GVariant) owned = g_variant_take_ref (value);
  PcallNumber number;
  PcallOutgoing outcome = describe (self, type, owned, &number);
  PcallCompletion completion = { .index = self->index, .has_log = has_log };

  if (!pcall_completion_set_outcome (&completion, self->ring, &outcome))
    pcall_current_return (type, owned);
  completion.n_frames = pcall_current_end ();
  completion.took = g_get_monotonic_time () - self->began;
  put_completion (self, &completion, &outcome);
}

/* What came of the call that we are in, alone. Takes @result, and @error. */
static void
hand_over (Pull     *self,
           GVariant *result,
           GError   *error,
           gboolean  has_log)
{
  G_GNUC_UNUSED g_autoptr (GError) owned = error;

  flush_span (self, self->index - self->span.first);
  if (error != NULL)
    send_outcome (self, PCALL_FRAME_ERROR,
                  pcall_error_to_variant (error, pcall_current_get_error_details ()), has_log);
  else
    send_outcome (self, PCALL_FRAME_RESULT,
                  result != NULL ? result : g_variant_new_tuple (NULL, 0), has_log);
}

/* Running */

static PcallTarget *
get_target (Pull *self)
{
  return g_ptr_array_index (self->targets, self->targets->len > 1 ? self->index : 0);
}

static void
prepare_arguments (Pull *self)
{
  guint length;

  if (pcall_arguments_get_length (self->arguments, &length))
    return;
  self->args = pcall_arguments_build_args (self->arguments, self->index);
  self->kwargs = pcall_arguments_build_kwargs (self->arguments, self->index);
}

/* As the target gives it. */
static GVariant *
invoke (Pull    *self,
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

/* Takes @result, unless it is not for the batch, or the batch not for it. */
static gboolean
put_into_batch (Pull     *self,
                GVariant *result)
{
  guint position = self->index - self->span.first;
  PcallNumber number;

  if (self->one_by_one || result == NULL ||
      pcall_current_has_attachments (self->index) || !pcall_number_from_value (&number, result) ||
      (position > 0 && self->batch->type != (guint8) number.type))
    return FALSE;

  g_variant_unref (g_variant_take_ref (result));
  self->batch->type = (guint8) number.type;
  self->batch->cells[position] = number.bits;
  return TRUE;
}

static void
begin_call (Pull *self)
{
  if (pcall_conditions_names (self->conditions))
    pcall_title_show (pcall_conditions_get_name (self->conditions,
                                                 pcall_target_get_name (get_target (self))),
                      self->index);
  pcall_current_begin (self->index);
  pcall_child_log_begin (&self->log, self->index);
}

/* It is said of each call that has no file; to that end they are run one by one. */
static void
tell_of_missing_log (Pull *self)
{
  if (self->log.error_number == 0)
    return;

  pcall_stdio_note_no_file (self->log.error_number);
  self->one_by_one = TRUE;
}

/* Enters the next call of the span, and thereby counts the last one as ended. FALSE if that was
 * the last of the span, the span takes too long, or the child is about to be stopped. */
static gboolean
enter_next (Pull *self)
{
  gint64 now = g_get_monotonic_time ();

  if (self->index + 1 >= self->span.end || now - self->entered >= SPAN_US ||
      pcall_ledger_is_ending (self->ledger, self->slot))
    return FALSE;

  self->index++;
  self->began = now;
  begin_call (self);
  pcall_ledger_set_began (self->ledger, self->slot, now);
  pcall_open_block_set_ended (self->batch, self->index - self->span.first);
  tell_of_missing_log (self);
  return TRUE;
}

/* One call at least; others only as long as there is nothing else to tell of them than a number. */
static void
run_calls (Pull *self)
{
  do
    {
      GError *error = NULL;
      GVariant *result = invoke (self, &error);
      gboolean has_log;

      leave_if_not_ours (error);
      has_log = pcall_child_log_end (&self->log, self->index);
      if (error != NULL || has_log || !put_into_batch (self, result))
        {
          hand_over (self, result, error, has_log);
          return;
        }
    }
  while (enter_next (self));
  flush_span (self, self->index + 1 - self->span.first);
}

/* What came of the last call that stands in the batch. */
static GVariant *
take_out_of_batch (Pull *self)
{
  guint position = self->index - self->span.first;
  g_autoptr (PcallPayload) payload =
      pcall_open_block_read (self->batch, pcall_ledger_get_limits (self->ledger), position,
                        position + 1);

  if (payload == NULL ||
      !pcall_result_block_is_valid ((PcallResultBlock *) payload->bytes, payload->length, 1))
    _exit (EXIT_FAILURE);
  return pcall_result_block_build_value ((PcallResultBlock *) payload->bytes, 0);
}

/* A binding has run calls of the span: @n of them ended with what stands in the batch; the
 * outcome of the next one is @value or @error, if there is one. What was written is that of the
 * last call of all of these; where that is not certain, it is said, and calls are run one by one
 * from here on. */
static void
conclude_batch (Pull     *self,
                guint     n,
                GVariant *value,
                GError   *error)
{
  gboolean is_alone = value != NULL || error != NULL;
  gint64 took = (g_get_monotonic_time () - self->entered) / (n + is_alone);
  gboolean has_log, tells_more;

  self->index = self->span.first + n - !is_alone;
  self->began = g_get_monotonic_time () - took;
  pcall_current_end_batch (self->index);
  has_log = pcall_child_log_end (&self->log, self->index);
  if (has_log && n + is_alone > 1 && !self->batch->wrote)
    {
      pcall_stdio_note_shared (self->span.first);
      self->one_by_one = TRUE;
    }
  tells_more = has_log || pcall_current_has_attachments (self->index);
  if (tells_more && !is_alone)
    value = take_out_of_batch (self);
  if (tells_more || is_alone)
    hand_over (self, value, error, has_log);
  else
    flush_span (self, n);
}

/* The function of a binding has counted @n calls, and set nothing for the next. That one may have
 * an outcome all the same: its result is in memory. Where it has set something to go with a result
 * and there is none, and where no call is counted, the function came back from the middle of a
 * call. */
static void
find_outcome (Pull      *self,
              guint      n,
              GVariant **value,
              GError   **error)
{
  guint index = self->span.first + n;

  if (pcall_current_has_memory (index))
    *value = g_variant_new_tuple (NULL, 0);
  else if (n == 0 || pcall_current_has_attachments (index))
    pcall_bytes_set_error (error);
}

/* All calls of the span, by the function that a binding has for that. */
static void
run_batch (Pull *self)
{
  guint n_calls = pcall_span_get_length (self->span);
  GError *error = NULL;
  GVariant *value = NULL;
  guint n;

  self->batch->wrote = FALSE;
  pcall_current_begin_batch (self->index, &self->batch->n_ended);
  n = pcall_target_invoke_batch (get_target (self), self->index, n_calls, &value, &error);
  leave_if_not_ours (error);

  if (value == NULL && error == NULL)
    find_outcome (self, n, &value, &error);
  if (error != NULL)
    n = self->batch->n_ended;
  n = MIN (n, n_calls - (value != NULL || error != NULL));
  conclude_batch (self, n, value, error);
}

/* FALSE if the calls must not begin. */
static gboolean
enter_span (Pull *self)
{
  self->index = self->span.first;
  begin_call (self);
  if (!pcall_ledger_enter (self->ledger, self->slot, self->span, self->began))
    return FALSE;

  wake_if_asleep (self);
  tell_of_missing_log (self);
  return TRUE;
}

static void
run_span (Pull *self)
{
  if (pcall_target_has_batches (get_target (self)) && !self->one_by_one)
    run_batch (self);
  else
    run_calls (self);
}

/* The pace rises at once and falls slowly: rather too few calls in a span than too many. */
static void
leave_span (Pull *self)
{
  guint n = self->index + 1 - self->span.first;
  gint64 now = g_get_monotonic_time ();
  gdouble pace = (now - self->entered) / (gdouble) n;

  self->pace = MAX (pace, MEMORY * self->pace + (1.0 - MEMORY) * pace);
  self->n_last = n;
  self->n_left -= self->limited ? n : 0;
  self->claim.first = self->span.first + n;
  self->entered = self->began = self->flushed = now;
  pcall_ledger_leave (self->ledger, self->slot, self->claim.first);
  self->n_flushed = 0;
}

/* Taking */

static guint
find_span_length (Pull *self)
{
  gdouble n = MIN (SPAN_US / MAX (self->pace, 0.001), (gdouble) self->n_last * GROWTH);
  guint most = pcall_ledger_get_limits (self->ledger)->n_calls;

  if (self->one_by_one)
    most = 1;
  if (self->limited)
    most = MIN (most, self->n_left);
  return n < most ? MAX ((guint) n, 1) : most;
}

/* A counter that goes back was written over, and might for ever. */
static gboolean
claim_more (Pull *self,
            guint most)
{
  if (!pcall_ledger_claim (self->ledger, self->slot, most, &self->claim) ||
      self->claim.first < self->least)
    return FALSE;

  self->least = self->claim.end;
  return TRUE;
}

static gboolean
take_span (Pull *self)
{
  guint most = find_span_length (self);
  guint n;

  if (most == 0)
    return FALSE;
  while ((n = pcall_ledger_take_some (self->ledger, self->slot, most, &self->claim)) == 0)
    if (!claim_more (self, most))
      return FALSE;

  self->span = (PcallSpan) { self->claim.first, self->claim.first + n };
  return TRUE;
}

G_NORETURN static void
end (Pull *self)
{
  pcall_child_log_close (&self->log);
  pcall_current_leave (EXIT_SUCCESS);
  if (__gcov_dump != NULL)
    __gcov_dump ();
  _exit (EXIT_SUCCESS);
}

void
pcall_child_pull (const PcallStartContext *context,
                  const PcallJob          *job,
                  int                      log_error_number,
                  int                      out,
                  int                      err)
{
  gint64 now = g_get_monotonic_time ();
  Pull self = {
    .ledger = pcall_ledger_ref (context->ledger),
    .ring = pcall_ledger_get_ring (context->ledger, job->slot),
    .batch = pcall_ledger_get_batch (context->ledger, job->slot),
    .arguments = pcall_arguments_ref (context->arguments),
    .targets = g_ptr_array_ref (context->targets),
    .conditions = pcall_conditions_ref (context->conditions),
    .log = { .out = out, .err = err },
    .slot = job->slot,
    .claim = { job->index, job->end },
    .index = job->index,
    .limited = context->calls_per_child > 0,
    .n_left = context->calls_per_child,
    .one_by_one = context->one_by_one,
    .entered = now,
    .began = now,
    .flushed = now,
  };

  pcall_current_set_mark (make_mark ());
  pcall_current_set_flush (flush, &self);
  pcall_bytes_set_batch (self.batch, pcall_ledger_get_limits (self.ledger));
  pcall_child_log_open (&self.log, context, job, log_error_number);
  prepare_arguments (&self);
  while (take_span (&self) && enter_span (&self))
    {
      run_span (&self);
      leave_span (&self);
    }
  end (&self);
}
