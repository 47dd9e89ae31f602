/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls can end, as in ../endings.cpp, with fork (). */

#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

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

struct child
{
  pid_t pid;
  int fd;
};

child
start (const std::string &how)
{
  int fds[2];

  if (pipe (fds) < 0)
    throw std::system_error (errno, std::generic_category (), "pipe");
  const pid_t pid = fork ();
  if (pid < 0)
    throw std::system_error (errno, std::generic_category (), "fork");
  if (pid == 0)
    {
      try
        {
          end (how);
        }
      catch (const std::exception &exception)
        {
          const std::string text = exception.what ();

          _exit (write (fds[1], text.data (), text.size ()) < 0 ? 2 : 1);
        }
      _exit (0);
    }
  close (fds[1]);
  return { pid, fds[0] };
}

using clock_type = std::chrono::steady_clock;

std::string
describe (const child &running, clock_type::time_point until)
{
  char text[256];
  int status;

  while (waitpid (running.pid, &status, WNOHANG) == 0)
    {
      if (clock_type::now () > until)
        {
          kill (running.pid, SIGKILL);
          waitpid (running.pid, &status, 0);
          return "timed out";
        }
      std::this_thread::sleep_for (std::chrono::milliseconds (1));
    }
  if (WIFSIGNALED (status))
    return "crashed";
  const ssize_t n = read (running.fd, text, sizeof text);
  return n > 0 ? std::string (text, n) : "succeeded";
}

} // namespace


int
main ()
{
  const auto until = clock_type::now () + std::chrono::seconds (2);
  std::vector<child> children;

  for (const auto &how : ways)
    children.push_back (start (how));
  for (unsigned i = 0; i < ways.size (); i++)
    {
      std::cout << ways[i] << ": " << describe (children[i], until) << "\n";
      close (children[i].fd);
    }
  return 0;
}
