/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* pcall.hpp: which functions, ranges and results there may be, and how tasks are run, waited for
 * and dropped. */

#include <pcall-glib/pcall.hpp>

#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <sstream>
#include <unordered_map>

#include <unistd.h>

#include <gtest/gtest.h>

namespace
{

using namespace std::chrono_literals;

/* No wait comes near it, on any machine. */
constexpr auto limit = 60s;

/* Closed at its end: a pipe whose writer every child inherits. */
class pipe_pair
{
public:
  pipe_pair ()
  {
    if (pipe (fds_) != 0)
      throw std::runtime_error ("pipe");
  }
  ~pipe_pair ()
  {
    close (fds_[0]);
    close_writer ();
  }
  pipe_pair (const pipe_pair &) = delete;
  pipe_pair &operator= (const pipe_pair &) = delete;

  void put () const { EXPECT_EQ (write (fds_[1], "", 1), 1); }
  /* FALSE at the end. */
  bool get () const
  {
    char byte;

    return read (fds_[0], &byte, 1) == 1;
  }
  void close_writer ()
  {
    if (fds_[1] >= 0)
      close (fds_[1]);
    fds_[1] = -1;
  }

private:
  int fds_[2];
};

int
square (int n)
{
  return n * n;
}

/* Functions */

TEST (Functions, CaptureAndTakeWhatThereIs)
{
  const std::map<std::string, int> weights{ { "a", 1 }, { "b", 20 } };
  auto owned = std::make_unique<int> (300);

  EXPECT_EQ (pcall::map ([&weights, owned = std::move (owned)] (
                             const std::string &name) { return weights.at (name) + *owned; },
                         std::vector<std::string>{ "b", "a" }),
             (std::vector{ 320, 301 }));
}

TEST (Functions, AreFunctionsMembersAndFunctionObjects)
{
  const std::vector<std::string> words{ "", "four" };

  EXPECT_EQ (pcall::map (square, { 2, 3 }), (std::vector{ 4, 9 }));
  EXPECT_EQ (pcall::map (&square, { 4 }), (std::vector{ 16 }));
  EXPECT_EQ (pcall::map (&std::string::size, words), (std::vector<std::size_t>{ 0, 4 }));
  EXPECT_EQ (pcall::map (std::negate<> (), { 5L }), (std::vector{ -5L }));
  EXPECT_EQ (pcall::map (std::function<int (int)> (square), { 6 }), (std::vector{ 36 }));
}

TEST (Functions, TakeThePartsOfATuple)
{
  const std::vector<std::tuple<int, double>> pairs{ { 1, 0.5 }, { 2, 0.25 } };
  const std::map<std::string, int> map{ { "x", 1 } };

  EXPECT_EQ (pcall::map ([] (int a, double b) { return a + b; }, pairs),
             (std::vector{ 1.5, 2.25 }));
  EXPECT_EQ (pcall::map ([] (const std::string &key, int n) { return key + std::to_string (n); },
                         map),
             (std::vector<std::string>{ "x1" }));
  EXPECT_EQ (pcall::map ([] (const auto &whole) { return std::get<0> (whole); }, pairs),
             (std::vector{ 1, 2 }));
}

TEST (Functions, AreGoneWithTheTask)
{
  auto watched = std::make_shared<int> (1);

  pcall::map ([watched] (int n) { return n + *watched; }, { 1, 2 });
  EXPECT_EQ (watched.use_count (), 1);
  {
    pcall::task task ([watched] (auto &n) { return *n; }, std::vector{ watched });
    EXPECT_EQ (watched.use_count (), 3);
  }
  EXPECT_EQ (watched.use_count (), 1);
}

TEST (Functions, LeaveTheParentAlone)
{
  int counter = 0;

  pcall::map ([&counter] (int n) { counter += n; }, { 1, 2, 3 });
  EXPECT_EQ (counter, 0);
}

TEST (Functions, RunInCallsOfTheirOwn)
{
  const auto nested = [] (int n) { return pcall::map (square, std::vector{ n, n + 1 }); };

  EXPECT_EQ (pcall::map (nested, { 1, 3 }),
             (std::vector<std::vector<int>>{ { 1, 4 }, { 9, 16 } }));
  EXPECT_NE (pcall::call (getpid), getpid ());
}

/* Ranges */

template <class Range>
void
expect_doubled (Range &&range, const std::vector<int> &expected)
{
  EXPECT_EQ (pcall::map ([] (int n) { return 2 * n; }, std::forward<Range> (range)), expected);
}

TEST (Ranges, AreOfAnyKind)
{
  const int array[] = { 1, 2, 3 };
  const std::vector<int> constant{ 1, 2, 3 };
  std::list<int> list{ 1, 2, 3 };

  expect_doubled (array, { 2, 4, 6 });
  expect_doubled (constant, { 2, 4, 6 });
  expect_doubled (list, { 2, 4, 6 });
  expect_doubled (std::forward_list<int>{ 1, 2, 3 }, { 2, 4, 6 });
  expect_doubled (std::set<int>{ 3, 1, 2 }, { 2, 4, 6 });
  expect_doubled (std::array{ 1, 2, 3 }, { 2, 4, 6 });
  expect_doubled (std::vector<bool>{ true, false }, { 2, 0 });
  expect_doubled (std::string ("\1\2"), { 2, 4 });
}

/* Goes through its numbers once. */
struct numbers
{
  std::istringstream stream{ "1 2 3" };

  auto begin () { return std::istream_iterator<int> (stream); }
  auto end () { return std::istream_iterator<int> (); }
};

TEST (Ranges, AreGoneThroughOnce)
{
  expect_doubled (numbers (), { 2, 4, 6 });
}

TEST (Ranges, AreNotCopiedByMap)
{
  std::vector<std::unique_ptr<int>> owners;

  owners.push_back (std::make_unique<int> (7));
  const std::vector<std::unique_ptr<int>> &constant = owners;

  EXPECT_EQ (pcall::map ([] (const std::unique_ptr<int> &n) { return *n; }, constant),
             (std::vector{ 7 }));
  EXPECT_EQ (pcall::map ([] (std::unique_ptr<int> &n) { return *std::move (n); }, owners),
             (std::vector{ 7 }));
  EXPECT_EQ (*owners[0], 7);
  EXPECT_EQ (pcall::map ([] (auto &n) { return *n; }, std::move (owners)), (std::vector{ 7 }));
}

TEST (Ranges, LastAsLongAsTheTask)
{
  auto make = [] {
    std::vector<std::string> words{ "one", "three" };
    const char *const array[] = { "a" };
    pcall::task of_array ([] (const char *text) { return std::string (text); }, array);

    EXPECT_EQ (of_array.get (), (std::vector<std::string>{ "a" }));
    return pcall::task (&std::string::size, words);
  };
  auto task = make ();

  EXPECT_EQ (task.size (), 2u);
  EXPECT_EQ (task.get (), (std::vector<std::size_t>{ 3, 5 }));
}

TEST (Ranges, MayBeEmpty)
{
  const std::vector<int> none;

  EXPECT_TRUE (pcall::map (square, none).empty ());
  EXPECT_NO_THROW (pcall::map ([] (int) {}, none));
}

TEST (Ranges, MayBeLong)
{
  std::vector<int> many (100000);
  std::vector<int> doubled;

  for (int i = 0; i < int (many.size ()); i++)
    doubled.push_back (2 * (many[i] = i));
  expect_doubled (many, doubled);
}

/* Results */

template <class T>
void
expect_back (const std::vector<T> &values)
{
  EXPECT_EQ (pcall::map ([] (const T &value) { return value; }, values), values);
}

template <class T>
void
expect_limits_back ()
{
  using limits = std::numeric_limits<T>;

  expect_back<T> ({ limits::lowest (), limits::max (), limits::min (), T (0), T (1) });
}

TEST (Results, AreNumbers)
{
  expect_limits_back<char> ();
  expect_limits_back<signed char> ();
  expect_limits_back<unsigned char> ();
  expect_limits_back<short> ();
  expect_limits_back<unsigned short> ();
  expect_limits_back<int> ();
  expect_limits_back<unsigned> ();
  expect_limits_back<long> ();
  expect_limits_back<unsigned long> ();
  expect_limits_back<long long> ();
  expect_limits_back<unsigned long long> ();
  expect_limits_back<char16_t> ();
  expect_limits_back<wchar_t> ();
  expect_limits_back<float> ();
  expect_limits_back<double> ();
  expect_back<double> ({ std::numeric_limits<double>::infinity (), -0.0 });
  EXPECT_EQ (pcall::map ([] (int n) { return n > 1; }, { 1, 2 }),
             (std::vector<bool>{ false, true }));
}

enum class color : unsigned char
{
  red = 1,
  blue = 200,
};

TEST (Results, AreEnumerations)
{
  expect_back<color> ({ color::blue, color::red });
}

TEST (Results, AreStringsOfAnyBytes)
{
  expect_back<std::string> ({ "", "text", std::string ("\0\xff", 2), std::string (1 << 20, 'x') });
  EXPECT_EQ (pcall::map ([] (int) { return "literal"; }, { 1 }),
             (std::vector<std::string>{ "literal" }));
}

TEST (Results, AreContainers)
{
  expect_back<std::vector<int>> ({ {}, { 1, 2 }, std::vector<int> (1 << 18, 3) });
  expect_back<std::vector<float>> ({ { 0.5f }, {} });
  expect_back<std::vector<bool>> ({ { true, false }, {} });
  expect_back<std::vector<std::string>> ({ { "a", "" }, {} });
  expect_back<std::vector<std::vector<double>>> ({ { { 1.5 }, {} } });
  expect_back<std::deque<short>> ({ { 1, 2 } });
  expect_back<std::list<std::string>> ({ { "a", "b" } });
  expect_back<std::set<int>> ({ { 1, 2 }, {} });
  expect_back<std::map<std::string, std::vector<int>>> ({ { { "a", { 1 } }, { "b", {} } } });
  expect_back<std::unordered_map<int, bool>> ({ { { 1, true }, { 2, false } } });
  expect_back<std::array<int, 3>> ({ { 1, 2, 3 } });
}

TEST (Results, AreTuplesAndOptionals)
{
  expect_back<std::tuple<>> ({ {} });
  expect_back<std::tuple<int, std::string, double>> ({ { 1, "a", 0.5 } });
  expect_back<std::pair<bool, std::vector<int>>> ({ { true, { 1 } }, { false, {} } });
  expect_back<std::optional<int>> ({ 1, std::nullopt });
  expect_back<std::optional<std::optional<std::string>>> (
      { std::nullopt, std::optional<std::string> (), "" });
}

TEST (Results, MayBeNothing)
{
  const auto nothing = [] {};
  static_assert (std::is_void_v<decltype (pcall::call (nothing))>);

  pcall::call (nothing);
  pcall::task task ([] (int) {}, std::vector{ 1, 2 });

  task.get ();
  task.result (1);
}

struct point
{
  double x, y;
};

} // namespace

template <> struct pcall::codec<point>
{
  static std::string type () { return "(dd)"; }
  static GVariant *encode (const point &p) { return g_variant_new ("(dd)", p.x, p.y); }
  static point decode (GVariant *value)
  {
    point p;

    g_variant_get (value, "(dd)", &p.x, &p.y);
    return p;
  }
};

namespace
{

TEST (Results, AreOfTypesOfOnesOwn)
{
  const auto lines = pcall::map (
      [] (double x) { return std::vector{ point{ x, 2 * x }, point{ 0, 0 } }; }, { 1.0, 2.0 });

  EXPECT_EQ (lines[1][0].x, 2.0);
  EXPECT_EQ (lines[1][0].y, 4.0);
}

TEST (Results, OfOneCall)
{
  EXPECT_EQ (pcall::call ([] { return std::string ("alone"); }), "alone");
  EXPECT_TRUE (pcall::call ([] { return true; }));
}

/* Tasks */

TEST (Tasks, AreStartedAndWaitedFor)
{
  pipe_pair gate;
  pcall::task task (
      [&gate] (int n) {
        if (n == 2)
          gate.get ();
        return n;
      },
      std::vector{ 1, 2 });

  EXPECT_THROW (task.result (0), std::out_of_range);
  task.start ();
  EXPECT_FALSE (task.wait_for (0s));
  EXPECT_THROW (task.result (1), std::logic_error);
  gate.put ();
  ASSERT_TRUE (task.wait_for (limit));
  EXPECT_EQ (task.result (0), 1);
  EXPECT_THROW (task.result (2), std::out_of_range);
  EXPECT_EQ (task.get (), (std::vector{ 1, 2 }));
  EXPECT_EQ (task.get (), (std::vector{ 1, 2 }));
}

TEST (Tasks, AreStartedOnce)
{
  pcall::task task (square, std::vector{ 1 });

  task.start ();
  EXPECT_THROW (task.start (), pcall::error);
  EXPECT_EQ (task.get (), (std::vector{ 1 }));
}

TEST (Tasks, EndTheirChildrenWhereTheyAreDropped)
{
  pipe_pair alive;
  {
    pcall::task task ([] (int) { pause (); }, std::vector{ 1, 2 });

    pcall_task_set_grace_period (task.gobj (), 0);
    task.start ();
    alive.close_writer ();
    EXPECT_FALSE (task.wait_for (0s));
  }
  EXPECT_FALSE (alive.get ());
}

TEST (Tasks, AreMoved)
{
  pcall::task task (square, std::vector{ 3 });
  auto other = std::move (task);
  std::vector<pcall::task<int>> several;

  several.push_back (std::move (other));
  several.emplace_back (square, std::vector{ 4 });
  EXPECT_EQ (several[0].get (), (std::vector{ 9 }));
  EXPECT_EQ (several[1].get (), (std::vector{ 16 }));
}

TEST (Tasks, HaveOptions)
{
  pcall::options how;

  how.calls_per_child = 1;
  how.max_children = 3;
  how.name = "named";
  how.timeout = 90500ms;
  pcall::task task ([] (int) { return getpid (); }, std::vector (20, 0), how);
  const auto pids = task.get ();

  EXPECT_EQ (std::set<int> (pids.begin (), pids.end ()).size (), 20u);
  EXPECT_EQ (pcall_task_get_max_children (task.gobj ()), 3u);
  EXPECT_EQ (pcall_task_get_timeout (task.gobj ()), 90.5);
  g_autoptr (PcallCall) call = pcall_task_dup_call (task.gobj (), 0);
  EXPECT_STREQ (pcall_call_get_target_name (call), "named");
}

TEST (Tasks, AreSetUp)
{
  pcall::options how;

  how.set_up = [] (PcallTask *task) { pcall_task_set_max_open_files (task, 50); };
  EXPECT_EQ (pcall::map ([] (int) { return sysconf (_SC_OPEN_MAX); }, { 0, 1 }, how),
             (std::vector{ 50L, 50L }));

  how.set_up = [] (PcallTask *) { throw std::domain_error ("not like this"); };
  EXPECT_THROW (pcall::task (square, std::vector{ 1 }, how), std::domain_error);
}

TEST (Tasks, AreCalledAfterTheirPlace)
{
  const std::string place = "test-hpp.cpp:" + std::to_string (__LINE__ + 1);
  pcall::task task (square, std::vector{ 1 });

  task.get ();
  g_autoptr (PcallCall) call = pcall_task_dup_call (task.gobj (), 0);
  EXPECT_EQ (pcall_call_get_target_name (call), place);
}

TEST (Tasks, ShareChildrenByDefault)
{
  const auto pids = pcall::map ([] (int) { return getpid (); }, std::vector (1000, 0));

  EXPECT_LE (std::set<int> (pids.begin (), pids.end ()).size (), g_get_num_processors ());
}

/* The main loop */

/* Runs the default main context until done, which may be before. */
void
run_loop_until (const bool &done)
{
  const gint64 end = g_get_monotonic_time () + std::chrono::microseconds (limit).count ();

  while (!done && g_get_monotonic_time () < end)
    g_main_context_iteration (nullptr, TRUE);
  ASSERT_TRUE (done);
}

TEST (Loop, IsToldAndGoesOnMeanwhile)
{
  pipe_pair gate;
  bool done = false;
  std::vector<int> results;

  pcall::map_async (
      [&gate] (int n) {
        gate.get ();
        return n;
      },
      std::vector{ 1, 2 },
      [&] (std::future<std::vector<int>> future) {
        results = future.get ();
        done = true;
      });
  g_idle_add (
      [] (gpointer data) -> gboolean {
        static_cast<pipe_pair *> (data)->put ();
        static_cast<pipe_pair *> (data)->put ();
        return G_SOURCE_REMOVE;
      },
      &gate);
  EXPECT_FALSE (done);
  run_loop_until (done);
  EXPECT_EQ (results, (std::vector{ 1, 2 }));
}

TEST (Loop, IsToldOfExceptions)
{
  bool done = false;

  pcall::map_async ([] (int) -> int { throw std::domain_error ("no"); }, std::vector{ 1, 2 },
                    [&done] (auto future) {
                      EXPECT_THROW (future.get (), std::domain_error);
                      done = true;
                    });
  run_loop_until (done);
}

TEST (Loop, IsToldOfNothing)
{
  auto watched = std::make_shared<bool> (false);

  pcall::map_async ([] (int) {}, std::vector{ 1 },
                    [watched, owner = std::make_unique<int> ()] (std::future<void> future) {
                      future.get ();
                      *watched = true;
                    });
  run_loop_until (*watched);
  EXPECT_EQ (watched.use_count (), 1);
}

TEST (Loop, MayBeAnotherThreads)
{
  std::vector<std::future<std::vector<int>>> futures;

  for (int i = 0; i < 3; i++)
    futures.push_back (std::async (std::launch::async, [i] {
      GMainContext *context = g_main_context_new ();
      bool done = false;
      std::vector<int> results;

      g_main_context_push_thread_default (context);
      pcall::map_async (square, std::vector{ i, i + 1 }, [&] (auto future) {
        results = future.get ();
        done = true;
      });
      while (!done)
        g_main_context_iteration (context, TRUE);
      g_main_context_pop_thread_default (context);
      g_main_context_unref (context);
      return results;
    }));
  for (int i = 0; i < 3; i++)
    EXPECT_EQ (futures[i].get (), (std::vector{ i * i, (i + 1) * (i + 1) }));
}

TEST (Loop, IsToldThoughTheTaskWasCancelled)
{
  GCancellable *cancellable = g_cancellable_new ();
  bool done = false;
  pcall::task task ([] (int) { pause (); }, std::vector{ 1 });

  pcall_task_set_grace_period (task.gobj (), 0);
  task.then (
      [&done] (auto future) {
        EXPECT_THROW (future.get (), pcall::error);
        done = true;
      },
      cancellable);
  g_cancellable_cancel (cancellable);
  run_loop_until (done);
  g_object_unref (cancellable);
}

} // namespace
