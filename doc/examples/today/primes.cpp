/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many primes there are, as in ../primes.cpp, with std::async. */

#include <future>
#include <iostream>
#include <vector>

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
  std::vector<std::future<unsigned>> counts;
  unsigned sum = 0;

  for (unsigned thousand = 0; thousand < 20; thousand++)
    counts.push_back (std::async (std::launch::async, count, thousand));
  for (auto &n_primes : counts)
    sum += n_primes.get ();
  std::cout << sum << "\n";
  return 0;
}
