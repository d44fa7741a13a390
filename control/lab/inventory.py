"""The site `inventory/lab`: where the hosts are, and wishes that point everything at the mirror."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from control.lab import names
from control.lab.spec import HostSpec

_HEADER = "# Written by `./gpuhost lab.up`, removed by `./gpuhost lab.down`: changes here are lost.\n"
#: PyTorch per Debian release. PyTorch's CPU wheels go into the mirror for the Python of the first; the second takes
#: the distribution's own, so that the lab goes both ways.
PYTORCH = {12: "cpu", 13: "distro"}


def hosts(
    specs: Sequence[HostSpec],
    addresses: Mapping[str, str],
    lab_dir: Path,
    vms: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
) -> dict[str, Any]:
    """The group ``gpuhost`` with one entry per host.

    :param addresses: address by host name.
    :param lab_dir: holds the SSH key and the known hosts.
    :param vms: entries of virtual machines, by name; see :func:`vm`.
    """
    containers = {spec.name: _host(spec.release, addresses[spec.name]) for spec in specs}
    entries = containers | {name: dict(entry) for name, entry in vms.items()}
    return {"gpuhost": {"hosts": entries, "vars": connection(lab_dir)}}


def vm(release: int, address: str, port: int) -> dict[str, Any]:
    """The entry of a virtual machine: many share one address."""
    return {**_host(release, address), "ansible_port": port}


def connection(lab_dir: Path) -> dict[str, str]:
    """How Ansible reaches every lab host: only the lab's key, and only hosts whose key the lab put there."""
    key = lab_dir / names.SSH_KEY.relative_to(names.LAB_DIR)
    return {
        "ansible_user": names.USER,
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": " ".join(f"-o '{option}'" for option in ssh_options(lab_dir)),
    }


def ssh_options(lab_dir: Path) -> list[str]:
    """Options of OpenSSH as ``Name=value``; the inner quotes let a path have spaces."""
    known = lab_dir / names.KNOWN_HOSTS.relative_to(names.LAB_DIR)
    return [
        f'UserKnownHostsFile="{known}"',
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
    ]


def wishes(
    lab_dir: Path, key_fingerprint: str, amd_fingerprint: str, programs: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """What is wanted of every lab host; names as in docs/architecture.md, "Wishes".

    :param key_fingerprint: of the key that signs the mirror of Debian.
    :param amd_fingerprint: of the key that stands in for AMD's.
    :param programs: digests of archives of programs in the mirror, by file name.
    """
    return {
        "sources_ca_certificates": [str(lab_dir / names.CA_CERTIFICATE.relative_to(names.LAB_DIR))],
        "sources_apt_url": names.APT_URL,
        "sources_apt_components": list(names.APT_COMPONENTS),
        "sources_apt_key": str(lab_dir / names.APT_KEY.relative_to(names.LAB_DIR)),
        "sources_apt_key_fingerprint": key_fingerprint,
        "sources_amd_driver_url": names.amd_url("amdgpu"),
        "sources_amd_rocm_url": names.amd_url("rocm"),
        "sources_amd_graphics_url": names.amd_url("graphics"),
        "sources_amd_core_url": names.amd_url("core"),
        "sources_amd_key": str(lab_dir / names.AMD_KEY.relative_to(names.LAB_DIR)),
        "sources_amd_key_fingerprint": amd_fingerprint,
        "sources_registry_mirrors": [names.REGISTRY_URL],
        "sources_registries": {name: f"{names.MIRROR}:{names.REGISTRY_PORT}/{name}" for name in names.REGISTRIES},
        "sources_programs": {"ollama": names.RELEASES_URL},
        "sources_programs_sha256": dict(programs),
        "sources_python_index": names.PYTHON_INDEX,
        "sources_torch_index": names.PYTHON_INDEX,
        "gpu_access_users": [names.USER],
        "services_models": [names.MODEL],
        "services_embedding_model": names.MODEL,
    }


def write(site_dir: Path, host_entries: Mapping[str, Any], all_wishes: Mapping[str, Any]) -> None:
    """Both files are there and say exactly this; an equal file keeps its time stamp."""
    _write(site_dir / "hosts.yml", host_entries)
    _write(site_dir / "group_vars" / "all" / "lab.yml", all_wishes)


def _host(release: int, address: str) -> dict[str, Any]:
    """A host without a GPU gets no wish for one: whoever sets it up says `--cpu`, as with any other machine."""
    return {"ansible_host": address, "pytorch_build": PYTORCH[release]}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    text = f"---\n{_HEADER}{yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=1000)}"
    if path.is_file() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
