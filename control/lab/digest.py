"""Names for what is expensive to make: the digest of everything that it is made from."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def of(*parts: Any) -> str:
    """Twelve hexadecimal digits that change with any of the parts (JSON-able values)."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def of_folder(folder: Path) -> str:
    """Twelve hexadecimal digits that change with any name, mode bit or content below the folder."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        executable = bool(path.stat().st_mode & 0o100)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder)}\0{executable}\0{content}\n".encode())
    return total.hexdigest()[:12]
