/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who answers first wins, and the others are ended: mirrors that are asked at the same time. */

Variant? ask (Variant args) throws Error {
  string mirror;
  bool answers;

  args.get ("(sb)", out mirror, out answers);
  while (!answers)
    Thread.usleep (1000000);
  return mirror;
}

int main () {
  var loop = new MainLoop ();
  var task = new Pcall.Task.for_func ((args, kwargs) => ask (args));
  string? first = null;

  task.set_instance_args (new Variant.parsed (
    "[('north', false), ('east', true), ('south', false), ('west', false)]"));
  task.call_finished.connect ((call) => {
    if (first == null && call.state == Pcall.CallState.SUCCEEDED) {
      first = call.result.get_string ();
      task.terminate ();
    }
  });
  task.finished.connect (() => loop.quit ());
  try {
    task.start ();
  } catch (Error error) {
    stderr.printf ("mirrors: %s\n", error.message);
    return 1;
  }
  loop.run ();

  stdout.printf ("%s\n", first);
  for (uint i = 0; i < task.get_n_items (); i++) {
    var call = (Pcall.Call) task.get_item (i);

    if (call.error is Pcall.Error.CANCELLED)
      stdout.printf ("%s was not waited for\n", call.args.get_child_value (0).get_string ());
  }
  return 0;
}
