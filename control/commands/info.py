"""``./gpuhost info``: the full technical record of the hosts, and an archive of it for a report of a fault."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape

from control import run
from control.commands import info_shown
from control.commands.common import Target, guarded, outcome, perform, print_json, show_outcome
from control.console import console
from control.findings import make
from control.inventory import BadInputError


@dataclass(frozen=True)
class Options:
    """What ``info`` was asked for. ``bundle`` names an archive (tar.gz) to write."""

    target: Target = field(default_factory=Target)
    json: bool = False
    bundle: str = ""


def info(options: Options) -> int:
    """Show what the hosts are, with what their own tools say. Changes nothing."""
    return guarded(lambda: _info(options), options.json)


def _info(options: Options) -> int:
    path = Path(options.bundle).expanduser() if options.bundle else None
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        seen = f"{path}: is a folder" if path.is_dir() else f"{path}: there is no such folder"
        raise BadInputError([make("GH-INPUT-FILE", "", seen, variable="--bundle")])
    variables = {"gpuhost_bundle": True} if path is not None else {}
    finished = perform("info", "info", options.target, variables, quiet=True)
    records = {host: record for host in finished.examined if (record := _record(finished, host))}
    if path is not None:
        write_bundle(path, finished.folder)
    if options.json:
        print_json({**outcome(finished), "examined": finished.examined, "records": records})
        return finished.exit_code
    out = console()
    for host, examined in sorted(finished.examined.items()):
        # What stands in the way of the look itself is said at its end, once.
        info_shown.show(out, host, examined, records.get(host, {}), findings=not finished.exit_code)
    if finished.exit_code:
        show_outcome(out, finished)
    if path is not None:
        words = "without passwords, tokens and keys; look through it before you send it"
        out.print(f"[bold]bundle[/]  {escape(str(path))}  [dim]{words}[/]")
    return finished.exit_code


def _record(finished: run.Run, host: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((finished.folder / "records" / f"{host}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the host was lost before it could be asked
        return {}
    return found


def write_bundle(path: Path, folder: Path) -> None:
    """``path`` is an archive of what a run recorded for it, one folder per host; readable by its owner alone."""
    draft = path.with_name(f".{path.name}.part")
    top = path.name.removesuffix(".gz").removesuffix(".tar").removesuffix(".tgz") or "bundle"
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    with tarfile.open(draft, "w:gz") as archive:
        for found in sorted((folder / "bundle").rglob("*")):
            archive.add(found, arcname=f"{top}/{found.relative_to(folder / 'bundle')}", recursive=False, filter=_nobodys)
    draft.replace(path)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of whoever made it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
