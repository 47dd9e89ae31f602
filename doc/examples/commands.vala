/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Runs commands of the shell at the same time, and prints what each has written, in order.
 *
 * usage: commands COMMAND… */

Variant? run (string command) throws Error {
  string output;
  int status;

  Process.spawn_sync (null, { "sh", "-c", command }, null, SpawnFlags.SEARCH_PATH, null,
                      out output, null, out status);
  Process.check_wait_status (status);
  return output;
}

int main (string[] argv) {
  var commands = argv[1:argv.length];
  var task = new Pcall.Task.for_func (() => run (commands[Pcall.get_call_index ()]));
  int status = 0;

  task.n_calls = commands.length;
  try {
    task.run ();
  } catch (Error error) {
    status = 1; /* told below, of each command */
  }
  for (uint i = 0; i < task.n_calls; i++) {
    var call = task.get_call (i);
    bool succeeded = call.state == Pcall.CallState.SUCCEEDED;

    stdout.printf ("%s: %s", commands[i], succeeded ? call.result.get_string () : "failed\n");
  }
  return status;
}
