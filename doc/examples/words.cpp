/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Which words are frequent in some verses: what each call finds is a map. */

#include <pcall-glib/pcall.hpp>

#include <iostream>
#include <map>
#include <sstream>

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

  for (const auto &found : pcall::map (count, verses))
    for (const auto &[word, n] : found)
      all[word] += n;
  for (const auto &[word, n] : all)
    if (n > 2)
      std::cout << n << " " << word << "\n";
  return 0;
}
