#!/bin/sh
# A disk with GPT, EFI system partition, /boot and / from a tar of a root file system; no loop device, no mount.
# Arguments: the tar, the disk to write (raw), and an empty folder to unpack into. Runs as root, or where a user
# namespace lets it be (mmdebstrap --unshare-helper).
set -eu
tar=$1
disk=$2
root=$3

disk_mib=10240 esp_at=1 esp_mib=64 boot_mib=400
boot_at=$((esp_at + esp_mib))
root_at=$((boot_at + boot_mib))
root_mib=$((disk_mib - root_at - 1)) # the last one holds the second partition table

tar --extract --file "$tar" --directory "$root" --exclude './dev/*'
rm -f -- "$disk"
truncate --size "${disk_mib}M" "$disk"
sfdisk --quiet "$disk" <<TABLE
label: gpt
start=${esp_at}MiB, size=${esp_mib}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
start=${boot_at}MiB, size=${boot_mib}MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=boot
start=${root_at}MiB, size=${root_mib}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
TABLE

# UUIDs as in after-packages.sh.
mkfs.vfat -F 16 -i 67707568 --offset $((esp_at * 2048)) "$disk" $((esp_mib * 1024)) >/dev/null 2>&1 # it says that the disk is larger
esp="$disk@@$((esp_at * 1048576))"
mmd -i "$esp" ::EFI ::EFI/BOOT ::EFI/debian
# Where firmware without boot entries looks for shim; shim looks for GRUB beside itself, and GRUB for its first lines here.
mcopy -i "$esp" "$root/usr/lib/shim/shimx64.efi.signed" ::EFI/BOOT/BOOTX64.EFI
mcopy -i "$esp" "$root/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed" ::EFI/BOOT/grubx64.efi
mcopy -i "$esp" - ::EFI/debian/grub.cfg <<'GRUB'
search.fs_uuid 6770756f-7374-4000-8000-000000000002 root
set prefix=($root)'/grub'
configfile $prefix/grub.cfg
GRUB

mke2fs -q -F -t ext4 -U 6770756f-7374-4000-8000-000000000002 -E "offset=$((boot_at * 1048576)),root_owner=0:0" \
    -d "$root/boot" "$disk" "${boot_mib}M"
rm -rf -- "${root:?}/boot"
install -d "$root/boot"
mke2fs -q -F -t ext4 -U 6770756f-7374-4000-8000-000000000001 -E "offset=$((root_at * 1048576)),root_owner=0:0" \
    -d "$root" "$disk" "${root_mib}M"
