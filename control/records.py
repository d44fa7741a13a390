"""The record of a host: what to ask it for, and what is written down of its answer. Nothing secret is."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from control import actions
from control.paths import REPORTS_DIR
from control.preflight import LOOK_WITHOUT_ROOT
from verify.redaction import Redactor

#: Of a run's folder, what a report of a fault takes; ``{host}`` is the host's name.
OF_A_RUN = ("run.json", "ansible.log", "outcome.json", "events.jsonl", "results/{host}.json", "progress/{host}.json")
#: Commands whose last run says most about a host: they changed or proved it.
TELLING = ("up", "remove", "verify")
#: Bytes of a log that are kept, from its end.
LONGEST = 4 << 20


def examined(folder: Path | None, host: str) -> dict[str, Any]:
    """What preflight recorded of the host in this run; empty where nothing."""
    try:
        found = json.loads((folder / "hosts" / f"{host}.json").read_text(encoding="utf-8")) if folder else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def without_root(examined: Mapping[str, Any]) -> bool:
    """Whether the host was looked at as whoever logs in."""
    return any(one["id"] == LOOK_WITHOUT_ROOT for one in examined.get("findings", []))


def new_key() -> str:
    """A key for one look at one host."""
    return secrets.token_hex(32)


def asked(examined: Mapping[str, Any], bundle: bool, key: str) -> dict[str, Any]:
    """Arguments of the module ``gpuhost_record``."""
    snapshot, roles = examined["snapshot"], examined.get("plan", {}).get("roles", {})
    containers = roles.get("services", {}).get("containers", [])
    return {
        "torch": places(snapshot, roles),
        "user": snapshot.get("login_user") or "",
        "bundle": bundle,
        "env_files": [one["env_file"]["path"] for one in containers if one.get("env_file")],
        "fingerprint_key": key if bundle else "",
    }


def places(snapshot: Mapping[str, Any], roles: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The planned PyTorch of the host, and every other that was found there."""
    planned = [one for one in roles.get("verify", {}).get("expected", {}).get("torch", []) if one["where"] == "host"]
    found = [{"where": "host", "python": one["python"], "environment": one.get("environment") or {}} for one in planned]
    venvs = snapshot.get("venvs")
    there = {f"{one['path']}/bin/python": one for one in venvs if one.get("torch")} if isinstance(venvs, list) else {}
    known = {one["python"] for one in found}
    return found + [{"where": there[path]["path"], "python": path} for path in there if path not in known]


def keep(folder: Path, host: str, examined: Mapping[str, Any], answer: Mapping[str, Any], key: str) -> None:
    """``records/<host>.json`` is in the run's folder, and what was asked for with it below ``bundle/<host>/``; all clean."""
    actions.record("records", host, {"host": host, **answer["record"]})
    if not answer["fingerprints"] and not answer["files"]:
        return
    clean = Redactor(prints=answer["fingerprints"], key=key)
    texts = {f"host/{name.lstrip('/')}": text for name, text in answer["files"].items()}
    texts["record.json"] = _json({"host": host, **answer["record"]})
    for name in ("snapshot", "plan", "due", "drift", "findings"):
        texts[f"{name}.json"] = _json(clean.document(examined.get(name)))
    for tool, said in answer["record"]["tools"].items():
        if said["path"]:
            texts[f"tools/{tool.replace(' ', '-')}.txt"] = _transcript(said)
    for name, text in _last_run(folder, host).items():
        texts[f"last-run/{name}"] = clean.text(text)
    for name, text in texts.items():
        target = folder / "bundle" / host / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", errors="surrogateescape")


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, default=str) + "\n"


def _transcript(said: Mapping[str, Any]) -> str:
    """A tool's run as a terminal would show it."""
    end = f"exit status {said['rc']}" if said["rc"] is not None else said["error"]
    return f"$ {' '.join(said['command'])}\n{said['out']}{said['err']}\n[{end}, {said['seconds']} s]\n"


def _last_run(folder: Path, host: str) -> dict[str, str]:
    """The texts of this host's newest earlier run that changed or proved it, else of any, by name."""
    runs = [run for run in _runs(folder.parent) if run[0] != folder and host in run[1].get("hosts", [])]
    telling = [run for run in runs if run[1].get("command") in TELLING]
    if not (telling or runs):
        return {}
    last = (telling or runs)[-1][0]
    wanted = [last / name.format(host=host) for name in OF_A_RUN]
    return {str(path.relative_to(last)): _end(path) for path in wanted if path.is_file()}


def _runs(site: Path) -> Iterable[tuple[Path, dict[str, Any]]]:
    """Folders and descriptions of a site's runs, oldest first: their names are times."""
    if site.parent != REPORTS_DIR:
        return
    for path in sorted(site.glob("*/run.json")):
        if path.parent.is_symlink():
            continue
        try:
            yield path.parent, json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue


def _end(path: Path) -> str:
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - LONGEST))
        return stream.read().decode("utf-8", "replace")
