/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

#include "calls/pcall-call-list-parts-private.h"

#include "pcall-error.h"

/* The results of the calls of a task: numbers, or bytes as they came, and what is made of them
 * for those who ask, one by one or many at once. */

/* What is larger is not copied together with others, and not so many that all are larger. */
#define LARGEST_PIECE (64 * 1024)
#define LARGEST_WHOLE (64 * 1024 * 1024)

void
pcall_call_record_set_number (PcallCallRecord   *record,
                              const PcallNumber *number)
{
  record->result.bits = number->bits;
  record->number = number->type;
}

void
pcall_call_record_set_payload (PcallCallRecord *record,
                               PcallPayload    *result)
{
  PcallNumber number;

  if (pcall_number_from_box (&number, pcall_payload_get_data (result), result->length))
    pcall_call_record_set_number (record, &number);
  else
    record->result.payload = pcall_payload_ref (result);
}

void
pcall_call_list_drop_data (PcallCallList *self,
                           guint          index)
{
  const PcallNumber nothing = { 0, 'y' };
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  g_assert (record->state > PCALL_CALL_STATE_RUNNING);

  pcall_arguments_drop (self->arguments, index);
  if (record->number == '\0')
    g_clear_pointer (&record->result.payload, pcall_payload_unref);
  if (record->state == PCALL_CALL_STATE_SUCCEEDED)
    pcall_call_record_set_number (record, &nothing);
  if (self->hosts != NULL)
    g_hash_table_remove (self->hosts, GUINT_TO_POINTER (index));
}

static GVariant *
build_result (const PcallCallRecord *record)
{
  const PcallNumber number = { record->result.bits, record->number };

  return number.type != '\0' ? pcall_number_to_value (&number)
                             : pcall_payload_unbox (record->result.payload);
}

void
pcall_call_list_set_handles (PcallCallList *self,
                             guint          index,
                             GUnixFDList   *handles)
{
  if (self->handles == NULL)
    self->handles = g_hash_table_new_full (NULL, NULL, NULL, g_object_unref);
  g_hash_table_insert (self->handles, GUINT_TO_POINTER (index), g_object_ref (handles));
}

void
pcall_call_list_set_journal (PcallCallList *self,
                             guint          index,
                             GBytes        *journal)
{
  if (self->journals == NULL)
    self->journals = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) g_bytes_unref);
  g_hash_table_insert (self->journals, GUINT_TO_POINTER (index), g_bytes_ref (journal));
}

GBytes *
pcall_call_list_get_journal (PcallCallList *self,
                             guint          index)
{
  return self->journals != NULL ? g_hash_table_lookup (self->journals, GUINT_TO_POINTER (index))
                                : NULL;
}

GUnixFDList *
pcall_call_list_get_handles (PcallCallList *self,
                             guint          index)
{
  return self->handles != NULL ? g_hash_table_lookup (self->handles, GUINT_TO_POINTER (index))
                               : NULL;
}

/* One by one, each with a reference to what came. */
static GVariant *
build_results (PcallCallList *self)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("av"));
  for (guint i = 0; i < self->n_calls; i++)
    {
      g_autoptr (GVariant) result = build_result (&self->records[i]);

      g_variant_builder_add (&builder, "v", result);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static gboolean
is_large (PcallCallList *self)
{
  gsize size = self->n_calls * sizeof (guint64);

  for (guint i = 0; i < self->n_calls && size <= LARGEST_WHOLE; i++)
    {
      const PcallCallRecord *record = &self->records[i];
      gsize length = record->number == '\0' ? record->result.payload->length : sizeof (guint64);

      if (length > LARGEST_PIECE)
        return TRUE;
      size += length + sizeof (guint64);
    }
  return size > LARGEST_WHOLE;
}

/* A result as it stands in a v: as it came. */
static void
append_result (const PcallCallRecord *record,
               GByteArray            *bytes)
{
  const PcallNumber number = { record->result.bits, record->number };
  const guint8 box[] = { '\0', (guint8) number.type };
  gsize size = pcall_number_get_size (number.type);

  if (number.type == '\0')
    g_byte_array_append (bytes, pcall_payload_get_data (record->result.payload),
                         record->result.payload->length);
  else if (size > 0)
    {
      g_byte_array_append (bytes, (const guint8 *) &number.bits, size);
      g_byte_array_append (bytes, box, sizeof box);
    }
  else
    {
      g_autoptr (GVariant) value = pcall_number_to_value (&number);
      g_autoptr (GVariant) boxed = g_variant_ref_sink (g_variant_new_variant (value));
      g_byte_array_append (bytes, g_variant_get_data (boxed), g_variant_get_size (boxed));
    }
}

/* How many bytes a framing offset has, where @n of them follow @length bytes: see the section on it
 * in the specification of GVariant. */
static gsize
find_offset_size (gsize length,
                  gsize n)
{
  for (gsize size = 1; size < sizeof (guint64); size *= 2)
    if (length + n * size <= (G_GUINT64_CONSTANT (1) << (8 * size)) - 1)
      return size;
  return sizeof (guint64);
}

/* All of them as an av in one piece, of which what is looked at is made when that is. */
static GVariant *
serialise_results (PcallCallList *self)
{
  static const guint8 zeros[8] = { 0 };
  GByteArray *bytes = g_byte_array_new ();
  g_autofree guint64 *ends = g_new (guint64, self->n_calls);
  g_autoptr (GBytes) all = NULL;
  gsize offset_size;

  for (guint i = 0; i < self->n_calls; i++)
    {
      g_byte_array_append (bytes, zeros, -bytes->len % sizeof zeros);
      append_result (&self->records[i], bytes);
      ends[i] = bytes->len;
    }

  offset_size = find_offset_size (bytes->len, self->n_calls);
  for (guint i = 0; i < self->n_calls; i++)
    {
      guint64 end = GUINT64_TO_LE (ends[i]);

      g_byte_array_append (bytes, (const guint8 *) &end, offset_size);
    }
  all = g_byte_array_free_to_bytes (bytes);
  return g_variant_ref_sink (g_variant_new_from_bytes (G_VARIANT_TYPE ("av"), all, TRUE));
}

GVariant *
pcall_call_list_get_results (PcallCallList *self)
{
  if (self->n_finished < self->n_calls || self->n_failed > 0)
    return NULL;
  if (is_large (self))
    return build_results (self);
  return serialise_results (self);
}

GVariant *
pcall_call_list_get_result (PcallCallList *self,
                            guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  return record->state == PCALL_CALL_STATE_SUCCEEDED ? build_result (record) : NULL;
}

guint
pcall_call_list_get_numbers (PcallCallList *self,
                             guint          index,
                             char          *type,
                             guint64       *numbers)
{
  guint i;

  *type = pcall_call_list_get_record (self, index)->number;
  for (i = index; i < self->n_calls && *type != '\0' && self->records[i].number == *type; i++)
    if (numbers != NULL)
      numbers[i - index] = self->records[i].result.bits;
  return i - index;
}

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

  for (gsize size = 0; size <= LARGEST_WHOLE; size += length + sizeof end, n++)
    if (peek_piece (self, index + n, &length) == NULL)
      break;
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
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->number != '\0' || record->result.payload == NULL)
    return NULL;
  return pcall_payload_peek_bytestring (record->result.payload, length);
}

GBytes *
pcall_call_list_dup_result_bytes (PcallCallList *self,
                                  guint          index)
{
  PcallCallRecord *record = pcall_call_list_get_record (self, index);

  if (record->number != '\0' || record->result.payload == NULL)
    return NULL;
  return pcall_payload_dup_bytestring (record->result.payload);
}
