"""The model cache of a site, on the host that is it: opened for hosts that the control node names, closed after them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from . import files, lease, library, model_records, paths, peer_keys, process, units
from .finding import FindingError
from .ollama import Ollama, OllamaError
from .siblings import model_names

#: No name of a step's unit: a cache that waits is no work of this host.
UNIT = "gpuhost.model-cache.service"
START_SECONDS = 15
#: Longer than any model takes; the unit ends by itself long before, when nobody asks.
MOST_SECONDS = 24 * 3600
#: Addresses that nobody has (RFC 5737, RFC 3849): the default route leads there.
ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def folder() -> Path:
    """Key, certificates and order of the cache."""
    return paths.runtime() / "model-cache"


def _lock() -> Path:
    # Beside the folder: who closes removes that one while another waits to open it.
    return paths.runtime() / "model-cache.lock"


def lacking(models: list[str], owner: lease.Owner) -> dict[str, Any]:
    """This host's Ollama (``url``, ``folder``), which of the models it does not have (``missing``), and what may stand in
    the way of fetching them: ``free_bytes``, ``at_work`` (steps that run), ``lease`` and ``held``: who but ``owner`` has it.

    :raises FindingError: ``GH-MODEL-CACHE`` where this host has no Ollama of gpuhost's that answers.
    """
    server = model_records.server()
    if not server:
        raise FindingError("GH-MODEL-CACHE", "it has no models of gpuhost's yet")
    try:
        there = Ollama(server["url"]).models()
    except OllamaError as error:
        raise FindingError("GH-MODEL-CACHE", error.message) from error
    return {
        **server,
        "missing": [name for name in models if model_names.among(name, there) is None],
        "free_bytes": shutil.disk_usage(paths.under(server["folder"])).free,
        "at_work": units.active(),
        "held": lease.other(owner),
        "lease": lease.read(),
    }


def offer(
    models: list[str], host: str, client: str, addresses: list[str], port: int, routed: bool = False
) -> dict[str, str]:
    """The cache listens and hands these models to the host with this certificate: ``{url, certificate}`` of the cache.

    :param addresses: names or addresses at which other hosts reach this one, the best first.
    :param routed: where none of them will do, the address at which the default route begins does.
    :raises FindingError: ``GH-MODEL-CACHE`` where it cannot.
    """
    server = model_records.server()
    if not server:
        raise FindingError("GH-MODEL-CACHE", "it has no models of gpuhost's yet")
    owner = paths.under(server["folder"]).stat()
    address = _own(addresses, routed)
    with files.locked(_lock()):
        certificate = peer_keys.ensure(folder(), "gpuhost model cache", owner.st_uid, owner.st_gid)
        _write("clients.json", {**_clients(), host: client})
        known = _order() if _running() else {}
        order = {
            "address": address,
            "port": port,
            "models_folder": str(paths.under(server["folder"])),
            "models": sorted({*known.get("models", []), *models}),
        }
        _write("order.json", order)
        _write_clients()
        if known and (known["address"], known["port"]) != (address, port):
            _stop()
        if not _running():
            _start(owner, address, port)
    literal = f"[{address}]" if ":" in address else address
    return {"url": f"https://{literal}:{port}", "certificate": certificate}


def close(host: str) -> bool:
    """The cache knows this host no longer, and has ended where it knows none; whether it knew it."""
    with files.locked(_lock()):
        if not folder().exists():
            return False
        clients = _clients()
        known = clients.pop(host, None)
        _write("clients.json", clients)
        if clients:
            _write_clients()
        else:
            _stop()
            shutil.rmtree(folder())
    return known is not None


def _own(addresses: list[str], routed: bool) -> str:
    """The first that is this host's own and can be reached from elsewhere."""
    found = [one for name in addresses for one in _resolved(name)]
    # Debian's installer writes a host's own name to 127.0.1.1: there the name that others know says nothing.
    for family, address in [*found, *(_sources() if routed else [])]:
        if _may_listen(family, address):
            return address
    tried = ", ".join(addresses) or "nothing"
    raise FindingError("GH-MODEL-CACHE", f"{tried}: not its own, or only for itself (services_model_cache_address)")


def _resolved(name: str) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [(family, str(where[0])) for family, _, _, _, where in found]


def _sources() -> list[tuple[int, str]]:
    """The addresses with which this host goes out, by its routes. Nothing is sent: a datagram socket only looks them up."""
    found = []
    for family, elsewhere in ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, 9))
            found.append((int(family), str(probe.getsockname()[0])))
    return found


def _may_listen(family: int, address: str) -> bool:
    """Whether it is an address of this host, and none that only this host reaches."""
    if address.startswith("127.") or address == "::1":
        return False
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _start(owner: os.stat_result, address: str, port: int) -> None:
    library.install()
    own = str(folder())
    properties = {
        "WorkingDirectory": str(paths.library()),
        "NoNewPrivileges": "yes",
        # What it takes to become the owner; nothing of it is left then.
        "CapabilityBoundingSet": "CAP_SETUID CAP_SETGID CAP_SETPCAP",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        "RuntimeMaxSec": str(MOST_SECONDS),
    }
    argv = [
        "systemd-run",
        "--quiet",
        "--collect",
        "--service-type=exec",
        f"--unit={UNIT}",
        "--description=gpuhost: model cache",
    ]
    argv += [f"--property={name}={value}" for name, value in properties.items()]
    argv += ["--setenv=PYTHONDONTWRITEBYTECODE=1", "--setenv=PYTHONUNBUFFERED=1"]
    argv += [*process.owned_by(owner), "/usr/bin/python3", "-m", "onhost.model_server", own]
    made = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if made.returncode:
        raise FindingError("GH-MODEL-CACHE", f"systemd-run: {made.stderr.strip()}: {_journal()}")
    deadline = time.monotonic() + START_SECONDS
    while not _listens(address, port):
        if time.monotonic() > deadline or not _running():
            raise FindingError("GH-MODEL-CACHE", f"it does not listen on {address} port {port}: {_journal()}")
        time.sleep(0.1)


def _journal() -> str:
    """The last that systemd and the cache said of it."""
    asked = ["journalctl", "-u", UNIT, "-n", "3", "-o", "cat"]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=30, check=False).stdout
    return "; ".join(said.strip().splitlines())


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


def _running() -> bool:
    asked = ["systemctl", "is-active", "--quiet", UNIT]
    return subprocess.run(asked, capture_output=True, timeout=30, check=False).returncode == 0


def _stop() -> None:
    subprocess.run(["systemctl", "stop", UNIT], capture_output=True, timeout=60, check=False)


def _clients() -> dict[str, str]:
    found: dict[str, str] = files.read_json(folder() / "clients.json") or {}
    return found


def _order() -> dict[str, Any]:
    found: dict[str, Any] = files.read_json(folder() / "order.json") or {}
    return found


def _write(name: str, document: dict[str, Any]) -> None:
    files.write(folder() / name, (json.dumps(document, indent=1) + "\n").encode(), mode=0o644, durable=False)


def _write_clients() -> None:
    """The certificates of all hosts that may ask, in one file."""
    text = "".join(_clients().values())
    files.write(folder() / "clients.pem", text.encode(), mode=0o644, durable=False)
