/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include <sys/types.h>

#include "pcall-call-private.h"
#include "pcall-error.h"
#include "pcall-number-private.h"
#include "pcall-target.h"

/* The calls of a task, compactly.
 *
 * A million calls are an array of a million small records, zero until they are touched. What few
 * calls have (an error, a text, a log file) stands apart from the record. A result is kept as the
 * bytes that came, and a number in the record itself. Arguments are not stored at all: they are built when asked for. */

typedef struct
{
  GError   *error;
  GVariant *error_details;
  char     *progress_text;
  char     *log_file; /* once asked for */
  char     *log_note;
  gdouble   progress;
} Extra;

typedef struct
{
  union
  {
    PcallPayload *payload;
    guint64       bits;
  }      result;
  Extra *extra;
  gint64 time; /* running: when it began; finished: how long it took; microseconds */
  gint32 pid;
  guint8 state;
  char   number;         /* the type of the result, where that is one; else it is a payload */
  guint8 has_log    : 1;
  guint8 holds_call : 1; /* its object is kept until the call has ended */
  guint8 stopped    : 1; /* `time` is how long it took */
} Record;

struct _PcallCallList
{
  grefcount       ref_count;
  PcallArguments *arguments;
  GPtrArray      *targets;
  Record         *records;
  guint           n_calls;
  guint           n_finished;
  guint           n_failed;
  gdouble         progress; /* of the calls that run, summed up */
  GHashTable      *calls;   /* index → PcallCall, weak */
  GHashTable      *handles; /* index → GUnixFDList, where a result has one; NULL: none has */
  PcallLogCapture *log;     /* NULL: no call has a log file */
};

PcallCallList *
pcall_call_list_new (PcallArguments *arguments,
                     GPtrArray      *targets,
                     guint           n_calls)
{
  PcallCallList *self = g_new0 (PcallCallList, 1);

  g_ref_count_init (&self->ref_count);
  self->arguments = pcall_arguments_ref (arguments);
  self->targets = g_ptr_array_ref (targets);
  self->records = g_new0 (Record, n_calls);
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
                         PcallLogCapture *log)
{
  self->log = pcall_log_capture_ref (log);
}

static void
extra_free (Extra *extra)
{
  g_clear_error (&extra->error);
  g_clear_pointer (&extra->error_details, g_variant_unref);
  g_free (extra->progress_text);
  g_free (extra->log_file);
  g_free (extra->log_note);
  g_free (extra);
}

static void
record_clear (Record *record)
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
  g_clear_pointer (&self->log, pcall_log_capture_unref);
  g_ptr_array_unref (self->targets);
  pcall_arguments_unref (self->arguments);
  g_free (self);
}

static Record *
get_record (PcallCallList *self,
            guint          index)
{
  g_assert (index < self->n_calls);
  return &self->records[index];
}

static Extra *
ensure_extra (Record *record)
{
  if (record->extra == NULL)
    record->extra = g_new0 (Extra, 1);
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
  Record *record = get_record (self, index);

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

static GVariant *
build_result (const Record *record)
{
  const PcallNumber number = { record->result.bits, record->number };

  return number.type != '\0' ? pcall_number_to_value (&number)
                             : pcall_payload_unbox (record->result.payload);
}

GVariant *
pcall_call_list_get_results (PcallCallList *self)
{
  GVariantBuilder builder;

  if (self->n_finished < self->n_calls || self->n_failed > 0)
    return NULL;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < self->n_calls; i++)
    {
      g_autoptr (GVariant) result = build_result (&self->records[i]);

      g_variant_builder_add (&builder, "v", result);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
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
  return get_record (self, index)->state;
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
  Record *record = get_record (self, index);
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
  Record *record = get_record (self, index);

  record->time = MAX (took, 0);
  record->stopped = TRUE;
}

void
pcall_call_list_set_progress (PcallCallList *self,
                              guint          index,
                              gdouble        fraction,
                              const char    *text)
{
  Extra *extra = ensure_extra (get_record (self, index));
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
settle_progress (PcallCallList *self,
                 Record        *record)
{
  if (record->extra != NULL)
    {
      self->progress -= record->extra->progress;
      record->extra->progress = 1.0;
    }
  if (record->time != 0 && !record->stopped)
    record->time = g_get_monotonic_time () - record->time;
}

static void
set_number (Record            *record,
            const PcallNumber *number)
{
  record->result.bits = number->bits;
  record->number = number->type;
}

static void
set_result (Record       *record,
            PcallPayload *result)
{
  PcallNumber number;

  if (pcall_number_from_box (&number, pcall_payload_get_data (result), result->length))
    set_number (record, &number);
  else
    record->result.payload = pcall_payload_ref (result);
}

/* FALSE if it had ended before. */
static gboolean
finish (PcallCallList *self,
        Record        *record,
        PcallCallState state)
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
  Record *record = get_record (self, index);
  g_autoptr (PcallCall) call = NULL;

  g_set_object (&call, peek_call (self, index));
  if (call != NULL)
    pcall_call_notify_finished (call);
  if (record->holds_call)
    g_object_unref (call);
  record->holds_call = FALSE;
}

void
pcall_call_list_set_handles (PcallCallList *self,
                             guint          index,
                             GUnixFDList   *handles)
{
  if (get_record (self, index)->state > PCALL_CALL_STATE_RUNNING)
    return;

  if (self->handles == NULL)
    self->handles = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  g_hash_table_insert (self->handles, GUINT_TO_POINTER (index), g_object_ref (handles));
}

gboolean
pcall_call_list_finish (PcallCallList *self,
                        guint          index,
                        PcallCallState state,
                        PcallPayload  *result,
                        GError        *error,
                        GVariant      *error_details)
{
  Record *record = get_record (self, index);

  g_assert ((result != NULL) == (state == PCALL_CALL_STATE_SUCCEEDED));
  g_assert ((error == NULL) == (state == PCALL_CALL_STATE_SUCCEEDED));

  if (!finish (self, record, state))
    {
      g_clear_error (&error);
      return FALSE;
    }

  if (result != NULL)
    set_result (record, result);
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
  Record *record = get_record (self, index);

  if (!finish (self, record, PCALL_CALL_STATE_SUCCEEDED))
    return;

  set_number (record, number);
  notify_finished (self, index);
}

guint
pcall_call_list_count_pending (PcallCallList *self,
                               guint          first,
                               guint          n)
{
  const Record *record = get_record (self, first);
  guint i = 0;

  while (i < MIN (n, self->n_calls - first) && record[i].state == PCALL_CALL_STATE_PENDING &&
         record[i].extra == NULL)
    i++;
  return i;
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
  Record *record = get_record (self, first);

  g_assert (n <= self->n_calls - first);

  for (guint i = 0; i < n; i++)
    {
      record[i].result.bits = numbers[i];
      record[i].number = type;
      record[i].pid = pid;
      record[i].time = took;
      record[i].stopped = TRUE;
      record[i].state = PCALL_CALL_STATE_SUCCEEDED;
    }
  self->n_finished += n;
}

void
pcall_call_list_settle_log (PcallCallList *self,
                            guint          index,
                            gboolean       has_log)
{
  Record *record = get_record (self, index);
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
  Extra *extra = ensure_extra (get_record (self, index));

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

GVariant *
pcall_call_list_get_result (PcallCallList *self,
                            guint          index)
{
  Record *record = get_record (self, index);

  return record->state == PCALL_CALL_STATE_SUCCEEDED ? build_result (record) : NULL;
}

guint
pcall_call_list_get_numbers (PcallCallList *self,
                             guint          index,
                             char          *type,
                             guint64       *numbers)
{
  guint i;

  *type = get_record (self, index)->number;
  for (i = index; i < self->n_calls && *type != '\0' && self->records[i].number == *type; i++)
    if (numbers != NULL)
      numbers[i - index] = self->records[i].result.bits;
  return i - index;
}

/* A copy of a large one would cost more than to ask for it alone. */
#define LARGEST_PIECE (64 * 1024)

static const guint8 *
peek_piece (PcallCallList *self,
            guint          index,
            gsize         *length)
{
  const guint8 *bytes =
      index < self->n_calls ? pcall_call_list_peek_result_data (self, index, length) : NULL;

  return bytes != NULL && *length <= LARGEST_PIECE ? bytes : NULL;
}

GBytes *
pcall_call_list_join_results (PcallCallList *self,
                              guint          index)
{
  GByteArray *joined;
  const guint8 *bytes;
  gsize length;
  guint64 end = 0;
  guint64 n = 0;

  while (peek_piece (self, index + n, &length) != NULL)
    n++;
  if (n == 0)
    return NULL;

  joined = g_byte_array_new ();
  g_byte_array_append (joined, (const guint8 *) &n, sizeof n);
  for (guint64 i = 0; i < n; i++)
    {
      peek_piece (self, index + i, &length);
      end += length;
      g_byte_array_append (joined, (const guint8 *) &end, sizeof end);
    }
  for (guint64 i = 0; i < n; i++)
    {
      bytes = peek_piece (self, index + i, &length);
      g_byte_array_append (joined, bytes, length);
    }
  return g_byte_array_free_to_bytes (joined);
}

const guint8 *
pcall_call_list_peek_result_data (PcallCallList *self,
                                  guint          index,
                                  gsize         *length)
{
  Record *record = get_record (self, index);

  if (record->number != '\0' || record->result.payload == NULL)
    return NULL;
  return pcall_payload_peek_bytestring (record->result.payload, length);
}

GBytes *
pcall_call_list_dup_result_bytes (PcallCallList *self,
                                  guint          index)
{
  Record *record = get_record (self, index);

  if (record->number != '\0' || record->result.payload == NULL)
    return NULL;
  return pcall_payload_dup_bytestring (record->result.payload);
}

GUnixFDList *
pcall_call_list_get_handles (PcallCallList *self,
                             guint          index)
{
  return self->handles != NULL ? g_hash_table_lookup (self->handles, GUINT_TO_POINTER (index))
                               : NULL;
}

const GError *
pcall_call_list_get_error (PcallCallList *self,
                           guint          index)
{
  Extra *extra = get_record (self, index)->extra;

  return extra != NULL ? extra->error : NULL;
}

GVariant *
pcall_call_list_get_error_details (PcallCallList *self,
                                   guint          index)
{
  Extra *extra = get_record (self, index)->extra;

  return extra != NULL ? extra->error_details : NULL;
}

pid_t
pcall_call_list_get_pid (PcallCallList *self,
                         guint          index)
{
  return get_record (self, index)->pid;
}

gdouble
pcall_call_list_get_progress (PcallCallList *self,
                              guint          index)
{
  Record *record = get_record (self, index);

  if (record->state > PCALL_CALL_STATE_RUNNING)
    return 1.0;
  return record->extra != NULL ? record->extra->progress : 0.0;
}

const char *
pcall_call_list_get_progress_text (PcallCallList *self,
                                   guint          index)
{
  Extra *extra = get_record (self, index)->extra;

  return extra != NULL ? extra->progress_text : NULL;
}

gdouble
pcall_call_list_get_elapsed (PcallCallList *self,
                             guint          index)
{
  Record *record = get_record (self, index);
  gint64 time = record->time;

  if (record->state == PCALL_CALL_STATE_RUNNING && !record->stopped)
    time = g_get_monotonic_time () - time;
  return time / (gdouble) G_USEC_PER_SEC;
}

gboolean
pcall_call_list_has_log (PcallCallList *self,
                         guint          index)
{
  return get_record (self, index)->has_log;
}

const char *
pcall_call_list_get_log_file (PcallCallList *self,
                              guint          index)
{
  Record *record = get_record (self, index);
  Extra *extra;

  if (!record->has_log)
    return NULL;

  extra = ensure_extra (record);
  if (extra->log_file == NULL)
    extra->log_file = pcall_log_capture_get_path (self->log, index, record->pid);
  return extra->log_file;
}

const char *
pcall_call_list_get_log_note (PcallCallList *self,
                              guint          index)
{
  Extra *extra = get_record (self, index)->extra;

  return extra != NULL ? extra->log_note : NULL;
}
