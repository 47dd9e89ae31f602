/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* Who answers first wins, as in ../mirrors.vala, with fork (). */

const string[] MIRRORS = { "north", "east", "south", "west" };

string ask (string mirror) {
  while (mirror != "east")
    Posix.pause (); /* the others never answer */
  return mirror;
}

struct Child {
  Posix.pid_t pid;
  int fd;
}

Child start (string mirror) {
  int fds[2];

  if (Posix.pipe (fds) < 0)
    error ("pipe: %s", strerror (errno));
  var pid = Posix.fork ();
  if (pid < 0)
    error ("fork: %s", strerror (errno));
  if (pid == 0) {
    var answer = ask (mirror);

    Posix.write (fds[1], answer, answer.length);
    Posix._exit (0);
  }
  Posix.close (fds[1]);
  return Child () { pid = pid, fd = fds[0] };
}

int main () {
  Child[] children = {};
  Posix.pollfd[] polled = {};

  foreach (var mirror in MIRRORS) {
    children += start (mirror);
    polled += Posix.pollfd () { fd = children[polled.length].fd, events = Posix.POLLIN };
  }
  while (Posix.poll (polled, -1) < 0)
    ;
  for (int i = 0; i < children.length; i++)
    if ((polled[i].revents & Posix.POLLIN) != 0)
      stdout.printf ("%s\n", MIRRORS[i]);
  for (int i = 0; i < children.length; i++) {
    if ((polled[i].revents & Posix.POLLIN) == 0)
      stdout.printf ("%s was not waited for\n", MIRRORS[i]);
    Posix.kill (children[i].pid, Posix.Signal.TERM);
    Posix.waitpid (children[i].pid, null, 0);
    Posix.close (children[i].fd);
  }
  return 0;
}
