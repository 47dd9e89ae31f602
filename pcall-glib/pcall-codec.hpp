/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* C++ values as results: each type has a codec, which makes a GVariant of a value and a value of
 * that. */

#pragma once

#ifndef PCALL_HPP_INSIDE
#error "Only <pcall-glib/pcall.hpp> can be included directly."
#endif

#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <pcall-glib/pcall-failure.hpp>

namespace pcall
{

/* How a result goes from child to parent: what its type is as that of a GVariant, and both ways.
 * There are codecs for numbers, bool, enumerations, std::string, std::optional, pairs, tuples,
 * arrays, and containers of all of these. Specialize it for a type of your own:
 *
 *     template <> struct pcall::codec<point>
 *     {
 *       static std::string type () { return "(dd)"; }
 *       static GVariant   *encode (const point &p) { return g_variant_new ("(dd)", p.x, p.y); }
 *       static point       decode (GVariant *v) { point p; g_variant_get (v, "(dd)", &p.x, &p.y);
 *                                                 return p; }
 *     };
 *
 * encode () may give a floating reference; decode () is given a value of that type. */
template <class T, class = void> struct codec
{
  static_assert (!std::is_same_v<T, T>, "this type needs a specialization of pcall::codec");
};

namespace detail
{

/* The letter of a number, 0 for what is none. Those of one byte have no sign in a GVariant. */
template <class T>
constexpr char
get_letter ()
{
  if constexpr (std::is_same_v<T, bool>)
    return 'b';
  else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>)
    return 'd';
  else if constexpr (std::is_integral_v<T> && sizeof (T) <= 8)
    return std::is_signed_v<T> ? " yn i   x"[sizeof (T)] : " yq u   t"[sizeof (T)];
  else
    return 0;
}

template <class T> inline constexpr bool is_number = get_letter<T> () != 0;

/* Whether an array of them is in memory what it is in a GVariant. */
template <class T>
inline constexpr bool is_plain
    = is_number<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, float>;

template <class T, class = void> inline constexpr bool is_container = false;
template <class T>
inline constexpr bool is_container<
    T, std::void_t<decltype (std::declval<T &> ().insert (
           std::declval<T &> ().end (), std::declval<typename T::value_type> ()))>>
    = true;

inline owned<GVariant>
get_child (GVariant *value, gsize i)
{
  return owned<GVariant> (g_variant_get_child_value (value, i));
}

template <class T>
GVariant *
encode_number (T value) noexcept
{
  switch (get_letter<T> ())
    {
    case 'b': return g_variant_new_boolean (value != T ());
    case 'y': return g_variant_new_byte (static_cast<guint8> (value));
    case 'n': return g_variant_new_int16 (static_cast<gint16> (value));
    case 'q': return g_variant_new_uint16 (static_cast<guint16> (value));
    case 'i': return g_variant_new_int32 (static_cast<gint32> (value));
    case 'u': return g_variant_new_uint32 (static_cast<guint32> (value));
    case 'x': return g_variant_new_int64 (static_cast<gint64> (value));
    case 't': return g_variant_new_uint64 (static_cast<guint64> (value));
    default: return g_variant_new_double (static_cast<double> (value));
    }
}

template <class T>
T
decode_number (GVariant *value) noexcept
{
  switch (get_letter<T> ())
    {
    case 'b': return static_cast<T> (g_variant_get_boolean (value) != FALSE);
    case 'y': return static_cast<T> (g_variant_get_byte (value));
    case 'n': return static_cast<T> (g_variant_get_int16 (value));
    case 'q': return static_cast<T> (g_variant_get_uint16 (value));
    case 'i': return static_cast<T> (g_variant_get_int32 (value));
    case 'u': return static_cast<T> (g_variant_get_uint32 (value));
    case 'x': return static_cast<T> (g_variant_get_int64 (value));
    case 't': return static_cast<T> (g_variant_get_uint64 (value));
    default: return static_cast<T> (g_variant_get_double (value));
    }
}

template <class T>
GVariant *
encode_plain (const T *data, std::size_t n)
{
  const char type[] = { get_letter<T> (), '\0' };

  return g_variant_new_fixed_array (G_VARIANT_TYPE (type), data, n, sizeof (T));
}

/* Elements one by one. */
template <class Range>
GVariant *
encode_each (const Range &range, const std::string &type)
{
  using element = codec<std::decay_t<decltype (*std::begin (range))>>;
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE (type.c_str ()));
  for (const auto &value : range)
    g_variant_builder_add_value (&builder, element::encode (value));
  return g_variant_builder_end (&builder);
}

} // namespace detail

template <class T> struct codec<T, std::enable_if_t<detail::is_number<T>>>
{
  static std::string type () { return { detail::get_letter<T> () }; }
  static GVariant *encode (T value) { return detail::encode_number (value); }
  static T decode (GVariant *value) { return detail::decode_number<T> (value); }
};

template <class T> struct codec<T, std::enable_if_t<std::is_enum_v<T>>>
{
  using number = codec<std::underlying_type_t<T>>;

  static std::string type () { return number::type (); }
  static GVariant *encode (T value)
  {
    return number::encode (static_cast<std::underlying_type_t<T>> (value));
  }
  static T decode (GVariant *value) { return static_cast<T> (number::decode (value)); }
};

/* Bytes: a std::string need be no text. */
template <> struct codec<std::string>
{
  static std::string type () { return "ay"; }
  static GVariant *encode (const std::string &text)
  {
    return detail::encode_plain (text.data (), text.size ());
  }
  static std::string decode (GVariant *value)
  {
    gsize n;
    auto *bytes = static_cast<const char *> (g_variant_get_fixed_array (value, &n, 1));

    return n > 0 ? std::string (bytes, n) : std::string ();
  }
};

template <class T> struct codec<T, std::enable_if_t<detail::is_container<T> &&
                                                    !std::is_same_v<T, std::string>>>
{
  using value_type = typename T::value_type;

  static std::string type () { return "a" + codec<value_type>::type (); }
  static GVariant *encode (const T &values)
  {
    if constexpr (is_plain_vector)
      return detail::encode_plain (values.data (), values.size ());
    else
      return detail::encode_each (values, type ());
  }
  static T decode (GVariant *value)
  {
    T values;

    if constexpr (is_plain_vector)
      {
        gsize n;
        auto *data = static_cast<const value_type *> (
            g_variant_get_fixed_array (value, &n, sizeof (value_type)));

        if (n > 0)
          values.assign (data, data + n);
      }
    else
      for (gsize i = 0, n = g_variant_n_children (value); i < n; i++)
        values.insert (values.end (),
                       codec<value_type>::decode (detail::get_child (value, i).get ()));
    return values;
  }

private:
  static constexpr bool is_plain_vector
      = std::is_same_v<T, std::vector<value_type>> && detail::is_plain<value_type>;
};

template <class T, std::size_t N> struct codec<std::array<T, N>>
{
  static std::string type () { return "a" + codec<T>::type (); }
  static GVariant *encode (const std::array<T, N> &values)
  {
    return detail::encode_each (values, type ());
  }
  static std::array<T, N> decode (GVariant *value)
  {
    std::array<T, N> values{};

    for (gsize i = 0; i < N && i < g_variant_n_children (value); i++)
      values[i] = codec<T>::decode (detail::get_child (value, i).get ());
    return values;
  }
};

template <class T> struct codec<std::optional<T>>
{
  static std::string type () { return "m" + codec<T>::type (); }
  static GVariant *encode (const std::optional<T> &value)
  {
    const std::string child = codec<T>::type ();

    return g_variant_new_maybe (G_VARIANT_TYPE (child.c_str ()),
                                value.has_value () ? codec<T>::encode (*value) : nullptr);
  }
  static std::optional<T> decode (GVariant *value)
  {
    if (g_variant_n_children (value) == 0)
      return {};
    return codec<T>::decode (detail::get_child (value, 0).get ());
  }
};

template <class... T> struct codec<std::tuple<T...>>
{
  static std::string type () { return "(" + (codec<T>::type () + ... + std::string (")")); }
  static GVariant *encode (const std::tuple<T...> &values)
  {
    return std::apply (
        [] (const T &...value) {
          GVariant *children[] = { codec<T>::encode (value)..., nullptr };

          return g_variant_new_tuple (children, sizeof... (T));
        },
        values);
  }
  static std::tuple<T...> decode (GVariant *value)
  {
    return decode (value, std::index_sequence_for<T...> ());
  }

private:
  template <std::size_t... I>
  static std::tuple<T...> decode ([[maybe_unused]] GVariant *value, std::index_sequence<I...>)
  {
    return { codec<T>::decode (detail::get_child (value, I).get ())... };
  }
};

/* Of a map too, whose keys are constant. */
template <class First, class Second> struct codec<std::pair<First, Second>>
{
  using parts = codec<std::tuple<std::remove_const_t<First>, Second>>;

  static std::string type () { return parts::type (); }
  static GVariant *encode (const std::pair<First, Second> &pair)
  {
    return parts::encode ({ pair.first, pair.second });
  }
  static std::pair<First, Second> decode (GVariant *value)
  {
    auto [first, second] = parts::decode (value);

    return { std::move (first), std::move (second) };
  }
};

} // namespace pcall
