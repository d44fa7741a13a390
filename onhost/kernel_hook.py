"""What the host's package system asks after each change: has every kernel that may boot its driver?

Started as ``python3 -m onhost.kernel_hook``. It builds nothing and never fails: dkms's own hooks build, and what they could
not build is told here, while the kernel that works can still be kept.
"""

from __future__ import annotations

import os
import re
import sys

from . import dkms, kernel_records, paths

MODULE = "amdgpu"
GRUB_MENU = "/boot/grub/grub.cfg"
ESP = ("/boot/efi", "/efi", "/boot")
#: Read after gpuhost's own kernel parameters, and before nothing.
KEEP = "/etc/default/grub.d/99-gpuhost-keep.cfg"

_SUBMENU = re.compile(r"^submenu .*\$menuentry_id_option '(gnulinux-advanced-[^']+)'", re.MULTILINE)


def main() -> int:
    """Always 0: a driver that is missing is no reason to leave a kernel half installed."""
    try:
        for line in remarks():
            print(f"gpuhost: {line}", file=sys.stderr)
    except OSError as problem:
        print(f"gpuhost: the kernels could not be looked at: {problem}", file=sys.stderr)
    return 0


def remarks() -> list[str]:
    """What a person should know before the next boot. A kernel without its driver is noted, and one that has it again."""
    found = dkms.source(MODULE)
    # While a step of ours exchanges the driver, it builds by itself what is missing now.
    if found is None or paths.under(dkms.HOLD).exists():
        return []
    version, lines = found[1], []
    kernels = bootable()
    for release in kernels:
        built = dkms.installed(MODULE, release) == version
        before = kernel_records.read().get(release)
        if built and (before is None or before["built"] is not True):
            kernel_records.note(release, version, True)
        elif not built and not kernel_records.failed_before(release, version):
            # Said once: whoever asks later finds it in the plan, and in the record.
            lines += _missing(release, version, kernels)
    if not lines and paths.under(KEEP).is_file():
        lines.append(f"every kernel has its driver again, and {KEEP} still chooses one: sudo rm {KEEP} && sudo update-grub")
    return lines


def bootable() -> list[str]:
    """Releases that have an image in ``/boot``, newest first."""
    releases = (path.name.partition("-")[2] for path in paths.under("/boot").glob("vmlinuz-*"))
    return sorted(releases, key=_order, reverse=True)


def keep_command(release: str) -> str:
    """The command that lets this kernel boot from now on."""
    menu = paths.under(GRUB_MENU)
    text = menu.read_text(encoding="utf-8", errors="replace") if menu.is_file() else ""
    submenu = _SUBMENU.search(text)
    entry = re.search(rf"\$menuentry_id_option '(gnulinux-{re.escape(release)}-advanced-[^']+)'", text)
    if submenu and entry:
        line = f'GRUB_DEFAULT="{submenu[1]}>{entry[1]}"'
        return f"echo '{line}' | sudo tee {KEEP} && sudo update-grub"
    identity = paths.under("/etc/machine-id")
    by_systemd = any(paths.under(f"{folder}/loader/loader.conf").is_file() for folder in ESP)
    if by_systemd and identity.is_file():
        return f"sudo bootctl set-default {identity.read_text(encoding='utf-8').strip()}-{release}.conf"
    return f"choose {release} in the boot loader's menu"


def _missing(release: str, version: str, kernels: list[str]) -> list[str]:
    why, log = _why(release, version)
    if kernel_records.told_before(release, version, why):
        return []
    # Without a log nothing was compiled: no failure, and no reason not to try.
    kernel_records.note(release, version, False if log else None, why, log)
    good = next((one for one in kernels if dkms.installed(MODULE, one) == version), None)
    lines = [f"the driver {MODULE} {version} is not built for the kernel {release}: {why}"]
    if log:
        lines.append(f"full log: {log}")
    if release == kernels[0]:
        lines.append(f"{release} boots next, with the kernel's own driver or none.")
        if good:
            lines.append(f"To keep {good}, which has it: {keep_command(good)}")
    lines.append("`./gpuhost up` tries again, and `./gpuhost plan` says what would help.")
    return lines


def _why(release: str, version: str) -> tuple[str, str]:
    if not dkms.has_headers(release):
        return f"its headers are not installed (package linux-headers-{release})", ""
    log = paths.under(dkms.TREE) / MODULE / version / "build" / "make.log"
    if not log.is_file():
        return "dkms did not try, or was kept from it", ""
    text = log.read_text(encoding="utf-8", errors="replace")
    if release not in text.partition("\n")[0]:
        return "dkms did not try, or was kept from it", ""
    return dkms.compiler_error(text), f"/{log.relative_to(paths.root())}"


def _order(release: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", release))


if __name__ == "__main__":
    # Started by package systems with any environment: their root is the host's.
    os.environ.pop("GPUHOST_ROOT", None)
    sys.exit(main())
