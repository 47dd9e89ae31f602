/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* pcall.hpp: what is thrown in a child arrives, with what is known of the call; so does whatever
 * else a call can end with. */

#include <pcall-glib/pcall.hpp>

#include <cmath>
#include <limits>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace
{

using namespace std::chrono_literals;

struct derived : std::out_of_range
{
  using std::out_of_range::out_of_range;
};

struct plain : std::exception
{
  const char *what () const noexcept override { return "plain"; }
};

struct foreign
{
};

/* The third of four calls throws E; gives what arrives as a Caught. */
template <class E, class Caught = E, class... Args>
void
expect_thrown (const char *what, const char *type, Args... args)
{
  bool caught = false;

  try
    {
      pcall::map (
          [&] (int n) {
            if (n == 2)
              throw E (args...);
            return n;
          },
          { 0, 1, 2, 3 });
    }
  catch (const Caught &exception)
    {
      const auto &failure = dynamic_cast<const pcall::failure &> (exception);
      const auto &standard = dynamic_cast<const std::exception &> (exception);

      caught = true;
      EXPECT_STREQ (exception.what (), what);
      EXPECT_STREQ (failure.what (), what);
      EXPECT_STREQ (standard.what (), what);
      EXPECT_EQ (failure.type (), type);
      EXPECT_EQ (failure.index (), 2u);
      EXPECT_EQ (failure.domain (), pcall::exception_quark ());
    }
  EXPECT_TRUE (caught) << type;
}

TEST (Exceptions, ArriveAsWhatTheyAre)
{
  expect_thrown<std::logic_error> ("a", "std::logic_error", "a");
  expect_thrown<std::invalid_argument> ("b", "std::invalid_argument", "b");
  expect_thrown<std::domain_error> ("c", "std::domain_error", "c");
  expect_thrown<std::length_error> ("d", "std::length_error", "d");
  expect_thrown<std::out_of_range> ("e", "std::out_of_range", "e");
  expect_thrown<std::runtime_error> ("f", "std::runtime_error", "f");
  expect_thrown<std::range_error> ("g", "std::range_error", "g");
  expect_thrown<std::overflow_error> ("h", "std::overflow_error", "h");
  expect_thrown<std::underflow_error> ("", "std::underflow_error", "");
  expect_thrown<std::bad_alloc> (std::bad_alloc ().what (), "std::bad_alloc");
}

TEST (Exceptions, OfOtherTypesArriveAsTheirBases)
{
  expect_thrown<derived, std::out_of_range> ("far", "(anonymous namespace)::derived", "far");
  expect_thrown<std::system_error, std::runtime_error> (
      "open: No such file or directory", "std::system_error",
      std::error_code (ENOENT, std::generic_category ()), "open");
  expect_thrown<plain, pcall::error> ("plain", "(anonymous namespace)::plain");
}

TEST (Exceptions, OfNoKnownBaseSayTheirType)
{
  expect_thrown<int, pcall::error> ("an exception of type int", "int", 42);
  expect_thrown<std::string, pcall::error> (
      ("an exception of type " + pcall::detail::demangle (typeid (std::string).name ())).c_str (),
      pcall::detail::demangle (typeid (std::string).name ()).c_str (), "text");
  expect_thrown<foreign, pcall::error> ("an exception of type (anonymous namespace)::foreign",
                                        "(anonymous namespace)::foreign");
}

TEST (Exceptions, HaveMessagesOfAnyKind)
{
  const std::string large (100000, 'x');

  expect_thrown<std::runtime_error> (large.c_str (), "std::runtime_error", large);
  expect_thrown<std::runtime_error> ("50 %s %n", "std::runtime_error", "50 %s %n");
  EXPECT_THROW (pcall::call ([] { throw std::runtime_error ("\xff\xfe"); }), std::runtime_error);
}

TEST (Exceptions, ArriveOutOfNestedCalls)
{
  try
    {
      pcall::call ([] {
        pcall::map ([] (int n) { return std::vector<int> (3).at (n); }, { 1, 7 });
      });
      FAIL ();
    }
  catch (const std::out_of_range &exception)
    {
      const auto &failure = dynamic_cast<const pcall::failure &> (exception);

      EXPECT_STRNE (exception.what (), "");
      EXPECT_EQ (failure.type (), "std::out_of_range");
      EXPECT_EQ (failure.index (), 0u);
    }
}

class Errors : public testing::Test
{
protected:
  void SetUp () override
  {
    const rlimit no_core = { 0, 0 };

    setrlimit (RLIMIT_CORE, &no_core);
  }
};

/* What a call fails with; none is an exception of C++. */
template <class F>
pcall::error
catch_error (F &&function, const pcall::options &how = {})
{
  try
    {
      pcall::map (std::forward<F> (function), { 0, 1, 2 }, how);
    }
  catch (const pcall::error &error)
    {
      EXPECT_EQ (error.type (), "");
      return error;
    }
  ADD_FAILURE () << "nothing was thrown";
  return pcall::error (0, 0, "");
}

TEST_F (Errors, ArriveAsTheyAre)
{
  const auto error = catch_error ([] (int n) {
    if (n == 1)
      throw pcall::error (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "no such luck");
  });

  EXPECT_TRUE (error.matches (G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  EXPECT_STREQ (error.what (), "no such luck");
  EXPECT_EQ (error.index (), 1u);
}

TEST_F (Errors, AreTakenFromFunctionsInC)
{
  const auto error = catch_error ([] (int) {
    GError *gerror = nullptr;
    g_autofree char *contents = nullptr;

    if (!g_file_get_contents ("/nowhere", &contents, nullptr, &gerror))
      throw pcall::error::take (gerror);
  });

  EXPECT_TRUE (error.matches (G_FILE_ERROR, G_FILE_ERROR_NOENT)) << error.what ();
  EXPECT_EQ (error.index (), 0u);
}

TEST_F (Errors, AreOfCallsThatCrash)
{
  const auto error = catch_error ([] (int n) {
    if (n == 2)
      raise (SIGKILL);
  });

  EXPECT_TRUE (error.matches (PCALL_ERROR, PCALL_ERROR_CRASHED));
  EXPECT_TRUE (g_regex_match_simple (
      R"(^call 2 \(test-hpp-failures\.cpp:\d+\): killed by signal 9)", error.what (),
      G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT))
      << error.what ();
  EXPECT_EQ (error.index (), 2u);
}

TEST_F (Errors, AreOfCallsThatExit)
{
  EXPECT_TRUE (catch_error ([] (int n) { _exit (n + 3); }).matches (PCALL_ERROR,
                                                                   PCALL_ERROR_EXITED));
}

G_GNUC_NO_INLINE void
throw_it ()
{
  throw 5;
}

/* The child has a copy of this stack, with handlers that are not its to run. */
TEST_F (Errors, AreOfExceptionsThatNobodyCanCatch)
{
  const auto error = catch_error ([] (int) noexcept { throw_it (); });

  EXPECT_TRUE (error.matches (PCALL_ERROR, PCALL_ERROR_CRASHED));
  EXPECT_NE (std::string (error.what ()).find ("terminate called"), std::string::npos);
}

TEST_F (Errors, AreOfCallsThatRunTooLong)
{
  pcall::options how;

  how.timeout = 50ms;
  EXPECT_TRUE (catch_error (
                   [] (int n) {
                     if (n == 1)
                       pause ();
                   },
                   how)
                   .matches (PCALL_ERROR, PCALL_ERROR_TIMED_OUT));
  how = {};
  how.deadline = 50ms;
  EXPECT_TRUE (catch_error ([] (int) { pause (); }, how).matches (PCALL_ERROR,
                                                                  PCALL_ERROR_TIMED_OUT));
}

/* Nothing is started, and the option is named. */
TEST_F (Errors, AreOfOptionsThatAreNone)
{
  using seconds = pcall::options::seconds;
  const double infinity = std::numeric_limits<double>::infinity ();
  bool called = false;

  for (double bad : { -1.0, -infinity, infinity, std::nan ("") })
    for (seconds pcall::options::*option : { &pcall::options::timeout, &pcall::options::deadline })
      try
        {
          pcall::options how;

          how.*option = seconds (bad);
          pcall::map_async ([] (int) {}, std::vector{ 1 }, [&] (auto) { called = true; }, how);
          FAIL ();
        }
      catch (const std::invalid_argument &exception)
        {
          const char *name = option == &pcall::options::timeout ? "timeout" : "deadline";

          EXPECT_NE (std::string (exception.what ()).find (name), std::string::npos);
        }
  EXPECT_FALSE (called);
}

TEST_F (Errors, AreOfTasksThatCannotStart)
{
  pcall::options how;
  pcall::task task ([] (int n) { return n; }, std::vector{ 1 }, how);

  pcall_task_set_start_method (task.gobj (), PCALL_START_METHOD_SPAWN);
  try
    {
      task.get ();
      FAIL ();
    }
  catch (const pcall::error &error)
    {
      EXPECT_TRUE (error.matches (PCALL_ERROR, PCALL_ERROR_TARGET)) << error.what ();
      EXPECT_EQ (error.index (), std::nullopt);
    }

  /* It can be tried again. */
  pcall_task_set_start_method (task.gobj (), PCALL_START_METHOD_FORK);
  EXPECT_EQ (task.get (), (std::vector{ 1 }));
}

TEST_F (Errors, AreOfCancelledTasks)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  pcall::task task ([] (int) { pause (); }, std::vector{ 1, 2 });

  g_cancellable_cancel (cancellable);
  try
    {
      task.get (cancellable);
      FAIL ();
    }
  catch (const pcall::error &error)
    {
      EXPECT_TRUE (error.matches (G_IO_ERROR, G_IO_ERROR_CANCELLED));
      EXPECT_EQ (error.index (), std::nullopt);
    }
  g_autoptr (GPtrArray) children = pcall_task_dup_children (task.gobj ());
  EXPECT_EQ (children->len, 0u);
}

/* That a call has an error like it makes it none of that call. */
TEST_F (Errors, AreOfCancelledTasksWhateverCallsFailWith)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  pcall::task task (
      [] (int) { throw pcall::error (G_IO_ERROR, G_IO_ERROR_CANCELLED, "its own"); },
      std::vector{ 1 });

  ASSERT_TRUE (task.wait_for (60s));
  EXPECT_THROW (task.get (), pcall::error);
  g_cancellable_cancel (cancellable);
  try
    {
      task.get (cancellable);
      FAIL ();
    }
  catch (const pcall::error &error)
    {
      EXPECT_STRNE (error.what (), "its own");
      EXPECT_EQ (error.index (), std::nullopt);
    }
}

TEST_F (Errors, AreOfTerminatedTasks)
{
  pcall::task task ([] (int) { pause (); }, std::vector{ 1, 2 });

  pcall_task_set_grace_period (task.gobj (), 0);
  task.start ();
  task.terminate ();
  try
    {
      task.get ();
      FAIL ();
    }
  catch (const pcall::error &error)
    {
      EXPECT_TRUE (error.matches (PCALL_ERROR, PCALL_ERROR_CANCELLED));
      EXPECT_EQ (error.index (), 0u);
    }
}

/* A result of another program's making */
TEST_F (Errors, AreOfResultsThatAreOfAnotherType)
{
  g_autoptr (PcallTask) object = pcall_task_new_for_func (
      [] (GVariant *, GVariant *, gpointer, GError **) { return g_variant_new_string ("text"); },
      nullptr, nullptr);
  pcall::task<int> task (static_cast<PcallTask *> (g_object_ref (object)));

  try
    {
      task.get ();
      FAIL ();
    }
  catch (const pcall::error &error)
    {
      EXPECT_STREQ (error.what (), "a result is of type s, not i");
    }
}

TEST (Failures, CostNoOtherCallItsResult)
{
  pcall::task task (
      [] (int n) {
        if (n % 3 == 1)
          throw std::runtime_error (std::to_string (n));
        return n;
      },
      std::vector{ 0, 1, 2, 3, 4, 5 });

  try
    {
      task.get ();
      FAIL ();
    }
  catch (const pcall::failure &failure)
    {
      EXPECT_STREQ (failure.what (), "1");
      EXPECT_EQ (failure.index (), 1u);
    }
  for (int i = 0; i < 6; i++)
    if (i % 3 == 1)
      EXPECT_THROW (task.result (i), std::runtime_error);
    else
      EXPECT_EQ (task.result (i), i);
  EXPECT_THROW (task.get (), std::runtime_error);
}

TEST (Failures, MayStopTheOthers)
{
  pcall::options how;

  how.stop_on_failure = true;
  how.max_children = 2;
  how.calls_per_child = 1;
  EXPECT_THROW (pcall::map (
                    [] (int n) {
                      if (n == 1)
                        throw std::range_error ("stop");
                      pause ();
                    },
                    { 0, 1, 2 }, how),
                std::range_error);
}

TEST (Failures, AreCopied)
{
  std::exception_ptr kept;

  try
    {
      pcall::call ([] { throw std::length_error ("kept"); });
    }
  catch (const std::length_error &)
    {
      kept = std::current_exception ();
    }
  try
    {
      std::rethrow_exception (kept);
    }
  catch (std::length_error &exception)
    {
      const auto copy = dynamic_cast<pcall::detail::thrown<std::length_error> &> (exception);

      EXPECT_STREQ (copy.what (), "kept");
      EXPECT_EQ (copy.index (), 0u);
    }
}

} // namespace
