/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A small picture of the Mandelbrot set, a call for each row. */

bool is_inside (double a, double b) {
  double x = 0, y = 0;

  for (int i = 0; i < 200 && x * x + y * y <= 4; i++) {
    double next = x * x - y * y + a;

    y = 2 * x * y + b;
    x = next;
  }
  return x * x + y * y <= 4;
}

string draw (uint y) {
  var row = new StringBuilder ();

  for (int x = 0; x < 21; x++)
    row.append_c (is_inside (x / 8.0 - 2, y / 4.0 - 1) ? '#' : '.');
  return row.str;
}

int main () {
  var task = new Pcall.Task.for_func (() => draw (Pcall.get_call_index ()));

  task.n_calls = 9;
  try {
    foreach (var row in task.run ())
      stdout.printf ("%s\n", row.get_variant ().get_string ());
  } catch (Error error) {
    stderr.printf ("mandelbrot: %s\n", error.message);
    return 1;
  }
  return 0;
}
