"""Exchanging a driver: tried first, whole or undone, and never without one that works."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from onhost import boot_space, dkms, dpkg, kernel_records, paths, step_dkms
from onhost.finding import FindingError
from onhost.report import Report
from tests.unit.onhost import dkms_tree, fake_packages

RUNNING = dkms_tree.RELEASE
OTHER = "5.10.0-older"
OLD, NEW = "6.16.6-1.24.04", "6.16.13-1.24.04"
ERROR = "/x/build/amd/amdgpu/amdgpu_dm.c:7:2: error: implicit declaration of function 'drm_new'\nmake: *** Error 2\n"


@pytest.fixture
def fake(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with two kernels and their headers, and an archive with two releases of the driver."""
    folder = tmp_path / "fake"
    fake_packages.put(folder)
    for name, value in {"FAKE": str(folder), "ARCH": dkms.arch(), "PATH": f"{folder}/bin:{os.environ['PATH']}"}.items():
        monkeypatch.setenv(name, value)
    for version in (OLD, NEW):
        fake_packages.offer(folder, "amdgpu-dkms", version)
        fake_packages.offer(folder, "amdgpu-dkms-firmware", f"30.{version}")
    for release in (RUNNING, OTHER):
        dkms_tree.kernel(root, release)
    (root / "etc/dkms").mkdir(parents=True)
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/dkms").touch()
    return folder


@pytest.fixture
def report(root: Path) -> Report:
    return Report(paths.step("amdgpu-driver"), "amdgpu-driver")


def spec(version: str = NEW, **more: Any) -> dict[str, Any]:
    packages = [f"amdgpu-dkms-firmware=30.{version}", f"amdgpu-dkms={version}"]
    return {"module": "amdgpu", "packages": packages, "remove": [], "kernels": [RUNNING, OTHER], "next": RUNNING, **more}


def noted(fake: Path, name: str) -> list[str]:
    path = fake / name
    return path.read_text().splitlines() if path.exists() else []


def have() -> dict[str, str | None]:
    """What the host has: the package's version, and the driver's for each kernel."""
    return {
        "package": dpkg.installed().get("amdgpu-dkms"),
        **{release: dkms.installed("amdgpu", release) for release in (RUNNING, OTHER)},
    }


def whole(version: str | None, other: str | None = "as the first") -> dict[str, str | None]:
    return {"package": version, RUNNING: version, OTHER: version if other == "as the first" else other}


def test_a_bare_host_gets_the_driver_for_every_kernel(fake: Path, report: Report) -> None:
    assert step_dkms.needed(spec())
    result = step_dkms.run(spec(), report)
    assert have() == whole(NEW)
    assert not step_dkms.needed(spec())
    assert result["warnings"] == []
    assert result["kernels"] == {RUNNING: NEW, OTHER: NEW}
    assert "amdgpu-dkms" in result["installed"]
    # Nothing is left of the trial; no package built anything by itself; what was tried was not built again.
    assert not paths.driver().exists()
    assert noted(fake, "unheld") == []
    assert [line.split()[0] for line in noted(fake, "dkms")] == ["build", "build", "add", "install", "install"]


def test_an_upgrade_and_the_way_back(fake: Path, report: Report) -> None:
    for version in (OLD, NEW, OLD):
        step_dkms.run(spec(version, remove=["amdgpu-dkms", "amdgpu-dkms-firmware"]), report)
        assert have() == whole(version)
        assert not step_dkms.needed(spec(version))
    assert dpkg.installed()["amdgpu-dkms-firmware"] == f"30.{OLD}"


def test_a_release_whose_version_the_table_does_not_know_is_the_one_that_the_archive_offers(
    fake: Path, report: Report
) -> None:
    bare = spec(packages=["amdgpu-dkms"])
    (fake / "archive" / f"amdgpu-dkms_{OLD}.deb").unlink()
    step_dkms.run(bare, report)
    assert have() == whole(NEW)
    assert not step_dkms.needed(bare)
    (fake / "archive" / f"amdgpu-dkms_{NEW}.deb").unlink()
    fake_packages.offer(fake, "amdgpu-dkms", OLD)
    assert step_dkms.needed(bare)


def break_build(fake: Path, release: str, version: str = NEW, log: str = ERROR) -> None:
    (fake / f"broken-{version}-{release}").write_text(log)


@pytest.mark.parametrize("before", [None, OLD])
def test_a_build_that_fails_leaves_everything_as_it_was(fake: Path, report: Report, before: str | None) -> None:
    if before:
        step_dkms.run(spec(before), report)
    done = noted(fake, "dpkg")
    break_build(fake, RUNNING)
    with pytest.raises(FindingError) as caught:
        step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert caught.value.id == "GH-DKMS-BUILD"
    log = f"/var/lib/gpuhost/steps/amdgpu-driver/make-{RUNNING}.log"
    assert f"amdgpu {NEW} could not be built for {RUNNING}: amd/amdgpu/amdgpu_dm.c:7:2: error: implicit" in caught.value.seen
    assert caught.value.seen.endswith(f"full log: {log}")
    assert paths.under(log).read_text() == ERROR
    assert have() == whole(before)
    assert dpkg.interrupted() == []
    assert noted(fake, "dpkg") == done, "no package was touched"
    assert kernel_records.read()[RUNNING]["built"] is False
    # A later run tries again: what was in the way may have gone.
    (fake / f"broken-{NEW}-{RUNNING}").unlink()
    assert step_dkms.needed(spec())
    step_dkms.run(spec(), report)
    assert have() == whole(NEW)


def test_a_kernel_that_neither_runs_nor_boots_next_is_only_told_of(fake: Path, report: Report) -> None:
    break_build(fake, OTHER)
    result = step_dkms.run(spec(), report)
    assert [one["id"] for one in result["warnings"]] == ["GH-DKMS-KERNEL-LEFT"]
    assert OTHER in result["warnings"][0]["seen"]
    assert have() == whole(NEW, other=None)
    assert not step_dkms.needed(spec()), "what was tried in vain is not tried at every run"


def test_the_kernel_that_boots_next_is_as_important_as_the_one_that_runs(fake: Path, report: Report) -> None:
    break_build(fake, OTHER)
    with pytest.raises(FindingError, match="GH-DKMS-BUILD"):
        step_dkms.run(spec(next=OTHER), report)
    assert have() == whole(None)


def test_a_kernel_that_does_not_run_yet_can_be_the_one_that_counts(fake: Path, report: Report) -> None:
    # The running kernel's headers are gone from the mirror; the host gets another kernel and boots it afterwards.
    step_dkms.run(spec(kernels=[OTHER], next=OTHER), report)
    assert have() == {"package": NEW, RUNNING: None, OTHER: NEW}


def test_headers_that_are_missing_are_named(fake: Path, report: Report, root: Path) -> None:
    (root / f"lib/modules/{RUNNING}/build/include").rmdir()
    with pytest.raises(FindingError, match=f"linux-headers-{re.escape(RUNNING)}") as caught:
        step_dkms.run(spec(), report)
    assert caught.value.id == "GH-DKMS-HEADERS"
    assert have() == whole(None)


def test_a_kernel_without_headers_is_tried_when_they_have_come(fake: Path, report: Report, root: Path) -> None:
    headers = root / f"lib/modules/{OTHER}/build/include"
    headers.rmdir()
    result = step_dkms.run(spec(), report)
    assert [one["id"] for one in result["warnings"]] == ["GH-DKMS-KERNEL-LEFT"]
    assert have() == whole(NEW, other=None)
    assert not step_dkms.needed(spec()), "nothing can be tried without them"
    headers.mkdir()
    assert step_dkms.needed(spec())
    step_dkms.run(spec(), report)
    assert have() == whole(NEW)


def test_a_source_that_passes_over_the_kernel_is_not_called_built(fake: Path, report: Report) -> None:
    (fake / f"excluded-{NEW}-{RUNNING}").touch()
    with pytest.raises(FindingError, match="BUILD_EXCLUSIVE") as caught:
        step_dkms.run(spec(), report)
    assert caught.value.id == "GH-DKMS-BUILD"
    assert have() == whole(None)


@pytest.mark.parametrize("before", [None, OLD])
@pytest.mark.parametrize("what", [f"install-fails-{NEW}", "postinst-fails"])
def test_an_installation_that_fails_is_undone(fake: Path, report: Report, before: str | None, what: str) -> None:
    if before:
        step_dkms.run(spec(before), report)
        # The mirror no longer has it: it can only come back from the host itself.
        (fake / "archive" / f"amdgpu-dkms_{before}.deb").unlink()
    (fake / what).write_text(NEW)
    with pytest.raises(FindingError) as caught:
        step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert caught.value.id == "GH-DISK-FULL"
    assert ("the driver from before is back" if before else "the kernel's own driver is there") in caught.value.seen
    assert have() == whole(before)
    assert dpkg.interrupted() == []
    assert not paths.driver().exists()
    (fake / what).unlink()
    step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert have() == whole(NEW)


FULL = OSError(28, "No space left on device")
BREAKS: dict[str, tuple[str, str, Exception, str]] = {
    "the disk is full": ("copytree", "shutil", FULL, "GH-DISK-FULL"),
    "the disk is full for one file of many": (
        "copytree", "shutil", shutil.Error([("a", "b", str(FULL))]), "GH-DISK-FULL",
    ),
    "the module cannot be moved": ("_move", "", OSError(30, "Read-only file system"), "GH-DKMS-INSTALL"),
    "a program hangs": (
        "refresh_initial_disks", "", subprocess.TimeoutExpired("lsinitramfs", 600), "GH-DKMS-INSTALL",
    ),
    "a mistake of ours": ("install", "", KeyError("release"), "GH-DKMS-INSTALL"),
}  # fmt: skip


@pytest.mark.parametrize(("where", "holder", "problem", "id"), BREAKS.values(), ids=BREAKS)
@pytest.mark.parametrize("before", [None, OLD])
def test_whatever_stops_the_exchange_the_driver_from_before_comes_back(
    fake: Path,
    report: Report,
    monkeypatch: pytest.MonkeyPatch,
    before: str | None,
    where: str,
    holder: str,
    problem: Exception,
    id: str,
) -> None:
    if before:
        step_dkms.run(spec(before), report)
    place = getattr(step_dkms.dkms_build, holder) if holder else step_dkms.dkms_build
    works, left = getattr(place, where), [problem]

    def breaks(*given: Any, **named: Any) -> Any:
        if left:
            raise left.pop()
        return works(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(place, where, breaks)
        with pytest.raises(FindingError) as caught:
            step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert caught.value.id == id
    assert ("the driver from before is back" if before else "the kernel's own driver is there") in caught.value.seen
    assert have() == whole(before)
    assert dpkg.interrupted() == []
    assert not paths.driver().exists()
    step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert have() == whole(NEW)


def test_an_unsigned_module_is_not_installed_where_the_kernel_wants_signed_ones(fake: Path, report: Report) -> None:
    with pytest.raises(FindingError) as caught:
        step_dkms.run(spec(sign=True), report)
    assert caught.value.id == "GH-DKMS-UNSIGNED"
    assert have() == whole(None)
    (fake / "signer").write_text("DKMS module signing key\n")
    step_dkms.run(spec(sign=True), report)
    assert have() == whole(NEW)


def test_what_others_would_lose_stops_it_before_anything_is_built(fake: Path, report: Report) -> None:
    (fake / "simulation").write_text("Remv vendor-desktop [1.0]\nInst amdgpu-dkms (1 AMD [all])\n")
    with pytest.raises(FindingError, match="vendor-desktop") as caught:
        step_dkms.run(spec(), report)
    assert caught.value.id == "GH-APT-REMOVES"
    assert noted(fake, "dkms") == []
    assert have() == whole(None)


def test_what_the_driver_needs_comes_before_it_is_tried(fake: Path, report: Report) -> None:
    (fake / "simulation").write_text("Inst autoconf (2.72 Debian [all])\nInst amdgpu-dkms (1 AMD [all])\n")
    break_build(fake, RUNNING)
    with pytest.raises(FindingError):
        step_dkms.run(spec(), report)
    assert "autoconf" in dpkg.installed()
    assert "amdgpu-dkms" not in dpkg.installed()


def test_a_boot_folder_without_room_is_told_before_anything_is_exchanged(
    fake: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_dkms.run(spec(OLD), report)
    monkeypatch.setattr(boot_space, "_free", lambda: 100)
    with pytest.raises(FindingError, match="/boot has 0 MiB free") as caught:
        step_dkms.run(spec(), report)
    assert caught.value.id == "GH-BOOT-FULL"
    assert have() == whole(OLD)


def killed_before(report: Report, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """The step runs until the function ``where`` of dkms_build would be called; then the power goes."""

    class PowerCutError(BaseException):
        pass

    def cut(*_: Any) -> None:
        raise PowerCutError

    with monkeypatch.context() as patched:
        patched.setattr(step_dkms.dkms_build, where, cut)
        patched.setattr(step_dkms.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(PowerCutError):
            step_dkms.run(spec(remove=["amdgpu-dkms"]), report)


@pytest.mark.parametrize("where", ["attempt", "install", "refresh_initial_disks"])
def test_a_power_cut_at_any_point_is_made_good_by_the_next_run(
    fake: Path, report: Report, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    step_dkms.run(spec(OLD), report)
    killed_before(report, monkeypatch, where)
    if where == "attempt":
        assert have() == whole(OLD), "nothing was exchanged yet"
    step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert have() == whole(NEW)
    assert not paths.driver().exists()
    assert not (paths.under(dkms.HOLD)).is_symlink()


def test_after_a_cut_in_the_exchange_a_failing_rerun_still_brings_the_old_one_back(
    fake: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    step_dkms.run(spec(OLD), report)
    killed_before(report, monkeypatch, "install")
    (fake / f"install-fails-{NEW}").touch()
    with pytest.raises(FindingError):
        step_dkms.run(spec(remove=["amdgpu-dkms"]), report)
    assert dpkg.interrupted() == []
    assert have() == whole(OLD)


def test_a_kernel_that_comes_later_is_built_without_touching_the_packages(fake: Path, report: Report, root: Path) -> None:
    step_dkms.run(spec(kernels=[RUNNING]), report)
    done = noted(fake, "dpkg")
    assert step_dkms.needed(spec())
    step_dkms.run(spec(), report)
    assert have() == whole(NEW)
    assert noted(fake, "dpkg") == done


def test_a_module_that_was_tampered_with_is_put_back_from_what_was_built(fake: Path, report: Report, root: Path) -> None:
    step_dkms.run(spec(), report)
    done = len(noted(fake, "dkms"))
    (root / f"lib/modules/{RUNNING}/updates/dkms/amdgpu.ko").write_text("stripped of its signature")
    assert step_dkms.needed(spec())
    step_dkms.run(spec(), report)
    assert have() == whole(NEW)
    assert [line.split()[0] for line in noted(fake, "dkms")[done:]] == ["install"]


def test_dpkg_that_a_failing_build_keeps_from_its_work_is_repaired_first(fake: Path, report: Report, root: Path) -> None:
    # ROCm/ROCm#3701: a kernel update, and the driver that is there does not build for it.
    with (root / "var/lib/dpkg/status").open("a") as status:
        status.write("\nPackage: linux-image-9.9\nStatus: install ok half-configured\nVersion: 9.9\n")
    (fake / "configure-fails").touch()
    step_dkms.run(spec(), report)
    assert dpkg.interrupted() == []
    assert have() == whole(NEW)


LOOKS: list[tuple[str, Callable[[Path], object], bool]] = [
    ("all is there", lambda root: None, False),
    ("a file is gone", lambda root: (root / f"lib/modules/{RUNNING}/updates/dkms/amdgpu.ko").unlink(), True),
    ("the source is gone", lambda root: (root / f"usr/src/amdgpu-{NEW}/dkms.conf").unlink(), True),
    ("another kernel's is gone", lambda root: (root / f"lib/modules/{OTHER}/updates/dkms/amdgpu.ko").unlink(), True),
]


@pytest.mark.parametrize(("damage", "needed"), [case[1:] for case in LOOKS], ids=[case[0] for case in LOOKS])
def test_there_is_something_to_do(
    fake: Path, report: Report, root: Path, damage: Callable[[Path], object], needed: bool
) -> None:
    step_dkms.run(spec(), report)
    damage(root)
    assert step_dkms.needed(spec()) is needed
