"""What is remembered of each kernel: whether the driver could be built for it. Read by the hook, the steps and a person."""

from __future__ import annotations

from typing import Any

from . import files, paths
from .clock import now


def read() -> dict[str, dict[str, Any]]:
    """``{release: {version, built, why, log, at}}``."""
    document = files.read_json(paths.kernels())
    found: dict[str, dict[str, Any]] = document.get("kernels", {}) if isinstance(document, dict) else {}
    return found


def note(release: str, version: str, built: bool | None, why: str = "", log: str = "") -> None:
    """The release has, or has not, the driver's version; kernels that are gone are forgotten.

    :param built: None where nothing was compiled, as without headers: whoever can, is to try.
    """
    known = {name: row for name, row in read().items() if paths.under(f"/lib/modules/{name}").is_dir()}
    known[release] = {"version": version, "built": built, "why": why, "log": log, "at": now()}
    files.write_json(paths.kernels(), {"schema": 1, "kernels": known}, mode=0o644)


def told_before(release: str, version: str, why: str) -> bool:
    """Whether that very reason is why this version is not there for the kernel, by what was noted last."""
    row = read().get(release) or {}
    return row.get("version") == version and not row.get("built") and row.get("why") == why


def failed_before(release: str, version: str) -> bool:
    """Whether this version was tried for the kernel, in vain."""
    row = read().get(release) or {}
    return row.get("version") == version and row.get("built") is False


def forget() -> None:
    """Nothing is remembered."""
    paths.kernels().unlink(missing_ok=True)
