"""What makes a machine of the image this host: keys, name, the way to the mirror, and the simulated GPU."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

from control.lab import digest, names, simulate
from control.lab.files import File, archive
from control.lab.keys import ssh_key
from control.lab.simulate import Link
from control.lab.vm import shell
from control.lab.vm.image import known_host
from control.lab.vm.machine import Machine
from control.lab.vm.spec import VmSpec

#: This machine, as QEMU's own network shows it to a guest.
_GATEWAY = "10.0.2.2"
#: uid and gid of the user in the image.
_USER_ID = 1000
HOST_KEY = "ssh_host_ed25519_key"
_UNIT = "gpuhost-lab-gpu.service"


def settle(machine: Machine, spec: VmSpec, mirror: IPv4Address | None) -> None:
    """The running machine is this host: from now on it shows its own key, and takes the lab's.

    :param mirror: the only address beyond this machine that it has a way to; None where there is no mirror.
    """
    key = ssh_key(machine.folder / HOST_KEY)
    machine.shell.send(archive(files(spec, key.private, key.public, mirror)))
    machine.run(script(spec.name, mirror))
    machine.shell.close()
    (machine.folder / shell.KNOWN_HOSTS).write_text(known_host(machine.name, machine.folder / HOST_KEY))


def files(spec: VmSpec, private: str, public: str, mirror: IPv4Address | None) -> dict[str, File | Link]:
    """The host's own files, by path."""
    lab_key = ssh_key(names.SSH_KEY).public
    found: dict[str, File | Link] = {
        "etc/ssh/ssh_host_ed25519_key": File(private, mode=0o600),
        "etc/ssh/ssh_host_ed25519_key.pub": File(f"{public}\n"),
        "home/gpuhost/.ssh/authorized_keys": File(f"{lab_key} gpuhost-lab\n", mode=0o600, uid=_USER_ID, gid=_USER_ID),
        "root/.ssh/authorized_keys": File(f"{lab_key} gpuhost-lab\n", mode=0o600),
        "etc/hostname": File(f"{spec.name}\n"),
        "etc/hosts": File(f"127.0.0.1 localhost\n127.0.1.1 {spec.name}\n{_mirror_line(mirror)}"),
    }
    if mirror is not None:
        route = f"[Route]\nDestination={mirror}/32\nGateway={_GATEWAY}\n"
        found["etc/systemd/network/10-gpuhost-lab.network.d/mirror.conf"] = File(route)
    return found


def script(name: str, mirror: IPv4Address | None) -> str:
    """What puts the files into effect without a boot."""
    route = f"ip route replace {mirror}/32 via {_GATEWAY}" if mirror else "true"
    return f"hostname {name}\n{route}\nsystemctl reload ssh.service\n"


def add_gpu(machine: Machine, gpu: str) -> None:
    """The running machine has the simulated card and, as at each boot from now on, what the kernel really has for it."""
    machine.shell.send(archive(gpu_files(simulate.CARDS[gpu])))
    machine.run(f"systemctl daemon-reload && systemctl start {_UNIT} && udevadm settle")


def card_key(gpu: str) -> str:
    """Changes with anything that `add_gpu` puts on a machine."""
    return digest.of({path: repr(what) for path, what in gpu_files(simulate.CARDS[gpu]).items()})


def gpu_files(card: simulate.Card) -> dict[str, File | Link]:
    """The simulated tree without the kernel's modules, the word that it is one, and what loads the real modules at boot.

    udev loads ``amdgpu`` for a real card. Here a unit does, and as udev it does not mind a module that the kernel
    refuses. ``vgem`` gives a render node, which ``amdgpu`` has only with a card.
    """
    said = {"sysroot": simulate.SYSROOT, "note": card.note, "kernel": "real"}
    root = Path(simulate.SYSROOT.lstrip("/"))
    tree = {f"{root / path}": File(what) if isinstance(what, str) else what
            for path, what in simulate.tree(card, module=False).items()}  # fmt: skip
    unit = (
        "[Unit]\nDescription=Modules that udev would load for the simulated GPU\nBefore=ssh.service\n"
        "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=-/sbin/modprobe vgem\nExecStart=-/sbin/modprobe amdgpu\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    return {
        **tree,
        simulate.SIMULATED_JSON.lstrip("/"): File(json.dumps(said) + "\n"),
        f"etc/systemd/system/{_UNIT}": File(unit),
        f"etc/systemd/system/multi-user.target.wants/{_UNIT}": Link(f"/etc/systemd/system/{_UNIT}"),
    }


def _mirror_line(mirror: IPv4Address | None) -> str:
    return f"{mirror} {names.MIRROR}\n" if mirror else ""
