/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How many primes there are below 20,000: a call for each thousand of numbers. */

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

int main () {
  var task = new Pcall.Task.for_func (() => count (Pcall.get_call_index ()));
  uint sum = 0;

  task.n_calls = 20;
  try {
    foreach (var n_primes in task.run ())
      sum += n_primes.get_variant ().get_uint32 ();
  } catch (Error error) {
    stderr.printf ("primes: %s\n", error.message);
    return 1;
  }
  stdout.printf ("%u\n", sum);
  return 0;
}
