"""Lab hosts: containers that run systemd and sshd, with a Docker Engine of their own once gpuhost brings one."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import time
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from control.lab import digest, names, simulate
from control.lab.errors import LabError
from control.lab.files import File, archive
from control.lab.keys import ssh_key, write_private
from control.lab.simulate import Link
from control.lab.spec import HostSpec

_READY_S = 30.0
#: What the command line calls `systempaths=unconfined`: an engine inside must mount /proc and /sys for its containers.
UNMASKED: dict[str, list[str]] = {"MaskedPaths": [], "ReadonlyPaths": []}
#: uid and gid of the user in the host image.
_USER_ID = 1000


@dataclass(frozen=True)
class Place:
    """Where a host is put: image, address, and what it must know of the lab."""

    image: str
    address: IPv4Address
    mirror: IPv4Address
    address6: IPv6Address | None = None


def up(client: docker.DockerClient, spec: HostSpec, place: Place) -> float | None:
    """The host runs as specified and SSH answers; seconds that took, or None if it was so already.

    A stopped host is started with all it had; one made from another specification or image is made anew.
    """
    start = time.monotonic()
    wanted = _input(spec, place)
    container = find(client, spec.name)
    if container is not None and container.labels.get(names.INPUT_LABEL) != wanted:
        remove(client, container)
        container = None
    if container is not None and container.status == "running":
        return None
    if container is None:
        container = _create(client, spec, place, wanted)
    container.start()
    wait_ready(container, place.address)
    if spec.sudo_password:
        _set_password(container, spec)
    return time.monotonic() - start


def find(client: docker.DockerClient, name: str) -> Container | None:
    try:
        container = client.containers.get(name)
    except NotFound:
        return None
    if names.LABEL not in container.labels:
        raise LabError(
            f"a container {name} exists that the lab did not make",
            "the lab touches nothing that it did not make",
            f"remove or rename it: docker rename {name} other-name",
        )
    return container


def every(client: docker.DockerClient) -> list[Container]:
    """All lab hosts, running or not, by number."""
    found = client.containers.list(all=True, filters={"label": names.SPEC_LABEL})
    return sorted(found, key=lambda one: spec_of(one).number)


def spec_of(container: Container) -> HostSpec:
    return HostSpec.from_json(container.labels[names.SPEC_LABEL])


def address_of(container: Container) -> str:
    """The address it has, or would have when started."""
    endpoint = container.attrs["NetworkSettings"]["Networks"][names.NETWORK]
    return endpoint["IPAddress"] or endpoint["IPAMConfig"]["IPv4Address"]


def remove(client: docker.DockerClient, container: Container) -> None:
    """The host, its disk and its keys are gone."""
    spec = spec_of(container)
    container.remove(force=True, v=True)
    with contextlib.suppress(NotFound):
        client.volumes.get(spec.volume).remove(force=True)
    shutil.rmtree(host_dir(spec.name), ignore_errors=True)  # a host of a lab whose keys are gone has none


def host_dir(name: str) -> Path:
    return names.HOSTS_DIR / name


def known_hosts_line(name: str, address: str) -> str:
    return f"{address},{name} {ssh_key(host_dir(name) / 'ssh_host_ed25519_key').public}\n"


def wait_ready(container: Container, address: IPv4Address) -> None:
    """sshd at the address has sent its greeting. Raises LabError with what systemd says."""
    deadline = time.monotonic() + _READY_S
    while time.monotonic() < deadline:
        if _greets(address):
            return
        time.sleep(0.05)
    _, state = inside(container, ["systemctl", "--no-pager", "--failed", "--plain"])
    raise LabError(
        f"{container.name} ({address}): no SSH after {_READY_S:.0f} s; systemd says:\n{state.strip()}",
        "gpuhost reaches its hosts over SSH alone",
        f"docker exec {container.name} journalctl -b --no-pager | tail -50",
    )


def _greets(address: IPv4Address) -> bool:
    try:
        with socket.create_connection((str(address), 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def inside(container: Container, command: list[str], environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Exit code and output of a command that root runs in the host, without SSH."""
    code, output = container.exec_run(command, environment=environment)
    return code or 0, b"".join([output] if isinstance(output, bytes) else output).decode(errors="replace")


def _input(spec: HostSpec, place: Place) -> str:
    user_key = ssh_key(names.SSH_KEY).public
    return digest.of(spec.as_json(), place.image, str(place.address), str(place.address6), str(place.mirror), user_key)


def _create(client: docker.DockerClient, spec: HostSpec, place: Place, wanted: str) -> Container:
    client.volumes.create(spec.volume, labels=names.labels(**names.home()))
    address6 = str(place.address6) if place.address6 else None
    endpoint = client.api.create_endpoint_config(ipv4_address=str(place.address), ipv6_address=address6)
    made = client.api.create_container(
        place.image,
        name=spec.name,
        hostname=spec.name,
        labels=names.labels(**names.home(), **{names.SPEC_LABEL: spec.as_json(), names.INPUT_LABEL: wanted}),
        volumes=["/sys/fs/cgroup", "/var/lib/docker"],
        host_config={**client.api.create_host_config(**host_options(spec, place)), **UNMASKED},
        networking_config={"EndpointsConfig": {names.NETWORK: endpoint}},
    )
    container = client.containers.get(made["Id"])
    container.put_archive("/", archive(host_files(spec, place, Path("/proc/devices").read_text())))
    return container


def host_options(spec: HostSpec, place: Place) -> dict[str, Any]:
    """How a container becomes a host: what systemd and a Docker Engine inside need, and no more.

    `privileged` would be simpler and fails where this machine itself lacks CAP_SYS_RESOURCE.
    """
    return {
        "network_mode": names.NETWORK,
        "extra_hosts": {names.MIRROR: str(place.mirror)},
        "cap_add": ["ALL"],
        "cap_drop": ["SYS_RESOURCE"],
        # The engine inside sets up namespaces and mounts of its own, which the default profiles refuse.
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "device_cgroup_rules": ["a *:* rwm"],
        "cgroupns": "host",
        "binds": {
            "/sys/fs/cgroup": {"bind": "/sys/fs/cgroup", "mode": "rw"},
            spec.volume: {"bind": "/var/lib/docker", "mode": "rw"},
        },
        "tmpfs": {"/run": "exec,mode=755", "/tmp": "exec,mode=1777"},
    }


def host_files(spec: HostSpec, place: Place, proc_devices: str) -> dict[str, File | Link]:
    """What makes a host of the image this host: keys, name server, and the simulated GPU."""
    key = ssh_key(host_dir(spec.name) / "ssh_host_ed25519_key")
    files: dict[str, File | Link] = {
        "etc/ssh/ssh_host_ed25519_key": File(key.private, mode=0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": File(f"{key.public}\n"),
        "home/gpuhost/.ssh/authorized_keys": File(
            f"{ssh_key(names.SSH_KEY).public} gpuhost-lab\n", mode=0o600, uid=_USER_ID, gid=_USER_ID
        ),
        "etc/gpuhost-lab/resolv.conf": File(f"nameserver {place.mirror}\noptions timeout:1 attempts:2\n"),
    }
    if spec.os_release is not None:
        files["etc/os-release"] = File(spec.os_release)
    if spec.sudo_password:
        files["etc/sudoers.d/gpuhost"] = File(f"{names.USER} ALL=(ALL) ALL\n", mode=0o440)
    if spec.gpu is not None:
        files |= gpu_files(simulate.CARDS[spec.gpu], proc_devices)
    return files


def gpu_files(card: simulate.Card, proc_devices: str) -> dict[str, File | Link]:
    """The simulated tree, the word that it is one, and the list of its device nodes."""
    said = {"sysroot": simulate.SYSROOT, "note": card.note}
    root = simulate.SYSROOT.lstrip("/")
    tree = {f"{root}/{path}": File(what) if isinstance(what, str) else what
            for path, what in simulate.tree(card).items()}  # fmt: skip
    return {
        **tree,
        simulate.SIMULATED_JSON.lstrip("/"): File(json.dumps(said) + "\n"),
        "etc/gpuhost-lab/devices": File(simulate.device_nodes(card, proc_devices)),
    }


def _set_password(container: Container, spec: HostSpec) -> None:
    """The user has the password in `.lab/hosts/<name>/sudo_password`; it never reaches a command line."""
    path = host_dir(spec.name) / "sudo_password"
    if not path.is_file():
        write_private(path, secrets.token_urlsafe(12))
    environment = {"WORD": path.read_text()}
    script = f'printf "{names.USER}:%s\\n" "$WORD" | chpasswd'
    code, said = inside(container, ["sh", "-euc", script], environment)
    if code:
        raise LabError(
            f"{spec.name}: chpasswd said {said.strip()}",
            "this host is to ask for a password",
            "./gpuhost lab.down; ./gpuhost lab.up",
        )
