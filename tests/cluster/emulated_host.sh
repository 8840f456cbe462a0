#!/usr/bin/env bash
# emulated_host.sh NAME PRIVATE SEEN... -- COMMAND... -- run COMMAND as on a host of its own.
#
# The host has its own network (the namespace NAME), process ids, hostname, and /tmp, which is PRIVATE/NAME. Of this
# machine's /tmp it sees the folders SEEN: the shared storage. `kill -9` of this script's process is the host's power
# loss: the kernel ends everything in its process namespace.
#
# nsenter and not `ip netns exec`: that one mounts a /sys without cgroups, and slurmd 22.05 then refuses to start.
set -eu
mkdir -p "$2/$1"
exec nsenter --net="/run/netns/$1" \
  unshare --uts --pid --fork --kill-child --mount-proc --propagation private bash -euc '
    name=$1 private=$2/$1
    shift 2
    hostname "$name"
    mount --bind "/etc/netns/$name/hosts" /etc/hosts
    for ((; $#; )); do
      seen=$1
      shift
      case $seen in
        --) break ;;
        /tmp/*) mkdir -p "$private/${seen#/tmp/}"; mount --bind "$seen" "$private/${seen#/tmp/}" ;;
      esac
    done
    mount --rbind "$private" /tmp
    cd /
    "$@" &
    wait $!
  ' _ "$@"
