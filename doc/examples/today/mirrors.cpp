/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who answers first wins, as in ../mirrors.cpp, with fork (). */

#include <cerrno>
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

const std::vector<std::string> mirrors = { "north", "east", "south", "west" };

std::string
ask (const std::string &mirror)
{
  while (mirror != "east") // the others never answer
    pause ();
  return mirror;
}

struct child
{
  pid_t pid;
  int fd;
};

child
start (const std::string &mirror)
{
  int fds[2];

  if (pipe (fds) < 0)
    throw std::system_error (errno, std::generic_category (), "pipe");
  const pid_t pid = fork ();
  if (pid < 0)
    throw std::system_error (errno, std::generic_category (), "fork");
  if (pid == 0)
    {
      const std::string answer = ask (mirror);

      _exit (write (fds[1], answer.data (), answer.size ()) < 0);
    }
  close (fds[1]);
  return { pid, fds[0] };
}

} // namespace


int
main ()
{
  std::vector<child> children;
  std::vector<pollfd> polled;

  for (const auto &mirror : mirrors)
    {
      children.push_back (start (mirror));
      polled.push_back ({ children.back ().fd, POLLIN, 0 });
    }
  while (poll (polled.data (), polled.size (), -1) < 0)
    ;
  for (unsigned i = 0; i < children.size (); i++)
    {
      if (polled[i].revents & POLLIN)
        std::cout << mirrors[i] << std::endl;
      kill (children[i].pid, SIGTERM);
      waitpid (children[i].pid, nullptr, 0);
      close (children[i].fd);
    }
  return 0;
}
