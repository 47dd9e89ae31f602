/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Frames as bytes: the only place where a child's bytes become values. Everything here is pure
 * and takes time linear in the bytes it is given, whatever they are. After it, a GVariant is in
 * normal form and in this machine's byte order, and nobody needs to doubt it again.
 *
 * Two things are done here that GLib could do, because GLib is too slow at them. Looking for a
 * number that is not in normal form, where none can be, takes seconds for a large array. And
 * g_variant_byteswap() takes quadratic time for arrays of variable-sized elements, as it reads
 * all offsets before an element's own to find that element. */

#include "wire/pcall-frame-private.h"

#include <string.h>

#include "pcall-error.h"
#include "base/pcall-child-code-private.h"
#include "wire/pcall-normal-private.h"
#include "wire/pcall-number-private.h"

#define MAGIC "PCL1"
#define ALIGNMENT 8

/* Of the byte that tells the type */
#define IN_MEMORY 0x80

/* How much of a bad type string an error shows. */
#define MAX_SHOWN_TYPE 64

enum
{
  OFFSET_MAGIC = 0,
  OFFSET_VERSION = 4,
  OFFSET_BYTE_ORDER = 5,
  OFFSET_TYPE = 6,
  OFFSET_N_HANDLES = 7,
  OFFSET_NONCE = 8,
  OFFSET_SEQUENCE = 16,
  OFFSET_CALL_INDEX = 20,
  OFFSET_LENGTH = 24,
};

#if G_BYTE_ORDER == G_LITTLE_ENDIAN
#define OWN_ORDER 'l'
#define OTHER_ORDER 'B'
#else
#define OWN_ORDER 'B'
#define OTHER_ORDER 'l'
#endif

static const struct
{
  const char *name;
  const char *payload_type;
} kinds[] = {
  [PCALL_FRAME_READY] = { .name = "ready", .payload_type = "()" },
  [PCALL_FRAME_RESULT] = { .name = "result", .payload_type = "v" },
  [PCALL_FRAME_ERROR] = { .name = "error", .payload_type = "(sisa{sv})" },
  [PCALL_FRAME_PROGRESS] = { .name = "progress", .payload_type = "(ds)" },
  [PCALL_FRAME_MESSAGE] = { .name = "message", .payload_type = "v" },
  [PCALL_FRAME_FINAL] = { .name = "final", .payload_type = "i" },
  [PCALL_FRAME_HELLO] = { .name = "hello", .payload_type = "(uia{sv})" },
  [PCALL_FRAME_CALL] = { .name = "call", .payload_type = "(sva{sv}ss)" },
  [PCALL_FRAME_STOP] = { .name = "stop", .payload_type = "()" },
  [PCALL_FRAME_WAKE] = { .name = "wake", .payload_type = "()" },
  [PCALL_FRAME_AGAIN] = { .name = "again", .payload_type = "u" },
  [PCALL_FRAME_NOTE] = { .name = "note", .payload_type = "s" },
  [PCALL_FRAME_CHALLENGE] = { .name = "challenge", .payload_type = "(uay)" },
  [PCALL_FRAME_PROOF] = { .name = "proof", .payload_type = "(uayay)" },
  [PCALL_FRAME_LAUNCH] = { .name = "launch", .payload_type = "(aayaaya{sv})" },
  [PCALL_FRAME_TERMINATE] = { .name = "terminate", .payload_type = "x" },
  [PCALL_FRAME_BEGUN] = { .name = "begun", .payload_type = "()" },
  [PCALL_FRAME_LOG] = { .name = "log", .payload_type = "ay" },
  [PCALL_FRAME_OUT] = { .name = "out", .payload_type = "ay" },
  [PCALL_FRAME_CLOSED] = { .name = "closed", .payload_type = "()" },
  [PCALL_FRAME_UNABLE] = { .name = "unable", .payload_type = "s" },
  [PCALL_FRAME_EXIT] = { .name = "exit", .payload_type = "(bixttts)" },
  [PCALL_FRAME_PING] = { .name = "ping", .payload_type = "()" },
  [PCALL_FRAME_PONG] = { .name = "pong", .payload_type = "()" },
  [PCALL_FRAME_LEAVING] = { .name = "leaving", .payload_type = "()" },
  [PCALL_FRAME_WITHDRAW] = { .name = "withdraw", .payload_type = "x" },
  [PCALL_FRAME_RETURNED] = { .name = "returned", .payload_type = "()" },
  [PCALL_FRAME_COMMON] = { .name = "common", .payload_type = "(va{sv})" },
  [PCALL_FRAME_JOURNAL] = { .name = "journal", .payload_type = "ay" },
};

static gboolean refuse (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* Always FALSE, for its caller to return. */
static gboolean
refuse (GError **error, const char *format, ...)
{
  va_list arguments;

  va_start (arguments, format);
  g_propagate_error (error,
                     g_error_new_valist (PCALL_ERROR, PCALL_ERROR_PROTOCOL, format, arguments));
  va_end (arguments);

  return FALSE;
}

PCALL_CHILD_CODE const GVariantType *
pcall_frame_payload_type (PcallFrameType type)
{
  guint kind = type;

  return kind < G_N_ELEMENTS (kinds) ? (const GVariantType *) kinds[kind].payload_type : NULL;
}

const char *
pcall_frame_type_name (PcallFrameType type)
{
  g_assert (pcall_frame_payload_type (type) != NULL);

  return kinds[type].name;
}

/* Headers */

static guint32
get_uint32 (const guint8 *bytes, gboolean swapped)
{
  guint32 number;

  memcpy (&number, bytes, sizeof number);
  return swapped ? GUINT32_SWAP_LE_BE (number) : number;
}

static guint64
get_uint64 (const guint8 *bytes, gboolean swapped)
{
  guint64 number;

  memcpy (&number, bytes, sizeof number);
  return swapped ? GUINT64_SWAP_LE_BE (number) : number;
}

PCALL_CHILD_CODE void
pcall_frame_header_encode (const PcallFrameHeader *header, guint8 bytes[PCALL_FRAME_HEADER_SIZE])
{
  memcpy (bytes + OFFSET_MAGIC, MAGIC, strlen (MAGIC));
  bytes[OFFSET_VERSION] = PCALL_FRAME_VERSION;
  bytes[OFFSET_BYTE_ORDER] = OWN_ORDER;
  bytes[OFFSET_TYPE] = (guint8) (header->type | (header->in_memory ? IN_MEMORY : 0));
  bytes[OFFSET_N_HANDLES] = header->n_handles;
  memcpy (bytes + OFFSET_NONCE, &header->nonce, sizeof header->nonce);
  memcpy (bytes + OFFSET_SEQUENCE, &header->sequence, sizeof header->sequence);
  memcpy (bytes + OFFSET_CALL_INDEX, &header->call_index, sizeof header->call_index);
  memcpy (bytes + OFFSET_LENGTH, &header->length, sizeof header->length);
}

/* As text, too: it may be the beginning of words that somebody printed where frames belong. */
static gboolean
refuse_magic (const guint8 *bytes, GError **error)
{
  g_autofree char *start = g_strndup ((const char *) bytes, strlen (MAGIC));
  g_autofree char *text = g_strescape (start, NULL);

  return refuse (error, "frame magic is %02x%02x%02x%02x (\"%s\")", bytes[0], bytes[1], bytes[2],
                 bytes[3], text);
}

/* What comes before a header's numbers, and says how to read them. */
static gboolean
check_preamble (const guint8 *bytes, GError **error)
{
  if (memcmp (bytes + OFFSET_MAGIC, MAGIC, strlen (MAGIC)) != 0)
    return refuse_magic (bytes, error);

  if (bytes[OFFSET_VERSION] != PCALL_FRAME_VERSION)
    return refuse (error, "frame version is %u, not %u", bytes[OFFSET_VERSION],
                   PCALL_FRAME_VERSION);

  if (bytes[OFFSET_BYTE_ORDER] != OWN_ORDER && bytes[OFFSET_BYTE_ORDER] != OTHER_ORDER)
    return refuse (error, "frame byte order is %02x, neither 'l' nor 'B'",
                   bytes[OFFSET_BYTE_ORDER]);

  if (pcall_frame_payload_type (bytes[OFFSET_TYPE] & ~IN_MEMORY) == NULL)
    return refuse (error, "frame type is %u, which is none", bytes[OFFSET_TYPE]);

  return TRUE;
}

static gboolean
check_handles (const PcallFrameHeader *header, GError **error)
{
  if (header->n_handles > PCALL_FRAME_MAX_HANDLES)
    return refuse (error, "frame has %u handles, over the limit of %u", header->n_handles,
                   PCALL_FRAME_MAX_HANDLES);

  if (header->n_handles > 0 && header->type != PCALL_FRAME_RESULT
      && header->type != PCALL_FRAME_MESSAGE)
    return refuse (error, "%s frame has %u handles, and should have none",
                   kinds[header->type].name, header->n_handles);

  return TRUE;
}

static gboolean
check_numbers (const PcallFrameHeader *header, guint64 nonce, guint32 sequence, GError **error)
{
  if (header->nonce != nonce)
    return refuse (error, "frame nonce is %016" G_GINT64_MODIFIER "x, not that of the task",
                   header->nonce);

  if (header->sequence != sequence)
    return refuse (error, "frame sequence is %u, not %u", header->sequence, sequence);

  if (header->length > PCALL_FRAME_MAX_LENGTH)
    return refuse (error,
                   "frame length %" G_GUINT64_FORMAT " is over the limit of %" G_GUINT64_FORMAT,
                   header->length, PCALL_FRAME_MAX_LENGTH);

  return check_handles (header, error);
}

gboolean
pcall_frame_header_decode (const guint8      bytes[PCALL_FRAME_HEADER_SIZE],
                           guint64           nonce,
                           guint32           sequence,
                           PcallFrameHeader *header,
                           GError          **error)
{
  PcallFrameHeader seen = { 0 };

  if (!check_preamble (bytes, error))
    return FALSE;

  seen.type = bytes[OFFSET_TYPE] & ~IN_MEMORY;
  seen.in_memory = (bytes[OFFSET_TYPE] & IN_MEMORY) != 0;
  seen.n_handles = bytes[OFFSET_N_HANDLES];
  seen.swapped = bytes[OFFSET_BYTE_ORDER] == OTHER_ORDER;
  seen.nonce = get_uint64 (bytes + OFFSET_NONCE, seen.swapped);
  seen.sequence = get_uint32 (bytes + OFFSET_SEQUENCE, seen.swapped);
  seen.call_index = get_uint32 (bytes + OFFSET_CALL_INDEX, seen.swapped);
  seen.length = get_uint64 (bytes + OFFSET_LENGTH, seen.swapped);

  if (!check_numbers (&seen, nonce, sequence, error))
    return FALSE;

  *header = seen;
  return TRUE;
}

/* Payloads */

/* The tuple of one array of bytes is these bytes and nothing else. */
static gboolean
is_boxed_tuple_of_bytes (const char *data, gsize length)
{
  static const char type[] = { '\0', '(', 'a', 'y', ')' };

  return length >= sizeof type && memcmp (data + length - sizeof type, type, sizeof type) == 0;
}

/* Whether @length bytes, as a `v`, are such a tuple, a number or an array of numbers: the numbers,
 * a zero byte, and then the type string. Any such bytes are in normal form. */
static gboolean
is_boxed_numbers (const char *data, gsize length)
{
  const char *type = length > 2 ? data + length - 1 : "";
  gsize size = pcall_number_get_size (*type);

  if (size == 0)
    return is_boxed_tuple_of_bytes (data, length);
  if (type[-1] == '\0')
    return length - 2 == size;

  return type[-1] == 'a' && type[-2] == '\0' && (length - 3) % size == 0;
}

gboolean
pcall_frame_is_plain (PcallFrameType type, const guint8 *bytes, gsize length)
{
  switch (type)
    {
    case PCALL_FRAME_RESULT:
    case PCALL_FRAME_MESSAGE:
      return is_boxed_numbers ((const char *) bytes, length);
    case PCALL_FRAME_FINAL:
    case PCALL_FRAME_AGAIN:
      return length == sizeof (gint32);
    case PCALL_FRAME_TERMINATE:
    case PCALL_FRAME_WITHDRAW:
      return length == sizeof (gint64);
    case PCALL_FRAME_LOG:
    case PCALL_FRAME_OUT:
    case PCALL_FRAME_JOURNAL:
      return TRUE;
    case PCALL_FRAME_READY:
    case PCALL_FRAME_ERROR:
    case PCALL_FRAME_PROGRESS:
    case PCALL_FRAME_HELLO:
    case PCALL_FRAME_CALL:
    case PCALL_FRAME_STOP:
    case PCALL_FRAME_WAKE:
    case PCALL_FRAME_NOTE:
    case PCALL_FRAME_CHALLENGE:
    case PCALL_FRAME_PROOF:
    case PCALL_FRAME_LAUNCH:
    case PCALL_FRAME_BEGUN:
    case PCALL_FRAME_CLOSED:
    case PCALL_FRAME_UNABLE:
    case PCALL_FRAME_EXIT:
    case PCALL_FRAME_PING:
    case PCALL_FRAME_PONG:
    case PCALL_FRAME_LEAVING:
    case PCALL_FRAME_RETURNED:
    case PCALL_FRAME_COMMON:
    default:
      return FALSE;
    }
}

/* Reverses each of the numbers of @size bytes in the @length bytes at @data. */
static void
swap_bytes (guint8 *data, gsize length, gsize size)
{
  for (gsize at = 0; at < length; at += size)
    for (gsize low = at, high = at + size - 1; low < high; low++, high--)
      {
        guint8 byte = data[low];

        data[low] = data[high];
        data[high] = byte;
      }
}

/* Swaps every number inside @value, in the very memory that @value refers to: its caller owns
 * that alone. Offsets, type strings and padding are the same in both byte orders, so that the
 * value can be walked while it is swapped. @value is in normal form, hence at most 128 deep. */
static void
swap_numbers (GVariant *value)
{
  const char *type = g_variant_get_type_string (value);
  gsize size = pcall_number_get_size (type[*type == 'a']);

  if (size > 0)
    swap_bytes ((guint8 *) g_variant_get_data (value), g_variant_get_size (value), size);
  else if (g_variant_is_container (value))
    for (gsize i = 0, n = g_variant_n_children (value); i < n; i++)
      {
        g_autoptr (GVariant) child = g_variant_get_child_value (value, i);

        swap_numbers (child);
      }
}

/* Neither g_memdup2() nor g_variant_new_from_bytes() may make this copy: both end the process when
 * there is no memory, and how much is needed was the child's choice. */
static GBytes *
copy_bytes (GBytes *bytes, GError **error)
{
  gsize length;
  gconstpointer data = g_bytes_get_data (bytes, &length);
  gpointer copy = g_try_malloc (length);

  if (copy == NULL && length > 0)
    {
      refuse (error, "frame payload of %" G_GSIZE_FORMAT " bytes needs more memory than there is",
              length);
      return NULL;
    }

  if (length > 0)
    memcpy (copy, data, length);

  return g_bytes_new_take (copy, length);
}

/* The bytes of @payload as GVariant needs them: aligned, and our own if they are to be swapped. */
static GBytes *
prepare_bytes (GBytes *payload, gboolean swapped, GError **error)
{
  gsize address = GPOINTER_TO_SIZE (g_bytes_get_data (payload, NULL));

  if (swapped || address % ALIGNMENT != 0)
    return copy_bytes (payload, error);

  return g_bytes_ref (payload);
}

static gboolean
is_definite_type (const char *string, const char *limit)
{
  const char *end;

  return g_variant_type_string_scan (string, limit, &end) && end == limit
         && g_variant_type_is_definite ((const GVariantType *) string);
}

static gboolean
refuse_abnormal (const char *name, gsize length, const char *type, GError **error)
{
  return refuse (
      error, "%s frame's payload is not in normal form: %" G_GSIZE_FORMAT " bytes of type \"%s\"",
      name, length, type);
}

/* Refuses @bytes, a `v` not in normal form: the last zero byte stands before its type string. */
static gboolean
refuse_variant (GBytes *bytes, const char *name, GError **error)
{
  gsize length;
  const char *data = g_bytes_get_data (bytes, &length);
  const char *zero = length > 0 ? memrchr (data, '\0', length) : NULL;
  g_autofree char *start = NULL;
  g_autofree char *type = NULL;

  if (zero == NULL)
    return refuse (error, "%s frame's payload of %" G_GSIZE_FORMAT " bytes has no type string",
                   name, length);

  start = g_strndup (zero + 1, MIN (data + length - (zero + 1), MAX_SHOWN_TYPE));
  type = g_strescape (start, NULL);

  if (!is_definite_type (zero + 1, data + length))
    return refuse (error, "%s frame's payload has the bad type string \"%s\"", name, type);

  return refuse_abnormal (name, zero - data, type, error);
}

static gboolean
check_payload (GVariant *value, GBytes *bytes, const char *name, GError **error)
{
  if (g_variant_is_normal_form (value))
    return TRUE;

  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    return refuse_variant (bytes, name, error);

  return refuse_abnormal (name, g_bytes_get_size (bytes), g_variant_get_type_string (value), error);
}

GVariant *
pcall_frame_decode_payload (const PcallFrameHeader *header, GBytes *payload, GError **error)
{
  const GVariantType *type = pcall_frame_payload_type (header->type);
  gsize length = g_bytes_get_size (payload);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GVariant) value = NULL;
  gboolean trusted;

  g_assert (type != NULL);

  if (length != header->length)
    refuse (error,
            "frame payload has %" G_GSIZE_FORMAT " bytes, not the %" G_GUINT64_FORMAT
            " that its header says",
            length, header->length);
  else
    bytes = prepare_bytes (payload, header->swapped, error);

  if (bytes == NULL)
    return NULL;

  trusted = pcall_frame_is_plain (header->type, g_bytes_get_data (bytes, NULL), length) ||
            (g_variant_type_equal (type, G_VARIANT_TYPE_VARIANT) &&
             pcall_normal_is_surely (g_bytes_get_data (bytes, NULL), length));
  value = g_variant_ref_sink (g_variant_new_from_bytes (type, bytes, trusted));

  if (!check_payload (value, bytes, kinds[header->type].name, error))
    return NULL;

  if (header->swapped)
    swap_numbers (value);

  return g_steal_pointer (&value);
}
