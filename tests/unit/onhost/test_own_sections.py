"""What gpuhost itself remembers on a host, as part of the snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from onhost import files, own_sections, seals

READ = files.read_json


def whole(want: Any, extra: Any) -> dict[str, Any]:
    """A snapshot of nothing but what is ours, in which root would have seen more of the ports."""
    return {"needs_root": ["ports.process"], **{name: contained(look) for name, look in extra.items()}}


def contained(look: Any) -> Any:
    try:
        return look()
    except OSError as error:
        return {"error": str(error)}


def test_seals_lease_and_steps_are_part_of_the_snapshot(root: Path) -> None:
    seals.seal("rocm", "digest", [])
    taken = own_sections.snapshot(whole, {})
    assert taken["seals"]["rocm"]["input"] == "digest"
    assert (taken["lease"], taken["steps"]) == (None, {})
    assert taken["needs_root"] == ["ports.process"]


@pytest.mark.parametrize("kept", ["seals", "steps"])
def test_what_is_for_root_alone_is_named_as_that(root: Path, monkeypatch: pytest.MonkeyPatch, kept: str) -> None:
    seals.seal("rocm", "digest", [])
    files.write_json(root / "var/lib/gpuhost/steps/rocm/result.json", {"rc": 0})

    def refuse(path: Path) -> Any:
        if kept in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        return READ(path)

    monkeypatch.setattr(files, "read_json", refuse)
    assert own_sections.snapshot(whole, {})["needs_root"] == sorted(["ports.process", kept])
