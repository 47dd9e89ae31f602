/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A C++ exception that leaves a function of the user's in a child: the child has a copy of its
 * parent's stack, with handlers and destructors that are not its to run. It crashes, as it would at
 * the end of any stack, and the call says with what. */

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include <pcall-glib/pcall.h>

#include <gtest/gtest.h>

namespace
{

/* What ran in which process, in memory that all share. */
struct Trail
{
  pid_t parent;
  int   in_parent;
  int   in_children;
};

Trail *trail;

/* As anything that owns a directory, a lock or a transaction. */
struct Guard
{
  ~Guard () { ++(getpid () == trail->parent ? trail->in_parent : trail->in_children); }
};

class Exceptions : public testing::TestWithParam<guint>
{
protected:
  void
  SetUp () override
  {
    void *page = mmap (nullptr, sizeof (Trail), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0);
    const rlimit no_core = { 0, 0 };

    trail = new (page) Trail { getpid (), 0, 0 };
    setrlimit (RLIMIT_CORE, &no_core);
  }

  void
  TearDown () override
  {
    EXPECT_EQ (trail->in_children, 0);
    munmap (trail, sizeof (Trail));
  }
};

struct Derived : std::logic_error
{
  using std::logic_error::logic_error;
};

G_GNUC_NO_INLINE void
throw_by_index (guint index)
{
  switch (index % 4)
    {
    case 0: throw std::runtime_error ("no such device");
    case 1: throw 42;
    case 2: throw Derived ("derived");
    default: throw std::string ("text");
    }
}

const char *const whats[] = { "*std::runtime_error*no such device*", "*'int'*", "*Derived*derived*",
                              "*std::*string*" };

GVariant *
throw_it (GVariant *, GVariant *, gpointer, GError **)
{
  throw_by_index (pcall_get_call_index ());
  return nullptr;
}

GBytes *
throw_bytes (guint index, GVariant **, gpointer, GError **)
{
  throw_by_index (index);
  return nullptr;
}

guint
throw_batch (guint first, guint, GBytes **, GVariant **, gpointer, GError **)
{
  throw_by_index (first);
  return 0;
}

/* Runs the task where somebody waits for exceptions. Every call has crashed, each with its own. */
void
run_guarded (PcallTask *task)
{
  Guard guard;
  guint n = 0;

  try
    {
      Guard inner;
      g_autoptr (GError) error = nullptr;
      g_autoptr (GVariant) results = pcall_task_run (task, nullptr, &error);

      EXPECT_EQ (results, nullptr);
      for (guint i = 0; i < pcall_task_get_n_calls (task); i++)
        {
          g_autoptr (PcallCall) call = pcall_task_dup_call (task, i);
          g_autoptr (GError) failure = pcall_call_dup_error (call);

          EXPECT_EQ (pcall_call_get_state (call), PCALL_CALL_STATE_CRASHED);
          EXPECT_TRUE (g_error_matches (failure, PCALL_ERROR, PCALL_ERROR_CRASHED));
          EXPECT_NE (strstr (failure->message, "terminate called"), nullptr) << failure->message;
          EXPECT_TRUE (g_pattern_match_simple (whats[i % 4], failure->message)) << failure->message;
          n++;
        }
    }
  catch (...)
    {
      ++(getpid () == trail->parent ? trail->in_parent : trail->in_children);
      if (getpid () != trail->parent)
        _exit (0);
      FAIL ();
    }
  EXPECT_EQ (n, 4u);
}

void
run_target (PcallTarget *target, guint calls_per_child)
{
  g_autoptr (PcallTask) task = pcall_task_new (target);

  pcall_task_set_n_calls (task, 4);
  pcall_task_set_calls_per_child (task, calls_per_child);
  run_guarded (task);
}

TEST_P (Exceptions, LeaveAFunction)
{
  g_autoptr (PcallTarget) target = pcall_target_new ("throw", throw_it, nullptr, nullptr);

  run_target (target, GetParam ());
}

TEST_P (Exceptions, LeaveAFunctionForBytes)
{
  g_autoptr (PcallTarget) target = pcall_target_new_for_bytes ("throw", throw_bytes, nullptr, nullptr);

  run_target (target, GetParam ());
}

TEST_P (Exceptions, LeaveABatch)
{
  g_autoptr (PcallTarget) target = pcall_target_new_for_bytes ("throw", throw_bytes, nullptr, nullptr);

  pcall_target_set_batch_func (target, throw_batch, nullptr, nullptr);
  run_target (target, GetParam ());
}

INSTANTIATE_TEST_SUITE_P (CallsPerChild, Exceptions, testing::Values (1, 0, 2));

TEST_F (Exceptions, LeaveATargetInAMainLoop)
{
  static bool done;
  GMainLoop *loop = g_main_loop_new (nullptr, FALSE);

  done = false;
  g_idle_add (
      [] (gpointer data) -> gboolean {
        g_autoptr (PcallTarget) target = pcall_target_new ("throw", throw_it, nullptr, nullptr);

        run_target (target, 1);
        done = true;
        g_main_loop_quit (static_cast<GMainLoop *> (data));
        return G_SOURCE_REMOVE;
      },
      loop);
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  EXPECT_TRUE (done);
}

/* Those that are caught within the call are its own business, through GLib's frames too. */
GVariant *
catch_it (GVariant *, GVariant *, gpointer, GError **)
{
  try
    {
      g_autoptr (GPtrArray) array = g_ptr_array_new ();

      g_ptr_array_add (array, array);
      g_ptr_array_foreach (
          array, [] (gpointer, gpointer) { throw std::runtime_error ("caught"); }, nullptr);
    }
  catch (const std::exception &caught)
    {
      return g_variant_new_string (caught.what ());
    }
  return nullptr;
}

TEST_F (Exceptions, AreCaughtInTheCall)
{
  g_autoptr (PcallTask) task = pcall_task_new_for_func (catch_it, nullptr, nullptr);
  g_autoptr (GError) error = nullptr;
  g_autoptr (GVariant) results = pcall_task_run (task, nullptr, &error);

  ASSERT_NE (results, nullptr) << error->message;
  g_autofree char *text = g_variant_print (results, FALSE);
  EXPECT_STREQ (text, "[<'caught'>]");
}

/* Workers: pcall's own, which loads a module, and one in C++ that has a handler around
 * everything. */

void
run_named (PcallTarget *target)
{
  g_autoptr (PcallTask) task = pcall_task_new (target);

  pcall_task_set_n_calls (task, 4);
  run_guarded (task);
}

TEST_F (Exceptions, LeaveASymbol)
{
  g_autofree char *module = g_test_build_filename (G_TEST_BUILT, "cxx", "libthrowing.so", nullptr);
  g_autoptr (PcallTarget) target = pcall_target_new_symbol (module, "throw_it");

  run_named (target);
}

TEST_F (Exceptions, LeaveACallOfAWorker)
{
  g_autofree char *program = g_test_build_filename (G_TEST_BUILT, "cxx", "cxx-worker", nullptr);
  const char *argv[] = { program, nullptr };
  g_autoptr (PcallTarget) target = pcall_target_new_worker (argv, "throw");

  run_named (target);
}

} // namespace

int
main (int argc, char *argv[])
{
  testing::InitGoogleTest (&argc, argv);
  g_test_init (&argc, &argv, nullptr);
  g_log_set_always_fatal (static_cast<GLogLevelFlags> (G_LOG_FATAL_MASK));
  return RUN_ALL_TESTS ();
}
