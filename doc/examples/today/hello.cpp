/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The squares of three numbers, as in ../hello.cpp, with std::async. */

#include <cmath>
#include <future>
#include <iostream>
#include <stdexcept>
#include <vector>

int
main ()
{
  int exponent = 2;

  try
    {
      std::vector<std::future<int>> powers;

      for (int number : { 2, 3, 4 })
        powers.push_back (std::async (
            std::launch::async,
            [exponent] (int n) {
              int power = 1;

              if (n < 0)
                throw std::domain_error (std::to_string (n) + " is less than nothing");
              for (int i = 0; i < exponent; i++)
                power *= n;
              return power;
            },
            number));
      for (auto &power : powers)
        std::cout << power.get () << "\n";
    }
  catch (const std::exception &exception)
    {
      std::cerr << "hello: " << exception.what () << "\n";
      return 1;
    }
  return 0;
}
