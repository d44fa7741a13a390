#!/bin/sh
# A hook of mmdebstrap, after the essential packages and before all others: what their installation scripts read.
# Argument: the folder that becomes the root file system.
set -eu
root=$1

# An initramfs with just what a virtual machine's disk needs. With all drivers a new one takes minutes under emulation.
install -d "$root/etc/initramfs-tools/conf.d" "$root/usr/share/initramfs-tools/modules.d"
printf 'MODULES=list\n' >"$root/etc/initramfs-tools/conf.d/gpuhost-lab"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$root/usr/share/initramfs-tools/modules.d/gpuhost-lab"

# No menu to wait for, and a kernel that speaks on the serial line, which the lab writes to a file.
install -d "$root/etc/default/grub.d"
cat >"$root/etc/default/grub.d/gpuhost-lab.cfg" <<'GRUB'
GRUB_TIMEOUT=0
GRUB_TIMEOUT_STYLE=hidden
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB
