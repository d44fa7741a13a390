"""Docker Engine: `/version` and `/info` of the API, as `docker version` and `docker info` give them in JSON too, and
the text of `docker version`.
"""

from __future__ import annotations

import json
import re
from typing import Any


def parse(text: str) -> dict[str, Any]:
    """Whichever of the forms the text is; `form` says which (`version` or `info`)."""
    try:
        said = json.loads(text)
    except ValueError:
        return parse_version_text(text)
    if isinstance(said, dict) and "ServerVersion" in said:
        return parse_info(said)
    return parse_version(said)


def parse_version(said: Any) -> dict[str, Any]:
    """`version` and `api_version` of the server, from the API's object or the client's with `Server` in it."""
    server = said.get("Server", said) if isinstance(said, dict) else None
    if not isinstance(server, dict) or not isinstance(server.get("Version"), str):
        return unknown("no server version in the engine's answer")
    return {
        "form": "version",
        "version": server["Version"],
        "api_version": server.get("ApiVersion"),
        "kernel": server.get("KernelVersion"),
    }


def parse_version_text(text: str) -> dict[str, Any]:
    """The server's half of `docker version`."""
    server = re.search(r"^Server:.*?^\s+Version:\s+(\S+).*?^\s+API version:\s+(\S+)", text, re.MULTILINE | re.DOTALL)
    if server:
        return {"form": "version", "version": server.group(1), "api_version": server.group(2), "kernel": None}
    for pattern, kind in ((r"permission denied", "EACCES"), (r"[Cc]annot connect to the Docker daemon", "not_running")):
        if re.search(pattern, text):
            return {"error": text.strip().splitlines()[-1], "kind": kind}
    return unknown("neither JSON nor the text of `docker version`")


def parse_info(said: dict[str, Any]) -> dict[str, Any]:
    """What matters of `/info`. Keys that an engine leaves out or sends as null come as empty or None."""
    mirrors = said.get("RegistryConfig")
    return {
        "form": "info",
        "version": said.get("ServerVersion"),
        "storage_driver": said.get("Driver") or None,
        "cgroup_driver": said.get("CgroupDriver") or None,
        "cgroup_version": said.get("CgroupVersion"),
        "root_dir": said.get("DockerRootDir"),
        "kernel": said.get("KernelVersion"),
        "runtimes": sorted(said.get("Runtimes") or {}),
        "default_runtime": said.get("DefaultRuntime") or None,
        "cdi_spec_dirs": said.get("CDISpecDirs") or [],
        "security_options": said.get("SecurityOptions") or [],
        "registry_mirrors": mirrors.get("Mirrors") or [] if isinstance(mirrors, dict) else [],
        "warnings": said.get("Warnings") or [],
    }


def unknown(why: str) -> dict[str, Any]:
    return {"error": why, "kind": "unknown"}
