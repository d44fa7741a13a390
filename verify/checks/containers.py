"""Containers as the engine has them, against the plan: running, healthy, confined, published and wired as
planned.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..engine import EngineError
from ..result import Result, compare, judged
from . import inside
from .context import Context
from .inspection import OVERRIDE, STAND_IN, look, setting
from .running import is_unit

RESTART_POLICIES = ("unless-stopped", "always")


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Whether the engine answers, and per container what matters of its inspection and its image's id."""
    services = rows_of(expected)
    try:
        version, error = (ctx.engine.get("/version") or {}).get("Version"), ""
    except EngineError as caught:
        version, error = None, caught.message
    return {
        "engine": {"version": version, "error": error},
        "containers": {} if error else {row["container"]: _container(row, ctx) for row in services},
    }


def rows_of(expected: dict[str, Any]) -> list[dict[str, Any]]:
    """Every container of the plan: the services', and the gateway's."""
    services = [row for row in expected.get("services") or [] if not is_unit(row)]
    return [*services, *((expected.get("gateway") or {}).get("containers") or [])]


def _container(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    found = ctx.container(row["container"])
    if not found or "error" in found:
        return {"exists": False, "error": found.get("error", "")}
    try:
        image = ctx.engine.image(row["image"]) or {}
    except EngineError:
        image = {}
    own = {"planned_image_id": image.get("Id"), "log": _log(row["container"], found, ctx)}
    return {**look(found), **own, "inside": inside.look(row, found, ctx)}


def _log(name: str, found: dict[str, Any], ctx: Context) -> str:
    """The last line of a container that is in trouble: it mostly names the trouble."""
    state = found.get("State") or {}
    if state.get("Running") and (state.get("Health") or {}).get("Status") != "unhealthy":
        return ""
    try:
        lines = [line.strip() for line in ctx.engine.logs(name, 20).splitlines() if line.strip()]
    except EngineError:
        return ""
    return lines[-1][:300] if lines else ""


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """The engine, then for each planned service its container against the plan."""
    services = rows_of(expected)
    if not services:
        return []
    engine = judged(
        "containers.engine.answers",
        not seen["engine"]["error"],
        seen=seen["engine"]["version"] or seen["engine"]["error"],
        wanted="an answer",
        why=f"The container engine does not answer ({seen['engine']['error']}): none of the services can be running.",
        next="sudo systemctl status docker; sudo systemctl start docker",
    )
    if seen["engine"]["error"]:
        return [engine, *(_unknown(row) for row in services)]
    return [
        engine,
        *(r for row in services for r in _service(row, seen["containers"].get(row["container"]) or {"exists": False})),
    ]


def _unknown(row: dict[str, Any]) -> Result:
    return judged(
        f"containers.{row['name']}.running",
        False,
        seen=None,
        wanted="running",
        why=f"Whether {row['container']} runs is not known.",
        next="sudo systemctl start docker",
        needs=("containers.engine.answers",),
    )


def _service(row: dict[str, Any], saw: dict[str, Any]) -> list[Result]:
    running = _running(row, saw)
    if not saw["exists"]:
        return [running]
    plan = [*_confinement(row, saw), *_plan(row, saw)]
    return [running, _healthy(row, saw), _image(row, saw), *plan, *inside.judge(row, saw.get("inside"))]


def _running(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    name, state = row["container"], saw.get("state") if saw["exists"] else saw.get("error") or "absent"
    said = saw.get("start_error") or (f"its last line: {saw['log']}" if saw.get("log") else "")
    return compare(
        f"containers.{row['name']}.running",
        seen=state,
        wanted="running",
        why=f"{row['name']} is not running: its container {name} "
        + (
            f"is {state} (exit status {saw.get('exit_code')}){'; ' + said if said else '.'}"
            if saw["exists"]
            else "does not exist."
        ),
        next=f"docker {'unpause' if state == 'paused' else 'start'} {name}; docker logs --tail 50 {name}"
        if saw["exists"]
        else "Run `gpuhost up` again.",
        needs=("containers.engine.answers",),
    )


def _healthy(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    health = saw["health"] or "no health check"
    said = saw["health_output"] or saw["log"]
    return compare(
        f"containers.{row['name']}.healthy",
        seen=health,
        wanted="healthy",
        why=f"{row['name']} runs but its own health check says {health}" + (f": {said}" if said else "."),
        next=f"docker inspect --format '{{{{json .State.Health}}}}' {row['container']}; docker logs --tail "
        f"50 {row['container']}",
        # A service that does not answer is the cause, and its health check the messenger. The gateway's are no services.
        needs=(
            f"containers.{row['name']}.running",
            *([f"services.{row['name']}.answers"] if row.get("health") else []),
        ),
    )


def _image(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    as_planned = saw["image"] == row["image"] or (saw["planned_image_id"] or "-") == saw["image_id"]
    stale = as_planned and saw["planned_image_id"] not in (None, saw["image_id"])
    seen = {"image": saw["image"]} | ({} if saw["stand_in"] is None else {STAND_IN: saw["stand_in"]})
    return judged(
        f"containers.{row['name']}.image",
        as_planned and not stale,
        seen=seen | ({"older": "an image of that name that is no longer the present one"} if stale else {}),
        wanted={"image": row["image"]},
        why=f"{row['container']} was made from {saw['image']}"
        + (", before that name got its present image" if stale else f", and the plan says {row['image']}")
        + ": what was checked for this GPU is another program.",
        next="Run `gpuhost up` again: it replaces the container and keeps its data.",
    )


def _confinement(row: dict[str, Any], saw: dict[str, Any]) -> list[Result]:
    subject, fix = (
        f"containers.{row['name']}",
        "Run `gpuhost up` again: it replaces the container and keeps its data.",
    )
    kept = [] if "ALL" in saw["cap_drop"] else ["the engine's default set"]
    return [
        compare(
            f"{subject}.unprivileged",
            seen=not saw["privileged"],
            wanted=True,
            why=f"{row['container']} is privileged: whoever breaks into {row['name']} owns this host.",
            next=fix,
        ),
        compare(
            f"{subject}.capabilities",
            seen=sorted(kept + saw["cap_add"]),
            wanted=sorted(row.get("cap_add") or []),
            why=f"{row['container']} has capabilities ({', '.join(kept + saw['cap_add']) or 'none'}) other than planned "
            f"({', '.join(row.get('cap_add') or []) or 'none'}): a fault in the service "
            "reaches further into this host than it must.",
            next=fix,
        ),
        judged(
            f"{subject}.no_new_privileges",
            any(option in ("no-new-privileges", "no-new-privileges:true") for option in saw["security_opt"]),
            seen=saw["security_opt"],
            wanted="no-new-privileges",
            why=f"Programs in {row['container']} can gain rights through setuid files.",
            next=fix,
        ),
    ]


def _plan(row: dict[str, Any], saw: dict[str, Any]) -> list[Result]:
    subject, fix = (
        f"containers.{row['name']}",
        "Run `gpuhost up` again: it replaces the container and keeps its data.",
    )
    wanted = sorted(row["published"]) if "published" in row else [urlsplit(row["url"]).netloc]
    published = saw["published"] if saw["network_mode"] != "host" else ["every port (host network)"]
    return [
        compare(
            f"{subject}.published",
            seen=published,
            wanted=wanted,
            why=f"{row['name']} is published on {', '.join(published) or 'no address'} and not on "
            f"{', '.join(wanted) or 'none'} alone: "
            "it is either out of reach, or open to others, past any firewall.",
            next=fix,
        ),
        judged(
            f"{subject}.restart_policy",
            saw["restart_policy"] in RESTART_POLICIES,
            seen=saw["restart_policy"] or "no",
            wanted=RESTART_POLICIES[0],
            why=f"{row['name']} does not come back by itself after a reboot.",
            next=f"docker update --restart {RESTART_POLICIES[0]} {row['container']}",
        ),
        compare(
            f"{subject}.devices",
            seen=saw["devices"],
            wanted=sorted(row.get("devices") or []),
            why=f"{row['container']} was given {', '.join(saw['devices']) or 'no device'}: without the "
            f"planned ones {row['name']} runs on the CPU at about a tenth of the speed, and with others it reaches "
            "more than it should.",
            next=fix,
        ),
        compare(
            f"{subject}.groups",
            seen=saw["groups"],
            wanted=sorted(row.get("groups") or []),
            why=f"{row['container']} runs with the groups {', '.join(saw['groups']) or 'none'}: only the "
            "numbers of the groups "
            "that own the device nodes on this host open them.",
            next=fix,
        ),
        _override(row, saw, fix),
    ]


def _override(row: dict[str, Any], saw: dict[str, Any], fix: str) -> Result:
    seen, wanted = saw["environment"].get(OVERRIDE), row.get("override")
    single = {name: value for name, value in saw["environment"].items() if name != OVERRIDE}
    if single:
        # Ollama's form for one GPU of several, with its number at the end.
        name, value = next(iter(single.items()))
        seen = f"{name}={value}"
        why = f"{seen} is set in {row['container']} and not planned: that one GPU gets another target's code."
    elif seen == "":
        why = (
            f"{OVERRIDE} is set to nothing in {row['container']}: ROCm takes that for a target and fails "
            "with an invalid ISA."
        )
    elif wanted is None:
        why = (
            f"{OVERRIDE}={seen} is set in {row['container']} although its ROCm knows this GPU: the wrong "
            "code is loaded for it."
        )
    else:
        why = (
            f"{OVERRIDE} is {setting(seen)} in {row['container']} and must be {wanted} for this GPU: "
            f"without it {row['name']} runs on the CPU."
        )
    id = f"containers.{row['name']}.override"
    return compare(id, seen=setting(seen), wanted=setting(wanted), why=why, next=fix)
