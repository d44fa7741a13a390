"""Order of kernel releases (`uname -r`)."""

from __future__ import annotations

import re


def order(release: str) -> list[tuple[int, int, str]]:
    """A key to sort by: numbers as numbers, a release candidate before its release.

    Source: linux-version(1) of Debian, which update-initramfs and update-grub sort with.
    """
    parts = re.findall(r"\d+|[~-]rc|[^\d]+?(?=\d|-rc|$)", release)
    return [*(part_order(part) for part in parts), (1, 0, "")]


def part_order(part: str) -> tuple[int, int, str]:
    if part.isdigit():
        return (3, int(part), "")
    return (0, 0, part) if part in ("-rc", "~rc") or part.startswith("~") else (2, 0, part)
