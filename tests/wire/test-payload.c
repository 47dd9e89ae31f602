/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The bytes of a value, in memory of ours or of a child's: who holds them, what refers to them, and
 * copies that somebody may write to. */

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pcall-glib/wire/pcall-payload-private.h>

static GVariant *
parse_boxed (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (G_VARIANT_TYPE_VARIANT, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static int
make_memory (gconstpointer data, gsize size)
{
  int fd = memfd_create ("payload", MFD_CLOEXEC);

  g_assert_no_errno (fd);
  g_assert_cmpint (write (fd, data, size), ==, size);
  return fd;
}

static PcallPayload *
make_mapped (gconstpointer data, gsize size)
{
  int fd = make_memory (data, size);
  PcallPayload *payload = pcall_payload_new_mapped (fd, size);

  /* It was the caller's all the time. */
  g_assert_no_errno (close (fd));
  g_assert_nonnull (payload);
  g_assert_true (payload->mapped);
  return payload;
}

static PcallPayload *
make_plain (gconstpointer data, gsize size)
{
  PcallPayload *payload = pcall_payload_new (size);

  g_assert_false (payload->mapped);
  memcpy (pcall_payload_get_data (payload), data, size);
  return payload;
}

/* Each test is run with both. */
typedef PcallPayload *(*Make) (gconstpointer data, gsize size);

static const struct
{
  const char *name;
  Make make;
} makers[] = {
  { "plain", make_plain },
  { "mapped", make_mapped },
};

static Make
get_make (gconstpointer data)
{
  return makers[GPOINTER_TO_UINT (data)].make;
}

static PcallPayload *
make_boxed (Make make, const char *text)
{
  g_autoptr (GVariant) value = parse_boxed (text);

  return make (g_variant_get_data (value), g_variant_get_size (value));
}

static void
assert_held (PcallPayload *payload, gint n_times)
{
  g_assert_true (g_atomic_ref_count_compare (&payload->ref_count, n_times));
}

static gboolean
is_mapped (gpointer memory)
{
  gsize page = sysconf (_SC_PAGESIZE);
  gpointer start = (gpointer) ((gsize) memory / page * page);

  return msync (start, page, MS_ASYNC) == 0 || errno != ENOMEM;
}

/* Values */

static const char *const values[] = {
  "<()>", "<true>", "<1>", "<int64 2>", "<'text'>", "<(1, 'a', [2.5])>", "<{'k': <'v'>}>",
};

static void
test_values (gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (values); i++)
    {
      g_autoptr (GVariant) expected = parse_boxed (values[i]);
      g_autoptr (GVariant) expected_inner = g_variant_get_variant (expected);
      g_autoptr (PcallPayload) payload = make_boxed (get_make (data), values[i]);
      g_autoptr (GVariant) value = pcall_payload_get_value (payload, G_VARIANT_TYPE_VARIANT);
      g_autoptr (GVariant) inner = pcall_payload_unbox (payload);

      g_assert_cmpuint ((gsize) pcall_payload_get_data (payload) % 8, ==, 0);
      g_assert_cmpuint (payload->length, ==, g_variant_get_size (expected));
      g_assert_false (g_variant_is_floating (value));
      g_assert_false (g_variant_is_floating (inner));
      g_assert_cmpvariant (value, expected);
      g_assert_cmpvariant (inner, expected_inner);
    }
}

/* What refers to the payload holds it, and nothing is copied. */
static void
test_references (gconstpointer data)
{
  g_autoptr (PcallPayload) payload = make_boxed (get_make (data), "<'some text'>");
  GBytes *bytes = pcall_payload_get_bytes (payload);
  GVariant *value = pcall_payload_get_value (payload, G_VARIANT_TYPE_VARIANT);

  assert_held (payload, 3);
  g_assert_true (g_bytes_get_data (bytes, NULL) == pcall_payload_get_data (payload));
  g_assert_cmpuint (g_bytes_get_size (bytes), ==, payload->length);
  g_assert_true (g_variant_get_data (value) == pcall_payload_get_data (payload));
  g_bytes_unref (bytes);
  g_variant_unref (value);
  assert_held (payload, 1);
  g_assert_true (pcall_payload_ref (payload) == payload);
  assert_held (payload, 2);
  pcall_payload_unref (payload);
}

static void
test_outlived (gconstpointer data)
{
  PcallPayload *payload = make_boxed (get_make (data), "<'some text'>");
  g_autoptr (GVariant) value = pcall_payload_unbox (payload);

  pcall_payload_unref (payload);
  g_assert_cmpstr (g_variant_get_string (value, NULL), ==, "some text");
}

/* Of bytes */

static const struct
{
  const char *text;
  const char *peeked; /* NULL: nothing */
  const char *copied;
  gsize length;
} strings[] = {
  { "<@ay []>", "", "", 0 },
  { "<@ay [0x41]>", "A", "A", 1 },
  { "<b'text'>", "text", "text", 5 },
  { "<@ay [0, 0x79, 0]>", "\0y\0", "\0y\0", 3 },
  { "<(b'text',)>", NULL, "text", 5 },
  { "<(@ay [],)>", NULL, "", 0 },
  { "<[b'text']>", NULL, NULL, 0 },
  { "<'text'>", NULL, NULL, 0 },
  { "<<b'text'>>", NULL, NULL, 0 },
  { "<(b'text', b'x')>", NULL, NULL, 0 },
  { "<byte 7>", NULL, NULL, 0 },
  { "<()>", NULL, NULL, 0 },
  { "<@may [1]>", NULL, NULL, 0 },
};

static void
test_peek (gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      g_autoptr (PcallPayload) payload = make_boxed (get_make (data), strings[i].text);
      gsize length = 123;
      const guint8 *bytes = pcall_payload_peek_bytestring (payload, &length);

      if (strings[i].peeked == NULL)
        {
          g_assert_null (bytes);
          g_assert_cmpuint (length, ==, 123);
          continue;
        }
      g_assert_true (bytes == pcall_payload_get_data (payload));
      g_assert_cmpmem (bytes, length, strings[i].peeked, strings[i].length);
    }
}

/* What is written to a copy is not in the payload, nor in another copy; and it stays. */
static void
test_dup (gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      PcallPayload *payload = make_boxed (get_make (data), strings[i].text);
      g_autofree guint8 *before = g_memdup2 (pcall_payload_get_data (payload), payload->length);
      g_autoptr (GBytes) copy = pcall_payload_dup_bytestring (payload);
      g_autoptr (GBytes) other = pcall_payload_dup_bytestring (payload);

      assert_held (payload, 1);
      if (strings[i].copied == NULL)
        {
          g_assert_null (copy);
          g_assert_null (other);
          pcall_payload_unref (payload);
          continue;
        }
      g_assert_cmpmem (g_bytes_get_data (copy, NULL), g_bytes_get_size (copy), strings[i].copied,
                       strings[i].length);
      for (gsize at = 0; at < strings[i].length; at++)
        ((guint8 *) g_bytes_get_data (copy, NULL))[at] = 0xff;
      g_assert_cmpmem (pcall_payload_get_data (payload), payload->length, before, payload->length);
      pcall_payload_unref (payload);
      g_assert_cmpmem (g_bytes_get_data (other, NULL), g_bytes_get_size (other),
                       strings[i].copied, strings[i].length);
      for (gsize at = 0; at < strings[i].length; at++)
        g_assert_cmphex (((const guint8 *) g_bytes_get_data (copy, NULL))[at], ==, 0xff);
    }
}

/* Shorter than any v, as no channel lets through: not a byte before them is looked at. */
static void
test_short (gconstpointer data)
{
  static const char *const shorts[] = { "\0", "ay", "y", ")" };

  for (gsize i = 0; i < G_N_ELEMENTS (shorts); i++)
    {
      g_autoptr (PcallPayload) payload = get_make (data) (shorts[i], MAX (strlen (shorts[i]), 1));
      gsize length;

      g_assert_null (pcall_payload_peek_bytestring (payload, &length));
      g_assert_null (pcall_payload_dup_bytestring (payload));
    }
}

/* Memory that is used again */

static void
test_resize (void)
{
  PcallPayload *payload = pcall_payload_resize (NULL, 4);
  PcallPayload *larger;

  g_assert_cmpuint (payload->length, ==, 0);
  assert_held (payload, 1);
  memcpy (pcall_payload_get_data (payload), "abcd", 4);
  payload->length = 4;
  larger = pcall_payload_resize (payload, 1 << 20);
  g_assert_nonnull (larger);
  assert_held (larger, 1);
  g_assert_cmpmem (pcall_payload_get_data (larger), larger->length, "abcd", 4);
  memset (pcall_payload_get_data (larger), 'x', 1 << 20);
  pcall_payload_unref (larger);
}

static void
test_renew (void)
{
  PcallPayload *payload = pcall_payload_renew (NULL, 10);
  PcallPayload *other;

  g_assert_cmpuint (payload->length, ==, 10);
  g_assert_true (pcall_payload_renew (payload, 10) == payload);
  assert_held (payload, 1);

  pcall_payload_ref (payload);
  other = pcall_payload_renew (payload, 10);
  g_assert_true (other != payload);
  assert_held (payload, 1);
  assert_held (other, 1);
  g_assert_cmpuint (other->length, ==, 10);
  memset (pcall_payload_get_data (other), 'x', 10);
  pcall_payload_unref (payload);

  other = pcall_payload_renew (other, 20);
  g_assert_cmpuint (other->length, ==, 20);
  memset (pcall_payload_get_data (other), 'x', 20);
  pcall_payload_unref (other);
}

/* A mapping is not to be written to. */
static void
test_renew_mapped (void)
{
  PcallPayload *payload = make_mapped ("0123456789", 10);
  gpointer memory = pcall_payload_get_data (payload);

  payload = pcall_payload_renew (payload, 10);
  g_assert_false (payload->mapped);
  g_assert_cmpuint (payload->length, ==, 10);
  g_assert_false (is_mapped (memory));
  memset (pcall_payload_get_data (payload), 'x', 10);
  pcall_payload_unref (payload);
}

static void
test_unmapped (void)
{
  PcallPayload *payload = make_mapped ("0123456789", 10);
  gpointer memory = pcall_payload_get_data (payload);

  pcall_payload_ref (payload);
  pcall_payload_unref (payload);
  g_assert_true (is_mapped (memory));
  g_assert_cmpmem (pcall_payload_get_data (payload), payload->length, "0123456789", 10);
  pcall_payload_unref (payload);
  g_assert_false (is_mapped (memory));
}

/* What cannot be mapped, however often, costs no mapping that can be. */

#define MANY 20000

static void
test_cannot_be_mapped (void)
{
  int fds[2];

  g_assert_no_errno (pipe (fds));
  for (guint i = 0; i < MANY; i++)
    {
      g_assert_null (pcall_payload_new_mapped (fds[0], 10));
      g_assert_null (pcall_payload_new_mapped (-1, 10));
    }
  pcall_payload_unref (make_mapped ("x", 1));
  close (fds[0]);
  close (fds[1]);
}

/* The process keeps mappings for others; and so it does with copies, which are none then. */
static void
test_too_many (void)
{
  g_autoptr (GPtrArray) payloads
      = g_ptr_array_new_with_free_func ((GDestroyNotify) pcall_payload_unref);
  g_autoptr (GVariant) value = parse_boxed ("<b'text'>");
  int fd = make_memory (g_variant_get_data (value), g_variant_get_size (value));
  PcallPayload *payload;
  g_autoptr (GBytes) copy = NULL;

  while ((payload = pcall_payload_new_mapped (fd, g_variant_get_size (value))) != NULL)
    {
      g_ptr_array_add (payloads, payload);
      g_assert_cmpuint (payloads->len, <, MANY);
    }
  copy = pcall_payload_dup_bytestring (payloads->pdata[0]);
  g_assert_cmpmem (g_bytes_get_data (copy, NULL), g_bytes_get_size (copy), "text", 5);
  for (guint i = 0; i < 10; i++)
    g_assert_null (pcall_payload_new_mapped (fd, 1));

  g_ptr_array_set_size (payloads, payloads->len - 1);
  payload = pcall_payload_new_mapped (fd, g_variant_get_size (value));
  g_assert_nonnull (payload);
  g_assert_null (pcall_payload_new_mapped (fd, 1));
  g_ptr_array_add (payloads, payload);
  close (fd);
}

int
main (int argc, char *argv[])
{
  static const struct
  {
    const char *name;
    GTestDataFunc func;
  } of_both[] = {
    { "values", test_values }, { "references", test_references }, { "outlived", test_outlived },
    { "peek", test_peek },     { "dup", test_dup },               { "short", test_short },
  };

  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (of_both); i++)
    for (guint j = 0; j < G_N_ELEMENTS (makers); j++)
      {
        g_autofree char *path
            = g_strdup_printf ("/pcall/payload/%s/%s", of_both[i].name, makers[j].name);

        g_test_add_data_func (path, GUINT_TO_POINTER (j), of_both[i].func);
      }
  g_test_add_func ("/pcall/payload/resize", test_resize);
  g_test_add_func ("/pcall/payload/renew", test_renew);
  g_test_add_func ("/pcall/payload/renew/mapped", test_renew_mapped);
  g_test_add_func ("/pcall/payload/unmapped", test_unmapped);
  g_test_add_func ("/pcall/payload/cannot-be-mapped", test_cannot_be_mapped);
  g_test_add_func ("/pcall/payload/too-many", test_too_many);

  return g_test_run ();
}
