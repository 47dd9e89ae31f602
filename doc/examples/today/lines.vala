/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lines and words of files, as in ../lines.vala, with threads. */

string count (string path) throws FileError {
  string text;
  int n_lines = 0, n_words = 0;

  FileUtils.get_contents (path, out text);
  foreach (var line in text.split ("\n"))
    n_lines++;
  foreach (var word in text.split_set (" \t\n"))
    if (word != "")
      n_words++;
  return "%d %d".printf (n_lines > 0 ? n_lines - 1 : 0, n_words);
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
        file.text = count (file.path);
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
    stderr.printf ("lines: %s\n", error.message);
    return 1;
  }
  foreach (var file in files) {
    if (file.error == null) {
      stdout.printf ("%s %s\n", file.text, file.path);
    } else {
      stderr.printf ("lines: %s\n", file.error.message);
      status = 1;
    }
  }
  return status;
}
