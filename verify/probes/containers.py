"""The container engine and what it runs, over its socket."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from ..parsers import docker
from .host import Host

SOCKET = "/var/run/docker.sock"
#: What makes a container the one that was asked for. Names of the Engine API (`/containers/{id}/json`).
CONFIG = ("User", "Env", "Cmd", "Entrypoint", "WorkingDir", "Healthcheck", "ExposedPorts")
HOST_CONFIG = (
    "Binds",
    "Mounts",
    "PortBindings",
    "RestartPolicy",
    "CapAdd",
    "CapDrop",
    "GroupAdd",
    "Devices",
    "SecurityOpt",
    "Privileged",
    "NetworkMode",
    "ShmSize",
    "Memory",
    "ReadonlyRootfs",
    "Tmpfs",
    "IpcMode",
    "Ulimits",
    "ExtraHosts",
)


def look_engine(host: Host) -> dict[str, Any]:
    """`present` says that there is an engine here, `error` why it does not answer."""
    present = host.exists(SOCKET) or host.exists("/usr/bin/dockerd")
    empty: dict[str, Any] = {"version": None, "api_version": None, "containers": [], "networks": [], "volumes": []}
    if not present:
        return {"present": False, **empty}
    from ..engine import EngineError

    try:
        return {"present": True, **empty, **ask(host.engine())}
    except EngineError as problem:
        if not host.is_root():
            host.needs_root.add("engine")
        return {"present": True, **empty, "error": str(problem)}


def ask(engine: Any) -> dict[str, Any]:
    said = docker.parse_version(engine.get("/version"))
    digests = {image["Id"]: image.get("RepoDigests") or [] for image in engine.get("/images/json")}
    seen = [inspect(engine, listed["Id"]) for listed in engine.get("/containers/json?all=1")]
    return {
        "version": said.get("version"),
        "api_version": said.get("api_version"),
        "containers": sorted((container(said, digests) for said in seen if said), key=lambda c: str(c["name"])),
        "networks": sorted(n["Name"] for n in engine.get("/networks")),
        "volumes": sorted(v["Name"] for v in engine.get("/volumes").get("Volumes") or []),
    }


def inspect(engine: Any, container_id: str) -> dict[str, Any] | None:
    """The engine's record of a container; None where it went away since it was listed."""
    from ..engine import EngineError

    try:
        return dict(engine.get(f"/containers/{container_id}/json"))
    except EngineError as problem:
        if problem.status == 404:
            return None
        raise


def container(said: dict[str, Any], digests: dict[str, list[str]]) -> dict[str, Any]:
    config, state = said["Config"], said["State"]
    digest = next(iter(digests.get(said["Image"], [])), None)
    return {
        "name": said["Name"].lstrip("/"),
        "image": config["Image"],
        "image_id": said["Image"],
        "digest": digest.rsplit("@", 1)[-1] if digest else None,
        "state": state["Status"],
        "health": (state.get("Health") or {}).get("Status"),
        "config_hash": config_hash(said),
        "labels": config.get("Labels") or {},
        "ports": ports(said["HostConfig"].get("PortBindings") or {}),
    }


def ports(bindings: dict[str, Any]) -> list[dict[str, Any]]:
    """Published ports as they were asked for, so that a stopped container's show too."""
    found = []
    for inner, binds in sorted(bindings.items()):
        number, _, proto = inner.partition("/")
        for bind in binds or []:
            port = bind.get("HostPort") or ""
            row = {"address": bind.get("HostIp") or "0.0.0.0", "host_port": int(port) if port.isdigit() else None}
            found.append({**row, "container_port": int(number), "proto": proto or "tcp"})
    return found


def config_hash(said: dict[str, Any]) -> str:
    """sha256 over the parts of an inspected container's configuration that matter, in hexadecimal.

    State, addresses and times are no part of it: it holds while nobody changes what was asked for.
    """
    kept = {
        "Image": said["Config"]["Image"],
        "Config": {name: said["Config"].get(name) for name in CONFIG},
        "HostConfig": {name: said["HostConfig"].get(name) for name in HOST_CONFIG},
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
