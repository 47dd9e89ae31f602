# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# What with-slurm.sh and with-sshd.sh have in common, to be sourced by them: one directory, daemons
# that have all that is theirs in there, and one command. Nothing of them is left, however this ends.
#
# A script runs a second time inside of itself, in a namespace of processes of its own where that can
# be had: what is in there ends with it, whatever it has done to stay. The outer one waits, and
# removes the directory. Where there is no namespace it looks for processes that have the directory
# in their environment, as all have.

PATH=$PATH:/usr/sbin:/sbin
pids=
# What runs in the background has no standard input but by another name.
exec 3<&0

# Where an engine is not there, or cannot be run, its tests are left out.
leave_out ()
{
  echo "1..0 # SKIP $1"
  exit 0
}

# need PACKAGES PROGRAM…
need ()
{
  packages=$1
  shift
  for program
  do
    command -v "$program" > /dev/null || leave_out "no $program (Debian: $packages)"
  done
}

# The outer one

find_ours ()
{
  grep -lsz "^PCALL_TEST_ENGINE_DIR=$dir\$" /proc/[0-9]*/environ | cut -d/ -f3
}

end_outer ()
{
  trap '' TERM INT HUP
  # Without a namespace the inner one ends what it started.
  kill "-$how" "$inner" 2> /dev/null
  wait "$inner" 2> /dev/null
  tries=0
  while ours=$(find_ours) && [ -n "$ours" ] && [ $tries -lt 100 ]
  do
    # shellcheck disable=SC2086 # a list of numbers
    kill -9 $ours 2> /dev/null
    sleep 0.02
    tries=$((tries + 1))
  done
  rm -rf "$dir"
}

# enclose SCRIPT COMMAND…: returns in the inner one alone, with $dir
enclose ()
{
  if [ -n "${PCALL_TEST_ENGINE_DIR:-}" ]
  then
    dir=$PCALL_TEST_ENGINE_DIR
    trap end_inner EXIT
    trap 'exit 143' TERM HUP
    return
  fi

  dir=$(mktemp -d "${TMPDIR:-/tmp}/pcall-engine-XXXXXX") || exit 1
  inner=
  how=TERM
  trap end_outer EXIT
  trap 'exit 143' TERM HUP
  trap 'exit 130' INT
  if unshare --pid --fork --kill-child --mount-proc true 2> /dev/null
  then
    how=KILL
    set -- unshare --pid --fork --kill-child --mount-proc "$@"
  fi
  PCALL_TEST_ENGINE_DIR=$dir "$@" <&3 3<&- &
  inner=$!
  wait "$inner"
  status=$?
  inner=
  exit $status
}

# The inner one

# What else there is to end
end_engine ()
{
  :
}

# A test may have started one anew, which tells its number in a file.
end_daemons ()
{
  pids="$pids $(cat "$dir"/run/*.pid 2> /dev/null | tr '\n' ' ')"
  for pid in $pids
  do
    kill "$pid" 2> /dev/null
  done
  for pid in $pids
  do
    tries=0
    while kill -0 "$pid" 2> /dev/null && [ $tries -lt 100 ]
    do
      sleep 0.05
      tries=$((tries + 1))
    done
    kill -9 "$pid" 2> /dev/null
  done
  pids=
}

end_inner ()
{
  trap '' TERM HUP
  kill "$command" 2> /dev/null
  end_engine
  end_daemons
}

# start NAME DAEMON…: in a session of its own, as Ctrl-C at a test is not for an engine
start ()
{
  name=$1
  shift
  setsid "$@" > "$dir/log/$name" 2>&1 < /dev/null 3<&- &
  pids="$! $pids"
}

# wait_until CONDITION: fails when a daemon has ended, as where another has taken its port
wait_until ()
{
  tries=0
  until eval "$1" < /dev/null
  do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || return 1
    for pid in $pids
    do
      kill -0 "$pid" 2> /dev/null || return 1
    done
    sleep 0.05
  done
}

# pick_ports N: that are free now
pick_ports ()
{
  /usr/bin/python3 -c '
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])' "$1"
}

# bring_up WHAT: calls bring_up_once, which may fail for the ports that it has picked
bring_up ()
{
  for _ in 1 2 3
  do
    rm -rf "${dir:?}"/*
    mkdir -p "$dir/log"
    if bring_up_once
    then
      return
    fi
    end_daemons
  done
  leave_out "$1 does not come up: $(tail -qn 2 "$dir"/log/* | tr '\n' ' ')"
}

# run COMMAND…: and exits as it does. A shell that waits for a command in the foreground hears no
# signal.
run ()
{
  env --default-signal=INT,QUIT "$@" <&3 3<&- &
  command=$!
  wait "$command"
  status=$?
  command=
  exit $status
}
command=
