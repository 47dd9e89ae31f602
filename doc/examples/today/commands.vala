/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Commands of the shell at the same time, as in ../commands.vala, with GSubprocess. */

int n_pending = 0;

class Outputs {
  public string?[] texts;

  public Outputs (int length) {
    texts = new string?[length];
  }
}

async void run (string command, int index, Outputs outputs) {
  string? output = null;

  n_pending++;
  try {
    var process = new Subprocess (SubprocessFlags.STDOUT_PIPE, "sh", "-c", command);

    yield process.communicate_utf8_async (null, null, out output, null);
    if (process.get_successful ())
      outputs.texts[index] = output;
  } catch (Error error) {
    stderr.printf ("commands: %s\n", error.message);
  }
  n_pending--;
}

int main (string[] argv) {
  var outputs = new Outputs (argv.length);
  int status = 0;

  for (int i = 1; i < argv.length; i++)
    run.begin (argv[i], i, outputs);
  while (n_pending > 0)
    MainContext.default ().iteration (true);
  for (int i = 1; i < argv.length; i++) {
    stdout.printf ("%s: %s", argv[i], outputs.texts[i] ?? "failed\n");
    if (outputs.texts[i] == null)
      status = 1;
  }
  return status;
}
