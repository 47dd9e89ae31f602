/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many primes there are below 20,000: a call for each thousand of numbers. */

#include <pcall-glib/pcall.hpp>

#include <array>
#include <iostream>
#include <numeric>

namespace
{

bool
is_prime (unsigned n)
{
  for (unsigned divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return false;
  return n > 1;
}

unsigned
count (unsigned thousand)
{
  unsigned n_primes = 0;

  for (unsigned n = 0; n < 1000; n++)
    n_primes += is_prime (1000 * thousand + n);
  return n_primes;
}

} // namespace


int
main ()
{
  std::array<unsigned, 20> thousands;

  std::iota (thousands.begin (), thousands.end (), 0);
  const auto counts = pcall::map (count, thousands);
  std::cout << std::accumulate (counts.begin (), counts.end (), 0) << "\n";
  return 0;
}
