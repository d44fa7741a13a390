"""The lab as a whole: bring it up, look at it, log in, take it down."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from control.lab import build, engine, hosts, inventory, keys, lock, mirror, names, network, simulate, spec
from control.lab.errors import LabError
from control.lab.images import Say, say_plainly
from control.lab.spec import HostSpec
from control.lab.vm import fleet
from control.lab.vm import spec as vm_spec
from control.lab.vm.spec import VmSpec


def up(wanted: Sequence[HostSpec], say: Say = say_plainly, vms: Sequence[VmSpec] = ()) -> list[str]:
    """These hosts and the mirror run, and the site `inventory/lab` names every host of the lab.

    Hosts that are there already and not asked for stay as they are. The second call takes a second.

    :param wanted: hosts that are containers.
    :param vms: hosts that are virtual machines.
    :returns: the names of the hosts asked for.
    :raises LabError: what failed; what was made until then stays, and the same call goes on from there.
    """
    asked = [one.name for one in wanted] + [one.name for one in vms]
    spec.only(asked)
    with lock.alone(names.LAB_DIR, say):
        client = engine.ensure(say)
        machines = {one.release for one in vms}
        built, subnet = _mirror(client, {one.release for one in wanted} | machines, machines, say)
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda one: _host(client, one, built, subnet, say), wanted))
        for vm in vms:  # one after the other: under emulation each takes all that this machine has
            _vm(vm, network.mirror_address(subnet), say)
        write_site(client)
    return asked


def up_mirror(releases: Collection[int], say: Say = say_plainly) -> None:
    """The mirror runs, with what virtual machines of these Debian releases need. Raises LabError as `up`."""
    with lock.alone(names.LAB_DIR, say):
        _mirror(engine.ensure(say), set(releases), set(releases), say)


def _mirror(client: docker.DockerClient, asked: set[int], machines: set[int], say: Say) -> tuple[build.Built, IPv4Network]:
    """The mirror has these releases with kernels for virtual machines, and what it and the hosts have already."""
    refuse_another_lab(client)
    there = {hosts.spec_of(one).release for one in hosts.every(client)} | mirror.releases(client)
    releases, kernels = sorted(asked | there), sorted(machines | mirror.kernels(client))
    built = build.build(client, releases, say, kernels)
    subnet = network.ensure(client)
    # Before the hosts, which are made at once: all of them get the same key.
    keys.ssh_key(names.SSH_KEY)
    start = time.monotonic()
    if mirror.up(client, built.mirror, network.mirror_address(subnet), releases, kernels):
        say(f"{names.MIRROR}  apt, wheels and images answer in {time.monotonic() - start:.1f} s  STAND-IN for the internet")
    return built, subnet


def _host(client: docker.DockerClient, one: HostSpec, built: build.Built, subnet: IPv4Network, say: Say) -> None:
    address = network.host_address(subnet, one.number)
    address6 = network.host_address6(subnet, one.number) if network.has_ipv6() else None
    place = hosts.Place(built.hosts[one.release], address, network.mirror_address(subnet), address6)
    took = hosts.up(client, one, place)
    state = "was up already" if took is None else f"ssh ready in {took:.1f} s"
    say(f"{one.name}  Debian {one.release}  {simulate.describe(one.gpu)}  {state}")


def _vm(one: VmSpec, mirror_address: IPv4Address, say: Say) -> None:
    start = time.monotonic()
    machine = fleet.up(one, mirror_address, say)
    what = f"{simulate.describe(one.gpu)}{'  Secure Boot' if one.secure_boot else ''}"
    took = time.monotonic() - start
    say(f"{one.name}  Debian {one.release}  {what}  ssh on port {machine.port} after {took:.1f} s")


def write_site(client: docker.DockerClient) -> None:
    """`inventory/lab` and the known hosts name the hosts that there are now; nothing without a lab."""
    if not mirror.has_apt_key():
        return
    found = hosts.every(client)
    addresses = {hosts.spec_of(one).name: hosts.address_of(one) for one in found}
    lines = "".join(hosts.known_hosts_line(name, address) for name, address in addresses.items())
    names.KNOWN_HOSTS.write_text(lines + fleet.known_hosts_lines())
    keys.ssh_key(names.SSH_KEY)
    specs = [hosts.spec_of(one) for one in found]
    programs = mirror.program_digests(client)
    inventory.write(
        names.SITE_DIR,
        inventory.hosts(specs, addresses, names.LAB_DIR, fleet.entries()),
        inventory.wishes(names.LAB_DIR, mirror.apt_fingerprint(), mirror.amd_fingerprint(), programs),
    )


def refuse_another_lab(client: docker.DockerClient) -> None:
    """Raises LabError where the lab that is up belongs to another checkout that still exists."""
    found = client.containers.list(all=True, filters={"label": names.HOME_LABEL})
    homes = {one.labels[names.HOME_LABEL] for one in found} - {str(names.LAB_DIR)}
    if homes:
        other = sorted(homes)[0]
        raise LabError(
            f"the lab of another checkout is up: {other}",
            "its hosts know other keys, and both would have the same names",
            "run ./gpuhost lab.down there first (or here: it removes that lab as well)",
        )


def ssh_command(name: str) -> list[str]:
    """The command that logs in to a lab host. Raises LabError where there is no such host."""
    vm_number = vm_spec.number_of(name)
    if vm_number is not None:
        return fleet.get(f"{names.VM_PREFIX}{vm_number}").shell.command(names.USER)
    client = engine.connect()
    container = hosts.find(client, f"{names.PREFIX}{spec.number_of(name)}") if client else None
    if container is None:
        there = ", ".join(hosts.spec_of(one).name for one in hosts.every(client)) if client else ""
        raise LabError(f"no lab host {name}", f"there are: {there or 'none'}", "./gpuhost lab.up")
    options = [word for option in inventory.ssh_options(names.LAB_DIR) for word in ("-o", option)]
    return ["ssh", "-i", str(names.SSH_KEY), *options, f"{names.USER}@{hosts.address_of(container)}"]


def status() -> dict[str, Any]:
    """What there is: ``{engine, mirror, hosts: [{name, release, gpu, address, status}], vms, images_bytes}``.

    ``vms`` as in `control.lab.vm.fleet.status`.
    """
    client = engine.connect()
    there = {"vms": fleet.status(), "vm_images_bytes": fleet.images_bytes()}
    if client is None:
        return {"engine": False, "mirror": None, "hosts": [], "images_bytes": 0, **there}
    server = mirror.find(client)
    return {
        **there,
        "engine": True,
        "mirror": server.status if server else None,
        "hosts": [_host_status(one) for one in hosts.every(client)],
        "images_bytes": images_bytes(client),
    }


def status_lines(seen: Mapping[str, Any]) -> list[str]:
    """`status` for a person."""
    if not seen["engine"] and not seen["vms"]:
        return ["no Docker Engine runs here: there is no lab"]
    lines = [
        f"{one['name']:<16} Debian {one['release']}  {one['gpu']:<20} {one['address']:<14} {one['status']}"
        for one in [*seen["hosts"], *(vm | {"address": f"{vm['address']}:{vm['port']}"} for vm in seen["vms"])]
    ]
    if not lines:
        lines = ["no lab host: ./gpuhost lab.up"]
    if seen["mirror"]:
        lines.append(f"{names.MIRROR}: {seen['mirror']}")
    return [*lines, f"images: {gigabytes(seen['images_bytes'] + seen['vm_images_bytes'])}"]


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _host_status(container: Any) -> dict[str, Any]:
    one = hosts.spec_of(container)
    return {
        "name": one.name,
        "release": one.release,
        "gpu": simulate.describe(one.gpu),
        "address": hosts.address_of(container),
        "status": container.status,
    }


@dataclass(frozen=True)
class Removed:
    """What `down` took away, by kind, and the bytes of the images that it kept."""

    containers: list[str]
    machines: list[str]
    volumes: list[str]
    networks: list[str]
    images: list[str]
    kept_bytes: int

    def lines(self) -> list[str]:
        """What a person reads after `lab.down`."""
        kinds = {"containers": self.containers, "virtual machines": self.machines, "volumes": self.volumes,
                 "networks": self.networks, "images": self.images}  # fmt: skip
        said = [f"removed {len(found)} {kind}: {', '.join(sorted(found))}" for kind, found in kinds.items() if found]
        if self.kept_bytes:
            said.append(f"kept {gigabytes(self.kept_bytes)} of images for the next lab.up; lab.down --images removes them")
        return said or ["there was no lab"]


def remove_hosts(wanted: Sequence[str]) -> None:
    """These hosts are gone with all that was on them; the rest of the lab stays."""
    client = engine.connect()
    with lock.alone(names.LAB_DIR, say_plainly):
        for name in wanted:
            container = None if fleet.remove(name) or client is None else hosts.find(client, name)
            if client is not None and container is not None:
                hosts.remove(client, container)
        if client is not None:
            write_site(client)


def down(images: bool = False, stop_engine: bool = False) -> Removed:
    """Nothing of the lab is left but, unless ``images``, its images; nothing else is touched.

    :param images: remove the images too.
    :param stop_engine: stop the Docker Engine as well, if the lab started it.
    """
    client = engine.connect()
    with lock.alone(names.LAB_DIR, say_plainly):
        machines = fleet.down(images)
        removed = _remove_objects(client, images) if client else Removed([], [], [], [], [], 0)
        removed = replace(removed, machines=machines, kept_bytes=removed.kept_bytes + fleet.images_bytes())
        if names.SITE_DIR.is_dir():
            shutil.rmtree(names.SITE_DIR)
        if stop_engine:
            engine.stop()
        _remove_own_files(names.LAB_DIR)
    return removed


def _remove_own_files(folder: Path) -> None:
    """Keys and scratch are gone; the files of an engine that may still run stay, images, and the lock that is held."""
    for path in folder.glob("*"):
        if path.is_dir() and path.name != names.VM_DIR.name:
            shutil.rmtree(path)
        elif path.is_file() and path.name not in (*engine.OWN_FILES, lock.FILE_NAME):
            path.unlink()


def _remove_objects(client: docker.DockerClient, images: bool) -> Removed:
    mine: dict[str, Any] = {"label": names.LABEL}
    # By the label that images do not have: a container that somebody made from one of the lab's images is theirs.
    containers = client.containers.list(all=True, filters={"label": names.HOME_LABEL})
    for container in containers:
        container.remove(force=True, v=True)
    volumes = client.volumes.list(filters=mine)
    for volume in volumes:
        volume.remove(force=True)
    networks = client.networks.list(filters=mine)
    for one in networks:
        one.remove()
    gone = _remove_images(client) if images else []
    return Removed(_names(containers), [], _names(volumes), _names(networks), gone, images_bytes(client))


def _names(objects: Sequence[Any]) -> list[str]:
    return [str(one.name) for one in objects]


def _remove_images(client: docker.DockerClient) -> list[str]:
    """The lab's images that no container uses are gone, leftovers of their builds too; the tags removed."""
    mine: dict[str, Any] = {"label": names.LABEL}
    gone = []
    for tag in [tag for image in client.images.list(filters=mine) for tag in image.tags]:
        if tag.startswith(f"{names.IMAGES}/"):
            with suppress(APIError):  # somebody's own container uses it: it stays, and is counted as kept
                client.images.remove(tag)
                gone.append(tag)
    for image in client.images.list(filters={**mine, "dangling": True}):
        with suppress(APIError):  # as above
            client.images.remove(str(image.id))
    return gone


def images_bytes(client: docker.DockerClient) -> int:
    """Disk that the lab's images take, shared layers counted once."""
    layers: dict[str, int] = {}
    for image in client.images.list(filters={"label": names.LABEL}):
        for layer in image.history():
            key = f"{layer['Created']} {layer['CreatedBy']} {layer['Size']}"
            layers[key] = layer["Size"]
    return sum(layers.values())
