"""`ollama serve`, and the client commands that health checks and people use: `list`, `ps`, `--version`."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

from . import NOTICE, server
from .settings import address

USAGE = f"{NOTICE}\n\nUsage: ollama [serve | list | ps | --version]"
SIZES = (("GB", 1e9), ("MB", 1e6), ("KB", 1e3))


def main(arguments: list[str]) -> int:
    """The exit status of the command."""
    match arguments:
        case ["serve"]:
            return server.serve()
        case ["list"] | ["ls"]:
            return _table("/api/tags")
        case ["ps"]:
            return _table("/api/ps")
        case ["--version"] | ["-v"]:
            print(f"ollama version is {_get('/api/version')['version']} ({NOTICE})")
            return 0
    print(USAGE, file=sys.stderr)
    return 0 if arguments in ([], ["--help"], ["-h"]) else 1


def _table(path: str) -> int:
    rows = [("NAME", "ID", "SIZE", "PROCESSOR")]
    for model in _get(path)["models"]:
        rows.append(
            (
                model["name"],
                model["digest"][:12],
                _size(model["size"]),
                "100% CPU" if "size_vram" in model else "",
            )
        )
    for row in rows:
        print("    ".join(cell.ljust(24) for cell in row).rstrip())
    return 0


def _get(path: str) -> dict[str, Any]:
    host, port = address(os.environ.get("OLLAMA_HOST", ""))
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # listens everywhere: asked here
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except urllib.error.URLError:
        sys.exit("Error: could not connect to ollama server, run 'ollama serve' to start it")


def _size(size: int) -> str:
    return next((f"{size / unit:.1f} {name}" for name, unit in SIZES if size >= unit), f"{size} B")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
