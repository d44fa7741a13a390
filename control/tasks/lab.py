"""Commands for the lab: disposable hosts on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from invoke import Collection, Context, Exit, task

if TYPE_CHECKING:
    from control.lab.errors import LabError


@task(
    auto_shortflags=False,
    help={
        "hosts": "how many hosts (default: one per release)",
        "release": "Debian releases, dealt out in turn: 12, 13 or 12,13",
        "gpu": "GPU to simulate: rx6600, or none",
        "vm": "virtual machines with a kernel of their own instead of containers",
        "secure-boot": "with --vm: the firmware verifies what it boots",
    },
)
def up(
    c: Context, hosts: str = "", release: str = "12", gpu: str = "rx6600", vm: bool = False, secure_boot: bool = False
) -> None:
    """Make lab hosts, their mirror, the site inventory/lab.

    The first call builds images (minutes, with the network); later ones take seconds and need no network.
    With --vm the hosts are virtual machines, beside the containers that there are: with boot loader, firmware,
    reboots and kernel modules of their own. Without KVM they are slow: a boot takes half a minute and more.

    Examples:
      ./gpuhost lab.up
      ./gpuhost lab.up --hosts 3 --release 12,13
      ./gpuhost lab.up --vm --release 13 --secure-boot
    """
    from control.lab import site, spec
    from control.lab.errors import LabError, UnknownAskedError
    from control.lab.vm import spec as vm_spec

    try:
        if hosts and not hosts.isdigit():
            raise UnknownAskedError(f"--hosts {hosts} is not a number", "it says how many hosts to make", "--hosts 2")
        if secure_boot and not vm:
            raise UnknownAskedError("--secure-boot without --vm", "containers have no firmware", "--vm --secure-boot")
        count = int(hosts) if hosts else None
        if vm:
            site.up([], vms=vm_spec.parse(count, release, gpu, secure_boot))
        else:
            site.up(spec.parse(count, release, gpu))
    except LabError as problem:
        _stop(problem)


@task(
    auto_shortflags=False,
    help={
        "images": "remove the lab's images too (the next lab.up builds them again)",
        "engine": "also stop the Docker Engine, if the lab started it",
    },
)
def down(c: Context, images: bool = False, engine: bool = False) -> None:
    """Remove the lab: hosts, network, keys, inventory.

    Nothing else on this machine is touched. The images stay, so that the next lab takes seconds, unless --images.

    Examples:
      ./gpuhost lab.down
      ./gpuhost lab.down --images
    """
    from control.lab import site
    from control.lab.errors import LabError

    try:
        removed = site.down(images=images, stop_engine=engine)
    except LabError as problem:
        _stop(problem)
    print("\n".join(removed.lines()))


@task(auto_shortflags=False, positional=["host"], help={"host": "name or number of a lab host, such as 1 or vm1"})
def ssh(c: Context, host: str) -> None:
    """Log in to a lab host.

    Examples:
      ./gpuhost lab.ssh 1
      ./gpuhost lab.ssh vm1
    """
    import os

    from control.lab import site
    from control.lab.errors import LabError

    try:
        command = site.ssh_command(host)
    except LabError as problem:
        _stop(problem)
    os.execvp(command[0], command)


@task(auto_shortflags=False, help={"json": "print one JSON object"})
def status(c: Context, json: bool = False) -> None:
    """Show the lab's hosts and mirror.

    Example:  ./gpuhost lab.status
    """
    import json as json_format

    from control.lab import site

    seen = site.status()
    print(json_format.dumps(seen, indent=2) if json else "\n".join(site.status_lines(seen)))


def _stop(problem: LabError) -> NoReturn:
    raise Exit(f"lab: {problem}", code=int(problem.code))


namespace = Collection("lab", up, down, ssh, status)
