"""The machines of `tests/samples/machines.yml` as file trees, and the snapshots taken of them.

`python -m tests.unit.verify.machines` writes `tests/samples/snapshots/machines/*.json` anew; a test compares them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from tests.unit.verify.builder import Builder
from tests.unit.verify.kernels import OTHER_SRCVERSION
from tests.unit.verify.parts import Card, System, debian, ubuntu
from tests.unit.verify.recorded import GIB

SAMPLES = Path(__file__).parents[2] / "samples"
SNAPSHOTS = SAMPLES / "snapshots" / "machines"

_SYSTEMS = {
    "debian-12": (debian, "12", "bookworm", "python3.11", "3.11.2-6+deb12u6"),
    "debian-13": (debian, "13", "trixie", "python3.13", "3.13.5-2"),
    "ubuntu-22.04": (ubuntu, "22.04", "jammy", "python3.10", "3.10.12-1~22.04.11"),
    "ubuntu-24.04": (ubuntu, "24.04", "noble", "python3.12", "3.12.3-1ubuntu0.8"),
    "ubuntu-26.04": (ubuntu, "26.04", "resolute", "python3.14", "3.14.3-1ubuntu1"),
}
_AMD = "amd.com"


def document() -> dict[str, Any]:
    """The whole file: ``{cards, machines}``."""
    found: dict[str, Any] = yaml.safe_load((SAMPLES / "machines.yml").read_text(encoding="utf-8"))
    return found


def built(root: Path, machine: dict[str, Any], cards: dict[str, Any]) -> Builder:
    """The machine's tree below ``root``."""
    made = Builder(root, _system(machine))
    made.host.machine = lambda: machine.get("arch", "x86_64")  # type: ignore[method-assign] # a recorded answer
    _memory(made, machine.get("memory_gib", 32))
    _boot(made, machine)
    wanted = [_card(entry, number, cards) for number, entry in enumerate(machine["cards"])]
    bound = any(card.driver == "amdgpu" for card in wanted) or machine.get("module", False)
    made.gpus(*_numbered(wanted), kfd=bound)
    _partitions(made, machine, cards, wanted)
    if "iommu" in machine:
        _iommu(made, wanted, machine["iommu"])
    _driver(made, machine)
    _software(made, machine)
    return made


def _system(machine: dict[str, Any]) -> System:
    kernel = machine["kernel"]
    if "system" in machine:
        make, version, codename, python, python_version = _SYSTEMS[machine["system"]]
        return make(version, codename, kernel, python, python_version)
    said = machine["os"]
    like = f"ID_LIKE={said['id_like']!r}\n" if "id_like" in said else ""
    release = f'ID={said["id"]}\n{like}VERSION_ID="{said["version_id"]}"\nPRETTY_NAME="{said["pretty"]}"\n'
    return System(release, kernel, "python3.12")


def _card(entry: str | dict[str, Any], number: int, cards: dict[str, Any]) -> Card:
    said = {**cards[entry], "driver": cards[entry].get("driver", "amdgpu")} if isinstance(entry, str) else {
        "driver": "amdgpu", **cards[entry["card"]], **{key: value for key, value in entry.items() if key != "card"}
    }  # fmt: skip
    vram = int(said.get("gib", 0) * GIB) or None
    return Card(
        said["device"],
        pci=f"0000:{3 + 4 * number:02x}:00.0",
        vendor=said.get("vendor", "1002"),
        revision=said.get("revision", "00"),
        pci_class=f"{said.get('class', '030000')}",
        driver=said["driver"],
        gfx_version=said.get("gfx", 0),
        simds=said.get("simds", 0),
        vram=vram,
        gtt=16 * GIB if vram else None,
        boot_vga=number == 0,
        unique_id=f"{0x8F00 + number:016x}" if said.get("gfx") and not said.get("integrated") else None,
    )


def _numbered(cards: list[Card]) -> list[Card]:
    """Render nodes in the order of the bus, for the cards that have a driver."""
    minors = iter(range(128, 192))
    return [replace(card, render_minor=next(minors)) if card.driver in ("amdgpu", "nvidia") else card for card in cards]


def _partitions(made: Builder, machine: dict[str, Any], cards: dict[str, Any], wanted: list[Card]) -> None:
    """The further KFD nodes of a card that is split: the same device and slot, a function and a render node each."""
    if len(wanted) == 1 and (count := cards.get(str(machine["cards"][0]), {}).get("partitions", 1)) > 1:
        for number in range(1, count):
            made.compute(1 + number, replace(wanted[0], render_minor=128 + number), "", function=number)


def _iommu(made: Builder, wanted: list[Card], kind: str) -> None:
    """One group per card, with the way its addresses are translated."""
    for number, card in enumerate(wanted):
        made.write(f"/sys/kernel/iommu_groups/{number}/type", f"{kind}\n")
        made.link(f"/sys/bus/pci/devices/{card.pci}/iommu_group", f"../../../../kernel/iommu_groups/{number}")


def _memory(made: Builder, gib: int) -> None:
    kib = gib * 1024 * 1024 - 700_000  # what the firmware keeps
    made.write(
        "/proc/meminfo", f"MemTotal: {kib} kB\nMemFree: {kib // 2} kB\nMemAvailable: {kib // 2} kB\nSwapTotal: 0 kB\n"
    )


def _boot(made: Builder, machine: dict[str, Any]) -> None:
    """Kernels, command line, and Secure Boot."""
    kernel = machine["kernel"]
    line = f"BOOT_IMAGE=/boot/vmlinuz-{kernel} root=UUID=5f2c ro quiet {machine.get('cmdline', '')}".strip()
    made.write("/proc/cmdline", line + "\n")
    for release in [kernel, *machine.get("kernels", [])]:
        made.kernel(release)
        made.add("lists.ubuntu.com", **{f"linux-image-{release}": release})
    if machine.get("secure_boot"):
        made.efivar("SecureBoot", b"\1")
        made.efivar("MokListRT", b"")  # shim began this boot; no key of the host's own is enrolled
    if machine.get("container"):
        made.write("/run/systemd/container", machine["container"] + "\n")


def _driver(made: Builder, machine: dict[str, Any]) -> None:
    """AMD's own module, and what DKMS knows."""
    if "driver" in machine:
        made.loaded(OTHER_SRCVERSION, machine["driver"], in_tree=False)
    for entry in machine.get("dkms", []):
        version, kernel = entry["version"], entry.get("kernel")
        made.dkms(version, kernel, state="broken" if entry.get("broken") else "installed")


def _software(made: Builder, machine: dict[str, Any]) -> None:
    for prefix in machine.get("rocm", []):
        version = prefix.rpartition("-")[2]
        made.write(f"{prefix}/.info/version", f"{version}-1\n")
        if prefix.startswith("/opt/rocm-"):
            made.link("/opt/rocm", prefix)
    if machine.get("rocminfo"):
        made.write("/usr/bin/rocminfo", "")
    if "environment" in machine:
        made.write("/etc/environment", f'PATH="/usr/bin"\n{machine["environment"]}\n')
    if "zshrc" in machine:
        made.write("/home/ada/.zshrc", machine["zshrc"] + "\n")
    _leftovers(made, machine.get("leftovers", {}))
    for name, version in machine.get("packages", {}).items():
        made.packages[name] = (version, "lists.ubuntu.com" if name == "rocminfo" else _AMD)
    for name, version in machine.get("unfinished", {}).items():
        made.unfinished[name] = (version, _AMD)


def _leftovers(made: Builder, said: dict[str, Any]) -> None:
    """The files that amdgpu-install and AMD's guides leave behind."""
    key = "signed-by=/etc/apt/keyrings/rocm.gpg"
    if "driver" in said:
        made.write(
            "/etc/apt/sources.list.d/amdgpu.list",
            f"deb [arch=amd64,i386 {key}] https://repo.radeon.com/amdgpu/{said['driver']}/ubuntu noble main\n",
        )
    if "rocm" in said:
        made.write(
            "/etc/apt/sources.list.d/rocm.list",
            f"deb [arch=amd64 {key}] https://repo.radeon.com/rocm/apt/{said['rocm']} noble main\n",
        )
    if said:
        made.write("/etc/apt/preferences.d/rocm-pin-600", "Package: *\nPin: release o=repo.radeon.com\nPin-Priority: 600\n")
        made.write("/etc/apt/keyrings/rocm.gpg", "")
    if said.get("extra_groups"):
        made.write("/etc/adduser.conf", "ADD_EXTRA_GROUPS=1\nEXTRA_GROUPS=video\nEXTRA_GROUPS=render\n")


def taken(root: Path, machine: dict[str, Any], cards: dict[str, Any]) -> dict[str, Any]:
    """The machine's snapshot; what its package sources have is told, since no apt is asked here."""
    snapshot = built(root, machine, cards).snapshot()
    if "candidates" in machine:
        snapshot["candidates"] = {
            name: [{"version": version, "origin": "Ubuntu"} for version in versions]
            for name, versions in machine["candidates"].items()
        }
    return snapshot


def text(snapshot: dict[str, Any]) -> str:
    return json.dumps(snapshot, indent=1) + "\n"


def snapshots(root: Path) -> dict[str, dict[str, Any]]:
    """The snapshot of every machine, by id."""
    said = document()
    return {one["id"]: taken(root / one["id"], one["machine"], said["cards"]) for one in said["machines"]}


def main() -> None:
    SNAPSHOTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = snapshots(Path(folder))
    for stale in {path.stem for path in SNAPSHOTS.glob("*.json")} - set(found):
        (SNAPSHOTS / f"{stale}.json").unlink()
    for name, snapshot in found.items():
        (SNAPSHOTS / f"{name}.json").write_text(text(snapshot), encoding="utf-8")
    sys.stdout.write(f"{len(found)} snapshots\n")


if __name__ == "__main__":
    main()
