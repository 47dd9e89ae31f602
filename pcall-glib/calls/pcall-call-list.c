/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-call-list-parts-private.h"

#include <string.h>
#include <sys/types.h>

#include "pcall-error.h"
#include "pcall-target.h"

/* The calls of a task, compactly.
 *
 * A million calls are an array of a million small records, zero until they are touched. What few
 * calls have (an error, a text, a log file) stands apart from the record. A result is kept as
 * the bytes that came, and a number in the record itself (pcall-call-results.c). Arguments are
 * not stored at all: they are built when asked for.
 *
 * What is heard of a call waits in a queue of events until it is its turn to be told, and only then
 * shows in the record. So that nothing is heard twice, the record knows from the first moment that
 * the call has begun, or ended. */

/* For calls that are added one by one. */
#define MIN_ROOM 64

enum
{
  KNOWN_NOTHING,
  KNOWN_BEGUN,
  KNOWN_ENDED,
};

PcallCallList *
pcall_call_list_new (PcallMonitor         *monitor,
                     PcallArguments       *arguments,
                     GPtrArray            *targets,
                     guint                 n_calls,
                     const PcallViewClass *view)
{
  PcallCallRecord *records = g_try_new0 (PcallCallRecord, n_calls);
  PcallCallList *self;

  if (records == NULL && n_calls > 0)
    return NULL;

  self = g_new0 (PcallCallList, 1);
  g_atomic_ref_count_init (&self->ref_count);
  self->arguments = pcall_arguments_ref (arguments);
  self->targets = g_ptr_array_ref (targets);
  self->records = records;
  self->n_calls = self->n_room = n_calls;
  pcall_views_init (&self->views, view, self, monitor);
  return self;
}

static gboolean
make_room (PcallCallList *self)
{
  guint n = MAX (MIN_ROOM, 2 * self->n_calls);
  PcallCallRecord *records = g_try_renew (PcallCallRecord, self->records, n);

  if (records == NULL)
    return FALSE;

  memset (records + self->n_calls, 0, (n - self->n_calls) * sizeof *records);
  self->records = records;
  self->n_room = n;
  return TRUE;
}

gboolean
pcall_call_list_add (PcallCallList *self)
{
  if (self->n_calls > G_MAXINT || (self->n_calls == self->n_room && !make_room (self)))
    return FALSE;

  self->n_calls++;
  return TRUE;
}

PcallCallList *
pcall_call_list_ref (PcallCallList *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

PcallMonitor *
pcall_call_list_get_monitor (PcallCallList *self)
{
  return self->views.monitor;
}

void
pcall_call_list_set_log (PcallCallList *self,
                         PcallLogFiles *log)
{
  self->log = pcall_log_files_ref (log);
}

static void
extra_free (PcallCallExtra *extra)
{
  g_clear_error (&extra->error);
  g_clear_pointer (&extra->error_details, g_variant_unref);
  g_free (extra->progress_text);
  g_free (extra->log_file);
  g_free (extra->log_note);
  g_clear_pointer (&extra->output, g_bytes_unref);
  g_free (extra);
}

static void
record_clear (PcallCallRecord *record)
{
  if (record->number == '\0')
    g_clear_pointer (&record->result.payload, pcall_payload_unref);
  g_clear_pointer (&record->extra, extra_free);
}

void
pcall_call_list_unref (PcallCallList *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  for (guint i = 0; i < self->n_calls; i++)
    record_clear (&self->records[i]);
  g_free (self->records);
  pcall_views_clear (&self->views);
  g_clear_pointer (&self->handles, g_hash_table_unref);
  g_clear_pointer (&self->hosts, g_hash_table_unref);
  g_clear_pointer (&self->journals, g_hash_table_unref);
  g_clear_pointer (&self->log, pcall_log_files_unref);
  g_ptr_array_unref (self->targets);
  pcall_arguments_unref (self->arguments);
  g_free (self);
}

PcallCallExtra *
pcall_call_record_get_extra (PcallCallRecord *record)
{
  if (record->extra == NULL)
    record->extra = g_new0 (PcallCallExtra, 1);
  return record->extra;
}

PcallCall *
pcall_call_list_get_call (PcallCallList *self,
                          guint          index)
{
  const PcallCallRecord *record = pcall_call_list_get_record (self, index);

  return pcall_views_get (&self->views, index, record->state <= PCALL_CALL_STATE_RUNNING);
}

void
pcall_call_list_forget_call (PcallCallList *self,
                             guint          index,
                             PcallCall     *call)
{
  pcall_views_remove (&self->views, index, call);
}

gboolean
pcall_call_list_has_objects (PcallCallList *self)
{
  return pcall_views_are_there (&self->views);
}

guint
pcall_call_list_get_n_calls (PcallCallList *self)
{
  return self->n_calls;
}

guint
pcall_call_list_get_n_finished (PcallCallList *self)
{
  return self->n_finished;
}

guint
pcall_call_list_get_n_failed (PcallCallList *self)
{
  return self->n_failed;
}

gdouble
pcall_call_list_get_done (PcallCallList *self)
{
  return self->n_finished + self->progress;
}

gboolean
pcall_call_list_find_first_failed (PcallCallList *self,
                                   guint         *index)
{
  gboolean found = FALSE;

  for (guint i = 0; i < self->n_calls && self->n_failed > 0; i++)
    {
      PcallCallState state = self->records[i].state;

      if (state <= PCALL_CALL_STATE_SUCCEEDED || (found && state == PCALL_CALL_STATE_CANCELLED))
        continue;

      *index = i;
      found = TRUE;
      if (state != PCALL_CALL_STATE_CANCELLED)
        break;
    }

  return found;
}

PcallCallState
pcall_call_list_get_state (PcallCallList *self,
                           guint          index)
{
  return pcall_call_list_get_record (self, index)->state;
}

static PcallTarget *
get_target (PcallCallList *self,
            guint          index)
{
  return g_ptr_array_index (self->targets, self->targets->len > 1 ? index : 0);
}

char *
pcall_call_list_describe (PcallCallList *self,
                          guint          index)
{
  const char *name = pcall_call_list_get_target_name (self, index);

  return name != NULL ? g_strdup_printf ("call %u (%s)", index, name)
                      : g_strdup_printf ("call %u", index);
}

gboolean
pcall_call_list_expect_begin (PcallCallList *self,
                              guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->known != KNOWN_NOTHING)
    return FALSE;

  record->known = KNOWN_BEGUN;
  return TRUE;
}

gboolean
pcall_call_list_expect_end (PcallCallList *self,
                            guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->known == KNOWN_ENDED)
    return FALSE;

  record->known = KNOWN_ENDED;
  self->n_known_ended++;
  return TRUE;
}

guint
pcall_call_list_get_n_known_ended (PcallCallList *self)
{
  return self->n_known_ended;
}

gboolean
pcall_call_list_is_untouched (PcallCallList *self,
                              guint          index)
{
  return pcall_call_list_get_record (self, index)->known == KNOWN_NOTHING;
}

gboolean
pcall_call_list_has_ended (PcallCallList *self,
                           guint          index)
{
  return pcall_call_list_get_record (self, index)->known == KNOWN_ENDED;
}

static void
set_process (PcallCallList   *self,
             PcallCallRecord *record,
             pid_t            pid)
{
  record->pid = pid;
  record->has_log = self->log != NULL;
  if (record->extra == NULL)
    return;
  g_clear_pointer (&record->extra->log_file, g_free);
  g_clear_pointer (&record->extra->output, g_bytes_unref);
}

void
pcall_call_list_begin (PcallCallList *self,
                       guint          index,
                       pid_t          pid,
                       gint64         began)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->state > PCALL_CALL_STATE_RUNNING)
    return;

  set_process (self, record, pid);
  record->state = PCALL_CALL_STATE_RUNNING;
  record->time = began;
}

void
pcall_call_list_set_host (PcallCallList *self,
                          guint          index,
                          const char    *host)
{
  if (self->hosts == NULL)
    self->hosts = g_hash_table_new (NULL, NULL);
  g_hash_table_insert (self->hosts, GUINT_TO_POINTER (index), (gpointer) host);
}

const char *
pcall_call_list_get_host (PcallCallList *self,
                          guint          index)
{
  return self->hosts != NULL ? g_hash_table_lookup (self->hosts, GUINT_TO_POINTER (index)) : NULL;
}

void
pcall_call_list_set_progress (PcallCallList *self,
                              guint          index,
                              gdouble        fraction,
                              const char    *text)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);
  PcallCallExtra *extra;

  if (record->state > PCALL_CALL_STATE_RUNNING)
    return;

  extra = pcall_call_record_get_extra (record);
  self->progress += fraction - extra->progress;
  extra->progress = fraction;
  if (g_strcmp0 (text, extra->progress_text) != 0)
    {
      g_free (extra->progress_text);
      extra->progress_text = g_strdup (text);
    }
}

/* A call that is over is wholly done, and no longer counts as partly done. */
static void
finish_progress (PcallCallList   *self,
                 PcallCallRecord *record)
{
  if (record->extra == NULL)
    return;

  self->progress -= record->extra->progress;
  record->extra->progress = 1.0;
}

static void
set_elapsed (PcallCallRecord *record,
             gint64           took)
{
  if (took >= 0)
    record->time = took;
  else if (record->time != 0 && !record->stopped)
    record->time = g_get_monotonic_time () - record->time;
  record->stopped = TRUE;
}

/* The record takes what is in the outcome. */
static void
take_outcome (PcallCallList   *self,
              guint            index,
              PcallCallRecord *record,
              PcallOutcome    *outcome)
{
  if (outcome->handles != NULL)
    pcall_call_list_set_handles (self, index, outcome->handles);
  if (outcome->result != NULL)
    pcall_call_record_set_payload (record, outcome->result);
  else if (outcome->number.type != '\0')
    pcall_call_record_set_number (record, &outcome->number);
  if (outcome->error != NULL)
    pcall_call_record_get_extra (record)->error = g_steal_pointer (&outcome->error);
  if (outcome->details != NULL)
    pcall_call_record_get_extra (record)->error_details = g_steal_pointer (&outcome->details);
}

void
pcall_call_list_finish (PcallCallList      *self,
                        guint               index,
                        const PcallCallEnd *end,
                        PcallOutcome       *outcome)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  g_assert (end->state > PCALL_CALL_STATE_RUNNING);
  g_assert (record->state <= PCALL_CALL_STATE_RUNNING);
  g_assert (pcall_outcome_is_success (outcome) == (end->state == PCALL_CALL_STATE_SUCCEEDED));

  if (end->pid > 0 && record->pid != end->pid)
    set_process (self, record, end->pid);
  take_outcome (self, index, record, outcome);
  finish_progress (self, record);
  set_elapsed (record, end->took);
  record->state = end->state;
  record->has_log = end->has_log;
  self->n_finished++;
  self->n_failed += end->state != PCALL_CALL_STATE_SUCCEEDED;
}

void
pcall_call_list_notify_started (PcallCallList *self,
                                guint          index)
{
  pcall_views_notify (&self->views, index, PCALL_CALL_STARTED);
}

void
pcall_call_list_notify_progressed (PcallCallList *self,
                                   guint          index)
{
  pcall_views_notify (&self->views, index, PCALL_CALL_PROGRESSED);
}

void
pcall_call_list_notify_finished (PcallCallList *self,
                                 guint          index)
{
  pcall_views_notify_last (&self->views, index, PCALL_CALL_FINISHED);
}

guint
pcall_call_list_count_pending (PcallCallList *self,
                               guint          first,
                               guint          n)
{
  const PcallCallRecord *record = pcall_call_list_get_record (self, first);
  guint i = 0;

  while (i < MIN (n, self->n_calls - first) && record[i].known == KNOWN_NOTHING &&
         record[i].extra == NULL)
    i++;
  return i;
}

static void
book (PcallCallList   *self,
      PcallCallRecord *record,
      pid_t            pid,
      gint64           took)
{
  record->pid = pid;
  record->time = took;
  record->stopped = TRUE;
  record->known = KNOWN_ENDED;
  record->state = PCALL_CALL_STATE_SUCCEEDED;
  self->n_known_ended++;
  self->n_finished++;
}

void
pcall_call_list_book (PcallCallList *self,
                      guint          first,
                      guint          n,
                      pid_t          pid,
                      gint64         took,
                      char           type,
                      const guint64 *numbers)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, first);

  g_assert (n <= self->n_calls - first);

  for (guint i = 0; i < n; i++)
    {
      record[i].result.bits = numbers[i];
      record[i].number = type;
      book (self, &record[i], pid, took);
    }
}

void
pcall_call_list_book_payload (PcallCallList *self,
                              guint          index,
                              pid_t          pid,
                              gint64         took,
                              PcallPayload  *result)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  record->result.payload = result;
  book (self, record, pid, took);
}

void
pcall_call_list_drop_log (PcallCallList *self,
                          guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (!record->has_log)
    return;

  record->has_log = FALSE;
  pcall_views_notify (&self->views, index, PCALL_CALL_LOG_FILE_CHANGED);
}

void
pcall_call_list_set_log_note (PcallCallList *self,
                              guint          index,
                              const char    *note)
{
  PcallCallExtra *extra = pcall_call_record_get_extra (pcall_call_list_get_record (self, index));

  g_free (extra->log_note);
  extra->log_note = g_strdup (note);
}

static void
abandon_call (PcallCallList *self,
              guint          index,
              const char    *reason)
{
  const PcallCallEnd end = { PCALL_CALL_STATE_CANCELLED, 0, -1, FALSE };
  g_auto (PcallOutcome) outcome = { 0 };
  g_autofree char *call = NULL;

  if (pcall_call_list_get_state (self, index) > PCALL_CALL_STATE_RUNNING)
    return;

  call = pcall_call_list_describe (self, index);
  pcall_outcome_set_error (&outcome, g_error_new (PCALL_ERROR, PCALL_ERROR_CANCELLED, "%s: %s",
                                                  call, reason));
  pcall_call_list_expect_end (self, index);
  pcall_call_list_finish (self, index, &end, &outcome);
  pcall_call_list_notify_finished (self, index);
}

void
pcall_call_list_abandon (PcallCallList *self,
                         const char    *reason)
{
  g_autoptr (GArray) indices = pcall_views_list (&self->views);

  for (guint i = 0; i < indices->len; i++)
    abandon_call (self, g_array_index (indices, guint, i), reason);
}

void
pcall_call_list_abandon_all (PcallCallList *self,
                             const char    *reason)
{
  for (guint i = 0; i < self->n_calls; i++)
    abandon_call (self, i, reason);
}

const char *
pcall_call_list_get_target_name (PcallCallList *self,
                                 guint          index)
{
  return pcall_target_get_name (get_target (self, index));
}

GVariant *
pcall_call_list_get_args (PcallCallList *self,
                          guint          index)
{
  return pcall_arguments_build_args (self->arguments, index);
}

GVariant *
pcall_call_list_get_kwargs (PcallCallList *self,
                            guint          index)
{
  return pcall_arguments_build_kwargs (self->arguments, index);
}

const GError *
pcall_call_list_get_error (PcallCallList *self,
                           guint          index)
{
  PcallCallExtra *extra = pcall_call_list_get_record (self, index)->extra;

  return extra != NULL ? extra->error : NULL;
}

GVariant *
pcall_call_list_get_error_details (PcallCallList *self,
                                   guint          index)
{
  PcallCallExtra *extra = pcall_call_list_get_record (self, index)->extra;

  return extra != NULL ? extra->error_details : NULL;
}

pid_t
pcall_call_list_get_pid (PcallCallList *self,
                         guint          index)
{
  return pcall_call_list_get_record (self, index)->pid;
}

gdouble
pcall_call_list_get_progress (PcallCallList *self,
                              guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->state > PCALL_CALL_STATE_RUNNING)
    return 1.0;
  return record->extra != NULL ? record->extra->progress : 0.0;
}

const char *
pcall_call_list_get_progress_text (PcallCallList *self,
                                   guint          index)
{
  PcallCallExtra *extra = pcall_call_list_get_record (self, index)->extra;

  return extra != NULL ? extra->progress_text : NULL;
}

gdouble
pcall_call_list_get_elapsed (PcallCallList *self,
                             guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);
  gint64 time = record->time;

  if (record->state == PCALL_CALL_STATE_RUNNING && !record->stopped)
    time = g_get_monotonic_time () - time;
  return time / (gdouble) G_USEC_PER_SEC;
}

gboolean
pcall_call_list_has_log (PcallCallList *self,
                         guint          index)
{
  return pcall_call_list_get_record (self, index)->has_log;
}

const char *
pcall_call_list_get_log_file (PcallCallList *self,
                              guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);
  PcallCallExtra *extra;

  if (!record->has_log)
    return NULL;

  extra = pcall_call_record_get_extra (record);
  if (extra->log_file == NULL)
    extra->log_file = pcall_log_files_get_path (self->log, index, record->pid);
  return extra->log_file;
}

const char *
pcall_call_list_get_log_note (PcallCallList *self,
                              guint          index)
{
  PcallCallExtra *extra = pcall_call_list_get_record (self, index)->extra;

  return extra != NULL ? extra->log_note : NULL;
}
