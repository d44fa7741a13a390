"""The loaded module against the installed one: exchanged where nobody uses it, else said why not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from onhost import dkms, kernel_modules
from onhost.finding import FindingError

RUNNING = dkms.running()

# modinfo answers from $FAKE/file and $FAKE/signer; modprobe makes and removes the folder of the loaded module.
MODINFO = """#!/bin/sh
case "$2" in
  filename) cat "$FAKE/filename" 2>/dev/null || exit 1;;
  srcversion) cat "$FAKE/srcversion";;
  signer) cat "$FAKE/signer" 2>/dev/null;;
esac
true
"""
MODPROBE = """#!/bin/sh
echo "$*" >> "$FAKE/modprobe"
if [ -e "$FAKE/says" ]; then cat "$FAKE/says" >&2; exit 1; fi
module="$GPUHOST_ROOT/sys/module/amdgpu"
if [ "$1" = -r ]; then rm -rf "$module"; exit 0; fi
mkdir -p "$module/parameters"; cp "$FAKE/srcversion" "$module/srcversion"; echo 0 > "$module/refcnt"
"""


@pytest.fixture
def fake(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "fake"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("modinfo", MODINFO), ("modprobe", MODPROBE)):
        script = folder / "bin" / name
        script.write_text(text)
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("PATH", f"{folder}/bin:{os.environ['PATH']}")
    (folder / "filename").write_text(f"/lib/modules/{RUNNING}/updates/dkms/amdgpu.ko.xz\n")
    (folder / "srcversion").write_text("C240C210D2E4DC83A9D1149\n")
    return folder


def loaded(root: Path, srcversion: str = "533BB7E5866E52F63B9ACCB", refcnt: str = "0") -> Path:
    module = root / "sys/module/amdgpu"
    (module / "parameters").mkdir(parents=True)
    (module / "holders").mkdir()
    (module / "srcversion").write_text(f"{srcversion}\n")
    (module / "refcnt").write_text(f"{refcnt}\n")
    return module


def calls(fake: Path) -> list[str]:
    path = fake / "modprobe"
    return path.read_text().splitlines() if path.exists() else []


def test_what_is_not_loaded_is_loaded(fake: Path, root: Path) -> None:
    state = kernel_modules.ensure("amdgpu", [RUNNING])
    assert (state.changed, state.loaded, state.reasons) == (True, True, [])
    assert calls(fake) == ["amdgpu"]
    assert kernel_modules.ensure("amdgpu", [RUNNING]).changed is False


def test_a_question_changes_nothing(fake: Path, root: Path) -> None:
    assert kernel_modules.ensure("amdgpu", [RUNNING], check=True).changed
    assert calls(fake) == []


def test_another_build_that_nobody_uses_is_exchanged_without_a_reboot(fake: Path, root: Path) -> None:
    loaded(root)
    state = kernel_modules.ensure("amdgpu", [RUNNING])
    assert (state.changed, state.srcversion, state.reasons) == (True, "C240C210D2E4DC83A9D1149", [])
    assert calls(fake) == ["-r amdgpu", "amdgpu"]


@pytest.mark.parametrize(
    ("who", "words"),
    [("device", "it drives 0000:03:00.0"), ("program", "a program uses it"), ("module", "amdxcp needs it")],
)
def test_one_that_is_in_use_needs_a_reboot_and_is_left(fake: Path, root: Path, who: str, words: str) -> None:
    module = loaded(root, refcnt="1" if who == "program" else "0")
    if who == "device":
        (root / "sys/bus/pci/drivers/amdgpu/0000:03:00.0").mkdir(parents=True)
    if who == "module":
        (module / "holders/amdxcp").mkdir()
    state = kernel_modules.ensure("amdgpu", [RUNNING])
    assert len(state.reasons) == 1
    assert "another build than the installed one" in state.reasons[0]
    assert words in state.reasons[0]
    assert calls(fake) == []


def test_the_right_build_that_is_in_use_is_well(fake: Path, root: Path) -> None:
    loaded(root, "C240C210D2E4DC83A9D1149", refcnt="3")
    (root / "sys/bus/pci/drivers/amdgpu/0000:03:00.0").mkdir(parents=True)
    assert kernel_modules.ensure("amdgpu", [RUNNING]).reasons == []


def test_a_kernel_that_the_driver_is_not_built_for_needs_a_reboot_and_loads_nothing(fake: Path, root: Path) -> None:
    state = kernel_modules.ensure("amdgpu", ["9.9.9-next"])
    assert state.reasons == [f"the driver is built for 9.9.9-next, and {RUNNING} runs"]
    assert calls(fake) == []


@pytest.mark.parametrize(
    ("now", "wanted", "reload"),
    [("Y", "1", False), ("N", "0", False), ("1", "1", False), ("-1", "0", True), ("Y", "0", True), (None, "1", False)],
)
def test_options_count_as_the_kernel_writes_them(fake: Path, root: Path, now: str | None, wanted: str, reload: bool) -> None:
    module = loaded(root, "C240C210D2E4DC83A9D1149")
    if now is not None:
        (module / "parameters/ppfeaturemask").write_text(f"{now}\n")
    kernel_modules.ensure("amdgpu", [RUNNING], {"ppfeaturemask": wanted})
    assert calls(fake) == (["-r amdgpu", "amdgpu"] if reload else [])


def test_options_are_read_as_modprobe_reads_them() -> None:
    lines = ["# no", "options amdgpu gttsize=1 noretry=0", "options amdgpu lockup", "softdep amdgpu pre: x"]
    assert kernel_modules.asked_for(lines) == {"gttsize": "1", "noretry": "0"}


@pytest.mark.parametrize(
    ("said", "signer", "id", "words"),
    [
        (
            "modprobe: ERROR: could not insert 'amdgpu': Key was rejected by service",
            "",
            "GH-MODULE-REJECTED",
            "is not signed",
        ),
        (
            "modprobe: ERROR: could not insert 'amdgpu': Key was rejected by service",
            "DKMS module signing key",
            "GH-MODULE-REJECTED",
            "is signed by DKMS module signing key, whom the kernel does not trust",
        ),
        ("modprobe: ERROR: could not insert 'amdgpu': Required key not available", "", "GH-MODULE-REJECTED", "Required key"),
        ("modprobe: FATAL: Module amdgpu not found in directory /lib/modules/6.12", "", "GH-MODULE-FAILED", "not found"),
        ("modprobe: ERROR: could not insert 'amdgpu': Exec format error", "", "GH-MODULE-FAILED", "Exec format error"),
    ],
)
def test_why_the_kernel_does_not_take_it(fake: Path, root: Path, said: str, signer: str, id: str, words: str) -> None:
    (fake / "says").write_text(said)
    (fake / "signer").write_text(signer)
    with pytest.raises(FindingError) as caught:
        kernel_modules.ensure("amdgpu", [RUNNING])
    assert caught.value.id == id
    assert words in caught.value.seen


def test_after_removal_only_a_loaded_driver_is_exchanged(fake: Path, root: Path) -> None:
    assert not kernel_modules.ensure("amdgpu", only_loaded=True).changed
    assert calls(fake) == []
    loaded(root)
    assert kernel_modules.ensure("amdgpu", only_loaded=True).changed
