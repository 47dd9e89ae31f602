/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* A small picture of the Mandelbrot set, a call for each row. */

#include <pcall-glib/pcall.hpp>

#include <complex>
#include <iostream>

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
  for (const auto &row : pcall::map (draw, { 0, 1, 2, 3, 4, 5, 6, 7, 8 }))
    std::cout << row << "\n";
  return 0;
}
