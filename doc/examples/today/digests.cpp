/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SHA-256 of files, as in ../digests.cpp, with std::async. */

#include <glib.h>

#include <cerrno>
#include <fstream>
#include <future>
#include <iostream>
#include <memory>
#include <system_error>
#include <vector>

namespace
{

std::string
digest (const std::string &path)
{
  std::ifstream file (path, std::ios::binary);

  if (!file.is_open ())
    throw std::system_error (errno, std::generic_category (), path);
  const std::string text (std::istreambuf_iterator<char> (file), {});
  const std::unique_ptr<char, decltype (&g_free)> sum (
      g_compute_checksum_for_string (G_CHECKSUM_SHA256, text.data (), gssize (text.size ())),
      g_free);

  return sum.get ();
}

} // namespace


int
main (int argc, char *argv[])
{
  const std::vector<std::string> paths (argv + 1, argv + argc);
  std::vector<std::future<std::string>> digests;
  int status = 0;

  for (const auto &path : paths)
    digests.push_back (std::async (std::launch::async, digest, path));
  for (unsigned i = 0; i < paths.size (); i++)
    try
      {
        std::cout << digests[i].get () << "  " << paths[i] << "\n";
      }
    catch (const std::exception &exception)
      {
        std::cerr << "digests: " << exception.what () << "\n";
        status = 1;
      }
  return status;
}
