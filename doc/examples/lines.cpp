/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Counts lines and words of files, as `wc -lw` does. A file that cannot be read costs no other its
 * count.
 *
 * usage: lines FILE… */

#include <pcall-glib/pcall.hpp>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <sstream>
#include <system_error>

namespace
{

struct counts
{
  std::size_t lines = 0;
  std::size_t words = 0;
};

} // namespace

/* How counts go from a child to its parent. */
template <> struct pcall::codec<counts> : pcall::codec<std::pair<std::size_t, std::size_t>>
{
  using pair = pcall::codec<std::pair<std::size_t, std::size_t>>;

  static GVariant *encode (const counts &c) { return pair::encode ({ c.lines, c.words }); }
  static counts decode (GVariant *value)
  {
    const auto [lines, words] = pair::decode (value);

    return { lines, words };
  }
};

namespace
{

counts
count (const std::string &path)
{
  std::ifstream file (path);
  std::string line, word;
  counts total;

  if (!file.is_open ())
    throw std::system_error (errno, std::generic_category (), path);
  for (; std::getline (file, line); total.lines += !file.eof ())
    for (std::istringstream words (line); words >> word;)
      total.words++;
  return total;
}

} // namespace

int
main (int argc, char *argv[])
{
  const std::vector<std::string> paths (argv + 1, argv + argc);
  pcall::task task (count, paths);
  bool all_read = true;

  try
    {
      task.wait_for (std::chrono::hours (1));
    }
  catch (const pcall::error &error)
    {
      std::cerr << "lines: " << error.what () << "\n";
      return 1;
    }

  for (unsigned i = 0; i < task.size (); i++)
    try
      {
        const counts c = task.result (i);

        std::cout << c.lines << " " << c.words << " " << paths[i] << "\n";
      }
    catch (const std::exception &exception)
      {
        std::cerr << "lines: " << exception.what () << "\n";
        all_read = false;
      }
  return all_read ? 0 : 1;
}
