/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* pcall for C++17: lambdas as targets, C++ values as results, exceptions as exceptions.
 *
 *     std::vector<int> squares = pcall::map ([] (int n) { return n * n; }, { 2, 3, 4 });
 *
 * A function and its arguments are in the child because it is a copy of this process: a lambda may
 * capture, and take, whatever there is. What it returns goes back as a GVariant, by pcall::codec.
 *
 * An exception that leaves it is thrown again here. One that is, or is derived from, one of those
 * of <stdexcept> is of that type, all others are pcall::error; each of them is a pcall::failure,
 * which knows of the call. Exceptions and RTTI must be enabled.
 *
 * No exception goes through frames of C, which are not made for it. */

#pragma once

#define PCALL_HPP_INSIDE

#include <array>
#include <chrono>
#include <cmath>
#include <deque>
#include <exception>
#include <functional>
#include <future>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <pcall-glib/pcall-codec.hpp>
#include <pcall-glib/pcall-failure.hpp>
#include <pcall-glib/pcall.h>

namespace pcall
{

/* How the calls of a task are run, as the properties of PcallTask say. */
struct options
{
  using seconds = std::chrono::duration<double>;

  unsigned    max_children = 0;    /* 0: as many as there are processors */
  unsigned    calls_per_child = 0; /* 0: no limit; 1: a fresh copy of this process for each call */
  seconds     timeout{ 0 };        /* of each call; 0: none */
  seconds     deadline{ 0 };       /* of the whole; 0: none */
  bool        stop_on_failure = false;
  std::string name;                /* of the function, in messages; empty: the file and line */

  /* Sets what else a task has, before it is started; may be empty. */
  std::function<void (PcallTask *)> set_up;
};

/* Where a task is made, for messages: the default of a parameter is evaluated there. */
class place
{
public:
  static place current (const char *file = __builtin_FILE (), int line = __builtin_LINE ()) noexcept
  {
    return place (file, line);
  }
  std::string to_string () const
  {
    detail::owned<char> base (g_path_get_basename (file_));

    return base.get () + (":" + std::to_string (line_));
  }

private:
  place (const char *file, int line) noexcept : file_ (file), line_ (line) {}

  const char *file_;
  int         line_;
};

namespace detail
{

/* The elements of a range, by index. Range is a reference or a value; what can be gone through only
 * once is copied. */
template <class Range> class items
{
  using iterator = decltype (std::begin (std::declval<Range &> ()));
  using traits = std::iterator_traits<iterator>;

  static constexpr bool stays
      = std::is_base_of_v<std::forward_iterator_tag, typename traits::iterator_category>;

  using kept = std::conditional_t<stays, iterator, typename traits::value_type>;

public:
  explicit items (Range &&range) : range_ (std::forward<Range> (range))
  {
    for (auto i = std::begin (range_); i != std::end (range_); ++i)
      if constexpr (stays)
        kept_.push_back (i);
      else
        kept_.push_back (*i);
  }
  items (const items &) = delete;

  std::size_t size () const noexcept { return kept_.size (); }
  decltype (auto) operator[] (std::size_t i)
  {
    if constexpr (stays)
      return *kept_[i];
    else
      return (kept_[i]);
  }

private:
  Range            range_;
  std::deque<kept> kept_; /* no vector: that of bool is none */
};

template <class T, class = void> inline constexpr bool is_tuple = false;
template <class T>
inline constexpr bool is_tuple<T, std::void_t<decltype (std::tuple_size<std::decay_t<T>>::value)>>
    = true;

/* A function takes an element, or the parts of a tuple. */
template <class F, class T>
decltype (auto)
call (F &function, T &&argument)
{
  if constexpr (std::is_invocable_v<F &, T>)
    return std::invoke (function, std::forward<T> (argument));
  else
    {
      static_assert (is_tuple<T>, "the function cannot be called with an element of the range");
      return std::apply (function, std::forward<T> (argument));
    }
}

/* What arrives of what a function returns. */
template <class T> struct result : std::decay<T> {};
template <> struct result<const char *> { using type = std::string; };
template <> struct result<char *> { using type = std::string; };

template <class F, class Range>
using result_of = typename result<decltype (call (
    std::declval<std::decay_t<F> &> (), std::declval<items<Range> &> ()[0]))>::type;

/* A temporary is kept, and what has a name is referred to, or copied where it has to last. */
template <class Range>
using lasting = std::conditional_t<
    std::is_array_v<std::remove_reference_t<Range>>,
    std::vector<std::decay_t<decltype (*std::begin (std::declval<Range &> ()))>>,
    std::remove_cv_t<std::remove_reference_t<Range>>>;

template <class Range>
lasting<Range>
make_lasting (Range &&range)
{
  if constexpr (std::is_array_v<std::remove_reference_t<Range>>)
    return { std::begin (range), std::end (range) };
  else
    return std::forward<Range> (range);
}

/* A target: lives in the parent, and as a copy in each child. */
template <class F, class Range> class closure
{
public:
  closure (F &&function, Range &&range)
  : function_ (std::move (function)), items_ (std::forward<Range> (range))
  {
    if (items_.size () > std::numeric_limits<guint>::max ())
      throw std::length_error ("pcall: too many calls");
  }

  guint size () const noexcept { return static_cast<guint> (items_.size ()); }

  static GVariant *run (GVariant *, GVariant *, gpointer data, GError **error) noexcept
  {
    try
      {
        return static_cast<closure *> (data)->run (pcall_get_call_index ());
      }
    catch (...)
      {
        set_error (error);
        return nullptr;
      }
  }
  static void destroy (gpointer data) noexcept { delete static_cast<closure *> (data); }

private:
  GVariant *run (guint index)
  {
    if constexpr (std::is_void_v<result_of<F, Range>>)
      {
        call (function_, items_[index]);
        return g_variant_new_tuple (nullptr, 0);
      }
    else
      return codec<result_of<F, Range>>::encode (call (function_, items_[index]));
  }

  F            function_;
  items<Range> items_;
};

inline void
check_limit (const char *name, options::seconds limit)
{
  if (!(limit.count () >= 0) || std::isinf (limit.count ()))
    throw std::invalid_argument (std::string ("pcall: ") + name + " is "
                                 + std::to_string (limit.count ())
                                 + " s; it is a time, or 0 for no limit");
}

inline void
set_options (PcallTask *task, const options &how)
{
  pcall_task_set_max_children (task, how.max_children);
  pcall_task_set_calls_per_child (task, how.calls_per_child);
  pcall_task_set_timeout (task, how.timeout.count ());
  pcall_task_set_deadline (task, how.deadline.count ());
  pcall_task_set_failure_policy (task, how.stop_on_failure ? PCALL_FAILURE_POLICY_STOP
                                                           : PCALL_FAILURE_POLICY_CONTINUE);
  if (how.set_up)
    how.set_up (task);
}

template <class Range, class F>
PcallTask *
make_task (F &&function, Range &&range, const options &how, const place &where)
{
  using target = closure<std::decay_t<F>, Range>;

  check_limit ("timeout", how.timeout);
  check_limit ("deadline", how.deadline);
  const std::string name = how.name.empty () ? where.to_string () : how.name;
  owned<char> valid_name (g_utf8_make_valid (name.c_str (), -1));
  auto closure = std::make_unique<target> (std::decay_t<F> (std::forward<F> (function)),
                                           std::forward<Range> (range));
  const guint n_calls = closure->size ();
  owned<PcallTarget> owner (
      pcall_target_new (valid_name.get (), target::run, closure.release (), target::destroy));
  owned<PcallTask> task (pcall_task_new (owner.get ()));

  pcall_task_set_n_calls (task.get (), n_calls);
  set_options (task.get (), how);
  return task.release ();
}

/* Of a call that did not succeed. */
inline report
make_report (PcallCall *call)
{
  owned<GError> error (pcall_call_dup_error (call));
  owned<GVariant> details (pcall_call_dup_error_details (call));
  report known{ error->domain, error->code, error->message, {}, pcall_call_get_index (call) };
  const char *type;

  if (details != nullptr && g_variant_lookup (details.get (), "type", "&s", &type))
    known.type = type;
  return known;
}

/* What a task failed with: takes the error, which is that of a call unless the task was cancelled
 * or never started. */
[[noreturn]] inline void
rethrow (PcallTask *task, GError *gerror)
{
  owned<GError> owner (gerror);
  owned<PcallCall> call (pcall_task_dup_first_failed (task));

  if (call != nullptr)
    {
      const report known = make_report (call.get ());

      if (g_error_matches (gerror, known.domain, known.code) && known.message == gerror->message)
        rethrow (known);
    }
  throw error::take (owner.release ());
}

template <class R>
R
decode (GVariant *value)
{
  const std::string type = codec<R>::type ();

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (type.c_str ())))
    throw error (PCALL_ERROR, PCALL_ERROR_FAILED,
                 std::string ("a result is of type ") + g_variant_get_type_string (value)
                     + ", not " + type);
  return codec<R>::decode (value);
}

/* Of all calls, from an av. */
template <class R>
auto
decode_all (GVariant *results)
{
  if constexpr (!std::is_void_v<R>)
    {
      const gsize n = g_variant_n_children (results);
      std::vector<R> values;

      values.reserve (n);
      for (gsize i = 0; i < n; i++)
        {
          owned<GVariant> box = get_child (results, i);
          owned<GVariant> value (g_variant_get_variant (box.get ()));

          values.push_back (decode<R> (value.get ()));
        }
      return values;
    }
}

template <class R> using results = typename std::conditional_t<
    std::is_void_v<R>, std::decay<R>, std::decay<std::vector<std::decay_t<R>>>>::type;

/* Who is told when a task has ended. */
template <class R, class Done>
void
tell (GObject *object, GAsyncResult *result, gpointer data) noexcept
{
  std::unique_ptr<Done> done (static_cast<Done *> (data));
  PcallTask *task = PCALL_TASK (object);
  GError *error = nullptr;
  std::promise<results<R>> promise;

  try
    {
      if (!pcall_task_join_finish (task, result, &error))
        rethrow (task, error);
      owned<GVariant> values (pcall_task_dup_results (task));
      if constexpr (std::is_void_v<R>)
        promise.set_value ();
      else
        promise.set_value (decode_all<R> (values.get ()));
    }
  catch (...)
    {
      promise.set_exception (std::current_exception ());
    }
  (*done) (promise.get_future ());
}

} // namespace detail

/* A task whose calls return R: the function is called for each element of the range, in child
 * processes, each of which runs one call after the other. It is a PcallTask, which gobj () gives
 * for all that is not here. Where it goes out of scope while its calls run, their processes are
 * ended. */
template <class R> class task
{
public:
  using seconds = options::seconds;

  template <class F, class Range>
  task (F &&function, Range &&range, const options &how = {},
        const place &where = place::current ())
  : task (detail::make_task<detail::lasting<Range>> (
      std::forward<F> (function), detail::make_lasting (std::forward<Range> (range)), how, where))
  {
  }
  /* The reference becomes this object's. */
  explicit task (PcallTask *object) noexcept : task_ (object) {}

  PcallTask *gobj () const noexcept { return task_.get (); }
  unsigned   size () const noexcept { return pcall_task_get_n_calls (gobj ()); }

  /* The calls are begun, and the thread-default main context goes on with them while it is run. */
  void start () { start (nullptr, pcall_task_start); }

  /* Whether all calls have ended, if need be after some time. Throws nothing of theirs. */
  bool wait_for (seconds timeout)
  {
    if (!started_)
      start ();
    pcall_task_join (gobj (), timeout.count (), nullptr, nullptr);
    return !pcall_task_get_running (gobj ());
  }

  /* Waits, and gives the results in order, a std::vector<R>, or nothing where R is void. Throws the
   * exception of the first call that failed. */
  detail::results<R> get (GCancellable *cancellable = nullptr)
  {
    GError *error = nullptr;

    if (!started_)
      start (cancellable, [] (PcallTask *object, GError **failure) {
        return pcall_task_start_with_flags (
            object, PcallStartFlags (PCALL_START_FLAGS_IN_LOOP | PCALL_START_FLAGS_UNATTACHED),
            failure);
      });
    if (!pcall_task_join (gobj (), -1, cancellable, &error))
      detail::rethrow (gobj (), error);
    detail::owned<GVariant> values (pcall_task_dup_results (gobj ()));
    return detail::decode_all<R> (values.get ());
  }

  /* Starts it as start () does, if it is not, and has done called by the thread-default main
   * context when all calls have ended: with a std::future that is ready, whose get () does what
   * get () here does. The task lives until then. Done must not throw: it is called by C. */
  template <class Done> void then (Done &&done, GCancellable *cancellable = nullptr)
  {
    using handler = std::decay_t<Done>;
    auto kept = std::make_unique<handler> (std::forward<Done> (done));

    if (!started_)
      start ();
    pcall_task_join_async (gobj (), cancellable, detail::tell<R, handler>, kept.release ());
  }

  /* Of one call, which has ended: its result or its exception. */
  R result (unsigned index) const
  {
    if (!started_ || index >= size ())
      throw std::out_of_range ("pcall: there is no such call");
    detail::owned<PcallCall> call (pcall_task_dup_call (gobj (), index));
    const PcallCallState state = pcall_call_get_state (call.get ());

    if (state > PCALL_CALL_STATE_SUCCEEDED)
      detail::rethrow (detail::make_report (call.get ()));
    if (state != PCALL_CALL_STATE_SUCCEEDED)
      throw std::logic_error ("pcall: the call has not ended");
    if constexpr (!std::is_void_v<R>)
      {
        detail::owned<GVariant> value (pcall_call_dup_result (call.get ()));

        return detail::decode<R> (value.get ());
      }
  }

  /* Ends the calls that run; the others are not begun. */
  void terminate () noexcept { pcall_task_terminate (gobj ()); }

private:
  template <class Start> void start (GCancellable *cancellable, Start &&function)
  {
    GError *error = nullptr;

    if (g_cancellable_set_error_if_cancelled (cancellable, &error) || !function (gobj (), &error))
      detail::rethrow (gobj (), error);
    started_ = true;
  }

  detail::owned<PcallTask> task_;
  bool                     started_ = false;
};

template <class F, class Range>
task (F &&, Range &&, const options & = {}, const place & = place::current ())
    -> task<detail::result_of<F, detail::lasting<Range>>>;

/* Calls the function for each element, in child processes, and gives the results in order. Throws
 * the exception of the first call that failed. */
template <class F, class Range>
auto
map (F &&function, Range &&range, const options &how = {}, const place &where = place::current ())
{
  return task<detail::result_of<F, Range>> (
             detail::make_task<Range> (std::forward<F> (function), std::forward<Range> (range), how,
                                       where))
      .get ();
}

template <class F, class T>
auto
map (F &&function, std::initializer_list<T> list, const options &how = {},
     const place &where = place::current ())
{
  return map (std::forward<F> (function), std::vector<T> (list), how, where);
}

/* The same, on the main loop: see task::then (). */
template <class F, class Range, class Done>
void
map_async (F &&function, Range &&range, Done &&done, const options &how = {},
           const place &where = place::current ())
{
  task (std::forward<F> (function), std::forward<Range> (range), how, where)
      .then (std::forward<Done> (done));
}

/* One call: what the function returns, run in a child process. */
template <class F>
auto
call (F &&function, const options &how = {}, const place &where = place::current ())
{
  auto run = [&function] (int) -> decltype (auto) { return std::invoke (function); };

  if constexpr (std::is_void_v<std::invoke_result_t<F &>>)
    map (run, std::array{ 0 }, how, where);
  else
    {
      auto results = map (run, std::array{ 0 }, how, where);

      return typename decltype (results)::value_type (std::move (results.front ()));
    }
}

} // namespace pcall

#undef PCALL_HPP_INSIDE
