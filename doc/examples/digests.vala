/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* SHA-256 of files, as sha256sum prints it. One that cannot be read costs no other its digest.
 *
 * usage: digests FILE… */

Variant? digest (Variant args) throws Error {
  string path;
  uint8[] contents;

  args.get ("(^ay)", out path);
  FileUtils.get_data (path, out contents);
  return Checksum.compute_for_data (ChecksumType.SHA256, contents);
}

int main (string[] argv) {
  var arguments = new VariantBuilder (new VariantType ("a(ay)"));
  int status = 0;

  for (int i = 1; i < argv.length; i++)
    arguments.add ("(^ay)", argv[i]);

  var task = new Pcall.Task.for_func ((args, kwargs) => digest (args));

  task.set_instance_args (arguments.end ());
  task.calls_per_child = 0; /* as many children as there are processors */
  try {
    task.start ();
    task.join (-1);
  } catch (FileError error) {
    status = 1;             /* told below, of each file */
  } catch (Error error) {
    stderr.printf ("digests: %s\n", error.message);
    return 1;
  }

  for (uint i = 0; i < task.get_n_calls (); i++) {
    var call = task.get_call (i);

    if (call.state == Pcall.CallState.SUCCEEDED)
      stdout.printf ("%s  %s\n", call.result.get_string (), argv[i + 1]);
    else
      stderr.printf ("digests: %s\n", call.error.message);
  }
  return status;
}
