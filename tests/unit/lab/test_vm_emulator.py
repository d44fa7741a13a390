"""Which QEMU runs the lab's virtual machines."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from control.lab import names
from control.lab.vm import emulator, fleet, tools
from control.lab.vm.hardware import Hardware
from control.lab.vm.image import Image
from control.lab.vm.spec import VmSpec


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
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\necho 'QEMU emulator version {release} (Debian)'\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
        return path

    return place


def test_a_qemu_that_is_fast_enough_is_used_as_it_is(own_qemu: Callable[[str], Path]) -> None:
    path = own_qemu("10.0.13")
    emulator.ensure(lambda line: pytest.fail(line))
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
    emulator.ensure(said.append)
    found = emulator.program()
    assert emulator.release() == "10.0.13"
    assert found.is_relative_to(home)
    assert "this machine's own, 7.2.17, emulates much slower" in said[0]
    emulator.ensure(said.append)
    assert len(asked) == 1
    own_qemu("11.0.0")
    assert emulator.release() == "11.0.0", "a fast one of this machine's own comes first"
    assert [path.name for path in home.iterdir()] == [found.parent.name]
    emulator.remove()
    assert list(home.iterdir()) == []


def test_a_saved_memory_is_not_given_to_another_release_of_qemu() -> None:
    assert Hardware("tcg", 2048, emulator="10.0.13").key != Hardware("tcg", 2048, emulator="7.2.17").key


@pytest.mark.parametrize(("accelerator", "fetched"), [("tcg", True), ("kvm", False)])
def test_nothing_is_fetched_where_the_processor_itself_computes(
    accelerator: str, fetched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(fleet.accelerator, "choose", lambda kernel, say: accelerator)
    monkeypatch.setattr(emulator, "ensure", lambda say: asked.append(True))
    monkeypatch.setattr(emulator, "release", lambda: "10.0.13")
    found = fleet._hardware(VmSpec(1, 13), Image(Path("/disks"), 13), print)
    assert (found.accelerator, found.emulator, bool(asked)) == (accelerator, "10.0.13", fetched)
