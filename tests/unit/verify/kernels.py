"""The kernels of a recorded host: images, modules, DKMS builds, GRUB's menu, and what the firmware says of Secure Boot."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from tests.unit.verify import module_bytes
from tests.unit.verify.parts import System
from tests.unit.verify.recorded import RecordedHost
from verify.parsers.releases import order

OWN = "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko"
DKMS = "updates/dkms/amdgpu.ko"
#: A module built from another source has another one.
OTHER_SRCVERSION = "9E1C07B5D2A4F86B30C4D7E"
UUID = "5f2cbb0e-7d0e-4bb0-8f3c-0d6f3b0a7a10"
GUIDS = {"Mok": "605dab50-e046-4300-abb6-3dd810dd8b23", "Loader": "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"}
GLOBAL_GUID = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
HEADER = """\
if [ -s $prefix/grubenv ]; then
  set have_grubenv=true
  load_env
fi
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="DEFAULT"
fi
function savedefault {
  if [ -z "${boot_once}" ]; then
    saved_entry="${chosen}"
    save_env saved_entry
  fi
}
"""


class Kernels:
    """The part of :class:`tests.unit.verify.builder.Builder` that is about kernels."""

    root: Path
    system: System
    host: RecordedHost

    def write(self, path: str, text: str, below: str = "") -> None:
        raise NotImplementedError

    def link(self, path: str, to: str, below: str = "") -> None:
        raise NotImplementedError

    def data(self, path: str, content: bytes) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)

    def kernel(self, release: str, *, image: bool = True, headers: bool = False) -> Kernels:
        """An installed kernel with the driver that came with it."""
        if image:
            self.write(f"/boot/vmlinuz-{release}", "")
            self.write(f"/boot/initrd.img-{release}", "")
        self.write(f"/lib/modules/{release}/modules.builtin", "")
        self.module(release, OWN, in_tree=True, srcversion=self.system.srcversion)
        if headers:
            self.write(f"/usr/src/linux-headers-{release}/Makefile", "")
            self.link(f"/lib/modules/{release}/build", f"/usr/src/linux-headers-{release}")
        return self

    def module(self, release: str, path: str, **said: Any) -> str:
        """A module's file, and depmod's word that it is the one to take. Gives its path."""
        suffix = self.system.suffix.removeprefix(".ko")
        place = f"/lib/modules/{release}/{path}{suffix}"
        self.write(f"/lib/modules/{release}/modules.dep", f"{path}{suffix}: kernel/drivers/video/backlight.ko{suffix}\n")
        if suffix == ".zst":
            fields = {"srcversion": None, "version": None, "in_tree": False, "signed": False, **said}
            self.host.modinfos[place] = module_bytes.modinfo(release, place, **fields)
            self.data(place, b"(\xb5/\xfd")
        else:
            content = module_bytes.module(release, **said)
            self.data(place, module_bytes.xz(content) if suffix == ".xz" else content)
        return place

    def dkms(
        self,
        version: str,
        release: str | None = None,
        *,
        state: str = "installed",
        srcversion: str = OTHER_SRCVERSION,
        signed: bool = False,
    ) -> Kernels:
        """A version in DKMS's tree, and where it is `installed` its module in the place where depmod looks first."""
        tree, source = f"/var/lib/dkms/amdgpu/{version}", f"/usr/src/amdgpu-{version}"
        if not (self.root / tree.lstrip("/") / "source").is_symlink():
            self.link(f"{tree}/source", source)
        if state != "broken":
            self.write(f"{source}/dkms.conf", 'PACKAGE_NAME="amdgpu"\n')
        if release and state in ("built", "installed"):
            self.write(f"{tree}/{release}/x86_64/module/amdgpu{self.system.suffix}", "")
        if release and state == "installed":
            self.link(f"/var/lib/dkms/amdgpu/kernel-{release}-x86_64", f"{version}/{release}/x86_64")
            base = version.split("-")[0]
            self.module(release, DKMS, in_tree=False, srcversion=srcversion, version=base, signed=signed)
        return self

    def loaded(self, srcversion: str | None, version: str | None = None, *, in_tree: bool) -> Kernels:
        """What the running kernel says of the module that it has."""
        folder = "/sys/module/amdgpu"
        self.write(f"{folder}/initstate", "live\n")
        self.write(f"{folder}/taint", "\n" if in_tree else "OE\n")
        for name, value in (("srcversion", srcversion), ("version", version)):
            if value:
                self.write(f"{folder}/{name}", value + "\n")
        return self

    def grub(self, default: str = "0", environment: str = "") -> Kernels:
        """The menu that update-grub of Debian and Ubuntu makes of the kernels in /boot."""
        found = (path.name.removeprefix("vmlinuz-") for path in (self.root / "boot").glob("vmlinuz-*"))
        releases = sorted(found, key=order, reverse=True)
        if not releases:
            return self
        text = HEADER.replace("DEFAULT", default) + entry("Linux", f"gnulinux-simple-{UUID}", releases[0])
        text += f"submenu 'Advanced options for Linux' $menuentry_id_option 'gnulinux-advanced-{UUID}' {{\n"
        for release in releases:
            id = f"gnulinux-{release}-{{}}-{UUID}"
            text += entry(f"Linux, with Linux {release}", id.format("advanced"), release, "\t")
            text += entry(f"Linux, with Linux {release} (recovery mode)", id.format("recovery"), release, "\t")
        text += "}\nmenuentry 'UEFI Firmware Settings' $menuentry_id_option 'uefi-firmware' {\n\tfwsetup\n}\n"
        self.write("/boot/grub/grub.cfg", text)
        self.write("/boot/grub/grubenv", f"# GRUB Environment Block\n{environment}{'#' * 20}")
        self.write("/etc/default/grub", 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX=""\n')
        self.write("/usr/sbin/grub-mkconfig", "for x in ${sysconfdir}/default/grub.d/*.cfg ; do\n")
        return self

    def efivar(self, name: str, value: bytes, attributes: int = 6) -> Kernels:
        """A variable as efivarfs shows it: 6 is "while it boots, and while it runs"."""
        guid = next((guid for start, guid in GUIDS.items() if name.startswith(start)), GLOBAL_GUID)
        self.data(f"/sys/firmware/efi/efivars/{name}-{guid}", attributes.to_bytes(4, "little") + value)
        return self

    def bios(self) -> Kernels:
        """No UEFI at all."""
        shutil.rmtree(self.root / "sys/firmware", ignore_errors=True)
        return self

    def log(self, *lines: str) -> Kernels:
        """The kernel's log, as records of /dev/kmsg."""
        self.write("/dev/kmsg", "".join(f"5,{n},{n * 1000},-;{line}\n SUBSYSTEM=module\n" for n, line in enumerate(lines)))
        return self


def entry(title: str, id: str, release: str, indent: str = "") -> str:
    head = f"menuentry '{title}' --class gnu-linux --class gnu --class os $menuentry_id_option '{id}' {{"
    body = [
        "\tload_video",
        "\tif [ x$feature_platform_search_hint = xy ]; then",
        f"\t  search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt2  {UUID}",
        "\tfi",
        f"\techo\t'Loading Linux {release} ...'",
        f"\tlinux\t/boot/vmlinuz-{release} root=UUID={UUID} ro quiet",
        f"\tinitrd\t/boot/initrd.img-{release}",
    ]
    return "".join(f"{indent}{line}\n" for line in [head, *body, "}"])
