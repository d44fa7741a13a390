"""A run folder, read into a :class:`RunReport`. Files that a run did not get to write are simply not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control.report import past
from control.report.model import HostReport, RunReport
from control.report.rates import among
from verify.result import Result


def load(run_dir: Path) -> RunReport:
    """The report of the run whose folder this is.

    :raises ValueError: when a file of the folder is no JSON document; it names the file.
    """
    run, outcome = _read(run_dir / "run.json"), _read(run_dir / "outcome.json")
    names = list(run.get("hosts") or [])
    names += [name for name in (*outcome, *_stems(run_dir / "hosts"), *_stems(run_dir / "results")) if name not in names]
    return RunReport(
        command=run.get("command") or "",
        site=run.get("site") or "",
        started=run.get("started") or "",
        seconds=run.get("seconds"),
        exit_code=run.get("exit_code"),
        hosts=tuple(_host(name, run_dir, outcome.get(name)) for name in dict.fromkeys(names)),
        log="ansible.log" if (run_dir / "ansible.log").is_file() else "",
        run=run_dir.name,
    )


def _host(name: str, run_dir: Path, ended: Mapping[str, Any] | None) -> HostReport:
    examined, checked = _read(run_dir / "hosts" / f"{name}.json"), _read(run_dir / "results" / f"{name}.json")
    # Without a record of how it ended, a host that has results was looked at; one that has none was lost.
    record = ended or {"status": "done" if checked else "lost"}
    snapshot, plan = examined.get("snapshot") or {}, examined.get("plan") or {}
    found = [*(examined.get("findings") or []), *(record.get("findings") or [])]
    simulated = any(bool(part.get("simulated")) for part in (checked, snapshot, plan))
    return HostReport(
        name=name,
        status=record["status"],
        changed=record.get("changed") or 0,
        results=tuple(_result(row) for row in checked["results"]) if checked else None,
        simulated=simulated,
        taken_at=checked.get("taken_at") or snapshot.get("taken_at") or "",
        duration_s=checked.get("duration_s"),
        plan=plan,
        snapshot=snapshot,
        due=tuple(examined.get("due") or ()),
        drift=tuple(examined.get("drift") or ()),
        findings=tuple({(one["id"], one["seen"]): one for one in found}.values()),
        level=str(checked.get("level") or ""),
        only=tuple(checked.get("only") or ()),
        facts=dict(checked.get("facts") or {}),
        previous=past.previous(run_dir, name) if checked else None,
        # A quick look measures nothing: then no run before has to be searched for what it measured.
        measured=past.measured(run_dir, name, simulated) if among(checked.get("results") or ()) else (),
    )


def _result(row: Mapping[str, Any]) -> Result:
    return Result(row["id"], row["status"], row["seen"], row["wanted"], row["why"], row["next"])


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON document: {error}") from error
    if not isinstance(document, dict):
        raise ValueError(f"{path} is no JSON object")
    return document


def _stems(folder: Path) -> list[str]:
    return sorted(path.name.removesuffix(".json") for path in folder.glob("*.json"))
