/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The smallest use of pcall in C++: one lambda, three calls, in child processes at once. */

#include <pcall-glib/pcall.hpp>

#include <iostream>

int
main ()
{
  int exponent = 2;

  try
    {
      const auto powers = pcall::map (
          [exponent] (int n) {
            int power = 1;

            if (n < 0)
              throw std::domain_error (std::to_string (n) + " is less than nothing");
            for (int i = 0; i < exponent; i++)
              power *= n;
            return power;
          },
          { 2, 3, 4 });

      for (int power : powers)
        std::cout << power << "\n";
    }
  catch (const std::exception &exception)
    {
      std::cerr << "hello: " << exception.what () << "\n";
      return 1;
    }
  return 0;
}
