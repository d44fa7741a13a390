"""Whether a container engine may be removed: purging it takes everybody's containers, images and volumes along."""

from __future__ import annotations

from collections.abc import Iterable

from . import paths
from .siblings import Engine, EngineError, engine

#: Packages whose removal ends the engine. Debian's docker.io deletes /var/lib/docker when it is purged (its
#: postrm calls nuke-graph-directory.sh, which its prerm saved there).
PACKAGES = {"docker.io", "docker-ce", "containerd", "containerd.io", "runc", "podman-docker"}


def in_use(packages: Iterable[str], client: Engine | None = None) -> dict[str, str]:
    """Those of ``packages`` that must stay, each with the reason; empty when nothing of others is at stake."""
    concerned = sorted(PACKAGES & set(packages))
    if not concerned:
        return {}
    reason = _reason(client or Engine(str(paths.under(engine.SOCKET))))
    return dict.fromkeys(concerned, reason) if reason else {}


def _reason(client: Engine) -> str:
    try:
        names = [container["Names"][0].lstrip("/") for container in client.containers()]
        volumes = [volume["Name"] for volume in client.get("/volumes").get("Volumes") or []]
    except EngineError as error:
        if not paths.under("/var/lib/docker/containers").is_dir():
            return ""
        return f"the engine does not answer, so what it holds cannot be seen ({error.message})"
    held = [f"container {name}" for name in names] + [f"volume {name}" for name in volumes]
    return f"the engine still holds what is not gpuhost's: {', '.join(held[:5])}" if held else ""
