"""The secrets of this host for the person who asked, as one JSON line on standard output. Only root can read them.

Nothing else may be made of that line: it goes over the connection to a terminal.
"""

from __future__ import annotations

import json
import os
import re
import sys
import syslog
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import places

SCHEMA = 1
_ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<quote>['\"]?)(?P<value>.*?)(?P=quote)\s*$")
#: The seal that names the environment files of services.
_SEAL = f"{places.STATE}/seals/services.json"


def main(argv: list[str]) -> int:
    """Print ``{"schema", "secrets": [{service, name, value}]}``; exit status 2 and a reason where nobody is root.

    :param argv: one JSON object: of each service, the names of the secrets in its environment file.
    """
    if os.geteuid() != 0:
        print("only root may read them: sudo refused, or --ask-sudo is missing", file=sys.stderr)
        return 2
    found = [*in_files(), *in_env_files(json.loads(argv[0]))]
    # Who looked stays known; what they saw does not.
    who = os.environ.get("SUDO_USER") or "root"
    syslog.openlog("gpuhost", facility=syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_NOTICE, f"{len(found)} secrets were shown to {who}")
    print(json.dumps({"schema": SCHEMA, "secrets": found}), flush=True)
    return 0


def in_files(root: str = "/") -> Iterator[dict[str, str]]:
    """Files of one secret each, in a folder for each service."""
    for path in sorted(Path(root, places.SECRETS.lstrip("/")).glob("*/*")):
        if path.is_file() and not path.name.startswith("."):
            yield {"service": path.parent.name, "name": path.name, "value": path.read_text(encoding="utf-8").strip()}


def in_env_files(wanted: dict[str, list[str]], root: str = "/") -> Iterator[dict[str, str]]:
    """Those of ``wanted`` (service -> names) that stand in the services' environment files."""
    for path in _env_files(root):
        lines = (_ASSIGNMENT.match(line) for line in path.read_text(encoding="utf-8").splitlines())
        values = {match["name"]: match["value"] for match in lines if match}
        for service, names in wanted.items():
            if path.parent.name == service:
                yield from ({"service": service, "name": name, "value": values[name]} for name in names if name in values)


def _env_files(root: str) -> list[Path]:
    try:
        seal: dict[str, Any] = json.loads(Path(root, _SEAL.lstrip("/")).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return []
    named = [item["path"] for item in seal.get("items", []) if item["kind"] == "file" and item.get("data")]
    files = [Path(root, path.lstrip("/")) for path in named]
    return [path for path in files if path.is_file() and Path(root, places.SECRETS.lstrip("/")) not in path.parents]
