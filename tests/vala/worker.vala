// SPDX-FileCopyrightText: 2026 The pcall authors
// SPDX-License-Identifier: LGPL-2.1-or-later

// Arrays of strings, as C has them with const and Vala without.

int main ()
{
  var target = new Pcall.Target.worker ({ "/bin/false", "an argument" }, "name");
  var labelled = new Pcall.Target.worker_with_label ({ "/bin/false" }, "name", "label");

  print ("%s %s\n", target.worker_argv[1], labelled.name);
  return 0;
}
