/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A picture of the Mandelbrot set, as in ../mandelbrot.vala, with threads. */

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

class Row {
  public uint y;
  public string text;
}

int main () {
  Row[] rows = {};

  try {
    var pool = new ThreadPool<Row>.with_owned_data ((row) => {
      row.text = draw (row.y);
    }, (int) get_num_processors (), true);

    for (uint y = 0; y < 9; y++) {
      rows += new Row () { y = y };
      pool.add (rows[y]);
    }
    ThreadPool.free ((owned) pool, false, true);
  } catch (ThreadError error) {
    stderr.printf ("mandelbrot: %s\n", error.message);
    return 1;
  }
  foreach (var row in rows)
    stdout.printf ("%s\n", row.text);
  return 0;
}
