"""Seals and baselines."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from onhost import files, paths, seals
from onhost.containers import previous
from onhost.host import Host
from onhost.siblings import Engine
from tests.unit.onhost.fake_engine import FakeEngine, container

PACKAGE = {"kind": "package", "name": "rocminfo"}
FILE = {"kind": "file", "path": "/etc/tool.conf", "content": True}


def test_a_role_that_was_sealed_holds_until_something_changes(root: Path) -> None:
    (root / "etc" / "tool.conf").write_text("a")
    seals.seal("rocm", "digest", [PACKAGE, FILE], run="r1", installed_packages=["rocminfo"], stand_ins=["x"])
    sealed = seals.status()["rocm"]
    assert sealed["input"] == "digest"
    assert sealed["stand_ins"] == ["x"]
    assert all(item["ok"] for item in sealed["items"].values())
    (root / "etc" / "tool.conf").write_text("b")
    status = root / "var" / "lib" / "dpkg" / "status"
    status.write_text(status.read_text().replace("Version: 5.2.3-2", "Version: 5.2.4-1"))
    items = seals.status()["rocm"]["items"]
    assert items["package:rocminfo"]["difference"] == "version: 5.2.3-2 → 5.2.4-1"
    assert items["file:/etc/tool.conf"]["difference"].startswith("content: ")
    assert [item["ok"] for item in items.values()] == [False, False]


def test_sealing_the_same_again_writes_nothing(root: Path) -> None:
    assert seals.seal("rocm", "digest", [PACKAGE], run="r1")
    assert not seals.seal("rocm", "digest", [PACKAGE], run="r2")
    assert seals.seal("rocm", "other", [PACKAGE], run="r3")


def test_packages_of_earlier_runs_stay_named(root: Path) -> None:
    seals.seal("rocm", "1", [PACKAGE], installed_packages=["rocminfo"])
    seals.seal("rocm", "2", [PACKAGE], installed_packages=["libc6"])
    assert (seals.read("rocm") or {})["installed_packages"] == ["libc6", "rocminfo"]


def test_the_baseline_is_noted_once(root: Path) -> None:
    path = root / "etc" / "tool.conf"
    assert seals.begin("rocm", [FILE])
    assert not seals.baseline("rocm")["file:/etc/tool.conf"]["present"]
    path.write_text("ours")
    assert not seals.begin("rocm", [FILE])
    assert not seals.baseline("rocm")["file:/etc/tool.conf"]["present"]


def test_an_item_that_is_ours_already_never_enters_the_baseline(root: Path) -> None:
    seals.seal("rocm", "digest", [FILE])
    assert not seals.begin("rocm", [FILE])
    assert seals.begin("rocm", [FILE, PACKAGE])
    assert set(seals.baseline("rocm")) == {"package:rocminfo"}


def test_a_file_that_was_there_before_us_is_kept_whole(root: Path) -> None:
    (root / "etc" / "tool.conf").write_bytes(b"\x00mine")
    seals.begin("rocm", [FILE])
    kept = seals.baseline("rocm")["file:/etc/tool.conf"]["content"]
    assert base64.b64decode(kept) == b"\x00mine"
    assert (paths.baseline() / "rocm.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99}'])
def test_a_seal_that_cannot_be_read_makes_its_role_run_again(root: Path, text: str) -> None:
    paths.seals().mkdir(parents=True)
    (paths.seals() / "rocm.json").write_text(text)
    assert seals.status()["rocm"] == {
        "input": "",
        "sealed_at": "",
        "items": {},
        "stand_ins": [],
        "error": "unreadable seal",
    }


def test_forgetting_leaves_neither_seal_nor_baseline(root: Path) -> None:
    seals.begin("rocm", [FILE])
    seals.seal("rocm", "digest", [FILE])
    assert seals.forget("rocm")
    assert not seals.forget("rocm")
    assert (seals.read("rocm"), seals.baseline("rocm")) == (None, {})


def test_an_engine_that_does_not_answer_is_drift_and_never_sealed(root: Path, engine: FakeEngine) -> None:
    item = {"kind": "container", "name": "ollama"}
    engine.answers["GET", "/containers/ollama/json"] = (200, container())
    seals.seal("services", "digest", [item], host=Host(Engine(engine.socket)))
    (root / "usr" / "bin").mkdir(parents=True)
    (root / "usr" / "bin" / "dockerd").touch()
    silent = Host(Engine("/nowhere/docker.sock"))
    assert "no engine listens" in seals.status(silent)["services"]["items"]["container:ollama"]["difference"]
    with pytest.raises(OSError, match="container:ollama"):
        seals.seal("services", "digest", [item], host=silent)


def test_one_pass_asks_the_engine_once_per_container(root: Path, engine: FakeEngine) -> None:
    engine.answers["GET", "/containers/ollama/json"] = (200, container())
    host = Host(Engine(engine.socket))
    seals.seal("services", "digest", [{"kind": "container", "name": "ollama"}, PACKAGE], host=host)
    engine.asked.clear()
    seals.status(Host(Engine(engine.socket)))
    assert engine.asked == ["GET /containers/ollama/json"]


def test_a_seal_that_only_root_may_read_is_told_from_a_broken_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seals.seal("rocm", "digest", [PACKAGE])

    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(files, "read_json", refuse)
    sealed = seals.status()["rocm"]
    assert (sealed["input"], sealed["items"], sealed["needs_root"]) == ("", {}, True)


def test_a_seal_that_is_broken_is_nobodys_secret(root: Path) -> None:
    paths.seals().mkdir(parents=True)
    (paths.seals() / "rocm.json").write_text("{")
    assert "needs_root" not in seals.status()["rocm"]


def test_a_container_left_over_from_a_replacement_is_drift(root: Path, engine: FakeEngine) -> None:
    item = {"kind": "container", "name": previous("ollama")}
    seals.seal("services", "digest", [item], host=Host(Engine(engine.socket)))
    engine.answers["GET", "/containers/ollama-previous/json"] = (200, container())
    left = seals.status(Host(Engine(engine.socket)))["services"]["items"]["container:ollama-previous"]
    assert (left["ok"], left["difference"]) == (False, "was not there before")
