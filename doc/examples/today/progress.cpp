/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that tell how far they are, as in ../progress.cpp, with std::async. */

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <iostream>
#include <mutex>
#include <string>
#include <vector>

namespace
{

struct cake
{
  std::string name;
  int n_layers;
};

const std::vector<cake> cakes = { { "cake", 3 }, { "bread", 1 }, { "tart", 2 } };

std::vector<std::string> told (cakes.size ());

/* What is done in the main thread. */
std::mutex lock;
std::condition_variable added;
std::deque<std::function<void ()>> waiting;

void
invoke (std::function<void ()> function)
{
  const std::lock_guard guard (lock);

  waiting.push_back (std::move (function));
  added.notify_one ();
}

void
tell (unsigned index, double fraction, const std::string &text)
{
  told[index] = std::to_string (int (100 * fraction)) + " %: " + text;
}

std::string
bake (unsigned index, unsigned &n_pending)
{
  const cake &what = cakes[index];

  for (int i = 1; i <= what.n_layers; i++)
    {
      const std::string text = "layer " + std::to_string (i) + " of " + what.name;

      invoke ([=] { tell (index, double (i) / what.n_layers, text); });
    }
  invoke ([&] { n_pending--; });
  return what.name + " is ready";
}

} // namespace


int
main ()
{
  unsigned n_pending = cakes.size ();
  std::vector<std::future<std::string>> results;

  for (unsigned i = 0; i < cakes.size (); i++)
    results.push_back (std::async (std::launch::async, bake, i, std::ref (n_pending)));
  while (n_pending > 0)
    {
      std::unique_lock guard (lock);

      added.wait (guard, [] { return !waiting.empty (); });
      const auto function = std::move (waiting.front ());
      waiting.pop_front ();
      guard.unlock ();
      function ();
    }
  for (unsigned i = 0; i < results.size (); i++)
    std::cout << told[i] << ", " << results[i].get () << "\n";
  return 0;
}
