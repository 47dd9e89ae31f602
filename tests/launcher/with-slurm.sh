#!/bin/sh
# SPDX-FileCopyrightText: 2026 The pcall authors
# SPDX-License-Identifier: LGPL-2.1-or-later

# A Slurm of two nodes, both of which are this machine, for the time of one command.
#
# usage: with-slurm.sh COMMAND…
#
# COMMAND finds SLURM_CONF in its environment. All of it stands below one directory, listens on the
# loopback alone, and is gone afterwards. Where there is no Slurm, or none can be run, this says so:
# a test that is left out.

set -u
# shellcheck source=tests/launcher/engine-support.sh
. "$(dirname "$0")/engine-support.sh"
n_nodes=2
cpus=64

need 'munge, slurmctld, slurmd, slurm-client' munged slurmctld slurmd srun scontrol sinfo
enclose "$0" "$@"

umask 077
SLURM_CONF="$dir/slurm.conf"
export SLURM_CONF

# What slurmstepd has started is not slurmd's child.
end_engine ()
{
  timeout 5 scancel --user="$(id -un)" 2> /dev/null
}

# configure PORT_OF_SLURMCTLD PORT_OF_NODE…
configure ()
{
  cat <<CONF
ClusterName=pcall
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$1
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/run/munge.socket,cred_expire=5
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
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
InactiveLimit=0
KillWait=2
MinJobAge=10
SlurmctldTimeout=10
SlurmdTimeout=10
UnkillableStepTimeout=10
CONF
  shift
  i=1
  for port
  do
    echo "NodeName=node$i NodeHostname=localhost NodeAddr=127.0.0.1 Port=$port" \
      "CPUs=$cpus RealMemory=1000"
    i=$((i + 1))
  done
  echo "PartitionName=all Nodes=node[1-$n_nodes] Default=YES MaxTime=INFINITE State=UP" \
    "OverSubscribe=YES PriorityTier=1"
  echo "PartitionName=urgent Nodes=node[1-$n_nodes] MaxTime=INFINITE State=UP PriorityTier=2"
}

bring_up_once ()
{
  mkdir "$dir/state" "$dir/run"
  head -c 1024 /dev/urandom > "$dir/munge.key"
  # shellcheck disable=SC2046 # numbers, one word each
  configure $(pick_ports $((n_nodes + 1))) > "$SLURM_CONF"
  : > "$dir/cgroup.conf"

  start munged munged --foreground --force --key-file="$dir/munge.key" \
    --socket="$dir/run/munge.socket" --pid-file="$dir/run/munged.pid" \
    --seed-file="$dir/munge.seed" --log-file="$dir/log/munged.log" --num-threads=4
  wait_until "test -S '$dir/run/munge.socket'" || return 1
  start slurmctld slurmctld -D -c
  # Else slurmd tries again after a second.
  wait_until 'scontrol ping > /dev/null 2>&1' || return 1
  i=1
  while [ $i -le $n_nodes ]
  do
    mkdir "$dir/spool-node$i"
    start "slurmd-node$i" slurmd -D -N "node$i"
    i=$((i + 1))
  done
  wait_until "sinfo -h -t idle -o %D 2> /dev/null | grep -qx $n_nodes"
}

bring_up Slurm
run "$@"
