#!/bin/sh
# Done at every boot of a lab host, because /dev and /etc/resolv.conf come anew with every start of its container.
set -eu
lab=/etc/gpuhost-lab

# Docker's own resolver (127.0.0.11) is of no use to the containers inside this host: they need an address.
if [ -s "$lab/resolv.conf" ]; then cat "$lab/resolv.conf" > /etc/resolv.conf; fi

# devices: lines of "path major minor group mode"; real nodes, so that groups, modes and container flags are real.
[ -s "$lab/devices" ] || exit 0
while read -r path major minor group mode; do
    mkdir -p "$(dirname "$path")"
    [ -c "$path" ] || mknod "$path" c "$major" "$minor"
    chown "root:$group" "$path"
    chmod "$mode" "$path"
done < "$lab/devices"
