/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* The smallest use of pcall in Vala: one function, three calls, three child processes at once. */

int main () {
  int exponent = 2;
  var task = new Pcall.Task.for_func ((args, kwargs) => {
    int n, power = 1;

    args.get ("(i)", out n);
    if (n < 0)
      throw new IOError.INVALID_ARGUMENT ("%d is less than nothing", n);
    for (int i = 0; i < exponent; i++)
      power *= n;
    return power;
  });

  task.set_instance_args (new Variant.parsed ("[(2,), (3,), (4,)]"));
  task.call_finished.connect ((call) => {
    stderr.printf ("call %u: %s\n", call.index,
                   call.state == Pcall.CallState.SUCCEEDED ? "done" : "failed");
  });
  try {
    stdout.printf ("%s\n", task.run ().print (false));
  } catch (Error error) {
    stderr.printf ("hello: %s\n", error.message);
    return 1;
  }
  return 0;
}
