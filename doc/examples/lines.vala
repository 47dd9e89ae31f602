/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Lines and words of files, as `wc -lw` counts them. One that cannot be read costs no other its
 * count.
 *
 * usage: lines FILE… */

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

int main (string[] argv) {
  var paths = argv[1:argv.length];
  var task = new Pcall.Task.for_func (() => count (paths[Pcall.get_call_index ()]));
  int status = 0;

  task.n_calls = paths.length;
  task.calls_per_child = 0; /* as many children as there are processors */
  try {
    task.run ();
  } catch (Error error) {
    status = 1; /* told below, of each file */
  }
  for (uint i = 0; i < task.n_calls; i++) {
    var call = task.get_call (i);

    if (call.state == Pcall.CallState.SUCCEEDED)
      stdout.printf ("%s %s\n", call.result.get_string (), paths[i]);
    else
      stderr.printf ("lines: %s\n", call.error.message);
  }
  return status;
}
