"""The container engine: packages, configuration, what is known of its version, and the rules that guard its networks."""

from __future__ import annotations

from typing import Any

from packaging.version import InvalidVersion, Version

from control.planner import guard, native, services
from control.planner.model import Context, Decision, Outcome

#: From here on, ports published on 127.0.0.1 cannot be reached from the same network segment (moby#45610).
SAFE_VERSION = Version("28")
#: Docker's own package, which conflicts with the distribution's.
DOCKERS_OWN = "docker-ce"


def decide(ctx: Context) -> Outcome:
    """The part of the role ``container_engine``; an empty one where nothing needs an engine.

    An engine that gpuhost brought stays when the last service is taken out of the site: by then somebody may run
    containers of their own on it. `remove` takes it away.
    """
    asked = [one for one in services.enabled(ctx)[0] if not native.is_native(ctx, one)]
    guarded = {"bridges": f"{guard.BRIDGES}*", **guard.GUARD}
    if not asked and not ctx.wishes["gateway_enabled"] and not _brought(ctx):
        why = "no service is wanted that runs in a container"
        nothing: dict[str, Any] = {"packages": [], "daemon": {}, "service": None, "guard": guarded}
        return Outcome(nothing, [Decision("container engine", "none", why, "engine.none")])
    wishes = ctx.wishes
    daemon: dict[str, Any] = {
        "log-driver": "json-file",
        "log-opts": {
            "max-size": wishes["container_engine_log_max_size"],
            "max-file": str(wishes["container_engine_log_max_files"]),
        },
        "live-restore": True,
    }
    if wishes["sources_registry_mirrors"]:
        daemon["registry-mirrors"] = list(wishes["sources_registry_mirrors"])
    names = list(ctx.system.packages["container_engine"].names)
    own = DOCKERS_OWN in ctx.mapping("packages")
    packages = [*(names[1:] if own else names), *ctx.system.packages["firewall"].names]
    part = {"packages": packages, "daemon": daemon, "service": "docker.service", "guard": guarded}
    if own:
        decision = Decision("container engine", DOCKERS_OWN, "it is there already and stays", "engine.present")
    else:
        decision = Decision("container engine", names[0], "the distribution's own Docker Engine", "engine.distro")
    return Outcome(part, [decision], _old(ctx))


def _brought(ctx: Context) -> bool:
    """Whether an earlier run brought an engine: its seal then has the engine's unit."""
    seal = ctx.mapping("seals").get("container_engine") or {}
    return any(item["kind"] == "unit" for item in (seal.get("items") or {}).values())


def _old(ctx: Context) -> list[Any]:
    running = ctx.mapping("engine").get("version")
    version = running or ctx.system.packages["container_engine"].version
    try:
        if version is None or Version(str(version)) >= SAFE_VERSION:
            return []
    except InvalidVersion:
        return []
    state = "runs" if running else "comes with the system"
    return [ctx.finding("GH-ENGINE-OLD", f"Docker Engine {version} {state}")]
