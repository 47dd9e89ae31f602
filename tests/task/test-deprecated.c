/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Former names of functions: programs that were written with them still build, and get what the
 * functions under their new names give, to own as before. */

#define PCALL_DISABLE_DEPRECATION_WARNINGS

#include "task-support.h"

/* A number, which comes with a descriptor, bytes, and an error with details. */
static GVariant *
return_of_each_kind (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  g_autoptr (GUnixFDList) handles = g_unix_fd_list_new ();

  switch (pcall_get_call_index ())
    {
    case 0:
      g_unix_fd_list_append (handles, STDIN_FILENO, NULL);
      pcall_set_result_fd_list (handles);
      return g_variant_new_int32 (7);
    case 1:
      return g_variant_new_bytestring ("eight");
    default:
      pcall_set_error_details (g_variant_new_parsed ("{'line': <9>}"));
      g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "nine");
      return NULL;
    }
}

static PcallTask *
run_each_kind (guint n_calls)
{
  PcallTask *task = pcall_task_new_for_func (return_of_each_kind, NULL, NULL);

  pcall_task_set_common_args (task, g_variant_new_parsed ("(1, 'one')"));
  pcall_task_set_common_kwargs (task, g_variant_new_parsed ("{'two': <2>}"));
  pcall_task_set_n_calls (task, n_calls);
  support_start (task);
  pcall_task_join (task, SUPPORT_LIMIT_S, NULL, NULL);
  return task;
}

static void
test_call (void)
{
  PcallTask *task = run_each_kind (3);
  PcallCall *call = pcall_task_get_call (task, 0);
  g_autoptr (PcallCall) same_call = pcall_task_dup_call (task, 0);
  g_autoptr (GVariant) args = pcall_call_get_args (call);
  g_autoptr (GVariant) kwargs = pcall_call_get_kwargs (call);
  g_autoptr (GVariant) result = pcall_call_get_result (call);
  g_autoptr (GUnixFDList) handles = pcall_call_get_result_fd_list (call);
  g_autoptr (GUnixFDList) same_handles = pcall_call_dup_result_fd_list (call);

  g_assert_true (call == same_call);
  support_assert_variant (args, "(1, 'one')");
  support_assert_variant (kwargs, "{'two': <2>}");
  support_assert_variant (result, "7");
  g_assert_nonnull (handles);
  g_assert_true (handles == same_handles);

  g_clear_object (&same_call);
  g_assert_finalize_object (call);
  g_assert_finalize_object (task);
}

static void
test_failed_call (void)
{
  PcallTask *task = run_each_kind (3);
  PcallCall *call = pcall_task_get_first_failed (task);
  g_autoptr (GError) error = pcall_call_get_error (call);
  g_autoptr (GVariant) details = pcall_call_get_error_details (call);
  g_autoptr (GBytes) output = pcall_call_get_output (call);

  g_assert_cmpuint (pcall_call_get_index (call), ==, 2);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
  g_assert_cmpstr (error->message, ==, "nine");
  support_assert_variant (details, "{'line': <9>}");
  g_assert_cmpuint (g_bytes_get_size (output), ==, 0);
  g_assert_null (pcall_call_get_result (call));

  g_assert_finalize_object (call);
  g_assert_finalize_object (task);
}

static void
test_results (void)
{
  PcallTask *task = run_each_kind (2);
  g_autoptr (GVariant) results = pcall_task_get_results (task);
  g_autoptr (GBytes) numbers = NULL;
  g_autoptr (GBytes) pieces = NULL;
  g_autoptr (GBytes) same_pieces = pcall_task_dup_result_pieces (task, 1);
  guint8 type = 0;

  support_assert_variant (results, "[<7>, <b'eight'>]");
  numbers = pcall_task_get_result_numbers (task, 0, &type);
  g_assert_cmpint (type, ==, 'i');
  g_assert_cmpuint (g_bytes_get_size (numbers), ==, sizeof (guint64));
  g_assert_cmpint (*(const gint32 *) g_bytes_get_data (numbers, NULL), ==, 7);
  pieces = pcall_task_get_result_pieces (task, 1);
  g_assert_nonnull (pieces);
  g_assert_true (g_bytes_equal (pieces, same_pieces));

  g_assert_finalize_object (task);
}

static void
test_children (void)
{
  PcallTask *task = run_each_kind (2);
  g_autoptr (GPtrArray) children = pcall_task_get_children (task);
  g_autoptr (GPtrArray) living = pcall_task_get_living_children (task);

  g_assert_cmpuint (children->len, ==, 2);
  g_assert_true (PCALL_IS_CHILD (children->pdata[1]));
  g_assert_cmpuint (living->len, ==, 0);

  g_clear_pointer (&children, g_ptr_array_unref);
  g_assert_finalize_object (task);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/pcall/deprecated/call", test_call);
  g_test_add_func ("/pcall/deprecated/failed-call", test_failed_call);
  g_test_add_func ("/pcall/deprecated/results", test_results);
  g_test_add_func ("/pcall/deprecated/children", test_children);

  return g_test_run ();
}
