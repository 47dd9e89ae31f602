/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs commands of the shell at the same time, and prints what each has written, in order.
 *
 * usage: commands COMMAND… */

#include <pcall-glib/pcall.hpp>

#include <cerrno>
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <system_error>

namespace
{

std::string
run (const std::string &command)
{
  FILE *pipe = popen (command.c_str (), "r");
  std::string output;
  char buffer[4096];

  if (pipe == nullptr)
    throw std::system_error (errno, std::generic_category (), command);
  while (std::size_t n = fread (buffer, 1, sizeof buffer, pipe))
    output.append (buffer, n);
  if (pclose (pipe) != 0)
    throw std::runtime_error ("failed");
  return output;
}

} // namespace


int
main (int argc, char *argv[])
{
  const std::vector<std::string> commands (argv + 1, argv + argc);
  pcall::task task (run, commands);
  int status = 0;

  task.wait_for (std::chrono::hours (1));
  for (unsigned i = 0; i < commands.size (); i++)
    try
      {
        const std::string output = task.result (i);

        std::cout << commands[i] << ": " << output;
      }
    catch (const std::exception &exception)
      {
        std::cout << commands[i] << ": " << exception.what () << "\n";
        status = 1;
      }
  return status;
}
