#!/bin/sh
# A hook of mmdebstrap, after all packages: what an installer's questions would have settled.
# Arguments: the folder that becomes the root file system, and a private SSH key with its .pub beside it: root may log in
# with it, and the machine shows it too. The lab puts other keys in both places before a host is anyone's.
set -eu
root=$1
key=$2

cat >"$root/etc/fstab" <<'FSTAB'
UUID=6770756f-7374-4000-8000-000000000001 / ext4 errors=remount-ro 0 1
UUID=6770756f-7374-4000-8000-000000000002 /boot ext4 defaults 0 2
UUID=6770-7568 /boot/efi vfat umask=0077 0 1
FSTAB
echo gpuhost-lab >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 gpuhost-lab\n' >"$root/etc/hosts"
install -d "$root/boot/efi"

chroot "$root" useradd --create-home --shell /bin/bash gpuhost
printf 'gpuhost ALL=(ALL) NOPASSWD: ALL\n' >"$root/etc/sudoers.d/gpuhost"
chmod 0440 "$root/etc/sudoers.d/gpuhost"
chroot "$root" install -d -m 0700 -o gpuhost -g gpuhost /home/gpuhost/.ssh
install -d -m 0700 "$root/root/.ssh"
install -m 0600 "$key.pub" "$root/root/.ssh/authorized_keys"

# QEMU's own network without a way out: the lab adds a route to its mirror and to nothing else.
cat >"$root/etc/systemd/network/10-gpuhost-lab.network" <<'NETWORK'
[Match]
Driver=virtio_net
[Network]
Address=10.0.2.15/24
LinkLocalAddressing=no
LLMNR=no
NETWORK
# No name server: a name is in /etc/hosts or it is not known, at once.
rm -f "$root/etc/resolv.conf"
printf 'nameserver 127.0.0.1\n' >"$root/etc/resolv.conf"

# For the first boot alone, which makes the real one (first-boot.sh): the same kernel with the same command line.
release=$(ls "$root/lib/modules")
cat >"$root/boot/grub/grub.cfg" <<GRUB
search --no-floppy --fs-uuid --set=root 6770756f-7374-4000-8000-000000000002
linux /vmlinuz-$release root=UUID=6770756f-7374-4000-8000-000000000001 ro console=tty0 console=ttyS0,115200 quiet
initrd /initrd.img-$release
boot
GRUB
echo 'grub-efi-amd64 grub2/force_efi_extra_removable boolean true' | chroot "$root" debconf-set-selections

chroot "$root" systemctl enable systemd-networkd.service ssh.service
# Masked: consoles that nobody sits at, and what would hold apt's lock or the disk while a test runs.
chroot "$root" systemctl mask getty.target serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer \
    dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-binfmt.service
# It looks for a way in past the network, and loads modules of three hypervisors for that.
install -d "$root/etc/systemd/system-generators"
ln -s /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"

# Like a machine without internet, it learns of the site's mirror from the role `sources`.
rm -f "$root/etc/apt/sources.list" "$root"/etc/apt/sources.list.d/*
rm -f "$root"/etc/ssh/ssh_host_*_key*
install -m 0600 "$key" "$root/etc/ssh/ssh_host_ed25519_key"
install -m 0644 "$key.pub" "$root/etc/ssh/ssh_host_ed25519_key.pub"

# What systemd would do on a first boot is done: it has an identity, and its caches are those of its packages.
chroot "$root" systemd-machine-id-setup
touch "$root/etc/.updated" "$root/var/.updated"
