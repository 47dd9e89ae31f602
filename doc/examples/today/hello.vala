/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The squares of three numbers, as in ../hello.vala, with threads. */

class Number {
  public int n;
  public int power;
  public Error? error;
}

int raise_to (int n, int exponent) throws IOError {
  int power = 1;

  if (n < 0)
    throw new IOError.INVALID_ARGUMENT ("%d is less than nothing", n);
  for (int i = 0; i < exponent; i++)
    power *= n;
  return power;
}

int main () {
  int exponent = 2;
  Number[] numbers = {};

  try {
    var pool = new ThreadPool<Number>.with_owned_data ((number) => {
      try {
        number.power = raise_to (number.n, exponent);
      } catch (Error error) {
        number.error = error;
      }
    }, (int) get_num_processors (), true);

    for (int i = 0; i < 3; i++) {
      numbers += new Number () { n = i + 2 };
      pool.add (numbers[i]);
    }
    ThreadPool.free ((owned) pool, false, true);
    foreach (var number in numbers)
      if (number.error != null)
        throw number.error;
  } catch (Error error) {
    stderr.printf ("hello: %s\n", error.message);
    return 1;
  }
  stdout.printf ("[<%d>, <%d>, <%d>]\n", numbers[0].power, numbers[1].power, numbers[2].power);
  return 0;
}
