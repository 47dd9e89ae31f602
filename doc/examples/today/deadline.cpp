/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is found when the time is over, as in ../deadline.cpp, with fork (). */

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <iostream>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace
{

const std::vector<std::string> things = { "keys", "time", "glasses", "peace" };

std::string
look_for (const std::string &thing)
{
  while (thing == "time" || thing == "peace") // for ever
    pause ();
  return thing;
}

struct child
{
  pid_t pid;
  int fd;
};

child
start (const std::string &thing)
{
  int fds[2];

  if (pipe (fds) < 0)
    throw std::system_error (errno, std::generic_category (), "pipe");
  const pid_t pid = fork ();
  if (pid < 0)
    throw std::system_error (errno, std::generic_category (), "fork");
  if (pid == 0)
    {
      const std::string found = look_for (thing);

      _exit (write (fds[1], found.data (), found.size ()) < 0);
    }
  close (fds[1]);
  return { pid, fds[0] };
}

} // namespace


int
main ()
{
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;

  const auto until = steady_clock::now () + std::chrono::seconds (3);
  std::vector<child> children;

  for (const auto &thing : things)
    children.push_back (start (thing));
  for (unsigned i = 0; i < children.size (); i++)
    {
      const auto left = std::chrono::duration_cast<milliseconds> (until - steady_clock::now ());
      pollfd polled = { children[i].fd, POLLIN, 0 };

      if (poll (&polled, 1, std::max<int> (left.count (), 0)) > 0)
        std::cout << things[i] << "\n";
      kill (children[i].pid, SIGTERM);
      waitpid (children[i].pid, nullptr, 0);
      close (children[i].fd);
    }
  return 0;
}
