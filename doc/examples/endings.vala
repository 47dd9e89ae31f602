/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls can end, and how that is told apart: errors keep their domains on their way. */

Variant? end (Variant kwargs) throws Error {
  string how;

  kwargs.lookup ("how", "s", out how);
  switch (how) {
  case "error":
    throw new IOError.NOT_FOUND ("there is no such thing");
  case "crash":
    Posix.kill (Posix.getpid (), Posix.Signal.KILL);
    break;
  case "hang":
    while (true)
      Thread.usleep (1000000);
  }
  return how;
}

string describe (Pcall.Call call) {
  if (call.error == null)
    return call.result.get_string ();
  if (call.error is IOError.NOT_FOUND)
    return "not found: " + call.error.message;
  if (call.error is Pcall.Error.CRASHED)
    return "crashed";
  if (call.error is Pcall.Error.TIMED_OUT)
    return "timed out";
  return call.error.message;
}

int main () {
  var task = new Pcall.Task.for_func ((args, kwargs) => end (kwargs));

  task.set_argument ("how", new string[] { "well", "error", "crash", "hang" });
  task.timeout = 2;
  task.grace_period = 0;
  task.log_mode = Pcall.LogMode.INHERIT;
  try {
    task.run ();
  } catch (IOError.NOT_FOUND error) {
    stdout.printf ("call %u failed first\n", task.get_first_failed ().index);
  } catch (Error error) {
    stderr.printf ("endings: %s\n", error.message);
    return 1;
  }

  for (uint i = 0; i < task.n_finished; i++)
    stdout.printf ("%s\n", describe (task.get_call (i)));
  return 0;
}
