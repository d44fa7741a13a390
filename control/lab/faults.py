"""Troubles to try gpuhost with, made from outside a lab host and taken away again.

Each is a context manager: the trouble is there inside the block and gone after it, also where the block fails.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address

import docker
from docker.models.containers import Container

from control.lab import build, hosts, mirror, names, network
from control.lab.errors import LabError
from control.lab.files import File, archive

_SIGN = "/usr/local/lib/gpuhost-lab/sign.sh"
_STATE = "/usr/local/lib/gpuhost-lab/archive-state.sh"
_ARCHIVE = "/srv/debian"
_OTHER_KEY = "/etc/gpuhost-lab/apt-other.asc"


@contextmanager
def mirror_stopped() -> Iterator[None]:
    """Nothing answers at the mirror's address."""
    client, container = _mirror()
    container.kill()
    try:
        yield
    finally:
        container.start()
        mirror.wait_ready(container, network.mirror_address(_subnet(client)))


@contextmanager
def host_stopped(name: str) -> Iterator[None]:
    """The host is off, as if its power were cut."""
    container = _host(name)
    container.kill()
    try:
        yield
    finally:
        container.start()
        hosts.wait_ready(container, IPv4Address(hosts.address_of(container)))


@contextmanager
def host_frozen(name: str) -> Iterator[None]:
    """The host's network answers, but nothing on it runs on: SSH connects and says no word."""
    container = _host(name)
    container.pause()
    try:
        yield
    finally:
        container.unpause()


@contextmanager
def archive_signed_by_another_key() -> Iterator[str]:
    """The mirror's apt archive is signed by a key that no host knows; gives that key's fingerprint."""
    client, container = _mirror()
    secret, _, fingerprint = mirror.make_apt_key(client, str(container.attrs["Image"]))
    container.put_archive("/", archive({_OTHER_KEY.lstrip("/"): File(secret, mode=0o600)}))
    must(container, [_SIGN, _ARCHIVE, _OTHER_KEY])
    try:
        yield fingerprint
    finally:
        must(container, [_SIGN, _ARCHIVE])


@contextmanager
def newer_kernel(release: int) -> Iterator[str]:
    """The mirror has a newer kernel with its headers beside the one that hosts of this Debian release have; gives what
    `uname -r` says under it. Needs a mirror with that release's kernels."""
    with _archive_state(release, "newer_kernel") as newer:
        yield newer


@contextmanager
def headers_rotated_away(release: int) -> Iterator[str]:
    """The mirror has neither the kernel that hosts of this Debian release have nor its headers any more, only the newer one
    with its own; gives what `uname -r` says under it. Needs a mirror with that release's kernels."""
    with _archive_state(release, "headers_rotated_away") as newer:
        yield newer


@contextmanager
def _archive_state(release: int, state: str) -> Iterator[str]:
    """The archive of one release is in a state of docker/lab/mirror/server/archive-state.sh; gives the newer kernel."""
    _, container = _mirror()
    suite = build.codename(release)
    newer = must(container, [_STATE, suite, state]).split()[-1]
    try:
        yield newer
    finally:
        must(container, [_STATE, suite, "normal"])


@contextmanager
def small_disk(name: str, path: str, size_bytes: int) -> Iterator[None]:
    """``path`` on the host is a file system of this size, in memory; what was there is hidden meanwhile."""
    container = _host(name)
    mounted = shlex.quote(path)
    script = f"mkdir -p {mounted} && mount -t tmpfs -o size={size_bytes},mode=755 gpuhost-lab-small {mounted}"
    must(container, ["sh", "-euc", script])
    try:
        yield
    finally:
        must(container, ["umount", "--lazy", path])


@contextmanager
def owned_by_root(name: str, path: str) -> Iterator[None]:
    """``path`` on the host belongs to root, as it does after somebody put it back from a backup."""
    container = _host(name)
    owner = must(container, ["stat", "--format=%u:%g", path]).strip()
    must(container, ["chown", "root:root", path])
    try:
        yield
    finally:
        must(container, ["chown", owner, path])


@contextmanager
def port_taken(name: str, port: int) -> Iterator[str]:
    """A process on the host listens on 127.0.0.1 at this port; gives the name of its unit."""
    listen = f"import socket,time; s=socket.socket(); s.bind(('127.0.0.1',{port})); s.listen(); time.sleep(9e5)"
    with _unit(name, f"lab-port-{port}", listen) as unit:
        yield unit


@contextmanager
def apt_locked(name: str) -> Iterator[str]:
    """A process on the host holds the locks of apt and dpkg, as an upgrade does; gives the name of its unit."""
    hold = (
        "import fcntl,time; fs=[open(p,'a') for p in ('/var/lib/dpkg/lock-frontend','/var/lib/dpkg/lock')]; "
        "[fcntl.lockf(f, fcntl.LOCK_EX) for f in fs]; time.sleep(9e5)"
    )
    with _unit(name, "lab-apt-lock", hold) as unit:
        yield unit


@contextmanager
def _unit(name: str, unit: str, program: str) -> Iterator[str]:
    """A Python program runs in a unit of the host; it has done all but sleep when the block begins."""
    container = _host(name)
    ready = program.replace("time.sleep", f"open('/run/{unit}','w').close(); time.sleep", 1)
    must(container, ["systemd-run", "--quiet", "--collect", f"--unit={unit}", "/usr/bin/python3", "-c", ready])
    wait = f"for _ in $(seq 100); do [ -e /run/{unit} ] && exit 0; sleep 0.05; done; journalctl -n 5 -u {unit}; exit 1"
    try:
        must(container, ["sh", "-c", wait])
        yield unit
    finally:
        hosts.inside(container, ["systemctl", "stop", f"{unit}.service"])  # not known any more where it ended by itself
        must(container, ["rm", "-f", f"/run/{unit}"])


def must(container: Container, command: list[str]) -> str:
    """What the command said. Raises LabError where it did not end well."""
    code, said = hosts.inside(container, command)
    if code:
        raise LabError(
            f"{container.name}: `{shlex.join(command)[:80]}` ended with {code}: {said.strip()}",
            "the trouble to try could not be made",
            f"docker logs {container.name}",
        )
    return said


def mirror_container() -> Container:
    """The mirror. Raises LabError where there is none."""
    return _mirror()[1]


def _client() -> docker.DockerClient:
    return docker.from_env()


def _host(name: str) -> Container:
    container = hosts.find(_client(), name)
    if container is None:
        raise LabError(f"no lab host {name}", "there is nothing to make trouble for", "./gpuhost lab.up")
    return container


def _mirror() -> tuple[docker.DockerClient, Container]:
    client = _client()
    container = mirror.find(client)
    if container is None:
        raise LabError(f"{names.MIRROR} does not exist", "there is nothing to make trouble for", "./gpuhost lab.up")
    return client, container


def _subnet(client: docker.DockerClient) -> network.IPv4Network:
    found = network.find(client)
    if found is None:
        raise LabError(f"no network {names.NETWORK}", "the mirror has no address without it", "./gpuhost lab.up")
    return network.subnet_of(found)
