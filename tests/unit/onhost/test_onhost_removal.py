"""Removal takes what is ours, and nothing else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from onhost import engine_packages, leftovers, paths, removal, removers, seals
from onhost.host import Host
from onhost.siblings import Engine
from tests.unit.onhost.fake_engine import FakeEngine, container
from tests.unit.onhost.fake_host import FakeHost

CONFIG: dict[str, Any] = {"kind": "file", "path": "/etc/app/daemon.json", "content": True}
DATA: dict[str, Any] = {"kind": "directory", "path": "/srv/gpuhost/app", "data": True}
CHECKS = {"kind": "tree", "path": "/opt/gpuhost/verify"}
LINE = "gpuhost-app:x:990:990:app (gpuhost):/srv/gpuhost/app:/usr/sbin/nologin\n"
CACHE = {"kind": "glob", "path": "/var/lib/docker/**"}


def write(root: Path, path: str, text: str = "x") -> Path:
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def installed(root: Path, items: list[dict[str, Any]], make: Any, packages: list[str] | None = None) -> None:
    """A role that began, did its work and was sealed."""
    seals.begin("role", items)
    make()
    seals.seal("role", "digest", items, installed_packages=packages)


def test_what_we_made_goes_and_user_data_stays(root: Path) -> None:
    def make() -> None:
        write(root, CONFIG["path"])
        write(root, "/opt/gpuhost/verify/checks/a.py")
        write(root, "/srv/gpuhost/app/chat.db")

    installed(root, [CONFIG, DATA, CHECKS], make)
    outcome = removal.remove("role")
    assert outcome.removed == ["file:/etc/app/daemon.json", "tree:/opt/gpuhost/verify"]
    assert outcome.kept == {"directory:/srv/gpuhost/app": "user data"}
    assert (root / "srv/gpuhost/app/chat.db").exists()
    assert not (root / "opt/gpuhost").exists()


def test_user_data_goes_only_when_that_is_said(root: Path) -> None:
    installed(root, [DATA], lambda: write(root, "/srv/gpuhost/app/chat.db"))
    assert removal.remove("role", purge_data=True).removed == ["directory:/srv/gpuhost/app"]
    assert not (root / "srv/gpuhost/app").exists()


def test_data_that_was_there_before_us_stays_even_then(root: Path) -> None:
    write(root, "/srv/gpuhost/app/old.db")
    installed(root, [DATA], lambda: None)
    assert "before gpuhost" in removal.remove("role", purge_data=True).kept["directory:/srv/gpuhost/app"]


def test_a_file_that_was_there_before_gets_its_content_back(root: Path) -> None:
    path = write(root, CONFIG["path"], "theirs")
    path.chmod(0o640)
    installed(root, [CONFIG], lambda: path.write_text("ours"))
    outcome = removal.remove("role")
    assert path.read_text() == "theirs"
    assert path.stat().st_mode & 0o777 == 0o640
    assert "from before" in outcome.removed[0]


def test_a_unit_of_ours_has_ended_before_its_file_goes(root: Path, host: FakeHost) -> None:
    unit: dict[str, Any] = {"kind": "file", "path": "/etc/systemd/system/gpuhost-loopback.service", "content": True}
    installed(root, [unit, CONFIG], lambda: (write(root, unit["path"]), write(root, CONFIG["path"])))
    removal.remove("role")
    assert host.noted("systemctl") == ["disable --now gpuhost-loopback.service", "daemon-reload"]
    assert not (root / "etc/systemd/system/gpuhost-loopback.service").exists()


def test_a_unit_that_was_there_before_goes_on(root: Path, host: FakeHost) -> None:
    unit: dict[str, Any] = {"kind": "file", "path": "/etc/systemd/system/theirs.service", "content": True}
    write(root, unit["path"])
    installed(root, [unit], lambda: None)
    removal.remove("role")
    assert host.noted("systemctl") == []


def test_asking_changes_nothing(root: Path) -> None:
    installed(root, [CONFIG], lambda: write(root, CONFIG["path"]))
    assert removal.remove("role", check=True).removed == ["file:/etc/app/daemon.json"]
    assert (root / "etc/app/daemon.json").exists()


def test_a_role_that_never_got_to_its_seal_is_removed_too(root: Path) -> None:
    seals.begin("role", [CONFIG])
    write(root, CONFIG["path"])
    assert removal.remove("role").removed == ["file:/etc/app/daemon.json"]


@pytest.mark.parametrize("path", ["/etc", "/var/lib", "/opt", "/srv", "/usr"])
def test_a_folder_of_the_system_is_never_removed(root: Path, path: str) -> None:
    seals.begin("role", [{"kind": "tree", "path": path}])
    (root / path.lstrip("/")).mkdir(parents=True, exist_ok=True)
    note = seals.baseline("role")
    note[f"tree:{path}"]["present"] = False
    item = {"kind": "tree", "path": path}
    assert removers.REMOVERS["tree"](item, Host()) == "a folder of the system is not removed"
    assert (root / path.lstrip("/")).is_dir()


def test_only_packages_that_our_transaction_added_and_nobody_needs_go(root: Path) -> None:
    items = [{"kind": "package", "name": "rocminfo"}]
    seals.seal("role", "digest", items, installed_packages=["libhsa-runtime64-1", "libc6", "gone-since"])
    outcome = removal.remove("role")
    assert outcome.packages == []
    assert outcome.kept["package:libhsa-runtime64-1"] == "rocminfo needs it"
    assert outcome.kept["package:libc6"] in {"base-files needs it", "rocminfo needs it"}
    seals.seal("role", "digest", items, installed_packages=["rocminfo"])
    assert removal.remove("role").packages == ["libhsa-runtime64-1", "rocminfo"]


def test_a_package_of_a_run_that_did_not_get_to_its_seal_goes_with_the_others(root: Path) -> None:
    """What the next plan no longer wants, nobody would name again."""
    installed(root, [CONFIG], lambda: None, packages=[])
    status = root / "var/lib/dpkg/status"
    there = status.read_text()
    status.write_text("")
    seals.begin("role", [CONFIG, TOOL])
    status.write_text(there)
    paths.step("tools").mkdir(parents=True)
    (paths.step("tools") / "runs.jsonl").write_text('{"planned": ["rocminfo"], "installed": ["rocminfo"]}\n')
    assert removal.remove("role", keep=[CONFIG]).packages == ["rocminfo"]
    assert removal.remove("role").packages == ["rocminfo"]


def test_a_package_that_was_there_before_stays(root: Path) -> None:
    items = [{"kind": "package", "name": "rocminfo"}]
    installed(root, items, lambda: None, packages=[])
    outcome = removal.remove("role")
    assert (outcome.packages, outcome.kept) == ([], {"package:rocminfo": "was there before gpuhost"})


def test_packages_of_a_run_that_was_killed_before_the_seal_go(root: Path) -> None:
    status = root / "var/lib/dpkg/status"
    before = status.read_text()
    status.write_text(
        before.replace(
            "Package: rocminfo\nStatus: install ok installed", "Package: rocminfo\nStatus: deinstall ok config-files"
        )
    )
    seals.begin("role", [{"kind": "package", "name": "rocminfo"}])
    status.write_text(before)
    write(root, "/var/lib/gpuhost/steps/rocm/runs.jsonl", '{"planned": ["rocminfo"]}\n')
    assert removal.remove("role").packages == ["rocminfo"]


def test_a_package_that_another_role_uses_stays_until_that_one_goes(root: Path) -> None:
    items = [{"kind": "package", "name": "rocminfo"}]
    seals.seal("first", "digest", items, installed_packages=["rocminfo"])
    seals.seal("second", "digest", items)
    outcome = removal.remove("first")
    assert (outcome.packages, outcome.kept["package:rocminfo"]) == ([], "the role second uses it")
    removal.finish("first", outcome)
    assert removal.remove("second").packages == ["rocminfo"]


def test_a_role_does_not_take_what_another_one_s_transaction_added(root: Path) -> None:
    seals.seal("first", "digest", [], installed_packages=["rocminfo", "libhsa-runtime64-1"])
    seals.seal("second", "digest", [{"kind": "package", "name": "rocminfo"}])
    write(root, "/var/lib/gpuhost/steps/first/runs.jsonl", '{"installed": ["rocminfo", "libhsa-runtime64-1"]}\n')
    assert removal.remove("second").packages == []


def test_containers_go_with_the_one_set_aside_and_networks_in_use_stay(root: Path, engine: FakeEngine) -> None:
    items = [{"kind": "network", "name": "gpuhost"}, {"kind": "container", "name": "ollama"}]
    host = Host(Engine(engine.socket))
    seals.begin("role", items, host)
    engine.answers["GET", "/containers/ollama/json"] = (200, container())
    engine.answers["GET", "/containers/ollama-previous/json"] = (200, container())
    engine.answers["GET", "/networks/gpuhost"] = (200, {"Driver": "bridge", "Internal": False})
    seals.seal("role", "digest", items, host=host)
    engine.answers["DELETE", "/containers/ollama"] = engine.answers["DELETE", "/containers/ollama-previous"] = (204, None)
    engine.answers["DELETE", "/networks/gpuhost"] = (403, {"message": "network has active endpoints"})
    outcome = removal.remove("role", host=host)
    assert outcome.removed == ["container:ollama"]
    assert outcome.kept == {"network:gpuhost": "network has active endpoints"}
    assert "DELETE /containers/ollama-previous?force=1&v=1" in engine.asked


def test_runtime_files_go_when_none_was_there_before(root: Path) -> None:
    installed(root, [CACHE], lambda: write(root, "/var/lib/docker/overlay2/a/b"))
    outcome = removal.remove("role")
    removal.sweep("role", outcome)
    assert outcome.removed == ["glob:/var/lib/docker/**"]
    assert not (root / "var/lib/docker").exists()


@pytest.mark.parametrize("reason", ["they were there before", "their software stays"])
def test_runtime_files_stay_when_they_are_not_ours_alone(root: Path, reason: str) -> None:
    if "before" in reason:
        write(root, "/var/lib/docker/theirs")
    installed(root, [CACHE], lambda: write(root, "/var/lib/docker/more"))
    outcome = removal.remove("role")
    if "software" in reason:
        outcome.kept["package:docker.io"] = "the engine still holds what is not gpuhost's"
    removal.sweep("role", outcome)
    assert (root / "var/lib/docker/more").exists()


def test_what_a_package_brought_is_no_runtime_file(root: Path) -> None:
    prefix = {"kind": "glob", "path": "/opt/rocm-*"}
    installed(root, [prefix], lambda: [write(root, f"/opt/rocm-{release}/x.pyc") for release in ("7.1.1", "7.2.4")])
    write(root, "/var/lib/dpkg/info/rocfft.list", "/.\n/opt\n/opt/rocm-7.2.4\n/opt/rocm-7.2.4/lib\n")
    removal.sweep("role", removal.remove("role"))
    assert sorted(path.name for path in (root / "opt").iterdir()) == ["rocm-7.2.4"]


def test_after_the_last_role_nothing_of_ours_is_left(root: Path) -> None:
    installed(root, [CONFIG], lambda: write(root, CONFIG["path"]))
    seals.seal("other", "digest", [])
    write(root, "/var/lib/gpuhost/steps/a/spec.json")
    (root / "etc/gpuhost/secrets").mkdir(parents=True)
    removal.finish("role")
    assert (root / "var/lib/gpuhost/steps").exists()
    removal.finish("other")
    assert list(paths.state().iterdir()) == []
    assert not (root / "etc/gpuhost").exists()


@pytest.mark.parametrize(
    ("containers", "volumes", "kept"),
    [
        ([], [], ""),
        ([{"Names": ["/thesis"]}], [], "container thesis"),
        ([], [{"Name": "wiki"}], "volume wiki"),
    ],
)
def test_an_engine_that_holds_what_is_not_ours_stays(
    root: Path, engine: FakeEngine, containers: list[Any], volumes: list[Any], kept: str
) -> None:
    engine.answers["GET", "/containers/json"] = (200, json.dumps(containers).encode())
    engine.answers["GET", "/volumes"] = (200, {"Volumes": volumes})
    held = engine_packages.in_use(["docker.io", "rocminfo"], Engine(engine.socket))
    assert set(held) == ({"docker.io"} if kept else set())
    assert kept in held.get("docker.io", "")


def test_an_engine_that_cannot_be_asked_stays_while_it_may_hold_something(root: Path) -> None:
    silent = Engine("/nowhere/docker.sock")
    assert engine_packages.in_use(["docker.io"], silent) == {}
    (root / "var/lib/docker/containers").mkdir(parents=True)
    assert "cannot be seen" in engine_packages.in_use(["docker.io"], silent)["docker.io"]


def test_data_that_stayed_is_still_known_as_ours_and_goes_when_that_is_said_later(root: Path) -> None:
    def make() -> None:
        write(root, CONFIG["path"])
        write(root, "/srv/gpuhost/app/chat.db")

    installed(root, [CONFIG, DATA], make)
    removal.finish("role", removal.remove("role"))
    assert (root / "srv/gpuhost/app/chat.db").exists()
    assert list(seals.baseline("role")) == ["directory:/srv/gpuhost/app"]
    assert (seals.read("role"), paths.steps().exists(), paths.seals().exists()) == (None, False, False)

    outcome = removal.remove("role", purge_data=True)
    assert (outcome.removed, outcome.kept) == (["directory:/srv/gpuhost/app"], {})
    removal.finish("role", outcome)
    assert not (root / "srv/gpuhost").exists()
    assert list(paths.state().iterdir()) == []


def test_data_stays_ours_when_the_role_comes_back_between(root: Path) -> None:
    installed(root, [DATA], lambda: write(root, "/srv/gpuhost/app/chat.db"))
    removal.finish("role", removal.remove("role"))
    installed(root, [DATA], lambda: None)
    assert removal.remove("role", purge_data=True).removed == ["directory:/srv/gpuhost/app"]


def test_data_of_somebody_else_is_not_remembered(root: Path) -> None:
    write(root, "/srv/gpuhost/app/old.db")
    installed(root, [DATA], lambda: None)
    removal.finish("role", removal.remove("role", purge_data=True))
    assert list(paths.state().iterdir()) == []


SOURCE: dict[str, Any] = {"kind": "file", "path": "/etc/apt/sources.list.d/gpuhost-rocm.sources", "content": True}
TOOL = {"kind": "package", "name": "rocminfo"}


def outdate(keep: list[dict[str, Any]]) -> removal.Outcome:
    """As the module of that name does, but for the package step."""
    outcome = removal.remove("role", keep=keep)
    removal.sweep("role", outcome, keep=keep)
    removal.settle("role", outcome, keep)
    return outcome


def test_what_a_role_wants_no_more_goes_and_the_rest_stays(root: Path) -> None:
    installed(root, [SOURCE, CONFIG], lambda: [write(root, one["path"]) for one in (SOURCE, CONFIG)])
    outcome = outdate([CONFIG])
    assert (outcome.removed, outcome.kept) == (["file:/etc/apt/sources.list.d/gpuhost-rocm.sources"], {})
    assert (root / "etc/app/daemon.json").exists()
    assert [entry["id"] for entry in (seals.read("role") or {})["items"]] == ["file:/etc/app/daemon.json"]
    assert list(seals.baseline("role")) == ["file:/etc/app/daemon.json"]
    assert outdate([CONFIG]).removed == []


def test_what_it_wants_no_more_is_noted_anew_when_it_comes_back(root: Path) -> None:
    path = write(root, CONFIG["path"], "theirs")
    installed(root, [CONFIG], lambda: path.write_text("ours"))
    outdate([])
    assert path.read_text() == "theirs"
    path.write_text("theirs, changed")
    assert removal.remove("role").removed == []
    assert path.read_text() == "theirs, changed"
    installed(root, [CONFIG], lambda: path.write_text("ours"))
    removal.remove("role")
    assert path.read_text() == "theirs, changed"


def test_packages_go_with_the_last_that_is_wanted_of_them(root: Path) -> None:
    seals.seal("role", "digest", [TOOL], installed_packages=["rocminfo", "libhsa-runtime64-1"])
    assert outdate([TOOL]).packages == []
    outcome = outdate([{"kind": "package", "name": "rocm-core"}])
    assert outcome.packages == ["libhsa-runtime64-1", "rocminfo"]
    assert (seals.read("role") or {})["installed_packages"] == []


def test_kinds_of_items_that_are_left_alone_stay_and_stay_ours(root: Path) -> None:
    status = root / "var/lib/dpkg/status"
    there = status.read_text()
    status.write_text("")
    traces = {"kind": "glob", "path": "/var/lib/dkms/amdgpu/**"}
    installed(
        root,
        [TOOL, traces, SOURCE],
        lambda: [
            status.write_text(there),
            write(root, SOURCE["path"]),
            write(root, "/var/lib/dkms/amdgpu/6.16/amdgpu.ko"),
        ],
        packages=["rocminfo"],
    )
    outcome = outdate(removal.of_kinds("role", ["package", "glob"]))
    assert (outcome.packages, outcome.removed) == ([], [f"file:{SOURCE['path']}"])
    assert (root / "var/lib/dkms/amdgpu/6.16/amdgpu.ko").exists()
    # Sealed without them, as the plan that leaves them alone has it: they still go with the role.
    seals.seal("role", "digest", [])
    whole = removal.remove("role")
    removal.sweep("role", whole)
    assert (whole.packages, whole.removed) == (["rocminfo"], ["glob:/var/lib/dkms/amdgpu/**"])


def test_a_package_that_is_still_wanted_keeps_what_it_needs(root: Path) -> None:
    status = root / "var/lib/dpkg/status"
    status.write_text(status.read_text() + "\nPackage: rocm-smi\nStatus: install ok installed\nVersion: 1\n")
    both = [TOOL, {"kind": "package", "name": "rocm-smi"}]
    seals.seal("role", "digest", both, installed_packages=["rocminfo", "libhsa-runtime64-1", "rocm-smi"])
    assert outdate([TOOL]).packages == ["rocm-smi"]


def test_user_data_of_what_is_wanted_no_more_stays(root: Path) -> None:
    installed(root, [DATA], lambda: write(root, "/srv/gpuhost/app/chat.db"))
    assert outdate([]).kept == {"directory:/srv/gpuhost/app": "user data"}
    assert removal.remove("role", purge_data=True).removed == ["directory:/srv/gpuhost/app"]


def test_removal_says_where_it_set_things_aside_and_leaves_them_there(root: Path) -> None:
    write(root, "/etc/apt/sources.list.d/rocm.list", "deb https://repo.radeon.com/rocm/apt/6.4.1 noble main\n")
    folder = leftovers.clean("role", [{"path": "/etc/apt/sources.list.d/rocm.list", "kind": "source"}]).backup
    installed(root, [CONFIG], lambda: write(root, CONFIG["path"]))
    assert removal.remove("other").kept == {}
    outcome = removal.remove("role")
    assert outcome.kept == {f"backup:{folder}": "holds what gpuhost changed: /etc/apt/sources.list.d/rocm.list"}
    removal.finish("role", outcome)
    assert (root / folder.lstrip("/") / "etc/apt/sources.list.d/rocm.list").exists()


def test_a_user_goes_with_its_group_and_its_data_stay(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    codes = iter([0, 6])

    def run(argv: list[str], **_: Any) -> Any:
        said.append(argv)
        return subprocess.CompletedProcess(argv, next(codes), "", "")

    user = {"kind": "user", "name": "gpuhost-app"}
    installed(root, [user, DATA], lambda: [write(root, "/etc/passwd", LINE), write(root, "/srv/gpuhost/app/models/a")])
    monkeypatch.setattr(subprocess, "run", run)
    outcome = removal.remove("role")
    assert said == [["userdel", "gpuhost-app"], ["groupdel", "gpuhost-app"]]
    assert (outcome.removed, list(outcome.kept)) == (["user:gpuhost-app"], ["directory:/srv/gpuhost/app"])


def test_a_user_whose_programs_still_run_stays_with_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    why = "userdel: user gpuhost-app is currently used by process 42"
    installed(root, [{"kind": "user", "name": "gpuhost-app"}], lambda: write(root, "/etc/passwd", LINE))
    monkeypatch.setattr(subprocess, "run", lambda argv, **_: subprocess.CompletedProcess(argv, 8, "", f"{why}\n"))
    assert removal.remove("role").kept == {"user:gpuhost-app": why}


def test_a_user_who_was_there_before_us_stays(root: Path) -> None:
    write(root, "/etc/passwd", LINE)
    installed(root, [{"kind": "user", "name": "gpuhost-app"}], lambda: None)
    assert list(removal.remove("role").kept) == ["user:gpuhost-app"]
