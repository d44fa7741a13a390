"""A folder travels as one text and arrives as it was."""

from pathlib import Path

import pytest

from control import trees
from onhost import trees as there


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    base = tmp_path / "verify"
    (base / "checks").mkdir(parents=True)
    (base / "__init__.py").write_text("1\n")
    (base / "checks" / "a.py").write_text("2\n")
    (base / "__pycache__").mkdir()
    (base / "__pycache__" / "x.pyc").write_bytes(b"\0")
    return base


def test_the_same_folder_gives_the_same_text(folder: Path) -> None:
    first = trees.pack(folder)
    (folder / "__init__.py").touch()
    assert trees.pack(folder) == first


def test_it_arrives_without_caches_and_with_the_sites_own_files(folder: Path, tmp_path: Path) -> None:
    content = there.unpack(trees.pack(folder, {"site-ca.crt": "PEM\n"}))
    assert content == {"__init__.py": b"1\n", "checks/a.py": b"2\n", "site-ca.crt": b"PEM\n"}
    target = tmp_path / "opt" / "verify"
    there.replace(str(target), content)
    assert there.read(str(target)) == content
    assert (target / "checks" / "a.py").stat().st_mode & 0o777 == 0o644


def test_what_is_no_longer_in_it_goes_and_the_folder_itself_stays(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    (target / "old").mkdir(parents=True)
    (target / "old" / "gone.py").write_text("x")
    before = target.stat().st_ino
    there.replace(str(target), there.unpack(trees.pack(folder)))
    assert not (target / "old").exists()
    assert target.stat().st_ino == before, "a container that has it mounted would see the old one"
