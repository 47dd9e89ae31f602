/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A picture of the Mandelbrot set, as in ../mandelbrot.cpp, with std::async. */

#include <complex>
#include <future>
#include <iostream>
#include <string>
#include <vector>

namespace
{

bool
is_inside (std::complex<double> c)
{
  std::complex<double> z = 0;

  for (int i = 0; i < 200 && std::abs (z) <= 2; i++)
    z = z * z + c;
  return std::abs (z) <= 2;
}

std::string
draw (int y)
{
  std::string row;

  for (int x = 0; x < 21; x++)
    row += is_inside ({ x / 8.0 - 2, y / 4.0 - 1 }) ? '#' : '.';
  return row;
}

} // namespace


int
main ()
{
  std::vector<std::future<std::string>> rows;

  for (int y = 0; y < 9; y++)
    rows.push_back (std::async (std::launch::async, draw, y));
  for (auto &row : rows)
    std::cout << row.get () << "\n";
  return 0;
}
