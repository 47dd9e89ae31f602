/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What an outcome is after each way to set it, who holds its parts then, and that it lets all of
 * them go. */

#include <string.h>

#include <pcall-glib/pcall-error.h>
#include <pcall-glib/wire/pcall-outcome-private.h>

#define LONG_DOMAIN                                                                                \
  "a-domain-of-more-than-255-bytes-0123456789-0123456789-0123456789-0123456789-0123456789-"        \
  "0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-"       \
  "0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789"

static GVariant *
parse (PcallFrameType type, const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant *value = g_variant_parse (pcall_frame_payload_type (type), text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static PcallPayload *
make_payload (PcallFrameType type, const char *text)
{
  g_autoptr (GVariant) value = parse (type, text);
  PcallPayload *payload = pcall_payload_new (g_variant_get_size (value));

  g_variant_store (value, pcall_payload_get_data (payload));
  return payload;
}

static void
assert_held (PcallPayload *payload, gint n_times)
{
  g_assert_cmpint (g_atomic_int_get ((gint *) &payload->ref_count), ==, n_times);
}

static void
assert_none (const PcallOutcome *outcome)
{
  g_assert_false (pcall_outcome_is_set (outcome));
  g_assert_false (pcall_outcome_is_success (outcome));
  g_assert_null (outcome->result);
  g_assert_cmpint (outcome->number.type, ==, '\0');
  g_assert_cmpuint (outcome->number.bits, ==, 0);
  g_assert_null (outcome->handles);
  g_assert_null (outcome->error);
  g_assert_null (outcome->details);
}

static void
assert_same_variant (GVariant *value, const char *expected)
{
  g_autoptr (GVariant) parsed = g_variant_parse (NULL, expected, NULL, NULL, NULL);

  g_assert_nonnull (value);
  g_assert_cmpvariant (value, parsed);
}

/* Results */

static const char *const results[] = {
  "<()>", "<1>", "<'text'>", "<@ay []>", "<<<2>>>", "<[(1, 'a'), (2, 'b')]>", "<@mi nothing>",
};

static void
test_results (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (PcallPayload) payload = make_payload (PCALL_FRAME_RESULT, results[i]);
      PcallOutcome outcome = { .result = NULL };
      g_autoptr (GVariant) value = NULL;

      pcall_outcome_set (&outcome, PCALL_FRAME_RESULT, payload);
      g_assert_true (pcall_outcome_is_set (&outcome));
      g_assert_true (pcall_outcome_is_success (&outcome));
      g_assert_true (outcome.result == payload);
      assert_held (payload, 2);
      g_assert_null (outcome.error);
      g_assert_null (outcome.details);
      value = pcall_payload_get_value (outcome.result, G_VARIANT_TYPE_VARIANT);
      assert_same_variant (value, results[i]);
      g_clear_pointer (&value, g_variant_unref);

      pcall_outcome_clear (&outcome);
      assert_none (&outcome);
      assert_held (payload, 1);
    }
}

/* Also a number whose bits are zero is a result. */
static void
test_numbers (void)
{
  static const PcallNumber numbers[] = {
    { 0, 'y' }, { 7, 'i' }, { 0, PCALL_NUMBER_INT }, { PCALL_NUMBER_NOTHING, PCALL_NUMBER_TRUTH },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (numbers); i++)
    {
      PcallOutcome outcome = { .number = numbers[i] };

      g_assert_true (pcall_outcome_is_set (&outcome));
      g_assert_true (pcall_outcome_is_success (&outcome));
      pcall_outcome_clear (&outcome);
      assert_none (&outcome);
    }
}

/* Errors */

static const struct
{
  const char *text;
  const char *domain; /* NULL: pcall's own, with PCALL_ERROR_FAILED */
  gint code;
  const char *message;
  const char *details; /* NULL: none */
} errors[] = {
  { "('dom', 3, 'message', @a{sv} {})", "dom", 3, "message", NULL },
  { "('dom', -1, '', {'type': <'E'>})", "dom", -1, "", "{'type': <'E'>}" },
  { "('pcall-error-quark', 2, 'ours', {'a': <1>, 'b': <[2, 3]>})", "pcall-error-quark", 2, "ours",
    "{'a': <1>, 'b': <[2, 3]>}" },
  { "('', 5, 'of no domain', @a{sv} {})", NULL, 0, "of no domain", NULL },
  { "('', 5, 'of no domain', {'k': <'v'>})", NULL, 0, "of no domain", "{'k': <'v'>}" },
  { "('" LONG_DOMAIN "', 5, 'of too long a domain', @a{sv} {})", NULL, 0, "of too long a domain",
    NULL },
};

static void
test_errors (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_autoptr (PcallPayload) payload = make_payload (PCALL_FRAME_ERROR, errors[i].text);
      PcallOutcome outcome = { .result = NULL };

      pcall_outcome_set (&outcome, PCALL_FRAME_ERROR, payload);
      g_assert_true (pcall_outcome_is_set (&outcome));
      g_assert_false (pcall_outcome_is_success (&outcome));
      g_assert_null (outcome.result);
      if (errors[i].domain == NULL)
        g_assert_error (outcome.error, PCALL_ERROR, PCALL_ERROR_FAILED);
      else
        g_assert_error (outcome.error, g_quark_from_string (errors[i].domain), errors[i].code);
      g_assert_cmpstr (outcome.error->message, ==, errors[i].message);
      if (errors[i].details == NULL)
        g_assert_null (outcome.details);
      else
        assert_same_variant (outcome.details, errors[i].details);

      pcall_outcome_clear (&outcome);
      assert_none (&outcome);
      assert_held (payload, 1);
    }
}

static void
test_own_error (void)
{
  PcallOutcome outcome = { .result = NULL };
  GError *error = g_error_new_literal (PCALL_ERROR, PCALL_ERROR_CRASHED, "crashed");

  pcall_outcome_set_error (&outcome, error);
  g_assert_true (outcome.error == error);
  g_assert_true (pcall_outcome_is_set (&outcome));
  g_assert_false (pcall_outcome_is_success (&outcome));
  pcall_outcome_clear (&outcome);
  assert_none (&outcome);
}

/* Frames with descriptors: who failed has no value that could refer to them. */

static void
test_frames (void)
{
  static const struct
  {
    PcallFrameType type;
    const char *text;
    gboolean has_handles;
    gboolean keeps_them;
  } rows[] = {
    { PCALL_FRAME_RESULT, "<handle 0>", TRUE, TRUE },
    { PCALL_FRAME_RESULT, "<1>", FALSE, FALSE },
    { PCALL_FRAME_ERROR, "('dom', 1, 'message', {'k': <1>})", TRUE, FALSE },
    { PCALL_FRAME_ERROR, "('dom', 1, 'message', @a{sv} {})", FALSE, FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (PcallPayload) payload = make_payload (rows[i].type, rows[i].text);
      GUnixFDList *handles = rows[i].has_handles ? g_unix_fd_list_new () : NULL;
      PcallFrame frame = { .type = rows[i].type, .payload = payload, .handles = handles };
      PcallOutcome outcome = { .result = NULL };

      pcall_outcome_set_frame (&outcome, &frame);
      g_assert_cmpint (pcall_outcome_is_success (&outcome), ==,
                       rows[i].type == PCALL_FRAME_RESULT);
      g_assert_true (outcome.handles == (rows[i].keeps_them ? handles : NULL));
      if (rows[i].keeps_them)
        g_assert_cmpuint (G_OBJECT (handles)->ref_count, ==, 2);
      g_assert_true (frame.payload == payload && frame.handles == handles);

      pcall_outcome_clear (&outcome);
      assert_none (&outcome);
      assert_held (payload, 1);
      if (handles != NULL)
        g_assert_finalize_object (handles);
    }
}

/* Nothing is freed or held twice when an outcome goes from hand to hand. */

static void
test_steal (void)
{
  g_autoptr (PcallPayload) payload = make_payload (PCALL_FRAME_RESULT, "<1>");
  GUnixFDList *handles = g_unix_fd_list_new ();
  PcallFrame frame = { .type = PCALL_FRAME_RESULT, .payload = payload, .handles = handles };
  PcallOutcome first = { .result = NULL };
  g_auto (PcallOutcome) second = { .result = NULL };
  PcallOutcome third;

  pcall_outcome_set_frame (&first, &frame);
  second = pcall_outcome_steal (&first);
  assert_none (&first);
  g_assert_true (second.result == payload);
  g_assert_true (second.handles == handles);
  assert_held (payload, 2);
  pcall_outcome_clear (&first);
  assert_held (payload, 2);

  third = pcall_outcome_steal (&second);
  assert_none (&second);
  pcall_outcome_clear (&third);
  assert_held (payload, 1);
  g_assert_finalize_object (handles);
}

static void
test_steal_error (void)
{
  g_autoptr (PcallPayload) payload = make_payload (PCALL_FRAME_ERROR, errors[1].text);
  PcallOutcome first = { .result = NULL };
  PcallOutcome second;

  pcall_outcome_set (&first, PCALL_FRAME_ERROR, payload);
  second = pcall_outcome_steal (&first);
  assert_none (&first);
  g_assert_error (second.error, g_quark_from_string ("dom"), -1);
  assert_same_variant (second.details, errors[1].details);
  pcall_outcome_clear (&second);
}

static void
test_steal_none (void)
{
  PcallOutcome first = { .result = NULL };
  PcallOutcome second = pcall_outcome_steal (&first);

  assert_none (&first);
  assert_none (&second);
  pcall_outcome_clear (&second);
  pcall_outcome_clear (&second);
}

/* A call has one outcome: a second one is a mistake of ours, whatever the first was. */

typedef enum
{
  WITH_RESULT,
  WITH_NUMBER,
  WITH_ERROR,
} First;

typedef enum
{
  BY_PAYLOAD,
  BY_FRAME,
  BY_ERROR,
} Second;

static void
set_first (PcallOutcome *outcome, First first)
{
  g_autoptr (PcallPayload) payload = make_payload (PCALL_FRAME_RESULT, "<1>");

  switch (first)
    {
    case WITH_RESULT:
      pcall_outcome_set (outcome, PCALL_FRAME_RESULT, payload);
      break;
    case WITH_NUMBER:
      outcome->number = (PcallNumber) { 1, 'i' };
      break;
    case WITH_ERROR:
      pcall_outcome_set_error (outcome, g_error_new_literal (PCALL_ERROR, 0, "first"));
    }
}

static void
set_second (PcallOutcome *outcome, Second second)
{
  g_autoptr (PcallPayload) payload = make_payload (PCALL_FRAME_RESULT, "<2>");
  PcallFrame frame = { .type = PCALL_FRAME_RESULT, .payload = payload };

  switch (second)
    {
    case BY_PAYLOAD:
      pcall_outcome_set (outcome, PCALL_FRAME_RESULT, payload);
      break;
    case BY_FRAME:
      pcall_outcome_set_frame (outcome, &frame);
      break;
    case BY_ERROR:
      pcall_outcome_set_error (outcome, g_error_new_literal (PCALL_ERROR, 0, "second"));
    }
}

static void
test_set_twice (gconstpointer data)
{
  guint row = GPOINTER_TO_UINT (data);

  if (g_test_subprocess ())
    {
      PcallOutcome outcome = { .result = NULL };

      set_first (&outcome, row / 3);
      set_second (&outcome, row % 3);
      return;
    }

  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_failed ();
  g_test_trap_assert_stderr ("*!pcall_outcome_is_set (self)*");
}

static void
add_set_twice (void)
{
  static const char *const firsts[] = { "result", "number", "error" };
  static const char *const seconds[] = { "payload", "frame", "error" };

  for (guint row = 0; row < 9; row++)
    {
      g_autofree char *path = g_strdup_printf ("/pcall/outcome/set-twice/%s-and-%s",
                                               firsts[row / 3], seconds[row % 3]);

      g_test_add_data_func (path, GUINT_TO_POINTER (row), test_set_twice);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/outcome/results", test_results);
  g_test_add_func ("/pcall/outcome/numbers", test_numbers);
  g_test_add_func ("/pcall/outcome/errors", test_errors);
  g_test_add_func ("/pcall/outcome/own-error", test_own_error);
  g_test_add_func ("/pcall/outcome/frames", test_frames);
  g_test_add_func ("/pcall/outcome/steal/result", test_steal);
  g_test_add_func ("/pcall/outcome/steal/error", test_steal_error);
  g_test_add_func ("/pcall/outcome/steal/none", test_steal_none);
  add_set_twice ();

  return g_test_run ();
}
