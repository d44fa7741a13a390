"""The lab's virtual machines: made, found, listed, removed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from control.lab import digest, inventory, keys, names, simulate
from control.lab.errors import LabError
from control.lab.images import Say
from control.lab.vm import accelerator, booted, emulator, guest, image, shell, tools
from control.lab.vm.hardware import Hardware
from control.lab.vm.machine import Machine
from control.lab.vm.spec import VmSpec

_RECORD = "machine.json"


@dataclass(frozen=True)
class Vm:
    """A virtual machine of the lab, with what it was made from.

    :param image: name of the folder of the image that its disk is a layer over.
    :param input: digest of all that it was made from.
    """

    spec: VmSpec
    machine: Machine
    image: str
    input: str


def prepare(specs: Sequence[VmSpec], say: Say) -> None:
    """All that these machines are made from is there: tools, images, saved machines. Minutes at first, then nothing."""
    tools.ensure(say)
    for spec in specs:
        base = image.ensure(spec.release, say)
        booted.ensure(base, _hardware(spec, base, say), spec.gpu, say)


def up(spec: VmSpec, mirror: IPv4Address | None, say: Say) -> Machine:
    """The machine runs as specified and SSH answers. One that is switched off is switched on, with all it had.

    One that was made from another specification, image or lab is made anew. Its site has to be written afterwards.
    """
    tools.ensure(say)
    base = image.ensure(spec.release, say)
    hardware = _hardware(spec, base, say)
    wanted = digest.of(spec.as_json(), base.folder.name, hardware.key, str(mirror), keys.ssh_key(names.SSH_KEY).public)
    found = find(spec.name)
    if found is not None and found.input == wanted:
        if not found.machine.running:
            found.machine.start()
            found.machine.wait_ssh()
        return found.machine
    return _make(spec, base, hardware, mirror, wanted, say)


def find(name: str) -> Vm | None:
    """The machine of this name, running or not."""
    path = names.VM_HOSTS_DIR / name / _RECORD
    try:
        said = json.loads(path.read_text())
        machine = Machine(path.parent, Hardware(**said["hardware"]), names.SSH_KEY)
        return Vm(VmSpec(**said["spec"]), machine, said["image"], said["input"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # there is none, or it is half made, or made by another version of the lab


def get(name: str) -> Machine:
    """The machine of this name. Raises LabError where there is none."""
    found = find(name)
    if found is None:
        there = ", ".join(one.spec.name for one in every())
        raise LabError(f"no virtual machine {name}", f"there are: {there or 'none'}", "./gpuhost lab.up --vm")
    return found.machine


def every() -> list[Vm]:
    """All machines, running or not, by number."""
    found = [find(path.parent.name) for path in names.VM_HOSTS_DIR.glob(f"*/{_RECORD}")]
    return sorted((one for one in found if one), key=lambda one: one.spec.number)


def entries() -> dict[str, dict[str, Any]]:
    """The machines' entries in the lab's site, by name."""
    return {one.spec.name: inventory.vm(one.spec.release, shell.ADDRESS, one.machine.port) for one in every()}


def known_hosts_lines() -> str:
    """The machines' own keys, by address and by name, for every program that connects to them."""
    lines = [
        f"[{shell.ADDRESS}]:{one.machine.port},{one.spec.name} {keys.ssh_key(one.machine.folder / guest.HOST_KEY).public}\n"
        for one in every()
    ]
    return "".join(lines)


def status() -> list[dict[str, Any]]:
    """``[{name, release, gpu, secure_boot, address, port, status: "running"|"off"}]``."""
    return [
        {
            "name": one.spec.name,
            "release": one.spec.release,
            "gpu": simulate.describe(one.spec.gpu),
            "secure_boot": one.spec.secure_boot,
            "address": shell.ADDRESS,
            "port": one.machine.port,
            "status": "running" if one.machine.running else "off",
        }
        for one in every()
    ]


def remove(name: str) -> bool:
    """The machine and all that was on it are gone; whether there was one."""
    folder = names.VM_HOSTS_DIR / name
    there = folder.is_dir()
    _at(folder).remove()
    return there


def down(images: bool = False) -> list[str]:
    """No machine is left and, with ``images``, no image; the names of the machines there were."""
    gone = [path.name for path in sorted(names.VM_HOSTS_DIR.glob("*")) if path.is_dir()]
    for folder in [*names.VM_HOSTS_DIR.glob("*"), names.VM_DIR / booted.WORKPLACE]:
        _at(folder).remove()  # also half-made ones, of a run that was killed
    for folder in names.VM_IMAGES_DIR.glob("*"):
        if images or folder.name.startswith(image.BUILDING):
            shutil.rmtree(folder)
    if images:
        emulator.remove()
    return gone


def _at(folder: Path) -> Machine:
    """Whatever machine is in the folder; its hardware does not matter for taking it away."""
    return Machine(folder, Hardware("tcg", 0), names.SSH_KEY)


def images_bytes() -> int:
    """Disk that images and saved machines take."""
    return sum(path.stat().st_blocks * 512 for path in names.VM_IMAGES_DIR.rglob("*") if path.is_file())


def _hardware(spec: VmSpec, base: image.Image, say: Say) -> Hardware:
    chosen = accelerator.choose(base.kernel, say)
    if chosen == "tcg":
        emulator.ensure(say)  # under KVM the processor computes, and any QEMU is fast
    return Hardware(chosen, spec.memory_mib, spec.secure_boot, emulator.release())


def _make(spec: VmSpec, base: image.Image, hardware: Hardware, mirror: IPv4Address | None, wanted: str, say: Say) -> Machine:
    saved = booted.ensure(base, hardware, spec.gpu, say)
    Machine(spec.folder, hardware, base.key).remove()
    booted.begin(Machine(spec.folder, hardware, base.key), saved, base.key)
    guest.settle(Machine(spec.folder, hardware, base.key), spec, mirror)
    machine = Machine(spec.folder, hardware, names.SSH_KEY)
    machine.wait_ssh()
    record = {
        "spec": json.loads(spec.as_json()), "hardware": hardware.as_dict(), "image": base.folder.name, "input": wanted,
    }  # fmt: skip
    (spec.folder / _RECORD).write_text(json.dumps(record) + "\n")
    _drop_others(base)
    return machine


def _drop_others(base: image.Image) -> None:
    """Images of the same release by other recipes are gone, but for those that a machine's disk is a layer over."""
    used = {base.folder.name, *(one.image for one in every())}
    for folder in image.of_release(base.release):
        if folder.name not in used:
            shutil.rmtree(folder)
