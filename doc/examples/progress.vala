/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Calls that tell how far they are, and a main loop that shows it while they run. */

Variant? bake (Variant args) {
  string what;
  int layers;

  args.get ("(si)", out what, out layers);
  for (int i = 1; i <= layers; i++)
    Pcall.report_progress ((double) i / layers, "layer %d of %s".printf (i, what));
  return what.up ();
}

async int run () {
  var task = new Pcall.Task.for_func ((args, kwargs) => bake (args));
  var told = new GenericArray<string> ();

  task.set_instance_args (new Variant.parsed ("[('cake', 3), ('bread', 1), ('tart', 2)]"));
  told.length = 3;
  task.call_progress.connect ((call, fraction, text) => {
    told[call.index] = "%3.0f %%: %s".printf (100 * fraction, text);
  });
  try {
    var results = yield task.run_async (null);

    for (int i = 0; i < told.length; i++)
      stdout.printf ("%s, %s\n", told[i], results.get_child_value (i).get_variant ().get_string ());
  } catch (Error error) {
    stderr.printf ("progress: %s\n", error.message);
    return 1;
  }
  return 0;
}

int main () {
  var loop = new MainLoop ();
  int status = 1;

  run.begin ((object, result) => {
    status = run.end (result);
    loop.quit ();
  });
  loop.run ();
  return status;
}
