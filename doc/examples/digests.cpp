/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SHA-256 of files, as sha256sum prints it. One that cannot be read costs no other its digest.
 *
 * usage: digests FILE… */

#include <pcall-glib/pcall.hpp>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <memory>
#include <system_error>

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
  pcall::task task (digest, paths);
  int status = 0;

  task.wait_for (std::chrono::hours (1));
  for (unsigned i = 0; i < paths.size (); i++)
    try
      {
        std::cout << task.result (i) << "  " << paths[i] << "\n";
      }
    catch (const std::exception &exception)
      {
        std::cerr << "digests: " << exception.what () << "\n";
        status = 1;
      }
  return status;
}
