/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-call-list-struct-private.h"

#include <sys/types.h>

#include "pcall-error.h"
#include "pcall-target.h"

/* The calls of a task, compactly.
 *
 * A million calls are an array of a million small records, zero until they are touched. What few
 * calls have (an error, a text, a log file) stands apart from the record. A result is kept as
 * the bytes that came, and a number in the record itself (pcall-call-results.c). Arguments are
 * not stored at all: they are built when asked for. */

PcallCallList *
pcall_call_list_new (PcallArguments *arguments,
                     GPtrArray      *targets,
                     guint           n_calls)
{
  PcallCallRecord *records = g_try_new0 (PcallCallRecord, n_calls);
  PcallCallList *self;

  if (records == NULL && n_calls > 0)
    return NULL;

  self = g_new0 (PcallCallList, 1);
  g_ref_count_init (&self->ref_count);
  self->arguments = pcall_arguments_ref (arguments);
  self->targets = g_ptr_array_ref (targets);
  self->records = records;
  self->n_calls = n_calls;
  self->calls = g_hash_table_new (NULL, NULL);
  return self;
}

PcallCallList *
pcall_call_list_ref (PcallCallList *self)
{
  g_ref_count_inc (&self->ref_count);
  return self;
}

void
pcall_call_list_set_log (PcallCallList   *self,
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
  if (!g_ref_count_dec (&self->ref_count))
    return;

  for (guint i = 0; i < self->n_calls; i++)
    record_clear (&self->records[i]);
  g_free (self->records);
  g_hash_table_unref (self->calls);
  g_clear_pointer (&self->handles, g_hash_table_unref);
  g_clear_pointer (&self->log, pcall_log_files_unref);
  g_ptr_array_unref (self->targets);
  pcall_arguments_unref (self->arguments);
  g_free (self);
}


static PcallCallExtra *
ensure_extra (PcallCallRecord *record)
{
  if (record->extra == NULL)
    record->extra = g_new0 (PcallCallExtra, 1);
  return record->extra;
}

static PcallCall *
peek_call (PcallCallList *self,
           guint          index)
{
  /* Nobody looks at most calls, so at most times there is none. */
  if (g_hash_table_size (self->calls) == 0)
    return NULL;
  return g_hash_table_lookup (self->calls, GUINT_TO_POINTER (index));
}

/* Who connected to an object and let it go wants to be told all the same, until there is nothing
 * left to tell. */
static void
hold_call (PcallCallList *self,
           guint          index,
           PcallCall     *call)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->state > PCALL_CALL_STATE_RUNNING)
    return;

  record->holds_call = TRUE;
  g_object_ref (call);
}

PcallCall *
pcall_call_list_get_call (PcallCallList *self,
                          guint          index)
{
  PcallCall *call = peek_call (self, index);

  if (call != NULL)
    return g_object_ref (call);

  call = pcall_call_new (self, index);
  g_hash_table_insert (self->calls, GUINT_TO_POINTER (index), call);
  hold_call (self, index, call);
  return call;
}

void
pcall_call_list_forget_call (PcallCallList *self,
                             guint          index)
{
  g_hash_table_remove (self->calls, GUINT_TO_POINTER (index));
}

gboolean
pcall_call_list_has_objects (PcallCallList *self)
{
  return g_hash_table_size (self->calls) > 0;
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

const GError *
pcall_call_list_get_first_error (PcallCallList *self)
{
  const GError *cancelled = NULL;

  for (guint i = 0; i < self->n_calls && self->n_failed > 0; i++)
    {
      const GError *error = pcall_call_list_get_error (self, i);

      if (error == NULL)
        continue;
      if (self->records[i].state != PCALL_CALL_STATE_CANCELLED)
        return error;
      if (cancelled == NULL)
        cancelled = error;
    }

  return cancelled;
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

void
pcall_call_list_begin (PcallCallList *self,
                       guint          index,
                       pid_t          pid,
                       gint64         began)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);
  PcallCall *call = peek_call (self, index);

  record->state = PCALL_CALL_STATE_RUNNING;
  record->pid = pid;
  record->has_log = self->log != NULL;
  if (record->extra != NULL)
    g_clear_pointer (&record->extra->log_file, g_free);
  record->time = began;
  if (call != NULL)
    pcall_call_notify_started (call);
}

void
pcall_call_list_stop_clock (PcallCallList *self,
                            guint          index,
                            gint64         took)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  record->time = MAX (took, 0);
  record->stopped = TRUE;
}

void
pcall_call_list_set_progress (PcallCallList *self,
                              guint          index,
                              gdouble        fraction,
                              const char    *text)
{
  PcallCallExtra *extra = ensure_extra (pcall_call_list_get_record (self, index));
  PcallCall *call = peek_call (self, index);

  self->progress += fraction - extra->progress;
  extra->progress = fraction;
  if (g_strcmp0 (text, extra->progress_text) != 0)
    {
      g_free (extra->progress_text);
      extra->progress_text = g_strdup (text);
    }
  if (call != NULL)
    pcall_call_notify_progressed (call);
}

/* A call that is over is wholly done, and no longer counts as partly done. */
static void
settle_progress (PcallCallList   *self,
                 PcallCallRecord *record)
{
  if (record->extra != NULL)
    {
      self->progress -= record->extra->progress;
      record->extra->progress = 1.0;
    }
  if (record->time != 0 && !record->stopped)
    record->time = g_get_monotonic_time () - record->time;
}

/* FALSE if it had ended before. */
static gboolean
finish (PcallCallList   *self,
        PcallCallRecord *record,
        PcallCallState   state)
{
  g_assert (state > PCALL_CALL_STATE_RUNNING);

  if (record->state > PCALL_CALL_STATE_RUNNING)
    return FALSE;

  settle_progress (self, record);
  record->state = state;
  self->n_finished++;
  self->n_failed += state != PCALL_CALL_STATE_SUCCEEDED;
  return TRUE;
}

static void
notify_finished (PcallCallList *self,
                 guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);
  g_autoptr (PcallCall) call = NULL;

  g_set_object (&call, peek_call (self, index));
  if (call != NULL)
    pcall_call_notify_finished (call);
  if (record->holds_call)
    g_object_unref (call);
  record->holds_call = FALSE;
}

gboolean
pcall_call_list_finish (PcallCallList  *self,
                        guint           index,
                        PcallCallState  state,
                        PcallPayload   *result,
                        GError         *error,
                        GVariant       *error_details)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  g_assert ((result != NULL) == (state == PCALL_CALL_STATE_SUCCEEDED));
  g_assert ((error == NULL) == (state == PCALL_CALL_STATE_SUCCEEDED));

  if (!finish (self, record, state))
    {
      g_clear_error (&error);
      return FALSE;
    }

  if (result != NULL)
    pcall_call_record_set_payload (record, result);
  if (error != NULL)
    ensure_extra (record)->error = error;
  if (error_details != NULL)
    ensure_extra (record)->error_details = g_variant_ref (error_details);
  notify_finished (self, index);
  return TRUE;
}

void
pcall_call_list_finish_number (PcallCallList     *self,
                               guint              index,
                               const PcallNumber *number)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (!finish (self, record, PCALL_CALL_STATE_SUCCEEDED))
    return;

  pcall_call_record_set_number (record, number);
  notify_finished (self, index);
}

guint
pcall_call_list_count_pending (PcallCallList *self,
                               guint          first,
                               guint          n)
{
  const PcallCallRecord *record = pcall_call_list_get_record (self, first);
  guint i = 0;

  while (i < MIN (n, self->n_calls - first) && record[i].state == PCALL_CALL_STATE_PENDING &&
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
  record->state = PCALL_CALL_STATE_SUCCEEDED;
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
pcall_call_list_settle_log (PcallCallList *self,
                            guint          index,
                            gboolean       has_log)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);
  PcallCall *call = peek_call (self, index);

  if (record->has_log == has_log)
    return;

  record->has_log = has_log;
  if (call != NULL)
    pcall_call_notify_log_file (call);
}

void
pcall_call_list_set_log_note (PcallCallList *self,
                              guint          index,
                              const char    *note)
{
  PcallCallExtra *extra = ensure_extra (pcall_call_list_get_record (self, index));

  g_free (extra->log_note);
  extra->log_note = g_strdup (note);
}

void
pcall_call_list_abandon (PcallCallList *self,
                         const char    *reason)
{
  g_autoptr (GList) indices = g_hash_table_get_keys (self->calls);

  for (GList *l = indices; l != NULL; l = l->next)
    {
      guint index = GPOINTER_TO_UINT (l->data);
      g_autofree char *call = pcall_call_list_describe (self, index);

      pcall_call_list_finish (self, index, PCALL_CALL_STATE_CANCELLED, NULL,
                              g_error_new (PCALL_ERROR, PCALL_ERROR_CANCELLED, "%s: %s", call,
                                           reason),
                              NULL);
    }
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

  extra = ensure_extra (record);
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
