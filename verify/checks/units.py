"""Services on the host itself, as systemd has them, against the plan: running, started at boot, confined, with the GPU."""

from __future__ import annotations

from typing import Any

from ..result import Result, compare, judged
from . import running
from .context import Context, run
from .inspection import OVERRIDE, STAND_IN, setting

SECONDS = 15
_ASKED = (
    *("ActiveState", "SubState", "Result", "UnitFileState", "User", "NoNewPrivileges", "CapabilityBoundingSet"),
    *("ProtectSystem", "DevicePolicy", "Environment", "MainPID", "ExecStart"),
)
_FIX = "Run `gpuhost up` again: it writes the unit anew."


def probe(expected: dict[str, Any], ctx: Context) -> dict[str, Any]:
    """Per service on the host itself: what systemd says of its unit, the groups of its process, and its last words."""
    return {row["name"]: _look(row, ctx) for row in _rows(expected)}


def _rows(expected: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in expected.get("services") or [] if running.is_unit(row)]


def _look(row: dict[str, Any], ctx: Context) -> dict[str, Any]:
    asked = [f"--property={name}" for name in _ASKED]
    done = run(["systemctl", "show", *asked, row["unit"]], SECONDS)
    if done.rc != 0:
        return {"error": done.last_line or done.error}
    found = dict(line.partition("=")[::2] for line in done.out.splitlines() if "=" in line)
    return {**found, "groups": _groups(found.get("MainPID") or "", ctx), "stand_in": running.stand_in(row, ctx)}


def _groups(pid: str, ctx: Context) -> list[str] | None:
    """The numbers of the process's groups, which say more than any database."""
    try:
        status = (ctx.root / "proc" / pid / "status").read_text(encoding="utf-8") if pid not in ("", "0") else ""
    except OSError:
        return None
    line = next((line for line in status.splitlines() if line.startswith("Groups:")), "")
    return sorted(line.split()[1:]) if line else None


def judge(seen: dict[str, Any], expected: dict[str, Any]) -> list[Result]:
    """For each planned service on the host itself, its unit against the plan."""
    return [result for row in _rows(expected) for result in _service(row, seen.get(row["name"]) or {})]


def _service(row: dict[str, Any], saw: dict[str, Any]) -> list[Result]:
    first = _running(row, saw)
    if "error" in saw or saw.get("ActiveState") != "active":
        return [first]
    return [first, _program(row, saw), _boot(row, saw), *_confined(row, saw), _groups_of(row, saw), _override(row, saw)]


def _running(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    state = saw.get("error") or saw.get("ActiveState")
    return compare(
        running.running(row),
        seen=state,
        wanted="active",
        why=f"{row['name']} is not running: its unit {row['unit']} is {state}"
        + (f" ({saw['SubState']}, result {saw['Result']})." if saw.get("Result") else "."),
        next=f"{running.logs(row)}; {running.restart(row)}",
    )


def _program(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    label = {} if saw.get("stand_in") is None else {STAND_IN: saw["stand_in"]}
    return judged(
        f"units.{row['name']}.program",
        row["folder"] in (saw.get("ExecStart") or ""),
        seen={"program": _path(saw.get("ExecStart") or "")} | label,
        wanted={"program": row["program"]},
        why=f"{row['unit']} starts another program than the plan's: what was checked for this GPU is not what runs.",
        next=_FIX,
    )


def _path(exec_start: str) -> str:
    """The program in systemd's way of telling it: ``{ path=/opt/x ; argv[]=… }``."""
    return exec_start.partition("path=")[2].partition(" ;")[0] or exec_start


def _boot(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    return compare(
        f"units.{row['name']}.starts_at_boot",
        seen=saw.get("UnitFileState"),
        wanted="enabled",
        why=f"{row['name']} does not come back by itself after a reboot.",
        next=f"sudo systemctl enable {row['unit']}",
    )


def _confined(row: dict[str, Any], saw: dict[str, Any]) -> list[Result]:
    unit = row["unit"]
    return [
        compare(
            f"units.{row['name']}.user",
            seen=saw.get("User") or "root",
            wanted=row["user"],
            why=f"{unit} runs as {saw.get('User') or 'root'}: who breaks into {row['name']} has more than its own files.",
            next=_FIX,
        ),
        compare(
            f"units.{row['name']}.confined",
            seen={
                "no_new_privileges": saw.get("NoNewPrivileges") == "yes",
                "capabilities": (saw.get("CapabilityBoundingSet") or "").split(),
                "system": saw.get("ProtectSystem"),
                "devices": saw.get("DevicePolicy"),
            },
            wanted={"no_new_privileges": True, "capabilities": [], "system": "strict", "devices": "closed"},
            why=f"{unit} may do more than it must: a fault in {row['name']} reaches further into this host.",
            next=_FIX,
        ),
    ]


def _groups_of(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    wanted, has = sorted(row.get("groups") or []), saw.get("groups") or []
    lacking = [one for one in wanted if one not in has]
    return judged(
        f"units.{row['name']}.groups",
        not lacking,
        seen=has,
        wanted=wanted,
        why=f"The process of {row['unit']} is not in the groups {', '.join(lacking)}, which own the GPU's device nodes: "
        f"{row['name']} runs on the CPU at about a tenth of the speed.",
        next=f"{_FIX} A user's new groups count from the unit's next start on: {running.restart(row)}",
    )


def _override(row: dict[str, Any], saw: dict[str, Any]) -> Result:
    words = [word.strip('"') for word in (saw.get("Environment") or "").split()]
    environment = dict(word.partition("=")[::2] for word in words)
    seen, wanted = environment.get(OVERRIDE), row.get("override")
    return compare(
        f"units.{row['name']}.override",
        seen=setting(seen),
        wanted=setting(wanted),
        why=f"{OVERRIDE} is {setting(seen)} in {row['unit']} and must be {setting(wanted)} for this GPU.",
        next=_FIX,
    )
