/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Commands of the shell at the same time, as in ../commands.cpp, with std::async. */

#include <cerrno>
#include <cstdio>
#include <future>
#include <iostream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

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
  std::vector<std::future<std::string>> outputs;
  int status = 0;

  for (const auto &command : commands)
    outputs.push_back (std::async (std::launch::async, run, command));
  for (unsigned i = 0; i < commands.size (); i++)
    try
      {
        const std::string output = outputs[i].get ();

        std::cout << commands[i] << ": " << output;
      }
    catch (const std::exception &exception)
      {
        std::cout << commands[i] << ": " << exception.what () << "\n";
        status = 1;
      }
  return status;
}
