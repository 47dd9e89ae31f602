/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is found when the time is over, of some things that are looked for. */

const string[] THINGS = { "keys", "time", "glasses", "peace" };

string look_for (string thing) {
  while (thing == "time" || thing == "peace")
    Posix.pause (); /* for ever */
  return thing;
}

int main () {
  var task = new Pcall.Task.for_func (() => look_for (THINGS[Pcall.get_call_index ()]));

  task.n_calls = THINGS.length;
  task.deadline = 3;
  try {
    task.run ();
  } catch (Error error) {
    for (uint i = 0; i < task.n_calls; i++) {
      var call = task.get_call (i);

      if (call.state == Pcall.CallState.SUCCEEDED)
        stdout.printf ("%s\n", call.result.get_string ());
    }
  }
  return 0;
}
