"""What a virtual machine of the lab is to be."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from control.lab import names
from control.lab import spec as host_spec
from control.lab.spec import GPUS, RELEASES, unknown

#: What the kernel of a Debian server needs to come up and to build a module, in MiB.
_LEAST_MEMORY = 512


@dataclass(frozen=True)
class VmSpec:
    """One virtual machine.

    :param number: 1 to 99; gives the name.
    :param release: Debian release, 12 or 13.
    :param gpu: the card to simulate, or None. The kernel, its modules and its device nodes are real either way: with a
        card the machine loads ``amdgpu`` at boot, as udev would for the card, and ``vgem`` for a render node.
    :param secure_boot: the firmware verifies shim, GRUB and kernel with Microsoft's and Debian's keys.
    :param memory_mib: memory in MiB.
    """

    number: int
    release: int = 13
    gpu: str | None = "rx6600"
    secure_boot: bool = False
    memory_mib: int = 2048

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 99:
            raise unknown("number of a virtual machine", self.number, "1 to 99")
        if self.release not in RELEASES:
            raise unknown("Debian release", self.release, ", ".join(map(str, RELEASES)))
        if self.gpu is not None and self.gpu not in GPUS:
            raise unknown("GPU", self.gpu, ", ".join((*GPUS, "none")))
        if self.memory_mib < _LEAST_MEMORY:
            raise unknown("memory in MiB", self.memory_mib, f"{_LEAST_MEMORY} or more")

    @property
    def name(self) -> str:
        return f"{names.VM_PREFIX}{self.number}"

    @property
    def folder(self) -> Path:
        """Holds the machine's disk and everything else of it."""
        return names.VM_HOSTS_DIR / self.name

    def as_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> VmSpec:
        return cls(**json.loads(text))


def parse(hosts: int | None, release: str, gpu: str, secure_boot: bool) -> list[VmSpec]:
    """The machines that ``--vm`` means with the options of `control.lab.spec.parse` and ``--secure-boot``."""
    asked = host_spec.parse(hosts, release, gpu)
    return [VmSpec(one.number, one.release, one.gpu, secure_boot) for one in asked]


def number_of(name: str) -> int | None:
    """The number in ``gpuhost-lab-vm3`` or ``vm3``; None for what names no virtual machine."""
    digits = name.removeprefix(names.PREFIX).removeprefix(names.VM_PREFIX.removeprefix(names.PREFIX))
    return int(digits) if digits.isdigit() and digits != name.removeprefix(names.PREFIX) else None
