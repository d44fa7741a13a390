"""Which QEMU runs the lab's virtual machines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control.lab import names
from control.lab.vm import emulator, tools
from control.lab.vm.hardware import Hardware


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The lab keeps what its machines need in a folder with a blank in its name."""
    monkeypatch.setattr(names, "VM_DIR", tmp_path / "a lab")
    return names.VM_DIR


@pytest.fixture
def own_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Callable[[str], Path]:
    """This machine's own QEMU says that it is of a release."""

    def place(release: str) -> Path:
        path = tmp_path / "bin" / tools.EMULATOR
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\necho 'QEMU emulator version {release} (Debian)'\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return path

    return place


def test_a_qemu_that_is_fast_enough_is_used_as_it_is(own_qemu: Callable[[str], Path]) -> None:
    path = own_qemu("10.0.13")
    assert emulator.ensure(lambda line: pytest.fail(line)) == path
    assert (emulator.program(), emulator.release()) == (path, "10.0.13")


def test_an_old_qemu_has_a_newer_one_beside_it_that_is_fetched_once(
    own_qemu: Callable[[str], Path], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_qemu("7.2.17")
    asked: list[list[str]] = []

    def mmdebstrap(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if command[0] != "mmdebstrap":
            return really(command, capture_output=True, text=True, check=False)
        asked.append(command)
        root = Path(command[-2])
        loader = root / "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
        loader.parent.mkdir(parents=True)
        loader.write_text("#!/bin/sh\necho 'QEMU emulator version 10.0.13 (Debian)'\n")
        loader.chmod(0o755)
        return subprocess.CompletedProcess(command, 0, "", "")

    really = subprocess.run
    monkeypatch.setattr(subprocess, "run", mmdebstrap)
    said: list[str] = []
    found = emulator.ensure(said.append)
    assert (found, emulator.release()) == (emulator.program(), "10.0.13")
    assert found.is_relative_to(home)
    assert "this machine's own is 7.2.17" in said[0]
    assert emulator.ensure(said.append) == found
    assert len(asked) == 1
    assert [path.name for path in home.iterdir()] == [found.parent.name]
    emulator.remove()
    assert list(home.iterdir()) == []


def test_a_saved_memory_is_not_given_to_another_release_of_qemu() -> None:
    assert Hardware("tcg", 2048, emulator="10.0.13").key != Hardware("tcg", 2048, emulator="7.2.17").key
