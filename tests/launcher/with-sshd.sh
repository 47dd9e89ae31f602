#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# An sshd of our own for the time of one command, on this machine's loopback alone.
#
# usage: with-sshd.sh COMMAND…
#
# COMMAND finds in PCALL_TEST_SSH_CONFIG what `ssh -F` needs to get to the host `pcall-host`. Where
# there is no sshd, or none can be run, this says so: a test that is left out.

set -u
# shellcheck source=tests/launcher/engine-support.sh
. "$(dirname "$0")/engine-support.sh"

need 'openssh-server, openssh-client' sshd ssh ssh-keygen
enclose "$0" "$@"

umask 077

configure_sshd ()
{
  cat <<CONF
ListenAddress 127.0.0.1:$1
HostKey $dir/host_key
AuthorizedKeysFile $dir/id.pub
PidFile $dir/run/sshd.pid
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitRootLogin prohibit-password
MaxStartups 200
MaxSessions 200
SetEnv HOME=$dir/home
CONF
}

configure_ssh ()
{
  cat <<CONF
Host pcall-host
  HostName 127.0.0.1
  Port $1
  User $(id -un)
  IdentityFile $dir/id
  IdentitiesOnly yes
  UserKnownHostsFile $dir/known_hosts
  StrictHostKeyChecking yes
CONF
}

# What a user has in .bashrc may take long, and print something: here it does the second.
bring_up_once ()
{
  mkdir "$dir/home" "$dir/run"
  echo 'echo "Welcome to $(uname -n)"' > "$dir/home/.bashrc"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/id"
  port=$(pick_ports 1)
  configure_sshd "$port" > "$dir/sshd_config"
  configure_ssh "$port" > "$dir/ssh_config"
  printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$dir/host_key.pub")" \
    > "$dir/known_hosts"

  # sshd wants it where root runs it.
  [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
  start sshd "$(command -v sshd)" -D -e -f "$dir/sshd_config"
  wait_until "ssh -F '$dir/ssh_config' -o BatchMode=yes pcall-host true > '$dir/log/ssh' 2>&1"
}

bring_up sshd
PCALL_TEST_SSH_CONFIG="$dir/ssh_config"
export PCALL_TEST_SSH_CONFIG
run "$@"
