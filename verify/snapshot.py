"""The snapshot: one document that says what a host is. Shape: `verify/schema/snapshot-1.json`, `docs/snapshot.md`."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Callable

from .probes import (
    access,
    addresses,
    apt,
    boot,
    candidates,
    containers,
    dkms,
    gateway,
    gpus,
    kernel,
    leftovers,
    network,
    packages,
    ports,
    pythons,
    rocm,
    system,
)
from .probes.host import SIMULATED_FILE, Host

SCHEMA = 1
#: A section that has not come by then is an error: a dead mount or a stuck engine must not hold up the rest.
LIMIT_S = 10.0
#: Those that fetch, when asked to, take longer.
LIMITS = {"candidates": candidates.LIMIT_S}

SECTIONS: dict[str, Callable[[Host], Any]] = {
    "os": system.look_os,
    "kernel": kernel.look_kernel,
    "iommu": kernel.look_iommu,
    "cpu": system.look_cpu,
    "memory": system.look_memory,
    "disk": system.look_disk,
    "gpus": gpus.look_gpus,
    "kfd": gpus.look_kfd,
    "devices": access.look_devices,
    "groups": access.look_groups,
    "users": access.look_users,
    "packages": packages.look_packages,
    "apt": apt.look_apt,
    "dkms": dkms.look_dkms,
    "rocm": rocm.look_rocm,
    "override": rocm.look_override,
    "leftovers": leftovers.look_leftovers,
    "reboots": boot.look_reboots,
    "engine": containers.look_engine,
    "ports": ports.look_ports,
    "addresses": addresses.look_addresses,
    "gateway": gateway.look_gateway,
    "python": pythons.look_python,
    "venvs": pythons.look_venvs,
}
#: What others than `verify` look at, with the value where nobody does.
ELSEWHERE: dict[str, Any] = {"seals": {}, "lease": None, "steps": {}}


def take(
    sysroot: str | Host = "/",
    want: Mapping[str, Any] | None = None,
    extra: Mapping[str, Callable[[], Any]] | None = None,
) -> dict[str, Any]:
    """The snapshot of this host. Changes nothing and never raises: a section that fails is `{"error": "…"}`.

    :param sysroot: the file tree to look at, or the :class:`Host` that answers for one.
    :param want: `{"network": [addresses], "ca": [PEM texts], "candidates": {…}}`: what is looked at only when asked; for the
        last see :func:`verify.probes.candidates.look_candidates`.
    :param extra: sections made by others, by name (`seals`, `lease`, `steps`).
    """
    host = sysroot if isinstance(sysroot, Host) else Host(sysroot)
    asked = dict(want or {})
    begun = host.clock()
    head = {"schema": SCHEMA, "taken_at": host.now(), "duration_s": 0.0, "simulated": host.exists(SIMULATED_FILE)}
    who = {"as_root": host.is_root(), "login_user": host.login_user(), "process_groups": host.process_groups()}
    looks: dict[str, Callable[[], Any]] = {name: bind(look, host) for name, look in SECTIONS.items()}
    looks["network"] = lambda: network.look_network(asked.get("network") or [], asked.get("ca"))
    looks["candidates"] = lambda: candidates.look_candidates(asked.get("candidates"))
    looks.update(extra or {})
    sections = {**ELSEWHERE, **all_at_once(looks)}
    engine = sections["engine"]
    ports.name_containers(sections["ports"], engine.get("containers"))
    head["duration_s"] = round(host.clock() - begun, 3)
    return {**head, **who, "needs_root": sorted(host.needs_root), **sections}


def bind(look: Callable[[Host], Any], host: Host) -> Callable[[], Any]:
    return lambda: look(host)


def all_at_once(looks: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """What each look gives, or its error, after at most its time limit. Order of the keys is kept."""
    found: dict[str, Any] = {}

    def run(name: str, look: Callable[[], Any]) -> None:
        try:
            found[name] = look()
        except Exception as problem:  # whatever a probe meets, the rest of the snapshot still comes
            found[name] = {"error": f"{type(problem).__name__}: {problem}"}

    threads = {n: threading.Thread(target=run, args=(n, look), daemon=True) for n, look in looks.items()}
    for thread in threads.values():
        thread.start()
    begun = time.monotonic()
    for name, thread in threads.items():
        thread.join(max(begun + LIMITS.get(name, LIMIT_S) - time.monotonic(), 0))
    here = dict(found)
    return {n: here.get(n, {"error": f"did not come within {LIMITS.get(n, LIMIT_S):g} s"}) for n in looks}
