"""Versions as checks compare them: of ROCm, and of the kernel that a driver was made from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def parts(version: str | None) -> tuple[int, ...]:
    """Numbers of a version, for comparing."""
    return tuple(int(part) for part in re.findall(r"\d+", str(version or "").partition("-")[0])[:3])


def made_from(driver: Mapping[str, Any] | None) -> str:
    """The kernel that the loaded driver (`inspection.driver_of`) was made from: AMD numbers its own by it."""
    driver = driver or {}
    return str((driver.get("release") if driver.get("in_tree") else driver.get("version")) or "")


def too_old(driver: Mapping[str, Any] | None, least: Mapping[str, Any] | None) -> bool:
    """Whether the loaded driver was made from an older kernel than ``least``, `{version, kernel}`, asks for."""
    base, wanted = parts(made_from(driver)), parts((least or {}).get("kernel"))[:2]
    return bool(base and wanted) and base < wanted
