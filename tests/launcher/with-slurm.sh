#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# A Slurm of two nodes, both of which are this machine, for the time of one command.
#
# usage: with-slurm.sh COMMAND…
#
# COMMAND finds SLURM_CONF in its environment. All of it stands below one directory, listens on the
# loopback alone, and is gone afterwards: in a namespace of processes of its own, where that can be
# had, so that not even a slurmstepd is left. Where there is no Slurm, or none can be run, this says
# so and exits with 77, which is a test left out.

set -u
PATH=$PATH:/usr/sbin:/sbin
n_nodes=2
cpus=64

leave_out ()
{
  echo "1..0 # SKIP $1"
  exit 77
}

for program in munged slurmctld slurmd srun scontrol sinfo
do
  command -v $program > /dev/null ||
    leave_out "no $program (Debian: munge, slurmctld, slurmd, slurm-client)"
done

if [ -z "${PCALL_TEST_SLURM_INSIDE:-}" ] &&
  unshare --pid --fork --kill-child --mount-proc true 2> /dev/null
then
  PCALL_TEST_SLURM_INSIDE=1
  export PCALL_TEST_SLURM_INSIDE
  exec unshare --pid --fork --kill-child --mount-proc "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/pcall-slurm-XXXXXX") || exit 1
pids=
end ()
{
  timeout 5 scancel --user="$(id -un)" 2> /dev/null
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
  rm -rf "$dir"
}
trap end EXIT
trap 'exit 143' TERM INT HUP

umask 077
user=$(id -un)
mkdir -p "$dir/log" "$dir/state" "$dir/run"
# shellcheck disable=SC2046 # numbers, one word each
set -- $(/usr/bin/python3 -c '
import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*[s.getsockname()[1] for s in sockets])' $((n_nodes + 1))) "$@"
ctld=$1
shift
head -c 1024 /dev/urandom > "$dir/munge.key"
{
  cat <<CONF
ClusterName=pcall
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$ctld
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd-%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=0
InactiveLimit=0
KillWait=2
MinJobAge=10
SlurmctldTimeout=10
SlurmdTimeout=10
UnkillableStepTimeout=10
CONF
  i=1
  while [ $i -le $n_nodes ]
  do
    echo "NodeName=node$i NodeHostname=localhost NodeAddr=127.0.0.1 Port=$1" \
      "CPUs=$cpus RealMemory=1000"
    mkdir -p "$dir/spool-node$i"
    shift
    i=$((i + 1))
  done
  echo "PartitionName=all Nodes=node[1-$n_nodes] Default=YES MaxTime=INFINITE State=UP" \
    "OverSubscribe=YES"
} > "$dir/slurm.conf"
: > "$dir/cgroup.conf"
SLURM_CONF="$dir/slurm.conf"
export SLURM_CONF

# In a session of its own: Ctrl-C at a test is not for the cluster.
start ()
{
  name=$1
  shift
  setsid "$@" > "$dir/log/$name.out" 2>&1 < /dev/null &
  pids="$! $pids"
}

wait_until ()
{
  tries=0
  until eval "$1"
  do
    tries=$((tries + 1))
    [ $tries -lt 600 ] || leave_out "Slurm does not come up: $(tail -n 2 "$dir"/log/* | tr '\n' ' ')"
    sleep 0.05
  done
}

start munged munged --foreground --force --key-file="$dir/munge.key" \
  --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
  --seed-file="$dir/munge.seed" --log-file="$dir/log/munged.log" --num-threads=4
wait_until "test -S '$dir/run/munge.socket'"
start slurmctld slurmctld -D -c
# Else slurmd tries again after a second.
wait_until 'scontrol ping > /dev/null 2>&1'
i=1
while [ $i -le $n_nodes ]
do
  start "slurmd-node$i" slurmd -D -N "node$i"
  i=$((i + 1))
done
wait_until "sinfo -h -t idle -o %D 2> /dev/null | grep -qx $n_nodes"

"$@"
