/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is found when the time is over, of some things that are looked for. */

#include <pcall-glib/pcall.hpp>

#include <iostream>
#include <unistd.h>

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

} // namespace


int
main ()
{
  pcall::options all_at_once;

  all_at_once.calls_per_child = 1;
  pcall::task task (look_for, things, all_at_once);
  task.wait_for (std::chrono::seconds (3));
  for (unsigned i = 0; i < things.size (); i++)
    try
      {
        std::cout << task.result (i) << "\n";
      }
    catch (const std::logic_error &) // it runs still, and is ended when the task goes
      {
      }
  return 0;
}
