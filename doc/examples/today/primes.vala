/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many primes there are, as in ../primes.vala, with threads. */

bool is_prime (uint n) {
  for (uint divisor = 2; divisor * divisor <= n; divisor++)
    if (n % divisor == 0)
      return false;
  return n > 1;
}

uint count (uint thousand) {
  uint n_primes = 0;

  for (uint n = 0; n < 1000; n++)
    if (is_prime (1000 * thousand + n))
      n_primes++;
  return n_primes;
}

class Range {
  public uint thousand;
  public uint n_primes;
}

int main () {
  Range[] ranges = {};
  uint sum = 0;

  try {
    var pool = new ThreadPool<Range>.with_owned_data ((range) => {
      range.n_primes = count (range.thousand);
    }, (int) get_num_processors (), true);

    for (uint i = 0; i < 20; i++) {
      ranges += new Range () { thousand = i };
      pool.add (ranges[i]);
    }
    ThreadPool.free ((owned) pool, false, true);
  } catch (ThreadError error) {
    stderr.printf ("primes: %s\n", error.message);
    return 1;
  }
  foreach (var range in ranges)
    sum += range.n_primes;
  stdout.printf ("%u\n", sum);
  return 0;
}
