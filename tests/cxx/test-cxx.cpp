/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* pcall from C++: the headers compile as they are, names link, captureless lambdas serve as targets
 * and as handlers of signals, and automatic variables clean up. */

#include <string>
#include <vector>

#include <pcall-glib/pcall.h>

#include <gtest/gtest.h>

namespace
{

GVariant *
twice (GVariant *args, GVariant *kwargs, gpointer user_data, GError **error)
{
  gint n;

  g_variant_get (args, "(i)", &n);
  return g_variant_new_int32 (2 * n);
}

PcallTask *
new_twice_task ()
{
  PcallTask *task = pcall_task_new_for_func (twice, nullptr, nullptr);

  pcall_task_set_instance_args (task, g_variant_new_parsed ("[(1,), (2,), (3,)]"));
  return task;
}

std::string
print (GVariant *value)
{
  g_autofree char *text = g_variant_print (value, FALSE);

  return text;
}

TEST (Cxx, RunsCalls)
{
  g_autoptr (PcallTask) task = new_twice_task ();
  g_autoptr (GError) error = nullptr;
  g_autoptr (GVariant) results = pcall_task_run (task, nullptr, &error);

  ASSERT_NE (results, nullptr) << error->message;
  EXPECT_EQ (print (results), "[<2>, <4>, <6>]");
}

TEST (Cxx, TakesALambdaAsTarget)
{
  g_autoptr (PcallTarget) target = pcall_target_new (
      "sum",
      [] (GVariant *args, GVariant *kwargs, gpointer user_data, GError **) {
        gint a, b;

        g_variant_get (args, "(ii)", &a, &b);
        return g_variant_ref_sink (g_variant_new_int32 (a + b + *static_cast<int *> (user_data)));
      },
      new int (100), [] (gpointer data) { delete static_cast<int *> (data); });
  g_autoptr (PcallTask) task = pcall_task_new (target);
  g_autoptr (GError) error = nullptr;

  pcall_task_set_common_args (task, g_variant_new ("(ii)", 20, 3));
  g_autoptr (GVariant) results = pcall_task_run (task, nullptr, &error);

  ASSERT_NE (results, nullptr) << error->message;
  EXPECT_EQ (print (results), "[<123>]");
  EXPECT_STREQ (pcall_target_get_name (target), "sum");
}

TEST (Cxx, ConnectsASignal)
{
  g_autoptr (PcallTask) task = new_twice_task ();
  g_autoptr (GError) error = nullptr;
  std::vector<guint> finished (3, 0);

  g_signal_connect (task, "call-finished",
                    G_CALLBACK (+[] (PcallTask *, PcallCall *call, gpointer user_data) {
                      auto &counts = *static_cast<std::vector<guint> *> (user_data);

                      EXPECT_EQ (pcall_call_get_state (call), PCALL_CALL_STATE_SUCCEEDED);
                      counts.at (pcall_call_get_index (call))++;
                    }),
                    &finished);
  ASSERT_TRUE (pcall_task_start (task, &error)) << error->message;
  ASSERT_TRUE (pcall_task_join (task, -1, nullptr, &error)) << error->message;

  EXPECT_EQ (finished, (std::vector<guint>{ 1, 1, 1 }));
  EXPECT_EQ (pcall_task_get_n_finished (task), 3u);
  EXPECT_EQ (g_list_model_get_n_items (G_LIST_MODEL (task)), 3u);
}

TEST (Cxx, TellsTheErrorOfACall)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (
      [] (GVariant *, GVariant *, gpointer, GError **error) -> GVariant * {
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such luck");
        return nullptr;
      },
      nullptr, nullptr);
  g_autoptr (GError) error = nullptr;
  g_autoptr (GVariant) results = pcall_task_run (task, nullptr, &error);

  EXPECT_EQ (results, nullptr);
  EXPECT_TRUE (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  EXPECT_STREQ (error->message, "no such luck");
}

TEST (Cxx, KnowsItsTypesAndVersion)
{
  g_autoptr (GEnumClass) states
      = static_cast<GEnumClass *> (g_type_class_ref (PCALL_TYPE_CALL_STATE));

  EXPECT_STREQ (g_enum_get_value (states, PCALL_CALL_STATE_TIMED_OUT)->value_nick, "timed-out");
  EXPECT_TRUE (PCALL_CHECK_VERSION (1, 0, 0));
  EXPECT_STREQ (g_quark_to_string (PCALL_ERROR), "pcall-error-quark");
}

} // namespace
