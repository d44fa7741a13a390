"""Hosts that never were, and the snapshots taken of them.

`python -m tests.unit.verify.hosts` writes `tests/samples/snapshots/*.json` anew; a test compares them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.unit.verify import module_bytes
from tests.unit.verify.builder import Builder
from tests.unit.verify.kernels import OTHER_SRCVERSION
from tests.unit.verify.parts import (
    ALPINE,
    DEAD,
    DEBIAN12,
    DEBIAN13,
    NOT_DRIVEN,
    NVIDIA,
    RAPHAEL,
    RX6600,
    RX6700XT,
    RX7900XTX,
    UBUNTU2204,
    UBUNTU2404,
    VIRTIO,
)

SNAPSHOTS = Path(__file__).parents[2] / "samples" / "snapshots"


def container(name: str, image: str, port: int) -> dict[str, Any]:
    """What the Engine API tells of a container that publishes one port on all addresses."""
    binding = {f"{port}/tcp": [{"HostIp": "", "HostPort": str(port)}]}
    return {
        "Id": name * 2,
        "Name": f"/{name}",
        "Image": "sha256:" + "a" * 64,
        "Config": {"Image": image, "Env": ["PATH=/usr/bin"], "Labels": {"maintainer": "somebody"}},
        "HostConfig": {"PortBindings": binding, "RestartPolicy": {"Name": "always"}},
        "State": {"Status": "running"},
    }


def classic(root: Path) -> Builder:
    """Ubuntu 22.04 as AMD's guide of ROCm 6.2 leaves it, with a stale override and an Ollama on its usual port."""
    made = Builder(root, UBUNTU2204).gpus(RX6700XT)
    kernel, driver = UBUNTU2204.kernel, "6.8.5-2041575.22.04"
    made.kernel(kernel, headers=True)
    made.dkms(driver, kernel)
    made.loaded(OTHER_SRCVERSION, "6.8.5", in_tree=False)
    made.write("/opt/rocm-6.2.4/.info/version", "6.2.4-139\n")
    made.link("/opt/rocm", "/opt/rocm-6.2.4")
    made.write("/etc/environment", 'PATH="/usr/bin"\nHSA_OVERRIDE_GFX_VERSION=10.3.0\n')
    made.write("/etc/apt/sources.list.d/rocm.list", "deb [arch=amd64] https://repo.radeon.com/rocm/apt/6.2.4 jammy main\n")
    made.write("/opt/webui/venv/pyvenv.cfg", "home = /usr/bin\nversion = 3.10.12\n")
    torch = "__version__ = '2.5.1+rocm6.2'\ncuda: Optional[str] = None\nhip: Optional[str] = '6.2.41133-dd7f95766'\n"
    made.write("/opt/webui/venv/lib/python3.10/site-packages/torch/version.py", torch)
    made.listen((22, 700, "sshd"), (11434, 900, "docker-proxy"))
    made.docker("27.5.1", [container("ollama", "ollama/ollama:rocm", 11434)])
    made.add(
        "amd.com", amdgpu_dkms="1:6.8.5.60204-2041575.22.04", rocm="6.2.4.60204-139~22.04", rocminfo="1.0.0.60204-139~22.04"
    )
    made.add("lists.ubuntu.com", dkms="2.8.7-2ubuntu2.2")
    return made.add("docker.com", docker_ce="5:27.5.1-1~ubuntu.22.04~jammy")


def refused(root: Path) -> Builder:
    """Ubuntu 24.04 with AMD's driver under Secure Boot: signed with a key that is not enrolled; the next kernel lacks it."""
    made = Builder(root, UBUNTU2404).gpus(NOT_DRIVEN, kfd=False)
    kernel, newer, driver = UBUNTU2404.kernel, "6.14.0-39-generic", "6.16.13-2278356.24.04"
    made.kernel(kernel, headers=True).kernel(newer).dkms(driver, kernel, signed=True)
    for name, value in (("SecureBoot", b"\1"), ("SetupMode", b"\0"), ("MokListRT", b"")):
        made.efivar(name, value)
    made.write("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n")
    made.data("/var/lib/shim-signed/mok/MOK.der", module_bytes.sample("dkms-mok.pub"))
    made.write("/var/lib/shim-signed/mok/MOK.priv", "")
    made.log("Linux version 6.14.0-37-generic", "Loading of module with unavailable key is rejected")
    made.write("/etc/apt/sources.list.d/amdgpu.list", "deb https://repo.radeon.com/amdgpu/30.30.3/ubuntu noble main\n")
    made.write(
        "/etc/apt/preferences.d/repo-radeon-pin-600", "Package: *\nPin: release o=repo.radeon.com\nPin-Priority: 600\n"
    )
    made.write("/sys/kernel/iommu_groups/13/type", "DMA-FQ\n")
    made.write("/var/lib/gpuhost/reboots.json", '{"count": 1, "boot_id": "2f6c", "reason": "the new driver"}')
    made.add("amd.com", amdgpu_dkms="1:6.16.13.30300300-2278356.24.04", amdgpu_install="30.30.3.0.30300300-2278356.24.04")
    return made.add("lists.ubuntu.com", dkms="3.0.11-1ubuntu13", mokutil="0.6.0-2build3")


def samples(root: Path) -> dict[str, Builder]:
    """Every host whose snapshot the repository keeps, by the file's name."""
    return {
        "debian-12-rx6600": Builder(root / "a", DEBIAN12).gpus(RX6600),
        "debian-13-rx6600-simulated": Builder(root / "b", DEBIAN13).simulated(RX6600),
        "ubuntu-22.04-rx6600": Builder(root / "c", UBUNTU2204).gpus(RX6600),
        "ubuntu-22.04-rx6700xt-classic": classic(root / "d"),
        "ubuntu-24.04-rx7900xtx": Builder(root / "e", UBUNTU2404).gpus(RX7900XTX),
        "ubuntu-24.04-rx6600-plus-igpu": Builder(root / "f", UBUNTU2404).gpus(RX6600, RAPHAEL),
        "debian-13-nogpu": Builder(root / "g", DEBIAN13).gpus(VIRTIO, kfd=False),
        "debian-12-nvidia": Builder(root / "h", DEBIAN12).gpus(NVIDIA, kfd=False),
        "debian-13-driver-init-failed": Builder(root / "i", DEBIAN13).gpus(DEAD),
        "ubuntu-24.04-rx7900xtx-dkms-refused": refused(root / "k"),
        "alpine": Builder(root / "j", ALPINE).gpus(RX6600),
    }


def text(snapshot: dict[str, Any]) -> str:
    return json.dumps(snapshot, indent=1) + "\n"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, made in samples(Path(folder)).items():
            (SNAPSHOTS / f"{name}.json").write_text(text(made.snapshot()))
            sys.stdout.write(f"{name}\n")


if __name__ == "__main__":
    main()
