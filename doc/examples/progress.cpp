/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that tell how far they are. */

#include <pcall-glib/pcall.hpp>

#include <iostream>

namespace
{

struct cake
{
  std::string name;
  int n_layers;
};

const std::vector<cake> cakes = { { "cake", 3 }, { "bread", 1 }, { "tart", 2 } };

std::vector<std::string> told (cakes.size ());

std::string
bake (const cake &what)
{
  for (int i = 1; i <= what.n_layers; i++)
    {
      const std::string text = "layer " + std::to_string (i) + " of " + what.name;

      pcall_report_progress (double (i) / what.n_layers, text.c_str ());
    }
  return what.name + " is ready";
}

void
tell (PcallTask *, PcallCall *call, double fraction, const char *text)
{
  told[pcall_call_get_index (call)] = std::to_string (int (100 * fraction)) + " %: " + text;
}

} // namespace


int
main ()
{
  pcall::task task (bake, cakes);

  g_signal_connect (task.gobj (), "call-progress", G_CALLBACK (tell), nullptr);
  const auto results = task.get ();
  for (unsigned i = 0; i < results.size (); i++)
    std::cout << told[i] << ", " << results[i] << "\n";
  return 0;
}
