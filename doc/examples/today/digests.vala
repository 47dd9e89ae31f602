/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SHA-256 of files, as in ../digests.vala, with threads. */

string digest (string path) throws FileError {
  uint8[] contents;

  FileUtils.get_data (path, out contents);
  return Checksum.compute_for_data (ChecksumType.SHA256, contents);
}

class File {
  public string path;
  public string? text;
  public Error? error;
}

int main (string[] argv) {
  File[] files = {};
  int status = 0;

  try {
    var pool = new ThreadPool<File>.with_owned_data ((file) => {
      try {
        file.text = digest (file.path);
      } catch (Error error) {
        file.error = error;
      }
    }, (int) get_num_processors (), true);

    for (int i = 1; i < argv.length; i++) {
      files += new File () { path = argv[i] };
      pool.add (files[i - 1]);
    }
    ThreadPool.free ((owned) pool, false, true);
  } catch (ThreadError error) {
    stderr.printf ("digests: %s\n", error.message);
    return 1;
  }
  foreach (var file in files) {
    if (file.error == null) {
      stdout.printf ("%s  %s\n", file.text, file.path);
    } else {
      stderr.printf ("digests: %s\n", file.error.message);
      status = 1;
    }
  }
  return status;
}
