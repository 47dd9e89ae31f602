/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls can end, and how that is told apart. */

#include <pcall-glib/pcall.hpp>

#include <csignal>
#include <iostream>
#include <stdexcept>
#include <unistd.h>

namespace
{

const std::vector<std::string> ways = { "well", "error", "crash", "hang" };

void
end (const std::string &how)
{
  if (how == "error")
    throw std::runtime_error ("there is no such thing");
  if (how == "crash")
    raise (SIGKILL);
  while (how == "hang")
    pause ();
}

} // namespace


int
main ()
{
  pcall::options limits;

  limits.timeout = std::chrono::seconds (2);
  pcall::task task (end, ways, limits);
  task.wait_for (std::chrono::hours (1));
  for (unsigned i = 0; i < ways.size (); i++)
    try
      {
        task.result (i);
        std::cout << ways[i] << ": succeeded\n";
      }
    catch (const pcall::error &error)
      {
        const bool crashed = error.matches (PCALL_ERROR, PCALL_ERROR_CRASHED);

        std::cout << ways[i] << (crashed ? ": crashed\n" : ": timed out\n");
      }
    catch (const std::exception &exception)
      {
        std::cout << ways[i] << ": " << exception.what () << "\n";
      }
  return 0;
}
