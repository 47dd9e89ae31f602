/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Columns of results: what stands in the memory of a batch, what is copied out of it, and what is
 * not taken for a column, whatever a child gone wild has written. */

#include <string.h>

#include <pcall-glib/share/pcall-result-block-private.h>

#define N_CALLS 4
#define N_BYTES 16

static const PcallBlockLimits limits = { N_CALLS, N_BYTES };

/* The memory of a batch, of exactly the size that its limits say: sanitizers tell of more. */
static PcallOpenBlock *
open_block_new (char type, const guint64 *cells, const char *bytes)
{
  PcallOpenBlock *block
      = g_malloc0 (sizeof (PcallOpenBlock) + N_CALLS * sizeof (guint64) + N_BYTES);

  block->type = type;
  memcpy (block->cells, cells, N_CALLS * sizeof (guint64));
  memcpy (pcall_open_block_get_bytes (block, &limits), bytes, strlen (bytes));
  return block;
}

/* A column as it came, likewise. */
static PcallResultBlock *
column_new (guint32 n, guint32 type, guint64 base, const guint64 *cells, gsize n_cells,
            const char *bytes, gsize *length)
{
  PcallResultBlock *column;

  *length = sizeof *column + n_cells * sizeof (guint64) + strlen (bytes);
  column = g_malloc (*length);
  *column = (PcallResultBlock) { n, type, base };
  memcpy (column->cells, cells, n_cells * sizeof (guint64));
  memcpy ((guint8 *) (column->cells + n_cells), bytes, strlen (bytes));
  return column;
}

/* What is a column */

static const struct
{
  const char *name;
  guint32 n;
  guint32 type;
  guint64 base;
  guint64 cells[5];
  gsize n_cells; /* that are there */
  const char *bytes;
  gboolean valid;
} columns[] = {
  { "number", 1, 'i', 0, { 7 }, 1, "", TRUE },
  { "numbers", 4, 'd', 0, { 1, 2, 3, G_MAXUINT64 }, 4, "", TRUE },
  { "numbers-of-another-language", 2, PCALL_NUMBER_INT, 0, { 1, 2 }, 2, "", TRUE },
  { "numbers-base-is-nothing", 1, 'i', 5, { 7 }, 1, "", TRUE },
  { "truths", 3, PCALL_NUMBER_TRUTH, 0, { 0, 1, PCALL_NUMBER_NOTHING }, 3, "", TRUE },
  { "no-truths", 3, PCALL_NUMBER_TRUTH, 0, { 0, 3, 1 }, 3, "", FALSE },
  { "bytes", 2, 'p', 0, { 3, 5 }, 2, "abcde", TRUE },
  { "no-bytes", 2, 'p', 0, { 0, 0 }, 2, "", TRUE },
  { "bytes-from-within", 2, 'p', 100, { 100, 102 }, 2, "ab", TRUE },
  { "none", 0, 'i', 0, { 0 }, 0, "", FALSE },
  { "none-of-bytes", 0, 'p', 0, { 0 }, 0, "", FALSE },
  { "more-than-calls", 5, 'i', 0, { 1, 2, 3, 4, 5 }, 5, "", FALSE },
  { "more-than-there-are", 4, 'i', 0, { 1, 2, 3 }, 3, "", FALSE },
  { "more-than-can-be", G_MAXUINT32, 'i', 0, { 1 }, 1, "", FALSE },
  { "fewer-than-there-are", 2, 'i', 0, { 1, 2, 3 }, 3, "", FALSE },
  { "numbers-and-bytes", 1, 'i', 0, { 1 }, 1, "x", FALSE },
  { "no-type", 1, '\0', 0, { 1 }, 1, "", FALSE },
  { "unknown-type", 1, 'b', 0, { 1 }, 1, "", FALSE },
  { "type-of-no-character", 1, 'i' + 256, 0, { 1 }, 1, "", FALSE },
  { "largest-type", 1, G_MAXUINT32, 0, { 1 }, 1, "", FALSE },
  { "backwards", 2, 'p', 0, { 5, 3 }, 2, "abcde", FALSE },
  { "begins-before-base", 2, 'p', 4, { 3, 5 }, 2, "a", FALSE },
  { "ends-too-late", 2, 'p', 0, { 3, 6 }, 2, "abcde", FALSE },
  { "ends-too-early", 2, 'p', 0, { 3, 4 }, 2, "abcde", FALSE },
  { "ends-far-beyond", 2, 'p', 0, { 3, G_MAXUINT64 }, 2, "abcde", FALSE },
  { "base-far-beyond", 2, 'p', G_MAXUINT64, { 3, 5 }, 2, "abcde", FALSE },
  { "wraps", 2, 'p', G_MAXUINT64 - 1, { G_MAXUINT64, 3 }, 2, "abcde", FALSE },
};

static void
test_valid (gconstpointer data)
{
  gsize row = GPOINTER_TO_SIZE (data);
  gsize length;
  g_autofree PcallResultBlock *column
      = column_new (columns[row].n, columns[row].type, columns[row].base, columns[row].cells,
                    columns[row].n_cells, columns[row].bytes, &length);

  g_assert_cmpint (pcall_result_block_is_valid (column, length, N_CALLS), ==, columns[row].valid);
}

/* Nor is a part of a column one, however short. */
static void
test_cut_off (void)
{
  const guint64 cells[] = { 3, 5 };
  gsize length;
  g_autofree PcallResultBlock *whole = column_new (2, 'p', 0, cells, 2, "abcde", &length);

  for (gsize shorter = 0; shorter < length; shorter++)
    {
      g_autofree PcallResultBlock *column = g_memdup2 (whole, shorter);

      g_assert_false (pcall_result_block_is_valid (column, shorter, N_CALLS));
    }
  g_assert_true (pcall_result_block_is_valid (whole, length, 2));
  g_assert_false (pcall_result_block_is_valid (whole, length, 1));
}

/* What would be its bytes are fewer than none, and its last result says so, too. */
static void
test_wraps (void)
{
  const guint64 cells[] = { 0, G_MAXUINT64 - 7 };
  gsize length;
  g_autofree PcallResultBlock *column = column_new (2, 'p', 0, cells, 2, "", &length);

  g_assert_false (pcall_result_block_is_valid (column, length - 8, N_CALLS));
}

/* Whatever is taken for a column can be taken apart. */
static void
test_random (void)
{
  guint n_valid = 0;

  for (guint round = 0; round < 100000; round++)
    {
      static const guint32 types[] = { 'p', 'p', 'p', 'i', PCALL_NUMBER_TRUTH, 'Z' };
      guint64 cells[N_CALLS];
      gsize n_cells = g_test_rand_int_range (1, N_CALLS + 1);
      guint32 n = g_test_rand_bit () ? n_cells : (gsize) g_test_rand_int_range (0, 6);
      guint64 base = g_test_rand_int_range (0, 3);
      guint64 last = base;
      const char *bytes = &"abcdefgh"[g_test_rand_int_range (0, 9)];
      g_autofree PcallResultBlock *column = NULL;
      gsize length;

      for (gsize i = 0; i < n_cells; i++)
        cells[i] = last += g_test_rand_int_range (-1, 5);
      column = column_new (n, types[g_test_rand_int_range (0, G_N_ELEMENTS (types))], base, cells,
                           n_cells, bytes, &length);
      if (!pcall_result_block_is_valid (column, length, N_CALLS))
        continue;

      n_valid++;
      for (guint i = 0; i < column->n; i++)
        {
          g_autoptr (GVariant) value = pcall_result_block_build_value (column, i);

          g_assert_true (g_variant_is_normal_form (value));
        }
    }
  g_assert_cmpuint (n_valid, >, 100);
}

/* Out of a batch, and apart again */

static void
assert_value (const PcallResultBlock *column, guint position, const char *expected)
{
  g_autoptr (GVariant) value = pcall_result_block_build_value (column, position);
  g_autoptr (GVariant) parsed = g_variant_parse (NULL, expected, NULL, NULL, NULL);

  g_assert_false (g_variant_is_floating (value));
  g_assert_cmpvariant (value, parsed);
}

static void
test_read (void)
{
  static const struct
  {
    char type;
    guint64 cells[N_CALLS];
    const char *bytes;
    const char *values[N_CALLS];
  } rows[] = {
    { 'y', { 1, 2, 3, 255 }, "", { "byte 1", "byte 2", "byte 3", "byte 255" } },
    { PCALL_NUMBER_INT, { 1, G_MAXUINT64, 0, 7 }, "", { "@mx 1", "@mx -1", "@mx 0", "@mx 7" } },
    { PCALL_NUMBER_TRUTH, { 0, 1, 2, 0 }, "",
      { "@mb false", "@mb true", "@mb nothing", "@mb false" } },
    { 'p', { 2, 2, 3, 6 }, "abcdef",
      { "@ay [0x61, 0x62]", "@ay []", "@ay [0x63]", "@ay [0x64, 0x65, 0x66]" } },
    { 'p', { 16, 16, 16, 16 }, "0123456789abcdef",
      { "[byte 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102]", "@ay []",
        "@ay []", "@ay []" } },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    for (guint from = 0; from < N_CALLS; from++)
      for (guint end = from + 1; end <= N_CALLS; end++)
        {
          g_autofree PcallOpenBlock *block
              = open_block_new (rows[i].type, rows[i].cells, rows[i].bytes);
          g_autoptr (PcallPayload) payload = pcall_open_block_read (block, &limits, from, end);
          const PcallResultBlock *column;

          g_assert_nonnull (payload);
          column = (const PcallResultBlock *) pcall_payload_get_data (payload);
          g_assert_true (pcall_result_block_is_valid (column, payload->length, end - from));
          g_assert_cmpint (pcall_result_block_has_numbers (column), ==, rows[i].type != 'p');
          g_assert_cmpuint (column->n, ==, end - from);
          for (guint position = from; position < end; position++)
            assert_value (column, position - from, rows[i].values[position]);
        }
}

/* What cannot be is told where it begins or ends, or when it is looked at as a column: never is a
 * byte behind the memory copied. */
static void
test_wild (void)
{
  static const struct
  {
    guint64 type;
    guint64 cells[N_CALLS];
    guint from;
    guint end;
  } rows[] = {
    { 'p', { 1, 2, 3, N_BYTES + 1 }, 0, 4 },
    { 'p', { 1, 2, 3, G_MAXUINT64 }, 0, 4 },
    { 'p', { 5, 4, 4, 4 }, 1, 4 },
    { 'p', { G_MAXUINT64, 2, 3, 4 }, 1, 4 },
    { 'p', { 1, 9, 3, 4 }, 0, 4 },
    { 'p', { 1, G_MAXUINT64, 3, 4 }, 0, 4 },
    { 'p', { 5, 2, 9, 9 }, 1, 3 },
    { 'p' + 256, { 1, 2, 3, 4 }, 0, 4 },
    { 'i' + (G_GUINT64_CONSTANT (1) << 32), { 1, 2, 3, 4 }, 0, 4 },
    { G_MAXUINT64, { 1, 2, 3, 4 }, 0, 4 },
    { 0, { 1, 2, 3, 4 }, 0, 4 },
    { 'Z', { 1, 2, 3, 4 }, 0, 4 },
    { PCALL_NUMBER_TRUTH, { 1, 2, 3, 0 }, 0, 4 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autofree PcallOpenBlock *block = open_block_new ('i', rows[i].cells, "0123456789abcdef");
      g_autoptr (PcallPayload) payload = NULL;

      block->type = rows[i].type;
      payload = pcall_open_block_read (block, &limits, rows[i].from, rows[i].end);
      if (payload != NULL &&
          pcall_result_block_is_valid ((const PcallResultBlock *) pcall_payload_get_data (payload),
                                       payload->length, N_CALLS))
        g_error ("row %" G_GSIZE_FORMAT " is taken for a column", i);
    }
}

/* Where a child writes them as pieces, they refer to the batch. */
static void
test_pieces (void)
{
  const guint64 cells[N_CALLS] = { 2, 2, 3, 6 };
  g_autofree PcallOpenBlock *block = open_block_new ('p', cells, "abcdef");
  PcallResultBlockPieces pieces;

  g_assert_true (pcall_open_block_get_pieces (block, &limits, 1, 4, &pieces));
  g_assert_cmpuint (pieces.head.n, ==, 3);
  g_assert_cmpuint (pieces.head.type, ==, 'p');
  g_assert_cmpuint (pieces.head.base, ==, 2);
  g_assert_true (pieces.cells == block->cells + 1);
  g_assert_cmpmem (pieces.bytes, pieces.n_bytes, "cdef", 4);
  block->type = 'i';
  g_assert_true (pcall_open_block_get_pieces (block, &limits, 0, 2, &pieces));
  g_assert_cmpuint (pieces.head.base, ==, 0);
  g_assert_cmpuint (pieces.n_bytes, ==, 0);
}

static void
test_spans (void)
{
  g_assert_cmpuint (pcall_span_get_length ((PcallSpan) { 0, 0 }), ==, 0);
  g_assert_cmpuint (pcall_span_get_length ((PcallSpan) { 3, 7 }), ==, 4);
  g_assert_cmpuint (pcall_span_get_length ((PcallSpan) { 7, 3 }), ==, 0);
  g_assert_cmpuint (pcall_span_get_length ((PcallSpan) { 0, G_MAXUINT }), ==, G_MAXUINT);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      g_autofree char *path = g_strconcat ("/pcall/result-block/valid/", columns[i].name, NULL);

      g_test_add_data_func (path, GSIZE_TO_POINTER (i), test_valid);
    }
  g_test_add_func ("/pcall/result-block/cut-off", test_cut_off);
  g_test_add_func ("/pcall/result-block/wraps", test_wraps);
  g_test_add_func ("/pcall/result-block/random", test_random);
  g_test_add_func ("/pcall/result-block/read", test_read);
  g_test_add_func ("/pcall/result-block/wild", test_wild);
  g_test_add_func ("/pcall/result-block/pieces", test_pieces);
  g_test_add_func ("/pcall/result-block/spans", test_spans);

  return g_test_run ();
}
