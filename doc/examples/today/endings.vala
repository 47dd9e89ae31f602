/*
 * SPDX-FileCopyrightText: 2026 The pcall authors
 * SPDX-License-Identifier: LGPL-2.1-or-later
 */

/* How calls can end, as in ../endings.vala, with fork (). */

const string[] WAYS = { "well", "error", "crash", "hang" };

string end (string how) throws IOError {
  if (how == "error")
    throw new IOError.NOT_FOUND ("there is no such thing");
  if (how == "crash")
    Posix.kill (Posix.getpid (), Posix.Signal.KILL);
  while (how == "hang")
    Posix.pause ();
  return how;
}

struct Child {
  Posix.pid_t pid;
  int fd;
}

Child start (string how) {
  int fds[2];

  if (Posix.pipe (fds) < 0)
    error ("pipe: %s", strerror (errno));
  var pid = Posix.fork ();
  if (pid < 0)
    error ("fork: %s", strerror (errno));
  if (pid == 0) {
    string text;
    int status = 0;

    try {
      text = end (how);
    } catch (IOError error) {
      text = "not found: " + error.message;
      status = 1;
    }
    Posix.write (fds[1], text, text.length);
    Posix._exit (status);
  }
  Posix.close (fds[1]);
  return Child () { pid = pid, fd = fds[0] };
}

/* How it has ended, or that the time is over. */
string describe (Child child, int64 until, out bool succeeded) {
  int status = 0;
  uint8 text[256] = { 0 };

  succeeded = false;
  while (Posix.waitpid (child.pid, out status, Posix.WNOHANG) == 0) {
    if (get_monotonic_time () > until) {
      Posix.kill (child.pid, Posix.Signal.KILL);
      Posix.waitpid (child.pid, out status, 0);
      return "timed out";
    }
    Thread.usleep (1000);
  }
  if (Process.if_signaled (status))
    return "crashed";
  succeeded = Process.exit_status (status) == 0;
  Posix.read (child.fd, text, 255);
  return (string) text;
}

int main () {
  Child[] children = {};
  string[] ends = {};
  int64 until = get_monotonic_time () + 2 * TimeSpan.SECOND;
  int first_failed = -1;

  foreach (var how in WAYS)
    children += start (how);
  for (int i = 0; i < children.length; i++) {
    bool succeeded;

    ends += describe (children[i], until, out succeeded);
    if (!succeeded && first_failed < 0)
      first_failed = i;
    Posix.close (children[i].fd);
  }
  stdout.printf ("call %d failed first\n", first_failed);
  foreach (var end in ends)
    stdout.printf ("%s\n", end);
  return 0;
}
