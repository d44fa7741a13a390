"""Kernels, what boots, and reboots."""

from __future__ import annotations

from control.catalogue.entry import Entry, notes, stopping, warnings
from control.exitcodes import ExitCode

ENTRIES: tuple[Entry, ...] = (
    *stopping(
        ExitCode.REFUSED,
        (
            "GH-KERNEL-OLD",
            "A kernel that is older than the GPU",
            "its driver cannot start the GPU, and there is no other driver for it here",
            "[`apt-get install {package}` and reboot, or ]install Linux {since} or newer; --cpu goes without the GPU",
        ),
        (
            "GH-BOOT-SMALL",
            "Not enough room for kernels",
            "a kernel or its initial ramdisk that is cut short does not boot",
            "free {missing} on {mount}: `apt-get autoremove --purge` takes away kernels that no longer boot",
        ),
    ),
    *stopping(
        ExitCode.STEP_FAILED,
        (
            "GH-BOOT-LOADER-FAILED",
            "The boot loader's menu cannot be made",
            "kernel parameters reach the kernel through it; settings and menu are as they were",
            "`update-grub` on the host shows the same; mend what it names in /etc/default/grub and run again",
        ),
        (
            "GH-BOOT-FULL",
            "/boot has no room",
            "a kernel or an initial RAM disk that is cut short does not boot; nothing was begun",
            "take away kernels that are no longer used (`apt-get autoremove --purge`, or `apt-get purge linux-image-…` for "
            "one that is neither running nor next), and run again",
        ),
        (
            "GH-REBOOT-LOOP",
            "Reboots did not help",
            "the host was rebooted for the same reason before, and that reason is still there; it is not done a third time",
            "look which kernel and which module boot (`uname -r`, `modinfo amdgpu`, `lsinitramfs /boot/initrd.img-$(uname "
            "-r)`); after mending it remove /var/lib/gpuhost/reboots.json and run again",
        ),
        (
            "GH-REBOOT-SLOW",
            "The host did not come back from its reboot",
            "whether it still starts or hangs cannot be seen from here",
            "look at its console; once it answers, run the same command again, which goes on from there. A machine that "
            "takes longer by nature: raise amdgpu_reboot_timeout",
        ),
    ),
    *stopping(
        ExitCode.ACT,
        (
            "GH-REBOOT-NEEDED",
            "The host has to be rebooted",
            "until then the driver that is loaded is not the one that is installed",
            "reboot[ {when}], then run `./gpuhost up` again: it goes on from there and proves the host",
        ),
    ),
    *warnings(
        (
            "GH-KERNEL-NEWER",
            "The host gets a newer kernel",
            "the mirror has no headers of the one that runs, so nothing can be built for it",
            "nothing to do: `up` installs {kernel} with its headers and reboots into it once",
        ),
        (
            "GH-KERNEL-NEXT",
            "The kernel that boots next does not have AMD's driver",
            "after the next reboot programs meet another driver, or none",
            "install that kernel's headers and `dkms autoinstall -k {kernel}`, or boot another kernel by default",
        ),
        (
            "GH-REBOOT-LATER",
            "A reboot is due",
            "until then the driver that is loaded is not the one that is installed",
            "reboot the host when it suits you",
        ),
        (
            "GH-KERNEL-PARAMETER-KEPT",
            "A kernel parameter is set otherwise",
            "somebody decided it for this host; gpuhost leaves it",
            "take {found} out of /etc/default/grub (or the file in grub.d that sets it) to let gpuhost set {wanted}",
        ),
        (
            "GH-KERNEL-PARAMETER-MANUAL",
            "Kernel parameters that gpuhost cannot set",
            "the host boots without GRUB, or its GRUB settings leave no room for them",
            "add {words} to the boot loader's configuration (systemd-boot: /etc/kernel/cmdline, then "
            "`dpkg-reconfigure linux-image-$(uname -r)`) and reboot",
        ),
    ),
    *notes(
        (
            "GH-KERNEL-CVE",
            "The kernel has a known hole in its GPU driver",
            "{why}",
            "update the kernel and reboot; do not give people access to /dev/kfd whom you would not make root",
        ),
    ),
)
