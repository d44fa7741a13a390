"""What of a container's configuration matters, as readable values: enough to see a change by hand.

A restart of the engine or the host changes none of them; ``docker update``, or making the container again
with another environment, mount or flag, does.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

OUR_LABELS = "org.gpuhost."

# Names whose values say how a program runs and nothing that is secret; everything else is shown as a digest.
_HARMLESS = re.compile(
    r"^(HSA|HIP|ROCR|ROCM|AMD|GPU|OLLAMA|PYTORCH|PYTHON|LC|DISABLE|LLM|EMBEDDING|VECTOR|STORAGE|SERVER)_|"
    r"^(PATH|HOME|LANG|TZ|SHELL|USER|NODE_ENV|PYTHONPATH)$"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|SALT|CRED|AUTH|JWT|COOKIE")
_ANONYMOUS = re.compile(r"^[0-9a-f]{64}$")


def container_values(inspect: dict[str, Any]) -> dict[str, Any]:
    """Readable values of the engine's answer to ``GET /containers/<name>/json``."""
    config, host = inspect.get("Config") or {}, inspect.get("HostConfig") or {}
    values = {
        "running": bool((inspect.get("State") or {}).get("Running")),
        "image": config.get("Image"),
        "image id": inspect.get("Image"),
        "command": [*_list(config.get("Entrypoint")), *_list(config.get("Cmd"))],
        "user": config.get("User") or "",
        "working folder": config.get("WorkingDir") or "",
        "health check": config.get("Healthcheck") or {},
        "mounts": sorted(_mount(mount) for mount in inspect.get("Mounts") or []),
        "networks": sorted((inspect.get("NetworkSettings") or {}).get("Networks") or {}),
        **_host_values(host),
    }
    for name, value in _environment(config.get("Env") or []).items():
        values[f"env {name}"] = value
    for name, value in sorted((config.get("Labels") or {}).items()):
        if name.startswith(OUR_LABELS):
            values[f"label {name}"] = value
    return values


def _host_values(host: dict[str, Any]) -> dict[str, Any]:
    """The part that ``docker run`` decides, and ``docker update`` may change later."""
    restart = host.get("RestartPolicy") or {}
    logs = host.get("LogConfig") or {}
    return {
        "ports": sorted(_ports(host.get("PortBindings") or {})),
        "devices": sorted(_device(device) for device in host.get("Devices") or []),
        "device requests": host.get("DeviceRequests") or [],
        "groups": sorted(_list(host.get("GroupAdd"))),
        "restart policy": _restart(restart),
        "capabilities added": sorted(_list(host.get("CapAdd"))),
        "capabilities dropped": sorted(_list(host.get("CapDrop"))),
        "security options": sorted(_list(host.get("SecurityOpt"))),
        "privileged": bool(host.get("Privileged")),
        "read-only root": bool(host.get("ReadonlyRootfs")),
        "network mode": host.get("NetworkMode") or "",
        "extra hosts": sorted(_list(host.get("ExtraHosts"))),
        "tmpfs": host.get("Tmpfs") or {},
        "memory limit": host.get("Memory") or 0,
        "cpu limit": [host.get("NanoCpus") or 0, host.get("CpuQuota") or 0, host.get("CpusetCpus") or ""],
        "process limit": host.get("PidsLimit") or 0,
        "shared memory": host.get("ShmSize") or 0,
        "ipc": host.get("IpcMode") or "",
        "pid": host.get("PidMode") or "",
        "logging": [logs.get("Type") or "", logs.get("Config") or {}],
    }


def _environment(entries: list[str]) -> dict[str, str]:
    pairs = dict(entry.partition("=")[::2] for entry in entries)
    return {name: _shown(name, pairs[name]) for name in sorted(pairs)}


def _shown(name: str, value: str) -> str:
    """The value itself where it is surely harmless, else a digest: enough to see *that* it changed."""
    if _HARMLESS.search(name) and not _SECRET.search(name) and "@" not in value:
        return value
    return "sha256:" + hashlib.sha256(f"{name}={value}".encode()).hexdigest()[:16]


def _mount(mount: dict[str, Any]) -> str:
    source = mount.get("Name") if mount.get("Type") == "volume" else mount.get("Source")
    if _ANONYMOUS.match(str(source)):
        source = "(unnamed volume)"
    access = "rw" if mount.get("RW", True) else "ro"
    return f"{source}:{mount.get('Destination')}:{access}"


def _ports(bindings: dict[str, Any]) -> list[str]:
    # The engine publishes on every address where none is given: two ways to say one thing.
    return [
        f"{binding.get('HostIp') or '0.0.0.0'}:{binding.get('HostPort')}:{inside}"
        for inside, outside in bindings.items()
        for binding in outside or []
    ]


def _device(device: dict[str, Any]) -> str:
    parts = ("PathOnHost", "PathInContainer", "CgroupPermissions")
    return ":".join(str(device.get(part)) for part in parts)


def _restart(policy: dict[str, Any]) -> str:
    name, count = policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0
    return f"{name}:{count}" if count else str(name)


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
