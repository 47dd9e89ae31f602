/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which words are frequent, as in ../words.cpp, with std::async. */

#include <future>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace
{

using counts = std::map<std::string, int>;

counts
count (const std::string &verse)
{
  std::istringstream words (verse);
  counts found;

  for (std::string word; words >> word;)
    found[word]++;
  return found;
}

const std::vector<std::string> verses = {
  "a rose is a rose",
  "is a rose by any other name",
  "the name of the rose",
};

} // namespace


int
main ()
{
  counts all;
  std::vector<std::future<counts>> futures;

  for (const auto &verse : verses)
    futures.push_back (std::async (std::launch::async, count, verse));
  for (auto &future : futures)
    for (const auto &[word, n] : future.get ())
      all[word] += n;
  for (const auto &[word, n] : all)
    if (n > 2)
      std::cout << n << " " << word << "\n";
  return 0;
}
