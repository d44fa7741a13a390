#!/bin/sh
# A hook of mmdebstrap, after the essential packages and before all others: what their installation scripts read.
# Argument: the folder that becomes the root file system.
set -eu
root=$1

# Under emulation it is depmod, which opens every module, that takes minutes. So the generic kernel comes without drivers
# for devices that no virtual machine has; what amdgpu and Docker ask for stays. This holds for later kernels too.
{
    for folder in sound net/bluetooth net/mac80211 net/wireless net/atm net/can net/6lowpan net/dccp net/rds net/sctp net/tipc \
        drivers/accel drivers/ata drivers/atm drivers/bluetooth drivers/comedi drivers/edac drivers/firewire drivers/gnss \
        drivers/hid drivers/hwmon drivers/hwtracing drivers/i2c/busses drivers/iio drivers/infiniband drivers/input \
        drivers/isdn drivers/leds drivers/media drivers/memstick drivers/message drivers/mfd drivers/misc drivers/mmc drivers/mtd \
        drivers/net/can drivers/net/ethernet drivers/net/phy drivers/net/usb drivers/net/wireless drivers/net/wwan drivers/nfc \
        drivers/nvme drivers/platform drivers/power drivers/scsi drivers/staging drivers/target drivers/thermal drivers/usb \
        drivers/video/fbdev drivers/w1 drivers/watchdog drivers/gpu/drm/i915 drivers/gpu/drm/nouveau drivers/gpu/drm/radeon \
        drivers/gpu/drm/xe; do
        echo "path-exclude=/lib/modules/*/kernel/$folder/*"
        echo "path-exclude=/usr/lib/modules/*/kernel/$folder/*"
    done
    for path in 'drivers/media/cec/*' 'drivers/media/rc/rc-core*' 'drivers/platform/x86/wmi*' 'drivers/input/evdev*'; do
        echo "path-include=/lib/modules/*/kernel/$path"
        echo "path-include=/usr/lib/modules/*/kernel/$path"
    done
    # Thousands of small files that nobody reads here.
    printf 'path-exclude=%s\n' '/usr/share/man/*' '/usr/share/doc/*' '/usr/share/locale/*'
} >"$root/etc/dpkg/dpkg.cfg.d/gpuhost-lab"

# An initramfs with just what a virtual machine's disk needs, packed fast.
install -d "$root/etc/initramfs-tools/conf.d" "$root/etc/initramfs-tools/hooks" "$root/usr/share/initramfs-tools/modules.d"
printf 'MODULES=list\nCOMPRESSLEVEL=1\n' >"$root/etc/initramfs-tools/conf.d/gpuhost-lab"
printf 'virtio_pci\nvirtio_blk\next4\n' >"$root/usr/share/initramfs-tools/modules.d/gpuhost-lab"
cat >"$root/etc/initramfs-tools/hooks/gpuhost-lab" <<'HOOK'
#!/bin/sh
# Names of hardware, larger than all the rest.
if [ "$1" = prereqs ]; then
    echo udev
else
    rm -f "$DESTDIR/usr/lib/udev/hwdb.bin" "$DESTDIR/lib/udev/hwdb.bin"
fi
HOOK
chmod 0755 "$root/etc/initramfs-tools/hooks/gpuhost-lab"

# No menu to wait for, and a kernel that speaks on the serial line, which the lab writes to a file.
install -d "$root/etc/default/grub.d"
cat >"$root/etc/default/grub.d/gpuhost-lab.cfg" <<'GRUB'
GRUB_TIMEOUT=0
GRUB_TIMEOUT_STYLE=hidden
GRUB_TERMINAL=console
GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"
GRUB
