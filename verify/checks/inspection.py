"""What the checks read out of the engine's inspection of a container; pure. API: ``GET /containers/<name>/json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OVERRIDE = "HSA_OVERRIDE_GFX_VERSION"

# The label that every stand-in image of the lab carries, and the key under which results name it.
STAND_IN_LABEL = "org.gpuhost.stand-in"
STAND_IN = "STAND-IN"


def stand_in(inspected: Mapping[str, Any]) -> str | None:
    """What the stand-in label says, ``None`` when there is no such label: the real thing."""
    labels = (inspected.get("Config") or {}).get("Labels") or {}
    return labels.get(STAND_IN_LABEL)


def driver_of(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """The amdgpu that is loaded: AMD's own has a version, the kernel's has the kernel's release."""
    kernel = snapshot.get("kernel") or {}
    module = (kernel.get("modules") or {}).get("amdgpu") or {}
    return {"in_tree": module.get("in_tree"), "version": module.get("version"), "release": kernel.get("release")}


def setting(value: str | None) -> str:
    """An environment variable as a result shows it: not set and set to nothing are two things."""
    return "not set" if value is None else value or "set to nothing"


def look(inspected: dict[str, Any]) -> dict[str, Any]:
    """What is judged here out of an inspection (``GET /containers/<name>/json``); pure."""
    state, host, config = (inspected.get(key) or {} for key in ("State", "HostConfig", "Config"))
    bindings = (host.get("PortBindings") or {}).items()
    return {
        "exists": True,
        "state": state.get("Status"),
        "exit_code": state.get("ExitCode"),
        "start_error": str(state.get("Error") or "")[:300],
        "health": (state.get("Health") or {}).get("Status"),
        "health_output": _last_health_output(state),
        "image": config.get("Image"),
        "image_id": inspected.get("Image"),
        "stand_in": stand_in(inspected),
        "privileged": bool(host.get("Privileged")),
        "cap_drop": sorted(_capability(name) for name in host.get("CapDrop") or []),
        "cap_add": sorted(_capability(name) for name in host.get("CapAdd") or []),
        "security_opt": sorted(host.get("SecurityOpt") or []),
        "published": sorted({_address(one) for _, listed in bindings for one in listed or []}),
        "network_mode": host.get("NetworkMode"),
        "restart_policy": (host.get("RestartPolicy") or {}).get("Name"),
        "devices": sorted(row["PathOnHost"] for row in host.get("Devices") or []),
        "groups": sorted(host.get("GroupAdd") or []),
        "environment": dict(one.partition("=")[::2] for one in config.get("Env") or [] if one.startswith(OVERRIDE)),
    }


def _address(binding: Mapping[str, str]) -> str:
    """``address:port`` as in a URL; no address means every one."""
    host = binding.get("HostIp") or "0.0.0.0"
    return f"[{host}]:{binding['HostPort']}" if ":" in host else f"{host}:{binding['HostPort']}"


def _last_health_output(state: dict[str, Any]) -> str:
    log = (state.get("Health") or {}).get("Log") or []
    return str(log[-1].get("Output", "")).strip()[-200:] if log else ""


def _capability(name: str) -> str:
    return name.upper().removeprefix("CAP_")
