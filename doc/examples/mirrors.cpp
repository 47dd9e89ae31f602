/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who answers first wins, and the others are ended: mirrors that are asked at the same time. */

#include <pcall-glib/pcall.hpp>

#include <iostream>
#include <unistd.h>

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

void
print_first (PcallTask *task, PcallCall *call)
{
  if (pcall_call_get_state (call) != PCALL_CALL_STATE_SUCCEEDED)
    return;
  std::cout << mirrors[pcall_call_get_index (call)] << std::endl;
  pcall_task_terminate (task);
}

} // namespace


int
main ()
{
  pcall::options all_at_once;

  all_at_once.calls_per_child = 1;
  pcall::task task (ask, mirrors, all_at_once);
  g_signal_connect (task.gobj (), "call-finished", G_CALLBACK (print_first), nullptr);
  task.wait_for (std::chrono::hours (1));
  return 0;
}
