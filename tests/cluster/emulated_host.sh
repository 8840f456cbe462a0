#!/usr/bin/env bash
# emulated_host.sh NAME PRIVATE SHARED COMMAND... -- run COMMAND as on a host of its own.
#
# The host has its own network (the namespace NAME), process ids, hostname, and /tmp, which is PRIVATE/NAME.
# SHARED, a folder below /tmp, is the same on every host: the shared storage. `kill -9` of this script's process is the
# host's power loss: the kernel ends everything in its process namespace.
#
# nsenter and not `ip netns exec`: that one mounts a /sys without cgroups, and slurmd 22.05 then refuses to start.
set -eu
name=$1 private=$2/$1 shared=$3
shift 3
mkdir -p "$private/${shared#/tmp/}"
exec nsenter --net="/run/netns/$name" \
  unshare --uts --pid --fork --kill-child --mount-proc --propagation private bash -euc '
    name=$1 private=$2 shared=$3
    shift 3
    hostname "$name"
    mount --bind "/etc/netns/$name/hosts" /etc/hosts
    mount --bind "$shared" "$private/${shared#/tmp/}"
    mount --rbind "$private" /tmp
    cd /
    "$@" &
    wait $!
  ' _ "$name" "$private" "$shared" "$@"
