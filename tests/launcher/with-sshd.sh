#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# An sshd of our own for the time of one command, on this machine's loopback alone.
#
# usage: with-sshd.sh COMMAND…
#
# COMMAND finds in PCALL_TEST_SSH_CONFIG what `ssh -F` needs to get to the host `pcall-host`. Where
# there is no sshd, or none can be run, this says so and exits with 77, which is a test left out.

set -u
PATH=$PATH:/usr/sbin:/sbin

leave_out ()
{
  echo "1..0 # SKIP $1"
  exit 77
}

for program in sshd ssh ssh-keygen
do
  command -v $program > /dev/null || leave_out "no $program (Debian: openssh-server, openssh-client)"
done

dir=$(mktemp -d "${TMPDIR:-/tmp}/pcall-sshd-XXXXXX") || exit 1
pid=
end ()
{
  [ -z "$pid" ] || kill "$pid" 2> /dev/null
  rm -rf "$dir"
}
trap end EXIT
trap 'exit 143' TERM INT HUP

umask 077
port=$(/usr/bin/python3 -c \
  'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
ssh-keygen -q -t ed25519 -N '' -f "$dir/id"
cp "$dir/id.pub" "$dir/authorized_keys"
cat > "$dir/sshd_config" <<CONF
ListenAddress 127.0.0.1:$port
HostKey $dir/host_key
AuthorizedKeysFile $dir/authorized_keys
PidFile none
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 200
MaxSessions 200
CONF
printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$dir/host_key.pub")" > "$dir/known_hosts"
cat > "$dir/ssh_config" <<CONF
Host pcall-host
  HostName 127.0.0.1
  Port $port
  User $(id -un)
  IdentityFile $dir/id
  IdentitiesOnly yes
  UserKnownHostsFile $dir/known_hosts
  StrictHostKeyChecking yes
CONF

# sshd wants it where root runs it.
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
"$(command -v sshd)" -D -e -f "$dir/sshd_config" > "$dir/log" 2>&1 < /dev/null &
pid=$!
tries=0
until ssh -F "$dir/ssh_config" -o BatchMode=yes pcall-host true 2> "$dir/ssh.log"
do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || leave_out "sshd does not let us in: $(tail -n 1 "$dir/log" "$dir/ssh.log")"
  sleep 0.05
done

PCALL_TEST_SSH_CONFIG="$dir/ssh_config" "$@"
