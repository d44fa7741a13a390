"""What the gateway's front page shows: the services' state, the GPUs' load, the fingerprint of the authority.

A timer on the host writes it to a file; the page has the file and no way to the engine.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import places
from .checks.context import fetch
from .checks.inspection import stand_in
from .engine import Engine, EngineError
from .probes.host import Host
from .probes.live import live_gpus

GIB = 1 << 30


def options(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--expect", default=places.EXPECTED, metavar="FILE", help="what was planned")
    parser.add_argument("--out", default=places.GATEWAY_STATE, metavar="FILE", help="where it is written (%(default)s)")
    parser.set_defaults(call=run)


def run(chosen: argparse.Namespace) -> int:
    """The file holds what is so now; a reader sees the old one or the new one, and no half."""
    expected: dict[str, Any] = json.loads(Path(chosen.expect).read_text(encoding="utf-8"))
    write(Path(chosen.out), look(expected, Engine(timeout=5), Host()))
    return 0


def look(expected: Mapping[str, Any], engine: Engine, host: Host) -> dict[str, Any]:
    """``{taken_at, services: {name: {state, stand_in, models}}, gpus, ca_sha256}``. What cannot be seen is ``unknown``."""
    door = expected.get("gateway") or {}
    return {
        "taken_at": int(time.time()),
        "services": {row["name"]: _service(row, engine) for row in expected.get("services") or []},
        "gpus": [*_gpus(expected, host)],
        "ca_sha256": fingerprint(Path(door["ca"])) if door.get("ca") else "",
    }


def _service(row: Mapping[str, Any], engine: Engine) -> dict[str, Any]:
    try:
        found = engine.container(row["container"]) if row.get("container") else None
    except EngineError:
        return {"state": "unknown"}
    state = (found or {}).get("State") or {}
    word = (state.get("Health") or {}).get("Status") or state.get("Status") or "absent"
    return {
        "state": word if state.get("Running") or not found else state.get("Status"),
        "stand_in": stand_in(found or {}) or "",
        "models": _models(row) if row.get("models") else [row["model"]] if row.get("model") else [],
    }


def _models(row: Mapping[str, Any]) -> list[str]:
    """What Ollama has now, the planned ones first."""
    try:
        listed = json.loads(fetch(f"{row['url']}/api/tags", seconds=5).body)["models"]
        have = [str(one["name"]) for one in listed]
    except (ValueError, KeyError, TypeError):
        return []
    planned = [name if ":" in name else f"{name}:latest" for name in row["models"]]
    return [*(name for name in planned if name in have), *(name for name in have if name not in planned)]


def _gpus(expected: Mapping[str, Any], host: Host) -> list[str]:
    """One line for each planned GPU, with what it does now where the kernel tells."""
    now = {gpu.pci: gpu.look() for gpu in live_gpus(host)}
    said = []
    for gpu in expected.get("gpus") or []:
        seen = now.get(gpu["pci"], {})
        words = [f"{gpu['name']} ({gpu['gfx']})"]
        if seen.get("load_percent") is not None:
            words.append(f"{seen['load_percent']} % busy")
        if seen.get("vram_used_bytes") is not None and seen.get("vram_total_bytes"):
            words.append(f"{seen['vram_used_bytes'] / GIB:.1f} of {seen['vram_total_bytes'] / GIB:.0f} GiB used")
        said.append(", ".join(words))
    return said


def fingerprint(path: Path) -> str:
    """SHA-256 of the certificate in a PEM file as browsers show it; empty where there is none yet."""
    try:
        body = "".join(line for line in path.read_text(encoding="ascii").splitlines() if not line.startswith("-----"))
        digest = hashlib.sha256(base64.b64decode(body, validate=True)).hexdigest().upper()
    except (OSError, ValueError, binascii.Error):
        return ""
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2)) if body else ""


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Readable by everybody: there is nothing secret in it."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(document, stream)
            os.fchmod(stream.fileno(), 0o644)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
