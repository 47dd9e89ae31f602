/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* What is found when the time is over, as in ../deadline.vala, with fork (). */

const string[] THINGS = { "keys", "time", "glasses", "peace" };

string look_for (string thing) {
  while (thing == "time" || thing == "peace")
    Posix.pause (); /* for ever */
  return thing;
}

struct Child {
  Posix.pid_t pid;
  int fd;
}

Child start (string thing) {
  int fds[2];

  if (Posix.pipe (fds) < 0)
    error ("pipe: %s", strerror (errno));
  var pid = Posix.fork ();
  if (pid < 0)
    error ("fork: %s", strerror (errno));
  if (pid == 0) {
    var found = look_for (thing);

    Posix.write (fds[1], found, found.length);
    Posix._exit (0);
  }
  Posix.close (fds[1]);
  return Child () { pid = pid, fd = fds[0] };
}

int main () {
  Child[] children = {};
  int64 until = get_monotonic_time () + 3 * TimeSpan.SECOND;

  foreach (var thing in THINGS)
    children += start (thing);
  foreach (var child in children) {
    Posix.pollfd[] polled = { Posix.pollfd () { fd = child.fd, events = Posix.POLLIN } };
    var left = int64.max (until - get_monotonic_time (), 0) / TimeSpan.MILLISECOND;
    uint8 found[64] = { 0 };

    if (Posix.poll (polled, (int) left) > 0 && Posix.read (child.fd, found, 63) > 0)
      stdout.printf ("%s\n", (string) found);
    Posix.kill (child.pid, Posix.Signal.TERM);
    Posix.waitpid (child.pid, null, 0);
    Posix.close (child.fd);
  }
  return 0;
}
