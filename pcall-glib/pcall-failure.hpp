/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Exceptions between child and parent. In the child they become the error of a call; in the parent
 * that becomes an exception again, of the same type where that is one of <stdexcept>. */

#pragma once

#ifndef PCALL_HPP_INSIDE
#error "Only <pcall-glib/pcall.hpp> can be included directly."
#endif

#include <cxxabi.h>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <pcall-glib/pcall.h>

namespace pcall
{

/* The domain of errors that were C++ exceptions in the child. */
inline GQuark
exception_quark () noexcept
{
  return g_quark_from_static_string ("pcall-cxx-exception-quark");
}

namespace detail
{

struct unref
{
  void operator() (GVariant *value) const noexcept { g_variant_unref (value); }
  void operator() (GError *error) const noexcept { g_error_free (error); }
  void operator() (char *text) const noexcept { g_free (text); }
  void operator() (PcallTarget *target) const noexcept { g_object_unref (target); }
  void operator() (PcallTask *task) const noexcept { g_object_unref (task); }
  void operator() (PcallCall *call) const noexcept { g_object_unref (call); }
};

template <class T> using owned = std::unique_ptr<T, unref>;

/* What is known of something that failed. */
struct report
{
  GQuark                  domain;
  int                     code;
  std::string             message;
  std::string             type;  /* of the exception in the child; empty if it was none */
  std::optional<unsigned> index; /* of the call; none where it was not a call that failed */
};

} // namespace detail

/* What an exception that pcall throws knows of the call, besides what its type says. */
class failure
{
public:
  GQuark domain () const noexcept { return report_->domain; }
  int    code () const noexcept { return report_->code; }
  bool   matches (GQuark domain, int code) const noexcept
  {
    return report_->domain == domain && report_->code == code;
  }
  /* Which call of the task, counted from 0; none where the task itself failed. */
  std::optional<unsigned> index () const noexcept { return report_->index; }
  /* Of the exception in the child, such as "std::out_of_range"; empty if it was none. */
  const std::string &type () const noexcept { return report_->type; }

  virtual const char *what () const noexcept = 0;

protected:
  explicit failure (detail::report report)
  : report_ (std::make_shared<const detail::report> (std::move (report)))
  {
  }
  failure (const failure &) = default;
  failure &operator= (const failure &) = default;
  virtual ~failure () = default;

private:
  std::shared_ptr<const detail::report> report_; /* so that copies do not throw */
};

/* A GError as an exception: of a call that failed with one, crashed or ran too long, or of the
 * task. Thrown in a child, it arrives as it is. */
class error : public std::runtime_error, public failure
{
public:
  error (GQuark domain, int code, const std::string &message)
  : error (detail::report{ domain, code, message, {}, {} })
  {
  }
  explicit error (const detail::report &report)
  : std::runtime_error (report.message), failure (report)
  {
  }
  /* The caller's function has set it; it is freed here. */
  static error take (GError *gerror)
  {
    detail::owned<GError> owner (gerror);

    return error (gerror->domain, gerror->code, gerror->message);
  }

  const char *what () const noexcept override { return std::runtime_error::what (); }
};

namespace detail
{

/* An exception of a standard type that a call has thrown. */
template <class E> class thrown : public E, public failure
{
public:
  explicit thrown (const report &report)
  : E (make (report)), failure (report), message_ (std::make_shared<std::string> (report.message))
  {
  }
  const char *what () const noexcept override { return message_->c_str (); }

private:
  static E make (const report &report)
  {
    if constexpr (std::is_constructible_v<E, std::string>)
      return E (report.message);
    else
      return E ();
  }

  std::shared_ptr<const std::string> message_;
};

/* Those that arrive as what they are, each before what it is derived from. The code of an error is
 * the place in here, counted from 1, and 0 for others. */
using standard_types
    = std::tuple<std::invalid_argument, std::domain_error, std::length_error, std::out_of_range,
                 std::logic_error, std::range_error, std::overflow_error, std::underflow_error,
                 std::runtime_error, std::bad_alloc>;

template <std::size_t I = 0>
int
find_code (const std::exception &exception) noexcept
{
  if constexpr (I == std::tuple_size_v<standard_types>)
    return 0;
  else if (dynamic_cast<const std::tuple_element_t<I, standard_types> *> (&exception) != nullptr)
    return I + 1;
  else
    return find_code<I + 1> (exception);
}

template <std::size_t I = 0>
[[noreturn]] void
rethrow (const report &report)
{
  if constexpr (I == std::tuple_size_v<standard_types>)
    throw error (report);
  else if (report.domain == exception_quark () && report.code == int (I) + 1)
    throw thrown<std::tuple_element_t<I, standard_types>> (report);
  else
    rethrow<I + 1> (report);
}

inline std::string
demangle (const char *name)
{
  int status;
  owned<char> readable (abi::__cxa_demangle (name, nullptr, nullptr, &status));

  return readable != nullptr ? readable.get () : name;
}

/* Of the exception that is being handled. */
inline std::string
get_type ()
{
  const std::type_info *type = abi::__cxa_current_exception_type ();

  return type != nullptr ? demangle (type->name ()) : "unknown";
}

/* In a child: what goes with the error. */
inline void
set_details (const std::string &type, const char *message)
{
  GVariantBuilder builder;
  owned<char> valid (g_utf8_make_valid (message, -1));

  g_variant_builder_init (&builder, G_VARIANT_TYPE_VARDICT);
  g_variant_builder_add (&builder, "{sv}", "type", g_variant_new_string (type.c_str ()));
  g_variant_builder_add (&builder, "{sv}", "message", g_variant_new_string (valid.get ()));
  pcall_set_error_details (g_variant_builder_end (&builder));
}

/* In a child, in a handler: the exception becomes the error of the call. What std::terminate ()
 * says is all that is left to do where there is no memory even for that. */
inline void
set_error (GError **error) noexcept
{
  try
    {
      throw;
    }
  catch (const failure &exception)
    {
      if (!exception.type ().empty ())
        set_details (exception.type (), exception.what ());
      g_set_error_literal (error, exception.domain (), exception.code (), exception.what ());
    }
  catch (const std::exception &exception)
    {
      set_details (get_type (), exception.what ());
      g_set_error_literal (error, exception_quark (), find_code (exception), exception.what ());
    }
  catch (...)
    {
      std::string type = get_type ();

      set_details (type, "");
      g_set_error (error, exception_quark (), 0, "an exception of type %s", type.c_str ());
    }
}

} // namespace detail

} // namespace pcall
